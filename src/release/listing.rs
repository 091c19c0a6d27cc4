//! What became of everything that was let out, read from the member's own log.

use super::ReleaseError;
use crate::log::Leaf;
use crate::model::Series;
use crate::store::PublicStore;

/// One leaf about a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where in the log it stands.
    pub leaf_index: u64,
    /// What it is about.
    pub series: Series,
    /// Its revision; 0 for a status.
    pub revision: u32,
    /// `current`, `superseded`, `recalled`, or the status itself.
    pub state: &'static str,
}

/// Lists every leaf about a series, in the order of the log.
///
/// # Errors
/// When the log cannot be read.
pub fn listing(store: &PublicStore, origin: &str) -> Result<Vec<Listed>, ReleaseError> {
    let mut listed: Vec<Listed> = Vec::new();
    for row in store.entries(origin, 0..u64::MAX)? {
        let (leaf_index, entry) = row?;
        let leaf = Leaf::parse(&entry.leaf)
            .map_err(|error| ReleaseError::Log(format!("own leaf {leaf_index}: {error}")))?;
        let (series, revision, state) = match leaf {
            Leaf::Summary {
                series, revision, ..
            } => (series, revision, "current"),
            Leaf::Status { series, status, .. } => (series, 0, status.as_str()),
            Leaf::Recall { index, .. } => {
                mark(
                    &mut listed,
                    |earlier| earlier.leaf_index == index,
                    "recalled",
                );
                continue;
            }
            Leaf::Revoke { .. } => continue,
        };
        let replaced = |earlier: &Listed| earlier.series == series && earlier.state != "recalled";
        mark(&mut listed, replaced, "superseded");
        listed.push(Listed {
            leaf_index,
            series,
            revision,
            state,
        });
    }
    Ok(listed)
}

fn mark(listed: &mut [Listed], which: impl Fn(&Listed) -> bool, state: &'static str) {
    for earlier in listed.iter_mut().filter(|earlier| which(earlier)) {
        earlier.state = state;
    }
}
