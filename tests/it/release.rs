//! The one door, with real databases on both sides of it.

use std::path::Path;

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::log::leaf::Status;
use counterfoil::model::{ConsortiumId, Figure, Kind, MemberId, Period};
use counterfoil::record::{self, CodeLists, Desk, RecordKeys};
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::hold::{Hold, Holds, LetOut, State};
use counterfoil::release::ledger::Ledger;
use counterfoil::release::listing::listing;
use counterfoil::release::{Door, Published, ReleaseError};
use counterfoil::store::{CheckpointFile, DataKey, PrivateStore, PublicStore, os_entropy};
use jiff::Timestamp;
use jiff::civil::{Date, date};

/// One large member's book and log in a folder of its own.
pub(crate) struct Office {
    _dir: tempfile::TempDir,
    pub(crate) private: PrivateStore,
    pub(crate) public: PublicStore,
    checkpoint: CheckpointFile,
    key: LogKey,
    pub(crate) policy: Policy,
    consortium: ConsortiumId,
    member: MemberId,
}

pub(crate) fn today() -> Date {
    date(2019, 1, 31)
}

fn period(text: &str) -> Period {
    text.parse().expect("a period")
}

impl Office {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| Path::new(dir.path()).join(name);
        let key = DataKey::generate(os_entropy).expect("randomness");
        Self {
            private: PrivateStore::open(&path("private"), &key, os_entropy).expect("a store"),
            public: PublicStore::open(&path("public"), os_entropy).expect("a store"),
            checkpoint: CheckpointFile::at(path("checkpoint")),
            key: LogKey::from_seed(&[7; 32]),
            policy: Policy::default_plan(),
            consortium: "pwud".parse().expect("an id"),
            member: "anpud".parse().expect("an id"),
            _dir: dir,
        }
    }

    pub(crate) fn train(&self, start: &str, attended: &str) -> uuid::Uuid {
        self.write(None, &[("start", start), ("attended", attended)])
    }

    /// Adds a training, or changes one.
    pub(crate) fn write(&self, id: Option<uuid::Uuid>, settings: &[(&str, &str)]) -> uuid::Uuid {
        let codes = CodeLists::new([("topic", ["accounting"])]);
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let mut random = |out: &mut [u8]| os_entropy(out).expect("randomness");
        let mut desk = Desk {
            member: &self.member,
            codes: &codes,
            keys: &keys,
            now: Timestamp::UNIX_EPOCH,
            random: &mut random,
        };
        let settings = [&[("title", "t")][..], settings].concat();
        let written = match id {
            Some(id) => record::edit::edit(&self.private, &mut desk, id, &settings),
            None => record::add(&self.private, &mut desk, Kind::Training, &settings),
        };
        written.expect("a record").id
    }

    fn forget(&self, id: uuid::Uuid) {
        record::delete(&self.private, id).expect("it is there");
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms {
            members: &[],
            member: &self.member,
            size: Size::Large,
            countries: &[],
            charter_version: 1,
            policy: &self.policy,
        }
    }

    pub(crate) fn draft(&self, of: &str) -> Draft {
        let (terms, ledger) = (self.terms(), Ledger(&self.private));
        Draft::make(&terms, period(of), &[Kind::Training], &self.private, ledger).expect("a draft")
    }

    pub(crate) fn door(&self) -> Door<'_> {
        Door {
            private: &self.private,
            public: &self.public,
            consortium: &self.consortium,
            member: &self.member,
            log_key: &self.key,
            checkpoint_file: &self.checkpoint,
            entropy: os_entropy,
        }
    }

    pub(crate) fn publish(&self, of: &str) -> Published {
        self.door()
            .publish(&self.draft(of), today())
            .expect("published")
    }

    /// Returns what a draft shows of all attendances of its period.
    #[track_caller]
    fn check_attendances(&self, of: &str, shown: Figure) {
        assert_eq!(total(&self.draft(of)), shown, "{of}");
    }
}

#[test]
fn what_was_published_is_not_published_again() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    assert_eq!(office.publish("2018Q1").leaves.len(), 1);
    let again = office.publish("2018Q1");
    assert_eq!((again.leaves.len(), again.tree_size), (0, 1));
}

#[test]
fn a_revision_replaces_its_leaf() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    office.publish("2018Q1");
    office.train("2018-03-01", "30");
    let draft = office.draft("2018Q1");
    assert_eq!(draft.summaries[0].summary.revision, 2);
    assert_eq!(draft.summaries[0].replaces, Some(0));
    office.check_attendances("2018Q1", Figure::Exact(54));
    office.publish("2018Q1");
    let states: Vec<_> = listing(&office.public, "pwud/anpud")
        .expect("the log is read")
        .into_iter()
        .map(|one| one.state)
        .collect();
    assert_eq!(states, ["superseded", "current"]);
}

#[test]
fn a_small_change_is_held_against_every_earlier_revision() {
    let office = Office::new();
    office.train("2018-02-01", "31");
    office.publish("2018Q1");
    let second = office.train("2018-02-02", "14");
    office.publish("2018Q1");
    office.check_attendances("2018Q1", Figure::Exact(45));
    office.forget(second);
    office.train("2018-02-03", "2");
    // 33 is 12 from the 45 shown last, but 2 from the 31 shown first.
    office.check_attendances("2018Q1", Figure::Exact(45));
}

#[test]
fn a_year_does_not_tell_what_moved_in_a_quarter() {
    let office = Office::new();
    office.train("2018-02-01", "31");
    office.train("2018-05-01", "40");
    office.publish("2018Q1");
    let moved = office.train("2018-02-02", "3");
    // 31 was shown of the quarter: from the year it must be possible that it still is, and that
    // it is at least ten more.
    office.check_attendances(
        "2018",
        Figure::Interval {
            lower: 40,
            upper: 159,
        },
    );
    office.forget(moved);
    office.check_attendances("2018", Figure::Exact(71));
}

#[test]
fn a_hidden_quarter_widens_its_year() {
    let office = Office::new();
    office.train("2018-02-01", "31");
    office.train("2018-05-01", "4");
    office.check_attendances("2018Q2", Figure::Interval { lower: 0, upper: 9 });
    office.check_attendances(
        "2018",
        Figure::Interval {
            lower: 31,
            upper: 40,
        },
    );
}

#[test]
fn what_a_crash_left_in_the_ledger_is_appended_as_it_stands() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    office.publish("2018Q1");
    let entry = Ledger(&office.private)
        .entry(0)
        .expect("it is read")
        .expect("it is there");
    let payload = Ledger(&office.private).payload(0).expect("it is read");
    // The same entry once more, as if the leaf after it had never reached the log.
    let waiting = counterfoil::release::ledger::Entry {
        index: 1,
        ..entry.clone()
    };
    Ledger(&office.private)
        .write(&[(waiting, payload)])
        .expect("it is written");
    assert_eq!(office.door().recover().expect("recovered"), 1);
    let logged = office
        .public
        .entry("pwud/anpud", 1)
        .expect("it is read")
        .expect("it is there");
    assert_eq!(logged.leaf, entry.leaf.as_bytes());
    assert_eq!(office.door().recover().expect("nothing is left"), 0);
    let kept = office
        .checkpoint
        .read()
        .expect("it is read")
        .expect("it is there");
    assert!(kept.starts_with("pwud/anpud\n2\n"), "{kept}");
}

#[test]
fn a_log_the_ledger_does_not_know_is_not_continued() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    office.publish("2018Q1");
    let elsewhere = Office::new();
    elsewhere.train("2018-02-01", "24");
    let door = Door {
        private: &elsewhere.private,
        ..office.door()
    };
    let refused = door.publish(&elsewhere.draft("2018Q1"), today());
    assert!(
        matches!(refused, Err(ReleaseError::LedgerMismatch { index: 0 })),
        "{refused:?}"
    );
    assert_eq!(
        office
            .public
            .log("pwud/anpud")
            .expect("it is read")
            .expect("it is there")
            .size,
        1
    );
}

#[test]
fn a_status_is_for_a_series_with_no_summary() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    office.publish("2018Q1");
    let series = |text: &str| format!("training/{text}").parse().expect("a series");
    let said = office
        .door()
        .status(&office.private, series("2018Q2"), Status::Nil, today());
    assert_eq!(said.expect("said").published.tree_size, 2);
    let refused = office
        .door()
        .status(&office.private, series("2018Q1"), Status::Nil, today());
    assert!(
        matches!(refused, Err(ReleaseError::HasSummary(_))),
        "{refused:?}"
    );
}

/// The time of a test, Unix seconds.
const NOW: u64 = 1_548_921_600;

impl Office {
    /// Holds a draft of the first quarter for an hour.
    fn hold(&self) -> Hold {
        let draft = self.draft("2018Q1");
        let held = Holds(&self.private).put(&draft, vec![Kind::Training], NOW + 3600);
        held.expect("held")
    }

    fn let_out(&self, hold: &Hold, door: &Door<'_>) -> Result<LetOut, ReleaseError> {
        let draft = self.draft("2018Q1");
        hold.clone().let_out(door, &draft, 0, today())
    }

    /// Looks at the holds as a process does that starts after a crash.
    fn start_again(&self) -> Vec<Hold> {
        self.door().recover().expect("recovered");
        let holds = Holds(&self.private);
        holds.settle().expect("settled");
        holds.all().expect("readable")
    }

    pub(crate) fn tree_size(&self) -> u64 {
        let log = self.public.log("pwud/anpud").expect("it is read");
        log.map_or(0, |log| log.size)
    }
}

#[test]
fn what_is_held_leaves_once_and_not_before() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    let hold = office.hold();
    assert!(!hold.is_due(NOW + 3599) && hold.is_due(NOW + 3600));
    let again = Holds(&office.private).put(&office.draft("2018Q1"), Vec::new(), NOW);
    assert!(matches!(again, Err(ReleaseError::Held)), "{again:?}");
    let gone = office.let_out(&hold, &office.door()).expect("let out");
    assert!(matches!(gone, LetOut::Gone(Published { tree_size: 1, .. })));
    assert_eq!(office.start_again(), []);
    assert_eq!(office.tree_size(), 1);
    let cancelled = Holds(&office.private).cancel(&hold.digest);
    assert!(matches!(cancelled, Err(ReleaseError::NotHeld)));
}

#[test]
fn a_draft_that_changed_while_it_was_held_stays() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    let hold = office.hold();
    office.train("2018-02-02", "30");
    let stale = office.let_out(&hold, &office.door()).expect("looked at");
    assert_eq!(stale, LetOut::Stale(State::Changed));
    let held = office.start_again().remove(0);
    assert!(!held.is_due(u64::MAX) && office.tree_size() == 0);
    assert_eq!(Holds(&office.private).next().expect("readable"), None);
    Holds(&office.private)
        .cancel(&hold.digest)
        .expect("it is held");

    let hold = office.hold();
    let draft = office.draft("2018Q1");
    let stale = hold.let_out(&office.door(), &draft, 1, today());
    assert_eq!(stale.expect("looked at"), LetOut::Stale(State::NotApproved));
    assert_eq!(office.tree_size(), 0);
}

#[test]
fn a_release_cut_short_before_the_ledger_is_held_on() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    let hold = office.hold();
    let door = Door {
        entropy: |_| Err(std::io::Error::other("cut short")),
        ..office.door()
    };
    office.let_out(&hold, &door).expect_err("cut short");
    let held = office.start_again();
    assert_eq!(held, [hold]);
    office.let_out(&held[0], &office.door()).expect("let out");
    assert_eq!((office.start_again().len(), office.tree_size()), (0, 1));
}

#[test]
fn a_release_cut_short_after_the_ledger_is_not_let_out_again() {
    let office = Office::new();
    office.train("2018-02-01", "24");
    let hold = office.hold();
    let nowhere = CheckpointFile::at("/nonexistent/checkpoint".into());
    let door = Door {
        checkpoint_file: &nowhere,
        ..office.door()
    };
    office.let_out(&hold, &door).expect_err("cut short");
    assert_eq!(office.tree_size(), 0);
    // Before anybody looks at the hold again, the book goes on.
    office.train("2018-02-02", "30");
    assert_eq!(office.start_again(), []);
    assert_eq!(office.tree_size(), 1);
}

#[test]
fn a_floor_that_is_raised_holds_for_what_is_new_and_protects_what_is_old() {
    let mut office = Office::new();
    let first = office.train("2018-02-01", "24");
    let second = office.train("2018-05-01", "24");
    let third = office.train("2018-08-01", "7");
    for quarter in ["2018Q1", "2018Q3"] {
        office.publish(quarter);
    }
    office.check_attendances("2018Q2", Figure::Exact(24));
    office.check_attendances(
        "2018",
        Figure::Interval {
            lower: 48,
            upper: 57,
        },
    );
    office.policy.disclosure.min_cell = 30;
    // What was said stays as it was said; 24 are too few for anything new.
    office.check_attendances("2018Q1", Figure::Exact(24));
    office.check_attendances("2018Q2", below(30));
    office.check_attendances("2018Q3", below(10));
    let upper = 24 + 29 + 9;
    office.check_attendances("2018", Figure::Interval { lower: 24, upper });
    office.publish("2018");
    // 36 more, and 15 more: the one is enough under the new floor, the other is not, though it
    // would have been under the old.
    office.write(Some(second), &[("attended", "60")]);
    office.write(Some(third), &[("attended", "22")]);
    office.check_attendances("2018Q2", Figure::Exact(60));
    let third = total(&office.draft("2018Q3"));
    assert!(third.lower() == 0 && third.upper() >= Some(29), "{third:?}");
    office.write(Some(first), &[("attended", "39")]);
    office.check_attendances("2018Q1", Figure::Exact(24));
    // Back under the lower floor, 15 more are enough again.
    office.policy.disclosure.min_cell = 10;
    office.check_attendances("2018Q1", Figure::Exact(39));
}

const fn below(floor: i64) -> Figure {
    let upper = floor - 1;
    Figure::Interval { lower: 0, upper }
}

fn total(draft: &Draft) -> Figure {
    let tables = &draft.summaries[0].summary.tables;
    let total = tables
        .iter()
        .find(|table| table.measure.as_str() == "attendances" && table.axes.is_empty());
    total.expect("the plan has it").cells[0].figure
}

#[test]
fn a_crowd_nobody_listed_tells_nothing_of_who_was_in_it() {
    // Persons are not counted, so that attendances are bound by no number of them.
    let office = Office::new();
    office.train("2018-02-01", "40");
    let tables = &office.draft("2018").summaries[0].summary.tables;
    let of = |id: &str| tables.iter().find(|table| table.id == id);
    for id in [
        "training.attendances.by_gender3",
        "training.attendances.by_age2",
        "training.people.by_gender3",
        "training.people.by_age2",
    ] {
        let cells = &of(id).expect("the plan has it").cells;
        for cell in cells {
            assert_ne!(cell.figure, Figure::Exact(0), "{id}: {cells:?}");
        }
    }
}
