//! A24: a solver that fails must not open the door. Looked at with real databases on both sides.

use std::cell::Cell as Counter;

use counterfoil::disclosure::Solver;
use counterfoil::disclosure::tables::Reason;
use counterfoil::model::{Figure, Kind, Table};
use counterfoil::release::Draft;
use counterfoil::release::ledger::Ledger;
use counterfoil::store::Entry;

use super::book::period;
use super::catalogue::{Failing, Fault};
use crate::release::{Office, today};

const FAULTS: [Fault; 3] = [Fault::Timeout, Fault::Internal, Fault::NotANumber];

/// An office in whose book 40 came, 3 of them of one gender.
fn office() -> (Office, uuid::Uuid) {
    let office = Office::new();
    let counts = [
        ("start", "2018-02-01"),
        ("attended", "40"),
        ("completed", "37"),
    ];
    let id = office.write(None, &counts);
    (office, id)
}

fn draft(office: &Office, solver: &dyn Solver) -> Draft {
    let (terms, ledger) = (office.terms(), Ledger(&office.private));
    let kinds = [Kind::Training];
    let made = Draft::solved_by(
        solver,
        &terms,
        period("2018"),
        &kinds,
        &office.private,
        ledger,
    );
    made.expect("a draft")
}

fn personal(draft: &Draft) -> Vec<Table> {
    let tables = draft.summaries[0].summary.tables.iter();
    let personal = tables.filter(|table| table.measure.counts_persons());
    personal.cloned().collect()
}

/// Everything a release writes: the ledger, what stood behind it, and the log.
fn written(office: &Office) -> (Vec<String>, Vec<Entry>, u64) {
    let ledger = Ledger(&office.private);
    let entries = ledger.entries().expect("it is read").into_iter();
    let entries = entries.map(|entry| {
        let state = ledger.state(entry.index, 1).expect("it is read");
        let payload = ledger.payload(entry.index).expect("it is read");
        format!("{entry:?} {state:?} {payload:?}")
    });
    let log = office
        .public
        .entries("pwud/anpud", 0..u64::MAX)
        .expect("a log");
    let log = log.map(|row| row.expect("an entry").1).collect();
    (entries.collect(), log, office.tree_size())
}

#[test]
fn a24_a_solver_that_fails_leaves_ledger_and_log_as_they_were() {
    let (office, id) = office();
    office.publish("2018");
    office.write(Some(id), &[("attended", "90"), ("completed", "55")]);
    let before = written(&office);
    assert_eq!((before.0.len(), before.1.len(), before.2), (1, 1, 1));
    for fault in FAULTS {
        let good = Counter::new(0);
        let draft = draft(&office, &Failing { fault, good });
        let is_unproven = |reason: &Reason| matches!(reason, Reason::Unproven(_));
        assert!(
            draft.blocked.iter().any(|one| is_unproven(&one.reason)),
            "{fault:?}: {:?}",
            draft.blocked
        );
        assert_eq!(
            written(&office),
            before,
            "{fault:?}: drafting writes nothing"
        );
        // What is blocked is shown again as it was, so that there is nothing to let out.
        let published = office
            .door()
            .publish(&draft, today())
            .expect("nothing is wrong");
        assert_eq!(
            (published.leaves, published.tree_size),
            (vec![], 1),
            "{fault:?}"
        );
        assert_eq!(written(&office), before, "{fault:?}");
    }
    // With one that works, the new figures leave.
    assert_eq!(office.publish("2018").leaves.len(), 1);
}

#[test]
fn a24_a_solver_that_fails_publishes_no_table_of_persons() {
    for fault in FAULTS {
        let (office, _) = office();
        let good = Counter::new(0);
        let draft = draft(&office, &Failing { fault, good });
        let tables = personal(&draft);
        assert!(tables.len() > 5, "{}", tables.len());
        for cell in tables.iter().flat_map(|table| &table.cells) {
            assert_eq!(cell.figure, Figure::Absent, "{fault:?}");
        }
        let blocked = draft.blocked.iter().map(|one| one.table.as_str());
        let withheld = tables.iter().map(|table| table.id.as_str());
        assert_eq!(blocked.collect::<Vec<_>>(), withheld.collect::<Vec<_>>());
    }
}
