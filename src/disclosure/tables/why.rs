//! Why something is kept back, in words for the steward; nothing of it ever leaves.

use crate::disclosure::Trouble;
use crate::model::Measure;

/// Why a cell is not shown as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is larger than nothing, and smaller than the floor.
    TooFew,
    /// Fewer different persons than the floor stand behind it.
    FewPersons,
    /// Nobody; that anybody exists is not told either way.
    Nobody,
    /// All but a few of a group stand in it.
    AllButFew,
    /// It differs too little from the measure beside it.
    Beside(Measure),
    /// A part of a larger cell that is left when another is taken from it is small.
    Rest,
    /// Something already shown, and changed since, could be told from it.
    Changed,
    /// It was kept back before, and has not changed by much.
    Before,
    /// With it, something else that is kept back could be reckoned out.
    Neighbour,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFew => f.write_str("too few"),
            Self::FewPersons => f.write_str("too few different persons"),
            Self::Nobody => f.write_str("nobody; that somebody is there is not told either way"),
            Self::AllButFew => {
                f.write_str("with it, one could tell that almost everybody of a group is in it")
            }
            Self::Beside(measure) => write!(
                f,
                "too near to {measure}: the few between them could be told"
            ),
            Self::Rest => {
                f.write_str("with it, the few that a larger figure has more could be told")
            }
            Self::Changed => f.write_str(
                "with it, one could tell how little changed since it was last published",
            ),
            Self::Before => {
                f.write_str("it was kept back before, and has changed too little to be shown now")
            }
            Self::Neighbour => f.write_str(
                "hidden too, because with it a neighbour that is too small could be reckoned out",
            ),
        }
    }
}

impl From<Trouble> for Reason {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::SaidTooMuch => Self::SaidTooMuch,
            trouble => Self::Unproven(trouble.to_string()),
        }
    }
}

/// Why a table is not shown as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Cells of it are kept back.
    #[error("some of it is kept back: {0}")]
    Cells(Why),
    /// It would differ too little from what was already shown, so that is shown again.
    #[error(
        "it differs by less than the floor from what was already shown, so that is shown again"
    )]
    SmallChange,
    /// Nobody could prove in the time given that it gives nobody away.
    #[error("it could not be proven that nobody can be told from it: {0}")]
    Unproven(String),
    /// What would be said of hidden totals tells more than was known.
    #[error("what would be said of a total that is kept back gives somebody away")]
    SaidTooMuch,
    /// Counts contradict each other.
    #[error("{0} are more than attendances: correct the records")]
    Contradiction(Measure),
    /// Cells do not add up as they should.
    #[error("its cells do not add up to what stands beside it; it is withheld until they do")]
    Unsound,
    /// It cannot be held against what else was published.
    #[error(transparent)]
    Tangle(#[from] super::Tangle),
    /// The plan did not have it when the period was published first.
    #[error(
        "it came into the plan after this period was published, and records have changed since"
    )]
    Late,
    /// Whoever was counted in it was let go.
    #[error(
        "the persons counted in it were let go once their time was over, so what was shown stands"
    )]
    LetGo,
    /// Amounts of few.
    #[error("one or two stand behind most of an amount in it")]
    Dominated,
}
