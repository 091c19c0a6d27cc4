//! A release beside eight years of earlier ones: suppression and audit of all its tables.

use std::fmt::Write as _;

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::model::Period;
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::release::publish::Door;
use counterfoil::store::{CheckpointFile, PublicStore, os_entropy};
use jiff::civil::date;

use crate::measure::{Took, say, say_ms};
use crate::place;
use crate::plane::Plane;

/// The first of the years.
const FIRST: i16 = 2011;
const YEARS: i16 = 8;

/// Measures a quarter and a year after eight years of both.
pub(crate) fn run() {
    let plane = Plane::new();
    plane.import(years().as_bytes());
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
    for year in FIRST..=FIRST + YEARS {
        let quarters = (1..=4).map(|nth| Period::quarter(year, nth).expect("a quarter"));
        for period in quarters.chain([Period::year(year)]) {
            let draft = || Draft::make(&terms, period, &[], &plane.store, Ledger(&plane.store));
            let (took, draft) = Took::of(draft);
            let draft = draft.expect("a draft");
            say_ms(&format!("{period}: tabulated, suppressed, audited"), took);
            if year == FIRST + YEARS {
                let proven: usize = draft.summaries.iter().map(|one| one.proof.0).sum();
                let blocked = draft.blocked.iter();
                let withheld = blocked
                    .filter(|b| b.reason.to_string().contains("proven"))
                    .count();
                say(
                    "sums proven, tables withheld",
                    format!("{proven}, {withheld}"),
                );
            }
            let published = door.publish(&draft, date(year + 1, 2, 1));
            published.expect("published");
        }
    }
}

/// Writes trainings in every quarter, most of them small, as a large member has them.
fn years() -> String {
    const COUNTRIES: [&str; 4] = ["TH", "VN", "ID", "NP"];
    const TOPICS: [&str; 3] = ["accounting", "auditing", "financial_management"];
    let mut file = "source_id,title,start,country,topics,hours,attended,completed\n".to_owned();
    for year in FIRST..=FIRST + YEARS {
        for nth in 0..28usize {
            let (country, topic) = (COUNTRIES[nth * nth % 7 % 4], TOPICS[nth % 3]);
            let attended = 1 + (nth * 7 + year.unsigned_abs() as usize) % 13;
            let month = 1 + nth * 5 % 12;
            let completed = attended - nth % 3 % (attended + 1).min(3);
            let _ = writeln!(
                file,
                "t-{year}-{nth},Training {nth},{year}-{month:02}-{:02},{country},{topic},3,{attended},{}",
                1 + nth % 28,
                completed.min(attended),
            );
        }
    }
    file
}
