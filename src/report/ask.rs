//! A query as understood: words checked, table chosen, periods spelled out.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::choose::{Wanted, counts_networks};
use super::columns::Columns;
use super::consortium::{Asker, Consortium, Member};
use super::error::ReportError;
use super::span::{Span, known_periods, limit_series};
use crate::charter::TableSpec;
use crate::model::measure::Adds;
use crate::model::{Dimension, Grain, Kind, Measure, MemberId, Period};
use crate::wire;

/// What rows are split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Member,
    Period,
    Dimension(Dimension),
}

impl By {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Period => "period",
            Self::Dimension(dimension) => dimension.as_str(),
        }
    }
}

/// A query as understood, with every default filled in.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) kind: Kind,
    pub(super) measure: Measure,
    pub(super) by: Vec<By>,
    pub(super) filters: BTreeMap<Dimension, Vec<String>>,
    pub(super) members: Vec<&'a Member>,
    pub(super) at: Date,
    pub(super) reader: Option<&'a MemberId>,
    pub(super) allow_partial: bool,
    pub(super) provenance: bool,
    /// The tables that answer: one, unless members of different sizes have different ones.
    pub(super) tables: Vec<&'a TableSpec>,
    pub(super) grain: Grain,
    /// Every period asked about.
    pub(super) periods: Vec<Period>,
}

impl<'a> Ask<'a> {
    /// Reads a request.
    pub(super) fn read(
        columns: &Columns,
        consortium: &'a Consortium,
        asker: &'a Asker,
        request: &wire::QueryRequest,
    ) -> Result<Self, ReportError> {
        let kind = read_kind(&request.kind)?;
        let measure = read_measure(kind, &request.measure)?;
        let by = read_by(&request.by)?;
        let filters = read_filters(&request.r#where)?;
        let members = read_members(consortium, &request.members)?;
        let at = read_date(&request.at, asker.today)?;
        let grain = read_grain(&request.grain)?;
        let wanted = Wanted {
            kind,
            measure,
            by: &by,
            filters: &filters,
        };
        let (tables, grain) = wanted.choose(&consortium.policy.table, grain)?;
        let known = known_periods(columns, &members, kind, grain, at);
        let periods = Span::read(&request.from, &request.to, consortium)?
            .periods(grain, known, consortium)?;
        limit_series(members.len(), periods.len())?;
        let ask = Self {
            kind,
            measure,
            by,
            filters,
            members,
            at,
            reader: asker.reader.as_ref(),
            allow_partial: request.allow_partial,
            provenance: request.provenance,
            tables,
            grain,
            periods,
        };
        ask.refuse_distinct_sum(&consortium.policy.table)?;
        Ok(ask)
    }

    pub(super) fn splits_by(&self, by: By) -> bool {
        self.by.contains(&by)
    }

    /// Returns whether a member of this size publishes a table that answers.
    pub(super) fn publishes(&self, member: &Member) -> bool {
        let mut tables = self.tables.iter();
        tables.any(|table| table.sizes.contains(&member.size))
    }

    /// Returns how figures of the measure add up.
    pub(super) const fn adds(&self) -> Adds {
        self.measure.adds()
    }

    /// Returns whether cells are 0 or 1 per member, so that what they count are networks.
    pub(super) const fn counts_networks(&self) -> bool {
        counts_networks(self.measure)
    }

    /// Returns the periods whose figures are needed: for a level that is not split by period,
    /// only the last.
    pub(super) fn needed_periods(&self) -> &[Period] {
        let last_only = self.adds() == Adds::Level && !self.splits_by(By::Period);
        let first = if last_only { self.periods.len() - 1 } else { 0 };
        &self.periods[first..]
    }

    /// Returns the query with every default filled in, as the answer repeats it.
    pub(super) fn to_wire(&self) -> wire::QueryRequest {
        let period = |period: Option<&Period>| period.map(Period::to_string).unwrap_or_default();
        wire::QueryRequest {
            kind: self.kind.to_string(),
            measure: self.measure.to_string(),
            by: self.by.iter().map(|by| by.as_str().to_owned()).collect(),
            from: period(self.periods.first()),
            to: period(self.periods.last()),
            grain: self.grain.to_string(),
            members: self.members.iter().map(|m| m.id.to_string()).collect(),
            r#where: self
                .filters
                .iter()
                .map(|(dimension, codes)| wire::Filter {
                    dimension: dimension.to_string(),
                    codes: codes.clone(),
                })
                .collect(),
            at: self.at.to_string(),
            allow_partial: self.allow_partial,
            provenance: self.provenance,
        }
    }

    /// Returns the further grains at which the plan has a table that answers, finest first.
    pub(super) fn other_grains(&self, plan: &[TableSpec]) -> Vec<Grain> {
        let wanted = self.wanted();
        let answers = |grain: &Grain| wanted.choose(plan, Some(*grain)).is_ok();
        let others = Grain::ALL.iter().filter(|grain| **grain != self.grain);
        others.copied().filter(answers).collect()
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            kind: self.kind,
            measure: self.measure,
            by: &self.by,
            filters: &self.filters,
        }
    }

    fn refuse_distinct_sum(&self, plan: &[TableSpec]) -> Result<(), ReportError> {
        let sums = self.adds() == Adds::Distinct && !self.splits_by(By::Period);
        let (Some(first), Some(last)) = (self.periods.first(), self.periods.last()) else {
            return Ok(());
        };
        if !sums || first == last {
            return Ok(());
        }
        let year_has_it = self.wanted().choose(plan, Some(Grain::Year)).is_ok();
        let use_instead = match self.grain {
            Grain::Month | Grain::Quarter if year_has_it => {
                "use the year's own table, grain year".to_owned()
            }
            grain => format!("name period in by, or ask for one {grain}"),
        };
        Err(ReportError::DistinctOverPeriods {
            measure: self.measure.to_string(),
            first: first.to_string(),
            last: last.to_string(),
            use_instead,
        })
    }
}

pub(super) fn read_kind(given: &str) -> Result<Kind, ReportError> {
    given.parse().map_err(|_| {
        ReportError::unknown("kind", given, Kind::ALL.iter().map(|kind| kind.as_str()))
    })
}

fn read_measure(kind: Kind, given: &str) -> Result<Measure, ReportError> {
    let accepted = Measure::of(kind);
    accepted
        .iter()
        .copied()
        .find(|measure| measure.as_str() == given)
        .ok_or_else(|| ReportError::unknown("measure", given, accepted.iter().map(|m| m.as_str())))
}

pub(super) fn read_grain(given: &str) -> Result<Option<Grain>, ReportError> {
    if given.is_empty() {
        return Ok(None);
    }
    given.parse().map(Some).map_err(|_| {
        ReportError::unknown(
            "grain",
            given,
            Grain::ALL.iter().map(|grain| grain.as_str()),
        )
    })
}

fn read_dimension(given: &str, further: &[&str]) -> Result<Dimension, ReportError> {
    given.parse().map_err(|_| {
        let words = Dimension::ALL.iter().map(|dimension| dimension.as_str());
        ReportError::unknown("dimension", given, further.iter().copied().chain(words))
    })
}

fn read_by(given: &[String]) -> Result<Vec<By>, ReportError> {
    let mut by = Vec::with_capacity(given.len());
    for name in given {
        let next = match name.as_str() {
            "member" => By::Member,
            "period" => By::Period,
            other => By::Dimension(read_dimension(other, &["member", "period"])?),
        };
        if by.contains(&next) {
            return Err(twice(next.as_str(), "by"));
        }
        by.push(next);
    }
    Ok(by)
}

fn read_filters(given: &[wire::Filter]) -> Result<BTreeMap<Dimension, Vec<String>>, ReportError> {
    let mut filters = BTreeMap::new();
    for filter in given {
        let dimension = read_dimension(&filter.dimension, &[])?;
        let mut codes = Vec::new();
        for code in &filter.codes {
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
        if filters.insert(dimension, codes).is_some() {
            return Err(twice(dimension.as_str(), "where"));
        }
    }
    Ok(filters)
}

fn twice(name: &str, place: &'static str) -> ReportError {
    ReportError::Twice {
        name: name.to_owned(),
        place,
    }
}

/// Returns the members named, in the charter's order; all that keep a log for none.
pub(super) fn read_members<'a>(
    consortium: &'a Consortium,
    given: &[String],
) -> Result<Vec<&'a Member>, ReportError> {
    let publishers: Vec<&Member> = consortium.publishers().collect();
    let known = |name: &&String| publishers.iter().any(|m| m.id.as_str() == name.as_str());
    if let Some(stranger) = given.iter().find(|name| !known(name)) {
        let accepted = publishers.iter().map(|member| member.id.as_str());
        return Err(ReportError::unknown("member", stranger, accepted));
    }
    if given.is_empty() {
        return Ok(publishers);
    }
    let named = |member: &&Member| given.iter().any(|name| name == member.id.as_str());
    Ok(publishers.into_iter().filter(named).collect())
}

pub(super) fn read_date(given: &str, today: Date) -> Result<Date, ReportError> {
    if given.is_empty() {
        return Ok(today);
    }
    // Only the spelling of the answers: jiff alone would take times of day as well.
    let date = (given.len() == 10).then(|| given.parse().ok()).flatten();
    date.ok_or_else(|| ReportError::Date {
        given: given.chars().take(40).collect(),
    })
}
