//! `passphrase add|change|remove|list|recovery|plain`: who opens the private plane.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use super::context::{Context, Plane, ask_twice};
use super::failure::Failure;
use super::files::{self, Reserved};
use super::host::Host;
use super::output::{Reply, count, printable};
use crate::config::Passphrase;
use crate::rpc::{CallError, Client};
use crate::store::recovery::BadCode;
use crate::store::{RecoveryCode, os_entropy};
use crate::wire;

/// Commands about passphrases.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PassphraseCommand {
    /// Add a passphrase, so that another person or place has one of its own
    Add {
        /// A word for it, such as `desk` or `b`; by default not a person's name. It is sealed
        name: String,
        #[command(flatten)]
        new: NewArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Put a new passphrase in the place of the one that is given
    Change {
        #[command(flatten)]
        new: NewArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Take a passphrase away by its word; the last one stays
    Remove {
        /// Its word, as `passphrase list` has it
        name: String,
        #[command(flatten)]
        by: ByArgs,
    },
    /// List the words of the passphrases
    List {
        #[command(flatten)]
        by: ByArgs,
    },
    /// Make a new recovery sheet; the code on the one before opens nothing any more
    Recovery {
        /// Write it to this new file, to be printed and removed
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Choose one that opens a plain book, nobody in it, and destroys all else; see deploy/keys.md
    Plain {
        #[command(flatten)]
        new: NewArgs,
        /// Have none, instead
        #[arg(long, conflicts_with = "new_passphrase_file")]
        none: bool,
    },
}

/// Where a new passphrase comes from.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// Read the new passphrase from a file only its owner can read; else it is asked for
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// By what right, where it is not the passphrase.
#[derive(Debug, clap::Args)]
pub(super) struct ByArgs {
    /// Use the code on the recovery sheet in this file, where the passphrase is forgotten
    #[arg(long, value_name = "FILE")]
    recovery_file: Option<PathBuf>,
}

/// Reads the code of a recovery sheet, in the one spelling that opens the vault.
pub(super) fn recovery_code(file: &Path) -> Result<Passphrase, Failure> {
    let text = Zeroizing::new(files::read_text("recovery sheet", file)?);
    let code = RecoveryCode::from_sheet(&text).map_err(|error| {
        let hint = match error {
            BadCode::Missing => {
                "sheets of versions before this one have none; `counterfoil passphrase recovery` \
                 makes one while the passphrase is known"
            }
            BadCode::Form | BadCode::Check => "compare it with the paper, group by group",
        };
        Failure::new("recovery_code", error.to_string(), hint)
    })?;
    let text = Zeroizing::new(code.as_str().to_owned());
    Passphrase::new(text)
        .ok_or_else(|| Failure::new("recovery_code", BadCode::Missing.to_string(), ""))
}

impl NewArgs {
    fn read(&self) -> Result<Passphrase, Failure> {
        match &self.new_passphrase_file {
            Some(file) => Ok(Passphrase::read(file)?),
            None => ask_twice("New passphrase: ", "name a file with --new-passphrase-file"),
        }
    }
}

pub(super) async fn run<H: Host>(
    command: PassphraseCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        PassphraseCommand::Add { name, new, by } => {
            let new = new.read()?;
            let call = async |node: &Client, passphrase: String| {
                let request = wire::AddPassphraseRequest {
                    passphrase,
                    name: name.clone(),
                    new_passphrase: new.as_str().to_owned(),
                };
                Ok(node.add_passphrase(request).await?.passphrases)
            };
            named(by, How::Added, context, call).await
        }
        PassphraseCommand::Change { new, by } => {
            let given = needed(&by, context)?;
            let new = new.read()?;
            let call = async |node: &Client, passphrase: String| {
                let request = wire::ChangePassphraseRequest {
                    passphrase,
                    new_passphrase: new.as_str().to_owned(),
                };
                Ok(node.change_passphrase(request).await?.passphrases)
            };
            let (passphrases, locked) = call_with(Some(given), context, call).await?;
            context.answer(&NamedReply::new(passphrases, locked, How::Changed))
        }
        PassphraseCommand::Remove { name, by } => {
            let call = async |node: &Client, passphrase: String| {
                let name = name.clone();
                let request = wire::RemovePassphraseRequest { passphrase, name };
                Ok(node.remove_passphrase(request).await?.passphrases)
            };
            named(by, How::Removed, context, call).await
        }
        PassphraseCommand::List { by } => {
            let call = async |node: &Client, passphrase: String| {
                let request = wire::ListPassphrasesRequest { passphrase };
                Ok(node.list_passphrases(request).await?.passphrases)
            };
            named(by, How::Listed, context, call).await
        }
        PassphraseCommand::Recovery { out } => recovery(&out, context).await,
        PassphraseCommand::Plain { new, none } => {
            let new = (!none).then(|| new.read()).transpose()?;
            let call = async |node: &Client, passphrase: String| {
                let new_passphrase = new.as_ref().map(|new| new.as_str().to_owned());
                let request = wire::SetPlainRequest {
                    passphrase,
                    new_passphrase: new_passphrase.unwrap_or_default(),
                };
                node.set_plain(request).await
            };
            let (_, locked) = call_with(given(context)?, context, call).await?;
            context.answer(&PlainReply { locked, set: !none })
        }
    }
}

async fn recovery<H: Host>(out: &Path, context: &Context<'_, H>) -> Result<u8, Failure> {
    // The place for the code comes first: a code that cannot be written down is lost.
    let reserved = Reserved::new("recovery sheet", out)?;
    let made = async {
        let code = RecoveryCode::generate(os_entropy)
            .map_err(|error| Failure::new("internal", error.to_string(), ""))?;
        let sheet = code.sheet(None);
        reserved.write("recovery sheet", sheet.as_bytes())?;
        let call = async |node: &Client, passphrase: String| {
            let request = wire::RenewRecoveryRequest {
                passphrase,
                code: code.as_str().to_owned(),
            };
            Ok(node.renew_recovery(request).await?.passphrases)
        };
        call_with(given(context)?, context, call).await
    };
    match made.await {
        Ok((passphrases, locked)) => {
            context.answer(&NamedReply::new(passphrases, locked, How::Recovered))
        }
        Err(failure) => {
            reserved.give_up();
            Err(failure)
        }
    }
}

async fn named<H: Host>(
    by: ByArgs,
    how: How,
    context: &Context<'_, H>,
    call: impl AsyncFn(&Client, String) -> Result<Vec<wire::PassphraseName>, CallError>,
) -> Result<u8, Failure> {
    let given = match &by.recovery_file {
        Some(file) => Some(recovery_code(file)?),
        None => given(context)?,
    };
    let (passphrases, locked) = call_with(given, context, call).await?;
    context.answer(&NamedReply::new(passphrases, locked, how))
}

/// Returns the passphrase that a file has, where one was named.
fn given<H: Host>(context: &Context<'_, H>) -> Result<Option<Passphrase>, Failure> {
    let file = context.config.passphrase_file.as_deref();
    Ok(file.map(Passphrase::read).transpose()?)
}

/// Returns the passphrase or the recovery code; a person at a terminal is asked.
fn needed<H: Host>(by: &ByArgs, context: &Context<'_, H>) -> Result<Passphrase, Failure> {
    match &by.recovery_file {
        Some(file) => recovery_code(file),
        None => context.passphrase(),
    }
}

/// Calls the node that runs, or opens it for that long. A node that is unlocked needs no
/// passphrase; where one is needed after all, whoever sits at the terminal is asked.
async fn call_with<H: Host, T>(
    given: Option<Passphrase>,
    context: &Context<'_, H>,
    call: impl AsyncFn(&Client, String) -> Result<T, CallError>,
) -> Result<(T, bool), Failure> {
    let is_running = context.host.connect(&context.dir).await?.is_some();
    let given = match given {
        None if !is_running && context.host.is_sealed(&context.dir)? => Some(context.passphrase()?),
        given => given,
    };
    let text = |given: &Option<Passphrase>| {
        let text = given.as_ref().map(|given| given.as_str().to_owned());
        text.unwrap_or_default()
    };
    let with = async |given: Option<Passphrase>| {
        context
            .with_node(Plane::Public, async |node| {
                let done = call(node, text(&given)).await?;
                let health = node.health(wire::HealthRequest {}).await?;
                Ok((done, health.locked))
            })
            .await
    };
    let is_missing = given.is_none();
    match with(given).await {
        Err(failure) if is_missing && ["locked", "passphrase"].contains(&&*failure.code) => {
            with(Some(context.passphrase()?)).await
        }
        done => done,
    }
}

/// What was done about passphrases.
#[derive(Clone, Copy, Debug)]
enum How {
    Listed,
    Added,
    Changed,
    Removed,
    Recovered,
}

#[derive(Debug, Serialize)]
struct NamedReply {
    locked: bool,
    passphrases: Vec<Named>,
    #[serde(skip)]
    how: How,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    recovery: bool,
}

impl NamedReply {
    fn new(passphrases: Vec<wire::PassphraseName>, locked: bool, how: How) -> Self {
        let named = |one: wire::PassphraseName| Named {
            name: one.name,
            recovery: one.recovery,
        };
        let mut passphrases: Vec<Named> = passphrases.into_iter().map(named).collect();
        passphrases.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            locked,
            passphrases,
            how,
        }
    }
}

impl Reply for NamedReply {
    fn human(&self) -> String {
        let done = match self.how {
            How::Listed => "",
            How::Added => "Added.\n",
            How::Changed => {
                "Changed. The one before opens nothing here any more; it still opens copies and \
                 backups made before.\n"
            }
            How::Removed => {
                "Removed. It still opens copies and backups made before, and with an old copy of \
                 vault.toml newer copies too.\n"
            }
            How::Recovered => {
                "Written. Print the sheet, keep it away from the node, and remove the file. The \
                 code before it opens nothing here any more.\n"
            }
        };
        let number = self.passphrases.iter().filter(|one| !one.recovery).count();
        let mut text = format!(
            "{done}{} this book:\n",
            count(number as u64, "passphrase opens", "passphrases open")
        );
        for one in &self.passphrases {
            let sheet = if one.recovery {
                " (the code on the recovery sheet)"
            } else {
                ""
            };
            text.push_str(&format!("- {}{sheet}\n", one.name));
        }
        printable(&text)
    }
}

#[derive(Debug, Serialize)]
struct PlainReply {
    locked: bool,
    set: bool,
}

impl Reply for PlainReply {
    fn human(&self) -> String {
        if !self.set {
            return "No passphrase opens a plain book.\n".to_owned();
        }
        "Set. Whoever unlocks with it opens a book with nobody in it. Every other passphrase, the \
         recovery code and all rows about persons are then gone for ever, without a question.\n\
         Never use it to look whether it works. It hides nothing from whoever copied the disk \
         before, nor what was published.\n"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(how: How) -> NamedReply {
        let one = |name: &str, recovery| wire::PassphraseName {
            name: name.to_owned(),
            recovery,
        };
        NamedReply::new(vec![one("recovery", true), one("first", false)], true, how)
    }

    #[test]
    fn json_has_words_and_nothing_else() {
        let json = serde_json::to_string(&reply(How::Listed)).expect("it is JSON");
        assert_eq!(
            json,
            r#"{"locked":true,"passphrases":[{"name":"first","recovery":false},{"name":"recovery","recovery":true}]}"#
        );
    }

    #[test]
    fn people_are_told_what_removing_does_not_do() {
        let text = reply(How::Removed).human();
        assert!(text.contains("backups made before"), "{text}");
        assert!(text.contains("1 passphrase opens this book"), "{text}");
    }

    #[test]
    fn a_sheet_without_a_code_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sheet");
        std::fs::write(&path, "kLsbR+Cf21CyETmSGcYN+b9DANcxBRoLkNiFHUKfbgI=\n").expect("written");
        let refused = recovery_code(&path).expect_err("no code");
        assert_eq!(refused.code, "recovery_code");
        assert!(refused.hint.contains("passphrase recovery"), "{refused:?}");
    }
}
