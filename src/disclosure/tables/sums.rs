//! The sums an outsider would look at: cells, what is left of groups, what measures and
//! overlapping cells differ by.

use std::collections::{BTreeMap, BTreeSet};

use super::conclusion::{About, Place, What};
use super::count::Count;
use super::outside::Outside;
use super::shown::Shown;
use crate::charter::policy::Floor;
use crate::disclosure::Form;
use crate::model::{Dimension, Measure, table};

/// A sum somebody would look at.
#[derive(Clone, Debug)]
pub(super) struct Sum<'a> {
    pub(super) about: About,
    pub(super) form: Form,
    /// What it is taken from, and what is taken.
    pub(super) parts: Option<(Form, Form)>,
    pub(super) floor: &'a Floor,
    /// The table and cell, where it is one.
    pub(super) cell: Option<(usize, usize)>,
}

impl Sum<'_> {
    /// Returns what a form is where it is the difference of two sums that were said outright.
    pub(super) fn said(&self, outside: &Outside, form: &Form) -> Option<i64> {
        let (whole, part) = self.parts.as_ref().filter(|_| *form == self.form)?;
        let rest = outside.said(whole)?.checked_sub(outside.said(part)?)?;
        (whole.minus(part) == *form).then_some(rest)
    }
}

/// Returns the sums in some tables, each form once.
pub(super) fn sums<'a>(outside: &Outside, tables: &[&'a Shown]) -> Vec<Sum<'a>> {
    let mut found = Found {
        outside,
        tables,
        list: Vec::new(),
        known: BTreeSet::new(),
    };
    for table in 0..tables.len() {
        found.cells(table);
    }
    for table in 0..tables.len() {
        found.rests(table);
        found.beside(table);
    }
    for one in 0..tables.len() {
        for other in 0..tables.len() {
            found.differences(one, other);
        }
    }
    found.list
}

struct Found<'a, 't> {
    outside: &'t Outside,
    tables: &'t [&'a Shown],
    list: Vec<Sum<'a>>,
    known: BTreeSet<Form>,
}

impl Found<'_, '_> {
    fn form(&self, table: usize, cell: usize) -> Option<Form> {
        let count = &self.tables[table].said.count;
        self.outside.layout().cell(count, cell)
    }

    fn place(&self, table: usize, cell: usize) -> Place {
        let shown = self.tables[table];
        Place {
            table: shown.id.clone(),
            codes: codes(&shown.said.count, cell),
        }
    }

    fn cells(&mut self, table: usize) {
        let shown = self.tables[table];
        for cell in 0..shown.said.cells.len() {
            let Some(form) = self.form(table, cell) else {
                continue;
            };
            let about = About {
                period: shown.said.count.period,
                place: self.place(table, cell),
                what: What::Cell,
                minus: None,
                between: None,
            };
            // A cell stands even where another table has the same one: each is judged.
            self.known.insert(form.clone());
            self.list.push(Sum {
                about,
                form,
                parts: None,
                floor: &shown.floor,
                cell: Some((table, cell)),
            });
        }
    }

    fn add(&mut self, what: What, whole: (Place, Form), part: (Place, Form), tables: [usize; 2]) {
        let form = whole.1.minus(&part.1);
        self.push(what, form, whole, part, tables);
    }

    fn push(
        &mut self,
        what: What,
        form: Form,
        whole: (Place, Form),
        part: (Place, Form),
        tables: [usize; 2],
    ) {
        // A rest is judged by itself, be it a cell or not.
        if form.is_empty() || (what != What::Rest && self.known.contains(&form)) {
            return;
        }
        self.known.insert(form.clone());
        let [one, other] = tables.map(|table| self.tables[table]);
        let floor = if one.floor.min_cell <= other.floor.min_cell {
            &one.floor
        } else {
            &other.floor
        };
        self.list.push(Sum {
            about: About {
                period: one.said.count.period,
                place: whole.0,
                what,
                minus: Some(part.0),
                between: None,
            },
            form,
            parts: Some((whole.1, part.1)),
            floor,
            cell: None,
        });
    }

    /// Finds what is left of every group of persons around a cell.
    fn rests(&mut self, table: usize) {
        let shown = self.tables[table];
        let count = &shown.said.count;
        let described: Vec<Dimension> = count
            .dimensions()
            .filter(|dimension| shown.attributes.contains(dimension))
            .collect();
        for subset in 1u32..(1 << described.len().min(8)) {
            let over: Vec<Dimension> = (described.iter().enumerate())
                .filter(|(nth, _)| subset >> nth & 1 == 1)
                .map(|(_, dimension)| *dimension)
                .collect();
            let mut groups: BTreeMap<Vec<(Dimension, String)>, Vec<usize>> = BTreeMap::new();
            for cell in 0..shown.said.cells.len() {
                let mut kept = codes(count, cell);
                kept.retain(|(dimension, _)| !over.contains(dimension));
                groups.entry(kept).or_default().push(cell);
            }
            for (kept, cells) in groups {
                self.rests_of(table, kept, &cells);
            }
        }
    }

    fn rests_of(&mut self, table: usize, kept: Vec<(Dimension, String)>, cells: &[usize]) {
        let forms: Option<Vec<Form>> = cells.iter().map(|cell| self.form(table, *cell)).collect();
        let Some(forms) = forms else { return };
        let whole = Form::of(forms.iter().flat_map(Form::terms));
        for (cell, form) in cells.iter().zip(forms) {
            let group = Place {
                table: self.tables[table].id.clone(),
                codes: kept.clone(),
            };
            let part = (self.place(table, *cell), form);
            self.add(What::Rest, (group, whole.clone()), part, [table, table]);
        }
    }

    /// Finds what attendances have more than persons or completions.
    fn beside(&mut self, table: usize) {
        let count = &self.tables[table].said.count;
        if !matches!(count.measure, Measure::People | Measure::Completions) {
            return;
        }
        let attended = Count {
            measure: Measure::Attendances,
            ..count.clone()
        };
        let mut all = self.tables.iter();
        let Some(beside) = all.position(|shown| shown.said.count == attended) else {
            return;
        };
        for cell in 0..count.cells() {
            let forms = self.form(beside, cell).zip(self.form(table, cell));
            let Some((all, some)) = forms else { continue };
            let (whole, part) = (self.place(beside, cell), self.place(table, cell));
            self.add(What::Beside, (whole, all), (part, some), [beside, table]);
        }
    }

    /// Finds what the cells of one table have more than those of another of its measure.
    fn differences(&mut self, one: usize, other: usize) {
        let (a, b) = (&self.tables[one].said.count, &self.tables[other].said.count);
        let alike = (a.measure, a.signers, a.period) == (b.measure, b.signers, b.period);
        if !alike || a.axes == b.axes {
            return;
        }
        for cell in 0..a.cells() {
            for from in 0..b.cells() {
                let parts = self.outside.layout().difference((a, cell), (b, from));
                let Some((rest, common)) = parts else { return };
                if common.is_empty() {
                    continue;
                }
                let forms = self.form(one, cell).zip(self.form(other, from));
                let Some((whole, part)) = forms else { continue };
                // What is common is the other cell only where that lies within the one.
                let whole = (self.place(one, cell), whole);
                let part = (self.place(other, from), part);
                self.push(What::Difference, rest, whole, part, [one, other]);
            }
        }
    }
}

/// Returns the codes of a cell.
pub(super) fn codes(count: &Count, cell: usize) -> Vec<(Dimension, String)> {
    let codes = table::codes_at(&count.axes, cell);
    let codes = codes.into_iter().map(str::to_owned);
    count.dimensions().zip(codes).collect()
}
