//! `release status`: a kind and period have no summary, and why.

use tonic::Status;

use super::office::{Office, base64};
use super::releases::leaves;
use crate::model::{Kind, Period, Series};
use crate::release::{ReleaseError, SeriesStatus};
use crate::rpc::errors::Told as _;
use crate::wire;

impl Office {
    /// Says of a kind and period that there is no summary.
    pub(super) fn say(
        &self,
        kind: Kind,
        period: Period,
        status: SeriesStatus,
    ) -> Result<wire::SetStatusResponse, Status> {
        let today = self.public.clock.today();
        let said = self.at_door(|opened, charter, door| {
            let period = period.with_financial_year(charter.policy().fy_month());
            if !charter.policy().grains(kind).contains(&period.grain()) {
                let grain = period.grain();
                return Err(ReleaseError::NoTables { kind, grain }.told());
            }
            door.status(&opened.store, Series { kind, period }, status, today)
                .map_err(|error| error.told())
        })?;
        Ok(wire::SetStatusResponse {
            published: leaves(&said.published).into_iter().next(),
            tree_size: said.published.tree_size,
            root_hash: base64(&said.published.root.0),
            already_said: said.already,
        })
    }
}
