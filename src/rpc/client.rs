//! Every call of the local services, as plain functions over messages.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::generated::{
    admin_client::AdminClient, charters_client::ChartersClient, records_client::RecordsClient,
    releases_client::ReleasesClient, reports_client::ReportsClient,
};
use super::status;
use crate::wire::{self, import_request, import_response};

/// Largest message on the local socket, both ways. A report over many members and periods is far
/// larger than the 4 MiB of gRPC's default, and both ends are the same person's.
pub const LOCAL_MESSAGE_LIMIT: usize = 256 << 20;

/// Bytes of a file in one message of an import.
const CHUNK_LEN: usize = 64 << 10;

/// A node that refused or failed, or a connection that broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// A word for programs, such as `locked`.
    pub code: String,
    /// What happened, in one line.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        Self {
            code: status::code_of(&status),
            message: match status.message() {
                "" => status.code().description().to_owned(),
                message => message.to_owned(),
            },
            hint: status::hint_of(&status),
        }
    }
}

impl CallError {
    fn file(error: &io::Error) -> Self {
        Self {
            code: "file".to_owned(),
            message: format!("the file could not be read to its end: {error}"),
            hint: "nothing was stored; try again".to_owned(),
        }
    }
}

/// How an import goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// Bytes of the file handed over so far.
    Sent(u64),
    /// Rows the node has read so far.
    Rows(u64),
}

/// A node, running or opened in this process.
#[derive(Clone, Debug)]
pub struct Client {
    records: RecordsClient<Channel>,
    releases: ReleasesClient<Channel>,
    admin: AdminClient<Channel>,
    charters: ChartersClient<Channel>,
    reports: ReportsClient<Channel>,
}

/// Sets both limits of one service's client.
macro_rules! roomy {
    ($service:ident, $channel:expr) => {
        $service::new($channel)
            .max_decoding_message_size(LOCAL_MESSAGE_LIMIT)
            .max_encoding_message_size(LOCAL_MESSAGE_LIMIT)
    };
}

/// Declares one method per call that takes a message and returns one.
macro_rules! calls {
    ($( $(#[$doc:meta])* $name:ident = $service:ident.$call:ident($request:ident) -> $response:ident; )+) => {
        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// What the node answered, or that it could not be reached.
                pub async fn $name(
                    &self,
                    request: wire::$request,
                ) -> Result<wire::$response, CallError> {
                    Ok(self.$service.clone().$call(request).await?.into_inner())
                }
            )+
        }
    };
}

calls! {
    /// Adds one record.
    add_record = records.add(AddRecordRequest) -> AddRecordResponse;
    /// Changes fields of one record.
    edit_record = records.edit(EditRecordRequest) -> EditRecordResponse;
    /// Deletes one record.
    delete_record = records.delete(DeleteRecordRequest) -> DeleteRecordResponse;
    /// Returns one record.
    show_record = records.show(ShowRecordRequest) -> ShowRecordResponse;

    /// Shows exactly what would leave for a period.
    preview = releases.preview(PreviewRequest) -> PreviewResponse;
    /// Lets a previewed draft out.
    publish = releases.publish(PublishRequest) -> PublishResponse;
    /// Says that a kind and period have no summary, and why.
    set_status = releases.set_status(SetStatusRequest) -> SetStatusResponse;
    /// Lists what was released.
    list_releases = releases.list(ListReleasesRequest) -> ListReleasesResponse;

    /// Says whether the node is ready, and what troubles it.
    health = admin.health(HealthRequest) -> HealthResponse;
    /// Opens the private plane.
    unlock = admin.unlock(UnlockRequest) -> UnlockResponse;
    /// Closes the private plane.
    lock = admin.lock(LockRequest) -> LockResponse;
    /// Returns the member's signed card, or its fingerprint.
    card = admin.card(CardRequest) -> CardResponse;
    /// Adds this member's governor signature to a charter draft.
    sign_charter = admin.sign_charter(SignCharterRequest) -> SignCharterResponse;
    /// Returns the state of the charter in force.
    show_charter = admin.show_charter(ShowCharterRequest) -> ShowCharterResponse;
    /// Lists the peers this node dials.
    list_peers = admin.list_peers(ListPeersRequest) -> ListPeersResponse;
    /// Overrides a member's endpoint on this node.
    add_peer = admin.add_peer(AddPeerRequest) -> AddPeerResponse;
    /// Syncs now with one peer or all.
    sync_peers = admin.sync_peers(SyncPeersRequest) -> SyncPeersResponse;
    /// Makes a certificate for a coordinator or an auditor.
    grant_access = admin.grant_access(GrantAccessRequest) -> GrantAccessResponse;
    /// Takes a granted certificate back.
    revoke_access = admin.revoke_access(RevokeAccessRequest) -> RevokeAccessResponse;
    /// Lists granted certificates.
    list_access = admin.list_access(ListAccessRequest) -> ListAccessResponse;

    /// Returns one version of the charter.
    get_charter = charters.get(GetCharterRequest) -> GetCharterResponse;
    /// Stores the next version of the charter if it is valid.
    submit_charter = charters.submit(SubmitCharterRequest) -> SubmitCharterResponse;

    /// Answers one query.
    query = reports.query(QueryRequest) -> QueryResponse;
    /// Says who was expected to report and did.
    coverage = reports.coverage(CoverageRequest) -> CoverageResponse;
    /// Returns one leaf with its proof.
    prove = reports.prove(ProveRequest) -> ProveResponse;
}

impl Client {
    /// Returns a client over a channel to one node's local services.
    pub fn new(channel: Channel) -> Self {
        Self {
            records: roomy!(RecordsClient, channel.clone()),
            releases: roomy!(ReleasesClient, channel.clone()),
            admin: roomy!(AdminClient, channel.clone()),
            charters: roomy!(ChartersClient, channel.clone()),
            reports: roomy!(ReportsClient, channel),
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

    /// Hands a file to the node, a chunk at a time, and returns what became of it.
    ///
    /// # Errors
    /// What the node answered, or that the file could not be read to its end; then the call is
    /// broken off, so that the node never takes the first part for the whole.
    pub async fn import_records(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
        mut progress: impl FnMut(ImportProgress),
    ) -> Result<wire::ImportOutcome, CallError> {
        let (parts, queue) = mpsc::channel(4);
        let sent = AtomicU64::new(0);
        let feed = feed(parts, header, file, &sent);
        let answer = async {
            let mut records = self.records.clone();
            let mut answers = records
                .import(ReceiverStream::new(queue))
                .await?
                .into_inner();
            while let Some(answer) = answers.message().await? {
                progress(ImportProgress::Sent(sent.load(Ordering::Relaxed)));
                match answer.part {
                    Some(import_response::Part::Rows(rows)) => progress(ImportProgress::Rows(rows)),
                    Some(import_response::Part::Outcome(outcome)) => return Ok(outcome),
                    None => {}
                }
            }
            Err(CallError::from(tonic::Status::internal(
                "the node ended the import without saying what became of it",
            )))
        };
        tokio::select! {
            outcome = answer => outcome,
            // `answer` is dropped, which resets the call, before the queue is closed.
            (_open_queue, error) = feed => Err(CallError::file(&error)),
        }
    }
}

/// Sends the header and the file. Only a failure to read ends it: with the file sent whole it
/// closes the queue and rests, and the node has the last word.
async fn feed(
    parts: mpsc::Sender<wire::ImportRequest>,
    header: wire::ImportHeader,
    mut file: impl AsyncRead + Unpin,
    sent: &AtomicU64,
) -> (mpsc::Sender<wire::ImportRequest>, io::Error) {
    let request = |part| wire::ImportRequest { part: Some(part) };
    let mut next = request(import_request::Part::Header(header));
    while parts.send(next).await.is_ok() {
        let mut chunk = vec![0; CHUNK_LEN];
        match file.read(&mut chunk).await {
            Ok(0) => break,
            Ok(len) => {
                chunk.truncate(len);
                sent.fetch_add(len as u64, Ordering::Relaxed);
                next = request(import_request::Part::Data(chunk));
            }
            Err(error) => return (parts, error),
        }
    }
    drop(parts);
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_an_error_with_all_three_parts() {
        let error = CallError::from(status::status(
            "locked",
            "the node is locked",
            "unlock it – now",
        ));
        assert_eq!(error.code, "locked");
        assert_eq!(error.message, "the node is locked");
        assert_eq!(error.hint, "unlock it – now");
    }

    #[test]
    fn a_status_without_words_says_what_its_code_means() {
        let error = CallError::from(tonic::Status::unavailable(""));
        assert_eq!(error.code, "unavailable");
        assert!(!error.message.is_empty());
    }
}
