//! A query as understood: words checked, table chosen, periods spelled out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::columns::Columns;
use super::consortium::{Asker, Consortium, Member};
use super::error::ReportError;
use crate::charter::TableSpec;
use crate::model::measure::Adds;
use crate::model::{Dimension, Grain, Kind, Measure, MemberId, Period};
use crate::wire;

/// Most periods one question may span: a century of months.
const MOST_PERIODS: usize = 1200;

/// Most pairs of member and period one question may span.
const MOST_SERIES: usize = 1 << 20;

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

    fn refuse_distinct_sum(&self, plan: &[TableSpec]) -> Result<(), ReportError> {
        let sums = self.adds() == Adds::Distinct && !self.splits_by(By::Period);
        let (Some(first), Some(last)) = (self.periods.first(), self.periods.last()) else {
            return Ok(());
        };
        if !sums || first == last {
            return Ok(());
        }
        let wanted = Wanted {
            kind: self.kind,
            measure: self.measure,
            by: &self.by,
            filters: &self.filters,
        };
        let year_has_it = wanted.choose(plan, Some(Grain::Year)).is_ok();
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

/// Returns whether a measure's cells are 0 or 1 per member.
pub(super) const fn counts_networks(measure: Measure) -> bool {
    matches!(measure, Measure::StaffReach | Measure::NetworksWith)
}

/// What a table must have to answer.
struct Wanted<'q> {
    kind: Kind,
    measure: Measure,
    by: &'q [By],
    filters: &'q BTreeMap<Dimension, Vec<String>>,
}

impl Wanted<'_> {
    /// Chooses the tables that answer: those with exactly the dimensions named, else the smallest
    /// whose further dimensions may be summed out; the finest grain where none is given.
    fn choose<'a>(
        &self,
        plan: &'a [TableSpec],
        grain: Option<Grain>,
    ) -> Result<(Vec<&'a TableSpec>, Grain), ReportError> {
        self.check_currency()?;
        let grains: &[Grain] = grain.as_ref().map_or(Grain::ALL, std::slice::from_ref);
        let named = self.dimensions();
        let candidates = || {
            plan.iter().filter(|table| {
                (table.kind, table.measure) == (self.kind, self.measure)
                    && named.iter().all(|dimension| table.by.contains(dimension))
            })
        };
        let answers = |table: &TableSpec| {
            table
                .by
                .iter()
                .all(|dimension| self.grouped(*dimension) || self.can_sum_out(*dimension))
        };
        // Exact dimensions at any of the grains come before wider tables at a finer one.
        let widest = plan.iter().map(|table| table.by.len()).max().unwrap_or(0);
        for len in named.len()..=widest {
            for grain in grains {
                let fits = |table: &&TableSpec| {
                    table.by.len() == len && table.period.contains(grain) && answers(table)
                };
                if let Some(first) = candidates().find(fits) {
                    let same = |table: &&TableSpec| {
                        table.by == first.by && table.of == first.of && fits(table)
                    };
                    return Ok((candidates().filter(same).collect(), *grain));
                }
            }
        }
        let reason = candidates()
            .any(|table| grains.iter().any(|grain| table.period.contains(grain)))
            .then_some("a wider table exists, but its codes overlap and cannot be added up");
        Err(self.no_such_table(plan, grain, reason))
    }

    /// Returns the dimensions named in `by` or `where`.
    fn dimensions(&self) -> BTreeSet<Dimension> {
        let grouped = self.by.iter().filter_map(|by| match by {
            By::Dimension(dimension) => Some(*dimension),
            _ => None,
        });
        grouped.chain(self.filters.keys().copied()).collect()
    }

    fn grouped(&self, dimension: Dimension) -> bool {
        self.by.contains(&By::Dimension(dimension))
    }

    /// Returns whether the cells along a dimension add up to the cell without it. Persons are
    /// counted once per country, topic or grant, but have one gender and one age.
    fn can_sum_out(&self, dimension: Dimension) -> bool {
        let one_code = self
            .filters
            .get(&dimension)
            .is_some_and(|codes| codes.len() == 1);
        one_code
            || counts_networks(self.measure)
            || match self.measure.adds() {
                Adds::Distinct => dimension.describes_persons(),
                Adds::Magnitude if dimension == Dimension::Currency => false,
                _ => !dimension.is_multi_valued(),
            }
    }

    fn check_currency(&self) -> Result<(), ReportError> {
        let one_currency = self
            .filters
            .get(&Dimension::Currency)
            .is_some_and(|codes| codes.len() == 1);
        if self.measure.adds() != Adds::Magnitude
            || self.grouped(Dimension::Currency)
            || one_currency
        {
            return Ok(());
        }
        Err(ReportError::CurrencyNeeded {
            measure: self.measure.to_string(),
        })
    }

    fn no_such_table(
        &self,
        plan: &[TableSpec],
        grain: Option<Grain>,
        reason: Option<&'static str>,
    ) -> ReportError {
        let Self { kind, measure, .. } = self;
        let mut asked = format!("{kind} {measure} {}", spell_dimensions(&self.dimensions()));
        if let Some(grain) = grain {
            asked.push_str(&format!(" at grain {grain}"));
        }
        let possible: Vec<String> = plan
            .iter()
            .filter(|table| (table.kind, table.measure) == (*kind, *measure))
            .map(|table| {
                let grains: Vec<_> = table.period.iter().map(|grain| grain.as_str()).collect();
                format!("{} ({})", spell_dimensions(&table.by), grains.join(" "))
            })
            .collect();
        ReportError::NoSuchTable {
            asked,
            possible: if possible.is_empty() {
                "nothing of this measure".to_owned()
            } else {
                possible.join(", ")
            },
            reason,
        }
    }
}

fn spell_dimensions<'a>(dimensions: impl IntoIterator<Item = &'a Dimension>) -> String {
    let words: Vec<_> = dimensions.into_iter().map(|d| d.as_str()).collect();
    if words.is_empty() {
        "in total".to_owned()
    } else {
        format!("by {}", words.join("+"))
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

/// Refuses a question about more series than one answer may hold.
pub(super) fn limit_series(members: usize, periods: usize) -> Result<(), ReportError> {
    let asked = members.saturating_mul(periods);
    if asked > MOST_SERIES {
        return Err(ReportError::TooLarge {
            what: "series",
            asked,
            most: MOST_SERIES,
        });
    }
    Ok(())
}

/// Returns the first and the last period anything is known of.
pub(super) fn known_periods(
    columns: &Columns,
    members: &[&Member],
    kind: Kind,
    grain: Grain,
    at: Date,
) -> Option<(Period, Period)> {
    let ends = members.iter().filter_map(|member| {
        let mut words = columns.words_of(&member.id, kind, grain, at);
        let (first, _) = words.next()?;
        let last = words.next_back().map_or(first, |(period, _)| period);
        Some((first, last))
    });
    ends.reduce(|(first, last), (other_first, other_last)| {
        (first.min(other_first), last.max(other_last))
    })
}

/// The two ends of a question, either of which may be left open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Option<Period>,
    pub(super) to: Option<Period>,
}

impl Span {
    pub(super) fn read(from: &str, to: &str, consortium: &Consortium) -> Result<Self, ReportError> {
        let read = |text: &str| -> Result<Option<Period>, ReportError> {
            if text.is_empty() {
                return Ok(None);
            }
            let period: Period = text.parse()?;
            let policy = &consortium.policy;
            if period.grain() == Grain::FinancialYear && policy.financial_year_starts.is_none() {
                let message = format!("{period}: the charter names no financial year");
                return Err(ReportError::Range(message));
            }
            Ok(Some(period.with_financial_year(policy.fy_month())))
        };
        Ok(Self {
            from: read(from)?,
            to: read(to)?,
        })
    }

    /// Returns the periods of a grain from one end to the other. An open end is the first or last
    /// period known, and where nothing is known, the first one expected.
    pub(super) fn periods(
        self,
        grain: Grain,
        known: Option<(Period, Period)>,
        consortium: &Consortium,
    ) -> Result<Vec<Period>, ReportError> {
        let fy_month = consortium.policy.fy_month();
        let holding = |day| Period::holding(day, grain, fy_month);
        let whole = |given: Period, part: Period, fits: bool, end: &str| {
            if fits {
                return Ok(part);
            }
            let message = format!("{given} is not where a {grain} {end}");
            Err(ReportError::Range(message))
        };
        let given_first = match self.from {
            None => None,
            Some(from) => {
                let part = holding(from.first_day());
                let fits = part.first_day() == from.first_day();
                Some(whole(from, part, fits, "starts")?)
            }
        };
        let given_last = match self.to {
            None => None,
            Some(to) => {
                let part = holding(to.last_day());
                Some(whole(to, part, part.last_day() == to.last_day(), "ends")?)
            }
        };
        let since = holding(consortium.since.first_day());
        let known_first = known.map_or(since, |(first, _)| first.with_financial_year(fy_month));
        let known_last = known.map_or(known_first, |(_, last)| last.with_financial_year(fy_month));
        let (first, last) = match (given_first, given_last) {
            (Some(first), Some(last)) => (first, last),
            (Some(first), None) => (
                first,
                known_last.max(last_in(self.from, first, grain, fy_month)),
            ),
            (None, Some(last)) => (known_first.min(last), last),
            (None, None) => (known_first, known_last),
        };
        if first > last {
            let message = format!("{first} is after {last}: from must not come after to");
            return Err(ReportError::Range(message));
        }
        let periods: Vec<Period> = std::iter::successors(Some(first), |p| Some(p.next()))
            .take_while(|period| *period <= last)
            .take(MOST_PERIODS + 1)
            .collect();
        if periods.len() > MOST_PERIODS {
            return Err(ReportError::TooLarge {
                what: "or more periods",
                asked: periods.len(),
                most: MOST_PERIODS,
            });
        }
        Ok(periods)
    }
}

/// Returns the last part of the period given as `from`, so that `from 2018` alone asks at least
/// for the whole of 2018.
fn last_in(from: Option<Period>, first: Period, grain: Grain, fy_month: i8) -> Period {
    let end = from.map(|from| Period::holding(from.last_day(), grain, fy_month));
    end.map_or(first, |end| end.max(first))
}
