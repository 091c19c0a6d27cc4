//! Records one at a time: add, edit, delete, list.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::book::{self, Book, Change, Origin};
use super::codes::CodeLists;
use super::entry::{Fields, Record, Values, misfits};
use super::error::RecordError;
use super::joint;
use super::person::{RecordKeys, SourceKey};
use super::schema::{Column, Field, Shape, Type};
use super::value::{Reader, Value};
use crate::model::{Kind, MemberId, Period};

/// What writing a record needs beside the record: who, by which lists and keys, when, and chance.
pub struct Desk<'a> {
    /// The member whose node this is.
    pub member: &'a MemberId,
    /// The consortium's code lists.
    pub codes: &'a CodeLists,
    /// The keys for pseudonyms and for the names of rows.
    pub keys: &'a RecordKeys,
    /// The time written into `created` and `updated`. It stays inside.
    pub now: Timestamp,
    /// Fills a buffer with random bytes.
    pub random: &'a mut dyn FnMut(&mut [u8]),
}

impl fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("member", self.member)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Desk<'_> {
    pub(super) const fn reader(&self) -> Reader<'_> {
        Reader {
            codes: self.codes,
            keys: self.keys,
        }
    }

    pub(super) fn new_id(&mut self) -> Uuid {
        let mut random = [0; 10];
        (self.random)(&mut random);
        let ms = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    pub(super) fn new_record(&mut self, kind: Kind, fields: Fields) -> Record {
        Record {
            id: self.new_id(),
            kind,
            fields,
            lists: BTreeMap::new(),
            created: self.now,
            updated: self.now,
            let_go: 0,
            source: None,
        }
    }
}

/// Splits `FIELD=VALUE`.
///
/// # Errors
/// Fails where there is no `=`.
pub fn split_setting(given: &str) -> Result<(&str, &str), RecordError> {
    given
        .split_once('=')
        .ok_or_else(|| RecordError::NotASetting {
            given: given.chars().take(80).collect(),
        })
}

/// Makes a record from settings (field name, value) and stores it.
///
/// `joint_id=new` makes a spoken code and, unless `lead` says otherwise, names this member as the
/// lead. An empty value is the same as none.
///
/// # Errors
/// Names the field that was refused; nothing has been stored then.
pub fn add(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    kind: Kind,
    settings: &[(&str, &str)],
) -> Result<Record, RecordError> {
    let mut fields = Fields::new();
    set(book, desk, kind, &mut fields, settings)?;
    let mut record = desk.new_record(kind, fields);
    let mut changes = Vec::new();
    follow_source_id(book, desk, &mut record, &mut changes)?;
    changes.push(book::put_record(&record));
    book.apply(changes)?;
    Ok(record)
}

/// Changes fields of a record; an empty value makes the field not known.
///
/// # Errors
/// Names the field that was refused; nothing has been changed then.
pub fn edit(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    id: Uuid,
    settings: &[(&str, &str)],
) -> Result<Record, RecordError> {
    let before = book::show(book, id)?;
    let mut record = before.clone();
    set(book, desk, record.kind, &mut record.fields, settings)?;
    if record.fields == before.fields {
        return Ok(before);
    }
    record.updated = desk.now;
    let mut changes = Vec::new();
    if record.fields.get(&Field::SourceId) != before.fields.get(&Field::SourceId) {
        changes.extend(before.source.map(book::remove_origin));
        record.source = None;
        follow_source_id(book, desk, &mut record, &mut changes)?;
    }
    changes.push(book::put_record(&record));
    book.apply(changes)?;
    Ok(record)
}

/// Removes a record with everything that hangs on it, and returns it.
///
/// # Errors
/// Fails where there is no such record.
pub fn delete(book: &dyn Book, id: Uuid) -> Result<Record, RecordError> {
    let record = book::show(book, id)?;
    let mut changes = vec![book::remove_record(&record)];
    changes.extend(record.source.map(book::remove_origin));
    book.apply(changes)?;
    Ok(record)
}

/// Returns the records of a kind (or all) that start in a period (or ever), by first day.
///
/// # Errors
/// Fails where a record cannot be read.
pub fn list(
    book: &dyn Book,
    kind: Option<Kind>,
    period: Option<Period>,
) -> Result<Vec<Record>, RecordError> {
    let mut found = Vec::new();
    let asked = |k: &&Kind| kind.is_none_or(|kind| kind == **k);
    for kind in Kind::ALL.iter().filter(asked) {
        book::each(book, *kind, &mut |record| {
            let within = |p: Period| record.start().is_some_and(|day| p.contains(day));
            if period.is_none_or(within) {
                found.push(record);
            }
            Ok(())
        })?;
    }
    found.sort_by_key(|record| (record.start(), record.id));
    Ok(found)
}

fn set(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    kind: Kind,
    fields: &mut Fields,
    settings: &[(&str, &str)],
) -> Result<(), RecordError> {
    let mut seen = Vec::new();
    let mut mistakes = Vec::new();
    for (name, text) in settings {
        let one = one(book, desk, kind, &mut seen, (name, text.trim()));
        match one {
            Ok((field, Some(value))) => drop(fields.insert(field, value)),
            Ok((field, None)) => drop(fields.remove(&field)),
            // What the book itself refuses is no mistake of the settings.
            Err(error @ (RecordError::Store(_) | RecordError::Damaged { .. })) => {
                return Err(error);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    // Whoever makes the code leads, unless another member is named.
    if settings.contains(&("joint_id", joint::NEW)) {
        let own = || Value::Member(desk.member.clone());
        fields.entry(Field::Lead).or_insert_with(own);
    }
    // Of a field that was refused it is not said too that it is missing.
    let refused: Vec<Field> = mistakes.iter().filter_map(RecordError::field).collect();
    let misfits = misfits(Shape::Kind(kind), fields, &[], desk.codes)
        .into_iter()
        .filter(|misfit| !refused.contains(&misfit.field));
    mistakes.extend(misfits.map(|misfit| RecordError::Misfit {
        field: misfit.field,
        reason: misfit.reason,
    }));
    RecordError::of(mistakes)
}

/// Reads one setting.
fn one(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    kind: Kind,
    seen: &mut Vec<Field>,
    (name, text): (&str, &str),
) -> Result<(Field, Option<Value>), RecordError> {
    let column = find_column(kind, name)?;
    let field = column.field;
    if seen.contains(&field) {
        return Err(RecordError::SetTwice { field });
    }
    seen.push(field);
    Ok((field, read(book, desk, column, text)?))
}

fn find_column(kind: Kind, name: &str) -> Result<&'static Column, RecordError> {
    let shape = Shape::Kind(kind);
    let field = name.trim().parse().ok();
    field
        .and_then(|field| shape.column(field))
        .ok_or_else(|| RecordError::UnknownField {
            shape: kind.as_str(),
            given: name.chars().take(80).collect(),
            accepted: shape.field_names(),
        })
}

fn read(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    column: &Column,
    text: &str,
) -> Result<Option<Value>, RecordError> {
    if text.is_empty() {
        return Ok(None);
    }
    if column.holds == Type::Joint && text == joint::NEW {
        let code = joint::unused_code(book, desk.random)?;
        return Ok(Some(Value::Code(code)));
    }
    let value = column.holds.parse(text, desk.reader());
    value.map(Some).map_err(|reason| RecordError::BadField {
        field: column.field,
        value: text.chars().take(80).collect(),
        reason,
    })
}

/// Gives a record the name its `source_id` makes, so that an import finds it.
fn follow_source_id(
    book: &dyn Book,
    desk: &Desk<'_>,
    record: &mut Record,
    changes: &mut Vec<Change>,
) -> Result<(), RecordError> {
    let shape = Shape::Kind(record.kind);
    let Some(key) = source_id_key(desk.keys, shape, &record.fields) else {
        return Ok(());
    };
    if let Some(origin) = book::origin(book, key)? {
        return Err(RecordError::SourceTaken { other: origin.id });
    }
    record.source = Some(key);
    let origin = Origin {
        kind: record.kind,
        id: record.id,
        row: row_key(desk.keys, shape, record.fields()),
    };
    changes.push(book::put_origin(key, origin));
    Ok(())
}

/// Returns the name that a row's `source_id` gives it.
pub(super) fn source_id_key(keys: &RecordKeys, shape: Shape, fields: &Fields) -> Option<SourceKey> {
    let id = fields.get(&Field::SourceId)?.to_string();
    Some(keys.source_key(&[b"source_id", shape_name(shape).as_bytes(), id.as_bytes()]))
}

/// Returns the name of everything a row says.
pub(super) fn row_key(keys: &RecordKeys, shape: Shape, fields: &Fields) -> SourceKey {
    let texts: Vec<(&str, String)> = fields
        .iter()
        .map(|(field, value)| (field.as_str(), canonical(value)))
        .collect();
    let mut parts: Vec<&[u8]> = vec![b"row", shape_name(shape).as_bytes()];
    for (field, text) in &texts {
        parts.extend([field.as_bytes(), text.as_bytes()]);
    }
    keys.source_key(&parts)
}

/// Writes a value so that two spellings of it are the same: 1250.50 and 1250.5.
fn canonical(value: &Value) -> String {
    match value {
        Value::Money(money) => money.ten_thousandths.to_string(),
        other => other.to_string(),
    }
}

pub(super) const fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Kind(kind) => kind.as_str(),
        Shape::List(list) => list.as_str(),
    }
}

#[cfg(test)]
pub(super) mod bench {
    //! A desk to work at in tests: fixed keys, a fixed day, chance that counts up.

    use jiff::Timestamp;

    use super::Desk;
    use crate::model::MemberId;
    use crate::record::{CodeLists, RecordKeys};

    pub(in crate::record) struct Bench {
        pub(in crate::record) member: MemberId,
        pub(in crate::record) codes: CodeLists,
        pub(in crate::record) keys: RecordKeys,
        turn: u64,
    }

    impl Bench {
        pub(in crate::record) fn new() -> Self {
            Self {
                member: "inpud".parse().expect("an id"),
                codes: CodeLists::new([("topic", ["accounting", "auditing", "data_skills"])]),
                keys: RecordKeys::new([1; 32], [2; 32]),
                turn: 0,
            }
        }

        pub(in crate::record) fn work<T>(&mut self, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
            let turn = &mut self.turn;
            let mut random = |buffer: &mut [u8]| {
                *turn += 1;
                let bytes = turn.to_le_bytes();
                buffer
                    .iter_mut()
                    .zip(bytes.iter().cycle())
                    .for_each(|(to, from)| *to = *from);
            };
            work(&mut Desk {
                member: &self.member,
                codes: &self.codes,
                keys: &self.keys,
                now: Timestamp::from_second(1_520_000_000).expect("in range"),
                random: &mut random,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::memory::MemoryBook;
    use super::bench::Bench;
    use super::*;

    const PLAIN: &[(&str, &str)] = &[("title", "Book-keeping"), ("start", "2018-01-09")];

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        PLAIN.iter().chain(more).copied().collect()
    }

    #[track_caller]
    fn check_refused(settings: &[(&str, &str)], part: &str) {
        let book = MemoryBook::default();
        let added = Bench::new().work(|desk| add(&book, desk, Kind::Training, settings));
        let message = added.expect_err("is refused").to_string();
        assert!(message.contains(part), "{message}");
        assert!(book.0.borrow().is_empty());
    }

    #[test]
    fn every_mistake_is_told_at_once_and_each_once() {
        let settings = [
            ("start", "yesterday"),
            ("colour", "red"),
            ("attended", "-1"),
        ];
        let book = MemoryBook::default();
        let added = Bench::new().work(|desk| add(&book, desk, Kind::Training, &settings));
        let message = added.expect_err("is refused").to_string();
        let told = [
            "start \"yesterday\": ",
            "no field \"colour\"",
            "attended \"-1\": ",
            "title: ",
        ];
        for part in told {
            assert_eq!(message.matches(part).count(), 1, "{part} in {message}");
        }
        assert!(!message.contains("start: "), "it is not missing: {message}");
        assert!(book.0.borrow().is_empty());
    }

    #[test]
    fn a_record_is_added_edited_listed_and_deleted() {
        let book = MemoryBook::default();
        let mut bench = Bench::new();
        let record = bench
            .work(|desk| add(&book, desk, Kind::Training, &with(&[("attended", "12")])))
            .expect("is added");
        assert_eq!(record.id.get_version_num(), 7);
        assert_eq!(show_title(&book, record.id), "Book-keeping");
        let settings = [("title", "Accounts"), ("attended", "")];
        let edited = bench.work(|desk| edit(&book, desk, record.id, &settings));
        assert_eq!(edited.expect("is edited").count(Field::Attended), None);
        assert_eq!(show_title(&book, record.id), "Accounts");
        let quarter = |text: &str| Some(text.parse().expect("a period"));
        assert_eq!(
            list(&book, None, quarter("2018Q1")).expect("lists").len(),
            1
        );
        assert_eq!(
            list(&book, None, quarter("2018Q2")).expect("lists").len(),
            0
        );
        delete(&book, record.id).expect("is deleted");
        assert!(matches!(
            book::show(&book, record.id),
            Err(RecordError::NotFound { .. })
        ));
    }

    fn show_title(book: &MemoryBook, id: Uuid) -> String {
        book::show(book, id).expect("is there").fields[&Field::Title].to_string()
    }

    #[test]
    fn a_refused_field_is_named() {
        check_refused(&[("title", "x")], "start");
        check_refused(&with(&[("budget", "1")]), "\"budget\"");
        check_refused(&with(&[("attended", "many")]), "attended \"many\"");
        check_refused(&with(&[("topics", "knitting")]), "accounting auditing");
        check_refused(&with(&[("title", "again")]), "more than once");
        check_refused(&with(&[("end", "2017-01-01")]), "before start");
        check_refused(&with(&[("joint_id", "K7-MANGO")]), "lead");
        check_refused(&[("title", "x"), ("start", "2561-01-09")], "Buddhist");
    }

    #[test]
    fn a_new_joint_activity_is_led_by_whoever_makes_the_code() {
        let book = MemoryBook::default();
        let mut bench = Bench::new();
        let record = bench
            .work(|desk| add(&book, desk, Kind::Training, &with(&[("joint_id", "new")])))
            .expect("is added");
        assert!(!record.is_led_by_another(&bench.member));
        assert_eq!(record.fields[&Field::Lead].to_string(), "inpud");
        let code = record.fields[&Field::JointId].to_string();
        let joined = [("joint_id", code.as_str()), ("lead", "anpud")];
        let record = bench
            .work(|desk| add(&book, desk, Kind::Training, &with(&joined)))
            .expect("is added");
        assert!(record.is_led_by_another(&bench.member));
    }

    #[test]
    fn two_spellings_of_an_amount_are_one_row() {
        let keys = crate::record::RecordKeys::new([1; 32], [2; 32]);
        let shape = Shape::Kind(Kind::JointProject);
        let key = |text| {
            let amount = Type::Money.decode(text).expect("an amount");
            row_key(&keys, shape, &Fields::from([(Field::Budget, amount)]))
        };
        assert_eq!(key("1250.50"), key("1250.5"));
        assert_eq!(key("1250"), key("1250.0000"));
        assert_ne!(key("1250.5"), key("1250.05"));
    }

    /// A book whose disk takes nothing more.
    struct FullBook(MemoryBook);

    impl Book for FullBook {
        fn get(
            &self,
            space: crate::record::Space,
            key: &[u8],
        ) -> Result<Option<Vec<u8>>, RecordError> {
            self.0.get(space, key)
        }

        fn scan(
            &self,
            space: crate::record::Space,
            prefix: &[u8],
            each: &mut book::Each<'_>,
        ) -> Result<(), RecordError> {
            self.0.scan(space, prefix, each)
        }

        fn apply(&self, _: Vec<Change>) -> Result<(), RecordError> {
            Err(RecordError::Store(crate::store::StoreError::DiskFull {
                path: std::path::PathBuf::new(),
                available: 0,
                needed: 1,
            }))
        }
    }

    #[test]
    fn a_disk_that_fails_leaves_the_book_as_it_was() {
        let book = MemoryBook::default();
        let mut bench = Bench::new();
        let settings = with(&[("source_id", "a1")]);
        let record = bench.work(|desk| add(&book, desk, Kind::Training, &settings));
        let record = record.expect("is added");
        let before = book.0.borrow().clone();
        let full = FullBook(book);
        let other = with(&[("source_id", "a2")]);
        let added = bench.work(|desk| add(&full, desk, Kind::Training, &other));
        let edited = bench.work(|desk| edit(&full, desk, record.id, &[("source_id", "a3")]));
        let deleted = delete(&full, record.id);
        for done in [added, edited, deleted] {
            assert!(matches!(done, Err(RecordError::Store(_))), "{done:?}");
        }
        assert_eq!(*full.0.0.borrow(), before);
    }

    #[test]
    fn one_source_id_is_one_record() {
        let book = MemoryBook::default();
        let mut bench = Bench::new();
        let settings = with(&[("source_id", "a1")]);
        let first = bench
            .work(|desk| add(&book, desk, Kind::Training, &settings))
            .expect("is added");
        let again = bench.work(|desk| add(&book, desk, Kind::Training, &settings));
        assert!(matches!(again, Err(RecordError::SourceTaken { other }) if other == first.id));
        let renamed = bench.work(|desk| edit(&book, desk, first.id, &[("source_id", "a2")]));
        renamed.expect("is edited");
        let again = bench.work(|desk| add(&book, desk, Kind::Training, &settings));
        again.expect("the old id is free again");
        delete(&book, first.id).expect("is deleted");
        let settings = with(&[("source_id", "a2")]);
        let again = bench.work(|desk| add(&book, desk, Kind::Training, &settings));
        again.expect("the deleted id is free again");
    }
}
