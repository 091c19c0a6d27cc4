//! `approver add|list|remove|key`, `release approve`: a second person with a key of their own.
//!
//! A private key stays in its owner's file: what goes to the node is the public half, and
//! signatures.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::{Context, Plane, ask, ask_twice};
use super::failure::Failure;
use super::files::Reserved;
use super::host::Host;
use super::output::{Reply, printable, table};
use crate::config::Passphrase;
use crate::identity::{Act, ApproverKey, PublicKey32, Word};
use crate::model::{ConsortiumId, MemberId};
use crate::release::approval::check_name;
use crate::rpc::errors::Told as _;
use crate::store::{Cost, KeyFile, os_entropy};
use crate::wire;

/// Names the file that holds the passphrase of an approver's key.
const VARIABLE: &str = "COUNTERFOIL_APPROVER_PASSPHRASE_FILE";

/// Commands about approvers.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ApproverCommand {
    /// Take somebody in: make a key for them, or name the public half of one they have
    Add(AddArgs),
    /// List the approvers
    List,
    /// Let somebody go; what they approved no longer counts
    Remove {
        /// What they are called
        name: String,
    },
    /// Make a key with no node: its owner keeps the file and tells the public half
    Key(KeyArgs),
}

/// Arguments of `approver add`.
#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// What they are called on this node
    name: String,
    #[command(flatten)]
    key: KeySource,
    #[command(flatten)]
    passphrase: ApproverPassphrase,
}

/// Where the key of a new approver comes from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct KeySource {
    /// Make a key and write it to this new file, for them to take away
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The public half of a key they made themselves, as `approver key` printed it
    #[arg(long, value_name = "BASE64")]
    key: Option<PublicKey32>,
}

/// Arguments of `approver key`.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    /// What its owner is called
    name: String,
    /// Write the key to this new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: ApproverPassphrase,
}

/// Where the passphrase of an approver's key is.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ApproverPassphrase {
    /// Read that key's passphrase from a file; else `$COUNTERFOIL_APPROVER_PASSPHRASE_FILE`
    #[arg(long, value_name = "FILE")]
    approver_passphrase_file: Option<PathBuf>,
}

impl ApproverPassphrase {
    fn file(&self) -> Option<PathBuf> {
        let named = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let flag = self.approver_passphrase_file.clone();
        flag.or_else(|| named().map(PathBuf::from))
    }

    /// Returns the passphrase of a key that is there.
    fn read(&self) -> Result<Passphrase, Failure> {
        match self.file() {
            Some(file) => Ok(Passphrase::read(&file)?),
            None => ask("Passphrase of the approver's key: ", HINT),
        }
    }

    /// Returns the passphrase its owner chooses for a new key.
    fn choose(&self) -> Result<Passphrase, Failure> {
        match self.file() {
            Some(file) => Ok(Passphrase::read(&file)?),
            None => ask_twice("New passphrase of the approver's key: ", HINT),
        }
    }
}

const HINT: &str =
    "name a file with --approver-passphrase-file or COUNTERFOIL_APPROVER_PASSPHRASE_FILE";

/// Who signs, and with which key.
#[derive(Debug, clap::Args)]
pub(super) struct Signer {
    /// The approver who does this; without it, the name in the key file
    #[arg(long = "as", value_name = "NAME", requires = "key")]
    name: Option<String>,
    /// The approver's own key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: ApproverPassphrase,
}

impl Signer {
    /// Returns the name and the key, opened; `None` where no key was named.
    pub(super) fn open(&self) -> Result<Option<(String, ApproverKey)>, Failure> {
        let Some(path) = &self.key else {
            return Ok(None);
        };
        let file = read_key(path)?;
        let passphrase = self.passphrase.read()?;
        let key = file.open(passphrase.as_str().as_bytes());
        let key = key.map_err(|error| Failure::from(error.call_error()))?;
        let name = self.name.clone().unwrap_or_else(|| file.name().to_owned());
        Ok(Some((name, key)))
    }
}

fn read_key(path: &Path) -> Result<KeyFile, Failure> {
    if !path.is_file() {
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Failure::file("the key cannot be read:", path, &error));
    }
    KeyFile::read(path).map_err(|error| {
        let hint = "name the file that `counterfoil approver add --out` wrote";
        Failure::new("file", error.to_string(), hint)
    })
}

pub(super) async fn run<H: Host>(
    command: ApproverCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        ApproverCommand::Add(args) => add(args, context).await,
        ApproverCommand::List => {
            let request = wire::ListApproversRequest {};
            let listed = context
                .with_node(Plane::Private, async |node| {
                    node.list_approvers(request).await
                })
                .await?;
            let approvers = listed.approvers.into_iter().map(Approver::from).collect();
            context.answer(&ApproversReply { approvers })
        }
        ApproverCommand::Remove { name } => {
            let request = wire::RemoveApproverRequest { name };
            let removed = context
                .with_node(Plane::Private, async |node| {
                    node.remove_approver(request).await
                })
                .await?;
            let name = removed.name;
            context.answer(&RemovedReply {
                name,
                removed: true,
            })
        }
        ApproverCommand::Key(args) => {
            let made = make(&args.name, &args.out, &args.passphrase)?;
            context.answer(&made)
        }
    }
}

async fn add<H: Host>(args: AddArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let (made, out) = match (args.key.out, args.key.key) {
        (Some(out), _) => (make(&args.name, &out, &args.passphrase)?, Some(out)),
        (None, key) => {
            let key = key.map(|key| key.to_string()).unwrap_or_default();
            let name = args.name;
            let file = None;
            (KeyReply { name, key, file }, None)
        }
    };
    let request = wire::AddApproverRequest {
        approver: Some(wire::Approver {
            name: made.name.clone(),
            key: made.key.clone(),
        }),
    };
    let added = context
        .with_node(Plane::Private, async |node| {
            node.add_approver(request).await
        })
        .await;
    if let (Err(_), Some(out)) = (&added, &out) {
        // A key that nobody knows of is of no use; left behind, it hurts nobody.
        let _left = std::fs::remove_file(out);
    }
    added?;
    context.answer(&AddedReply(made))
}

/// Makes a key in a new file.
fn make(name: &str, out: &Path, passphrase: &ApproverPassphrase) -> Result<KeyReply, Failure> {
    check_name(name).map_err(|error| Failure::from(error.call_error()))?;
    // The place for the key comes first: a key that cannot be written down is lost.
    let reserved = Reserved::new("key", out)?;
    let made = passphrase.choose().and_then(|passphrase| {
        let passphrase = passphrase.as_str().as_bytes();
        let made = KeyFile::make(name, passphrase, Cost::DEFAULT, os_entropy);
        made.map_err(|error| Failure::from(error.call_error()))
    });
    match made {
        Ok(made) => {
            reserved.fill("key", made.to_text().as_bytes())?;
            Ok(KeyReply {
                name: name.to_owned(),
                key: made.public_key().to_string(),
                file: Some(out.display().to_string()),
            })
        }
        Err(failure) => {
            reserved.give_up();
            Err(failure)
        }
    }
}

/// Arguments of `release approve`.
#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    /// The draft's digest, as the preview printed it
    digest: String,
    #[command(flatten)]
    signer: Signer,
}

pub(super) async fn approve<H: Host>(
    args: ApproveArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let Some((name, key)) = args.signer.open()? else {
        return Err(Failure::misuse(
            "an approval is signed with its approver's own key",
            "name it with --key FILE",
        ));
    };
    let digest = args.digest;
    let standing = context
        .with_node(Plane::Private, async |node| {
            let asked = wire::StandingRequest {
                digest: digest.clone(),
            };
            let before = node.draft_standing(asked).await?;
            let persons = before.standing.as_ref().map_or(0, |draft| draft.needed);
            let act = Act::Approve { persons };
            let signature = sign(&key, &before, act, &digest).unwrap_or_default();
            let request = wire::ApproveRequest {
                digest: digest.clone(),
                name,
                signature,
            };
            node.approve(request).await
        })
        .await?
        .standing;
    context.answer(&StandingReply::from(standing.unwrap_or_default()))
}

/// Says in an approver's name that they made a preview.
pub(super) async fn claim(
    node: &crate::rpc::Client,
    digest: &str,
    name: &str,
    key: &ApproverKey,
) -> Result<(), crate::rpc::CallError> {
    let asked = wire::StandingRequest {
        digest: digest.to_owned(),
    };
    let before = node.draft_standing(asked).await?;
    let request = wire::ClaimPreviewRequest {
        digest: digest.to_owned(),
        name: name.to_owned(),
        signature: sign(key, &before, Act::Preview, digest).unwrap_or_default(),
    };
    node.claim_preview(request).await.map(drop)
}

/// Signs a word about a draft; `None` where the node's names are none.
fn sign(
    key: &ApproverKey,
    draft: &wire::StandingResponse,
    act: Act,
    digest: &str,
) -> Option<Vec<u8>> {
    let consortium: ConsortiumId = draft.consortium.parse().ok()?;
    let member: MemberId = draft.member.parse().ok()?;
    Some(key.sign(Word {
        act,
        consortium: &consortium,
        member: &member,
        digest,
    }))
}

/// A key that was made, or named.
#[derive(Debug, Serialize)]
struct KeyReply {
    name: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl KeyReply {
    fn kept(&self) -> String {
        self.file.as_ref().map_or_else(String::new, |file| {
            format!(
                "The key is in {file}: {} takes it away and keeps it, with its passphrase.\n",
                self.name
            )
        })
    }
}

impl Reply for KeyReply {
    fn human(&self) -> String {
        let Self { name, key, .. } = self;
        printable(&format!(
            "{}To take {name} in: counterfoil approver add '{name}' --key {key}\n",
            self.kept()
        ))
    }
}

#[derive(Debug, Serialize)]
struct AddedReply(KeyReply);

impl Reply for AddedReply {
    fn human(&self) -> String {
        let KeyReply { name, key, .. } = &self.0;
        printable(&format!(
            "{name} approves with the key {key}.\n{}",
            self.0.kept()
        ))
    }
}

#[derive(Debug, Serialize)]
struct RemovedReply {
    name: String,
    removed: bool,
}

impl Reply for RemovedReply {
    fn human(&self) -> String {
        printable(&format!("{} approves no longer.\n", self.name))
    }
}

#[derive(Debug, Serialize)]
struct ApproversReply {
    approvers: Vec<Approver>,
}

#[derive(Debug, Serialize)]
struct Approver {
    name: String,
    key: String,
}

impl From<wire::Approver> for Approver {
    fn from(approver: wire::Approver) -> Self {
        Self {
            name: approver.name,
            key: approver.key,
        }
    }
}

impl Reply for ApproversReply {
    fn human(&self) -> String {
        if self.approvers.is_empty() {
            return "Nobody approves yet: counterfoil approver add NAME --out FILE\n".to_owned();
        }
        let rows: Vec<[String; 2]> = self
            .approvers
            .iter()
            .map(|one| [one.name.clone(), one.key.clone()])
            .collect();
        table(["name", "key"], &rows)
    }
}

/// How a draft stands.
#[derive(Debug, Serialize)]
struct StandingReply {
    digest: String,
    period: String,
    approved_by: Vec<String>,
    previewed_by: Vec<String>,
    needed: u32,
    missing: u32,
}

impl From<wire::DraftStanding> for StandingReply {
    fn from(draft: wire::DraftStanding) -> Self {
        Self {
            digest: draft.digest,
            period: draft.period,
            approved_by: draft.approved_by,
            previewed_by: draft.previewed_by,
            needed: draft.needed,
            missing: draft.missing,
        }
    }
}

impl Reply for StandingReply {
    fn human(&self) -> String {
        let by = self.approved_by.join(", ");
        let next = match self.missing {
            0 => format!(
                "That is enough: counterfoil release publish {}\n",
                self.digest
            ),
            1 => "One more person has to approve it.\n".to_owned(),
            missing => format!("{missing} more persons have to approve it.\n"),
        };
        printable(&format!(
            "The draft of {} is approved by {by}.\n{next}",
            self.period
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(missing: u32) -> StandingReply {
        StandingReply::from(wire::DraftStanding {
            digest: "d1".to_owned(),
            period: "2018Q1".to_owned(),
            approved_by: vec!["Ana".to_owned()],
            previewed_by: Vec::new(),
            needed: 2 + missing,
            missing,
        })
    }

    #[test]
    fn people_are_told_who_approved_and_what_is_next() {
        let text = standing(0).human();
        assert!(text.contains("approved by Ana"), "{text}");
        assert!(text.contains("release publish d1"), "{text}");
        assert!(standing(1).human().contains("One more person"));
        assert!(standing(2).human().contains("2 more persons"));
        assert_eq!(
            serde_json::to_string(&standing(0)).expect("it is JSON"),
            r#"{"digest":"d1","period":"2018Q1","approved_by":["Ana"],"previewed_by":[],"needed":2,"missing":0}"#
        );
    }

    #[test]
    fn a_key_made_elsewhere_has_no_file() {
        let reply = AddedReply(KeyReply {
            name: "Ana".to_owned(),
            key: "k".to_owned(),
            file: None,
        });
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"name":"Ana","key":"k"}"#
        );
        assert_eq!(reply.human(), "Ana approves with the key k.\n");
    }
}
