//! From what the store holds to what reports are computed over.

use super::columns::{Columns, Entry, Head, IngestError, Status};
use super::consortium::{Consortium, Member};
use crate::charter::{Charter, policy};
use crate::log::leaf;
use crate::log::{Leaf, LeafError, SignedCheckpoint};
use crate::model::MemberId;
use crate::store::{self, Payload};
use crate::wire::payload::{self, PayloadError};

/// Why something stored could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A stored leaf cannot be read.
    #[error("stored leaf {index} of {member}: {cause}")]
    Leaf {
        /// Whose log.
        member: MemberId,
        /// Which leaf.
        index: u64,
        /// Why.
        cause: LeafError,
    },
    /// A stored payload cannot be read.
    #[error("stored payload {index} of {member}: {cause}")]
    Payload {
        /// Whose log.
        member: MemberId,
        /// Which leaf.
        index: u64,
        /// Why.
        cause: PayloadError,
    },
    /// What it says does not fit.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// A certificate a leaf takes back: SHA-256 of its `SubjectPublicKeyInfo`.
pub type Revoked = [u8; 32];

/// Takes in a leaf with what is held of its payload. A leaf that takes a certificate back is
/// about no series; it is returned.
///
/// # Errors
/// When leaf or payload is not what it was when it was stored.
pub fn leaf(
    columns: &mut Columns,
    member: &MemberId,
    index: u64,
    stored: &store::Entry,
) -> Result<Option<Revoked>, FeedError> {
    let leaf = Leaf::parse(&stored.leaf).map_err(|cause| FeedError::Leaf {
        member: member.clone(),
        index,
        cause,
    })?;
    let entry = match leaf {
        Leaf::Summary {
            series,
            revision,
            date,
            audience,
            ..
        } => Entry::Summary {
            series,
            revision,
            date,
            audience: match audience.members() {
                None => policy::Audience::Everybody,
                Some(members) => policy::Audience::Members(members.iter().cloned().collect()),
            },
        },
        Leaf::Status {
            series,
            status,
            date,
        } => Entry::Status {
            series,
            status: match status {
                leaf::Status::Nil => Status::Nil,
                leaf::Status::Excused => Status::Excused,
                leaf::Status::Withheld => Status::Withheld,
            },
            date,
        },
        Leaf::Recall { index, .. } => Entry::Recall { index },
        Leaf::Revoke { spki, .. } => return Ok(Some(spki.0)),
    };
    let summary = decode(member, index, stored)?;
    columns.ingest(member, index, &entry, summary.as_ref())?;
    Ok(None)
}

/// Takes in a log's newest checkpoint, with those of the charter's witnesses that cosigned it.
pub fn head(columns: &mut Columns, charter: &Charter, member: &MemberId, note: &str) {
    let Ok(signed) = SignedCheckpoint::parse(note.as_bytes()) else {
        return;
    };
    let (names, keys): (Vec<&MemberId>, Vec<_>) = charter.witnesses_of(member).into_iter().unzip();
    let cosigned = signed.cosignatures(&keys).unwrap_or_default();
    let by = |name| {
        let at = keys.iter().position(|key| key.name() == name)?;
        Some(names[at].clone())
    };
    let mut cosigned_by: Vec<_> = cosigned.iter().filter_map(|one| by(&one.name)).collect();
    // Every node has collected them in an order of its own.
    cosigned_by.sort();
    let head = Head {
        tree_size: signed.checkpoint().size,
        root_hash: signed.checkpoint().root.0,
        cosigned_by,
    };
    columns.set_head(member, head);
}

/// Takes in a payload that came after its leaf.
///
/// # Errors
/// As [`leaf()`].
pub fn payload(
    columns: &mut Columns,
    member: &MemberId,
    index: u64,
    stored: &store::Entry,
) -> Result<(), FeedError> {
    match decode(member, index, stored)? {
        Some(summary) => Ok(columns.ingest_payload(member, index, &summary)?),
        None => Ok(()),
    }
}

fn decode(
    member: &MemberId,
    index: u64,
    stored: &store::Entry,
) -> Result<Option<crate::model::Summary>, FeedError> {
    let Payload::Here(salted) = &stored.payload else {
        return Ok(None);
    };
    payload::decode(&salted.payload)
        .map(Some)
        .map_err(|cause| FeedError::Payload {
            member: member.clone(),
            index,
            cause,
        })
}

/// Returns what reports must know of a charter.
pub fn consortium(charter: &Charter) -> Consortium {
    let members = charter.members().iter().map(|member| Member {
        id: member.id.clone(),
        name: member.name.clone(),
        size: member.size,
        countries: member.countries.clone(),
        relay: member.log_key.is_none(),
        joined: member.joined,
        left: member.left,
    });
    Consortium {
        id: charter.consortium().clone(),
        version: charter.version(),
        since: charter.since(),
        policy: charter.policy().clone(),
        members: members.collect(),
    }
}
