//! Whether a policy makes sense: ranges, spellings, and tables that nobody could be found by.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::error::line_of;
use super::policy::{CodeList, Floor, Of, Policy, PolicyError, TableSpec};
use crate::model::{Dimension, Grain, Kind, Measure};

/// The most days anything is waited for.
const MOST_DAYS: u32 = 3_660;

/// Something in a policy that cannot stand.
#[derive(Debug)]
pub(super) struct Fault {
    at: At,
    message: String,
}

/// Where it stands.
#[derive(Debug)]
enum At {
    /// A key of a section.
    Setting(&'static str, &'static str),
    /// A key of what is agreed for a kind.
    Kind(Kind, &'static str),
    Code(CodeList, String),
    /// The table by its position, its id, and the key in it.
    Table(usize, String, &'static str),
}

/// Checks ranges, code spellings and the tables.
pub(super) fn check(policy: &Policy) -> Result<(), Fault> {
    check_numbers(policy)?;
    for (list, codes) in &policy.codes {
        if let Some(bad) = codes.keys().find(|code| !is_code(code)) {
            let message = format!(
                "{bad:?} is not a code: up to 40 letters, digits, dots, dashes or underscores"
            );
            let at = At::Code(*list, bad.clone());
            return Err(Fault { at, message });
        }
        // TOML would write a longer one over several lines, and a line of it could look like a
        // signature.
        let broken = |label: &str| label.trim().is_empty() || label.contains(char::is_control);
        if let Some((code, _)) = codes.iter().find(|(_, label)| broken(label)) {
            let message = format!("the label of {code} must be one line, and not empty");
            let at = At::Code(*list, code.clone());
            return Err(Fault { at, message });
        }
    }
    check_tables(policy)
}

fn check_numbers(policy: &Policy) -> Result<(), Fault> {
    let within = |number: u32, least: u32, most: u32, at: At| match number {
        number if (least..=most).contains(&number) => Ok(()),
        _ => {
            let message = format!("must be from {least} to {most}");
            Err(Fault { at, message })
        }
    };
    let setting = At::Setting;
    let floor = policy.disclosure.min_cell;
    within(
        floor,
        Floor::LEAST,
        1_000_000,
        setting("disclosure", "min_cell"),
    )?;
    let fresh = policy.witness.fresh_days;
    within(fresh, 1, MOST_DAYS, setting("witness", "fresh_days"))?;
    for (kind, agreed) in &policy.kind {
        within(agreed.due_days, 0, MOST_DAYS, At::Kind(*kind, "due_days"))?;
    }
    Ok(())
}

fn check_tables(policy: &Policy) -> Result<(), Fault> {
    if policy.table.is_empty() {
        let message = "nothing would be published; name at least one [[table]]".to_owned();
        let at = At::Setting("table", "");
        return Err(Fault { at, message });
    }
    let mut seen = BTreeSet::new();
    for (nth, table) in policy.table.iter().enumerate() {
        let fault = |(key, message): Wrong| Fault {
            at: At::Table(nth, table.id.clone(), key),
            message,
        };
        if !is_name(&table.id) {
            return Err(fault((
                "id",
                "an id has 1 to 100 letters, digits, dots, dashes or underscores".to_owned(),
            )));
        }
        if !seen.insert(&table.id) {
            return Err(fault(("id", "two tables have this id".to_owned())));
        }
        check_table(policy, table).map_err(fault)?;
        check_persons(policy, table).map_err(fault)?;
    }
    Ok(())
}

/// The key of a table, and what is wrong with it.
type Wrong = (&'static str, String);

fn wrong<T>(key: &'static str, message: impl Into<String>) -> Result<T, Wrong> {
    Err((key, message.into()))
}

fn check_table(policy: &Policy, table: &TableSpec) -> Result<(), Wrong> {
    let (kind, measure) = (table.kind, table.measure);
    if !measure.belongs_to(kind) {
        let known = Measure::of(kind).iter().map(|measure| measure.as_str());
        let known = known.collect::<Vec<_>>().join(" ");
        return wrong(
            "measure",
            format!("{kind} has no measure {measure}; it has {known}"),
        );
    }
    if table.period.is_empty() {
        return wrong("period", "must name month, quarter, year or fy");
    }
    let periods: BTreeSet<Grain> = table.period.iter().copied().collect();
    if periods.len() < table.period.len() {
        return wrong("period", "one of them stands twice");
    }
    if table.sizes.is_empty() {
        return wrong("sizes", "must name small, medium or large");
    }
    if table.period.contains(&Grain::FinancialYear) && policy.financial_year_starts.is_none() {
        return wrong("period", "a table by fy needs financial_year_starts");
    }
    let mut dimensions = BTreeSet::new();
    for dimension in &table.by {
        if !dimensions.insert(*dimension) {
            return wrong("by", format!("dimension {dimension} stands twice"));
        }
        if !dimension.splits(kind, measure) {
            return wrong(
                "by",
                format!("{kind} {measure} cannot be split by {dimension}"),
            );
        }
    }
    if measure.is_money() && !table.by.contains(&Dimension::Currency) {
        return wrong(
            "by",
            "amounts of different currencies do not add up; name currency too",
        );
    }
    if let Some(stray) = table.attributes.iter().find(|a| !table.by.contains(a)) {
        return wrong(
            "attributes",
            format!("attribute {stray} is not among its dimensions"),
        );
    }
    if table.of.is_some() && measure != Measure::Signatories {
        return wrong("of", "only signatories have it");
    }
    Ok(())
}

/// Checks that a table that counts persons is protected, and can be.
fn check_persons(policy: &Policy, table: &TableSpec) -> Result<(), Wrong> {
    let counts_persons = table.measure.counts_persons()
        || table.of == Some(Of::Individuals)
        || table.by.iter().any(|d| d.describes_persons());
    if counts_persons && !table.personal {
        return wrong("personal", "it counts persons, so personal must be true");
    }
    if !table.personal {
        return Ok(());
    }
    let same = |other: &&TableSpec| {
        other.personal
            && (other.kind, other.measure, other.of) == (table.kind, table.measure, table.of)
    };
    // Two years that overlap and do not contain each other could be subtracted quarter by quarter.
    let grains: BTreeSet<Grain> = policy
        .table
        .iter()
        .filter(same)
        .flat_map(|other| other.period.iter().copied())
        .collect();
    if grains.contains(&Grain::Year) && grains.contains(&Grain::FinancialYear) {
        let of = |grain: Grain| {
            let mut tables = policy.table.iter().filter(same);
            tables.find(|other| other.period.contains(&grain))
        };
        let [year, fy] = [of(Grain::Year), of(Grain::FinancialYear)]
            .map(|table| table.map_or("", |table| table.id.as_str()));
        return wrong(
            "period",
            format!(
                "persons are counted by year or by fy, not both: {year:?} and {fy:?} overlap, and \
                 could be subtracted from each other"
            ),
        );
    }
    check_atoms(policy, table)?;
    for grain in &table.period {
        for size in &table.sizes {
            let has_total = policy.table.iter().filter(same).any(|other| {
                other.by.is_empty() && other.period.contains(grain) && other.sizes.contains(size)
            });
            if !has_total {
                return wrong(
                    "by",
                    format!(
                        "a split of persons needs its total too: a table of {} {} with by = [] \
                         for period {grain} and size {size}",
                        table.kind, table.measure
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Checks that the cells of all tables about persons of a kind are sums of common atoms: what
/// overlaps otherwise could be had by subtraction.
fn check_atoms(policy: &Policy, table: &TableSpec) -> Result<(), Wrong> {
    if let Some(several) = table.by.iter().find(|d| d.is_multi_valued()) {
        let same = |other: &&TableSpec| {
            other.personal && other.measure == table.measure && other.by.is_empty()
        };
        let total = policy
            .table
            .iter()
            .find(|other| same(other) && other.kind == table.kind);
        return wrong(
            "by",
            format!(
                "one activity can stand under more than one {several}, so that cells of {:?} \
                 overlap and are no parts of {:?}; leave {several} out of tables about persons",
                table.id,
                total.map_or("its total", |total| total.id.as_str())
            ),
        );
    }
    let across = match (
        table.by.contains(&Dimension::Country),
        table.by.contains(&Dimension::Region),
    ) {
        (true, true) => Some(table),
        (true, false) => persons_by(policy, table, Dimension::Region),
        (false, true) => persons_by(policy, table, Dimension::Country),
        (false, false) => None,
    };
    match across {
        None => Ok(()),
        Some(other) => wrong(
            "by",
            format!(
                "{:?} and {:?} are split by country and by region: the countries a card does not \
                 name lie in many regions, so that the two cut across each other; keep one",
                table.id, other.id
            ),
        ),
    }
}

fn persons_by<'p>(policy: &'p Policy, table: &TableSpec, by: Dimension) -> Option<&'p TableSpec> {
    let mut others = policy.table.iter();
    others.find(|other| other.personal && other.kind == table.kind && other.by.contains(&by))
}

fn is_code(text: &str) -> bool {
    text.len() <= 40 && is_name(text)
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

impl Fault {
    /// Returns the line of a policy's text it stands on.
    pub(super) fn line_in(&self, text: &str) -> Option<usize> {
        let places: Places = toml::from_str(text).ok()?;
        let span = match &self.at {
            At::Setting("disclosure", key) => places.disclosure.get(*key)?.span(),
            At::Setting("witness", key) => places.witness.get(*key)?.span(),
            At::Setting(..) => return None,
            At::Kind(kind, key) => {
                let agreed = places.kind.get(kind.as_str())?;
                agreed.get(*key)?.span()
            }
            At::Code(list, code) => {
                let codes = places.codes.get(list.as_str())?;
                codes.get(code)?.span()
            }
            At::Table(nth, _, key) => {
                let table = places.table.get(*nth)?;
                match table.get_ref().get(*key) {
                    Some(value) => value.span(),
                    None => table.span(),
                }
            }
        };
        Some(line_of(text, Some(span)))
    }

    /// Returns the error a reader of the policy is given.
    pub(super) fn at_line(self, line: Option<usize>) -> PolicyError {
        let place = match self.at {
            At::Setting(section, "") => section.to_owned(),
            At::Setting(section, key) => format!("{section}.{key}"),
            At::Kind(kind, key) => format!("kind.{kind}.{key}"),
            At::Code(list, _) => format!("codes.{list}"),
            At::Table(_, id, _) => format!("table {id:?}"),
        };
        PolicyError::Meaning {
            line,
            place,
            message: self.message,
        }
    }
}

/// Where the parts of a policy stand in its text.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    disclosure: Keys,
    #[serde(default)]
    witness: Keys,
    #[serde(default)]
    kind: BTreeMap<String, Keys>,
    #[serde(default)]
    codes: BTreeMap<String, Keys>,
    #[serde(default)]
    table: Vec<Spanned<Keys>>,
}

type Keys = BTreeMap<String, Spanned<IgnoredAny>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuse(text: &str, error: &str) {
        let found = Policy::parse(text).expect_err("must be refused");
        assert_eq!(found.to_string(), error);
    }

    #[test]
    fn a_split_of_persons_needs_its_total() {
        refuse(
            "[[table]]\nid = 't'\nkind = 'training'\nmeasure = 'people'\nby = ['gender3']\n\
             period = ['quarter']\npersonal = true\nsizes = ['large']",
            "policy line 5: table \"t\": a split of persons needs its total too: a table of \
             training people with by = [] for period quarter and size large",
        );
    }

    #[test]
    fn persons_are_counted_in_one_sort_of_year() {
        let table = |id: &str, period: &str| {
            format!(
                "[[table]]\nid = '{id}'\nkind = 'training'\nmeasure = 'people'\n\
                 period = ['{period}']\npersonal = true\n"
            )
        };
        refuse(
            &format!(
                "financial_year_starts = 'April'\n{}{}",
                table("a", "year"),
                table("b", "fy")
            ),
            "policy line 6: table \"a\": persons are counted by year or by fy, not both: \"a\" and \
             \"b\" overlap, and could be subtracted from each other",
        );
    }

    #[test]
    fn tables_of_persons_that_cut_across_each_other_are_refused_by_name() {
        let table = |id: &str, by: &str| {
            format!(
                "[[table]]\nid = '{id}'\nkind = 'training'\nmeasure = 'people'\nby = [{by}]\n\
                 period = ['year']\npersonal = true\n"
            )
        };
        let total = table("all", "");
        let country = table("places", "'country'");
        refuse(
            &format!("{total}{country}{}", table("regions", "'region'")),
            "policy line 12: table \"places\": \"places\" and \"regions\" are split by country and by \
             region: the countries a card does not name lie in many regions, so that the two cut \
             across each other; keep one",
        );
        refuse(
            &format!("{total}{}", table("subjects", "'topic'")),
            "policy line 12: table \"subjects\": one activity can stand under more than one topic, \
             so that cells of \"subjects\" overlap and are no parts of \"all\"; leave topic out of \
             tables about persons",
        );
    }

    #[test]
    fn a_table_that_makes_no_sense_is_named_with_its_line() {
        refuse(
            "[[table]]\nid = 't'\nkind = 'training'\nmeasure = 'activities'\n\
             by = ['document']\nperiod = ['year']",
            "policy line 5: table \"t\": training activities cannot be split by document",
        );
        refuse(
            "[[table]]\nid = 't'\nkind = 'joint_project'\nmeasure = 'spent'\nperiod = ['year']",
            "policy line 1: table \"t\": amounts of different currencies do not add up; name \
             currency too",
        );
        refuse(
            "[witness]\nfresh_days = 0",
            "policy line 2: witness.fresh_days: must be from 1 to 3660",
        );
        refuse(
            "[kind.training]\ndue_days = 4294967295",
            "policy line 2: kind.training.due_days: must be from 0 to 3660",
        );
        refuse(
            "[codes.topic]\na = 'A'\nb = \" \"",
            "policy line 3: codes.topic: the label of b must be one line, and not empty",
        );
        refuse(
            "",
            "policy: table: nothing would be published; name at least one [[table]]",
        );
        refuse(
            "[[table]]\nid = 't'\nkind = 'training'\nmeasure = 'activities'\nperiod = []",
            "policy line 5: table \"t\": must name month, quarter, year or fy",
        );
    }
}
