//! What readers knew before: an attack is to blame only for what it adds to that.

use counterfoil::disclosure::{Form, Limits, Microlp, Model, Row, bounds};

use super::possible::{NO_BOUND, Puzzle, Ready, Sum};

/// What is no fault of what was said last.
pub(crate) struct Given {
    ready: Ready,
    puzzle: Puzzle,
}

impl Given {
    pub(crate) fn of(puzzle: &Puzzle) -> Self {
        Self {
            ready: puzzle.ready(),
            puzzle: puzzle.clone(),
        }
    }

    /// Returns what it leaves possible of a sum to one who knows some unknowns: as far as numbers
    /// can be tried out, and otherwise as far as sums alone tell.
    pub(crate) fn range(&self, sum: &Sum, known: &[usize]) -> (i64, i64) {
        let tried = self.ready.knowing(known).range(sum);
        let truth = &self.puzzle.truth;
        let form = |sum: &Sum| Form::of(sum.iter().map(|(at, times)| (*at, *times)));
        let rows = self.puzzle.rows.iter().map(|(sum, lower, upper)| {
            let upper = Some(*upper).filter(|upper| *upper < NO_BOUND);
            Row::between(form(sum), Some(*lower).filter(|l| *l > -NO_BOUND), upper)
        });
        let own = known
            .iter()
            .map(|at| Row::exactly(Form::atom(*at), truth[*at]));
        let model = Model {
            atoms: truth.len(),
            rows: rows.chain(own).collect(),
        };
        let found = bounds(&model, &[form(sum)], &Limits::default(), &Microlp);
        match found.as_deref() {
            Ok([(lower, upper)]) => (
                tried.0.max(*lower),
                upper.map_or(tried.1, |upper| tried.1.min(upper)),
            ),
            _ => tried,
        }
    }
}
