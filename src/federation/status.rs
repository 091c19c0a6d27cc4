//! How the last sync with each peer went.

use crate::model::MemberId;

/// A peer as an operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerStatus {
    /// When a sync last ended well, in Unix seconds; `None` for never since the start.
    pub last_sync: Option<u64>,
    /// What the last sync said if it failed.
    pub error: Option<String>,
    /// Since when nobody answers at its address, in Unix seconds; `None` where somebody did since
    /// the start, or it was not tried.
    pub silent_since: Option<u64>,
    /// Our arrival up to which the peer has said that it holds everything; `None` for not heard
    /// since the start.
    pub follows: Option<u64>,
}

/// A peer that was not reached yet, so soon after the start that its node may not be up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// It is about to be dialled for the first time.
    Untried,
    /// Nobody answers there yet: what the last try said.
    Silent(String),
}

/// Where a member is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who it is.
    pub member: MemberId,
    /// Addresses, best first; never empty.
    pub urls: Vec<String>,
    /// Whether this node uses another address than the charter.
    pub overridden: bool,
}
