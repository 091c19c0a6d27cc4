//! Certificates for coordinators and auditors: granted, listed, taken back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tonic::Status;

use super::invalid;
use super::office::Office;
use crate::identity::{Handle, Role};
use crate::model::MemberId;
use crate::release::ReleaseError;
use crate::rpc::errors::Told as _;
use crate::rpc::status::status;
use crate::store::{Changes, PrivateStore};
use crate::wire;

/// The part of the private database that holds grants by name.
const SPACE: u8 = 0x21;

/// Days a grant lasts where nothing else is asked for.
const DEFAULT_DAYS: f64 = 90.0;

/// Longest name of a grant.
const MAX_NAME: usize = 200;

/// A certificate this node made for somebody.
#[derive(Debug, Serialize, Deserialize)]
struct Grant {
    role: String,
    handle: String,
    spki: [u8; 32],
    not_after: u64,
    revoked: bool,
}

impl Office {
    pub(super) fn grant(
        &self,
        asked: &wire::GrantAccessRequest,
    ) -> Result<wire::GrantAccessResponse, Status> {
        let opened = self.opened()?;
        let charter = self.charter()?;
        if asked.name.trim().is_empty() || asked.name.len() > MAX_NAME {
            return Err(invalid(format!("a name has 1 to {MAX_NAME} bytes")));
        }
        if live(&opened.store, self.public.clock.now(), &asked.name)? {
            return Err(status(
                "exists",
                "a certificate under this name is still valid",
                "revoke it first, or choose another name",
            ));
        }
        let mut random = [0; 10];
        (self.entropy)(&mut random).map_err(|error| Status::internal(error.to_string()))?;
        let handle = Handle::from_entropy(random);
        let role = match asked.role.as_str() {
            "coordinator" => Role::Coordinator(handle.clone()),
            "auditor" => Role::Auditor(handle.clone()),
            other => {
                return Err(invalid(format!(
                    "role {other:?} is not known; accepted: coordinator auditor"
                )));
            }
        };
        let days = if asked.days == 0.0 {
            DEFAULT_DAYS
        } else {
            asked.days
        };
        let now = self.public.clock.now();
        let authority = &opened.keys.authority;
        let issued = authority
            .issue_grant(charter.consortium(), role, days, now)
            .map_err(|error| error.told())?;
        let ca = if asked.for_member.is_empty() || asked.for_member == self.public.me.id.as_str() {
            authority
                .constrained(charter.consortium(), &self.hosts(), now)
                .map_err(|error| error.told())?
        } else {
            authority_of(&charter, &asked.for_member)?
        };
        let grant = Grant {
            role: asked.role.clone(),
            handle: handle.to_string(),
            spki: issued.spki_sha256,
            not_after: issued.not_after,
            revoked: false,
        };
        keep(&opened.store, &asked.name, &grant)?;
        Ok(wire::GrantAccessResponse {
            pem: issued.pem_bundle(&ca).to_string(),
            handle: grant.handle,
            not_after: rfc3339(issued.not_after),
        })
    }

    pub(super) fn revoke(&self, name: &str) -> Result<u64, Status> {
        let today = self.public.clock.today();
        let leaf_index = self.at_door(|opened, _, door| {
            let mut grant = grants(&opened.store)?
                .remove(name)
                .filter(|grant| !grant.revoked)
                .ok_or_else(|| {
                    status(
                        "not_found",
                        "no valid certificate was granted under this name",
                        "`counterfoil access list` shows them",
                    )
                })?;
            let index = door
                .revoke(grant.spki, today)
                .map_err(|error| error.told())?;
            grant.revoked = true;
            keep(&opened.store, name, &grant)?;
            Ok(index)
        })?;
        self.public.catch_up().map_err(|error| error.told())?;
        Ok(leaf_index)
    }

    pub(super) fn grants(&self) -> Result<Vec<wire::Access>, Status> {
        let grants = grants(&self.opened()?.store)?;
        let one = |(name, grant): (String, Grant)| wire::Access {
            name,
            role: grant.role,
            handle: grant.handle,
            not_after: rfc3339(grant.not_after),
            revoked: grant.revoked,
        };
        Ok(grants.into_iter().map(one).collect())
    }
}

fn live(store: &PrivateStore, now: u64, name: &str) -> Result<bool, Status> {
    let grants = grants(store)?;
    Ok(grants
        .get(name)
        .is_some_and(|grant| !grant.revoked && grant.not_after > now))
}

fn authority_of(charter: &crate::charter::Charter, member: &str) -> Result<Vec<u8>, Status> {
    let member: MemberId = member.parse().map_err(invalid)?;
    let authorities = charter.tls_cas(&member);
    authorities.into_iter().next().ok_or_else(|| {
        status(
            "not_found",
            format!("the charter names no member {member}"),
            "`counterfoil charter show` lists them",
        )
    })
}

fn keep(store: &PrivateStore, name: &str, grant: &Grant) -> Result<(), Status> {
    let bytes = serde_json::to_vec(grant).map_err(|error| ReleaseError::Ledger(error).told())?;
    let mut changes = Changes::new();
    changes.put(SPACE, name.as_bytes(), bytes);
    store.apply(changes).map_err(|error| error.told())
}

fn grants(store: &PrivateStore) -> Result<BTreeMap<String, Grant>, Status> {
    store
        .scan(SPACE, &[])
        .map(|row| {
            let (name, bytes) = row.map_err(|error| error.told())?;
            let grant = serde_json::from_slice(&bytes)
                .map_err(|error| ReleaseError::Ledger(error).told())?;
            Ok((String::from_utf8_lossy(&name).into_owned(), grant))
        })
        .collect()
}

fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(String::new, |time| time.to_string())
}
