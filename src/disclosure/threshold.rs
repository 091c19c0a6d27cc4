//! The threshold rule over values and contributors, held against everything it could be
//! subtracted from: its own total, its parts in time, its earlier revision, the measure beside it.

use crate::charter::policy::Floor;
use crate::model::{Cell, Dimension, Figure, Measure, Tally};

/// One table that counts persons, as it truly is, with what it could be subtracted from.
#[derive(Clone, Debug)]
pub struct PersonalTable {
    /// What is counted.
    pub measure: Measure,
    /// What it is split by; empty for a total.
    pub by: Vec<Dimension>,
    /// The true cells.
    pub tallies: Vec<Tally>,
    /// The true cells of the same table for each shorter period within this one that the plan
    /// also publishes.
    pub parts: Vec<Vec<Tally>>,
    /// What stood behind every earlier revision of this table and what it showed, oldest first:
    /// whoever holds them all can subtract any two.
    pub earlier: Vec<Earlier>,
    /// What a longer period that was already shown took this table's true cells to be.
    pub implied: Vec<Vec<Tally>>,
    /// Whether a shorter period in it was shown and has changed since by less than the floor.
    pub part_moved: bool,
}

/// A table that was let out before.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// What it truly was.
    pub tallies: Vec<Tally>,
    /// What was shown.
    pub cells: Vec<Cell>,
}

/// What may be shown of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The cells to show.
    pub cells: Vec<Cell>,
    /// Why something is kept back; for the steward, never for a reader.
    pub reason: Option<Reason>,
}

/// Why something is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A cell's value lies below the floor.
    #[error("a cell is below the consortium's floor")]
    BelowFloor,
    /// Too few different persons stand behind a cell.
    #[error("too few different persons stand behind a cell")]
    FewContributors,
    /// A shorter period's table could be had by subtraction.
    #[error("a shorter period in it is hidden and could be had by subtraction")]
    HiddenPart,
    /// The measure beside it differs by less than the floor.
    #[error("it differs from attendances by less than the floor")]
    Linked,
    /// It differs from what was shown before by less than the floor.
    #[error("it differs by less than the floor from what was already shown")]
    SmallChange,
}

/// Says what may be shown of the personal tables of one series.
///
/// The answer has one verdict per table, in order. Where any table may not be shown anew, every
/// one that was shown before is shown again unchanged: two vintages side by side could be
/// subtracted from each other.
pub fn protect(floor: &Floor, tables: &[PersonalTable]) -> Vec<Verdict> {
    let k = i64::from(floor.min_cell);
    if tables.iter().any(|table| changed_too_little(table, k)) {
        return tables.iter().map(show_again).collect();
    }
    let mut verdicts: Vec<Verdict> = tables
        .iter()
        .map(|table| show_alone(table, floor))
        .collect();
    for at in 0..tables.len() {
        if let Some(anchor) = anchor_of(tables, at) {
            unlink(&mut verdicts, tables, at, anchor, k);
        }
    }
    verdicts
}

/// Returns whether a table differs by 1 to k-1 anywhere from one it could be subtracted from.
fn changed_too_little(table: &PersonalTable, k: i64) -> bool {
    if table.part_moved {
        return true;
    }
    let shown_before = table
        .earlier
        .iter()
        .filter(|earlier| {
            earlier
                .cells
                .iter()
                .any(|cell| cell.figure != Figure::Absent)
        })
        .map(|earlier| &earlier.tallies);
    shown_before
        .chain(&table.implied)
        .any(|before| differ_by_little(before, &table.tallies, k))
}

fn differ_by_little(before: &[Tally], now: &[Tally], k: i64) -> bool {
    // A table of another shape cannot be compared cell by cell, so it counts as too close.
    before.len() != now.len()
        || before.iter().zip(now).any(|(before, now)| {
            let change = (known(now) - known(before)).abs();
            (1..k).contains(&change)
        })
}

fn known(tally: &Tally) -> i64 {
    tally.value.unwrap_or(0)
}

fn show_again(table: &PersonalTable) -> Verdict {
    let cells = match table.earlier.last() {
        Some(earlier) if earlier.cells.len() == table.tallies.len() => earlier.cells.clone(),
        _ => hidden(&table.tallies),
    };
    Verdict {
        cells,
        reason: Some(Reason::SmallChange),
    }
}

fn hidden(tallies: &[Tally]) -> Vec<Cell> {
    tallies
        .iter()
        .map(|tally| cell(Figure::Absent, tally))
        .collect()
}

const fn cell(figure: Figure, tally: &Tally) -> Cell {
    Cell {
        figure,
        uncounted: tally.uncounted,
    }
}

/// Judges a table by itself and its parts.
fn show_alone(table: &PersonalTable, floor: &Floor) -> Verdict {
    let about_persons = table
        .by
        .iter()
        .any(|dimension| dimension.describes_persons());
    let weakness = |tally: &Tally| weakness(tally, floor, about_persons || table.by.is_empty());
    if let [total] = table.tallies.as_slice()
        && table.by.is_empty()
    {
        return show_total(table, total, floor);
    }
    let own = table.tallies.iter().find_map(weakness);
    let part = table.parts.iter().flatten().find_map(weakness);
    match own.or_else(|| part.map(|_| Reason::HiddenPart)) {
        Some(reason) => Verdict {
            cells: hidden(&table.tallies),
            reason: Some(reason),
        },
        None => Verdict {
            cells: table
                .tallies
                .iter()
                .map(|tally| cell(plain(tally), tally))
                .collect(),
            reason: None,
        },
    }
}

const fn plain(tally: &Tally) -> Figure {
    match tally.value {
        Some(value) => Figure::Exact(value),
        None => Figure::Absent,
    }
}

/// Returns why a cell may not be shown exactly, if so.
///
/// A 0 where nothing took place is public already, in the table of activities; but not that
/// nobody of a group of persons was there, while existence is hidden.
fn weakness(tally: &Tally, floor: &Floor, zero_speaks: bool) -> Option<Reason> {
    let k = i64::from(floor.min_cell);
    match tally.value {
        None => None,
        Some(0) if floor.hide_existence && (zero_speaks || tally.activities > 0) => {
            Some(Reason::BelowFloor)
        }
        Some(0) => None,
        Some(value) if value < k => Some(Reason::BelowFloor),
        Some(_) if tally.contributors < u64::from(floor.min_cell) => Some(Reason::FewContributors),
        Some(_) => None,
    }
}

fn show_total(table: &PersonalTable, total: &Tally, floor: &Floor) -> Verdict {
    let verdict = |figure, reason| Verdict {
        cells: vec![cell(figure, total)],
        reason,
    };
    let k = i64::from(floor.min_cell);
    if let Some(reason) = weakness(total, floor, true) {
        return verdict(weak_figure(known(total), k, floor), Some(reason));
    }
    let parts: Vec<Tally> = table.parts.iter().flatten().copied().collect();
    if total.value.is_some() && parts_speak(table.measure, total, &parts, floor) {
        return verdict(
            implied_by(table.measure, total, &parts, floor),
            Some(Reason::HiddenPart),
        );
    }
    verdict(plain(total), None)
}

/// Returns what is shown of a total that may not be shown exactly: always the same interval
/// below the floor; above it, one that starts at 0 and ends at a coarse step.
fn weak_figure(value: i64, k: i64, floor: &Floor) -> Figure {
    let lower = i64::from(!floor.hide_existence && value < k);
    let mut steps = k;
    while steps <= value {
        steps *= 2;
    }
    Figure::Interval {
        lower,
        upper: steps - 1,
    }
}

/// Returns whether the exact total would tell something of a part that is hidden.
fn parts_speak(measure: Measure, total: &Tally, parts: &[Tally], floor: &Floor) -> bool {
    // Where nothing took place, nothing is hidden.
    let busy = || parts.iter().filter(|part| part.activities > 0);
    if busy().any(|part| weakness(part, floor, true).is_some()) {
        return true;
    }
    let k = i64::from(floor.min_cell);
    measure == Measure::People
        && busy().count() > 1
        && busy().any(|part| (0..k - 1).contains(&(known(total) - known(part))))
}

/// Returns the interval that the parts' own figures imply, which tells nothing more than they do.
fn implied_by(measure: Measure, total: &Tally, parts: &[Tally], floor: &Floor) -> Figure {
    let k = i64::from(floor.min_cell);
    let figures = parts.iter().filter(|part| part.activities > 0).map(|part| {
        match weakness(part, floor, true) {
            Some(_) => weak_figure(known(part), k, floor),
            None => plain(part),
        }
    });
    let (mut lower, mut upper) = (0, 0);
    for figure in figures {
        lower = if measure == Measure::People {
            lower.max(figure.lower())
        } else {
            lower + figure.lower()
        };
        upper += figure.upper().unwrap_or(0);
    }
    // Parts are read from the same records, so the truth lies between; were it ever not to, the
    // wider interval is the honest one.
    Figure::Interval {
        lower: lower.min(known(total)),
        upper: upper.max(known(total)),
    }
}

/// Returns the table of attendances with the same split that a table can be subtracted from.
fn anchor_of(tables: &[PersonalTable], at: usize) -> Option<usize> {
    let table = &tables[at];
    if !matches!(table.measure, Measure::People | Measure::Completions) {
        return None;
    }
    tables
        .iter()
        .position(|other| other.measure == Measure::Attendances && other.by == table.by)
}

/// Hides a table that differs from attendances by 1 to k-1 in a cell both show.
fn unlink(verdicts: &mut [Verdict], tables: &[PersonalTable], at: usize, anchor: usize, k: i64) {
    let pairs = verdicts[at].cells.iter().zip(&verdicts[anchor].cells);
    let close = pairs.into_iter().any(|(cell, beside)| {
        match (cell.figure.value(), beside.figure.value()) {
            (Some(value), Some(anchor)) => (1..k).contains(&(anchor - value).abs()),
            _ => false,
        }
    });
    if !close {
        return;
    }
    let anchor_total = match verdicts[anchor].cells.as_slice() {
        [total] if tables[at].by.is_empty() => total.figure.value(),
        _ => None,
    };
    let truth = tables[at].tallies.first().map_or(0, known);
    verdicts[at] = Verdict {
        cells: match anchor_total {
            // Between nobody and everybody who was there: what attendances say already.
            Some(attendances) if attendances >= truth => vec![cell(
                Figure::Interval {
                    lower: 0,
                    upper: attendances,
                },
                &tables[at].tallies[0],
            )],
            _ => hidden(&tables[at].tallies),
        },
        reason: Some(Reason::Linked),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(value: i64, contributors: u64) -> Tally {
        Tally {
            value: Some(value),
            contributors,
            activities: u32::from(value > 0),
            uncounted: 0,
        }
    }

    fn table(measure: Measure, by: &[Dimension], values: &[i64]) -> PersonalTable {
        PersonalTable {
            measure,
            by: by.to_vec(),
            tallies: values.iter().map(|v| tally(*v, v.unsigned_abs())).collect(),
            parts: Vec::new(),
            earlier: Vec::new(),
            implied: Vec::new(),
            part_moved: false,
        }
    }

    fn total(measure: Measure, value: i64) -> PersonalTable {
        table(measure, &[], &[value])
    }

    fn figures(verdict: &Verdict) -> Vec<Figure> {
        verdict.cells.iter().map(|cell| cell.figure).collect()
    }

    #[track_caller]
    fn check(tables: &[PersonalTable], expected: &[&[Figure]]) {
        let shown: Vec<Vec<Figure>> = protect(&Floor::default(), tables)
            .iter()
            .map(figures)
            .collect();
        assert_eq!(shown, expected);
    }

    const BELOW: Figure = Figure::Interval { lower: 0, upper: 9 };
    const ABSENT: Figure = Figure::Absent;

    #[test]
    fn a_total_below_the_floor_is_the_fixed_interval() {
        for value in 0..10 {
            check(&[total(Measure::Attendances, value)], &[&[BELOW]]);
        }
        check(&[total(Measure::Attendances, 10)], &[&[Figure::Exact(10)]]);
    }

    #[test]
    fn one_small_cell_hides_the_whole_split() {
        let by_country =
            |values: &[i64]| table(Measure::Attendances, &[Dimension::Country], values);
        check(&[by_country(&[10, 15, 25, 1])], &[&[ABSENT; 4]]);
        check(
            &[by_country(&[10, 15, 0])],
            &[&[Figure::Exact(10), Figure::Exact(15), Figure::Exact(0)]],
        );
    }

    #[test]
    fn nobody_of_a_gender_is_not_told() {
        let genders = [Dimension::Gender3];
        check(
            &[table(Measure::Attendances, &genders, &[20, 15, 0])],
            &[&[ABSENT; 3]],
        );
    }

    #[test]
    fn many_attendances_of_few_persons_are_hidden() {
        let mut weekly = total(Measure::Attendances, 36);
        weekly.tallies[0].contributors = 9;
        check(
            &[weekly],
            &[&[Figure::Interval {
                lower: 0,
                upper: 39,
            }]],
        );
    }

    #[test]
    fn unknown_counts_are_absent_not_zero() {
        let mut unknown = total(Measure::People, 0);
        unknown.tallies[0] = Tally {
            value: None,
            contributors: 0,
            activities: 2,
            uncounted: 2,
        };
        let verdicts = protect(&Floor::default(), &[unknown]);
        assert_eq!(
            verdicts[0].cells,
            [Cell {
                figure: ABSENT,
                uncounted: 2
            }]
        );
    }

    #[test]
    fn a_revision_that_differs_by_little_is_shown_as_before() {
        let mut revised = total(Measure::Attendances, 30);
        revised.earlier = vec![shown(31)];
        let beside = total(Measure::Completions, 200);
        check(
            &[revised.clone(), beside],
            &[&[Figure::Exact(31)], &[ABSENT]],
        );
        revised.tallies = vec![tally(41, 41)];
        check(&[revised], &[&[Figure::Exact(41)]]);
    }

    fn shown(value: i64) -> Earlier {
        Earlier {
            tallies: vec![tally(value, value.unsigned_abs())],
            cells: vec![Cell {
                figure: Figure::Exact(value),
                uncounted: 0,
            }],
        }
    }

    #[test]
    fn every_earlier_revision_counts() {
        let mut back = total(Measure::Attendances, 33);
        back.earlier = vec![shown(31), shown(45)];
        check(&[back], &[&[Figure::Exact(45)]]);
    }

    #[test]
    fn a_year_is_not_shown_beside_a_quarter_that_moved() {
        let mut year = total(Measure::Attendances, 97);
        year.part_moved = true;
        check(&[year], &[&[ABSENT]]);
    }

    #[test]
    fn completions_near_attendances_are_hidden() {
        check(
            &[
                total(Measure::Attendances, 40),
                total(Measure::Completions, 38),
            ],
            &[
                &[Figure::Exact(40)],
                &[Figure::Interval {
                    lower: 0,
                    upper: 40,
                }],
            ],
        );
        check(
            &[
                total(Measure::Attendances, 40),
                total(Measure::Completions, 30),
            ],
            &[&[Figure::Exact(40)], &[Figure::Exact(30)]],
        );
    }

    #[test]
    fn a_year_is_no_tighter_than_its_quarters() {
        let mut year = total(Measure::Attendances, 65);
        year.parts = [20, 20, 20, 5]
            .iter()
            .map(|v| vec![tally(*v, 20)])
            .collect();
        check(
            &[year.clone()],
            &[&[Figure::Interval {
                lower: 60,
                upper: 69,
            }]],
        );
        year.parts[3] = vec![tally(0, 0)];
        year.tallies = vec![tally(60, 20)];
        check(&[year], &[&[Figure::Exact(60)]]);
    }

    #[test]
    fn a_quarter_changed_after_its_year_was_shown_is_hidden() {
        let mut quarter = total(Measure::Attendances, 22);
        quarter.implied = vec![vec![tally(25, 25)]];
        check(&[quarter], &[&[ABSENT]]);
    }

    proptest! {
        /// Whatever is shown contains the truth, and nothing from 1 to k-1 can be had by
        /// subtracting shown cells from the shown total.
        #[test]
        fn subtraction_tells_nothing_small(
            values in proptest::collection::vec(0i64..40, 2..6),
            completed in 0i64..120,
        ) {
            let all: i64 = values.iter().sum();
            let tables = [
                total(Measure::Attendances, all),
                total(Measure::Completions, completed.min(all)),
                table(Measure::Attendances, &[Dimension::Country], &values),
            ];
            let verdicts = protect(&Floor::default(), &tables);
            for (table, verdict) in tables.iter().zip(&verdicts) {
                for (tally, cell) in table.tallies.iter().zip(&verdict.cells) {
                    let truth = tally.value.expect("all are known");
                    prop_assert!(cell.figure.lower() <= truth);
                    prop_assert!(cell.figure.upper().is_none_or(|upper| truth <= upper));
                    prop_assert!(!(1..10).contains(&cell.figure.value().unwrap_or(0)));
                }
            }
            let shown: Vec<i64> =
                verdicts[2].cells.iter().filter_map(|cell| cell.figure.value()).collect();
            if let Some(total) = verdicts[0].cells[0].figure.value()
                && shown.len() + 1 == values.len()
            {
                prop_assert!(!(1..10).contains(&(total - shown.iter().sum::<i64>())));
            }
            if let (Some(all), Some(done)) =
                (verdicts[0].cells[0].figure.value(), verdicts[1].cells[0].figure.value())
            {
                prop_assert!(!(1..10).contains(&(all - done)));
            }
        }
    }
}
