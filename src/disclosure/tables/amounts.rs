//! Hours and money in tables about persons: whoever stands behind most of a sum could be told
//! from it.
//!
//! Such a table is shown as it is, or not at all, and once shown is never shown changed: what it
//! changed by would be one activity's.

use super::count::{Count, Said, Sheet, State};
use super::why::Reason;
use crate::disclosure::{MagnitudeRules, is_sensitive};
use crate::model::Tally;

/// Returns why a table of amounts may not be shown, if so: something in it, or in another table of
/// the measure it could be subtracted from, belongs to few.
pub(super) fn judge(sheet: &Sheet, now: &State, said: &[Said]) -> Option<Reason> {
    let beside = |other: &&Sheet| is_beside(&other.count, &sheet.count);
    let few = now.sheets.iter().filter(beside).any(has_few);
    if few {
        return Some(Reason::Dominated);
    }
    let mut before = said.iter().filter(|said| said.count == sheet.count);
    let changed = before.any(|said| {
        let values = said.cells.iter().map(|cell| cell.figure.value());
        !values.eq(sheet.tallies.iter().map(|tally| tally.value))
    });
    changed.then_some(Reason::SmallChange)
}

fn is_beside(one: &Count, other: &Count) -> bool {
    (one.measure, one.signers) == (other.measure, other.signers)
}

/// Returns whether most of a cell belongs to few of the activities behind it. Of the others only
/// the sum matters.
fn has_few(sheet: &Sheet) -> bool {
    let is_few = |tally: &Tally| {
        let others = tally.value.unwrap_or(0) - tally.largest - tally.second;
        is_sensitive(
            &[tally.largest, tally.second, others],
            &MagnitudeRules::default(),
        ) && tally.value.is_some_and(|value| value != 0)
    };
    sheet.tallies.iter().any(is_few)
}
