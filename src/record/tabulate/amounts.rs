//! What one activity adds to a measure that sums and counts no persons.

use jiff::civil::Date;

use super::grid::{self, Grid};
use super::{Sum, TableRequest, starts_in};
use crate::charter::policy::Of;
use crate::model::{Measure, Period};
use crate::record::entry::{Record, Row, Values};
use crate::record::schema::{Field, List};

/// What an activity says about a measure.
enum Amount {
    Known(i64),
    /// It has a share, and nobody wrote down how much.
    Unknown,
}

pub(super) fn add(
    sums: &mut [Sum],
    grid: &Grid<'_>,
    request: &TableRequest<'_>,
    record: &Record,
    joined: bool,
) {
    let Some(amount) = amount(request, record, joined) else {
        return;
    };
    for cell in grid.find(|dimension| grid::of_record(record, dimension)) {
        match amount {
            Amount::Known(amount) => {
                sums[cell].add_amount(amount);
                sums[cell].counted += 1;
            }
            Amount::Unknown => sums[cell].uncounted += 1,
        }
    }
}

/// Returns what an activity says, or `None` where the table is not about it.
fn amount(request: &TableRequest<'_>, record: &Record, joined: bool) -> Option<Amount> {
    let period = request.period;
    // Whatever is counted below belongs to the member that leads.
    if joined != (request.measure == Measure::ActivitiesJoined) {
        return None;
    }
    let started = starts_in(record, period);
    let known =
        |amount: Option<i64>| started.then(|| amount.map_or(Amount::Unknown, Amount::Known));
    let some = |count: usize| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        (started || count > 0).then_some(Amount::Known(count))
    };
    match request.measure {
        Measure::Activities | Measure::ActivitiesJoined => known(Some(1)),
        Measure::Hours => known(record.hours(Field::Hours).map(i64::from)),
        Measure::Meetings => known(record.count(Field::Meetings).map(i64::from)),
        Measure::Budget => known(record.money(Field::Budget).map(|m| m.ten_thousandths)),
        Measure::Spent => known(record.money(Field::Spent).map(|m| m.ten_thousandths)),
        Measure::Running => runs_on(record, period.last_day()).then_some(Amount::Known(1)),
        Measure::Finished => finished(record)
            .filter(|day| period.contains(*day))
            .map(|_| Amount::Known(1)),
        Measure::MilestonesDue => some(milestones(record, Field::Due, period)),
        Measure::MilestonesDone => some(milestones(record, Field::Done, period)),
        Measure::SuggestionsSent => some(sent(record, period).count()),
        Measure::SuggestionsOpen => some(open(record, period)),
        Measure::SuggestionsPromised => some(decided(record, "promised", period)),
        Measure::SuggestionsInFinalText => some(decided(record, "in_final_text", period)),
        Measure::SuggestionsPartly => some(decided(record, "partly", period)),
        Measure::SuggestionsRefused => some(decided(record, "refused", period)),
        Measure::Attendances
        | Measure::People
        | Measure::Completions
        | Measure::StaffReach
        | Measure::Signatories
        | Measure::NetworksWith
        | Measure::PoliciesInUse => None,
    }
}

/// Returns the suggestions sent in a period: by `made`, else by the consultation's first day.
fn sent(record: &Record, period: Period) -> impl Iterator<Item = &Row> {
    let made = move |row: &&Row| {
        let day = row.day(Field::Made).or_else(|| record.start());
        day.is_some_and(|day| period.contains(day))
    };
    record.rows(List::Suggestions).iter().filter(made)
}

/// Counts the suggestions sent in a period that have no answer to this day.
///
/// Counted where they were sent, so that quarters add up to the year; a later answer moves them
/// out in the next revision of that period.
fn open(record: &Record, period: Period) -> usize {
    let unanswered = |row: &&Row| matches!(row.code(Field::Status), None | Some("open"));
    sent(record, period).filter(unanswered).count()
}

/// Counts the suggestions decided so in a period: by `decided`, else when they were sent.
fn decided(record: &Record, status: &str, period: Period) -> usize {
    let so = |row: &&Row| {
        let day = row.day(Field::Decided).or_else(|| row.day(Field::Made));
        row.code(Field::Status) == Some(status)
            && day
                .or_else(|| record.start())
                .is_some_and(|day| period.contains(day))
    };
    record.rows(List::Suggestions).iter().filter(so).count()
}

fn milestones(record: &Record, when: Field, period: Period) -> usize {
    let within = |row: &&Row| row.day(when).is_some_and(|day| period.contains(day));
    record.rows(List::Milestones).iter().filter(within).count()
}

/// Returns the day a project ended: `finished`, else `end` where the status says it is over.
pub(in crate::record) fn closed(record: &Record) -> Option<Date> {
    let over = matches!(record.code(Field::Status), Some("finished" | "cancelled"));
    let end = || over.then(|| record.day(Field::End)).flatten();
    record.day(Field::Finished).or_else(end)
}

/// Returns the day a project reached its end; a cancelled one never did.
fn finished(record: &Record) -> Option<Date> {
    let cancelled = record.code(Field::Status) == Some("cancelled");
    closed(record).filter(|_| !cancelled)
}

/// Returns whether a project was running on a day: begun, and not over by then.
fn runs_on(record: &Record, day: Date) -> bool {
    let begun = record.start().is_some_and(|start| start <= day);
    let still = match (closed(record), record.code(Field::Status)) {
        (Some(closed), _) => closed > day,
        (None, status) => matches!(status, None | Some("running")),
    };
    begun && still
}

/// Adds the signatories of an action that its member leads.
pub(super) fn add_signatories(
    sums: &mut [Sum],
    grid: &Grid<'_>,
    request: &TableRequest<'_>,
    record: &Record,
    joined: bool,
) {
    if joined || !starts_in(record, request.period) {
        return;
    }
    let mut touched = vec![false; sums.len()];
    let mut nameless = vec![0; sums.len()];
    for row in record.rows(List::Signatories) {
        if !is_asked_for(row, request.signers) {
            continue;
        }
        for cell in grid.find(|dimension| grid::of_signatory(record, row, dimension)) {
            let sum = &mut sums[cell];
            sum.add(1);
            sum.counted += u32::from(!std::mem::replace(&mut touched[cell], true));
            if request.signers == Of::Individuals {
                match row.person() {
                    Some(person) => drop(sum.persons.insert(person)),
                    None => nameless[cell] += 1,
                }
            }
        }
    }
    for (sum, nameless) in sums.iter_mut().zip(nameless) {
        sum.crowd = sum.crowd.max(nameless);
    }
}

fn is_asked_for(row: &Row, signers: Of) -> bool {
    let individual = row.code(Field::Type) == Some("individual");
    match signers {
        Of::Organisations => !individual,
        // Of whom nobody said so may be a person.
        Of::PublicOrganisations => {
            row.code(Field::Type) == Some("organisation") && row.yes(Field::Public) == Some(true)
        }
        Of::Individuals => individual,
    }
}
