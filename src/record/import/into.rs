//! A good row becomes a record, or a row of a list.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::columns::Said;
use super::tray::{Identity, Tray};
use crate::model::Kind;
use crate::record::book::{self, Book, Origin};
use crate::record::edit::{Desk, row_key};
use crate::record::entry::{Fields, MAX_RECORD, Record, Row, misfit};
use crate::record::error::RecordError;
use crate::record::person::{RecordKeys, SourceKey};
use crate::record::schema::{Field, List, Shape, lists_of};

/// What became of a good row.
pub(super) enum Verdict {
    Created,
    Updated,
    Unchanged,
    /// It does not fit what is already stored.
    Misfit(Field, &'static str),
}

/// Somewhere rows go.
pub(super) trait Take {
    fn take(
        &mut self,
        desk: &mut Desk<'_>,
        tray: &mut Tray,
        said: Said,
        identity: Identity,
    ) -> Result<Verdict, RecordError>;
}

/// Each row is a record.
pub(super) struct IntoBook<'a> {
    book: &'a dyn Book,
    kind: Kind,
    /// The fields the file speaks about; others stay as they are.
    owned: Vec<Field>,
}

impl<'a> IntoBook<'a> {
    pub(super) const fn new(book: &'a dyn Book, kind: Kind, owned: Vec<Field>) -> Self {
        Self { book, kind, owned }
    }
}

impl Take for IntoBook<'_> {
    fn take(
        &mut self,
        desk: &mut Desk<'_>,
        tray: &mut Tray,
        said: Said,
        identity: Identity,
    ) -> Result<Verdict, RecordError> {
        let origin = book::origin(self.book, identity.name)?;
        // Said before: whatever was edited by hand since then stays.
        if origin.is_some_and(|origin| origin.row == identity.row) {
            return Ok(Verdict::Unchanged);
        }
        let stored = match origin {
            Some(origin) => book::get(self.book, self.kind, origin.id)?,
            None => None,
        };
        let mut record = match &stored {
            Some(record) => record.clone(),
            None => desk.new_record(self.kind, Fields::new()),
        };
        take_over(&mut record.fields, said.fields, &self.owned);
        take_over_lists(desk.keys, &mut record, said.wide);
        if let Some(misfit) = misfit(tray.shape, &record.fields) {
            return Ok(Verdict::Misfit(misfit.field, misfit.reason));
        }
        record.source = Some(identity.name);
        let verdict = match &stored {
            None => Verdict::Created,
            Some(stored) if *stored == record => Verdict::Unchanged,
            Some(_) => Verdict::Updated,
        };
        let origin = Origin {
            kind: self.kind,
            id: record.id,
            row: identity.row,
        };
        tray.change(book::put_origin(identity.name, origin));
        if !matches!(verdict, Verdict::Unchanged) {
            record.updated = desk.now;
            tray.change(book::put_record(&record));
        }
        Ok(verdict)
    }
}

/// Puts what a row says in place of what was said in the same fields; others stay as they are.
fn take_over(fields: &mut Fields, said: Fields, owned: &[Field]) {
    fields.retain(|field, _| !owned.contains(field));
    fields.extend(said);
}

fn take_over_lists(keys: &RecordKeys, record: &mut Record, said: BTreeMap<List, Vec<Fields>>) {
    for (list, rows) in said {
        let named = |fields: Fields| Row {
            key: row_key(keys, Shape::List(list), &fields),
            fields,
        };
        let rows: Vec<Row> = rows.into_iter().map(named).collect();
        if rows.is_empty() {
            record.lists.remove(&list);
        } else {
            record.lists.insert(list, rows);
        }
    }
}

/// Each row is a row of one record's list.
pub(super) struct IntoList {
    record: Record,
    list: List,
    rows: Vec<Row>,
    /// Where each row stands in `rows`.
    at: HashMap<SourceKey, usize>,
    /// Persons this file has named so far.
    named: HashSet<SourceKey>,
    /// Rows that named one of them again.
    repeated: u64,
    /// The fields the file speaks about; others stay as they are.
    owned: Vec<Field>,
}

impl IntoList {
    pub(super) fn open(
        book: &dyn Book,
        asked: Kind,
        (id, list): (Uuid, List),
    ) -> Result<Self, RecordError> {
        let mut record = book::show(book, id)?;
        let kind = record.kind;
        if kind != asked {
            return Err(RecordError::OtherKind { id, kind, asked });
        }
        if !lists_of(kind).contains(&list) {
            return Err(RecordError::NoSuchList { kind, list });
        }
        let rows = record.lists.remove(&list).unwrap_or_default();
        Ok(Self {
            at: rows.iter().map(|row| row.key).zip(0..).collect(),
            record,
            list,
            rows,
            named: HashSet::new(),
            repeated: 0,
            owned: Vec::new(),
        })
    }

    /// Says which fields the file speaks about.
    pub(super) fn owning(mut self, owned: Vec<Field>) -> Self {
        self.owned = owned;
        self
    }

    /// Hands the changed record over, with what should be looked at.
    pub(super) fn close(mut self, desk: &Desk<'_>, tray: &mut Tray) -> Result<(), RecordError> {
        if self.repeated > 0 {
            tray.outcome.warnings.push(format!(
                "{} rows name a person of an earlier row; each person is kept once",
                self.repeated
            ));
        }
        if !self.rows.is_empty() {
            self.record.lists.insert(self.list, self.rows);
        }
        if let Some((attended, listed)) = self.record.head_count_and_list() {
            tray.outcome.warnings.push(format!(
                "attended says {attended} and the list of participants {listed}; the list counts"
            ));
        }
        if tray.outcome.created + tray.outcome.updated == 0 {
            return Ok(());
        }
        self.record.updated = desk.now;
        if self.record.encode().len() > MAX_RECORD {
            return Err(RecordError::TooLarge);
        }
        tray.change(book::put_record(&self.record));
        Ok(())
    }
}

impl Take for IntoList {
    fn take(
        &mut self,
        desk: &mut Desk<'_>,
        _: &mut Tray,
        said: Said,
        identity: Identity,
    ) -> Result<Verdict, RecordError> {
        let person = person_key(desk.keys, self.list, &said.fields);
        if person.is_some_and(|key| !self.named.insert(key)) {
            self.repeated += 1;
        }
        let key = person.unwrap_or(identity.name);
        let Some(at) = self.at.get(&key) else {
            self.at.insert(key, self.rows.len());
            self.rows.push(Row {
                key,
                fields: said.fields,
            });
            return Ok(Verdict::Created);
        };
        let row = &mut self.rows[*at];
        let before = row.fields.clone();
        take_over(&mut row.fields, said.fields, &self.owned);
        Ok(if row.fields == before {
            Verdict::Unchanged
        } else {
            Verdict::Updated
        })
    }
}

/// Returns the name of a participant: a person is in a list once.
fn person_key(keys: &RecordKeys, list: List, fields: &Fields) -> Option<SourceKey> {
    match (list, fields.get(&Field::Person)) {
        (List::Participants, Some(person)) => {
            Some(keys.source_key(&[b"person", person.to_string().as_bytes()]))
        }
        _ => None,
    }
}
