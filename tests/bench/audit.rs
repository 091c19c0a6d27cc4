//! A release beside eight years of earlier ones, all kinds filled: suppression and audit of all its
//! tables.

use std::fmt::Write as _;

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::model::{Kind, Period};
use counterfoil::record::{List, Target};
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::release::publish::Door;
use counterfoil::store::{CheckpointFile, PublicStore, os_entropy};
use jiff::civil::date;

use crate::measure::{Took, say};
use crate::people::Life;
use crate::place;
use crate::plane::Plane;
use crate::random::Random;

/// The first of the years.
const FIRST: i16 = 2011;
const YEARS: i16 = 8;
const SEED: u64 = 20_181_231;

/// Kinds at which persons are counted, and how many activities a year has for each person.
const WITH_PERSONS: [(Kind, f64); 2] = [(Kind::Training, 0.12), (Kind::Consultation, 0.04)];

/// Measures every release of a year after eight years of them.
pub(crate) fn run() {
    for people in [60, 250] {
        after_eight_years(people);
    }
}

fn after_eight_years(people: usize) {
    let plane = Plane::new();
    let policy = Policy::default_plan();
    let countries = ["TH", "VN", "ID"].map(str::to_owned);
    let terms = Terms {
        members: &[],
        member: &plane.member,
        size: Size::Large,
        countries: &countries,
        charter_version: 1,
        policy: &policy,
    };
    let folder = place::folder();
    let public = PublicStore::open(&folder.path().join("public"), os_entropy);
    let door = Door {
        private: &plane.store,
        public: &public.expect("a public plane"),
        consortium: &"inpud-anpud".parse().expect("an id"),
        member: &plane.member,
        log_key: &LogKey::from_seed(&[7; 32]),
        checkpoint_file: &CheckpointFile::at(folder.path().join("checkpoint")),
        entropy: os_entropy,
    };
    let release = |period: Period, after: i16| {
        let draft = || Draft::make(&terms, period, &[], &plane.store, Ledger(&plane.store));
        let (took, draft) = Took::of(draft);
        let draft = draft.expect("a draft");
        if after == FIRST + YEARS {
            say_release(people, &draft, took);
        }
        let published = door.publish(&draft, date(after + 1, 2, 1));
        published.expect("published");
    };
    let mut life = Life::new(people, &["TH", "VN", "ID", "NP"], Random(SEED));
    for year in FIRST..=FIRST + YEARS {
        without_persons(&plane, year);
        let said = WITH_PERSONS.map(|(kind, each)| {
            let activities = (people as f64 * each).ceil() as usize;
            let said = life.year(kind, year, activities, 0.85);
            said.import(&plane, kind);
            (kind, said)
        });
        let quarters = (1..=4).map(|nth| Period::quarter(year, nth).expect("a quarter"));
        let periods: Vec<Period> = quarters.chain([Period::year(year)]).collect();
        periods.iter().for_each(|period| release(*period, year));
        // What came in late revises all of them.
        for (kind, said) in &said {
            said.import_late(&plane, *kind);
        }
        periods.iter().for_each(|period| release(*period, year));
    }
}

fn say_release(people: usize, draft: &Draft, took: Took) {
    let proven: usize = draft.summaries.iter().map(|one| one.proof.0).sum();
    let withheld = draft.blocked.iter();
    let withheld = withheld
        .filter(|blocked| blocked.reason.to_string().contains("proven"))
        .count();
    let period = draft.period;
    say(
        &format!("{people} people, {period}: tabulated, suppressed, audited"),
        format!(
            "{:>10.0} ms  {:.0} ms of processor time; {proven} sums proven, {withheld} tables withheld   to reach: 2 s or less",
            took.wall * 1e3,
            took.cpu * 1e3,
        ),
    );
}

/// Writes what has no persons in it: projects, advocacy with its signatories, capacity.
fn without_persons(plane: &Plane, year: i16) {
    let mut projects = "source_id,title,start,country,currency,budget,spent,status\n".to_owned();
    let mut actions = "source_id,title,start,country,action_type,outcome\n".to_owned();
    let mut signatories = "record,name,type,country,scope,public\n".to_owned();
    let mut capacity = "source_id,title,start,domain,item,state\n".to_owned();
    for quarter in 0..4 {
        let day = format!("{year}-{:02}-15", 1 + quarter * 3);
        let _ = writeln!(projects, "p-{day},Project,{day},TH,USD,20000,15000,running");
        let _ = writeln!(
            actions,
            "a-{day},Letter,{day},international,open_letter,response"
        );
        for nth in 0..30 {
            let (country, scope) = (["TH", "VN", "NP"][nth % 3], ["national", "local"][nth % 2]);
            let _ = writeln!(
                signatories,
                "a-{day},Network {nth},organisation,{country},{scope},yes"
            );
        }
        let _ = writeln!(capacity, "c-{day},Manual,{day},hr,hr_manual,in_progress");
    }
    for (kind, file) in [
        (Kind::JointProject, projects),
        (Kind::AdvocacyAction, actions),
        (Kind::CapacityMilestone, capacity),
    ] {
        plane.take(kind, Target::Records, file.as_bytes());
    }
    let list = Target::ListOfEach(List::Signatories);
    plane.take(Kind::AdvocacyAction, list, signatories.as_bytes());
}
