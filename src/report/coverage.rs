//! Who was expected to report, and did.
//!
//! A member with a log is expected for every kind and grain the plan has it publish, for periods
//! from the charter's first one on that ended after it joined and before it left, once they have
//! ended: until a period's last day is past it is `not_expected`, from then on `missing` until
//! something is heard, even before the due date. Something published although nobody expected it
//! is `reported` and counted, and never `late`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::ask::{read_date, read_grain, read_kind, read_members};
use super::columns::{Columns, Said, Status, Word};
use super::consortium::{Asker, Consortium, Member};
use super::error::ReportError;
use super::span::{Span, known_periods, limit_series};
use crate::model::{Grain, Kind, MemberId, Period, words};
use crate::wire;

words! {
    /// What became of one expected summary.
    pub enum State as "coverage state" {
        /// Published by the due date.
        Reported = "reported",
        /// Published after the due date.
        Late = "late",
        /// Said that nothing happened.
        Nil = "nil",
        /// Not heard of.
        Missing = "missing",
        /// Paused, no reason asked.
        Excused = "excused",
        /// Chose not to share, at all or with who asks.
        Withheld = "withheld",
        /// Taken back.
        Recalled = "recalled",
        /// Nobody expects it, and it is not there.
        NotExpected = "not_expected",
    }
}

impl State {
    /// Returns whether figures are lacking because of it.
    pub(super) const fn is_lacking(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Excused | Self::Withheld | Self::Recalled
        )
    }
}

/// Answers who was expected to report and did.
///
/// # Errors
/// Names a word, date or period that cannot be read, and what would be accepted.
pub fn coverage(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    request: &wire::CoverageRequest,
) -> Result<wire::CoverageResponse, ReportError> {
    let members = read_members(consortium, &request.members)?;
    let at = read_date(&request.at, asker.today)?;
    let span = Span::read(&request.from, &request.to, consortium)?;
    let grain = read_grain(&request.grain)?
        .or_else(|| span.from.or(span.to).map(Period::grain))
        .unwrap_or(Grain::Quarter);
    let kinds = read_kinds(consortium, &request.kind, grain)?;
    let mut all = Vec::new();
    for kind in kinds {
        let known = known_periods(columns, &members, kind, grain, at);
        let periods = span.periods(grain, known, consortium)?;
        limit_series(members.len() * Kind::ALL.len(), periods.len())?;
        let expected = Expected {
            columns,
            consortium,
            kind,
            grain,
            at,
            reader: asker.reader.as_ref(),
        };
        let covers = members
            .iter()
            .map(|member| (*member, expected.covers(member, &periods)));
        all.extend(rows(kind, &periods, covers));
    }
    Ok(respond(all))
}

fn read_kinds(
    consortium: &Consortium,
    given: &str,
    grain: Grain,
) -> Result<Vec<Kind>, ReportError> {
    let asked = if given.is_empty() {
        Kind::ALL.to_vec()
    } else {
        vec![read_kind(given)?]
    };
    let grains = |kind: &Kind| consortium.policy.grains(*kind);
    let published: Vec<Kind> = asked
        .iter()
        .copied()
        .filter(|kind| grains(kind).contains(&grain))
        .collect();
    if published.is_empty() {
        let accepted: BTreeSet<Grain> = asked.iter().flat_map(grains).collect();
        let words = accepted.iter().map(|grain| grain.as_str());
        return Err(ReportError::unknown("grain", grain.as_str(), words));
    }
    Ok(published)
}

/// One series: what became of it, when it was due, and when something was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) state: State,
    pub(super) due: Option<Date>,
    pub(super) date: Option<Date>,
}

/// Writes out the rows of members' series; `covers` has a list per member.
pub(super) fn rows<'a>(
    kind: Kind,
    periods: &[Period],
    covers: impl IntoIterator<Item = (&'a Member, Vec<Cover>)>,
) -> Vec<wire::CoverageRow> {
    let spell = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let names: Vec<String> = periods.iter().map(Period::to_string).collect();
    let mut rows = Vec::new();
    for (member, covers) in covers {
        rows.extend(
            names
                .iter()
                .zip(covers)
                .map(|(period, cover)| wire::CoverageRow {
                    member: member.id.as_str().to_owned(),
                    kind: kind.as_str().to_owned(),
                    period: period.clone(),
                    state: cover.state.as_str().to_owned(),
                    due: spell(cover.due),
                    date: spell(cover.date),
                }),
        );
    }
    rows
}

/// Counts rows by state.
pub(super) fn respond(rows: Vec<wire::CoverageRow>) -> wire::CoverageResponse {
    let mut counts = BTreeMap::new();
    for state in rows
        .iter()
        .filter_map(|row| row.state.parse::<State>().ok())
    {
        *counts.entry(state).or_insert(0u64) += 1;
    }
    let count = |state: State| counts.get(&state).copied().unwrap_or(0);
    wire::CoverageResponse {
        expected: rows.len() as u64 - count(State::NotExpected),
        reported: count(State::Reported),
        late: count(State::Late),
        nil: count(State::Nil),
        missing: count(State::Missing),
        excused: count(State::Excused),
        withheld: count(State::Withheld),
        recalled: count(State::Recalled),
        rows,
    }
}

/// What is expected of one kind and grain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) columns: &'a Columns,
    pub(super) consortium: &'a Consortium,
    pub(super) kind: Kind,
    pub(super) grain: Grain,
    pub(super) at: Date,
    pub(super) reader: Option<&'a MemberId>,
}

impl Expected<'_> {
    /// Returns what became of a member's series, one per period; the periods are in order.
    pub(super) fn covers(&self, member: &Member, periods: &[Period]) -> Vec<Cover> {
        let mut words = self
            .columns
            .words_of(&member.id, self.kind, self.grain, self.at)
            .peekable();
        let publishes = self
            .consortium
            .policy
            .tables(self.kind, self.grain, member.size)
            .next()
            .is_some();
        let cover = |period: &Period| {
            let key = period.with_financial_year(1);
            while words.next_if(|(known, _)| *known < key).is_some() {}
            let word = words.next_if(|(known, _)| *known == key);
            let word = word.map(|(_, number)| self.columns.word(number));
            self.cover(member, *period, publishes, word)
        };
        periods.iter().map(cover).collect()
    }

    fn cover(
        &self,
        member: &Member,
        period: Period,
        publishes: bool,
        word: Option<&Word>,
    ) -> Cover {
        let last_day = period.last_day();
        let expected = publishes
            && period.first_day() >= self.consortium.since.first_day()
            && member.joined.is_none_or(|joined| joined <= last_day)
            && member.left.is_none_or(|left| left > last_day);
        let due = expected.then(|| self.due(last_day));
        let date = word.map(|word| word.date);
        let state = match word {
            Some(word) => self.state_of(word, due),
            None if expected && self.at > last_day => State::Missing,
            None => State::NotExpected,
        };
        Cover { state, due, date }
    }

    fn state_of(&self, word: &Word, due: Option<Date>) -> State {
        match word.said {
            Said::Status(Status::Nil) => State::Nil,
            Said::Status(Status::Excused) => State::Excused,
            Said::Status(Status::Withheld) => State::Withheld,
            Said::Summary { .. } if word.recalled => State::Recalled,
            Said::Summary { .. } if !self.columns.may_see(word, self.reader) => State::Withheld,
            Said::Summary { .. } if due.is_some_and(|due| word.date > due) => State::Late,
            Said::Summary { .. } => State::Reported,
        }
    }

    fn due(&self, last_day: Date) -> Date {
        let days = self.consortium.policy.kind(self.kind).due_days;
        let span = jiff::Span::new().try_days(i64::from(days));
        span.and_then(|days| last_day.checked_add(days))
            .unwrap_or(Date::MAX)
    }
}
