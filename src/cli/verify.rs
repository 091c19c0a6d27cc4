//! `verify`: a proof checked against a charter, with no node and no network.

use std::path::PathBuf;

use serde::Serialize;

use super::charter::read_note;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::files;
use super::host::Host;
use super::output::{Reply, printable};
use crate::charter::{Charter, CharterNote, Member, verify_alone, words};
use crate::identity::VerifierKey;
use crate::log::checkpoint::Origin;
use crate::log::proof::MAX_PROOF_BYTES;
use crate::log::{Leaf, ProofError, Proven, TlogProof, Witnessed, quorum, witnessed};
use crate::rpc::{CallError, Client};
use crate::wire::{self, payload};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// The proof, as `prove` printed it
    file: PathBuf,
    /// The charter of the consortium
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// The six words the charter is known by
    #[arg(long, value_name = "W", num_args = 1..)]
    charter_fingerprint: Vec<String>,
    /// Refuse a proof that too few other members bear out
    #[arg(long)]
    require_quorum: bool,
}

pub(super) async fn run<H: Host>(
    args: VerifyArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let proof = files::read("proof", &args.file, MAX_PROOF_BYTES as u64)?;
    let charter = read_note(&args.charter)?;
    let fingerprint = args.charter_fingerprint.join(" ");
    let fingerprint = (!fingerprint.is_empty()).then_some(fingerprint.as_str());
    let (mut reply, proven) = verify(&proof, &charter, fingerprint, args.require_quorum);
    let is_beside_a_node = context.dir.join("format").is_file();
    if let Some(proven) = proven.filter(|_| is_beside_a_node) {
        // The verdict stands without the node; where it cannot be asked, nothing is said of it.
        reply.status = context
            .with_node(Plane::Public, async |node| {
                ask_status(node, charter.charter(), &proven).await
            })
            .await
            .ok()
            .flatten();
    }
    context.answer(&reply)
}

/// What was found, whether or not it holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct VerifyReply {
    /// What the leaf is: `summary`, `status`, `recall` or `revoke`; null where none was read.
    kind: Option<&'static str>,
    valid: bool,
    member: Option<String>,
    series: Option<String>,
    leaf_index: Option<u64>,
    witnessed: &'static str,
    cosigned_by: Vec<String>,
    charter_fingerprint: String,
    reason: Option<String>,
    /// `current`, `superseded` or `recalled`, as the node beside it knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

/// Verifies everything there is; what was found up to the first step that fails is in the reply.
fn verify(
    proof: &[u8],
    charter: &CharterNote,
    fingerprint: Option<&str>,
    require_quorum: bool,
) -> (VerifyReply, Option<Proven>) {
    let mut reply = VerifyReply {
        witnessed: Witnessed::None.as_str(),
        charter_fingerprint: charter.charter().fingerprint(),
        ..VerifyReply::default()
    };
    let checked = check_charter(charter, fingerprint)
        .and_then(|()| check_proof(proof, charter.charter(), &mut reply))
        .and_then(|proven| {
            let enough = !require_quorum || reply.witnessed == Witnessed::Quorum.as_str();
            enough.then_some(proven).ok_or_else(|| {
                format!(
                    "no quorum of witnesses: {} cosigned and {} must",
                    reply.cosigned_by.len(),
                    needed(charter.charter(), &reply)
                )
            })
        });
    match checked {
        Ok(proven) => {
            reply.valid = true;
            (reply, Some(proven))
        }
        Err(reason) => {
            reply.reason = Some(reason);
            (reply, None)
        }
    }
}

fn check_charter(charter: &CharterNote, fingerprint: Option<&str>) -> Result<(), String> {
    let verified = verify_alone(charter);
    if !verified.is_valid() {
        return Err(format!("the charter does not count: {}", verified.reason()));
    }
    match fingerprint {
        Some(given) if !words::matches(given, charter.charter().text()) => {
            Err("the charter has another fingerprint than the one given".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_proof(bytes: &[u8], charter: &Charter, reply: &mut VerifyReply) -> Result<Proven, String> {
    let proof = TlogProof::parse(bytes).map_err(plain)?;
    reply.leaf_index = Some(proof.index);
    let signed = proof.signed_checkpoint().map_err(plain)?;
    let origin = &signed.checkpoint().origin;
    let member = charter.member_of_origin(origin.as_str()).ok_or_else(|| {
        format!(
            "the log {origin} belongs to no member of {}",
            charter.consortium()
        )
    })?;
    reply.member = Some(member.id.to_string());
    let key = charter
        .log_vkey(&member.id)
        .ok_or_else(|| format!("the charter gives {} no key for a log", member.id))?;
    let proven = proof.verify(&Origin::of(charter.consortium(), &member.id), &[key]);
    let proven = proven.map_err(plain)?;
    reply.kind = Some(kind_of(&proven.leaf));
    reply.series = proven.leaf.series().map(|series| series.to_string());
    check_payload(&proven, member)?;
    count_witnesses(&proven, charter, member, reply)?;
    Ok(proven)
}

/// Checks that a summary speaks for the member, the series and the revision its leaf names: the
/// commitment alone would let a member publish one table under another's title.
fn check_payload(proven: &Proven, member: &Member) -> Result<(), String> {
    let (
        Leaf::Summary {
            series, revision, ..
        },
        Some(opening),
    ) = (&proven.leaf, &proven.opening)
    else {
        return Ok(());
    };
    let summary = payload::decode(&opening.payload).map_err(|error| error.to_string())?;
    let same =
        summary.member == member.id && summary.series == *series && summary.revision == *revision;
    same.then_some(()).ok_or_else(|| {
        "the payload is of another member, series or revision than its leaf".to_owned()
    })
}

fn count_witnesses(
    proven: &Proven,
    charter: &Charter,
    member: &Member,
    reply: &mut VerifyReply,
) -> Result<(), String> {
    let (ids, keys): (Vec<_>, Vec<VerifierKey>) =
        charter.witnesses_of(&member.id).into_iter().unzip();
    let found = proven.checkpoint.cosignatures(&keys).map_err(plain)?;
    reply.cosigned_by = ids
        .iter()
        .zip(&keys)
        .filter(|(_, key)| {
            found
                .iter()
                .any(|cosigned| cosigned.key == key.public_key())
        })
        .map(|(id, _)| id.to_string())
        .collect();
    reply.witnessed = witnessed(&found, &keys, faulty(charter)).as_str();
    Ok(())
}

fn faulty(charter: &Charter) -> usize {
    usize::try_from(charter.policy().witness.f).unwrap_or(usize::MAX)
}

fn needed(charter: &Charter, reply: &VerifyReply) -> usize {
    let others = charter
        .witness_vkeys()
        .into_iter()
        .filter(|(id, _)| reply.member.as_deref() != Some(id.as_str()));
    quorum(others.count(), faulty(charter))
}

const fn kind_of(leaf: &Leaf) -> &'static str {
    match leaf {
        Leaf::Summary { .. } => "summary",
        Leaf::Status { .. } => "status",
        Leaf::Recall { .. } => "recall",
        Leaf::Revoke { .. } => "revoke",
    }
}

fn plain<E: Into<ProofError>>(error: E) -> String {
    error.into().to_string()
}

/// Asks a node of the same consortium what became of the leaf since.
async fn ask_status(
    node: &Client,
    charter: &Charter,
    proven: &Proven,
) -> Result<Option<String>, CallError> {
    let shown = node.show_charter(wire::ShowCharterRequest {}).await?;
    let consortium = shown.charter.unwrap_or_default().consortium;
    let origin = proven.checkpoint.origin();
    let Some(member) = charter.member_of_origin(origin.as_str()) else {
        return Ok(None);
    };
    if consortium != charter.consortium().as_str() {
        return Ok(None);
    }
    let request = wire::ProveRequest {
        member: member.id.to_string(),
        leaf_index: proven.index,
    };
    let theirs = match node.prove(request).await {
        Ok(theirs) => theirs,
        Err(error) if error.code == "recalled" => return Ok(Some(error.code)),
        Err(error) => return Err(error),
    };
    let keys: Vec<VerifierKey> = charter.log_vkey(&member.id).into_iter().collect();
    let same = TlogProof::parse(theirs.document.as_bytes())
        .and_then(|proof| proof.verify(origin, &keys))
        .is_ok_and(|theirs| theirs.leaf == proven.leaf);
    Ok(Some(theirs.status).filter(|status| same && !status.is_empty()))
}

impl Reply for VerifyReply {
    fn human(&self) -> String {
        let mut text = match &self.reason {
            None => "Valid.\n".to_owned(),
            Some(reason) => format!("NOT valid: {reason}\n"),
        };
        let about = [
            ("Kind", self.kind.map(str::to_owned)),
            ("Member", self.member.clone()),
            ("Series", self.series.clone()),
            ("Leaf", self.leaf_index.map(|index| index.to_string())),
            ("Witnesses", Some(self.witnesses())),
            ("Charter", Some(self.charter_fingerprint.clone())),
            ("Status", self.status.clone()),
        ];
        for (name, value) in about {
            if let Some(value) = value {
                text.push_str(&format!("{name}: {value}\n"));
            }
        }
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.valid
    }
}

impl VerifyReply {
    fn witnesses(&self) -> String {
        match (self.witnessed, self.cosigned_by.join(", ")) {
            ("none", _) => "none".to_owned(),
            ("quorum", names) => format!("{names} (a quorum)"),
            (_, names) => format!("{names} (no quorum)"),
        }
    }
}
