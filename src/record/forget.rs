//! A person leaves the book: every list, because consent was withdrawn, or one, as a correction.
//!
//! What is made here is only the change; it is written together with what else must follow it.

use uuid::Uuid;

use super::book::{self, Book, Change};
use super::edit::Desk;
use super::entry::{Fields, Record, Values as _};
use super::error::RecordError;
use super::person::{self, Pseudonym};
use super::schema::{Field, List, Shape, Type, lists_of};
use super::value::{BadValue, Value};
use super::{bearing, entry::Row};
use crate::model::Kind;

/// Most records named that mention somebody.
const MOST_MENTIONS: usize = 100;

/// What is to be written so that a person is gone, and what that does to records.
#[derive(Debug, Default)]
pub struct Leaving {
    /// The records without the person's rows.
    pub changes: Vec<Change>,
    /// How what they say changes.
    pub records: Vec<Remarked>,
    /// Rows that go.
    pub rows: u64,
    /// Records that mention the person in words, such as a title or notes; the first ones. Words
    /// are for whoever wrote them to change.
    pub mentions: Vec<Uuid>,
}

/// A record whose mark changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remarked {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// Its mark as it was.
    pub before: u64,
    /// Its mark as it will be.
    pub after: u64,
}

/// Returns what takes a person out of every list of every record. Head counts that somebody wrote
/// down stay.
///
/// `person` is what stood in the sheet, in any spelling an import takes for the same, or the
/// pseudonym as [`super::show`] has it.
///
/// # Errors
/// Fails where `person` names nobody, or the book cannot be read.
pub fn forget(book: &dyn Book, desk: &Desk<'_>, person: &str) -> Result<Leaving, RecordError> {
    let known_as = known_as(desk, person)?;
    let mut leaving = Leaving::default();
    for kind in Kind::ALL {
        book::each(book, *kind, &mut |record| {
            if leaving.mentions.len() < MOST_MENTIONS && mentions(&record, person) {
                leaving.mentions.push(record.id);
            }
            leaving.take(desk, record, List::ALL, &known_as);
            Ok(())
        })?;
    }
    Ok(leaving)
}

/// Returns what takes a person out of one list of one record.
///
/// # Errors
/// Fails where there is no such record or list, the list names no persons, or `person` names
/// nobody.
pub fn remove(
    book: &dyn Book,
    desk: &Desk<'_>,
    id: Uuid,
    list: List,
    person: &str,
) -> Result<Leaving, RecordError> {
    let known_as = known_as(desk, person)?;
    let record = book::show(book, id)?;
    let kind = record.kind;
    if !lists_of(kind).contains(&list) {
        return Err(RecordError::NoSuchList { kind, list });
    }
    if Shape::List(list).column(Field::Person).is_none() {
        return Err(RecordError::NoPersons { list });
    }
    let mut leaving = Leaving::default();
    leaving.take(desk, record, &[list], &known_as);
    Ok(leaving)
}

/// Returns whether a record's own words name a person.
fn mentions(record: &Record, person: &str) -> bool {
    let rows = record.lists.values().flatten().map(|row| &row.fields);
    let values = rows.chain([&record.fields]).flat_map(Fields::values);
    let mut texts = values.filter_map(|value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    });
    texts.any(|text| person::mentions(text, person))
}

/// Returns the pseudonyms a person may have: the one an import makes of the text, and the text
/// itself where it is written as one.
fn known_as(desk: &Desk<'_>, person: &str) -> Result<Vec<Pseudonym>, RecordError> {
    let text = person.trim();
    let nobody = |reason: BadValue| RecordError::Nobody {
        reason: match reason {
            BadValue::Placeholder => "it stands for nobody in particular".to_owned(),
            other => other.to_string(),
        },
    };
    if text.is_empty() {
        return Err(nobody(BadValue::Person));
    }
    let made = Type::Person.parse(text, desk.reader()).map_err(nobody)?;
    let made = match made {
        Value::Person(pseudonym) => Some(pseudonym),
        _ => None,
    };
    Ok(made.into_iter().chain(text.parse().ok()).collect())
}

impl Leaving {
    fn take(&mut self, desk: &Desk<'_>, record: Record, lists: &[List], known_as: &[Pseudonym]) {
        let leaves = |row: &Row| row.person().is_some_and(|one| known_as.contains(&one));
        let of_lists = lists.iter().flat_map(|list| record.rows(*list));
        let rows = of_lists.filter(|row| leaves(row)).count();
        if rows == 0 {
            return;
        }
        let before = bearing::mark(&record);
        let mut record = record;
        for list in lists {
            if let Some(rows) = record.lists.get_mut(list) {
                rows.retain(|row| !leaves(row));
            }
        }
        // A list that nobody is left in says nothing: it is no list of nobody.
        record.lists.retain(|_, rows| !rows.is_empty());
        record.updated = desk.now;
        self.rows += rows as u64;
        self.records.push(Remarked {
            kind: record.kind,
            id: record.id,
            before,
            after: bearing::mark(&record),
        });
        self.changes.push(book::put_record(&record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::book::memory::MemoryBook;
    use crate::record::edit::bench::Bench;
    use crate::record::{add, edit, show};

    /// A training and a letter, each with a list of the persons named.
    fn listed(bench: &mut Bench, book: &MemoryBook) -> [Uuid; 2] {
        let kinds = [
            (
                Kind::Training,
                List::Participants,
                &["Mai", "+66 81 234 5678", "P-3"],
            ),
            (
                Kind::AdvocacyAction,
                List::Signatories,
                &["Mai", "Ana", "Mai"],
            ),
        ];
        kinds.map(|(kind, list, persons)| {
            let settings = [("title", "t"), ("start", "2018-02-01")];
            let added = bench.work(|desk| add(book, desk, kind, &settings));
            let mut record = added.expect("a record");
            let row = |(number, person): (usize, &&str)| Row {
                key: bench.keys.source_key(&[&number.to_be_bytes()]),
                fields: Fields::from([(
                    Field::Person,
                    Value::Person(bench.keys.pseudonym(person).expect("somebody")),
                )]),
            };
            let rows = persons.iter().enumerate().map(row).collect();
            record.lists.insert(list, rows);
            book.apply(vec![book::put_record(&record)]).expect("memory");
            record.id
        })
    }

    #[track_caller]
    fn check(person: &str, records: usize, rows: u64) {
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        listed(&mut bench, &book);
        let leaving = bench.work(|desk| forget(&book, desk, person));
        let leaving = leaving.expect("somebody");
        assert_eq!(
            (leaving.records.len(), leaving.rows),
            (records, rows),
            "{person}"
        );
        assert_eq!(leaving.changes.len(), records);
        assert!(leaving.records.iter().all(|one| one.before != one.after));
        book.apply(leaving.changes).expect("memory");
        let again = bench.work(|desk| forget(&book, desk, person));
        assert_eq!(again.expect("somebody").rows, 0, "{person}");
    }

    #[test]
    fn a_person_is_found_in_every_spelling_and_every_list() {
        check("  MAI ", 2, 3);
        check("0066 (81) 234-5678", 1, 1);
        check("Ana", 1, 1);
        check("Nobody we know", 0, 0);
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        let [training, _] = listed(&mut bench, &book);
        let settings = [("notes", "Mai\nspoke first")];
        let edited = bench.work(|desk| edit(&book, desk, training, &settings));
        edited.expect("edited");
        let leaving = bench.work(|desk| forget(&book, desk, "mai"));
        assert_eq!(leaving.expect("somebody").mentions, [training]);
        let pseudonym = Bench::new().keys.pseudonym("mai").expect("somebody");
        check(&pseudonym.to_string(), 2, 3);
    }

    #[test]
    fn whoever_an_import_would_refuse_is_refused_here() {
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        for person in ["", " ", "n/a", "Unknown", "-", "\u{200b}", "a\u{7}b"] {
            let refused = bench.work(|desk| forget(&book, desk, person));
            assert!(
                matches!(refused, Err(RecordError::Nobody { .. })),
                "{person:?}"
            );
        }
    }

    #[test]
    fn a_correction_touches_one_list_of_one_record() {
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        let [training, letter] = listed(&mut bench, &book);
        let mut remove_from = |id, list| bench.work(|desk| remove(&book, desk, id, list, "mai"));
        let leaving = remove_from(letter, List::Signatories).expect("a list");
        assert_eq!((leaving.records.len(), leaving.rows), (1, 2));
        book.apply(leaving.changes).expect("memory");
        let left = |id, list| show(&book, id).expect("a record").rows(list).len();
        assert_eq!(left(letter, List::Signatories), 1);
        assert_eq!(left(training, List::Participants), 3);
        let refused = remove_from(training, List::Sessions);
        assert!(matches!(refused, Err(RecordError::NoPersons { .. })));
        let refused = remove_from(training, List::Signatories);
        assert!(matches!(refused, Err(RecordError::NoSuchList { .. })));
        let refused = remove_from(Uuid::nil(), List::Participants);
        assert!(matches!(refused, Err(RecordError::NotFound { .. })));
    }
}
