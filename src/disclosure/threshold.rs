//! The threshold rule over values and contributors, held against everything it could be
//! subtracted from: its own total, its parts in time, every earlier vintage, the measure beside it.
//!
//! What is held is decided from what would be shown and what was shown, never from the truth
//! behind an interval: a reader who knows the rule learns nothing from seeing it at work.

use crate::charter::policy::Floor;
use crate::model::{Cell, Dimension, Figure, Measure, Period, Tally};

/// One table that counts persons, as it truly is, with what it could be subtracted from.
#[derive(Clone, Debug)]
pub struct PersonalTable {
    /// What is counted.
    pub measure: Measure,
    /// What it is split by; empty for a total.
    pub by: Vec<Dimension>,
    /// The true cells.
    pub tallies: Vec<Tally>,
    /// The same table for each shorter period within this one for which it is published, or ever
    /// was: every period of one grain, the finest grain first.
    pub parts: Vec<Vec<Part>>,
    /// Every vintage that was let out, the newest last, cell for cell.
    pub shown: Vec<Vec<Cell>>,
    /// What a longer period that was shown gave away of this table's cells.
    pub implied: Vec<Vec<Figure>>,
    /// Whether a longer period was shown exactly without regard to this one.
    pub overlooked: bool,
}

/// A table for a shorter period within that of another.
#[derive(Clone, Debug)]
pub struct Part {
    /// The period.
    pub period: Period,
    /// The true cells.
    pub tallies: Vec<Tally>,
    /// Every vintage that was let out, the newest last, cell for cell.
    pub shown: Vec<Vec<Cell>>,
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
    /// Its cells add up to a total that is not shown exactly.
    #[error("its cells would add up to a total that is kept back")]
    HiddenTotal,
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
    let mut verdicts: Vec<Verdict> = (0..tables.len())
        .map(|at| show_alone(&tables[at], anchor_of(tables, at), floor))
        .collect();
    for at in 0..tables.len() {
        if let Some(anchor) = anchor_at(tables, at) {
            unlink(&mut verdicts, tables, at, anchor, k);
        }
    }
    hide_splits_of_hidden_totals(&mut verdicts, tables);
    let held = tables
        .iter()
        .zip(&verdicts)
        .any(|(table, verdict)| is_too_near(table, &verdict.cells, k));
    if held {
        return tables.iter().map(show_again).collect();
    }
    verdicts
}

/// Returns whether the cells lie too near to something already shown to be shown beside it.
fn is_too_near(table: &PersonalTable, cells: &[Cell], k: i64) -> bool {
    let near_cell = |(cell, before): (&Cell, Figure)| is_near(cell.figure, before, k);
    let near_shown = table
        .shown
        .iter()
        .any(|before| cells.iter().zip(figures(before)).any(near_cell));
    let near_implied = table
        .implied
        .iter()
        .any(|before| cells.iter().zip(before.iter().copied()).any(near_cell));
    let says_something = || cells.iter().any(|cell| cell.figure != Figure::Absent);
    near_shown || near_implied || (table.overlooked && says_something())
}

/// Returns what an exact or implied figure of a longer period may give away of a part of it.
pub fn given_away(part: &Tally, floor: &Floor) -> Figure {
    match weakness(part, floor, true) {
        Some(_) => Figure::Absent,
        None => plain(part),
    }
}

fn figures(cells: &[Cell]) -> impl Iterator<Item = Figure> {
    cells.iter().map(|cell| cell.figure)
}

/// Returns whether two different figures of one cell, one of them exact, may be less than `k`
/// apart. Two intervals tell of no difference.
fn is_near(one: Figure, other: Figure, k: i64) -> bool {
    if one == other || (one.value().is_none() && other.value().is_none()) {
        return false;
    }
    match (one.upper(), other.upper()) {
        (Some(upper), Some(other_upper)) => {
            one.lower() < other_upper.saturating_add(k) && other.lower() < upper.saturating_add(k)
        }
        _ => false,
    }
}

fn known(tally: &Tally) -> i64 {
    tally.value.unwrap_or(0)
}

fn show_again(table: &PersonalTable) -> Verdict {
    let cells = match table.shown.last() {
        Some(shown) if shown.len() == table.tallies.len() => shown.clone(),
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

/// Judges a table by itself, its parts and what stands beside those.
fn show_alone(table: &PersonalTable, anchor: Option<&PersonalTable>, floor: &Floor) -> Verdict {
    let about_persons = table
        .by
        .iter()
        .any(|dimension| dimension.describes_persons());
    let own = |tally: &Tally| weakness(tally, floor, about_persons || table.by.is_empty());
    if let [total] = table.tallies.as_slice()
        && table.by.is_empty()
    {
        return show_total(table, anchor, total, floor);
    }
    // A part in which nothing took place hides nothing.
    let part = |tally: &Tally| weakness(tally, floor, false);
    let own = table.tallies.iter().find_map(own);
    let parts = table.parts.iter().flatten();
    let part = || parts.flat_map(|part| &part.tallies).find_map(part);
    match own.or_else(|| part().map(|_| Reason::HiddenPart)) {
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

fn show_total(
    table: &PersonalTable,
    anchor: Option<&PersonalTable>,
    total: &Tally,
    floor: &Floor,
) -> Verdict {
    let verdict = |figure, reason| Verdict {
        cells: vec![cell(figure, total)],
        reason,
    };
    let k = i64::from(floor.min_cell);
    if let Some(reason) = weakness(total, floor, true) {
        return verdict(weak_figure(known(total), k, floor), Some(reason));
    }
    if total.value.is_none() {
        return verdict(Figure::Absent, None);
    }
    if parts_speak(table, anchor, total, floor) {
        return verdict(
            implied_by(table, anchor, total, floor),
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
        steps = steps.saturating_mul(2);
    }
    Figure::Interval {
        lower,
        upper: steps - 1,
    }
}

/// Returns whether the exact total would tell something of a part that is hidden.
fn parts_speak(
    table: &PersonalTable,
    anchor: Option<&PersonalTable>,
    total: &Tally,
    floor: &Floor,
) -> bool {
    let k = i64::from(floor.min_cell);
    let people = table.measure == Measure::People;
    table.parts.iter().any(|grain| {
        let busy = || {
            grain
                .iter()
                .flat_map(|part| &part.tallies)
                .filter(|t| t.activities > 0)
        };
        let hidden =
            |part: &Part| matches!(part_figure(part, anchor, floor), Figure::Interval { .. });
        grain.iter().any(hidden)
            || (people
                && busy().count() > 1
                && busy().any(|part| (0..k).contains(&(known(total) - known(part)))))
    })
}

/// Returns what readers have, or would be given, of a shorter period's total.
fn part_figure(part: &Part, anchor: Option<&PersonalTable>, floor: &Floor) -> Figure {
    let k = i64::from(floor.min_cell);
    let [total] = part.tallies.as_slice() else {
        return Figure::Absent;
    };
    let fresh = if total.activities == 0 {
        // Where nothing took place, nothing is hidden.
        plain(total)
    } else if weakness(total, floor, true).is_some() {
        weak_figure(known(total), k, floor)
    } else {
        match anchor.and_then(|anchor| same_part(anchor, part)) {
            Some(beside) if is_linked(known(total), known(beside), k) => Figure::Interval {
                lower: 0,
                upper: known(beside).max(known(total)),
            },
            _ => plain(total),
        }
    };
    let before: Vec<Figure> = part
        .shown
        .iter()
        .filter_map(|cells| match cells.as_slice() {
            [cell] if cell.figure != Figure::Absent => Some(cell.figure),
            _ => None,
        })
        .collect();
    let held = before.last().is_some_and(|last| *last != fresh)
        && before.iter().any(|before| is_near(fresh, *before, k));
    if held {
        around(&before, fresh, k)
    } else {
        fresh
    }
}

/// Returns all that what was shown of a part, and the rule, leave possible: what would be held
/// beside its earlier vintages may not be had from the longer period either.
fn around(before: &[Figure], fresh: Figure, k: i64) -> Figure {
    // An exact figure lies within; an end moved to it would tell it.
    let fixed = Some(fresh).filter(|fresh| fresh.value().is_none());
    let lowers = before.iter().map(|figure| figure.lower() - (k - 1));
    let uppers = before
        .iter()
        .filter_map(|figure| figure.upper())
        .map(|upper| upper.saturating_add(k - 1));
    Figure::Interval {
        lower: lowers
            .chain(fixed.map(Figure::lower))
            .min()
            .unwrap_or(0)
            .max(0),
        upper: uppers
            .chain(fixed.and_then(Figure::upper))
            .max()
            .unwrap_or(i64::MAX),
    }
}

fn same_part<'t>(anchor: &'t PersonalTable, part: &Part) -> Option<&'t Tally> {
    let mut parts = anchor.parts.iter().flatten();
    let beside = parts.find(|beside| beside.period == part.period)?;
    beside.tallies.first()
}

/// Returns the interval that the figures of the finest parts imply, which tells nothing more than
/// they do.
fn implied_by(
    table: &PersonalTable,
    anchor: Option<&PersonalTable>,
    total: &Tally,
    floor: &Floor,
) -> Figure {
    let (mut lower, mut upper) = (0i64, 0i64);
    for part in table.parts.first().into_iter().flatten() {
        let figure = part_figure(part, anchor, floor);
        lower = if table.measure == Measure::People {
            lower.max(figure.lower())
        } else {
            lower.saturating_add(figure.lower())
        };
        upper = upper.saturating_add(figure.upper().unwrap_or(0));
    }
    // Parts are read from the same records, so the truth lies between; were it ever not to,
    // saying nothing is the honest answer, and an end moved to the truth would tell it.
    if (lower..=upper).contains(&known(total)) {
        Figure::Interval { lower, upper }
    } else {
        Figure::Absent
    }
}

/// Returns the table of attendances with the same split that a table can be subtracted from.
fn anchor_of(tables: &[PersonalTable], at: usize) -> Option<&PersonalTable> {
    anchor_at(tables, at).map(|anchor| &tables[anchor])
}

fn anchor_at(tables: &[PersonalTable], at: usize) -> Option<usize> {
    let table = &tables[at];
    if !matches!(table.measure, Measure::People | Measure::Completions) {
        return None;
    }
    tables
        .iter()
        .position(|other| other.measure == Measure::Attendances && other.by == table.by)
}

fn is_linked(value: i64, anchor: i64, k: i64) -> bool {
    (1..k).contains(&(anchor - value).abs())
}

/// Hides a table that differs from attendances by 1 to k-1 in a cell both show, and a split whose
/// attendances are hidden.
fn unlink(verdicts: &mut [Verdict], tables: &[PersonalTable], at: usize, anchor: usize, k: i64) {
    let mut pairs = verdicts[at].cells.iter().zip(&verdicts[anchor].cells);
    let is_total = tables[at].by.is_empty();
    let close = pairs.any(
        |(cell, beside)| match (cell.figure.value(), beside.figure.value()) {
            (Some(value), Some(anchor)) => is_linked(value, anchor, k),
            (Some(_), None) => !is_total && verdicts[anchor].reason.is_some(),
            _ => false,
        },
    );
    if !close {
        return;
    }
    let anchor_total = match verdicts[anchor].cells.as_slice() {
        [total] if is_total => total.figure.value(),
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

/// Hides every split whose total is in the series and not exact: its cells would add up to it.
fn hide_splits_of_hidden_totals(verdicts: &mut [Verdict], tables: &[PersonalTable]) {
    for (at, table) in tables
        .iter()
        .enumerate()
        .filter(|(_, table)| !table.by.is_empty())
    {
        let total = tables
            .iter()
            .position(|other| other.measure == table.measure && other.by.is_empty());
        let kept_back = total.is_some_and(|total| verdicts[total].reason.is_some());
        if kept_back && verdicts[at].reason.is_none() {
            verdicts[at] = Verdict {
                cells: hidden(&table.tallies),
                reason: Some(Reason::HiddenTotal),
            };
        }
    }
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
            shown: Vec::new(),
            implied: Vec::new(),
            overlooked: false,
        }
    }

    fn total(measure: Measure, value: i64) -> PersonalTable {
        table(measure, &[], &[value])
    }

    const fn shown(figure: Figure) -> Cell {
        Cell {
            figure,
            uncounted: 0,
        }
    }

    fn quarters(values: &[i64]) -> Vec<Part> {
        let starts = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"];
        let part = |(period, value): (&str, &i64)| Part {
            period: period.parse().expect("a period"),
            tallies: vec![tally(*value, 20)],
            shown: Vec::new(),
        };
        starts.into_iter().zip(values).map(part).collect()
    }

    fn said(verdict: &Verdict) -> Vec<Figure> {
        verdict.cells.iter().map(|cell| cell.figure).collect()
    }

    #[track_caller]
    fn check(tables: &[PersonalTable], expected: &[&[Figure]]) {
        let shown: Vec<Vec<Figure>> = protect(&Floor::default(), tables)
            .iter()
            .map(said)
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
        revised.shown = vec![vec![shown(Figure::Exact(31))]];
        let beside = total(Measure::Completions, 200);
        check(
            &[revised.clone(), beside],
            &[&[Figure::Exact(31)], &[ABSENT]],
        );
        revised.tallies = vec![tally(41, 41)];
        check(&[revised], &[&[Figure::Exact(41)]]);
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
        year.parts = vec![quarters(&[20, 20, 20, 5])];
        check(
            &[year.clone()],
            &[&[Figure::Interval {
                lower: 60,
                upper: 69,
            }]],
        );
        let mut split = table(Measure::Attendances, &[Dimension::Country], &[40, 25]);
        check(
            &[year.clone(), split.clone()],
            &[
                &[Figure::Interval {
                    lower: 60,
                    upper: 69,
                }],
                &[ABSENT; 2],
            ],
        );
        year.parts = vec![quarters(&[20, 20, 20, 0])];
        year.tallies = vec![tally(60, 20)];
        split.tallies = vec![tally(40, 40), tally(20, 20)];
        check(
            &[year, split],
            &[
                &[Figure::Exact(60)],
                &[Figure::Exact(40), Figure::Exact(20)],
            ],
        );
    }

    #[test]
    fn a_year_does_not_tell_who_did_not_complete_in_a_quarter() {
        let mut attendances = total(Measure::Attendances, 80);
        attendances.parts = vec![quarters(&[40, 40, 0, 0])];
        let mut completions = total(Measure::Completions, 58);
        completions.parts = vec![quarters(&[38, 20, 0, 0])];
        check(
            &[attendances, completions],
            &[
                &[Figure::Exact(80)],
                &[Figure::Interval {
                    lower: 20,
                    upper: 60,
                }],
            ],
        );
    }

    #[test]
    fn a_year_does_not_tell_how_a_quarter_changed_since_it_was_shown() {
        let mut year = total(Measure::Attendances, 61);
        year.parts = vec![quarters(&[20, 20, 21, 0])];
        year.parts[0][2].shown = vec![vec![shown(Figure::Exact(20))]];
        check(
            &[year.clone()],
            &[&[Figure::Interval {
                lower: 51,
                upper: 69,
            }]],
        );
        year.tallies = vec![tally(80, 20)];
        year.parts[0][2].tallies = vec![tally(40, 40)];
        check(&[year], &[&[Figure::Exact(80)]]);
    }

    #[test]
    fn months_and_quarters_of_a_year_are_not_added_up_together() {
        let mut year = total(Measure::Attendances, 65);
        year.parts = vec![quarters(&[20, 20, 20, 5]), quarters(&[40, 25])];
        check(
            &[year],
            &[&[Figure::Interval {
                lower: 60,
                upper: 69,
            }]],
        );
    }

    #[test]
    fn a_quarter_changed_after_its_year_was_shown_is_hidden() {
        let mut quarter = total(Measure::Attendances, 22);
        quarter.implied = vec![vec![Figure::Exact(25)]];
        check(&[quarter.clone()], &[&[ABSENT]]);
        quarter.implied.clear();
        check(&[quarter.clone()], &[&[Figure::Exact(22)]]);
        quarter.overlooked = true;
        check(&[quarter], &[&[ABSENT]]);
    }

    #[test]
    fn being_held_tells_nothing_of_what_an_interval_hides() {
        // From [0, 9] to 12 a change of 10 or more would say that it had been 0, 1 or 2.
        for before in 0..10 {
            let mut grown = total(Measure::Attendances, before + 10);
            grown.shown = vec![vec![shown(BELOW)]];
            let expected = if before == 9 {
                Figure::Exact(19)
            } else {
                BELOW
            };
            check(&[grown], &[&[expected]]);
            let mut shrunk = total(Measure::Attendances, before);
            shrunk.shown = vec![vec![shown(Figure::Exact(before + 10))]];
            let expected = if before == 9 {
                BELOW
            } else {
                Figure::Exact(before + 10)
            };
            check(&[shrunk], &[&[expected]]);
        }
    }

    #[test]
    fn a_revision_is_held_against_every_vintage() {
        let mut revised = total(Measure::Attendances, 41);
        revised.shown = vec![
            vec![shown(Figure::Exact(40))],
            vec![shown(Figure::Exact(55))],
        ];
        check(&[revised], &[&[Figure::Exact(55)]]);
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
