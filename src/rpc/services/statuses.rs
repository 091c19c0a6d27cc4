//! `release status`: a kind and period have no summary, and why. What is said stays in the log for
//! ever, so it is looked at before: whether it can be true yet, and whether it is new.

use jiff::civil::Date;
use tonic::Status;

use super::office::{Office, base64};
use super::releases::leaves;
use crate::model::{Kind, Period, Series};
use crate::record::{bears_on, each};
use crate::release::listing::{Listed, listing};
use crate::release::{Opened, Published, ReleaseError, SeriesStatus};
use crate::rpc::errors::Told as _;
use crate::rpc::status::status;
use crate::wire;

/// How far ahead a period may begin about which something is said, in days.
const FURTHEST_AHEAD: i64 = 366;

impl Office {
    /// Says of a kind and period that there is no summary. The same again adds no leaf.
    pub(super) fn say(
        &self,
        kind: Kind,
        period: Period,
        said: SeriesStatus,
    ) -> Result<wire::SetStatusResponse, Status> {
        let today = self.public.clock.today();
        let (published, already_said) = self.at_door(|opened, charter, door| {
            let period = period.with_financial_year(charter.policy().fy_month());
            if !charter.policy().grains(kind).contains(&period.grain()) {
                let grain = period.grain();
                return Err(ReleaseError::NoTables { kind, grain }.told());
            }
            let series = Series { kind, period };
            timely(series, said, today)?;
            // What a crash left half said is said before anything is compared with it.
            door.recover().map_err(|error| error.told())?;
            let origin = charter.origin(&self.public.me.id);
            let before = listing(&self.public.store, &origin).map_err(|error| error.told())?;
            match standing(&before, series) {
                Some(leaf) if leaf.state == said.as_str() && !is_untrue(opened, series, said)? => {
                    let standing = door.standing().map_err(|error| error.told())?;
                    let leaves = vec![(series, leaf.revision, leaf.leaf_index)];
                    Ok((Published { leaves, ..standing }, true))
                }
                _ => door
                    .status(&opened.store, series, said, today)
                    .map(|published| (published, false))
                    .map_err(|error| error.told()),
            }
        })?;
        Ok(wire::SetStatusResponse {
            published: leaves(&published).into_iter().next(),
            tree_size: published.tree_size,
            root_hash: base64(&published.root.0),
            already_said,
        })
    }
}

/// Returns the newest leaf about a series. By name: in a leaf, a financial year is written without
/// the month it begins in.
fn standing(listed: &[Listed], series: Series) -> Option<&Listed> {
    let name = series.to_string();
    let is_about = |leaf: &&Listed| leaf.series.to_string() == name;
    listed.iter().rev().find(is_about)
}

/// Returns whether records begin in what is said to be nil; the door refuses it then.
fn is_untrue(opened: &Opened, series: Series, said: SeriesStatus) -> Result<bool, Status> {
    let mut speaks_against = false;
    if said == SeriesStatus::Nil {
        each(&opened.store, series.kind, &mut |record| {
            let day = record.start();
            let begins = day.is_some_and(|day| series.period.contains(day));
            speaks_against |= begins && bears_on(&record, series.period);
            Ok(())
        })
        .map_err(|error| error.told())?;
    }
    Ok(speaks_against)
}

/// Checks that something can be said of a period by now. That nothing happened is known when it is
/// over; a pause, or not to share, may be decided before it begins.
fn timely(series: Series, said: SeriesStatus, today: Date) -> Result<(), Status> {
    let Series { kind, period } = series;
    let (first, last) = (period.first_day(), period.last_day());
    let refused = |why: String, hint: String| {
        let message = format!("{series} cannot be {} yet: {period} {why}", said.as_str());
        Err(status("not_over", message, hint))
    };
    let ahead = jiff::Span::new().try_days(FURTHEST_AHEAD);
    let furthest = ahead.and_then(|days| today.checked_add(days));
    if first > furthest.unwrap_or(Date::MAX) {
        let why = format!("begins on {first}, more than a year from now");
        return refused(why, "is the year right?".to_owned());
    }
    if said != SeriesStatus::Nil || today > last {
        return Ok(());
    }
    let known = last.tomorrow().unwrap_or(Date::MAX);
    if today >= first {
        let hint = format!("say it from {known} on, with the same command");
        return refused(format!("lasts until {last}"), hint);
    }
    let hint = format!(
        "is the year right? a pause that is planned can be said ahead: `counterfoil release status \
         {period} excused --kind {kind}`; that nothing happened, from {known} on"
    );
    refused(format!("begins on {first}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::status::hint_of;

    /// Says what is told of a word about a period, on 15 May 2018.
    fn told(period: &str, said: SeriesStatus) -> Option<(String, String)> {
        let kind = Kind::Training;
        let period = period.parse().expect("a period");
        let today = "2018-05-15".parse().expect("a day");
        let refused = timely(Series { kind, period }, said, today).err()?;
        Some((refused.message().to_owned(), hint_of(&refused)))
    }

    #[test]
    fn a_period_is_nil_when_it_is_over() {
        assert_eq!(told("2018Q1", SeriesStatus::Nil), None);
        assert_eq!(told("2018-04", SeriesStatus::Nil), None);
        let (message, hint) = told("2018-05", SeriesStatus::Nil).expect("it lasts");
        assert!(message.ends_with("lasts until 2018-05-31"), "{message}");
        assert!(hint.starts_with("say it from 2018-06-01 on"), "{hint}");
        let (message, hint) = told("2018Q3", SeriesStatus::Nil).expect("it is to come");
        assert!(message.ends_with("begins on 2018-07-01"), "{message}");
        let ahead = "`counterfoil release status 2018Q3 excused --kind training`";
        assert!(hint.contains(ahead), "{hint}");
    }

    #[test]
    fn a_pause_is_said_ahead_but_not_of_a_year_mistyped() {
        for said in [SeriesStatus::Excused, SeriesStatus::Withheld] {
            assert_eq!(told("2018Q2", said), None);
            assert_eq!(told("2019", said), None);
            let (_, hint) = told("2081", said).expect("too far ahead");
            assert_eq!(hint, "is the year right?");
        }
    }
}
