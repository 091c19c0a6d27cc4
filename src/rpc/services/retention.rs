//! What is held about persons, and whose time is over.

use std::sync::PoisonError;

use tonic::Status;

use super::invalid;
use super::office::{Office, terms};
use crate::model::Kind;
use crate::release::retention::{Holding, Keeps, Look};
use crate::rpc::errors::Told as _;
use crate::wire;

impl Office {
    pub(super) fn retain(
        &self,
        asked: &wire::RetainRequest,
    ) -> Result<wire::RetainResponse, Status> {
        let kinds = kinds(&asked.kind)?;
        self.look(|look| {
            let retained = look.let_go(&kinds, asked.dry_run);
            let retained = retained.map_err(|error| error.told())?;
            Ok(wire::RetainResponse {
                records: retained.records,
                rows: retained.rows,
                holdings: retained.holdings.into_iter().map(to_wire).collect(),
            })
        })
    }

    pub(super) fn holdings(
        &self,
        asked: &wire::HoldingsRequest,
    ) -> Result<wire::HoldingsResponse, Status> {
        let kinds = kinds(&asked.kind)?;
        self.look(|look| {
            let holdings = look.holdings(&kinds).map_err(|error| error.told())?;
            Ok(wire::HoldingsResponse {
                holdings: holdings.into_iter().map(to_wire).collect(),
            })
        })
    }

    /// Looks at the open book while nothing else changes it.
    fn look<T>(&self, with: impl FnOnce(&Look<'_>) -> Result<T, Status>) -> Result<T, Status> {
        let opened = self.opened()?;
        let charter = self.charter().ok();
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let terms = charter
            .as_deref()
            .map(|charter| terms(charter, &self.public.me.id));
        with(&Look {
            opened: &opened,
            terms: terms.transpose()?,
            retention: &self.retention,
            today: self.public.clock.today(),
        })
    }
}

fn kinds(text: &str) -> Result<Vec<Kind>, Status> {
    match text {
        "" => Ok(Vec::new()),
        text => Ok(vec![text.parse().map_err(invalid)?]),
    }
}

fn to_wire(holding: Holding) -> wire::Holding {
    wire::Holding {
        kind: holding.kind.to_string(),
        year: holding.year.to_string(),
        records: holding.records,
        rows: holding.rows,
        let_go: holding.let_go,
        since: holding.since.map(|day| day.to_string()).unwrap_or_default(),
        due: holding.due,
        keeps: holding
            .keeps
            .into_iter()
            .map(|(keeps, rows)| keeper(keeps, rows))
            .collect(),
    }
}

fn keeper(keeps: Keeps, rows: u64) -> wire::Keeper {
    let (code, until, message) = match keeps {
        Keeps::NotPublished(period) => (
            "not_published",
            String::new(),
            format!("the figures of {period} were not published yet, and count them"),
        ),
        Keeps::Until(date) => ("days", date.to_string(), format!("they may go on {date}")),
        Keeps::ChangedSinceSent => (
            "changed_since_sent",
            String::new(),
            "their records changed since they were sent: publish the periods again first"
                .to_owned(),
        ),
        Keeps::Off => (
            "off",
            String::new(),
            "the settings keep them for ever (retention is off)".to_owned(),
        ),
    };
    wire::Keeper {
        code: code.to_owned(),
        rows,
        until,
        message,
    }
}
