//! What the federation needs to know of the charter in force.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::identity::{SignedNote, VerifierKey};
use crate::log::Origin;
use crate::model::{ConsortiumId, MemberId};

/// The members of the charter in force, as this node replicates and witnesses them.
#[derive(Clone, Debug)]
pub struct Roll {
    consortium: ConsortiumId,
    version: u32,
    own: MemberId,
    members: BTreeMap<MemberId, RollMember>,
    /// Owners of logs, by origin.
    owners: HashMap<String, MemberId>,
    /// Members by the name of their witness key.
    witnesses: HashMap<String, MemberId>,
}

/// One member on the roll. One that left stays on it: its log goes on being replicated.
#[derive(Clone, Debug)]
pub struct RollMember {
    /// Identifier.
    pub id: MemberId,
    /// Whether it is a member today, so that we sync with it and it counts as a witness.
    pub active: bool,
    /// Verify its checkpoints: one key, or two while it changes; none for a relay.
    pub log_keys: Vec<VerifierKey>,
    /// Verifies its cosignatures.
    pub witness_key: VerifierKey,
    /// Where its node can be dialled, best first; none for a node that only dials out.
    pub endpoints: Vec<String>,
}

impl Roll {
    /// Lists the members of one charter version, as seen from the node of `own`.
    pub fn new(
        consortium: ConsortiumId,
        version: u32,
        own: MemberId,
        members: impl IntoIterator<Item = RollMember>,
    ) -> Self {
        let members: BTreeMap<_, _> = members.into_iter().map(|m| (m.id.clone(), m)).collect();
        let with_log = members.values().filter(|m| !m.log_keys.is_empty());
        let origin = |id: &MemberId| Origin::of(&consortium, id).as_str().to_owned();
        let owners = with_log.map(|m| (origin(&m.id), m.id.clone())).collect();
        let active = members.values().filter(|m| m.active);
        let name = |m: &RollMember| m.witness_key.name().as_str().to_owned();
        let witnesses = active.map(|m| (name(m), m.id.clone())).collect();
        Self {
            consortium,
            version,
            own,
            members,
            owners,
            witnesses,
        }
    }

    /// Returns the consortium.
    pub const fn consortium(&self) -> &ConsortiumId {
        &self.consortium
    }

    /// Returns the charter's version.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Returns the member whose node this is.
    pub const fn own(&self) -> &MemberId {
        &self.own
    }

    /// Returns the origin of this node's own log, or `None` for a relay.
    pub fn own_origin(&self) -> Option<Origin> {
        let own = self.members.get(&self.own)?;
        (!own.log_keys.is_empty()).then(|| Origin::of(&self.consortium, &self.own))
    }

    /// Returns a member.
    pub fn member(&self, id: &MemberId) -> Option<&RollMember> {
        self.members.get(id)
    }

    /// Returns every member, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = &RollMember> {
        self.members.values()
    }

    /// Returns how many members have a log.
    pub fn log_count(&self) -> usize {
        self.owners.len()
    }

    /// Returns whose log has this origin.
    pub fn owner_of(&self, origin: &str) -> Option<&RollMember> {
        self.members.get(self.owners.get(origin)?)
    }

    /// Returns the keys that may witness the log of `owner`: every active member's but its own.
    pub fn witnesses_of(&self, owner: &MemberId) -> Vec<VerifierKey> {
        let others = self.members.values().filter(|m| m.active && m.id != *owner);
        others.map(|m| m.witness_key.clone()).collect()
    }

    /// Returns those of [`Roll::witnesses_of`] that a note names, so that the cost follows the
    /// note's length and not the charter's.
    pub fn witnesses_in(&self, owner: &MemberId, note: &SignedNote) -> Vec<VerifierKey> {
        let mut found: Vec<VerifierKey> = Vec::new();
        for line in note.signatures() {
            let member = self.witnesses.get(line.name().as_str());
            let member = member.filter(|id| *id != owner);
            if let Some(member) = member.and_then(|id| self.members.get(id))
                && !found.contains(&member.witness_key)
            {
                found.push(member.witness_key.clone());
            }
        }
        found
    }
}

/// Where the charter in force is read, and where versions that a peer sent are judged.
pub trait Charters: fmt::Debug + Send + Sync + 'static {
    /// Returns the roll of the charter in force, or `None` before there is one.
    fn roll(&self) -> Option<Arc<Roll>>;

    /// Judges a version a peer sent and stores it where it counts. Called on a blocking thread;
    /// a version that is taken shows in [`Charters::roll`] once this returns.
    fn accept(&self, note: &[u8]) -> CharterOutcome;
}

/// What became of a charter version a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CharterOutcome {
    /// It was known; new signatures may have been kept.
    Known,
    /// It is in force now.
    Next,
    /// It contradicts another version that counts; both are kept.
    Conflict,
    /// It does not count, and why, in one sentence.
    Refused(String),
}
