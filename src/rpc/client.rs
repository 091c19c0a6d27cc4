//! Every call of the local services, as plain functions over messages.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::generated::{
    admin_client::AdminClient, approvals_client::ApprovalsClient, charters_client::ChartersClient,
    records_client::RecordsClient, releases_client::ReleasesClient, reports_client::ReportsClient,
    upkeep_client::UpkeepClient, vault_client::VaultClient,
};
use super::status;
use crate::wire::{self, backup_response, import_request, import_response};

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
        // A node's own answer has no cause on this side of the connection.
        if std::error::Error::source(&status).is_some() && status::hint_of(&status).is_empty() {
            return Self::cut_off();
        }
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
    fn cut_off() -> Self {
        Self {
            code: "unavailable".to_owned(),
            message: "the node went away before it answered".to_owned(),
            hint: "it may have done what was asked: look, then ask again".to_owned(),
        }
    }

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
    /// Returns an empty table to fill in.
    record_template = records.template(TemplateRequest) -> TemplateResponse;
    /// Changes fields of one record.
    edit_record = records.edit(EditRecordRequest) -> EditRecordResponse;
    /// Deletes one record.
    delete_record = records.delete(DeleteRecordRequest) -> DeleteRecordResponse;
    /// Takes a person out of every list.
    forget_person = records.forget(ForgetRequest) -> ForgetResponse;
    /// Takes a person out of one list.
    remove_person = records.remove_person(RemovePersonRequest) -> RemovePersonResponse;
    /// Lets persons go whose time is over.
    retain = records.retain(RetainRequest) -> RetainResponse;
    /// Says what is held about persons.
    holdings = records.holdings(HoldingsRequest) -> HoldingsResponse;
    /// Returns one record.
    show_record = records.show(ShowRecordRequest) -> ShowRecordResponse;

    /// Shows exactly what would leave for a period.
    preview = releases.preview(PreviewRequest) -> PreviewResponse;
    /// Lets a previewed draft out.
    publish = releases.publish(PublishRequest) -> PublishResponse;
    /// Lists the drafts that leave later.
    list_holds = releases.list_holds(ListHoldsRequest) -> ListHoldsResponse;
    /// Takes a draft back that was to leave later.
    cancel_hold = releases.cancel_hold(CancelHoldRequest) -> CancelHoldResponse;
    /// Says that a kind and period have no summary, and why.
    set_status = releases.set_status(SetStatusRequest) -> SetStatusResponse;
    /// Writes, or returns, what the member says of a kind and period in its own words.
    state = releases.state(StateRequest) -> StateResponse;
    /// Lists what was released.
    list_releases = releases.list(ListReleasesRequest) -> ListReleasesResponse;

    /// Takes in an approver.
    add_approver = approvals.add_approver(AddApproverRequest) -> AddApproverResponse;
    /// Lists the approvers.
    list_approvers = approvals.list_approvers(ListApproversRequest) -> ListApproversResponse;
    /// Lets an approver go.
    remove_approver = approvals.remove_approver(RemoveApproverRequest) -> RemoveApproverResponse;
    /// Says what there is to sign about a draft, and who did.
    draft_standing = approvals.standing(StandingRequest) -> StandingResponse;
    /// Takes in an approval.
    approve = approvals.approve(ApproveRequest) -> ApproveResponse;
    /// Takes in that an approver made the preview.
    claim_preview = approvals.claim_preview(ClaimPreviewRequest) -> ClaimPreviewResponse;

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
    /// Says how far anybody can bound what a member ever published.
    audit = admin.audit(AuditRequest) -> AuditResponse;
    /// Reads settings and certificate again.
    reload = admin.reload(ReloadRequest) -> ReloadResponse;

    /// Adds a passphrase.
    add_passphrase = vault.add_passphrase(AddPassphraseRequest) -> AddPassphraseResponse;
    /// Changes a passphrase.
    change_passphrase = vault.change_passphrase(ChangePassphraseRequest) -> ChangePassphraseResponse;
    /// Takes a passphrase away.
    remove_passphrase = vault.remove_passphrase(RemovePassphraseRequest) -> RemovePassphraseResponse;
    /// Lists what the passphrases are called.
    list_passphrases = vault.list_passphrases(ListPassphrasesRequest) -> ListPassphrasesResponse;
    /// Makes a new recovery code open the book.
    renew_recovery = vault.renew_recovery(RenewRecoveryRequest) -> RenewRecoveryResponse;
    /// Chooses the passphrase of the plain book.
    set_plain = vault.set_plain(SetPlainRequest) -> SetPlainResponse;
    /// Destroys the keys and stops the node.
    wipe = vault.wipe(WipeRequest) -> WipeResponse;
    /// Looks for damage, and for what will soon be trouble.
    doctor = upkeep.doctor(DoctorRequest) -> DoctorResponse;

    /// Returns one version of the charter.
    get_charter = charters.get(GetCharterRequest) -> GetCharterResponse;
    /// Stores the next version of the charter if it is valid.
    submit_charter = charters.submit(SubmitCharterRequest) -> SubmitCharterResponse;

    /// Answers one query.
    query = reports.query(QueryRequest) -> QueryResponse;
    /// Says who was expected to report and did.
    coverage = reports.coverage(CoverageRequest) -> CoverageResponse;
    /// Tells some periods in sentences.
    story = reports.story(StoryRequest) -> StoryResponse;
    /// Returns one leaf with its proof.
    prove = reports.prove(ProveRequest) -> ProveResponse;
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

    /// Hands a file to the node, a chunk at a time, and returns what became of it.
    ///
    /// # Errors
    /// What the node answered, or that the file could not be read to its end; then the node never
    /// hears of the end, and does not take the first part for the whole.
    pub async fn import_records(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
        progress: impl FnMut(ImportProgress),
    ) -> Result<wire::ImportOutcome, CallError> {
        match self.send_file(header, file, progress).await? {
            import_response::Part::Outcome(outcome) => Ok(outcome),
            _ => Err(unanswered()),
        }
    }

    /// Sends a file and returns the MAP that is proposed for it.
    ///
    /// # Errors
    /// As [`Self::import_records`].
    pub async fn suggest_map(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
    ) -> Result<String, CallError> {
        match self.send_file(header, file, |_| {}).await? {
            import_response::Part::SuggestedMap(text) => Ok(text),
            _ => Err(unanswered()),
        }
    }

    async fn send_file(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
        mut progress: impl FnMut(ImportProgress),
    ) -> Result<import_response::Part, CallError> {
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
                    Some(last) => return Ok(last),
                    None => {}
                }
            }
            Err(unanswered())
        };
        tokio::select! {
            last = answer => last,
            error = feed => Err(CallError::file(&error)),
        }
    }
}

fn unanswered() -> CallError {
    CallError::from(tonic::Status::internal(
        "the node ended the import without saying what became of it",
    ))
}

/// Sends the header, the file and its end. Only a failure to read ends it: after the end it rests,
/// and the node has the last word.
async fn feed(
    parts: mpsc::Sender<wire::ImportRequest>,
    header: wire::ImportHeader,
    mut file: impl AsyncRead + Unpin,
    sent: &AtomicU64,
) -> io::Error {
    let mut next = import_request::Part::Header(header);
    loop {
        let is_end = matches!(next, import_request::Part::End(_));
        let part = Some(next);
        if parts.send(wire::ImportRequest { part }).await.is_err() || is_end {
            break;
        }
        let mut chunk = vec![0; CHUNK_LEN];
        next = match file.read(&mut chunk).await {
            Ok(0) => import_request::Part::End(sent.load(Ordering::Relaxed)),
            Ok(len) => {
                chunk.truncate(len);
                sent.fetch_add(len as u64, Ordering::Relaxed);
                import_request::Part::Data(chunk)
            }
            Err(error) => return error,
        };
    }
    drop(parts);
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::generated::records_server::{Records, RecordsServer};
    use hyper_util::rt::TokioIo;
    use tonic::{Request, Response, Status};

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

    type Pages = tokio_stream::Iter<std::vec::IntoIter<Result<wire::ListRecordsResponse, Status>>>;
    type Answers = ReceiverStream<Result<wire::ImportResponse, Status>>;

    /// A book that only knows how to list and to take in files; it tells whether each file came
    /// whole.
    struct Book {
        ended: mpsc::UnboundedSender<bool>,
    }

    #[tonic::async_trait]
    impl Records for Book {
        type ListStream = Pages;
        type ImportStream = Answers;

        async fn list(
            &self,
            _: Request<wire::ListRecordsRequest>,
        ) -> Result<Response<Pages>, Status> {
            let page = |id: &str| {
                let record = wire::Record {
                    id: id.to_owned(),
                    ..wire::Record::default()
                };
                let records = vec![record];
                Ok(wire::ListRecordsResponse { records })
            };
            let pages = vec![page("a"), page("b")];
            Ok(Response::new(tokio_stream::iter(pages)))
        }

        async fn import(
            &self,
            request: Request<tonic::Streaming<wire::ImportRequest>>,
        ) -> Result<Response<Answers>, Status> {
            let mut parts = request.into_inner();
            let (answers, queue) = mpsc::channel(1);
            let ended = self.ended.clone();
            tokio::spawn(async move {
                let (mut read, mut whole) = (0, false);
                while let Ok(Some(part)) = parts.message().await {
                    match part.part {
                        Some(import_request::Part::Data(data)) => read += data.len() as u64,
                        Some(import_request::Part::End(len)) => whole = len == read,
                        _ => {}
                    }
                }
                let outcome = wire::ImportOutcome {
                    read,
                    ..wire::ImportOutcome::default()
                };
                let part = Some(import_response::Part::Outcome(outcome));
                // Whoever broke the call off hears no answer.
                let _unheard = answers.send(Ok(wire::ImportResponse { part })).await;
                ended.send(whole).expect("the test listens");
            });
            Ok(Response::new(ReceiverStream::new(queue)))
        }

        async fn add(
            &self,
            _: Request<wire::AddRecordRequest>,
        ) -> Result<Response<wire::AddRecordResponse>, Status> {
            Err(status::status("locked", "the node is locked", ""))
        }

        async fn edit(
            &self,
            _: Request<wire::EditRecordRequest>,
        ) -> Result<Response<wire::EditRecordResponse>, Status> {
            Err(Status::unimplemented("edit"))
        }

        async fn delete(
            &self,
            _: Request<wire::DeleteRecordRequest>,
        ) -> Result<Response<wire::DeleteRecordResponse>, Status> {
            Err(Status::unimplemented("delete"))
        }

        async fn forget(
            &self,
            _: Request<wire::ForgetRequest>,
        ) -> Result<Response<wire::ForgetResponse>, Status> {
            Err(Status::unimplemented("forget"))
        }

        async fn retain(
            &self,
            _: Request<wire::RetainRequest>,
        ) -> Result<Response<wire::RetainResponse>, Status> {
            Err(Status::unimplemented("retain"))
        }

        async fn holdings(
            &self,
            _: Request<wire::HoldingsRequest>,
        ) -> Result<Response<wire::HoldingsResponse>, Status> {
            Err(Status::unimplemented("holdings"))
        }

        async fn remove_person(
            &self,
            _: Request<wire::RemovePersonRequest>,
        ) -> Result<Response<wire::RemovePersonResponse>, Status> {
            Err(Status::unimplemented("remove_person"))
        }

        async fn show(
            &self,
            _: Request<wire::ShowRecordRequest>,
        ) -> Result<Response<wire::ShowRecordResponse>, Status> {
            Err(Status::unimplemented("show"))
        }

        async fn template(
            &self,
            _: Request<wire::TemplateRequest>,
        ) -> Result<Response<wire::TemplateResponse>, Status> {
            Err(Status::unimplemented("template"))
        }
    }

    /// Returns a client of a book in this process, and how its imports end.
    async fn book() -> (Client, mpsc::UnboundedReceiver<bool>) {
        let (near, far) = tokio::io::duplex(64 << 10);
        let (ended, endings) = mpsc::unbounded_channel();
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(RecordsServer::new(Book { ended }))
                .serve_with_incoming(tokio_stream::once(io::Result::Ok(far))),
        );
        let mut near = Some(TokioIo::new(near));
        let connect = move |_: http::Uri| {
            let near = near.take().ok_or(io::ErrorKind::NotConnected);
            std::future::ready(near.map_err(io::Error::from))
        };
        let channel = tonic::transport::Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(connect))
            .await
            .expect("it listens");
        (Client::new(channel), endings)
    }

    #[tokio::test]
    async fn a_file_arrives_whole_with_progress() {
        let (client, mut endings) = book().await;
        let file = vec![7; 3 * CHUNK_LEN + 1];
        let mut last = None;
        let outcome = client
            .import_records(wire::ImportHeader::default(), &file[..], |step| {
                last = Some(step)
            })
            .await
            .expect("it is taken in");
        assert_eq!(outcome.read, file.len() as u64);
        assert_eq!(last, Some(ImportProgress::Sent(file.len() as u64)));
        assert_eq!(endings.recv().await, Some(true));
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_is_never_taken_for_whole() {
        let (client, mut endings) = book().await;
        // Longer than the queue, so that the call has begun.
        let broken = breaks_after(64 * CHUNK_LEN);
        let error = client
            .import_records(wire::ImportHeader::default(), broken, |_| {})
            .await
            .expect_err("it cannot be read");
        assert_eq!(error.code, "file");
        assert_eq!(endings.recv().await, Some(false));
    }

    /// A file with `len` bytes that can be read, then an error.
    fn breaks_after(len: usize) -> impl AsyncRead + Unpin {
        struct Broken;

        impl AsyncRead for Broken {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                _: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Err(io::Error::other("the disk is gone")))
            }
        }

        tokio::io::repeat(7).take(len as u64).chain(Broken)
    }

    #[tokio::test]
    async fn lists_come_in_pages_and_errors_keep_their_word() {
        let (client, _endings) = book().await;
        let records = client
            .list_records(wire::ListRecordsRequest::default())
            .await;
        let ids: Vec<String> = records
            .expect("two pages")
            .into_iter()
            .map(|r| r.id)
            .collect();
        assert_eq!(ids, ["a", "b"]);
        let error = client.add_record(wire::AddRecordRequest::default()).await;
        assert_eq!(error.expect_err("locked").code, "locked");
    }
}
