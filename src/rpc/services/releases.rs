//! The one door, over the local socket.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::civil::Date;
use tonic::{Request, Response, Status};

use super::office::{Office, terms};
use super::{PeerBook, blocking, invalid};
use crate::disclosure::tables::Why;
use crate::model::{self, Cell, Kind, Period, Series, Table, Tally};
use crate::release::draft::{Blocked, Draft, DraftSummary, audience_text};
use crate::release::ledger::Ledger;
use crate::release::listing::{Listed, listing};
use crate::release::sent::{Sent, Since};
use crate::release::statement::{Statements, warnings};
use crate::release::{Opened, Published, ReleaseError, SeriesStatus};
use crate::rpc::errors::Told as _;
use crate::rpc::generated::releases_server::Releases;
use crate::wire;

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct ReleasesService {
    office: Arc<Office>,
    peers: Arc<dyn PeerBook>,
}

impl ReleasesService {
    pub(in crate::rpc) fn new(office: Arc<Office>, peers: Arc<dyn PeerBook>) -> Self {
        Self { office, peers }
    }

    /// Runs what appends to the own log; peers are told of it.
    async fn let_out<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        self.peers.settle().await;
        let done = blocking(work).await?;
        self.peers.nudge();
        Ok(done)
    }
}

#[tonic::async_trait]
impl Releases for ReleasesService {
    async fn preview(
        &self,
        request: Request<wire::PreviewRequest>,
    ) -> Result<Response<wire::PreviewResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || {
            let period: Period = asked.period.parse().map_err(invalid)?;
            let kinds = kinds(&asked.kinds)?;
            let opened = office.opened()?;
            let today = office.public.clock.today();
            let draft = office.draft(&opened, period, &kinds)?;
            // Two previews at once would each forget the other.
            let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
            Ledger(&opened.store)
                .remember(&draft.digest, period, &kinds)
                .map_err(|error| error.told())?;
            let standing = office.standing_of(&opened, &draft)?;
            Ok(wire::PreviewResponse {
                standing: Some(standing),
                ..preview(draft, today)
            })
        })
        .await
    }

    async fn publish(
        &self,
        request: Request<wire::PublishRequest>,
    ) -> Result<Response<wire::PublishResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        self.let_out(move || office.publish(&asked)).await
    }

    async fn list_holds(
        &self,
        _request: Request<wire::ListHoldsRequest>,
    ) -> Result<Response<wire::ListHoldsResponse>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || office.holds()).await
    }

    async fn cancel_hold(
        &self,
        request: Request<wire::CancelHoldRequest>,
    ) -> Result<Response<wire::CancelHoldResponse>, Status> {
        let (office, digest) = (Arc::clone(&self.office), request.into_inner().digest);
        blocking(move || office.cancel_hold(&digest)).await
    }

    async fn set_status(
        &self,
        request: Request<wire::SetStatusRequest>,
    ) -> Result<Response<wire::SetStatusResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        self.let_out(move || {
            let kind: Kind = asked.kind.parse().map_err(invalid)?;
            let period: Period = asked.period.parse().map_err(invalid)?;
            let said: SeriesStatus = asked.status.parse().map_err(invalid)?;
            office.say(kind, period, said)
        })
        .await
    }

    async fn state(
        &self,
        request: Request<wire::StateRequest>,
    ) -> Result<Response<wire::StateResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || office.state(&asked)).await
    }

    async fn list(
        &self,
        _request: Request<wire::ListReleasesRequest>,
    ) -> Result<Response<wire::ListReleasesResponse>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || {
            let opened = office.opened()?;
            let releases = office.releases(&opened)?;
            Ok(wire::ListReleasesResponse { releases })
        })
        .await
    }
}

impl Office {
    pub(super) fn draft(
        &self,
        opened: &Opened,
        period: Period,
        kinds: &[Kind],
    ) -> Result<Draft, Status> {
        let charter = self.charter()?;
        let terms = terms(&charter, &self.public.me.id)?;
        let ledger = Ledger(&opened.store);
        Draft::make(&terms, period, kinds, &opened.store, ledger).map_err(|error| error.told())
    }

    /// Writes, or returns, what is said of a series.
    fn state(&self, asked: &wire::StateRequest) -> Result<wire::StateResponse, Status> {
        let kind: Kind = asked.kind.parse().map_err(invalid)?;
        let period: Period = asked.period.parse().map_err(invalid)?;
        let opened = self.opened()?;
        let charter = self.charter()?;
        let terms = terms(&charter, &self.public.me.id)?;
        let period = period.with_financial_year(terms.policy.fy_month());
        let grain = period.grain();
        if terms
            .policy
            .tables(kind, grain, terms.size)
            .next()
            .is_none()
        {
            return Err(ReleaseError::NoTables { kind, grain }.told());
        }
        let series = Series { kind, period };
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let statements = Statements(&opened.store);
        if asked.replace {
            statements
                .replace(series, &asked.texts)
                .map_err(|error| error.told())?;
        }
        let texts = statements.of(series).map_err(|error| error.told())?;
        Ok(wire::StateResponse {
            series: series.to_string(),
            statements: said(&texts, &warnings(&texts, &terms)),
        })
    }

    /// Returns every leaf of the own log about a series, with what became of it.
    fn releases(&self, opened: &Opened) -> Result<Vec<wire::ReleaseEntry>, Status> {
        let origin = self.charter()?.origin(&self.public.me.id);
        self.public.holds_all().map_err(|error| error.told())?;
        let listed = listing(&self.public.store, &origin).map_err(|error| error.told())?;
        let since = Sent::read(&opened.store, None, self.fy_month())
            .and_then(|sent| sent.since(&opened.store))
            .map_err(|error| error.told())?;
        // By name: in a leaf, a financial year is written without the month it begins in.
        let since: BTreeMap<String, Since> = since
            .into_iter()
            .map(|(series, since)| (series.to_string(), since))
            .collect();
        let entry = |one: Listed| {
            let since = since.get(&one.series.to_string());
            let since = since.filter(|_| one.state == "current");
            wire::ReleaseEntry {
                leaf_index: one.leaf_index,
                series: one.series.to_string(),
                revision: one.revision,
                state: one.state.to_owned(),
                since: since.copied().and_then(changes),
            }
        };
        Ok(listed.into_iter().map(entry).collect())
    }
}

fn kinds(given: &[String]) -> Result<Vec<Kind>, Status> {
    let mut kinds: Vec<Kind> = given
        .iter()
        .map(|kind| kind.parse().map_err(invalid))
        .collect::<Result<_, _>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

pub(super) fn leaves(published: &Published) -> Vec<wire::PublishedSummary> {
    let one = |(series, revision, leaf_index): &(Series, u32, u64)| wire::PublishedSummary {
        series: series.to_string(),
        revision: *revision,
        leaf_index: *leaf_index,
    };
    published.leaves.iter().map(one).collect()
}

/// Says of a period that it is not over.
fn unfinished(period: Period, today: Date) -> Option<String> {
    let last = period.last_day();
    if today < period.first_day() {
        Some(format!("{period} has not begun; is the year right?"))
    } else if today <= last {
        Some(format!(
            "{period} lasts until {last}; what comes in later needs another release"
        ))
    } else {
        None
    }
}

fn preview(draft: Draft, today: Date) -> wire::PreviewResponse {
    wire::PreviewResponse {
        warnings: unfinished(draft.period, today).into_iter().collect(),
        digest: draft.digest,
        period: draft.period.to_string(),
        summaries: draft.summaries.iter().map(summary).collect(),
        blocked: draft.blocked.iter().map(blocked).collect(),
        standing: None,
    }
}

fn summary(draft: &DraftSummary) -> wire::DraftSummary {
    wire::DraftSummary {
        series: draft.summary.series.to_string(),
        revision: draft.summary.revision,
        replaces: draft.replaces,
        audience: audience_text(&draft.audience),
        tables: draft
            .summary
            .tables
            .iter()
            .zip(draft.truths.iter().zip(&draft.why))
            .map(|(one, behind)| {
                let before = draft.before.iter().find(|before| before.id == one.id);
                table(one, before, behind)
            })
            .collect(),
        unchanged: draft.unchanged,
        statements: said(&draft.summary.statements, &draft.warnings),
        since: draft.since.and_then(changes),
    }
}

fn said(texts: &[String], warnings: &[Vec<String>]) -> Vec<wire::DraftStatement> {
    let both = texts.iter().zip(warnings);
    both.map(|(text, warnings)| wire::DraftStatement {
        text: text.clone(),
        warnings: warnings.clone(),
    })
    .collect()
}

fn blocked(blocked: &Blocked) -> wire::BlockedTable {
    wire::BlockedTable {
        series: blocked.series.to_string(),
        table: blocked.table.clone(),
        reason: blocked.reason.to_string(),
    }
}

fn changes(since: Since) -> Option<wire::RecordChanges> {
    since.is_anything().then_some(wire::RecordChanges {
        changed: since.changed,
        added: since.added,
        deleted: since.deleted,
    })
}

/// What truly stands behind a table's cells, and why some of it is kept back.
type Behind<'d> = (&'d Vec<Tally>, &'d Vec<Option<Why>>);

fn table(table: &Table, before: Option<&Table>, behind: Behind<'_>) -> wire::DraftTable {
    let by = || table.axes.iter().map(|axis| axis.dimension.to_string());
    let was = |codes: &[&str], cell: &Cell| {
        let before = before?;
        let at = model::table::index_of(&before.axes, codes)?;
        let was = before.cells.get(at).filter(|was| *was != cell)?;
        Some(Box::new(figure(was)))
    };
    let cell = |(at, cell): (usize, &Cell)| {
        let codes = table.codes_at(at);
        let (truth, why) = kept_back(cell, at, behind);
        wire::DraftCell {
            truth,
            why,
            was: was(&codes, cell),
            dims: by().zip(codes.into_iter().map(ToOwned::to_owned)).collect(),
            ..figure(cell)
        }
    };
    wire::DraftTable {
        table: table.id.clone(),
        measure: table.measure.to_string(),
        by: by().collect(),
        cells: table.cells.iter().enumerate().map(cell).collect(),
        decimals: table.measure.decimals(),
    }
}

/// Returns what a cell truly is and why that is not said, where it is not.
fn kept_back(cell: &Cell, at: usize, (tallies, why): Behind<'_>) -> (Option<i64>, String) {
    let truth = tallies.get(at).and_then(|tally| tally.value);
    let why = why.get(at).copied().flatten();
    match (truth.filter(|_| cell.figure.value() != truth), why) {
        (Some(truth), Some(why)) => (Some(truth), why.to_string()),
        (Some(truth), None) => (Some(truth), "the whole table is kept back".to_owned()),
        (None, _) => (None, String::new()),
    }
}

fn figure(cell: &Cell) -> wire::DraftCell {
    wire::DraftCell {
        state: cell.figure.state().to_owned(),
        value: cell.figure.value(),
        lower: cell.figure.lower(),
        upper: cell.figure.upper(),
        uncounted: cell.uncounted,
        ..wire::DraftCell::default()
    }
}
