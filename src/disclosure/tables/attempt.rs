//! One try at a pattern: which cells to hide as things stand, whether everything is proven then,
//! and what a reader could conclude.

use sha2::{Digest, Sha256};

use super::choice::{Candidate, Choices};
use super::protect::Plan;
use super::sensitive::Search;
use super::states::{Stated, States};
use super::why::{Reason, Why};
use super::world::World;
use crate::disclosure::{
    self as engine, Choice, Chosen, Form, Model, Proof, Row, Trouble, Unproven, bounds, choose,
    model_of,
};
use crate::model::Figure;

/// A pattern in which everything is proven.
pub(super) struct Attempt {
    pub(super) candidates: Vec<Candidate>,
    pub(super) chosen: Chosen,
    /// What a reader can conclude of each candidate.
    pub(super) figures: Vec<Figure>,
    /// Why a cell is about something sensitive, by table and cell.
    pub(super) subjects: Vec<(usize, usize, Why)>,
    pub(super) proven: usize,
}

impl Plan<'_> {
    pub(super) fn attempt(
        &self,
        states: &States<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Attempt, Reason> {
        let case = self.case;
        let worlds = states.worlds();
        let mut candidates = self.candidates(&worlds);
        let (bound, strangers) = states.part(&mut candidates);
        let choices: Vec<Choice> = candidates
            .iter()
            .map(|candidate| candidate.choice.clone())
            .collect();
        let asked: Vec<&engine::World> = bound.iter().map(|state| &state.asked).collect();
        let proven = asked.iter().map(|world| world.functionals.len()).sum();
        let chosen = choose(
            &asked,
            &choices,
            case.key,
            case.limits,
            case.solver,
            progress,
        )?;
        // Where too much is said of hidden totals nothing further was tried.
        let is_said = |unproven: &&Unproven| unproven.why == Trouble::SaidTooMuch;
        let unproven = chosen.unproven.iter();
        if let Some(unproven) = unproven
            .clone()
            .find(is_said)
            .or_else(|| chosen.unproven.first())
        {
            return Err(unproven.why.clone().into());
        }
        let mut figures = self.figures(asked[0], &choices, &chosen.hidden)?;
        for (at, state) in bound.iter().enumerate().skip(1) {
            let model = model_of(&state.asked, at, &choices, &chosen.hidden);
            self.widen(
                state,
                (&chosen.proofs[at], model),
                &candidates,
                &mut figures,
            )?;
        }
        for state in strangers {
            let before = (&state.asked.unproven()?, state.asked.model.clone());
            self.widen(state, before, &candidates, &mut figures)?;
        }
        let now = worlds[0];
        let subjects = now.sensitive.iter().filter_map(|sensitive| {
            let (sheet, cell) = sensitive.about;
            let count = &now.sheets[sheet].count;
            let table = self.sheets.iter().position(|sheet| sheet.count == *count)?;
            Some((table, cell, sensitive.why))
        });
        Ok(Attempt {
            subjects: subjects.collect(),
            candidates,
            chosen,
            figures,
            proven,
        })
    }

    fn candidates(&self, worlds: &[&World<'_>]) -> Vec<Candidate> {
        let now = worlds[0];
        let choices = Choices {
            search: Search {
                floor: self.case.floor,
                layout: &now.layout,
                truth: &now.truth,
                sheets: &now.sheets,
            },
            worlds,
            said: self.case.said,
        };
        let mut candidates: Vec<Candidate> = self
            .open()
            .flat_map(|table| choices.of(table, self.sheets[table]))
            .collect();
        for (nth, sheet) in self.ahead.iter().enumerate().filter(|_| self.looks_ahead) {
            let mut later = choices.of(self.sheets.len() + nth, sheet);
            for candidate in &mut later {
                candidate.choice.cost *= LATER;
            }
            candidates.append(&mut later);
        }
        for candidate in &mut candidates {
            let bracket = self.brackets.get(candidate.table).copied().flatten();
            let said = &mut candidate.choice.hidden_as;
            *said = said.filter(|_| self.says_small).or(bracket);
        }
        candidates
    }

    /// Returns the row a figure adds in a world, if it is true there. What is nothing, since
    /// nothing took place, everybody knows anyway.
    fn said_in(&self, world: &World<'_>, candidate: &Candidate, figure: &Figure) -> Option<Row> {
        let sheet = self.sheets.get(candidate.table)?;
        let (lower, upper) = match *figure {
            Figure::Interval { lower, upper } => (lower, upper),
            Figure::Exact(value) => (value, value),
            Figure::Absent => return None,
        };
        if sheet.activities.get(candidate.cell).copied().flatten() == Some(0) {
            return None;
        }
        let form = world.cell(&sheet.count, candidate.cell)?;
        let row = Row::between(form, Some(lower), Some(upper));
        row.admits(&world.truth).then_some(row)
    }

    /// Widens what would be said of hidden cells, where it happens to be true of an earlier state
    /// too and would tell too much of it: to what was said before, or to nothing.
    fn widen(
        &self,
        Stated { world, asked }: &Stated<'_>,
        (proof, model): (&Proof, Model),
        candidates: &[Candidate],
        figures: &mut [Figure],
    ) -> Result<(), Reason> {
        let row = |candidate: &Candidate, figure: &Figure| self.said_in(world, candidate, figure);
        let wider: [fn(Figure, &[Figure]) -> Figure; 2] = [hull, |_, _| Figure::Absent];
        for wider in wider {
            let mut model = model.clone();
            let rows: Vec<(usize, Row)> = (candidates.iter().zip(&*figures).enumerate())
                .filter_map(|(at, (candidate, figure))| Some((at, row(candidate, figure)?)))
                .collect();
            let new = |row: &Row| !model.rows.contains(row);
            let new: Vec<(usize, Row)> = rows.into_iter().filter(|(_, row)| new(row)).collect();
            if new.is_empty() {
                return Ok(());
            }
            model.rows.extend(new.iter().map(|(_, row)| row.clone()));
            let (limits, solver) = (self.case.limits, self.case.solver);
            let found = proof.under(asked, &model, limits, solver)?;
            if found.is_clean() {
                return Ok(());
            }
            // What others imply cannot be made wider.
            if new.iter().any(|(at, _)| figures[*at].value().is_some()) {
                let why = "what is shown beside it tells too much of an earlier state";
                return Err(Reason::Unproven(why.to_owned()));
            }
            for (at, _) in new {
                let Candidate { table, cell, .. } = &candidates[at];
                let count = &self.sheets[*table].count;
                let before = self.case.said.iter().filter(|said| said.count == *count);
                let before = before.filter_map(|said| said.cells.get(*cell));
                let before: Vec<Figure> = before.map(|cell| cell.figure).collect();
                figures[at] = wider(figures[at], &before);
            }
        }
        Ok(())
    }

    /// Returns what a reader can conclude of every candidate: what the attacker's own program says.
    fn figures(
        &self,
        now: &engine::World,
        choices: &[Choice],
        hidden: &[bool],
    ) -> Result<Vec<Figure>, Reason> {
        let model = model_of(now, 0, choices, hidden);
        let unseen = || choices.iter().zip(hidden).filter(|(_, hidden)| **hidden);
        let forms: Vec<Form> = unseen()
            .filter_map(|(choice, _)| choice.forms[0].clone())
            .collect();
        let found = bounds(&model, &forms, self.case.limits, self.case.solver)?;
        let mut found = found.into_iter();
        let figure = |(choice, hidden): (&Choice, &bool)| {
            let form = choice.forms[0].as_ref();
            let truth = form.and_then(|form| form.value(&now.truth)).unwrap_or(0);
            if !hidden {
                return Figure::Exact(truth);
            }
            match form.and_then(|_| found.next()) {
                Some((lower, Some(upper))) if lower == upper => Figure::Exact(truth),
                Some((lower, Some(upper))) => Figure::Interval {
                    lower: lower.clamp(0, truth),
                    upper: upper.max(truth),
                },
                _ => Figure::Absent,
            }
        };
        Ok(choices.iter().zip(hidden).map(figure).collect())
    }
}

impl Attempt {
    pub(super) fn why(&self, table: usize, cell: usize) -> Why {
        let mut subjects = self.subjects.iter();
        subjects
            .find(|subject| (subject.0, subject.1) == (table, cell))
            .map_or(Why::Neighbour, |subject| subject.2)
    }
}

/// Returns the hash of every table that proves something.
pub(super) fn certificate(chosen: &Chosen) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for witnesses in chosen.proofs.iter().map(Proof::witnesses) {
        for functional in 0.. {
            let Some(certificate) = witnesses.certificate(functional) else {
                break;
            };
            for atom in certificate.low.iter().chain(&certificate.high) {
                hasher.update(atom.to_be_bytes());
            }
        }
    }
    hasher.finalize().into()
}

/// Returns the interval that holds a figure and every interval that was said before.
fn hull(figure: Figure, before: &[Figure]) -> Figure {
    let intervals = before.iter().filter(|before| before.value().is_none());
    intervals.fold(figure, |hull, before| {
        match (hull.upper(), before.upper()) {
            (Some(upper), Some(other)) => Figure::Interval {
                lower: hull.lower().min(before.lower()),
                upper: upper.max(other),
            },
            _ => hull,
        }
    })
}

/// How much dearer it is to hide what is to be shown later.
const LATER: f64 = 1000.0;
