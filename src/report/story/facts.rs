//! The figures a story is told from: the rows any coordinator can ask for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::super::ask::{read_date, read_members};
use super::super::columns::Columns;
use super::super::consortium::{Asker, Consortium, Member};
use super::super::coverage::{State, coverage};
use super::super::doubles;
use super::super::error::ReportError;
use super::super::query::{as_of, query};
use super::super::span::{Span, known_periods};
use super::super::statements::{self, About};
use crate::model::{Grain, Kind, Measure, Period};
use crate::wire;

/// What is asked about, and of whom.
pub(super) struct Facts<'a> {
    columns: &'a Columns,
    pub(super) consortium: &'a Consortium,
    asker: &'a Asker,
    /// The members asked about.
    pub(super) listed: Vec<&'a Member>,
    /// The first and the last day told of, as periods of the longest grain that fits.
    pub(super) from: Period,
    pub(super) to: Period,
    pub(super) date: Date,
    /// Grains whose periods fill the days told of, the longest first.
    grains: Vec<Grain>,
    /// Per kind, the grains it may be told at, the best first.
    best: BTreeMap<Kind, Vec<Grain>>,
}

/// The rows of one answer, with the query that gives them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    query: wire::QueryRequest,
    decimals: u32,
    pub(super) rows: Vec<wire::Row>,
}

impl Answer {
    /// Returns a row as what a sentence rests on.
    pub(super) fn basis(&self, row: &wire::Row) -> wire::StoryRow {
        wire::StoryRow {
            query: Some(self.query.clone()),
            row: Some(row.clone()),
            decimals: self.decimals,
        }
    }

    /// Returns the rows that say that something happened.
    pub(super) fn happened(&self) -> impl Iterator<Item = &wire::Row> {
        self.rows.iter().filter(|row| row.lower > 0)
    }

    /// Returns the only row of an answer that is not split, if anybody's figure is in it.
    pub(super) fn total(&self) -> Option<&wire::Row> {
        self.rows.last().filter(|row| !row.members.is_empty())
    }
}

impl<'a> Facts<'a> {
    pub(super) fn read(
        columns: &'a Columns,
        consortium: &'a Consortium,
        asker: &'a Asker,
        request: &wire::StoryRequest,
    ) -> Result<Self, ReportError> {
        let listed = read_members(consortium, &request.members)?;
        let date = read_date(&request.at, asker.today)?;
        let given = Span::read(&request.from, &request.to, consortium)?.in_order()?;
        let span = given.closed(known(columns, consortium, &listed, date), consortium);
        let mut grains = Vec::new();
        let mut ends = None;
        for grain in published_grains(consortium).into_iter().rev() {
            if let Ok(periods) = span.periods(grain, None, consortium) {
                ends = ends.or_else(|| Some((*periods.first()?, *periods.last()?)));
                grains.push(grain);
            }
        }
        let Some((from, to)) = ends else {
            return Err(no_grain(span, consortium));
        };
        let mut facts = Self {
            columns,
            consortium,
            asker,
            listed,
            from,
            to,
            date,
            grains,
            best: BTreeMap::new(),
        };
        for kind in Kind::ALL {
            let best = facts.order_grains(*kind)?;
            facts.best.insert(*kind, best);
        }
        Ok(facts)
    }

    /// Returns the grains a kind may be told at, the best first.
    pub(super) fn grains_of(&self, kind: Kind) -> &[Grain] {
        self.best.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Orders the grains a kind may be told at: first the one at which most networks' figures are
    /// here in full, the longer one where two are as good.
    fn order_grains(&self, kind: Kind) -> Result<Vec<Grain>, ReportError> {
        let published = self.consortium.policy.grains(kind);
        let mut grains = Vec::new();
        for grain in self.grains.iter().filter(|grain| published.contains(grain)) {
            grains.push((Reverse(self.heard(kind, *grain)?), *grain));
        }
        grains.sort_by_key(|(heard, _)| *heard);
        Ok(grains.into_iter().map(|(_, grain)| grain).collect())
    }

    /// Counts the members whose figures are here in full, and those with any.
    fn heard(&self, kind: Kind, grain: Grain) -> Result<(usize, usize), ReportError> {
        let rows = self.coverage(kind, grain)?;
        let mut some: BTreeSet<&str> = BTreeSet::new();
        let mut lacking: BTreeSet<&str> = BTreeSet::new();
        for row in &rows {
            match row.state.parse::<State>() {
                Ok(State::Reported | State::Late | State::Nil) => {
                    some.insert(&row.member);
                }
                Ok(state) if state.is_lacking() => {
                    lacking.insert(&row.member);
                }
                _ => {}
            }
        }
        Ok((some.difference(&lacking).count(), some.len()))
    }

    /// Returns what became of every series of a kind and grain told of.
    pub(super) fn coverage(
        &self,
        kind: Kind,
        grain: Grain,
    ) -> Result<Vec<wire::CoverageRow>, ReportError> {
        let request = wire::CoverageRequest {
            from: self.from.to_string(),
            to: self.to.to_string(),
            kind: kind.to_string(),
            grain: grain.to_string(),
            members: self.member_names(),
            at: self.date.to_string(),
        };
        Ok(coverage(self.columns, self.consortium, self.asker, &request)?.rows)
    }

    /// Asks at the best grain that has such a table; nothing where the plan has none.
    pub(super) fn ask(
        &self,
        measure: Measure,
        kind: Kind,
        by: &[&str],
    ) -> Result<Answer, ReportError> {
        self.ask_where(measure, kind, by, &[])
    }

    /// As [`Facts::ask`], of cells with one of these codes of a dimension.
    pub(super) fn ask_where(
        &self,
        measure: Measure,
        kind: Kind,
        by: &[&str],
        filters: &[wire::Filter],
    ) -> Result<Answer, ReportError> {
        for grain in self.grains_of(kind) {
            let answer = self.ask_at(measure, kind, by, *grain, filters)?;
            if !answer.rows.is_empty() {
                return Ok(answer);
            }
        }
        Ok(Answer::default())
    }

    /// Asks at one grain; nothing where the plan has no such table, or it cannot be added up.
    pub(super) fn ask_at(
        &self,
        measure: Measure,
        kind: Kind,
        by: &[&str],
        grain: Grain,
        filters: &[wire::Filter],
    ) -> Result<Answer, ReportError> {
        let request = wire::QueryRequest {
            kind: kind.to_string(),
            measure: measure.to_string(),
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            grain: grain.to_string(),
            members: self.member_names(),
            r#where: filters.to_vec(),
            at: self.date.to_string(),
            allow_partial: true,
            provenance: false,
        };
        match query(self.columns, self.consortium, self.asker, &request) {
            Ok(answer) => Ok(Answer {
                query: answer.query.unwrap_or_default(),
                decimals: answer.decimals,
                rows: answer.rows,
            }),
            // A charter with other tables or codes has another story, not an error.
            Err(
                ReportError::NoSuchTable { .. }
                | ReportError::Unknown { what: "code", .. }
                | ReportError::DistinctOverPeriods { .. },
            ) => Ok(Answer::default()),
            Err(error) => Err(error),
        }
    }

    /// Returns what two networks may both have reported, at the shortest grain that says so.
    pub(super) fn questions(&self) -> Vec<String> {
        let mut questions = Vec::new();
        for kind in Kind::ALL {
            let ask = |grain: &Grain| {
                let request = wire::QueryRequest {
                    kind: kind.to_string(),
                    from: self.from.to_string(),
                    to: self.to.to_string(),
                    grain: grain.to_string(),
                    members: self.member_names(),
                    at: self.date.to_string(),
                    ..wire::QueryRequest::default()
                };
                doubles::find(self.columns, self.consortium, self.asker, &request)
            };
            let mut found = self.grains.iter().rev().map(ask);
            let found = found.find(|found| !found.is_empty());
            questions.extend(found.unwrap_or_default());
        }
        questions
    }

    /// Returns what members say of the days told of in their own words.
    pub(super) fn statements(&self) -> Vec<wire::Statement> {
        let about = About {
            kinds: Kind::ALL,
            members: &self.listed,
            first: self.from.first_day(),
            last: self.to.last_day(),
            fy_month: self.consortium.policy.fy_month(),
            at: self.date,
            reader: self.asker.reader.as_ref(),
        };
        statements::find(self.columns, about)
    }

    pub(super) fn as_of(&self) -> wire::AsOf {
        as_of(self.columns, self.consortium, self.date)
    }

    /// Returns whether more than one period of a grain is told of.
    pub(super) fn spans_several(&self, grain: Grain) -> bool {
        let month = self.consortium.policy.fy_month();
        Period::holding(self.from.first_day(), grain, month)
            != Period::holding(self.to.last_day(), grain, month)
    }

    /// Returns what a member is called.
    pub(super) fn name<'b>(&'b self, id: &'b str) -> &'b str {
        let member = self.listed.iter().find(|member| member.id.as_str() == id);
        member.map_or(id, |member| &member.name)
    }

    fn member_names(&self) -> Vec<String> {
        let names = self.listed.iter();
        names.map(|member| member.id.to_string()).collect()
    }
}

/// Returns the code of a row along one of the names it is split by.
pub(super) fn code<'a>(row: &'a wire::Row, name: &str) -> &'a str {
    row.group.get(name).map_or("", String::as_str)
}

/// Returns whether a row may be anything but 0.
pub(super) fn is_something(row: &wire::Row) -> bool {
    row.upper != Some(0)
}

/// Returns the grains at which anything is published, the shortest first.
fn published_grains(consortium: &Consortium) -> BTreeSet<Grain> {
    let kinds = Kind::ALL.iter();
    kinds
        .flat_map(|kind| consortium.policy.grains(*kind))
        .collect()
}

/// Returns the first and the last period anything is known of.
fn known(
    columns: &Columns,
    consortium: &Consortium,
    members: &[&Member],
    at: Date,
) -> Option<(Period, Period)> {
    let month = consortium.policy.fy_month();
    let mut ends: Option<(Period, Period)> = None;
    for kind in Kind::ALL {
        for grain in consortium.policy.grains(*kind) {
            let Some((first, last)) = known_periods(columns, members, *kind, grain, at) else {
                continue;
            };
            let (first, last) = (
                first.with_financial_year(month),
                last.with_financial_year(month),
            );
            ends = Some(match ends {
                None => (first, last),
                Some((from, to)) => (
                    std::cmp::min_by_key(from, first, |p| p.first_day()),
                    std::cmp::max_by_key(to, last, |p| p.last_day()),
                ),
            });
        }
    }
    ends
}

fn no_grain(span: Span, consortium: &Consortium) -> ReportError {
    let spell = |end: Option<Period>| end.map(|end| end.to_string()).unwrap_or_default();
    let grains = published_grains(consortium);
    let words: Vec<&str> = grains.iter().map(|grain| grain.as_str()).collect();
    ReportError::Range(format!(
        "{} to {} is not made of periods the plan publishes; accepted: whole periods by {}",
        spell(span.from),
        spell(span.to),
        words.join(" or ")
    ))
}
