//! A record whose persons are let go: nobody in it any more, and every count as it was.
//!
//! So it stands once the time has passed for which the rows were needed, and so it stands beside
//! the record with its persons from the beginning, under another key.

use super::entry::{Record, Row, Values as _};
use super::heads::Sessions;
use super::person::SourceKey;
use super::schema::{Field, List, Shape};
use super::value::Value;

/// Lists whose rows are about persons.
pub const PERSONAL: [List; 2] = [List::Participants, List::Signatories];

/// Returns how many rows of a record are about a person.
pub fn person_rows(record: &Record) -> u64 {
    let rows = PERSONAL.iter().flat_map(|list| {
        let rows = record.rows(*list).iter();
        rows.filter(|row| is_about_a_person(*list, row))
    });
    rows.count() as u64
}

/// Returns the record with nobody in it. Head counts that came from a list are written down as
/// such; of signatories it stays how many individuals there were, and how many were of no type.
pub fn let_go(record: &Record) -> Record {
    let rows = person_rows(record);
    let mut left = record.clone();
    if rows == 0 {
        return left;
    }
    write_down_heads(&mut left);
    left.lists.remove(&List::Participants);
    let signatories = left.lists.entry(List::Signatories).or_default();
    for (at, row) in signatories.iter_mut().enumerate() {
        if is_about_a_person(List::Signatories, row) {
            // Of whom nobody said what they are, the tables by scope are counted too.
            let is_untyped = row.code(Field::Type).is_none();
            row.fields
                .retain(|field, _| *field == Field::Type || (is_untyped && *field == Field::Scope));
            row.key = SourceKey::numbered(at);
        }
    }
    left.lists.retain(|_, rows| !rows.is_empty());
    left.let_go = rows;
    left
}

const INDIVIDUAL: &str = "individual";

/// Participants are persons, also those of whom only an age is known; of signatories, individuals.
/// A signatory of whom nothing is left but that it was an individual is nobody.
fn is_about_a_person(list: List, row: &Row) -> bool {
    let is_individual = row.code(Field::Type) == Some(INDIVIDUAL);
    match list {
        List::Participants => true,
        List::Signatories => row.person().is_some() || (is_individual && row.fields.len() > 1),
        _ => false,
    }
}

/// Writes down what the list of participants says of how many came and completed, where it is the
/// list that counts.
fn write_down_heads(record: &mut Record) {
    if record.rows(List::Participants).is_empty() {
        return;
    }
    let number = |count: usize| Value::Count(u32::try_from(count).unwrap_or(u32::MAX));
    let said = record
        .present()
        .filter_map(|row| row.yes(Field::Completed))
        .collect::<Vec<_>>();
    let completed = number(said.iter().filter(|yes| **yes).count());
    let came = number(record.present().count());
    let has = |field| Shape::Kind(record.kind).column(field).is_some();
    let (counts_heads, counts_completed) = (has(Field::Attended), has(Field::Completed));
    let is_silent = Sessions::of(record) == Sessions::Silent;
    if counts_heads && is_silent {
        record.fields.insert(Field::Attended, came);
    }
    if counts_completed && !said.is_empty() {
        record.fields.insert(Field::Completed, completed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::record::entry::Fields;
    use crate::record::person::Pseudonym;

    fn row(fields: &[(Field, Value)]) -> Row {
        Row {
            key: SourceKey::from_bytes(&[9; 16]).expect("16 bytes"),
            fields: fields.iter().cloned().collect(),
        }
    }

    fn person(number: u8) -> (Field, Value) {
        let person = Pseudonym::from_bytes(&[number; 16]).expect("16 bytes");
        (Field::Person, Value::Person(person))
    }

    fn code(field: Field, code: &str) -> (Field, Value) {
        (field, Value::Code(code.to_owned()))
    }

    fn record(kind: Kind, list: List, rows: Vec<Row>) -> Record {
        Record {
            id: uuid::Uuid::nil(),
            kind,
            fields: Fields::new(),
            lists: [(list, rows)].into(),
            created: jiff::Timestamp::UNIX_EPOCH,
            updated: jiff::Timestamp::UNIX_EPOCH,
            let_go: 0,
            source: None,
        }
    }

    #[test]
    fn a_training_keeps_its_head_counts() {
        let yes = |yes| (Field::Completed, Value::YesNo(yes));
        let rows = vec![
            row(&[person(1), yes(true)]),
            row(&[person(2), yes(false)]),
            row(&[code(Field::Gender, "woman")]),
            row(&[person(3), code(Field::Role, "absent")]),
        ];
        let held = record(Kind::Training, List::Participants, rows);
        assert_eq!(person_rows(&held), 4);
        let left = let_go(&held);
        assert!(left.lists.is_empty());
        assert_eq!(
            (left.count(Field::Attended), left.count(Field::Completed)),
            (Some(3), Some(1))
        );
        assert_eq!((person_rows(&left), left.let_go), (0, 4));
        assert_eq!(let_go(&left), left, "once is enough");
        assert_eq!(left.updated, held.updated);
    }

    #[test]
    fn sessions_go_on_counting() {
        let session = |count| row(&[(Field::Attended, Value::Count(count))]);
        let mut held = record(Kind::Training, List::Participants, vec![row(&[person(1)])]);
        held.lists
            .insert(List::Sessions, vec![session(8), session(9)]);
        let left = let_go(&held);
        assert_eq!(left.count(Field::Attended), None);
        assert_eq!(left.rows(List::Sessions).len(), 2);
    }

    #[test]
    fn organisations_stay_and_individuals_are_only_counted() {
        let name = (Field::Name, Value::Text("A network".to_owned()));
        let rows = vec![
            row(&[name, code(Field::Type, "organisation")]),
            row(&[
                person(1),
                code(Field::Type, "individual"),
                code(Field::Scope, "local"),
            ]),
            row(&[person(2)]),
            row(&[
                person(3),
                code(Field::Scope, "national"),
                code(Field::Country, "TH"),
            ]),
        ];
        let held = record(Kind::AdvocacyAction, List::Signatories, rows);
        let left = let_go(&held);
        let rows = left.rows(List::Signatories);
        assert_eq!((rows.len(), left.let_go), (4, 3));
        assert_eq!(rows[0], held.rows(List::Signatories)[0]);
        let individual = Fields::from([code(Field::Type, "individual")]);
        assert_eq!(rows[1].fields, individual);
        assert_eq!(rows[2].fields, Fields::new());
        // It counts as an organisation, and goes on doing so in the tables by scope.
        let untyped = Fields::from([code(Field::Scope, "national")]);
        assert_eq!(rows[3].fields, untyped);
        // What a row is known again by was made of what it said.
        assert_ne!(rows[1].key, held.rows(List::Signatories)[1].key);
        assert_eq!(let_go(&left), left);
    }

    #[test]
    fn a_record_with_nobody_in_it_is_left_as_it_is() {
        let held = record(Kind::JointProject, List::Milestones, vec![row(&[])]);
        assert_eq!(let_go(&held), held);
    }
}
