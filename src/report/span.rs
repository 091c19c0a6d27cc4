//! The periods a question spans.

use jiff::civil::Date;

use super::columns::Columns;
use super::consortium::{Consortium, Member};
use super::error::ReportError;
use crate::model::{Grain, Kind, Period};

/// Most periods one question may span: a century of months.
const MOST_PERIODS: usize = 1200;

/// Most pairs of member and period one question may span.
const MOST_SERIES: usize = 1 << 20;

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

    /// Returns the span unless its first period lies after its last.
    pub(super) fn in_order(self) -> Result<Self, ReportError> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from.first_day() > to.last_day() => {
                Err(ReportError::Reversed { from, to })
            }
            _ => Ok(self),
        }
    }

    /// Returns the span with its open ends at the first and last period known, and where nothing
    /// is known, at the first one expected.
    pub(super) fn closed(self, known: Option<(Period, Period)>, consortium: &Consortium) -> Self {
        let (first, last) = known.unwrap_or((consortium.since, consortium.since));
        let from = match (self.from, self.to) {
            (Some(from), _) => from,
            (None, Some(to)) => std::cmp::min_by_key(first, to, |p| p.first_day()),
            (None, None) => first,
        };
        let to = self
            .to
            .unwrap_or_else(|| std::cmp::max_by_key(last, from, |p| p.last_day()));
        Self {
            from: Some(from),
            to: Some(to),
        }
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
            let (from, to) = (self.from.unwrap_or(first), self.to.unwrap_or(last));
            return Err(ReportError::Reversed { from, to });
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
