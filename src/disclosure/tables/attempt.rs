//! One try at a pattern: which cells to hide as things stand, whether everything is proven then,
//! and what a reader could conclude.

use sha2::{Digest, Sha256};

use super::changes::small_changes;
use super::choice::{Candidate, Choices};
use super::protect::Plan;
use super::sensitive::Search;
use super::why::{Reason, Why};
use super::world::World;
use crate::disclosure::{
    self as engine, Choice, Chosen, Form, Functional, Model, Relaxed, Row, audit_again, bounds,
    choose, model_of,
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
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Attempt, Reason> {
        let case = self.case;
        let shown = (case.fresh, case.said);
        let mut worlds = vec![World::of(case.now, shown, case.floor, true)?];
        for state in case.past {
            worlds.push(World::of(state, shown, case.floor, false)?);
        }
        let k = i64::from(case.floor.min_cell);
        let changes = small_changes(&worlds, k, case.limits, case.solver);
        for (world, changes) in worlds.iter_mut().zip(changes) {
            world.sensitive.extend(changes);
        }
        let mut candidates = self.candidates(&worlds);
        let strangers = take_strangers(&mut worlds, &mut candidates);
        let choices: Vec<Choice> = candidates
            .iter()
            .map(|candidate| candidate.choice.clone())
            .collect();
        let asked: Vec<engine::World> = worlds.iter().map(asked).collect();
        let proven = asked.iter().map(|world| world.functionals.len()).sum();
        let chosen = choose(
            &asked,
            &choices,
            case.key,
            case.limits,
            case.solver,
            progress,
        )
        .map_err(|trouble| Reason::Unproven(trouble.to_string()))?;
        if let Some(unproven) = chosen.unproven.first() {
            return Err(Reason::Unproven(unproven.why.to_string()));
        }
        for relaxed in &chosen.relaxed {
            self.check_relaxed(&asked[relaxed.world], relaxed)?;
        }
        let mut figures = self.figures(&asked[0], &choices, &chosen.hidden)?;
        for at in 1..worlds.len() {
            let model = model_of(&asked[at], at, &choices, &chosen.hidden);
            let past = (&worlds[at], &asked[at], &model);
            let relaxed = chosen.relaxed.iter().filter(|r| r.world == at).collect();
            self.widen(past, relaxed, &candidates, &mut figures)?;
        }
        for stranger in &strangers {
            self.widen_for_stranger(stranger, &candidates, &mut figures)?;
        }
        let now = &worlds[0];
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

    fn candidates(&self, worlds: &[World<'_>]) -> Vec<Candidate> {
        let now = &worlds[0];
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
        for candidate in &mut candidates {
            let said = &mut candidate.choice.hidden_as;
            *said = said.filter(|_| self.says_small);
            *said = said.or(self.brackets[candidate.table]);
        }
        for (nth, sheet) in self.ahead.iter().enumerate().filter(|_| self.looks_ahead) {
            let mut later = choices.of(self.sheets.len() + nth, sheet);
            for candidate in &mut later {
                candidate.choice.cost *= LATER;
            }
            candidates.append(&mut later);
        }
        candidates
    }

    /// Checks that a sum that cannot be kept as agreed was given away before: by public facts or
    /// by what was published, not by what would be said of a hidden total now.
    fn check_relaxed(&self, world: &engine::World, relaxed: &Relaxed) -> Result<(), Reason> {
        let asked = &world.functionals[relaxed.functional];
        let known = relaxed
            .insider
            .map_or(&[][..], |insider| &world.insiders[insider]);
        let mut model = world.model.clone();
        model.rows.extend(
            known
                .iter()
                .map(|atom| Row::exactly(Form::atom(*atom), world.truth[*atom])),
        );
        let forms = [asked.form.without(|atom| known.contains(&atom))];
        let left = bounds(&model, &forms, self.case.limits, self.case.solver)
            .map_err(|trouble| Reason::Unproven(trouble.to_string()))?;
        // Who knows of their own visits knows that the others made that many fewer of a small total.
        let is_inside = world.inside.get(relaxed.functional) == Some(&true);
        let own = known.iter().map(|atom| world.truth[*atom]).max();
        let own = own.filter(|_| is_inside);
        let due = asked.at_least.saturating_sub(own.unwrap_or(0));
        // Of differences inside a small total nothing more is asked than that they may be nothing.
        let is_small = asked.at_least < i64::from(self.case.floor.min_cell);
        let is_difference = asked.form.terms().any(|(_, times)| times < 0);
        let due = if is_small && is_difference { 0 } else { due };
        let too_much = left.first().is_none_or(|(lower, upper)| {
            relaxed.at_most.is_some_and(|kept| kept > *lower)
                || relaxed
                    .at_least
                    .is_some_and(|kept| kept < upper.unwrap_or(due).min(due))
        });
        match too_much {
            true => Err(Reason::Unproven(
                "what is said of its total gives it away".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// Widens what would be said of hidden cells for an earlier state of which no exact figure is
    /// true, but perhaps an interval.
    fn widen_for_stranger(
        &self,
        world: &World<'_>,
        candidates: &[Candidate],
        figures: &mut [Figure],
    ) -> Result<(), Reason> {
        let mut said = candidates.iter().zip(&*figures);
        if said.all(|(candidate, figure)| self.said_in(world, candidate, figure).is_none()) {
            return Ok(());
        }
        let case = self.case;
        let asked = asked(world);
        let given = choose(
            std::slice::from_ref(&asked),
            &[],
            case.key,
            case.limits,
            case.solver,
            &mut |_, _| {},
        );
        let given = given.map_err(|trouble| Reason::Unproven(trouble.to_string()))?;
        if let Some(unproven) = given.unproven.first() {
            return Err(Reason::Unproven(unproven.why.to_string()));
        }
        let relaxed = given.relaxed.iter().collect();
        self.widen((world, &asked, &asked.model), relaxed, candidates, figures)
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
        (world, asked, model): (&World<'_>, &engine::World, &Model),
        relaxed: Vec<&Relaxed>,
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
            let found = audit_again(asked, &model, relaxed.iter().copied(), limits, solver)
                .map_err(|trouble| Reason::Unproven(trouble.to_string()))?;
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
        let found = bounds(&model, &forms, self.case.limits, self.case.solver)
            .map_err(|trouble| Reason::Unproven(trouble.to_string()))?;
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

/// Takes out the past states of which no cell to be shown is true: what is hidden tells nobody
/// more of them, unless by the intervals said of it.
fn take_strangers<'a>(worlds: &mut Vec<World<'a>>, candidates: &mut [Candidate]) -> Vec<World<'a>> {
    let mut strangers = Vec::new();
    for at in (1..worlds.len()).rev() {
        let mut forms = candidates.iter().map(|c| &c.choice.forms[at]);
        if forms.all(Option::is_none) {
            strangers.push(worlds.remove(at));
            for candidate in candidates.iter_mut() {
                candidate.choice.forms.remove(at);
            }
        }
    }
    strangers
}

/// Returns the hash of every table that proves something.
pub(super) fn certificate(chosen: &Chosen) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for witnesses in &chosen.witnesses {
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

fn asked(world: &World<'_>) -> engine::World {
    let functionals: Vec<Functional> = world
        .sensitive
        .iter()
        .map(|sensitive| sensitive.functional.clone())
        .collect();
    engine::World {
        model: Model {
            atoms: world.truth.len(),
            rows: world.rows.clone(),
        },
        truth: world.truth.clone(),
        functionals,
        insiders: world.alone.clone(),
        inside: world
            .sensitive
            .iter()
            .map(|sensitive| sensitive.inside)
            .collect(),
    }
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
