//! That a kind and period have no summary, and why. What is said stays in the log for ever, so it
//! is looked at before: whether it can be true yet, whether records bear it out, whether it is new.

use jiff::civil::Date;

use super::ReleaseError;
use super::ledger::{Entry, Ledger};
use super::listing::{Listed, listing};
use super::publish::{Door, Published};
use crate::log::Leaf;
use crate::log::leaf::Status;
use crate::model::Series;
use crate::record::{Book, bears_on, each};

/// How far ahead a period may begin about which something is said, in days.
const FURTHEST_AHEAD: i64 = 366;

/// What became of a word about a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its leaf, and the log with it.
    pub published: Published,
    /// Whether it was the log's word before, so that nothing was appended.
    pub already: bool,
}

impl Door<'_> {
    /// Says that a series has no summary, and why. The same again adds no leaf.
    ///
    /// # Errors
    /// When that cannot be known yet, when it has a summary, when it is said to be nil while records
    /// begin in it; or as [`Door::publish`].
    pub fn status(
        &self,
        book: &dyn Book,
        series: Series,
        status: Status,
        today: Date,
    ) -> Result<Said, ReleaseError> {
        timely(series, status, today)?;
        // What a crash left half said is said before anything is compared with it.
        self.recover()?;
        let truth = bears_out(book, series, status);
        let name = series.to_string();
        if let Some(leaf) = standing(&listing(self.public, self.origin().as_str())?, &name)
            && truth.is_ok()
            && leaf.state == status.as_str()
        {
            let leaves = vec![(series, leaf.revision, leaf.leaf_index)];
            let published = Published {
                leaves,
                ..self.standing()?
            };
            return Ok(Said {
                published,
                already: true,
            });
        }
        let has_summary =
            |entry: &Entry| entry.has_payload && entry.series.as_deref() == Some(name.as_str());
        if Ledger(self.private).entries()?.iter().any(has_summary) {
            return Err(ReleaseError::HasSummary(name));
        }
        truth?;
        let leaf = Leaf::Status {
            series,
            status,
            date: today,
        };
        let index = self.append_bare(&leaf, Some(name))?;
        Ok(Said {
            published: self.published(vec![(series, 0, index)])?,
            already: false,
        })
    }
}

/// Returns the newest leaf about a series. By name: in a leaf, a financial year is written without
/// the month it begins in.
fn standing<'a>(listed: &'a [Listed], name: &str) -> Option<&'a Listed> {
    let is_about = |leaf: &&Listed| leaf.series.to_string() == name;
    listed.iter().rev().find(is_about)
}

/// Checks that something can be said of a period by now. That nothing happened is known when it is
/// over; a pause, or not to share, may be decided before it begins.
fn timely(series: Series, status: Status, today: Date) -> Result<(), ReleaseError> {
    let (first, last) = (series.period.first_day(), series.period.last_day());
    let furthest = jiff::Span::new()
        .try_days(FURTHEST_AHEAD)
        .and_then(|days| today.checked_add(days));
    if first > furthest.unwrap_or(Date::MAX) {
        let status = status.as_str();
        return Err(ReleaseError::FarAhead {
            series,
            status,
            first,
        });
    }
    if status != Status::Nil || today > last {
        return Ok(());
    }
    let known = last.tomorrow().unwrap_or(Date::MAX);
    Err(match today >= first {
        true => ReleaseError::NotOver { series, known },
        false => ReleaseError::NotBegun {
            series,
            first,
            known,
        },
    })
}

/// Checks that the records bear out a status.
fn bears_out(book: &dyn Book, series: Series, status: Status) -> Result<(), ReleaseError> {
    if status != Status::Nil {
        return Ok(());
    }
    let mut records = 0;
    each(book, series.kind, &mut |record| {
        let begins = record
            .start()
            .is_some_and(|day| series.period.contains(day));
        records += usize::from(begins && bears_on(&record, series.period));
        Ok(())
    })?;
    match records {
        0 => Ok(()),
        _ => Err(ReleaseError::NotNil { series, records }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    /// Returns what speaks against a word about a period, on 15 May 2018.
    fn refused(period: &str, status: Status) -> Option<String> {
        let series = Series {
            kind: Kind::Training,
            period: period.parse().expect("a period"),
        };
        let today = "2018-05-15".parse().expect("a day");
        let refused = timely(series, status, today).err()?;
        Some(refused.to_string())
    }

    #[test]
    fn a_period_is_nil_when_it_is_over() {
        assert_eq!(refused("2018Q1", Status::Nil), None);
        assert_eq!(refused("2018-04", Status::Nil), None);
        let lasts = refused("2018-05", Status::Nil).expect("it lasts");
        assert!(lasts.ends_with("known from 2018-06-01 on"), "{lasts}");
        let ahead = refused("2018Q3", Status::Nil).expect("it is to come");
        assert!(ahead.contains("2018Q3 begins on 2018-07-01"), "{ahead}");
    }

    #[test]
    fn a_pause_is_said_ahead_but_not_of_a_year_mistyped() {
        for status in [Status::Excused, Status::Withheld] {
            assert_eq!(refused("2018Q2", status), None);
            assert_eq!(refused("2019", status), None);
            let far = refused("2081", status).expect("too far ahead");
            assert!(far.contains("2081 begins on 2081-01-01"), "{far}");
        }
    }
}
