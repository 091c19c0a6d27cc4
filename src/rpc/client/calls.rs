//! The calls that take a message and return one.

use super::{CallError, Client};
use crate::wire;

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
