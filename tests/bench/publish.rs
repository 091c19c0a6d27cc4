//! One period with 100,000 records: tabulated, protected, appended, signed, on disk.

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::model::{Kind, Period};
use counterfoil::record::each;
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::release::publish::Door;
use counterfoil::store::{CheckpointFile, DataKey, PublicStore, os_entropy};
use jiff::civil::date;

use crate::import::ROWS;
use crate::measure::{Took, in_turns, say_ms, say_rate, say_ratio};
use crate::place;
use crate::plane::{Plane, empty_store, trainings};

const ROUNDS: usize = 3;

pub(crate) fn run() {
    let plane = Plane::new();
    plane.import(trainings(ROWS).as_bytes());
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
    let period = Period::quarter(2018, 1).expect("a quarter");
    let draft = || {
        Draft::make(
            &terms,
            period,
            &[Kind::Training],
            &plane.store,
            Ledger(&plane.store),
        )
    };
    let drafted = draft().expect("a draft");
    let [tabulated, published, read] = in_turns(
        ROUNDS,
        [
            &mut || Took::of(draft).0,
            &mut || publish(&plane, &drafted),
            &mut || Took::of(|| count(&plane)).0,
        ],
    );
    say_rate("records tabulated, tables protected", ROWS, tabulated);
    say_rate("- every record only read", ROWS, read);
    say_ratio(
        "time of the draft against reading alone",
        tabulated.wall / read.wall,
        "no target",
    );
    say_ms(
        "ledger, leaf, checkpoint signed, both databases on disk",
        published,
    );
}

fn publish(plane: &Plane, draft: &Draft) -> Took {
    let folder = place::folder();
    let key = DataKey::generate(os_entropy).expect("a key");
    let public = PublicStore::open(&folder.path().join("public"), os_entropy);
    let door = Door {
        private: &empty_store(folder.path(), &key),
        public: &public.expect("a public plane"),
        consortium: &"inpud-anpud".parse().expect("an id"),
        member: &plane.member,
        log_key: &LogKey::from_seed(&[7; 32]),
        checkpoint_file: &CheckpointFile::at(folder.path().join("checkpoint")),
        entropy: os_entropy,
    };
    let (took, published) = Took::of(|| door.publish(draft, date(2018, 4, 12)));
    assert_eq!(published.expect("published").tree_size, 1);
    took
}

fn count(plane: &Plane) -> usize {
    let mut records = 0;
    let counted = each(&plane.store, Kind::Training, &mut |_| {
        records += 1;
        Ok(())
    });
    counted.expect("readable records");
    records
}
