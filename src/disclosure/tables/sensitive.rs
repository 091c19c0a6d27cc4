//! Which sums nobody may bound tightly: small cells, what is left of a group, what two measures
//! differ by, what overlapping cells differ by.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Moved, Then};
use super::count::{Count, Said, Sheet};
use super::layout::Layout;
use super::why::Why;
use crate::charter::policy::Floor;
use crate::disclosure::{Form, Functional};
use crate::model::measure::Adds;
use crate::model::{Axis, Figure, Grain, Measure, Tally, table};

/// A sum nobody may bound tightly, and why.
#[derive(Clone, Debug)]
pub(crate) struct Sensitive {
    pub(crate) functional: Functional,
    /// The table and cell it is about.
    pub(crate) about: (usize, usize),
    pub(crate) why: Why,
    /// The totals it lies inside of that are shown to be below the floor.
    pub(crate) inside: Vec<Form>,
}

/// How much a reader must find possible of what lies inside a total.
#[derive(Clone, Debug)]
struct Room {
    at_least: i64,
    /// The totals that are shown to be below the floor.
    inside: Vec<Form>,
}

/// Finds them in the true tables of one state.
pub(super) struct Search<'a> {
    pub(super) floor: &'a Floor,
    pub(super) layout: &'a Layout,
    pub(super) truth: &'a [i64],
    pub(super) sheets: &'a [&'a Sheet],
}

impl Search<'_> {
    fn sheet(&self, count: &Count) -> Option<&Sheet> {
        let mut sheets = self.sheets.iter().copied();
        sheets.find(|sheet| sheet.count == *count)
    }

    /// Returns every one of them, each form once.
    pub(super) fn all(&self) -> Vec<Sensitive> {
        let mut found = Found::default();
        for (at, sheet) in self.sheets.iter().enumerate() {
            let room = &self.room(&sheet.count);
            for (cell, tally) in sheet.tallies.iter().enumerate() {
                if let (Some(why), Some(form)) = (
                    self.weakness(sheet, cell, tally),
                    self.layout.cell(&sheet.count, cell),
                ) {
                    found.add(self.sensitive(self.kept(form, room), (at, cell), why, room));
                }
                self.complements(sheet, cell, |form| {
                    found.add(self.sensitive(
                        self.apart(form, room),
                        (at, cell),
                        Why::AllButFew,
                        room,
                    ));
                });
            }
            self.beside(at, sheet, &mut found);
            self.parts(at, sheet, &mut found);
        }
        self.overlaps(&mut found);
        found.list
    }

    /// Returns what lies little outside of what was said of it.
    pub(super) fn moved(&self, said: &[Said]) -> Vec<Moved> {
        let mut moved = Vec::new();
        for table in said {
            let Some(at) = self.sheets.iter().position(|s| s.count == table.count) else {
                continue;
            };
            for (cell, before) in table.cells.iter().enumerate() {
                let form = self.layout.cell(&table.count, cell);
                moved.extend(form.and_then(|form| self.beyond((at, cell), form, before.figure)));
            }
        }
        for (at, sheet) in self.sheets.iter().enumerate() {
            for cell in 0..sheet.tallies.len() {
                let form = self.layout.cell(&sheet.count, cell);
                for before in self.said_of_parts(said, sheet, cell) {
                    let form = form.clone();
                    moved.extend(form.and_then(|form| self.beyond((at, cell), form, before)));
                }
            }
        }
        moved
    }

    /// Returns what was said of a cell in the parts of its period, added up: of each part what was
    /// said last, and what was said first.
    fn said_of_parts(&self, said: &[Said], sheet: &Sheet, cell: usize) -> Vec<Figure> {
        if sheet.count.measure.adds() != Adds::Additive {
            return Vec::new();
        }
        let period = sheet.count.period;
        let shorter = Grain::ALL.iter().filter(|grain| **grain < period.grain());
        let sums = shorter.flat_map(|grain| {
            let parts = period.split(*grain, 1).into_iter().map(|period| Count {
                period,
                ..sheet.count.clone()
            });
            let parts: Vec<Count> = parts.collect();
            [false, true].map(|first| {
                let mut sum = (0, 0);
                for part in &parts {
                    let (lower, upper) = self.said_of(said, part, cell, first)?;
                    sum = (sum.0 + lower, sum.1 + upper);
                }
                Some(sum).filter(|_| !parts.is_empty())
            })
        });
        let interval = |(lower, upper)| Figure::Interval { lower, upper };
        sums.flatten().map(interval).collect()
    }

    /// Returns the bounds that were said of a cell, or that everybody knows.
    fn said_of(
        &self,
        said: &[Said],
        count: &Count,
        cell: usize,
        first: bool,
    ) -> Option<(i64, i64)> {
        let mut all = said.iter().filter(|said| said.count == *count);
        let one = if first { all.next() } else { all.next_back() };
        match one.and_then(|said| said.cells.get(cell)) {
            Some(shown) => Some((shown.figure.lower(), shown.figure.upper()?)),
            None => {
                let sheet = self.sheet(count)?;
                let nothing = sheet.activities.get(cell).copied().flatten() == Some(0);
                nothing.then_some((0, 0))
            }
        }
    }

    /// Returns why a cell may not be shown as it is, by itself.
    pub(super) fn weakness(&self, sheet: &Sheet, cell: usize, tally: &Tally) -> Option<Why> {
        let k = i64::from(self.floor.min_cell);
        let is_public = sheet.activities.get(cell).copied().flatten() == Some(0);
        match tally.value? {
            0 if is_public || !self.floor.hide_existence => None,
            0 => Some(Why::Nobody),
            value if value < k => Some(Why::TooFew),
            _ if tally.contributors < u64::from(self.floor.min_cell) => Some(Why::FewPersons),
            _ => None,
        }
    }

    /// Returns how much a reader must find possible: one less in what is shown as a whole to be
    /// below the floor.
    fn room(&self, count: &Count) -> Room {
        let k = i64::from(self.floor.min_cell);
        let total = count.split(Vec::new());
        let attended = Count {
            measure: Measure::Attendances,
            ..total.clone()
        };
        let counts = BTreeSet::from([total, attended]);
        let forms = counts.iter().flat_map(|count| self.layout.totals(count));
        let is_small = |form: &Form| form.value(self.truth).is_some_and(|value| value < k);
        let inside: Vec<Form> = forms.filter(is_small).collect();
        Room {
            at_least: k - i64::from(!inside.is_empty()),
            inside,
        }
    }

    fn kept(&self, form: Form, room: &Room) -> Functional {
        // That somebody is there may be known where existence is not hidden.
        let somebody = form.value(self.truth).is_some_and(|value| value > 0);
        Functional {
            form,
            at_most: i64::from(!self.floor.hide_existence && somebody),
            at_least: room.at_least,
        }
    }

    /// Returns what was found, given how much a reader must find possible of what it lies in.
    fn sensitive(
        &self,
        functional: Functional,
        about: (usize, usize),
        why: Why,
        room: &Room,
    ) -> Sensitive {
        Sensitive {
            functional,
            about,
            why,
            inside: room.inside.clone(),
        }
    }

    const fn apart(&self, form: Form, room: &Room) -> Functional {
        Functional {
            form,
            at_most: 0,
            at_least: room.at_least,
        }
    }

    /// Calls `with` for what is left of each group around a cell, where that is little.
    fn complements(&self, sheet: &Sheet, cell: usize, mut with: impl FnMut(Form)) {
        let k = i64::from(self.floor.min_cell);
        let described: Vec<usize> = (0..sheet.count.axes.len())
            .filter(|axis| {
                sheet
                    .attributes
                    .contains(&sheet.count.axes[*axis].dimension)
            })
            .collect();
        let Some(own) = self.layout.cell(&sheet.count, cell) else {
            return;
        };
        for subset in 1u32..(1 << described.len().min(8)) {
            let over = |axis: usize| {
                described
                    .iter()
                    .enumerate()
                    .any(|(nth, at)| *at == axis && subset >> nth & 1 == 1)
            };
            let Some(group) = self.group(&sheet.count, cell, over) else {
                continue;
            };
            let rest = group.minus(&own);
            let (all, few) = (group.value(self.truth), rest.value(self.truth));
            if all.is_some_and(|all| all > 0) && few.is_some_and(|few| (0..k).contains(&few)) {
                with(rest);
            }
        }
    }

    /// Returns the sum of the cells that differ from one only along some axes.
    fn group(&self, count: &Count, cell: usize, over: impl Fn(usize) -> bool) -> Option<Form> {
        let kept: Vec<Axis> = (count.axes.iter().enumerate())
            .filter(|(axis, _)| !over(*axis))
            .map(|(_, axis)| axis.clone())
            .collect();
        let codes = table::codes_at(&count.axes, cell);
        let codes: Vec<&str> = (codes.into_iter().enumerate())
            .filter(|(axis, _)| !over(*axis))
            .map(|(_, code)| code)
            .collect();
        let at = table::index_of(&kept, &codes)?;
        self.layout.cell(&count.split(kept), at)
    }

    /// Finds where persons or completions differ little from attendances.
    fn beside(&self, at: usize, sheet: &Sheet, found: &mut Found) {
        let few = 1..i64::from(self.floor.min_cell);
        for sensitive in self.rests_beside(at, sheet, |rest| few.contains(&rest)) {
            found.add(sensitive);
        }
    }

    /// Returns where they do not differ at all. That is no secret where everybody can tell; but
    /// whoever can tell that it is little must find much possible, since little it might be.
    pub(super) fn nothing_beside(&self) -> Vec<Sensitive> {
        let sheets = self.sheets.iter().enumerate();
        sheets
            .flat_map(|(at, sheet)| self.rests_beside(at, sheet, |rest| rest == 0))
            .collect()
    }

    /// Returns what attendances have more than persons or completions, cell by cell.
    fn rests_beside(
        &self,
        at: usize,
        sheet: &Sheet,
        is_meant: impl Fn(i64) -> bool,
    ) -> Vec<Sensitive> {
        if !matches!(sheet.count.measure, Measure::People | Measure::Completions) {
            return Vec::new();
        }
        let attended = Count {
            measure: Measure::Attendances,
            ..sheet.count.clone()
        };
        let Some(beside) = self.sheet(&attended) else {
            return Vec::new();
        };
        let room = &self.room(&attended);
        let tallies = sheet.tallies.iter().zip(&beside.tallies).enumerate();
        let counted =
            tallies.filter(|(_, (some, all))| some.value.is_some() && all.value.is_some());
        let rest = |(cell, _)| {
            let all = self.layout.cell(&attended, cell)?;
            let rest = all.minus(&self.layout.cell(&sheet.count, cell)?);
            let why = Why::Beside(Measure::Attendances);
            is_meant(rest.value(self.truth)?)
                .then(|| self.sensitive(self.apart(rest, room), (at, cell), why, room))
        };
        counted.filter_map(rest).collect()
    }

    /// Finds where little is left of a period when a part of it is taken away. That there is
    /// something left may follow from other parts; how little may not.
    fn parts(&self, at: usize, sheet: &Sheet, found: &mut Found) {
        let k = i64::from(self.floor.min_cell);
        let whole = &sheet.count;
        let room = &self.room(whole);
        let within = self.sheets.iter().filter(|part| {
            part.count.period != whole.period
                && whole.period.covers(part.count.period)
                && whole.measure == part.count.measure
                && (whole.signers, &whole.axes) == (part.count.signers, &part.count.axes)
        });
        for part in within {
            for cell in 0..sheet.tallies.len() {
                let forms = self.layout.cell(whole, cell);
                let forms = forms.zip(self.layout.cell(&part.count, cell));
                let Some(rest) = forms.map(|(all, some)| all.minus(&some)) else {
                    continue;
                };
                if let Some(few @ 1..) = rest.value(self.truth).filter(|few| *few < k) {
                    let functional = Functional {
                        form: rest,
                        at_most: few,
                        at_least: k - 1,
                    };
                    found.add(self.sensitive(functional, (at, cell), Why::Rest, room));
                }
            }
        }
    }

    /// Finds where little is left of a cell when one of another table is taken from it.
    fn overlaps(&self, found: &mut Found) {
        let sheets = self.sheets;
        for (at, one) in sheets.iter().enumerate() {
            for other in sheets.iter().filter(|other| {
                other.count.measure == one.count.measure
                    && other.count.period == one.count.period
                    && other.count.axes != one.count.axes
            }) {
                self.overlap(at, one, other, found);
            }
        }
    }

    fn overlap(&self, at: usize, one: &Sheet, other: &Sheet, found: &mut Found) {
        let k = i64::from(self.floor.min_cell);
        let room = &self.room(&one.count);
        for cell in 0..one.tallies.len() {
            for from in 0..other.tallies.len() {
                let parts = self
                    .layout
                    .difference((&one.count, cell), (&other.count, from));
                let Some((rest, common)) = parts else { return };
                if common.is_empty() || rest.is_empty() {
                    continue;
                }
                if rest
                    .value(self.truth)
                    .is_some_and(|rest| (1..k).contains(&rest))
                {
                    found.add(self.sensitive(self.apart(rest, room), (at, cell), Why::Rest, room));
                }
            }
        }
    }

    /// Returns what tells how little a form differs from what was said of it, if it does.
    fn beyond(&self, about: (usize, usize), form: Form, before: Figure) -> Option<Moved> {
        let k = i64::from(self.floor.min_cell);
        let value = form.value(self.truth)?;
        let then = (before.lower(), before.upper()?);
        let moved = Moved {
            about,
            form,
            value,
            then: Then::Said(then),
        };
        (before != Figure::Absent && moved.is_little_outside(then, k)).then_some(moved)
    }
}

/// What was found, each form once, with the widest of what is asked of it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) list: Vec<Sensitive>,
    at: BTreeMap<Form, usize>,
}

impl Found {
    pub(super) fn add(&mut self, sensitive: Sensitive) {
        let functional = &sensitive.functional;
        if functional.form.is_empty() {
            return;
        }
        if let Some(known) = self.at.get(&functional.form) {
            let known = &mut self.list[*known];
            known
                .inside
                .retain(|total| sensitive.inside.contains(total));
            let known = &mut known.functional;
            known.at_most = known.at_most.min(functional.at_most);
            known.at_least = known.at_least.max(functional.at_least);
            return;
        }
        self.at.insert(functional.form.clone(), self.list.len());
        self.list.push(sensitive);
    }
}
