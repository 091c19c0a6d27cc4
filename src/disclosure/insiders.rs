//! Tables for many insiders at once.
//!
//! Each insider is a reader of their own, with a program of their own. But a table that leaves
//! as it is what all of several insiders know proves the same to each of them, and is looked for
//! first. Where there is none, nothing is known, and each of them is asked for by itself.

use std::collections::BTreeMap;

use super::Model;
use super::audit::Search;
use super::pool::{Need, Pool, Side};

/// After so many searches in vain, the others like them are left out.
const IN_VAIN: usize = 6;

impl Search<'_> {
    /// Looks for tables that prove something to several insiders.
    pub(super) fn for_many(&self, model: &Model, pool: &mut Pool) {
        for (runs, functionals) in groups(pool) {
            let mut known: Vec<usize> = runs
                .iter()
                .flat_map(|run| pool.known(*run))
                .copied()
                .collect();
            known.sort_unstable();
            known.dedup();
            let mut base = None;
            let mut in_vain = 0;
            for (functional, side) in sides(&functionals) {
                let need = |run| Need {
                    run,
                    functional,
                    side,
                };
                let open = runs.iter().filter(|run| !pool.is_proven(need(**run)));
                if open.count() < 2 || in_vain == IN_VAIN {
                    continue;
                }
                let base = base.get_or_insert_with(|| self.base(model, pool.truth(), &known));
                // Who knows nothing of the sum is asked for no less than anybody else.
                match self.near_table(model, base, pool, need(0)) {
                    Ok(Some(step)) => {
                        pool.add(step);
                        in_vain = 0;
                    }
                    _ => in_vain += 1,
                }
            }
        }
    }
}

fn sides(functionals: &[usize]) -> impl Iterator<Item = (usize, Side)> {
    let both = |functional: &usize| [Side::Low, Side::High].map(|side| (*functional, side));
    functionals.iter().flat_map(both)
}

/// Returns the functionals that the same insiders stand outside of, several of them.
fn groups(pool: &Pool) -> BTreeMap<Vec<usize>, Vec<usize>> {
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for need in pool.needs() {
        if need.run > 0 {
            break;
        }
        if need.side == Side::Low {
            let outside: Vec<usize> = (1..pool.readers())
                .filter(|run| is_outside(pool, *run, need))
                .collect();
            groups.entry(outside).or_default().push(need.functional);
        }
    }
    groups.retain(|runs, _| runs.len() > 1);
    groups
}

/// Returns whether nobody an insider knows of stands in a sum.
fn is_outside(pool: &Pool, run: usize, need: Need) -> bool {
    let mut known = pool.known(run).iter();
    known.all(|atom| pool.truth()[*atom] == 0 || pool.form(need).coefficient(*atom) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::{Form, Functional, Limits, Microlp, Row};

    #[test]
    fn one_table_proves_the_same_to_all_who_stand_outside() {
        let model = Model {
            atoms: 5,
            rows: vec![Row::exactly(Form::sum(0..5), 25)],
        };
        let truth = [5; 5];
        let functionals = [Functional {
            form: Form::atom(0),
            at_most: 0,
            at_least: 10,
        }];
        // The last knows of the sum itself.
        let insiders = [vec![2], vec![3], vec![0]];
        let mut pool = Pool::new(&truth, &functionals, &insiders).expect("it fits");
        let search = Search::new(&Microlp, Limits::default());
        search.for_many(&model, &mut pool);
        let open: Vec<Need> = pool.needs().filter(|need| !pool.is_proven(*need)).collect();
        assert!(open.is_empty(), "{open:?}");
        // The truth, and one table for each side.
        assert_eq!(pool.steps().len(), 3);
        assert!(pool.confirm(&model).is_empty());
    }
}
