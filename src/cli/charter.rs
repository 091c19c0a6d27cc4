//! `charter card|new|sign|apply|show|verify`.

use std::path::PathBuf;

use serde::Serialize;

use super::args;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::files;
use super::host::Host;
use super::output::{Reply, TextReply, printable, table};
use crate::charter::{Card, CharterError, CharterNote, Founding, Policy, verify_chain};
use crate::model::{ConsortiumId, MemberId, Period};
use crate::wire;

/// Commands about the charter.
#[derive(Debug, clap::Subcommand)]
pub(super) enum CharterCommand {
    /// Print this member's signed card, for whoever drafts the charter
    Card {
        /// Print only the six words that stand for it
        #[arg(long)]
        fingerprint: bool,
    },
    /// Draft the first charter from every member's card
    New(NewArgs),
    /// Add this member's signature to a draft, in place
    Sign {
        /// The draft
        file: PathBuf,
    },
    /// Put a signed charter in force; several copies of one draft are merged
    Apply {
        /// The signed charter, or its copies
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Show the charter in force
    Show,
    /// Check a charter, with no node
    Verify(VerifyArgs),
}

/// Arguments of `charter new`.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// The consortium's identifier: small letters, digits and dashes
    #[arg(long, value_name = "ID")]
    consortium: ConsortiumId,
    /// How many governors must sign a charter
    #[arg(long, value_name = "N")]
    threshold: u32,
    /// The card of each member, relays included
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    card: Vec<PathBuf>,
    /// What everybody publishes, in place of the default
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// First period members are expected to report on; this year if not said
    #[arg(long, value_name = "PERIOD", value_parser = args::period)]
    since: Option<String>,
    /// Who governs; every member but the relays if not said
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    governor: Vec<MemberId>,
}

/// Arguments of `charter verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// The charter
    file: PathBuf,
    /// A version before it; all of them from the first on, where it is not the first
    #[arg(long, value_name = "FILE")]
    previous: Vec<PathBuf>,
}

pub(super) async fn run<H: Host>(
    command: CharterCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        CharterCommand::Card { fingerprint } => {
            let request = wire::CardRequest { fingerprint };
            let card = context
                .with_node(Plane::Private, async |node| node.card(request).await)
                .await?;
            context.answer(&TextReply { text: card.text })
        }
        CharterCommand::New(args) => {
            let text = draft(args, jiff::Zoned::now().date())?;
            context.answer(&TextReply { text })
        }
        CharterCommand::Sign { file } => sign(file, context).await,
        CharterCommand::Apply { files } => apply(&files, context).await,
        CharterCommand::Show => {
            let request = wire::ShowCharterRequest {};
            let shown = context
                .with_node(Plane::Public, async |node| node.show_charter(request).await)
                .await?;
            context.answer(&CharterReply::from(shown.charter.unwrap_or_default()))
        }
        CharterCommand::Verify(args) => context.answer(&verify(&args)?),
    }
}

fn draft(args: NewArgs, today: jiff::civil::Date) -> Result<String, Failure> {
    let cards: Vec<Card> = args
        .card
        .iter()
        .map(|path| {
            let text = files::read_text("card", path)?;
            is_of("card", path, &text)?;
            Card::parse(text.as_bytes()).map_err(|error| in_file("card", path, &error))
        })
        .collect::<Result<_, Failure>>()?;
    let policy = match &args.policy {
        None => Policy::default_plan(),
        Some(path) => {
            let text = files::read_text("policy", path)?;
            Policy::parse(&text).map_err(|error| in_file("policy", path, &error.into()))?
        }
    };
    let since = args.since.and_then(|period| period.parse().ok());
    let founding = Founding {
        consortium: args.consortium,
        threshold: args.threshold,
        cards,
        policy,
        governors: (!args.governor.is_empty()).then_some(args.governor),
        since: since.unwrap_or_else(|| Period::year(today.year())),
        expires: Founding::default_expiry(today),
    };
    let note = founding.draft().map_err(|error| {
        let hint = "nothing was drafted; correct the flags, a card or the policy and try again";
        Failure::new("charter", error.to_string(), hint)
    })?;
    Ok(note.to_string())
}

async fn sign<H: Host>(file: PathBuf, context: &Context<'_, H>) -> Result<u8, Failure> {
    let request = wire::SignCharterRequest {
        note: read_charter(&file)?,
    };
    let signed = context
        .with_node(Plane::Private, async |node| {
            node.sign_charter(request).await
        })
        .await?;
    files::replace("charter", &file, signed.note.as_bytes())?;
    let reply = CharterReply::from(signed.charter.unwrap_or_default());
    // A draft lacks other members' signatures until they all have signed: that is no failure.
    context.answer(&Signed(reply))
}

async fn apply<H: Host>(paths: &[PathBuf], context: &Context<'_, H>) -> Result<u8, Failure> {
    let notes = paths
        .iter()
        .map(|path| read_charter(path))
        .collect::<Result<_, Failure>>()?;
    let request = wire::SubmitCharterRequest { notes };
    let submitted = context
        .with_node(Plane::Public, async |node| {
            node.submit_charter(request).await
        })
        .await?;
    context.answer(&CharterReply::from(submitted.charter.unwrap_or_default()))
}

/// Judges a charter by the versions before it.
fn verify(args: &VerifyArgs) -> Result<CharterReply, Failure> {
    let paths = args.previous.iter().chain([&args.file]);
    let mut notes = paths
        .map(|path| read_note(path))
        .collect::<Result<Vec<_>, Failure>>()?;
    let Some(last) = notes.pop() else {
        return Ok(CharterReply::default());
    };
    notes.sort_by_key(|note| note.charter().version());
    notes.push(last);
    let (Some(verified), Some(last)) = (verify_chain(&notes), notes.last()) else {
        return Ok(CharterReply::default());
    };
    Ok(CharterReply::from(verified.to_state(last.charter())))
}

/// Reads a charter; its signatures are not looked at.
pub(super) fn read_note(path: &std::path::Path) -> Result<CharterNote, Failure> {
    let text = read_charter(path)?;
    CharterNote::parse(text.as_bytes()).map_err(|error| in_file("charter", path, &error))
}

fn read_charter(path: &std::path::Path) -> Result<String, Failure> {
    let text = files::read_text("charter", path)?;
    is_of("charter", path, &text).map(|()| text)
}

/// What files begin with that are easily taken for one another.
const BEGINNINGS: &[(&str, &str, &str)] = &[
    ("counterfoil/card/v1\n", "card", "a member's card"),
    ("counterfoil/charter/v1\n", "charter", "a charter"),
    ("c2sp.org/tlog-proof@v1\n", "slip", "a slip with its proof"),
    ("-----BEGIN ", "certificate", "a certificate or a key"),
    ("kind = ", "map", "a MAP for imports"),
];

/// Checks that a file is not plainly one of another kind.
fn is_of(what: &'static str, path: &std::path::Path, text: &str) -> Result<(), Failure> {
    let known = BEGINNINGS
        .iter()
        .find(|(begins, ..)| text.starts_with(begins));
    let Some((_, is, in_words)) = known.filter(|(_, is, _)| *is != what) else {
        return Ok(());
    };
    let message = format!("{} is {in_words}, not a {what}", path.display());
    let hint = match (what, *is) {
        ("charter", "card") => {
            "draft a charter from the cards of all members with `counterfoil charter new`; all \
             sign it, then apply it"
        }
        ("card", "charter") => "a card is what `counterfoil charter card` prints",
        _ => "name the right file",
    };
    Err(Failure::new(what, message, hint))
}

fn in_file(what: &'static str, path: &std::path::Path, error: &CharterError) -> Failure {
    let message = format!("{what} {}: {error}", path.display());
    let hint = match what {
        "card" => "a card is what `counterfoil charter card` prints, unchanged",
        "policy" => "nothing was drafted; correct the policy and try again",
        _ => "a charter is what `counterfoil charter new` prints and members sign, unchanged",
    };
    Failure::new(what, message, hint)
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct CharterReply {
    consortium: String,
    version: u32,
    valid: bool,
    threshold: u32,
    signed_by: Vec<String>,
    members: Vec<CharterMember>,
    fingerprint: String,
    reason: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct CharterMember {
    id: String,
    name: String,
    state: String,
}

impl From<wire::CharterState> for CharterReply {
    fn from(state: wire::CharterState) -> Self {
        let member = |member: wire::CharterMember| CharterMember {
            id: member.id,
            name: member.name,
            state: member.state,
        };
        Self {
            consortium: state.consortium,
            version: state.version,
            valid: state.valid,
            threshold: state.threshold,
            signed_by: state.signed_by,
            members: state.members.into_iter().map(member).collect(),
            fingerprint: state.fingerprint,
            reason: state.reason,
        }
    }
}

impl Reply for CharterReply {
    fn human(&self) -> String {
        let valid = if self.valid {
            "counts"
        } else {
            "does not count"
        };
        let mut text = format!(
            "Charter of {}, version {}, {valid}.\nSigned by {} ({} needed).\nFingerprint: {}\n",
            self.consortium,
            self.version,
            match &self.signed_by[..] {
                [] => "nobody".to_owned(),
                names => names.join(", "),
            },
            self.threshold,
            self.fingerprint,
        );
        if !self.reason.is_empty() {
            text.push_str(&format!("Why not: {}\n", self.reason));
        }
        let rows: Vec<[String; 3]> = self
            .members
            .iter()
            .map(|member| [member.id.clone(), member.name.clone(), member.state.clone()])
            .collect();
        format!(
            "{}\n{}",
            printable(&text),
            table(["id", "name", "state"], &rows)
        )
    }

    fn is_done(&self) -> bool {
        self.valid
    }
}

/// A draft after signing: done, whether or not it counts yet.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Signed(CharterReply);

impl Reply for Signed {
    fn human(&self) -> String {
        self.0.human()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(valid: bool) -> CharterReply {
        CharterReply::from(wire::CharterState {
            consortium: "demo".to_owned(),
            version: 1,
            valid,
            threshold: 2,
            signed_by: vec!["inpud".to_owned()],
            members: vec![wire::CharterMember {
                id: "inpud".to_owned(),
                name: "INPUD".to_owned(),
                state: "member".to_owned(),
            }],
            fingerprint: "a b c d e f".to_owned(),
            reason: if valid { "" } else { "2 governors must sign" }.to_owned(),
        })
    }

    #[test]
    fn json_has_the_fields_others_rely_on() {
        assert_eq!(
            serde_json::to_string(&state(true)).expect("it is JSON"),
            r#"{"consortium":"demo","version":1,"valid":true,"threshold":2,"signed_by":["inpud"],"members":[{"id":"inpud","name":"INPUD","state":"member"}],"fingerprint":"a b c d e f","reason":""}"#
        );
    }

    #[test]
    fn a_file_of_another_kind_is_told_as_what_it_is() {
        let path = std::path::Path::new("inpud.card");
        let told = is_of("charter", path, "counterfoil/card/v1\nid = 1\n").expect_err("a card");
        assert_eq!(told.message, "inpud.card is a member's card, not a charter");
        assert!(told.hint.contains("`counterfoil charter new`"), "{told:?}");
        assert_eq!(is_of("charter", path, "counterfoil/charter/v1\n"), Ok(()));
        assert_eq!(is_of("charter", path, "something else\n"), Ok(()));
    }

    #[test]
    fn a_charter_that_does_not_count_fails_unless_it_is_being_signed() {
        assert!(state(true).is_done());
        assert!(!state(false).is_done());
        assert!(state(false).human().contains("Why not: 2 governors"));
        assert!(Signed(state(false)).is_done());
    }
}
