//! What has been read so far, and what will be stored.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::columns::{BadCell, Said};
use super::{ImportOutcome, ImportRequest, Rejection};
use crate::record::book::Change;
use crate::record::edit::{row_key, source_id_key};
use crate::record::entry::Record;
use crate::record::heads::contradictions;
use crate::record::person::{RecordKeys, SourceKey};
use crate::record::schema::Shape;

/// Most refused cells listed; the rest is counted in a warning.
const MAX_REJECTIONS: usize = 1000;
/// Most contradictions listed; the rest is counted likewise.
const MAX_CONTRADICTIONS: u64 = 20;

/// What has been read so far, and what will be stored.
pub(super) struct Tray {
    pub(super) shape: Shape,
    keep_good: bool,
    dry_run: bool,
    pub(super) outcome: ImportOutcome,
    changes: Vec<Change>,
    /// The line of the row at hand.
    pub(super) line: u64,
    /// Sentences about records that contradict themselves.
    contradictions: u64,
    /// Those beyond.
    more_contradictions: u64,
    /// Refused cells beyond those listed.
    more_rejected: u64,
    /// How many rows of the file said each thing so far, of each record.
    said: HashMap<Among, u32>,
    /// What the row with each `source_id` said, and on which line.
    named: HashMap<Among, (SourceKey, u64)>,
}

/// A row's name, and that of the record it belongs to where rows of several stand in one file.
type Among = (Option<SourceKey>, SourceKey);

/// By which name a row is known again, and the name of what it says.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub(super) name: SourceKey,
    pub(super) row: SourceKey,
}

impl Tray {
    pub(super) fn new(
        shape: Shape,
        request: ImportRequest<'_>,
        dropped_columns: Vec<String>,
        warnings: Vec<String>,
    ) -> Self {
        Self {
            shape,
            keep_good: request.keep_good,
            dry_run: request.dry_run,
            outcome: ImportOutcome {
                dropped_columns,
                warnings,
                ..ImportOutcome::default()
            },
            changes: Vec::new(),
            line: 0,
            contradictions: 0,
            more_contradictions: 0,
            more_rejected: 0,
            said: HashMap::new(),
            named: HashMap::new(),
        }
    }

    pub(super) fn reject(&mut self, line: u64, cell: BadCell) {
        let Some(reason) = cell.reason else {
            return;
        };
        if !self.keep_good {
            self.changes = Vec::new();
        }
        if self.outcome.rejected.len() == MAX_REJECTIONS {
            self.more_rejected += 1;
            return;
        }
        self.outcome.rejected.push(Rejection {
            line,
            column: cell.column,
            value: cell.value,
            reason,
        });
    }

    /// Warns of a record that contradicts itself; `place` says which one it is.
    pub(super) fn contradict(&mut self, place: &str, record: &Record) {
        for said in contradictions(record) {
            if self.contradictions == MAX_CONTRADICTIONS {
                self.more_contradictions += 1;
                continue;
            }
            self.contradictions += 1;
            self.outcome.warnings.push(format!("{place}{said}"));
        }
    }

    /// Returns whether what is read will be stored, as far as is known yet.
    fn stores(&self) -> bool {
        !self.dry_run && (self.keep_good || self.outcome.rejected.is_empty())
    }

    pub(super) fn change(&mut self, change: Change) {
        if self.stores() {
            self.changes.push(change);
        }
    }

    /// Finds a row's identity, or `None` where an earlier row of the file already said the same
    /// under the same `source_id`.
    ///
    /// # Errors
    /// Returns the line of an earlier row with the same `source_id` that says something else.
    pub(super) fn identify(
        &mut self,
        keys: &RecordKeys,
        line: u64,
        said: &Said,
    ) -> Result<Option<Identity>, u64> {
        self.line = line;
        let row = said_key(keys, self.shape, said);
        let record = said.record.as_ref();
        let record = record.map(|id| keys.source_key(&[b"record", id.as_bytes()]));
        let Some(name) = source_id_key(keys, self.shape, &said.fields) else {
            let before = self.said.entry((record, row)).or_default();
            *before += 1;
            let parts: [&[u8]; 3] = [b"occurrence", row.as_bytes(), &before.to_be_bytes()];
            let name = keys.source_key(&parts);
            return Ok(Some(Identity { name, row }));
        };
        match self.named.entry((record, name)) {
            Entry::Vacant(free) => {
                free.insert((row, line));
                Ok(Some(Identity { name, row }))
            }
            Entry::Occupied(taken) => match *taken.get() {
                (earlier, _) if earlier == row => Ok(None),
                (_, earlier_line) => Err(earlier_line),
            },
        }
    }

    pub(super) fn finish(mut self) -> (ImportOutcome, Vec<Change>) {
        if !self.keep_good && !self.outcome.rejected.is_empty() {
            (self.outcome.created, self.outcome.updated) = (0, 0);
        }
        if self.more_rejected > 0 {
            self.outcome.warnings.push(format!(
                "{} more cells were rejected than are listed",
                self.more_rejected
            ));
        }
        if self.more_contradictions > 0 {
            self.outcome.warnings.push(format!(
                "{} more contradictions within a record were found than are listed",
                self.more_contradictions
            ));
        }
        let changes = if self.stores() {
            self.changes
        } else {
            Vec::new()
        };
        (self.outcome, changes)
    }
}

/// Returns the name of everything a row says, its yes/no columns included.
fn said_key(keys: &RecordKeys, shape: Shape, said: &Said) -> SourceKey {
    let row = row_key(keys, shape, &said.fields);
    if said.wide.is_empty() {
        return row;
    }
    let lists = said.wide.iter();
    let rows =
        lists.flat_map(|(list, rows)| rows.iter().map(|r| row_key(keys, Shape::List(*list), r)));
    let names: Vec<SourceKey> = std::iter::once(row).chain(rows).collect();
    let parts: Vec<&[u8]> = names
        .iter()
        .map(|name| name.as_bytes().as_slice())
        .collect();
    keys.source_key(&parts)
}
