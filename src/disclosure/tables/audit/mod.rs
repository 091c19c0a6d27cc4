//! An attack on everything a member ever published, from outside: how far every sum can be bounded.
//!
//! For each release, whatever was current right after it is put together, and in the end whatever
//! is current ([`History`]). Tables that cannot be true together are taken apart: period by
//! period, then measure by measure, then each by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::conclusion::{About, Conclusion, Place, What, forbids};
use super::outside::{Known, Outside};
use super::shown::Shown;
use super::sums::{Sum, codes, sums};
use super::unpublished::unpublished;
use super::venues::Venues;
use super::vintage::{History, Piece, Vintage, as_first_said};
use crate::disclosure::{Form, Limits, Solver, Trouble};
use crate::model::{Cell, Figure, Measure, Period};

/// Most releases of one table that each is compared with.
const COMPARED: usize = 64;

/// Attacks the releases of one kind, given in the order of the log, and returns what can be
/// concluded of every sum, in the order of periods and tables.
///
/// # Errors
/// When the solver fails: then nothing is known.
pub fn audit(
    vintages: &[Vintage],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Vec<Conclusion>, Trouble> {
    let vintages = &as_first_said(vintages)[..];
    let mut attack = Attack {
        vintages,
        limits,
        solver,
        found: BTreeMap::new(),
        at_release: BTreeMap::new(),
    };
    let history = History::of(vintages);
    let mut looked_at = BTreeSet::new();
    for pieces in history.states() {
        if looked_at.insert(pieces.clone()) {
            attack.take_together(&pieces)?;
        }
    }
    for chain in history.chains() {
        attack.changes(&chain);
    }
    Ok(attack.found.into_values().collect())
}

struct Attack<'a> {
    vintages: &'a [Vintage],
    limits: &'a Limits,
    solver: &'a dyn Solver,
    found: BTreeMap<About, Conclusion>,
    /// What is known of the cells of a table when it is let out.
    at_release: BTreeMap<Piece, Vec<Known>>,
}

impl<'a> Attack<'a> {
    fn shown(&self, piece: Piece) -> &'a Shown {
        &self.vintages[piece.0].tables[piece.1]
    }

    fn take_together(&mut self, pieces: &[Piece]) -> Result<(), Trouble> {
        let published: Vec<&Shown> = pieces.iter().map(|piece| self.shown(*piece)).collect();
        let unpublished = unpublished(&published, &self.venues(pieces), self.limits, self.solver)?;
        let all: Vec<&Shown> = published.iter().copied().chain(&unpublished).collect();
        let more = !unpublished.is_empty();
        for tables in [Some(&all), more.then_some(&published)]
            .into_iter()
            .flatten()
        {
            if let Ok(outside) = Outside::of(tables)
                && outside.is_possible(self.limits, self.solver)?
            {
                return self.conclude(&outside, pieces, tables);
            }
        }
        if let [piece] = pieces {
            self.take_at_its_word(*piece);
        }
        for part in self.apart(pieces) {
            self.take_together(&part)?;
        }
        Ok(())
    }

    /// Returns what the releases of some tables tell of where activities took place.
    fn venues(&self, pieces: &[Piece]) -> Vec<&'a Venues> {
        let releases: BTreeSet<usize> = pieces.iter().map(|(release, _)| *release).collect();
        let venues = releases.into_iter();
        venues.flat_map(|at| &self.vintages[at].venues).collect()
    }

    /// Returns the parts of what cannot be true together.
    fn apart(&self, pieces: &[Piece]) -> Vec<Vec<Piece>> {
        let mut by_period: BTreeMap<Period, Vec<Piece>> = BTreeMap::new();
        let mut by_measure: BTreeMap<Measure, Vec<Piece>> = BTreeMap::new();
        for piece in pieces {
            let count = &self.shown(*piece).said.count;
            by_period.entry(count.period).or_default().push(*piece);
            by_measure.entry(count.measure).or_default().push(*piece);
        }
        if by_period.len() > 1 {
            by_period.into_values().collect()
        } else if by_measure.len() > 1 {
            by_measure.into_values().collect()
        } else if pieces.len() > 1 {
            pieces.iter().map(|piece| vec![*piece]).collect()
        } else {
            Vec::new()
        }
    }

    fn conclude(
        &mut self,
        outside: &Outside,
        pieces: &[Piece],
        tables: &[&Shown],
    ) -> Result<(), Trouble> {
        let sums = sums(outside, tables);
        let known = self.known(outside, &sums)?;
        let of = |form: &Form| known.get(form).copied().unwrap_or_default();
        let forbidden = |sum: &Sum<'_>| {
            let whole = sum.parts.as_ref().map(|(whole, _)| of(whole));
            forbids(
                sum.floor,
                sum.about.what,
                of(&sum.form),
                whole.unwrap_or_default(),
            )
        };
        let told: Vec<bool> = sums.iter().map(forbidden).collect();
        let suspects = sums.iter().zip(&told).filter(|(_, told)| **told);
        let suspects: Vec<Form> = suspects.map(|(sum, _)| sum.form.clone()).collect();
        // That whoever attended also completed, or came once, tells of nobody in particular, nor
        // does what follows from that.
        let beside = sums.iter().filter(|sum| sum.about.what == What::Beside);
        let beside = beside.map(|sum| sum.form.clone());
        let nothing: Vec<Form> = beside.filter(|form| of(form).upper == Some(0)).collect();
        let by_facts = outside.bounds_by_facts(&suspects, self.limits, self.solver)?;
        let follow = outside.follow(&suspects, &nothing, self.limits, self.solver)?;
        let said = outside.are_said_to_be_nothing(&suspects, self.limits, self.solver)?;
        let mut public = by_facts.into_iter().zip(follow.into_iter().zip(said));
        let leaf = self.newest_leaf(pieces);
        for (sum, told) in sums.into_iter().zip(told) {
            let known = of(&sum.form);
            // What everybody reads from the tables of activities is no disclosure.
            let public = told.then(|| public.next()).flatten();
            let is_public = |(by_facts, (follows, is_said))| {
                let is_nothing = match sum.about.what {
                    What::Cell => follows && known.upper == Some(0),
                    What::Beside => is_said,
                    _ => false,
                };
                is_nothing || known.says_no_more_than(by_facts)
            };
            let disclosed = told && !public.is_some_and(is_public);
            let published = sum
                .cell
                .and_then(|(table, cell)| Some((pieces.get(table)?, cell)));
            if let Some((piece, cell)) = published {
                self.keep(*piece, cell, known);
            }
            self.add(Conclusion {
                about: sum.about,
                known,
                disclosed,
                leaf,
            });
        }
        Ok(())
    }

    /// Returns what is known of each sum, and of what it is taken from.
    fn known(&self, outside: &Outside, sums: &[Sum<'_>]) -> Result<BTreeMap<Form, Known>, Trouble> {
        let mut known: BTreeMap<Form, Known> = BTreeMap::new();
        let mut asked: BTreeSet<Form> = BTreeSet::new();
        for sum in sums {
            let whole = sum.parts.iter().map(|(whole, _)| whole);
            for form in whole.chain([&sum.form]) {
                match outside.said(form).or_else(|| sum.said(outside, form)) {
                    Some(value) => {
                        known.insert(form.clone(), Known::exactly(value));
                    }
                    None => {
                        asked.insert(form.clone());
                    }
                }
            }
        }
        let asked: Vec<Form> = asked.into_iter().collect();
        let found = outside.whole_bounds(&asked, self.limits, self.solver)?;
        known.extend(asked.into_iter().zip(found));
        Ok(known)
    }

    /// Takes a table that contradicts itself, or fits no atoms, at its word.
    fn take_at_its_word(&mut self, piece: Piece) {
        let shown = self.shown(piece);
        for (cell, said) in shown.said.cells.iter().enumerate() {
            let known = word(said);
            let nobody = shown.activities.get(cell) == Some(&Some(0));
            self.keep(piece, cell, known);
            self.add(Conclusion {
                about: About {
                    period: shown.said.count.period,
                    place: place(shown, cell),
                    what: What::Cell,
                    minus: None,
                    between: None,
                },
                known,
                disclosed: !nobody && forbids(&shown.floor, What::Cell, known, known),
                leaf: self.newest_leaf(&[piece]),
            });
        }
    }

    /// Concludes what the cells of one table changed by between any two of its releases.
    fn changes(&mut self, chain: &[Piece]) {
        for (nth, after) in chain.iter().enumerate() {
            for before in &chain[nth.saturating_sub(COMPARED)..nth] {
                self.change(*before, *after);
            }
        }
    }

    fn change(&mut self, before: Piece, after: Piece) {
        let (then, now) = (self.shown(before), self.shown(after));
        let floor = if then.floor.min_cell <= now.floor.min_cell {
            &then.floor
        } else {
            &now.floor
        };
        for (cell, (was, is)) in then.said.cells.iter().zip(&now.said.cells).enumerate() {
            if was.figure == is.figure {
                continue;
            }
            let known = self
                .at_release(after, cell)
                .minus(self.at_release(before, cell));
            let leaf = |piece: Piece| self.vintages[piece.0].leaf;
            let conclusion = Conclusion {
                about: About {
                    period: now.said.count.period,
                    place: place(now, cell),
                    what: What::Change,
                    minus: None,
                    between: Some((leaf(before), leaf(after))),
                },
                known,
                disclosed: forbids(floor, What::Change, known, known),
                leaf: leaf(after),
            };
            self.add(conclusion);
        }
    }

    fn at_release(&self, piece: Piece, cell: usize) -> Known {
        let known = self
            .at_release
            .get(&piece)
            .and_then(|cells| cells.get(cell));
        known
            .copied()
            .unwrap_or_else(|| word(&self.shown(piece).said.cells[cell]))
    }

    fn keep(&mut self, piece: Piece, cell: usize, known: Known) {
        let shown = self.shown(piece);
        let cells = self.at_release.entry(piece).or_default();
        // Cells come in order, and the first state a table is in is the one it was let out in.
        if cells.len() == cell && cell < shown.said.cells.len() {
            cells.push(known);
        }
    }

    fn newest_leaf(&self, pieces: &[Piece]) -> u64 {
        let leaves = pieces.iter().map(|(at, _)| self.vintages[*at].leaf);
        leaves.max().unwrap_or(0)
    }

    /// Keeps the worst that is known of each sum.
    fn add(&mut self, conclusion: Conclusion) {
        let rank = |conclusion: &Conclusion| {
            let width = conclusion.known.width().unwrap_or(u64::MAX);
            (!conclusion.disclosed, width)
        };
        match self.found.get(&conclusion.about) {
            Some(before) if rank(before) <= rank(&conclusion) => {}
            _ => {
                self.found.insert(conclusion.about.clone(), conclusion);
            }
        }
    }
}

/// Returns what a cell itself says.
fn word(cell: &Cell) -> Known {
    match cell.figure {
        Figure::Absent => Known {
            lower: Some(0),
            upper: None,
        },
        figure => Known {
            lower: Some(figure.lower()),
            upper: figure.upper(),
        },
    }
}

fn place(shown: &Shown, cell: usize) -> Place {
    Place {
        table: shown.id.clone(),
        codes: codes(&shown.said.count, cell),
    }
}

#[cfg(test)]
mod tests;
