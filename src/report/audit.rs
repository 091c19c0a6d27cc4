//! How far everything a member ever published can be bounded, by anybody.
//!
//! It sees what a stranger with the log sees: leaves, and the payloads that are held of them,
//! superseded ones too. What was recalled is not there, nor what this node may not see.

use std::collections::BTreeMap;

use crate::charter::{Chain, Charter, Policy};
use crate::disclosure::tables::{self, Conclusion, Place, Vintage};
use crate::disclosure::{Limits, Microlp, Trouble};
use crate::log::{Leaf, LeafError};
use crate::model::{Kind, MemberId, Series, Summary};
use crate::store::{self, Payload, PublicStore, StoreError};
use crate::wire;
use crate::wire::payload::{self, PayloadError};

/// Most sums that are named among the tightest.
const WORST: usize = 10;

/// Why a history cannot be audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The charter names no such member, or it keeps no log.
    #[error("the charter names no member {0} with a log")]
    NoLog(MemberId),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored leaf cannot be read.
    #[error("stored leaf {index}: {cause}")]
    Leaf {
        /// Which leaf.
        index: u64,
        /// Why.
        cause: LeafError,
    },
    /// A stored payload cannot be read.
    #[error("stored payload {index}: {cause}")]
    Payload {
        /// Which leaf.
        index: u64,
        /// Why.
        cause: PayloadError,
    },
    /// The solver failed, so nothing is known.
    #[error("it could not be reckoned how far the sums can be bounded: {0}")]
    Unproven(#[from] Trouble),
}

/// Audits everything held of a member's log.
///
/// # Errors
/// When the charter names no such member, what is stored cannot be read, or the solver fails.
pub fn audit(
    store: &PublicStore,
    chain: &Chain,
    member: &MemberId,
) -> Result<wire::AuditResponse, AuditError> {
    let charter = chain.current();
    let known = charter.member(member);
    if known.is_none_or(|member| member.log_key.is_none()) {
        return Err(AuditError::NoLog(member.clone()));
    }
    let mut found: Vec<(Kind, Conclusion)> = Vec::new();
    for (kind, vintages) in vintages(store, chain, charter, member)? {
        let concluded = tables::audit(&vintages, &Limits::default(), &Microlp)?;
        found.extend(concluded.into_iter().map(|one| (kind, one)));
    }
    Ok(respond(member, &found))
}

/// Reads every release that is held, by kind, in the order of the log.
fn vintages(
    store: &PublicStore,
    chain: &Chain,
    charter: &Charter,
    member: &MemberId,
) -> Result<BTreeMap<Kind, Vec<Vintage>>, AuditError> {
    let mut vintages: BTreeMap<Kind, Vec<Vintage>> = BTreeMap::new();
    for row in store.entries(&charter.origin(member), 0..u64::MAX)? {
        let (index, entry) = row?;
        let Some(summary) = summary(index, &entry)? else {
            continue;
        };
        // Each release is held to the policy it was made under.
        let then = chain.version(summary.charter_version);
        let policy: &Policy = then.map_or_else(|| charter.policy(), |note| note.charter().policy());
        let Series { kind, period } = summary.series;
        let period = period.with_financial_year(policy.fy_month());
        let series = Series { kind, period };
        vintages
            .entry(kind)
            .or_default()
            .push(Vintage::of(index, series, &summary.tables, policy));
    }
    Ok(vintages)
}

fn summary(index: u64, entry: &store::Entry) -> Result<Option<Summary>, AuditError> {
    let leaf = Leaf::parse(&entry.leaf).map_err(|cause| AuditError::Leaf { index, cause })?;
    let (Leaf::Summary { .. }, Payload::Here(salted)) = (leaf, &entry.payload) else {
        return Ok(None);
    };
    payload::decode(&salted.payload)
        .map(Some)
        .map_err(|cause| AuditError::Payload { index, cause })
}

fn respond(member: &MemberId, found: &[(Kind, Conclusion)]) -> wire::AuditResponse {
    let disclosed = found.iter().filter(|(_, one)| one.disclosed);
    let mut hidden: Vec<&(Kind, Conclusion)> = found
        .iter()
        .filter(|(_, one)| !one.disclosed && one.known.width() != Some(0))
        .collect();
    hidden.sort_by_key(|(_, one)| one.known.width().unwrap_or(u64::MAX));
    wire::AuditResponse {
        member: member.to_string(),
        functionals: found.len() as u64,
        worst: hidden.into_iter().take(WORST).map(to_wire).collect(),
        disclosed: disclosed.map(to_wire).collect(),
    }
}

fn to_wire((kind, one): &(Kind, Conclusion)) -> wire::AuditSum {
    let about = &one.about;
    let leaves = match about.between {
        Some((before, after)) => vec![before, after],
        None => vec![one.leaf],
    };
    wire::AuditSum {
        kind: kind.to_string(),
        table: about.place.table.clone(),
        period: about.period.to_string(),
        what: about.what.to_string(),
        dims: dims(&about.place),
        minus: about.minus.as_ref().map(|minus| wire::AuditCell {
            table: minus.table.clone(),
            dims: dims(minus),
        }),
        lower: one.known.lower,
        upper: one.known.upper,
        leaves,
    }
}

fn dims<M: FromIterator<(String, String)>>(place: &Place) -> M {
    let codes = place.codes.iter();
    codes
        .map(|(dimension, code)| (dimension.to_string(), code.clone()))
        .collect()
}
