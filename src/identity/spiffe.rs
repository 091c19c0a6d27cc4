//! What the bearer of a certificate is: `spiffe://<member>.<consortium>/node`,
//! `/coordinator/<handle>` or `/auditor/<handle>`.
//!
//! Source: SPIFFE-ID and X.509-SVID, <https://github.com/spiffe/spiffe/tree/main/standards>.

use std::fmt;
use std::str::FromStr;

use crate::model::{ConsortiumId, MemberId};

/// The name of one certificate bearer.
///
/// # Example
/// ```
/// use counterfoil::identity::{Role, SpiffeId};
/// let id: SpiffeId = "spiffe://inpud.pwud/node".parse()?;
/// assert_eq!((id.member.as_str(), id.role), ("inpud", Role::Node));
/// # Ok::<(), counterfoil::identity::spiffe::BadSpiffeId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    /// The member whose authority grants it.
    pub member: MemberId,
    /// The consortium it is valid in.
    pub consortium: ConsortiumId,
    /// What the bearer may act as.
    pub role: Role,
}

/// What a bearer may act as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The member's node.
    Node,
    /// A person or program that may ask for reports.
    Coordinator(Handle),
    /// A person or program that may ask for reports and its member's own audit log.
    Auditor(Handle),
}

/// A random name for a person: `[a-z0-9-]{1,64}`. The real name stays on the granting node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

/// Text that is not an id of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is no id of a node, coordinator or auditor (spiffe://<member>.<consortium>/node, \
     /coordinator/<handle> or /auditor/<handle>)"
)]
pub struct BadSpiffeId {
    /// The text as given, cut after 200 characters.
    pub given: String,
}

/// Text that is not a handle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a handle: 1 to 64 small letters, digits or dashes")]
pub struct BadHandle {
    /// The text as given, cut after 64 characters.
    pub given: String,
}

impl Handle {
    /// Makes the handle that stands for these random bytes.
    pub fn from_entropy(random: [u8; 10]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Handle {
    type Err = BadHandle;

    fn from_str(given: &str) -> Result<Self, BadHandle> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=64).contains(&given.len()) && given.bytes().all(allowed) {
            Ok(Self(given.to_owned()))
        } else {
            Err(BadHandle {
                given: given.chars().take(64).collect(),
            })
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl SpiffeId {
    /// Returns the id of a member's node.
    pub fn node(member: MemberId, consortium: ConsortiumId) -> Self {
        Self {
            member,
            consortium,
            role: Role::Node,
        }
    }

    /// Returns the DNS name a node certificate carries for generic clients.
    pub fn dns_name(&self) -> String {
        format!("{}.{}", self.member, self.consortium)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}.{}/", self.member, self.consortium)?;
        match &self.role {
            Role::Node => f.write_str("node"),
            Role::Coordinator(handle) => write!(f, "coordinator/{handle}"),
            Role::Auditor(handle) => write!(f, "auditor/{handle}"),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = BadSpiffeId;

    fn from_str(given: &str) -> Result<Self, BadSpiffeId> {
        parse(given).ok_or_else(|| BadSpiffeId {
            given: given.chars().take(200).collect(),
        })
    }
}

fn parse(given: &str) -> Option<SpiffeId> {
    // Neither part of the trust domain can hold a dot or a slash, so one split each is exact.
    let (domain, path) = given.strip_prefix("spiffe://")?.split_once('/')?;
    let (member, consortium) = domain.split_once('.')?;
    let role = match path.split_once('/') {
        None if path == "node" => Role::Node,
        Some(("coordinator", handle)) => Role::Coordinator(handle.parse().ok()?),
        Some(("auditor", handle)) => Role::Auditor(handle.parse().ok()?),
        _ => return None,
    };
    Some(SpiffeId {
        member: member.parse().ok()?,
        consortium: consortium.parse().ok()?,
        role,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_id() -> impl Strategy<Value = SpiffeId> {
        let id = "[a-z][a-z0-9-]{0,30}";
        (id, id, 0..3_u8, "[a-z0-9-]{1,64}").prop_map(|(member, consortium, role, handle)| {
            let handle: Handle = handle.parse().expect("the pattern is the rule");
            SpiffeId {
                member: member.parse().expect("the pattern is the rule"),
                consortium: consortium.parse().expect("the pattern is the rule"),
                role: match role {
                    0 => Role::Node,
                    1 => Role::Coordinator(handle),
                    _ => Role::Auditor(handle),
                },
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(id in any_id()) {
            prop_assert_eq!(id.to_string().parse::<SpiffeId>().expect("own text"), id);
        }

        #[test]
        fn only_one_spelling_is_accepted(text in "(spiffe://)?[a-zA-Z0-9./%:?#@ -]{0,60}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn one_changed_character_never_gives_the_same_id(id in any_id(), at in 0..300_usize, to in any::<char>()) {
            let text = id.to_string();
            let mut chars: Vec<char> = text.chars().collect();
            let at = at % chars.len();
            chars[at] = to;
            let changed: String = chars.into_iter().collect();
            prop_assert_eq!(changed.parse::<SpiffeId>().is_ok_and(|other| other == id), changed == text);
        }
    }

    #[track_caller]
    fn refused(text: &str) {
        assert!(text.parse::<SpiffeId>().is_err(), "{text}");
    }

    #[test]
    fn near_misses_are_refused() {
        refused("");
        refused("spiffe://inpud.pwud");
        refused("spiffe://inpud.pwud/");
        refused("spiffe://inpud.pwud/node/");
        refused("spiffe://inpud.pwud/Node");
        refused("spiffe://inpud.pwud/coordinator/");
        refused("spiffe://inpud.pwud/coordinator/a/b");
        refused("spiffe://inpud.pwud.org/node");
        refused("spiffe://inpud/node");
        refused("https://inpud.pwud/node");
        refused("SPIFFE://inpud.pwud/node");
        refused("spiffe://inpud.pwud:443/node");
        refused("spiffe://a@inpud.pwud/node");
    }
}
