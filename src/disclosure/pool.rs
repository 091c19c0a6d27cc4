//! Witness tables, what they prove, and what is still to be proven.

use std::collections::BTreeMap;

use super::moves::Step;
use super::row_bounds::RowBounds;
use super::verify::{Certificate, Flaw, is_possible, sum, verify};
use super::{Form, Functional, Model};

/// Tables that prove functionals, as what each differs in from the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witnesses {
    truth: Vec<i64>,
    steps: Vec<Step>,
    /// For each functional: the steps to the tables on which it is low and high.
    of: Vec<Option<(usize, usize)>>,
}

impl Witnesses {
    /// Returns how many different tables there are.
    pub fn tables(&self) -> usize {
        self.steps.len()
    }

    /// Returns the certificate of a functional, if it was proven.
    pub fn certificate(&self, functional: usize) -> Option<Certificate> {
        let (low, high) = (*self.of.get(functional)?)?;
        Some(Certificate {
            low: moved(&self.truth, &self.steps[low]),
            high: moved(&self.truth, &self.steps[high]),
        })
    }
}

/// Returns the table that differs from the truth by a step.
pub(super) fn moved(truth: &[i64], step: &Step) -> Vec<i64> {
    let mut table = truth.to_vec();
    for (atom, by) in step {
        table[*atom] = table[*atom].saturating_add(*by);
    }
    table
}

/// Returns by how much a step changes a form.
pub(super) fn change(form: &Form, step: &Step) -> i64 {
    step.iter().fold(0, |sum: i64, (atom, by)| {
        sum.saturating_add(form.coefficient(*atom).saturating_mul(*by))
    })
}

/// A side of a functional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Low,
    High,
}

/// Something to be proven: that a functional can look low, or high, to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    /// 0 for a reader who knows nothing more, else the insider's number plus 1.
    pub(super) run: usize,
    pub(super) functional: usize,
    pub(super) side: Side,
}

/// All needs of one truth, and the tables found for them. Every need has a table, or none yet.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    truth: Vec<i64>,
    functionals: Vec<Functional>,
    /// The true value of each functional.
    values: Vec<i64>,
    /// What each reader knows beyond the model; the first knows nothing.
    runs: Vec<Vec<usize>>,
    /// For each atom, the functionals it is in.
    within: Vec<Vec<(usize, i64)>>,
    steps: Vec<Step>,
    /// For each functional, the tables on which it is not as in truth.
    reach: Vec<Vec<(usize, i64)>>,
    /// Bounds that had to be relaxed for an insider.
    relaxed: BTreeMap<Need, i64>,
    proofs: Vec<Option<usize>>,
    /// For each functional, the sums it is inside of that are bounded themselves.
    inside: Vec<Vec<Form>>,
    /// Functionals that are no secret where everybody can tell that they are nothing.
    nothing: Vec<bool>,
}

impl Pool {
    /// Returns a pool in which the truth proves what it can, or `None` where a form does not fit.
    pub(super) fn new(
        truth: &[i64],
        functionals: &[Functional],
        insiders: &[Vec<usize>],
    ) -> Option<Self> {
        let values: Option<Vec<i64>> = functionals.iter().map(|f| f.form.value(truth)).collect();
        let values = values?;
        if insiders.iter().flatten().any(|atom| *atom >= truth.len()) {
            return None;
        }
        let mut within = vec![Vec::new(); truth.len()];
        for (at, functional) in functionals.iter().enumerate() {
            for (atom, times) in functional.form.terms() {
                within[atom].push((at, times));
            }
        }
        let runs: Vec<Vec<usize>> = std::iter::once(Vec::new())
            .chain(insiders.iter().cloned())
            .collect();
        let mut pool = Self {
            truth: truth.to_vec(),
            functionals: functionals.to_vec(),
            values,
            within,
            steps: vec![Step::new()],
            reach: vec![Vec::new(); functionals.len()],
            relaxed: BTreeMap::new(),
            proofs: vec![None; runs.len() * functionals.len() * 2],
            runs,
            inside: Vec::new(),
            nothing: Vec::new(),
        };
        for need in pool.needs() {
            pool.recheck(need);
        }
        Some(pool)
    }

    /// Returns the same pool, asking less of insiders inside sums that are bounded themselves, and
    /// nothing of them where what is nothing is no secret.
    pub(super) fn inside(mut self, inside: &[Vec<Form>], nothing: &[bool]) -> Self {
        self.inside = inside.to_vec();
        self.nothing = nothing.to_vec();
        for need in self.needs() {
            self.recheck(need);
        }
        self
    }

    /// Asks no more than what a reader finds possible who draws what follows from single rows.
    pub(super) fn know(&mut self, run: usize, known: &RowBounds) {
        for need in self
            .needs()
            .filter(|need| need.run == run)
            .collect::<Vec<_>>()
        {
            let Some(asked) = self.bound(need) else {
                continue;
            };
            let (lower, upper) = known.bounds(self.form(need));
            let left = match need.side {
                Side::Low => lower.max(asked),
                Side::High => upper.map_or(asked, |upper| upper.min(asked)),
            };
            if left != asked {
                self.relax(need, left);
            }
        }
    }

    /// Returns everything that is to be proven, reader by reader.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> + use<> {
        let functionals = self.functionals.len();
        (0..self.proofs.len()).map(move |at| Need {
            run: at / (functionals * 2),
            functional: at / 2 % functionals,
            side: if at % 2 == 0 { Side::Low } else { Side::High },
        })
    }

    /// Returns how many things are to be proven.
    pub(super) fn len(&self) -> usize {
        self.proofs.len()
    }

    /// Returns what every table found so far differs in from the truth.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how many functionals there are.
    pub(super) fn functionals(&self) -> usize {
        self.functionals.len()
    }

    /// Returns how many readers there are: one who knows nothing more, and the insiders.
    pub(super) fn readers(&self) -> usize {
        self.runs.len()
    }

    fn at(&self, need: Need) -> usize {
        let pair = need.run * self.functionals.len() + need.functional;
        pair * 2 + usize::from(need.side == Side::High)
    }

    pub(super) fn truth(&self) -> &[i64] {
        &self.truth
    }

    pub(super) fn known(&self, run: usize) -> &[usize] {
        &self.runs[run]
    }

    pub(super) fn form(&self, need: Need) -> &Form {
        &self.functionals[need.functional].form
    }

    /// Returns what the form is in truth.
    pub(super) fn value(&self, need: Need) -> i64 {
        self.values[need.functional]
    }

    /// Returns how far a table must move the whole form, what the reader knows included, or
    /// `None` where the reader knows all of it and nothing can be hidden from them.
    ///
    /// What an insider knows of a form cannot be taken away from it: the rest need not look
    /// smaller than nothing.
    pub(super) fn bound(&self, need: Need) -> Option<i64> {
        let functional = &self.functionals[need.functional];
        if let Some(relaxed) = self.relaxed.get(&need) {
            return Some(*relaxed);
        }
        if need.run > 0 && self.may_be_nothing(need) {
            return None;
        }
        let known = self.known(need.run);
        let is_known = |atom: &usize| known.contains(atom);
        if !known.is_empty() && functional.form.terms().all(|(atom, _)| is_known(&atom)) {
            return None;
        }
        match need.side {
            Side::High => {
                let inside = self.inside.get(need.functional).into_iter().flatten();
                let own = inside.map(|total| self.own(total, known)).max();
                Some(functional.at_least.saturating_sub(own.unwrap_or(0)))
            }
            Side::Low => {
                let own = self.own(&functional.form, known);
                let rest = own.saturating_add(functional.at_most.min(0));
                Some(functional.at_most.max(rest))
            }
        }
    }

    /// Returns what of a sum an insider knows to be their own: nothing of a difference from
    /// something that they have no part of by itself, since they may stand on both sides of it.
    fn own(&self, form: &Form, known: &[usize]) -> i64 {
        let mut taken = form.terms().filter(|(_, times)| *times < 0).peekable();
        if taken.peek().is_some() && !taken.any(|(atom, _)| known.contains(&atom)) {
            return 0;
        }
        known.iter().fold(0, |sum: i64, atom| {
            let times = form.coefficient(*atom);
            sum.saturating_add(times.saturating_mul(self.truth[*atom]))
        })
    }

    /// Returns whether a need is met by everybody knowing that its form is nothing.
    pub(super) fn may_be_nothing(&self, need: Need) -> bool {
        self.nothing.get(need.functional) == Some(&true)
    }

    /// Returns whether a bound is less than what a need asks for.
    pub(super) fn is_less(&self, need: Need, left: i64) -> bool {
        self.bound(need).is_some_and(|asked| match need.side {
            Side::Low => left > asked,
            Side::High => left < asked,
        })
    }

    /// Relaxes a need to what can be had at all.
    pub(super) fn relax(&mut self, need: Need, bound: i64) {
        let functional = &mut self.functionals[need.functional];
        match (need.run, need.side) {
            (0, Side::Low) => functional.at_most = bound,
            (0, Side::High) => functional.at_least = bound,
            _ => {
                self.relaxed.insert(need, bound);
            }
        }
        self.recheck(need);
    }

    /// Returns whether there is a table for a need, or it asks for none.
    pub(super) fn is_proven(&self, need: Need) -> bool {
        self.proofs[self.at(need)].is_some()
    }

    pub(super) fn proof(&self, need: Need) -> Option<usize> {
        self.proofs[self.at(need)]
    }

    pub(super) fn set_proof(&mut self, need: Need, step: Option<usize>) {
        let at = self.at(need);
        self.proofs[at] = step;
    }

    /// Sets aside all tables of a kind, and returns what none of the others proves.
    pub(super) fn retire(&mut self, is_retired: impl Fn(&Step) -> bool) -> Vec<Need> {
        let retired: Vec<bool> = self.steps.iter().map(is_retired).collect();
        for reach in &mut self.reach {
            reach.retain(|(step, _)| !retired[*step]);
        }
        let mut lost = Vec::new();
        for need in self.needs() {
            let at = self.at(need);
            if self.proofs[at].is_some_and(|step| retired[step]) {
                self.proofs[at] = self.find(need);
                if self.proofs[at].is_none() {
                    lost.push(need);
                }
            }
        }
        lost
    }

    /// Looks for a table that proves a need.
    fn find(&self, need: Need) -> Option<usize> {
        let Some(bound) = self.bound(need) else {
            return Some(0);
        };
        if meets(need.side, self.value(need), bound) {
            return Some(0);
        }
        let known = self.known(need.run);
        self.reach[need.functional]
            .iter()
            .rev()
            .find(|(step, value)| {
                meets(need.side, *value, bound) && keeps(&self.steps[*step], known)
            })
            .map(|(step, _)| *step)
    }

    /// Returns steps that would meet a need, if they led to tables: those known, gone several
    /// times or the other way, the latest first.
    pub(super) fn again(&self, need: Need) -> impl Iterator<Item = Step> + '_ {
        let wanted = self.bound(need).unwrap_or(0) - self.value(need);
        let known = self.known(need.run);
        let latest = self.reach[need.functional].iter().rev().take(LATEST);
        latest.filter_map(move |(step, value)| {
            let change = value - self.value(need);
            let times = wanted.checked_div(change)?;
            let times =
                times + i64::from(times * change != wanted) * wanted.signum() * change.signum();
            let step = &self.steps[*step];
            let gone = |(atom, by): &(usize, i64)| (*atom, by.saturating_mul(times));
            keeps(step, known).then(|| step.iter().map(gone).collect())
        })
    }

    fn recheck(&mut self, need: Need) {
        if !self.is_proven(need) {
            let found = self.find(need);
            self.set_proof(need, found);
        }
    }

    /// Adds a table and lets it prove what it can.
    pub(super) fn add(&mut self, step: Step) -> usize {
        let mut changes: BTreeMap<usize, i64> = BTreeMap::new();
        for (atom, by) in &step {
            for (functional, times) in &self.within[*atom] {
                let change = changes.entry(*functional).or_default();
                *change = change.saturating_add(times.saturating_mul(*by));
            }
        }
        changes.retain(|_, change| *change != 0);
        let at = self.steps.len();
        let runs: Vec<usize> = (0..self.runs.len())
            .filter(|run| keeps(&step, &self.runs[*run]))
            .collect();
        self.steps.push(step);
        for (functional, change) in changes {
            let value = self.values[functional].saturating_add(change);
            self.reach[functional].push((at, value));
            for run in &runs {
                self.offer(*run, functional, at, value);
            }
        }
        at
    }

    fn offer(&mut self, run: usize, functional: usize, step: usize, value: i64) {
        for side in [Side::Low, Side::High] {
            let need = Need {
                run,
                functional,
                side,
            };
            let is_met = |bound| meets(side, value, bound);
            if !self.is_proven(need) && self.bound(need).is_some_and(is_met) {
                self.set_proof(need, Some(step));
            }
        }
    }

    /// Takes back every proof that the verifier does not accept, and returns what was refused.
    ///
    /// Certificates are verified whole; what a table proves to an insider is checked against what
    /// they know, each table once.
    pub(super) fn confirm(&mut self, model: &Model) -> Vec<Need> {
        let mut refused: Vec<Need> = Vec::new();
        let witnesses = self.witnesses();
        for (at, functional) in self.functionals.iter().enumerate() {
            let accepted = |certificate| verify(model, functional, &certificate).is_ok();
            let need = |side| Need {
                run: 0,
                functional: at,
                side,
            };
            if !witnesses.certificate(at).is_some_and(accepted) {
                refused.extend([need(Side::Low), need(Side::High)]);
            }
        }
        refused.extend(self.refused_of_insiders(model));
        refused.retain(|need| self.is_proven(*need));
        for need in &refused {
            self.set_proof(*need, None);
        }
        refused
    }

    fn refused_of_insiders(&self, model: &Model) -> Vec<Need> {
        let mut by_step: BTreeMap<usize, Vec<Need>> = BTreeMap::new();
        for need in self.needs().filter(|need| need.run > 0) {
            if let Some(step) = self.proof(need) {
                by_step.entry(step).or_default().push(need);
            }
        }
        let mut refused = Vec::new();
        for (step, needs) in by_step {
            let table = moved(&self.truth, &self.steps[step]);
            let possible = is_possible(model, &table);
            refused.extend(needs.into_iter().filter(|need| {
                possible.is_err() || !self.is_shown_to_insider(*need, &table).unwrap_or(false)
            }));
        }
        refused
    }

    /// Returns whether a possible table leaves what an insider knows and meets their need.
    fn is_shown_to_insider(&self, need: Need, table: &[i64]) -> Result<bool, Flaw> {
        let Some(bound) = self.bound(need) else {
            return Ok(true);
        };
        let value = sum(self.form(need), table)?;
        let is_met = match need.side {
            Side::Low => value <= i128::from(bound),
            Side::High => value >= i128::from(bound),
        };
        let known = self.known(need.run);
        Ok(is_met && known.iter().all(|atom| table[*atom] == self.truth[*atom]))
    }

    /// Returns the tables that prove the functionals to a reader who knows nothing more.
    pub(super) fn witnesses(&self) -> Witnesses {
        let mut kept = Vec::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        let mut keep = |step: usize| {
            *places.entry(step).or_insert_with(|| {
                kept.push(self.steps[step].clone());
                kept.len() - 1
            })
        };
        let of = (0..self.functionals.len())
            .map(|functional| {
                let proof = |side| {
                    self.proof(Need {
                        run: 0,
                        functional,
                        side,
                    })
                };
                Some((keep(proof(Side::Low)?), keep(proof(Side::High)?)))
            })
            .collect();
        Witnesses {
            truth: self.truth.clone(),
            steps: kept,
            of,
        }
    }
}

/// How many tables of a functional are tried again.
const LATEST: usize = 40;

fn meets(side: Side, value: i64, bound: i64) -> bool {
    match side {
        Side::Low => value <= bound,
        Side::High => value >= bound,
    }
}

/// Returns whether a step leaves some atoms as they are.
fn keeps(step: &Step, atoms: &[usize]) -> bool {
    atoms
        .iter()
        .all(|atom| step.binary_search_by_key(atom, |(at, _)| *at).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_stand_on_both_sides_of_a_difference_knows_nothing_of_it() {
        let difference = |less: usize| Functional {
            form: Form::atom(0).plus(&Form::atom(1)).minus(&Form::atom(less)),
            at_most: 0,
            at_least: 5,
        };
        let functionals = [difference(2), difference(3)];
        let pool = Pool::new(&[2, 3, 3, 1], &functionals, &[vec![0, 3]]).expect("it fits");
        let bound = |functional| {
            pool.bound(Need {
                run: 1,
                functional,
                side: Side::Low,
            })
        };
        assert_eq!((bound(0), bound(1)), (Some(0), Some(1)));
    }
}
