//! What members say of some periods in their own words.

use jiff::civil::Date;

use super::columns::Columns;
use super::consortium::Member;
use crate::model::{Grain, Kind, MemberId, Period};
use crate::wire;

/// Most statements in one answer.
const MOST: usize = 1000;

/// Whose words about what are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) kinds: &'a [Kind],
    pub(super) members: &'a [&'a Member],
    pub(super) first: Date,
    pub(super) last: Date,
    /// The month financial years begin in.
    pub(super) fy_month: i8,
    pub(super) at: Date,
    pub(super) reader: Option<&'a MemberId>,
}

/// Returns the statements about all periods between two days, whatever their grain: by first day,
/// the longer period first, then by member and kind.
pub(super) fn find(columns: &Columns, about: About<'_>) -> Vec<wire::Statement> {
    let mut found: Vec<((Date, std::cmp::Reverse<Date>), wire::Statement)> = Vec::new();
    for member in about.members {
        for kind in about.kinds {
            for grain in Grain::ALL {
                for (period, number) in columns.words_of(&member.id, *kind, *grain, about.at) {
                    let period = period.with_financial_year(about.fy_month);
                    let within =
                        about.first <= period.first_day() && period.last_day() <= about.last;
                    let word = columns.word(number);
                    if !within || word.recalled || !columns.may_see(word, about.reader) {
                        continue;
                    }
                    let place = (period.first_day(), std::cmp::Reverse(period.last_day()));
                    let said = columns.statements(number).iter();
                    found.extend(said.map(|text| {
                        (
                            place,
                            statement(member, *kind, period, text, word.leaf_index),
                        )
                    }));
                }
            }
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.truncate(MOST);
    found.into_iter().map(|(_, statement)| statement).collect()
}

fn statement(
    member: &Member,
    kind: Kind,
    period: Period,
    text: &str,
    leaf_index: u64,
) -> wire::Statement {
    wire::Statement {
        member: member.id.to_string(),
        name: member.name.clone(),
        kind: kind.to_string(),
        period: period.to_string(),
        text: text.to_owned(),
        leaf_index,
    }
}

/// Returns a statement under its network's name: `INPUD says of its trainings in 2018: “…”`.
pub(super) fn attributed(statement: &wire::Statement) -> String {
    let wire::Statement {
        name,
        kind,
        period,
        text,
        ..
    } = statement;
    let what = match kind.parse() {
        Ok(Kind::Training) => "trainings",
        Ok(Kind::Consultation) => "consultations",
        Ok(Kind::JointProject) => "joint projects",
        Ok(Kind::AdvocacyAction) => "advocacy",
        _ => "organisation",
    };
    format!("{name} says of its {what} in {period}: \u{201c}{text}\u{201d}")
}
