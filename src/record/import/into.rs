//! A good row becomes a record, or a row of a list.

use std::collections::btree_map::Entry;
use std::collections::hash_map;
use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::columns::Said;
use super::tray::{Identity, Tray};
use crate::model::Kind;
use crate::record::book::{self, Book, Origin};
use crate::record::edit::{Desk, row_key, source_id_key};
use crate::record::entry::{Fields, MAX_RECORD, Misfit, Record, Row, misfits};
use crate::record::error::RecordError;
use crate::record::person::{RecordKeys, SourceKey};
use crate::record::schema::{Field, List, Shape, lists_of};
use crate::record::value::Value;

/// What became of a good row.
pub(super) enum Verdict {
    Created,
    Updated,
    Unchanged,
    /// The record it names is not there.
    NoRecord,
    /// An earlier line names the same person and says otherwise.
    Otherwise(u64),
    /// It does not fit what is already stored.
    Misfits(Vec<Misfit>),
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
        let misfits = misfits(tray.shape, &record.fields, &[], desk.codes);
        if !misfits.is_empty() {
            return Ok(Verdict::Misfits(misfits));
        }
        tray.contradict(&format!("line {}: ", tray.line), &record);
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
    /// Persons this file has named so far, with what it said of each and on which line.
    named: HashMap<SourceKey, (SourceKey, u64)>,
    /// Signatories of which the file does not say what they are.
    untyped: u64,
    /// Rows that named one of them again.
    repeated: u64,
    /// The fields the file speaks about; others stay as they are.
    owned: Vec<Field>,
    /// Whether any row is new or says something new.
    is_changed: bool,
}

impl IntoList {
    pub(super) fn open(
        book: &dyn Book,
        asked: Kind,
        id: Uuid,
        list: List,
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
            named: HashMap::new(),
            untyped: 0,
            repeated: 0,
            owned: Vec::new(),
            is_changed: false,
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
                "{} rows say again what an earlier row says of the same person; each person is kept once",
                self.repeated
            ));
        }
        if self.untyped > 0 {
            tray.outcome.warnings.push(format!(
                "{} signatories have no type and were taken for organisations, without their \
                 names and countries; say in the MAP what they are: \
                 [constants] type = \"organisation\"",
                self.untyped
            ));
        }
        if !self.rows.is_empty() {
            self.record.lists.insert(self.list, self.rows);
        }
        tray.contradict("", &self.record);
        if !self.is_changed {
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
        tray: &mut Tray,
        said: Said,
        identity: Identity,
    ) -> Result<Verdict, RecordError> {
        let person = person_key(desk.keys, self.list, &said.fields);
        if let Some(person) = person {
            match self.named.entry(person) {
                hash_map::Entry::Vacant(free) => drop(free.insert((identity.row, tray.line))),
                hash_map::Entry::Occupied(taken) => match *taken.get() {
                    (earlier, _) if earlier == identity.row => self.repeated += 1,
                    (_, line) => return Ok(Verdict::Otherwise(line)),
                },
            }
        }
        let is_typed = said.fields.contains_key(&Field::Type);
        self.untyped += u64::from(self.list == List::Signatories && !is_typed);
        let key = person.unwrap_or(identity.name);
        let Some(at) = self.at.get(&key) else {
            self.at.insert(key, self.rows.len());
            self.rows.push(Row {
                key,
                fields: said.fields,
            });
            self.is_changed = true;
            return Ok(Verdict::Created);
        };
        let row = &mut self.rows[*at];
        let before = row.fields.clone();
        take_over(&mut row.fields, said.fields, &self.owned);
        if row.fields == before {
            return Ok(Verdict::Unchanged);
        }
        self.is_changed = true;
        Ok(Verdict::Updated)
    }
}

/// Each row is a row of the list of the record it names.
pub(super) struct IntoLists<'a> {
    book: &'a dyn Book,
    kind: Kind,
    list: List,
    owned: Vec<Field>,
    /// The lists so far, by the names of their records.
    lists: BTreeMap<SourceKey, IntoList>,
}

impl<'a> IntoLists<'a> {
    pub(super) fn new(
        book: &'a dyn Book,
        kind: Kind,
        list: List,
        owned: Vec<Field>,
    ) -> Result<Self, RecordError> {
        if !lists_of(kind).contains(&list) {
            return Err(RecordError::NoSuchList { kind, list });
        }
        Ok(Self {
            book,
            kind,
            list,
            owned,
            lists: BTreeMap::new(),
        })
    }

    /// Hands the changed records over, with what should be looked at.
    pub(super) fn close(self, desk: &Desk<'_>, tray: &mut Tray) -> Result<(), RecordError> {
        for list in self.lists.into_values() {
            list.close(desk, tray)?;
        }
        Ok(())
    }

    /// Returns the list of a record, or `None` where there is no such record.
    fn list_of(
        &mut self,
        desk: &Desk<'_>,
        record: Option<String>,
    ) -> Result<Option<&mut IntoList>, RecordError> {
        let shape = Shape::Kind(self.kind);
        let named = record.filter(|id| !id.is_empty());
        let fields = named.map(|id| Fields::from([(Field::SourceId, Value::Text(id))]));
        let key = fields.and_then(|fields| source_id_key(desk.keys, shape, &fields));
        let Some(key) = key else {
            return Ok(None);
        };
        match self.lists.entry(key) {
            Entry::Occupied(list) => Ok(Some(list.into_mut())),
            Entry::Vacant(free) => {
                let Some(origin) = book::origin(self.book, key)? else {
                    return Ok(None);
                };
                let list = IntoList::open(self.book, self.kind, origin.id, self.list)?;
                Ok(Some(free.insert(list.owning(self.owned.clone()))))
            }
        }
    }
}

impl Take for IntoLists<'_> {
    fn take(
        &mut self,
        desk: &mut Desk<'_>,
        tray: &mut Tray,
        mut said: Said,
        identity: Identity,
    ) -> Result<Verdict, RecordError> {
        match self.list_of(desk, said.record.take())? {
            Some(list) => list.take(desk, tray, said, identity),
            None => Ok(Verdict::NoRecord),
        }
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
