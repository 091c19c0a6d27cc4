//! A record: its fields and its lists, what must fit together, how it is shown and stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::codes::CodeLists;
use super::error::RecordError;
use super::person::{Pseudonym, SourceKey};
use super::schema::{Field, List, Shape};
use super::value::{Money, Value};
use crate::model::{Kind, MemberId};

/// The values of a row by field; a field that is absent is not known.
pub type Fields = BTreeMap<Field, Value>;

/// One activity, as this node keeps it. It never leaves the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `UUIDv7`.
    pub id: Uuid,
    /// What kind of activity it is.
    pub kind: Kind,
    /// What is known of it.
    pub fields: Fields,
    /// The rows that hang on it.
    pub lists: BTreeMap<List, Vec<Row>>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// How many rows about persons were let go, once their time was over; see [`mod@super::let_go`].
    pub let_go: u64,
    /// By which name an import knows it again.
    pub(super) source: Option<SourceKey>,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// By which name an import knows it again.
    pub key: SourceKey,
    /// What is known of it.
    pub fields: Fields,
}

/// Largest stored record with its lists, in bytes: what the private database takes in one value.
pub const MAX_RECORD: usize = 15 << 20;

/// A field whose value does not fit with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) field: Field,
    pub(super) reason: Cow<'static, str>,
}

/// Typed access to what a row says.
pub trait Values {
    /// Returns the fields.
    fn fields(&self) -> &Fields;

    /// Returns a day.
    fn day(&self, field: Field) -> Option<Date> {
        match self.fields().get(&field) {
            Some(Value::Date(day)) => Some(*day),
            _ => None,
        }
    }

    /// Returns a count.
    fn count(&self, field: Field) -> Option<u32> {
        match self.fields().get(&field) {
            Some(Value::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// Returns hours, in hundredths.
    fn hours(&self, field: Field) -> Option<u32> {
        match self.fields().get(&field) {
            Some(Value::Hours(hundredths)) => Some(*hundredths),
            _ => None,
        }
    }

    /// Returns an amount of money.
    fn money(&self, field: Field) -> Option<Money> {
        match self.fields().get(&field) {
            Some(Value::Money(money)) => Some(*money),
            _ => None,
        }
    }

    /// Returns the codes of a field with one code or several; none where it is absent.
    fn codes(&self, field: Field) -> &[String] {
        self.fields().get(&field).map_or(&[], Value::as_codes)
    }

    /// Returns the code of a field that has one.
    fn code(&self, field: Field) -> Option<&str> {
        self.codes(field).first().map(String::as_str)
    }

    /// Returns a yes or a no.
    fn yes(&self, field: Field) -> Option<bool> {
        match self.fields().get(&field) {
            Some(Value::YesNo(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// Returns the person.
    fn person(&self) -> Option<Pseudonym> {
        match self.fields().get(&Field::Person) {
            Some(Value::Person(pseudonym)) => Some(*pseudonym),
            _ => None,
        }
    }
}

impl Values for Record {
    fn fields(&self) -> &Fields {
        &self.fields
    }
}

impl Values for Row {
    fn fields(&self) -> &Fields {
        &self.fields
    }
}

impl Record {
    /// Returns the first day of the activity.
    pub fn start(&self) -> Option<Date> {
        self.day(Field::Start)
    }

    /// Returns the rows of a list.
    pub fn rows(&self, list: List) -> &[Row] {
        self.lists.get(&list).map_or(&[], Vec::as_slice)
    }

    /// Returns the participants that came: whose role is not `absent`.
    pub fn present(&self) -> impl Iterator<Item = &Row> {
        self.rows(List::Participants)
            .iter()
            .filter(|row| row.code(Field::Role) != Some("absent"))
    }

    /// Returns whether another member counts this joint activity.
    pub fn is_led_by_another(&self, me: &MemberId) -> bool {
        match (
            self.fields.get(&Field::JointId),
            self.fields.get(&Field::Lead),
        ) {
            (Some(_), Some(Value::Member(lead))) => lead != me,
            _ => false,
        }
    }

    /// Returns `{id,kind,fields,lists,created,updated}`, each list as the number of its rows.
    pub fn to_json(&self) -> Json {
        let count = |(list, rows): (&List, &Vec<Row>)| (list.to_string(), rows.len().into());
        self.json_with(self.lists.iter().map(count).collect())
    }

    /// Returns the same with every row of every list.
    pub fn to_json_in_full(&self) -> Json {
        let rows = |(list, rows): (&List, &Vec<Row>)| {
            let rows = rows.iter().map(|row| fields_json(&row.fields));
            (list.to_string(), rows.collect())
        };
        self.json_with(self.lists.iter().map(rows).collect())
    }

    fn json_with(&self, lists: Map<String, Json>) -> Json {
        json!({
            "id": self.id,
            "kind": self.kind,
            "fields": fields_json(&self.fields),
            "lists": lists,
            "created": self.created.to_string(),
            "updated": self.updated.to_string(),
        })
    }
}

fn fields_json(fields: &Fields) -> Json {
    let one = |(field, value): (&Field, &Value)| (field.to_string(), value.to_json());
    Json::Object(fields.iter().map(one).collect())
}

/// Finds all that is missing from a row, or does not fit together in it. Fields in `unread` are
/// given, but what they hold could not be read: nothing is said of these.
pub(super) fn misfits(
    shape: Shape,
    fields: &Fields,
    unread: &[Field],
    codes: &CodeLists,
) -> Vec<Misfit> {
    let has = |field: Field| fields.contains_key(&field) || unread.contains(&field);
    let missing = shape
        .columns()
        .filter(|column| column.required && !has(column.field))
        .map(|column| (column.field, EMPTY));
    let mut found: Vec<(Field, Cow<'static, str>)> = missing.collect();
    match shape {
        Shape::Kind(_) => {
            let ends = ends_before_it_starts(fields).map(|reason| (Field::End, reason.into()));
            let lead = lead_alone(&has).map(|reason| (Field::Lead, reason.into()));
            let currency = which_currency(fields, &has, codes);
            let currency = currency.map(|question| (Field::Currency, question.into()));
            found.extend([ends, lead, currency].into_iter().flatten());
        }
        Shape::List(List::Signatories) if !has(Field::Name) && !has(Field::Person) => {
            found.push((Field::Name, EMPTY));
        }
        Shape::List(_) => {}
    }
    let misfit = |(field, reason)| Misfit { field, reason };
    found.into_iter().map(misfit).collect()
}

const EMPTY: Cow<'static, str> = Cow::Borrowed("must not be empty");

/// Returns the question an amount without a currency raises: it would stand in no table.
fn which_currency(
    fields: &Fields,
    has: &dyn Fn(Field) -> bool,
    codes: &CodeLists,
) -> Option<String> {
    let is_amount = |field: &Field| fields.contains_key(field);
    let amount = [Field::Budget, Field::Spent].into_iter().find(is_amount)?;
    if has(Field::Currency) {
        return None;
    }
    let accepted = match codes.currencies() {
        none if none.is_empty() => "its ISO 4217 code, such as EUR".to_owned(),
        some => format!("one of {some}"),
    };
    Some(format!(
        "{amount} is given and no currency; which is it? write {accepted}"
    ))
}

fn ends_before_it_starts(fields: &Fields) -> Option<&'static str> {
    match (fields.get(&Field::Start), fields.get(&Field::End)) {
        (Some(Value::Date(start)), Some(Value::Date(end))) if end < start => {
            Some("lies before start")
        }
        _ => None,
    }
}

fn lead_alone(has: &dyn Fn(Field) -> bool) -> Option<&'static str> {
    match (has(Field::JointId), has(Field::Lead)) {
        (true, false) => Some("a joint activity names the member that leads it"),
        (false, true) => Some("has a meaning only together with joint_id"),
        _ => None,
    }
}

/// A record as it is stored, values as [`Value`] displays them. Its kind and id are its key.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    fields: BTreeMap<Field, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    lists: BTreeMap<List, Vec<StoredRow>>,
    /// Milliseconds since 1970.
    created: i64,
    /// Milliseconds since 1970.
    updated: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    let_go: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceKey>,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRow {
    key: SourceKey,
    fields: BTreeMap<Field, String>,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let row = |row: &Row| StoredRow {
            key: row.key,
            fields: as_texts(&row.fields),
        };
        let lists = self.lists.iter();
        let stored = Stored {
            fields: as_texts(&self.fields),
            lists: lists
                .map(|(l, rows)| (*l, rows.iter().map(row).collect()))
                .collect(),
            created: self.created.as_millisecond(),
            updated: self.updated.as_millisecond(),
            let_go: self.let_go,
            source: self.source,
        };
        let bytes = serde_json::to_vec(&stored);
        let mut bytes = bytes.expect("texts and numbers under text keys are always JSON");
        // An import holds all its records at once, and half of each would be room to grow.
        bytes.shrink_to_fit();
        bytes
    }

    pub(super) fn decode(kind: Kind, id: Uuid, bytes: &[u8]) -> Result<Self, RecordError> {
        let damaged = |reason: String| RecordError::Damaged { id, reason };
        let stored: Stored =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        let time = |ms| Timestamp::from_millisecond(ms).map_err(|error| damaged(error.to_string()));
        let mut lists = BTreeMap::new();
        for (list, rows) in stored.lists {
            let row = |row: StoredRow| {
                let fields = from_texts(Shape::List(list), &row.fields)?;
                Ok(Row {
                    key: row.key,
                    fields,
                })
            };
            let rows: Result<Vec<_>, String> = rows.into_iter().map(row).collect();
            lists.insert(list, rows.map_err(damaged)?);
        }
        Ok(Self {
            id,
            kind,
            fields: from_texts(Shape::Kind(kind), &stored.fields).map_err(damaged)?,
            lists,
            created: time(stored.created)?,
            updated: time(stored.updated)?,
            let_go: stored.let_go,
            source: stored.source,
        })
    }
}

fn as_texts(fields: &Fields) -> BTreeMap<Field, String> {
    fields.iter().map(|(f, v)| (*f, v.to_string())).collect()
}

fn from_texts(shape: Shape, texts: &BTreeMap<Field, String>) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for (field, text) in texts {
        let column = shape
            .column(*field)
            .ok_or_else(|| format!("{field} does not belong here"))?;
        // The value itself may be private, so only its field is named.
        let value = column
            .holds
            .decode(text)
            .map_err(|e| format!("{field}: {e}"))?;
        fields.insert(*field, value);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::Type;

    fn record() -> Record {
        let person = Pseudonym::from_bytes(&[7; 16]).expect("16 bytes");
        let key = SourceKey::from_bytes(&[9; 16]).expect("16 bytes");
        let row = Row {
            key,
            fields: Fields::from([
                (Field::Person, Value::Person(person)),
                (Field::Role, Value::Code("staff".to_owned())),
            ]),
        };
        Record {
            id: Uuid::from_u128(1),
            kind: Kind::Training,
            fields: Fields::from([
                (
                    Field::Title,
                    Value::Text("Book-keeping; \"first\"".to_owned()),
                ),
                (Field::Start, Value::Date(jiff::civil::date(2018, 1, 9))),
                (Field::Hours, Value::Hours(750)),
                (Field::Attended, Value::Count(3)),
            ]),
            lists: BTreeMap::from([(List::Participants, vec![row])]),
            created: Timestamp::from_millisecond(1_500_000_000_123).expect("in range"),
            updated: Timestamp::from_millisecond(1_500_000_000_124).expect("in range"),
            let_go: 0,
            source: Some(key),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_stored() {
        let record = record();
        let back = Record::decode(record.kind, record.id, &record.encode());
        assert_eq!(back.ok(), Some(record));
    }

    #[test]
    fn json_shows_fields_as_typed_and_lists_counted_or_whole() {
        let json = record().to_json();
        assert_eq!(json["fields"]["hours"], json!(7.5));
        assert_eq!(json["fields"]["attended"], json!(3));
        assert_eq!(json["lists"]["participants"], json!(1));
        assert_eq!(json["kind"], json!("training"));
        let full = record().to_json_in_full();
        assert_eq!(full["lists"]["participants"][0]["role"], json!("staff"));
    }

    #[test]
    fn fields_must_fit_together() {
        let shape = Shape::Kind(Kind::Training);
        let check = |change: &[(Field, Value)], field| {
            let mut fields = record().fields;
            fields.extend(change.iter().cloned());
            let misfits = misfits(shape, &fields, &[], &CodeLists::default());
            let found: Vec<Field> = misfits.iter().map(|m| m.field).collect();
            assert_eq!(found, Vec::from_iter(field));
        };
        let day = |y, m, d| Value::Date(jiff::civil::date(y, m, d));
        check(&[], None);
        check(&[(Field::End, day(2018, 1, 8))], Some(Field::End));
        let joint = (Field::JointId, Value::Code("K7-MANGO".to_owned()));
        check(std::slice::from_ref(&joint), Some(Field::Lead));
        let lead = (Field::Lead, Value::Member("inpud".parse().expect("an id")));
        check(std::slice::from_ref(&lead), Some(Field::Lead));
        check(&[joint, lead], None);
    }

    #[test]
    fn what_cannot_be_read_is_not_missing() {
        let shape = Shape::Kind(Kind::JointProject);
        let mut fields = Fields::new();
        let budget = Type::Money.decode("12.5").expect("an amount");
        fields.insert(Field::Budget, budget);
        let unread = [Field::Title, Field::Currency];
        let misfits = misfits(shape, &fields, &unread, &CodeLists::default());
        let found: Vec<Field> = misfits.iter().map(|m| m.field).collect();
        assert_eq!(found, [Field::Start]);
    }

    #[test]
    fn an_amount_asks_for_its_currency() {
        let check = |fields: &Fields, codes: &CodeLists, said: Option<&str>| {
            let misfits = misfits(Shape::Kind(Kind::JointProject), fields, &[], codes);
            assert_eq!(misfits.len(), said.iter().count(), "{misfits:?}");
            let mut reasons = misfits.iter().map(|m| &m.reason);
            assert!(reasons.all(|reason| reason.contains(said.unwrap_or_default())));
        };
        let (none, lists) = (
            CodeLists::default(),
            CodeLists::new([("currency", ["EUR", "THB"])]),
        );
        let mut fields = record().fields;
        fields.retain(|field, _| matches!(field, Field::Title | Field::Start));
        check(&fields, &lists, None);
        let spent = Type::Money.decode("12.5").expect("an amount");
        fields.insert(Field::Spent, spent);
        check(&fields, &lists, Some("one of EUR THB"));
        check(&fields, &none, Some("ISO 4217"));
        fields.insert(Field::Currency, Value::Code("THB".to_owned()));
        check(&fields, &lists, None);
    }
}
