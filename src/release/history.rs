//! What was shown before of a series and of every period that hangs together with it: everything a
//! new release could be subtracted from.

use std::collections::BTreeSet;

use super::ReleaseError;
use super::draft::shown_by;
use super::ledger::{Entry, Ledger};
use crate::charter::Policy;
use crate::charter::policy::Of;
use crate::disclosure::tables::{Count, Said, State};
use crate::model::{Period, Series, Summary, Table};

/// Every release of a kind whose period overlaps that of a series, or one that does.
#[derive(Debug)]
pub(super) struct History<'a> {
    series: Series,
    fy_month: i8,
    ledger: Ledger<'a>,
    /// Oldest first.
    vintages: Vec<Vintage<'a>>,
    /// What was said of persons, oldest first.
    said: Vec<Said>,
}

#[derive(Debug)]
struct Vintage<'a> {
    series: Series,
    entry: &'a Entry,
    summary: Summary,
}

impl<'a> History<'a> {
    pub(super) fn read(
        series: Series,
        policy: &Policy,
        ledger: Ledger<'a>,
        entries: &'a [Entry],
    ) -> Result<Self, ReleaseError> {
        let fy_month = policy.fy_month();
        let of_kind: Vec<(Series, &Entry)> = entries
            .iter()
            .filter(|entry| entry.has_payload)
            .filter_map(|entry| {
                let Series { kind, period } = entry.series.as_deref()?.parse().ok()?;
                let period = period.with_financial_year(fy_month);
                (kind == series.kind).then_some((Series { kind, period }, entry))
            })
            .collect();
        let periods = together(
            series.period,
            of_kind.iter().map(|(series, _)| series.period),
        );
        let mut history = Self {
            series,
            fy_month,
            ledger,
            vintages: Vec::new(),
            said: Vec::new(),
        };
        for (series, entry) in of_kind {
            if periods.contains(&series.period) {
                let summary = shown_by(ledger, entry)?;
                let state = ledger.state(entry.index, fy_month)?.unwrap_or_default();
                let said = summary.tables.iter();
                history
                    .said
                    .extend(said.filter_map(|table| said_of(table, series, policy, &state)));
                history.vintages.push(Vintage {
                    series,
                    entry,
                    summary,
                });
            }
        }
        Ok(history)
    }

    /// Returns the newest release of the series itself.
    pub(super) fn newest(&self) -> Option<(&'a Entry, &Summary)> {
        let mut newest = self.vintages.iter().rev();
        let newest = newest.find(|vintage| vintage.series == self.series)?;
        Some((newest.entry, &newest.summary))
    }

    /// Returns everything that was said of persons in these periods, the oldest first.
    pub(super) fn said(&self) -> &[Said] {
        &self.said
    }

    /// Returns the longer periods that something was said of.
    pub(super) fn longer(&self) -> BTreeSet<Period> {
        let own = self.series.period;
        let said = self.said.iter().map(|said| said.count.period);
        said.filter(|period| *period != own && period.covers(own))
            .collect()
    }

    /// Returns what records said whenever something was let out, as far as that is not so now.
    pub(super) fn past(&self, now: &State) -> Result<Vec<State>, ReleaseError> {
        let mut past: Vec<State> = Vec::new();
        for vintage in &self.vintages {
            let index = vintage.entry.index;
            if let Some(state) = self.ledger.state(index, self.fy_month)?
                && !state.is_within(now)
                && !past.iter().any(|other| state.is_within(other))
            {
                past.push(state);
            }
        }
        Ok(past)
    }
}

/// Returns a period with those that overlap it, or overlap one that does.
fn together(own: Period, others: impl Iterator<Item = Period> + Clone) -> BTreeSet<Period> {
    let overlaps = |one: Period, other: Period| {
        one.first_day() <= other.last_day() && other.first_day() <= one.last_day()
    };
    let near: BTreeSet<Period> = others
        .clone()
        .filter(|other| overlaps(own, *other))
        .chain([own])
        .collect();
    let further = others.filter(|other| near.iter().any(|near| overlaps(*near, *other)));
    further.chain([own]).collect()
}

/// Returns what a release said of persons in a table, whatever the plan of that time called it.
fn said_of(table: &Table, series: Series, policy: &Policy, state: &State) -> Option<Said> {
    let then = state.sheets.iter().find(|sheet| {
        sheet.id == table.id
            && sheet.count.period == series.period
            && sheet.count.axes == table.axes
    });
    let signers = match then {
        Some(sheet) => sheet.count.signers,
        None => {
            let now = policy
                .table
                .iter()
                .find(|spec| spec.id == table.id && spec.kind == series.kind);
            let personal = now.is_some_and(|spec| spec.personal) || table.measure.counts_persons();
            let of = now.and_then(|spec| spec.of).unwrap_or(Of::Organisations);
            personal.then_some(of)?
        }
    };
    let count = Count {
        measure: table.measure,
        signers,
        axes: table.axes.clone(),
        period: series.period,
    };
    let was = state.sheet(&count).map(|sheet| {
        let values = sheet.tallies.iter().map(|tally| tally.value.unwrap_or(0));
        values.collect()
    });
    Some(Said {
        was: was.unwrap_or_default(),
        cells: table.cells.clone(),
        count,
    })
}
