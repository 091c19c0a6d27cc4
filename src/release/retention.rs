//! Persons are let go once their time is over: a number of days after the year they were counted in
//! was published, since the year's table of different persons is the last to need them.
//!
//! Every count stays. What was published stays as it is: no release is shown as out of date because
//! of this, and tables that count heads are shown again as they were whenever something else of
//! their period is corrected; see [`mod@crate::record::let_go`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::draft::Terms;
use super::ledger::{Entry, Ledger};
use super::sent::{self, Sent};
use super::{ReleaseError, plane::Opened};
use crate::log::Leaf;
use crate::model::{Grain, Kind, Period, Series};
use crate::record::book::{self, batch};
use crate::record::{Record, Remarked, each, let_go, mark, person_rows};

/// Days persons are kept, by kind; `None` for ever.
pub type Retention = BTreeMap<Kind, Option<u32>>;

/// What is held about persons who were in activities of one kind that began in one year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Kind of record.
    pub kind: Kind,
    /// The year.
    pub year: Period,
    /// Records that name somebody.
    pub records: u64,
    /// Rows about persons.
    pub rows: u64,
    /// Rows that were let go already.
    pub let_go: u64,
    /// When the oldest of these records was written down.
    pub since: Option<Date>,
    /// Rows that nothing keeps any more.
    pub due: u64,
    /// How many rows each thing keeps.
    pub keeps: BTreeMap<Keeps, u64>,
}

/// What keeps rows about persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeps {
    /// A period whose tables count them was not published yet.
    NotPublished(Period),
    /// The days since then are not over; it is on this one.
    Until(Date),
    /// What was published is not what the record says now.
    ChangedSinceSent,
    /// The settings say so.
    Off,
}

/// Who was let go, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Records that named somebody.
    pub records: u64,
    /// Rows about persons that go.
    pub rows: u64,
    /// What was held before.
    pub holdings: Vec<Holding>,
}

/// Looks at a book on one day.
#[derive(Debug)]
pub struct Look<'a> {
    /// The book.
    pub opened: &'a Opened,
    /// What the member agreed to publish; without a charter, nothing was.
    pub terms: Option<Terms<'a>>,
    /// Days persons are kept.
    pub retention: &'a Retention,
    /// The day.
    pub today: Date,
}

impl Look<'_> {
    /// Returns what is held about persons, per kind and year.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn holdings(&self, kinds: &[Kind]) -> Result<Vec<Holding>, ReleaseError> {
        self.look(kinds, &mut |_| {})
    }

    /// Lets go, durably, whom nothing keeps any more; with `dry_run`, only counts.
    ///
    /// # Errors
    /// When the book cannot be read or written; what was not written yet is as it was.
    pub fn let_go(&self, kinds: &[Kind], dry_run: bool) -> Result<Retained, ReleaseError> {
        let mut due = Vec::new();
        let holdings = self.look(kinds, &mut |record| due.push((record.kind, record.id)))?;
        let mut retained = Retained {
            records: due.len() as u64,
            rows: holdings.iter().map(|holding| holding.due).sum(),
            holdings,
        };
        if dry_run || due.is_empty() {
            return Ok(retained);
        }
        let store = &self.opened.store;
        // Asked for first: after a crash between the two, files are written anew once too often,
        // and never once too few.
        store.request_rewrite()?;
        (retained.records, retained.rows) = (0, 0);
        for some in due.chunks(AT_ONCE) {
            let (mut changes, mut remarked) = (Vec::new(), Vec::new());
            let mut rows = 0;
            for (_, id) in some {
                let record = book::show(store, *id)?;
                let left = let_go(&record);
                rows += person_rows(&record);
                remarked.push(Remarked {
                    kind: record.kind,
                    id: record.id,
                    before: mark(&record),
                    after: mark(&left),
                });
                changes.push(book::put_record(&left));
            }
            let mut changes = batch(store, changes)?;
            sent::follow(store, &mut changes, &remarked)?;
            store.apply(changes)?;
            retained.records += some.len() as u64;
            retained.rows += rows;
        }
        Ok(retained)
    }

    /// Goes through the book once; `due` is told of each record that nothing keeps persons in.
    fn look(
        &self,
        kinds: &[Kind],
        due: &mut dyn FnMut(&Record),
    ) -> Result<Vec<Holding>, ReleaseError> {
        let store = &self.opened.store;
        let published = Published::read(&Ledger(store).entries()?, self.fy_month());
        let sent = Sent::read(store, None, self.fy_month())?;
        let mut holdings: BTreeMap<(Kind, Period), Holding> = BTreeMap::new();
        let chosen = if kinds.is_empty() { Kind::ALL } else { kinds };
        for kind in chosen {
            each(store, *kind, &mut |record| {
                let rows = person_rows(&record);
                let Some(start) = record.start().filter(|_| rows + record.let_go > 0) else {
                    return Ok(());
                };
                let year = Period::holding(start, Grain::Year, 1);
                let holding = holdings
                    .entry((*kind, year))
                    .or_insert_with(|| Holding::empty(*kind, year));
                holding.let_go += record.let_go;
                if rows == 0 {
                    return Ok(());
                }
                holding.take(&record, rows);
                match self.keeps(&record, start, &published, &sent) {
                    Some(keeps) => *holding.keeps.entry(keeps).or_default() += rows,
                    None => {
                        holding.due += rows;
                        due(&record);
                    }
                }
                Ok(())
            })?;
        }
        Ok(holdings.into_values().collect())
    }

    /// Returns what keeps the persons of a record, if anything does.
    fn keeps(
        &self,
        record: &Record,
        start: Date,
        published: &Published,
        sent: &Sent,
    ) -> Option<Keeps> {
        let days = self.retention.get(&record.kind).copied().flatten();
        let Some(days) = days else {
            return Some(Keeps::Off);
        };
        let mut last = Date::MIN;
        for period in self.needed(record.kind, start) {
            let series = Series {
                kind: record.kind,
                period,
            };
            match published.0.get(&series.to_string()) {
                Some(date) => last = last.max(*date),
                None => return Some(Keeps::NotPublished(period)),
            }
        }
        if sent.standing(record).changed_since_sent {
            return Some(Keeps::ChangedSinceSent);
        }
        let span = jiff::Span::new().try_days(i64::from(days));
        let until = span.and_then(|span| last.checked_add(span));
        let until = until.unwrap_or(Date::MAX);
        (self.today < until).then_some(Keeps::Until(until))
    }

    /// Returns the periods whose tables count the persons of an activity last: its year, and its
    /// financial year where the plan has one.
    fn needed(&self, kind: Kind, start: Date) -> Vec<Period> {
        let mut needed = vec![Period::holding(start, Grain::Year, 1)];
        if let Some(terms) = &self.terms {
            let mut tables = terms.policy.tables(kind, Grain::FinancialYear, terms.size);
            if tables.any(|spec| spec.personal) {
                needed.push(Period::holding(
                    start,
                    Grain::FinancialYear,
                    terms.policy.fy_month(),
                ));
            }
        }
        needed
    }

    fn fy_month(&self) -> i8 {
        self.terms.map_or(1, |terms| terms.policy.fy_month())
    }
}

/// How many records are changed in one write.
const AT_ONCE: usize = 200;

impl Holding {
    const fn empty(kind: Kind, year: Period) -> Self {
        Self {
            kind,
            year,
            records: 0,
            rows: 0,
            let_go: 0,
            since: None,
            due: 0,
            keeps: BTreeMap::new(),
        }
    }

    fn take(&mut self, record: &Record, rows: u64) {
        let day = record.created.to_zoned(TimeZone::UTC).date();
        self.since = Some(self.since.map_or(day, |since| since.min(day)));
        self.records += 1;
        self.rows += rows;
    }
}

/// When each series was published last.
struct Published(BTreeMap<String, Date>);

impl Published {
    fn read(entries: &[Entry], fy_month: i8) -> Self {
        let mut published = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.has_payload) {
            let series = entry.series.as_deref().map(str::parse::<Series>);
            if let Some(Ok(Series { kind, period })) = series
                && let Ok(Leaf::Summary { date, .. }) = Leaf::parse(entry.leaf.as_bytes())
            {
                let period = period.with_financial_year(fy_month);
                published.insert(Series { kind, period }.to_string(), date);
            }
        }
        Self(published)
    }
}
