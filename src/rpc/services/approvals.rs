//! A second person's word on what leaves, over the local socket.

use std::sync::{Arc, PoisonError};

use tonic::{Request, Response, Status};

use super::office::Office;
use super::{blocking, invalid};
use crate::charter::Charter;
use crate::identity::PublicKey32;
use crate::release::approval::{Approvals as Words, Approver, Approvers, Rule, Standing};
use crate::release::{Draft, Opened, ReleaseError};
use crate::rpc::errors::Told as _;
use crate::rpc::generated::approvals_server::Approvals;
use crate::wire;

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct ApprovalsService {
    office: Arc<Office>,
}

impl ApprovalsService {
    pub(in crate::rpc) const fn new(office: Arc<Office>) -> Self {
        Self { office }
    }

    /// Runs `work` with the open private plane, alone.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office, &Opened) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || {
            let opened = office.opened()?;
            let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&office, &opened)
        })
        .await
    }
}

#[tonic::async_trait]
impl Approvals for ApprovalsService {
    async fn add_approver(
        &self,
        request: Request<wire::AddApproverRequest>,
    ) -> Result<Response<wire::AddApproverResponse>, Status> {
        let asked = request.into_inner().approver.unwrap_or_default();
        self.alone(move |office, opened| {
            let key: PublicKey32 = asked.key.parse().map_err(invalid)?;
            let added = Approvers(&opened.store).add(&asked.name, key, &office.own_keys());
            added.map_err(|error| error.told())?;
            Ok(wire::AddApproverResponse {
                approver: Some(asked),
            })
        })
        .await
    }

    async fn list_approvers(
        &self,
        _request: Request<wire::ListApproversRequest>,
    ) -> Result<Response<wire::ListApproversResponse>, Status> {
        self.alone(move |_, opened| {
            let all = Approvers(&opened.store).all();
            let all = all.map_err(|error| error.told())?;
            let one = |Approver { name, key }: Approver| wire::Approver {
                name,
                key: key.to_string(),
            };
            Ok(wire::ListApproversResponse {
                approvers: all.into_iter().map(one).collect(),
            })
        })
        .await
    }

    async fn remove_approver(
        &self,
        request: Request<wire::RemoveApproverRequest>,
    ) -> Result<Response<wire::RemoveApproverResponse>, Status> {
        let name = request.into_inner().name;
        self.alone(move |_, opened| {
            let removed = Approvers(&opened.store).remove(&name);
            removed.map_err(|error| error.told())?;
            Ok(wire::RemoveApproverResponse { name })
        })
        .await
    }

    async fn standing(
        &self,
        request: Request<wire::StandingRequest>,
    ) -> Result<Response<wire::StandingResponse>, Status> {
        let digest = request.into_inner().digest;
        self.alone(move |office, opened| {
            let charter = office.charter()?;
            let draft = office.draft_of(opened, &digest)?;
            let standing = office.words(opened, &charter).standing(&digest);
            Ok(wire::StandingResponse {
                standing: Some(to_wire(&draft, standing)?),
                consortium: charter.consortium().to_string(),
                member: office.public.me.id.to_string(),
            })
        })
        .await
    }

    async fn approve(
        &self,
        request: Request<wire::ApproveRequest>,
    ) -> Result<Response<wire::ApproveResponse>, Status> {
        let asked = request.into_inner();
        self.alone(move |office, opened| {
            let charter = office.charter()?;
            // Nobody approves what could not leave any more.
            let draft = office.draft_of(opened, &asked.digest)?;
            let words = office.words(opened, &charter);
            let standing = words.approve(&asked.digest, &asked.name, &asked.signature);
            Ok(wire::ApproveResponse {
                standing: Some(to_wire(&draft, standing)?),
            })
        })
        .await
    }

    async fn claim_preview(
        &self,
        request: Request<wire::ClaimPreviewRequest>,
    ) -> Result<Response<wire::ClaimPreviewResponse>, Status> {
        let asked = request.into_inner();
        self.alone(move |office, opened| {
            let charter = office.charter()?;
            let draft = office.draft_of(opened, &asked.digest)?;
            let words = office.words(opened, &charter);
            let standing = words.claim(&asked.digest, &asked.name, &asked.signature);
            Ok(wire::ClaimPreviewResponse {
                standing: Some(to_wire(&draft, standing)?),
            })
        })
        .await
    }
}

fn to_wire(
    draft: &Draft,
    standing: Result<Standing, ReleaseError>,
) -> Result<wire::DraftStanding, Status> {
    let standing = standing.map_err(|error| error.told())?;
    Ok(wire::DraftStanding {
        digest: draft.digest.clone(),
        period: draft.period.to_string(),
        approved_by: standing.approved_by,
        previewed_by: standing.previewed_by,
        needed: standing.needed,
        missing: standing.missing,
    })
}

impl Office {
    /// Returns what persons said of drafts, held against what this node asks for.
    pub(super) fn words<'a>(&'a self, opened: &'a Opened, charter: &'a Charter) -> Words<'a> {
        Words {
            store: &opened.store,
            rule: Rule {
                consortium: charter.consortium(),
                member: &self.public.me.id,
                persons: self.approvals,
            },
        }
    }

    /// Returns how a draft stands to what this node asks for.
    pub(super) fn standing_of(
        &self,
        opened: &Opened,
        draft: &Draft,
    ) -> Result<wire::DraftStanding, Status> {
        let charter = self.charter()?;
        to_wire(draft, self.words(opened, &charter).standing(&draft.digest))
    }

    /// Returns the keys of the member itself.
    fn own_keys(&self) -> Vec<PublicKey32> {
        let me = &self.public.me;
        let keys = [me.governor_key, me.recovery_key, me.log_key];
        let keys = keys.into_iter().flatten();
        keys.chain([me.witness_key]).collect()
    }
}
