//! What every command has at hand: a directory, settings, a node, and a place for its answer.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::failure::Failure;
use super::host::{Host, Opened as _};
use super::output::{Output, Reply};
use crate::config::{Config, ConfigError, Passphrase, Sources, Written};
use crate::rpc::{CallError, Client};

/// What a command needs of a node that does not run and is opened for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plane {
    /// Only what is public; no passphrase is asked for.
    Public,
    /// Records or keys, hence the passphrase.
    Private,
}

/// What every command has at hand.
#[derive(Debug)]
pub(super) struct Context<'a, H> {
    pub(super) host: &'a H,
    pub(super) dir: PathBuf,
    /// The directory, where a flag named it.
    pub(super) flag_dir: Option<PathBuf>,
    pub(super) config: Config,
    /// What the settings were read from, each with its place.
    pub(super) written: Written,
    /// Where to read them again.
    pub(super) sources: Sources,
    /// What is wrong with the settings file, where that only matters if no node runs.
    pub(super) mistake: Option<ConfigError>,
    pub(super) output: Output,
}

impl<H: Host> Context<'_, H> {
    /// Prints an answer and returns the exit code.
    pub(super) fn answer<R: Reply>(&self, reply: &R) -> Result<u8, Failure> {
        self.output.answer(reply)
    }

    /// Returns where an answer goes that is JSON whatever the flags say.
    pub(super) fn as_json(&self) -> Output {
        Output { json: true }
    }

    /// Lets `work` talk to the node that runs on the directory, or else opens it for that long.
    pub(super) async fn with_node<T>(
        &self,
        plane: Plane,
        work: impl AsyncFnOnce(&Client) -> Result<T, CallError>,
    ) -> Result<T, Failure> {
        self.with_node_or_fail(plane, async |node: &Client| Ok(work(node).await?))
            .await
    }

    /// As [`Context::with_node`], for work that can fail on this side too.
    pub(super) async fn with_node_or_fail<T>(
        &self,
        plane: Plane,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let Some(client) = self.host.connect(&self.dir).await? {
            return work(&client).await;
        }
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone().into());
        }
        let is_sealed = self.host.is_sealed(&self.dir)?;
        let passphrase = (is_sealed && plane == Plane::Private)
            .then(|| self.passphrase())
            .transpose()?;
        let config = self.config.clone();
        let node = self.host.open(&self.dir, config, passphrase).await;
        let node = node.map_err(|failure| self.wrong_in_file(failure))?;
        let done = work(node.client()).await;
        node.close().await;
        done
    }

    /// Returns the passphrase from its file, or from the person at the terminal.
    pub(super) fn passphrase(&self) -> Result<Passphrase, Failure> {
        match &self.config.passphrase_file {
            Some(file) => Ok(Passphrase::read(file)?),
            None => ask("Passphrase: ", HINT),
        }
    }

    /// The same, where there may be none: a person at the terminal may say nothing.
    pub(super) fn passphrase_if_any(&self) -> Result<Option<Passphrase>, Failure> {
        match &self.config.passphrase_file {
            Some(file) => Ok(Some(Passphrase::read(file)?)),
            None if std::io::stdin().is_terminal() => {
                type_in("Passphrase, or nothing to leave the records closed: ", HINT)
            }
            None => Ok(None),
        }
    }

    /// Names the file of a passphrase that was the wrong one.
    pub(super) fn wrong_in_file(&self, failure: Failure) -> Failure {
        match &self.config.passphrase_file {
            Some(file) if failure.code == "passphrase" => Failure::new(
                failure.code,
                format!("{}: {}", file.display(), failure.message),
                "write the passphrase of this node on its first line",
            ),
            _ => failure,
        }
    }

    /// Returns a passphrase that is being chosen: a person types it twice.
    pub(super) fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        if let Some(file) = &self.config.passphrase_file {
            return Ok(Passphrase::read(file)?);
        }
        ask_twice("New passphrase: ", HINT)
    }
}

/// Where else the node's passphrase may come from.
const HINT: &str = "name a file with --passphrase-file or COUNTERFOIL_PASSPHRASE_FILE";

/// Asks for a passphrase that is being chosen: a person types it twice.
pub(super) fn ask_twice(prompt: &str, hint: &str) -> Result<Passphrase, Failure> {
    let first = ask(prompt, hint)?;
    let again = ask("The same again: ", hint)?;
    if first.as_str() == again.as_str() {
        return Ok(first);
    }
    let message = "the two passphrases differ";
    Err(Failure::new(
        "passphrase",
        message,
        "nothing was made; try again",
    ))
}

/// Asks the person at the terminal, and nobody else: no command waits for a pipe. `hint` says where
/// else the passphrase may come from.
pub(super) fn ask(prompt: &str, hint: &str) -> Result<Passphrase, Failure> {
    if !std::io::stdin().is_terminal() {
        let message = "a passphrase is needed, and there is no terminal to ask at";
        return Err(Failure::new("passphrase", message, hint));
    }
    type_in(prompt, hint)?
        .ok_or_else(|| Failure::new("passphrase", "the passphrase is empty", hint))
}

/// Has somebody type a passphrase; `None` where they type nothing.
fn type_in(prompt: &str, hint: &str) -> Result<Option<Passphrase>, Failure> {
    let typed = rpassword::prompt_password(prompt).map_err(|error| {
        let message = format!("the passphrase could not be read: {error}");
        Failure::new("passphrase", message, hint)
    })?;
    Ok(Passphrase::new(Zeroizing::new(typed)))
}

/// Returns where a node lives when nobody says.
pub(super) fn default_dir() -> &'static Path {
    Path::new("counterfoil-data")
}
