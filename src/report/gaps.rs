//! What of an answer is expected, and what of it is not here.

use super::ask::Ask;
use super::columns::Columns;
use super::consortium::Consortium;
use super::coverage::{self, Cover, Expected, State};
use super::error::ReportError;
use super::slots::Found;
use crate::wire;

/// Most series named in the message of a partial answer.
const LACKING_NAMED: usize = 5;

/// What became of every member's series, and whether its figure is here.
#[derive(Debug)]
pub(super) struct Covers {
    /// Per member asked about, per period asked about.
    series: Vec<Vec<Cover>>,
    /// Expected figures that are not here: member, position among all periods, reason.
    lacking: Vec<(usize, usize, &'static str)>,
    /// Per member asked about, whether a figure it is expected to have is not here.
    pub(super) has_gap: Vec<bool>,
}

impl Covers {
    pub(super) fn new(
        columns: &Columns,
        consortium: &Consortium,
        ask: &Ask<'_>,
        found: &Found<'_>,
    ) -> Self {
        let expected = Expected {
            columns,
            consortium,
            kind: ask.kind,
            grain: ask.grain,
            at: ask.at,
            reader: ask.reader,
        };
        let skipped = ask.periods.len() - ask.needed_periods().len();
        let mut filled = vec![vec![false; ask.periods.len()]; ask.members.len()];
        for slot in &found.slots {
            filled[slot.member][skipped + slot.period] = slot.nil || slot.shape.is_some();
        }
        let mut covers = Self {
            series: Vec::with_capacity(ask.members.len()),
            lacking: Vec::new(),
            has_gap: vec![false; ask.members.len()],
        };
        for (nth, member) in ask.members.iter().enumerate() {
            let mut series = expected.covers(member, &ask.periods);
            for (period, cover) in series.iter_mut().enumerate() {
                let filled = filled[nth][period];
                if !filled && !ask.publishes(member) {
                    *cover = NOT_EXPECTED;
                }
                if period < skipped {
                    continue;
                }
                let lacking = match cover.state {
                    state if state.is_lacking() => Some(state.as_str()),
                    State::Reported | State::Late if !filled => Some("not here"),
                    _ => None,
                };
                if let Some(reason) = lacking {
                    covers.lacking.push((nth, period, reason));
                    covers.has_gap[nth] |= !filled;
                }
            }
            covers.series.push(series);
        }
        covers
    }

    pub(super) fn refuse_partial(
        &self,
        ask: &Ask<'_>,
        elsewhere: Option<String>,
    ) -> Result<(), ReportError> {
        if self.lacking.is_empty() || ask.allow_partial {
            return Ok(());
        }
        let named: Vec<String> = self
            .lacking
            .iter()
            .take(LACKING_NAMED)
            .map(|(member, period, reason)| {
                let (member, period) = (&ask.members[*member].id, ask.periods[*period]);
                format!("{member} {}/{period} ({reason})", ask.kind)
            })
            .collect();
        let mut lacking = named.join(", ");
        let further = self.lacking.len() - named.len();
        if further > 0 {
            lacking.push_str(&format!(" and {further} more"));
        }
        Err(ReportError::Partial { lacking, elsewhere })
    }

    pub(super) fn respond(self, ask: &Ask<'_>) -> wire::CoverageResponse {
        let members = ask.members.iter().copied();
        coverage::respond(coverage::rows(
            ask.kind,
            &ask.periods,
            members.zip(self.series),
        ))
    }
}

const NOT_EXPECTED: Cover = Cover {
    state: State::NotExpected,
    due: None,
    date: None,
};
