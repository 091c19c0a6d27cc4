//! One field's value: read from outside, shown, stored and read back.

use std::fmt;

use jiff::civil::Date;

use super::codes::{self, CodeLists};
use super::daytime::is_time;
use super::person::{Pseudonym, RecordKeys, is_placeholder};
use super::schema::{Codes, Type};
use crate::model::{MemberId, country};

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Free text.
    Text(String),
    /// A calendar day.
    Date(Date),
    /// A whole number.
    Count(u32),
    /// Hundredths of an hour.
    Hours(u32),
    /// An amount of money.
    Money(Money),
    /// One code.
    Code(String),
    /// Several codes, in the order given.
    Codes(Vec<String>),
    /// Yes or no.
    YesNo(bool),
    /// A member.
    Member(MemberId),
    /// A person.
    Person(Pseudonym),
}

/// An amount as it was written: its size and how many decimals it was given with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount in ten-thousandths of the currency's unit.
    pub ten_thousandths: i64,
    /// Decimals it is shown with, 0 to 4.
    pub decimals: u8,
}

/// Why a text is not a value of its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// Longer than any field.
    #[error("longer than {MAX_TEXT} bytes; shorten it")]
    Long,
    /// A character nobody types, which may stop whatever reads it next.
    #[error("holds the control character U+{:04X}; remove it", u32::from(*.character))]
    Control {
        /// The character.
        character: char,
    },
    /// Not a calendar day between 1900 and 2399.
    #[error("not a day of the calendar from 1900 to 2399; write YYYY-MM-DD, such as 2018-03-31")]
    Date,
    /// A year that may be of another calendar.
    #[error(
        "is {year} a year of the Buddhist calendar? write the Gregorian year, \
         or say in the MAP: [dates] calendar = \"buddhist\" or \"gregorian\""
    )]
    BuddhistYear {
        /// The year as written.
        year: i16,
    },
    /// Not a whole number.
    #[error("not a whole number up to {MAX_COUNT}; leave it empty where it is not known")]
    Count,
    /// Not a number of hours.
    #[error("not a number of hours; write a number, such as 7 or 7.5")]
    Hours,
    /// Not an amount.
    #[error(
        "not an amount; write a number such as 1250.50, without thousands separators or currency"
    )]
    Money,
    /// Not a currency.
    #[error("not a currency; write its ISO 4217 code, such as EUR")]
    Currency,
    /// Not one of the charter's currencies: an amount in it would stand in no table.
    #[error("not a currency of the charter; accepted: {accepted}")]
    OtherCurrency {
        /// The charter's currencies.
        accepted: String,
    },
    /// Not in the field's code list.
    #[error("not a code of this field; accepted: {accepted}")]
    Code {
        /// The list.
        accepted: String,
    },
    /// Cannot be a code of any list.
    #[error("not a code: up to 64 letters, digits, _, - or .")]
    CodeForm,
    /// Not a place.
    #[error(
        "not a country; accepted: ISO 3166-1 codes, M49 English names, online, international; \
         anything else needs [values.country] in the MAP"
    )]
    Place,
    /// Neither yes nor no.
    #[error("not yes or no")]
    YesNo,
    /// Not a member's identifier.
    #[error("not a member: a small letter, then up to 30 small letters, digits or dashes")]
    Member,
    /// Not a spoken code.
    #[error("not a joint code such as K7-MANGO")]
    Joint,
    /// Nothing that identifies anybody.
    #[error("nothing here identifies a person")]
    Person,
    /// A word for not knowing who it was.
    #[error(
        "not a person's identifier; leave the cell empty where nobody knows who it was, or say in \
         the MAP what means that: [missing] person = [\"…\"]"
    )]
    Placeholder,
}

/// Longest text of a field, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;
/// Largest count; more would be a telephone number in the wrong column.
pub const MAX_COUNT: u32 = 100_000_000;

/// Largest number of hours of one activity.
pub const MAX_HOURS: u32 = 100_000;

/// What reading from outside needs beside the text.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The consortium's code lists.
    pub codes: &'a CodeLists,
    /// The keys that make pseudonyms.
    pub keys: &'a RecordKeys,
}

impl Type {
    /// Reads a value as people write it: trimmed, not empty, in any accepted spelling.
    ///
    /// # Errors
    /// Says what would have been accepted.
    pub fn parse(self, text: &str, reader: Reader<'_>) -> Result<Value, BadValue> {
        if text.len() > MAX_TEXT {
            return Err(BadValue::Long);
        }
        // Line ends and tabs are typed, in cells of several lines.
        let is_typed = |c: &char| matches!(c, '\n' | '\r' | '\t');
        if let Some(character) = text.chars().find(|c| c.is_control() && !is_typed(c)) {
            return Err(BadValue::Control { character });
        }
        match self {
            Self::Code(list) => find_code(list, text, reader.codes).map(Value::Code),
            Self::CodeList(list) => several(text, |t| find_code(list, t, reader.codes)),
            Self::Places => several(text, find_place),
            Self::YesNo => yes_or_no(text).map(Value::YesNo).ok_or(BadValue::YesNo),
            Self::Person if is_placeholder(text) => Err(BadValue::Placeholder),
            Self::Person => {
                let pseudonym = reader.keys.pseudonym(text).ok_or(BadValue::Person)?;
                Ok(Value::Person(pseudonym))
            }
            Self::Currency => {
                let currency = self.decode(&text.to_ascii_uppercase())?;
                is_of_charter(&currency, reader.codes).map(|()| currency)
            }
            Self::Joint => self.decode(&text.to_ascii_uppercase()),
            Self::Date => parse_date(text).map(Value::Date),
            Self::Member if !reader.codes.may_be_member(text) => {
                let members: Vec<_> = reader.codes.codes(codes::MEMBERS).collect();
                let accepted = members.join(" ");
                Err(BadValue::Code { accepted })
            }
            _ => self.decode(text),
        }
    }

    /// Reads back what [`Value`] displays as. Codes are not looked up: a list may have changed
    /// since.
    ///
    /// # Errors
    /// Says what would have been accepted.
    pub fn decode(self, text: &str) -> Result<Value, BadValue> {
        match self {
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Date => iso_date(text).map(Value::Date),
            Self::Count => digits(text, MAX_COUNT)
                .map(Value::Count)
                .ok_or(BadValue::Count),
            Self::Hours => decimal(text, 2)
                .and_then(|(hundredths, _)| u32::try_from(hundredths).ok())
                .filter(|hundredths| *hundredths <= MAX_HOURS * 100)
                .map(Value::Hours)
                .ok_or(BadValue::Hours),
            Self::Money => parse_money(text).map(Value::Money),
            Self::Currency if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) => {
                Ok(Value::Code(text.to_owned()))
            }
            Self::Currency => Err(BadValue::Currency),
            Self::Code(_) => Ok(Value::Code(text.to_owned())),
            Self::CodeList(_) | Self::Places => several(text, |t| Ok(t.to_owned())),
            Self::YesNo => yes_or_no(text).map(Value::YesNo).ok_or(BadValue::YesNo),
            Self::Member => text
                .parse()
                .map(Value::Member)
                .map_err(|_| BadValue::Member),
            Self::Joint if is_joint_code(text) => Ok(Value::Code(text.to_owned())),
            Self::Joint => Err(BadValue::Joint),
            Self::Person => text
                .parse()
                .map(Value::Person)
                .map_err(|_| BadValue::Person),
        }
    }
}

impl Value {
    /// Returns it as JSON shows it: counts and hours as numbers, yes and no as booleans, several
    /// codes as an array, everything else as text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Count(count) => (*count).into(),
            Self::Hours(hundredths) if hundredths % 100 == 0 => (hundredths / 100).into(),
            Self::Hours(hundredths) => (f64::from(*hundredths) / 100.0).into(),
            Self::YesNo(yes) => (*yes).into(),
            Self::Codes(codes) => codes.as_slice().into(),
            _ => self.to_string().into(),
        }
    }

    /// Returns its codes; none where it holds something else.
    pub fn as_codes(&self) -> &[String] {
        match self {
            Self::Code(code) => std::slice::from_ref(code),
            Self::Codes(codes) => codes,
            _ => &[],
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Code(text) => f.write_str(text),
            Self::Date(day) => write!(f, "{day}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Hours(hundredths) => write_decimal(
                f,
                i64::from(*hundredths),
                2,
                if hundredths % 100 == 0 { 0 } else { 2 },
            ),
            Self::Money(money) => write_decimal(f, money.ten_thousandths, 4, money.decimals),
            Self::Codes(codes) => f.write_str(&codes.join(";")),
            Self::YesNo(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Self::Member(member) => write!(f, "{member}"),
            Self::Person(pseudonym) => write!(f, "{pseudonym}"),
        }
    }
}

/// Reads `2018-03-31`, or the day of a time stamp that begins so, exactly as written.
///
/// # Errors
/// Refuses years outside 1900 to 2399, and asks about years that may be Buddhist.
pub fn parse_date(text: &str) -> Result<Date, BadValue> {
    plausible(iso_date(text)?)
}

fn iso_date(text: &str) -> Result<Date, BadValue> {
    let (day, rest) = text.split_at_checked(10).ok_or(BadValue::Date)?;
    let time = rest.strip_prefix(['T', ' ']);
    if !rest.is_empty() && !time.is_some_and(|time| is_time(time.trim_start())) {
        return Err(BadValue::Date);
    }
    let [year, month, day] = day.split('-').collect::<Vec<_>>()[..] else {
        return Err(BadValue::Date);
    };
    let number = |text: &str, length| {
        (text.len() == length)
            .then(|| digits(text, 9999))
            .flatten()
            .and_then(|n| i16::try_from(n).ok())
            .ok_or(BadValue::Date)
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    Date::new(year, month as i8, day as i8).map_err(|_| BadValue::Date)
}

/// Passes a day of the Gregorian calendar whose year can be meant so.
///
/// # Errors
/// Refuses years outside 1900 to 2399, and asks about those from 2400 to 2700.
pub fn plausible(day: Date) -> Result<Date, BadValue> {
    match day.year() {
        1900..=2399 => Ok(day),
        year @ 2400..=2700 => Err(BadValue::BuddhistYear { year }),
        _ => Err(BadValue::Date),
    }
}

fn digits(text: &str, max: u32) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= max)
}

/// Reads a decimal with at most `places` decimals into units of the last one; also returns how
/// many decimals were written.
fn decimal(text: &str, places: u8) -> Option<(i64, u8)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let decimals = u8::try_from(part.len()).ok()?;
    let ends_in_point = part.is_empty() && text.contains('.');
    if whole.is_empty() || whole.len() > 15 || decimals > places || ends_in_point {
        return None;
    }
    if !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let padded = format!(
        "{whole}{part}{}",
        "0".repeat(usize::from(places - decimals))
    );
    Some((padded.parse().ok()?, decimals))
}

fn parse_money(text: &str) -> Result<Money, BadValue> {
    let (ten_thousandths, decimals) = decimal(text, 4).ok_or(BadValue::Money)?;
    // A hundred billion: so many can be summed that no total overflows.
    if ten_thousandths > 1_000_000_000_000_000 {
        return Err(BadValue::Money);
    }
    Ok(Money {
        ten_thousandths,
        decimals,
    })
}

/// Writes `units` of ten to the minus `places` with `shown` decimals. What is not shown is zero.
fn write_decimal(f: &mut fmt::Formatter<'_>, units: i64, places: u32, shown: u8) -> fmt::Result {
    let one = 10_i64.pow(places);
    write!(f, "{}", units / one)?;
    if shown == 0 {
        return Ok(());
    }
    let part = format!("{:0width$}", units % one, width = places as usize);
    write!(f, ".{}", &part[..usize::from(shown)])
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" => Some(true),
        "no" | "n" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Reads what is separated by `;`, each once, in the order given.
fn several(text: &str, one: impl Fn(&str) -> Result<String, BadValue>) -> Result<Value, BadValue> {
    let mut codes: Vec<String> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|t| !t.is_empty()) {
        let code = one(part)?;
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    if codes.is_empty() {
        return Err(BadValue::CodeForm);
    }
    Ok(Value::Codes(codes))
}

fn find_code(list: Codes, text: &str, lists: &CodeLists) -> Result<String, BadValue> {
    match list {
        Codes::Fixed(codes) => find_fixed(codes, &[], text),
        Codes::Worded(codes, words) => find_fixed(codes, words, text),
        Codes::Charter(name) => match lists.find(name, text) {
            Some(code) => Ok(code.to_owned()),
            None if lists.has(name) => {
                let codes: Vec<_> = lists.codes(name).filter(|c| *c != codes::OTHER).collect();
                Err(BadValue::Code {
                    accepted: format!("{} {}", codes.join(" "), codes::OTHER),
                })
            }
            None if codes::is_well_formed(text) => Ok(text.to_owned()),
            None => Err(BadValue::CodeForm),
        },
    }
}

/// Refuses a currency the charter does not name, where there is a charter: amounts have no
/// `other` to stand in.
fn is_of_charter(currency: &Value, lists: &CodeLists) -> Result<(), BadValue> {
    let is_named = |code: &String| lists.codes(codes::CURRENCY).any(|named| named == code);
    if !lists.has(codes::CURRENCY) || currency.as_codes().iter().all(is_named) {
        return Ok(());
    }
    Err(BadValue::OtherCurrency {
        accepted: lists.currencies(),
    })
}

fn find_fixed(codes: &[&str], words: &[(&str, &str)], text: &str) -> Result<String, BadValue> {
    let named = codes.iter().find(|code| code.eq_ignore_ascii_case(text));
    let worded = || {
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
    };
    match named.or_else(|| worded().map(|(_, code)| code)) {
        Some(code) => Ok((*code).to_owned()),
        None => Err(BadValue::Code {
            accepted: codes.join(" "),
        }),
    }
}

fn find_place(text: &str) -> Result<String, BadValue> {
    for place in ["online", "international"] {
        if text.eq_ignore_ascii_case(place) {
            return Ok(place.to_owned());
        }
    }
    country::find(text)
        .map(|country| country.alpha2.to_owned())
        .ok_or(BadValue::Place)
}

/// Returns whether a text is a capital, a digit, a dash and a word of 3 to 10 capitals.
fn is_joint_code(text: &str) -> bool {
    let [letter, digit, b'-', word @ ..] = text.as_bytes() else {
        return false;
    };
    letter.is_ascii_uppercase()
        && digit.is_ascii_digit()
        && (3..=10).contains(&word.len())
        && word.iter().all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Field, List, Shape};
    use super::*;
    use crate::model::Kind;
    use proptest::prelude::*;

    fn parse(shape: Shape, field: Field, text: &str) -> Result<Value, BadValue> {
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let codes = CodeLists::new([("topic", ["accounting", "auditing"])]);
        let reader = Reader {
            codes: &codes,
            keys: &keys,
        };
        let column = shape.column(field).expect("the shape has the field");
        column.holds.parse(text, reader)
    }

    const TRAINING: Shape = Shape::Kind(Kind::Training);
    const PROJECT: Shape = Shape::Kind(Kind::JointProject);

    #[track_caller]
    fn check(shape: Shape, field: Field, text: &str, shown: Option<&str>) {
        let value = parse(shape, field, text).ok().map(|v| v.to_string());
        assert_eq!(value.as_deref(), shown, "{field} {text:?}");
    }

    #[test]
    fn a_charter_with_currencies_takes_no_other() {
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let codes = &CodeLists::new([("currency", ["EUR", "THB"])]);
        let keys = &keys;
        let parse = |text| Type::Currency.parse(text, Reader { codes, keys });
        assert_eq!(parse("thb"), Ok(Value::Code("THB".to_owned())));
        let refused = parse("VND").expect_err("no table has it").to_string();
        assert!(refused.ends_with("accepted: EUR THB"), "{refused}");
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        check(TRAINING, Field::Country, "Thailand; VNM;TH", Some("TH;VN"));
        check(TRAINING, Field::Country, "NA", Some("NA"));
        check(TRAINING, Field::Country, "W3", None);
        check(
            TRAINING,
            Field::Topics,
            "Accounting; other",
            Some("accounting;other"),
        );
        check(TRAINING, Field::Topics, "knitting", None);
        check(TRAINING, Field::Grant, "RCF-2018", Some("RCF-2018"));
        check(TRAINING, Field::Grant, "a grant", None);
        check(TRAINING, Field::Hours, "7.5", Some("7.50"));
        check(TRAINING, Field::Hours, "7,5", None);
        check(TRAINING, Field::Attended, "0", Some("0"));
        check(TRAINING, Field::Attended, "-1", None);
        check(TRAINING, Field::Attended, "1.0", None);
        check(TRAINING, Field::JointId, "k7-mango", Some("K7-MANGO"));
        check(TRAINING, Field::Notes, "two\nlines", Some("two\nlines"));
        check(TRAINING, Field::Notes, "a\0b", None);
        check(TRAINING, Field::Notes, "\u{85}", None);
        check(PROJECT, Field::Budget, "12000.50", Some("12000.50"));
        check(PROJECT, Field::Budget, "12,000", None);
        check(PROJECT, Field::Budget, "1.", None);
        check(PROJECT, Field::Currency, "eur", Some("EUR"));
        check(PROJECT, Field::Status, "Implementation", Some("running"));
        check(
            Shape::List(List::Participants),
            Field::Completed,
            "Y",
            Some("yes"),
        );
    }

    #[test]
    fn dates_stay_as_written() {
        check(TRAINING, Field::Start, "2018-03-31", Some("2018-03-31"));
        check(
            TRAINING,
            Field::Start,
            "2017-10-23T23:40:39-04:00",
            Some("2017-10-23"),
        );
        for text in [
            "2018-02-30",
            "31/03/2018",
            "2018-3-1",
            "20180331",
            "1018-01-01",
            "2018-03-311",
        ] {
            check(TRAINING, Field::Start, text, None);
        }
        assert_eq!(
            parse(TRAINING, Field::Start, "2561-03-31"),
            Err(BadValue::BuddhistYear { year: 2561 })
        );
    }

    #[test]
    fn json_keeps_numbers_numbers_and_money_text() {
        let json = |shape, field, text| parse(shape, field, text).map(|v| v.to_json());
        assert_eq!(json(TRAINING, Field::Attended, "12"), Ok(12.into()));
        assert_eq!(json(TRAINING, Field::Hours, "7.5"), Ok(7.5.into()));
        assert_eq!(json(PROJECT, Field::Spent, "10.10"), Ok("10.10".into()));
        assert_eq!(
            json(TRAINING, Field::Topics, "auditing"),
            Ok(vec!["auditing"].into())
        );
    }

    fn columns() -> impl Strategy<Value = Type> {
        let kinds = Kind::ALL.iter().map(|k| Shape::Kind(*k));
        let lists = List::ALL.iter().map(|l| Shape::List(*l));
        let all: Vec<_> = kinds
            .chain(lists)
            .flat_map(Shape::columns)
            .map(|c| c.holds)
            .collect();
        proptest::sample::select(all)
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            holds in columns(),
            text in "(.{0,24}|[0-9]{0,18}\\.?[0-9]{0,5}|[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,3})",
        ) {
            let keys = RecordKeys::new([1; 32], [2; 32]);
            let codes = CodeLists::default();
            if let Ok(value) = holds.parse(&text, Reader { codes: &codes, keys: &keys }) {
                prop_assert_eq!(holds.decode(&value.to_string()), Ok(value));
            }
            if let Ok(value) = holds.decode(&text) {
                prop_assert_eq!(holds.decode(&value.to_string()), Ok(value));
            }
        }

        #[test]
        fn money_round_trips(units in 0i64..=1_000_000_000_000_000) {
            let money = Value::Money(Money { ten_thousandths: units, decimals: 4 });
            prop_assert_eq!(Type::Money.decode(&money.to_string()), Ok(money));
        }
    }
}
