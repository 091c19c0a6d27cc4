//! Every call of the local services, as plain functions over messages.
//!
//! - `calls`: those that take a message and return one.
//! - `import`: files handed over a chunk at a time.
//! - `error`: what a call failed with.

mod calls;
mod error;
mod import;

use tonic::transport::Channel;

use super::generated::{
    admin_client::AdminClient, approvals_client::ApprovalsClient, charters_client::ChartersClient,
    records_client::RecordsClient, releases_client::ReleasesClient, reports_client::ReportsClient,
    upkeep_client::UpkeepClient, vault_client::VaultClient,
};
use crate::wire::{self, backup_response};
pub use error::CallError;
pub use import::ImportProgress;

/// Largest message on the local socket, both ways. A report over many members and periods is far
/// larger than the 4 MiB of gRPC's default, and both ends are the same person's.
pub const LOCAL_MESSAGE_LIMIT: usize = 256 << 20;

/// A node, running or opened in this process.
#[derive(Clone, Debug)]
pub struct Client {
    records: RecordsClient<Channel>,
    releases: ReleasesClient<Channel>,
    approvals: ApprovalsClient<Channel>,
    admin: AdminClient<Channel>,
    charters: ChartersClient<Channel>,
    reports: ReportsClient<Channel>,
    upkeep: UpkeepClient<Channel>,
    vault: VaultClient<Channel>,
}

/// Sets both limits of one service's client.
macro_rules! roomy {
    ($service:ident, $channel:expr) => {
        $service::new($channel)
            .max_decoding_message_size(LOCAL_MESSAGE_LIMIT)
            .max_encoding_message_size(LOCAL_MESSAGE_LIMIT)
    };
}

impl Client {
    /// Returns a client over a channel to one node's local services.
    pub fn new(channel: Channel) -> Self {
        Self {
            records: roomy!(RecordsClient, channel.clone()),
            releases: roomy!(ReleasesClient, channel.clone()),
            approvals: roomy!(ApprovalsClient, channel.clone()),
            admin: roomy!(AdminClient, channel.clone()),
            charters: roomy!(ChartersClient, channel.clone()),
            reports: roomy!(ReportsClient, channel.clone()),
            upkeep: roomy!(UpkeepClient, channel.clone()),
            vault: roomy!(VaultClient, channel),
        }
    }

    /// Returns records, all pages of them.
    ///
    /// # Errors
    /// What the node answered, or that it could not be reached.
    pub async fn list_records(
        &self,
        request: wire::ListRecordsRequest,
    ) -> Result<Vec<wire::Record>, CallError> {
        let mut pages = self.records.clone().list(request).await?.into_inner();
        let mut records = Vec::new();
        while let Some(page) = pages.message().await? {
            records.extend(page.records);
        }
        Ok(records)
    }

    /// Takes a backup and hands its pieces to `take`, one after the other. The file is whole only
    /// if this returns well.
    ///
    /// # Errors
    /// What the node answered, that it could not be reached, or what `take` failed with.
    pub async fn backup<E: From<CallError>>(
        &self,
        request: wire::BackupRequest,
        mut take: impl AsyncFnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<wire::BackupDone, E> {
        let called = self.upkeep.clone().backup(request).await;
        let mut pieces = called.map_err(CallError::from)?.into_inner();
        while let Some(piece) = pieces.message().await.map_err(CallError::from)? {
            match piece.part {
                Some(backup_response::Part::Data(data)) => take(data).await?,
                Some(backup_response::Part::Done(done)) => return Ok(done),
                None => {}
            }
        }
        let unfinished = "the node ended the backup before it was whole";
        Err(CallError::from(tonic::Status::internal(unfinished)).into())
    }
}

#[cfg(test)]
mod tests;
