//! `wipe`: the node's keys destroyed, and what remains, plainly.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::host::Host;
use super::output::{self, Reply};
use crate::config::{FILE_NAME, Written};
use crate::store::file;
use crate::store::wipe::Wiped;
use crate::wire;

/// How long a node that was wiped may take to go down.
const PATIENCE: Duration = Duration::from_secs(60);
const NAP: Duration = Duration::from_millis(50);

/// What is removed beside keys, by the node itself where it runs.
const NAMES: [&str; 8] = [
    "private",
    "format",
    "watch",
    "place",
    "public",
    "card",
    "checkpoint",
    "counterfoil.toml",
];

/// Where in [`NAMES`] begins what stays unless all is to go.
const KEPT_FROM: usize = 4;

/// Arguments of `wipe`.
#[derive(Debug, clap::Args)]
pub(super) struct WipeArgs {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    /// Remove the public copies, the card and the settings too
    #[arg(long)]
    all: bool,
}

pub(super) async fn run<H: Host>(args: &WipeArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    if !args.yes {
        confirm(&context.dir)?;
    }
    let secrets = secrets_inside(&context.dir);
    let mut wiped = match context.host.connect(&context.dir).await? {
        None => context.host.wipe(&context.dir, args.all).await?,
        Some(node) => {
            let request = wire::WipeRequest { all: args.all };
            // Looked at before: the node removes them as soon as it has answered.
            let before = present(&context.dir, args.all);
            let destroyed = node.wipe(request).await?.destroyed;
            drop(node);
            let removed = match goes_down_with_the_node() {
                // It removes the rest as it goes down, and this process goes with it.
                true => before.iter().map(|name| (*name).to_owned()).collect(),
                false => finish(args.all, &before, context).await?,
            };
            Wiped { removed, destroyed }
        }
    };
    wiped.destroyed.extend(destroy(&secrets)?);
    context.answer(&WipeReply::new(wiped, args.all, &context.dir))
}

/// Whether the node is what this container runs, so that every process in it ends with it.
fn goes_down_with_the_node() -> bool {
    std::fs::read_to_string("/proc/1/comm").is_ok_and(|name| name.trim() == "counterfoil")
}

/// Returns the files with secrets that the node's settings name and that lie in its directory. A
/// settings file that cannot be read names none.
fn secrets_inside(dir: &Path) -> Vec<PathBuf> {
    let settings = dir.join(FILE_NAME);
    let named = Written::read_file(&settings).map_or_else(|_| Vec::new(), |s| s.secret_files());
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let whole = named.iter().filter_map(|path| path.canonicalize().ok());
    whole.filter(|path| path.starts_with(&dir)).collect()
}

fn destroy(secrets: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut destroyed = Vec::new();
    for path in secrets {
        file::destroy(path).map_err(|error| {
            let message = format!("the keys are destroyed, and this is not: {error}");
            Failure::new("disk", message, "remove it by hand")
        })?;
        let name = path.file_name().unwrap_or_default();
        destroyed.push(name.display().to_string());
    }
    Ok(destroyed)
}

/// Returns what there is of what is removed.
fn present(dir: &Path, all: bool) -> Vec<&'static str> {
    let names = NAMES[..if all { NAMES.len() } else { KEPT_FROM }].iter();
    names
        .copied()
        .filter(|name| dir.join(name).exists())
        .collect()
}

/// Asks whoever sits at the terminal, and nobody else.
fn confirm(dir: &Path) -> Result<(), Failure> {
    let sure = "--yes says that you are sure";
    if !std::io::stdin().is_terminal() {
        let message = "nothing was wiped: there is no terminal to ask at whether you are sure";
        return Err(Failure::misuse(message, sure));
    }
    let prompt = format!(
        "This destroys every key of the node in {} for ever: nobody reads its records again, with \
         any passphrase.\nType wipe to go on: ",
        dir.display()
    );
    match output::ask_line(&prompt) {
        Ok(line) if line.trim() == "wipe" => Ok(()),
        Ok(_) => Err(Failure::new("not_confirmed", "nothing was wiped", sure)),
        Err(error) => Err(Failure::new("not_confirmed", error.to_string(), sure)),
    }
}

/// Waits until the node is down, and sees to it that nothing was left. Its keys are gone already.
async fn finish<H: Host>(
    all: bool,
    before: &[&str],
    context: &Context<'_, H>,
) -> Result<Vec<String>, Failure> {
    let begun = Instant::now();
    loop {
        let done = match context.host.wipe(&context.dir, all).await {
            Err(failure) if failure.code == "no_node" => Ok(Wiped::default()),
            done => done,
        };
        match done {
            Ok(_) => {
                let gone = before
                    .iter()
                    .filter(|name| !context.dir.join(name).exists());
                return Ok(gone.map(|name| (*name).to_owned()).collect());
            }
            Err(failure) if failure.code == "in_use" && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(NAP).await;
            }
            Err(failure) => {
                let message = format!(
                    "the keys are destroyed, and files are left: {}",
                    failure.message
                );
                let hint = "run `counterfoil wipe --yes` again once the node is down";
                return Err(Failure::new(failure.code, message, hint));
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct WipeReply {
    wiped: bool,
    all: bool,
    /// Files that held keys.
    destroyed: Vec<String>,
    removed: Vec<String>,
    /// What this command cannot reach.
    remains: Vec<Remains>,
}

#[derive(Debug, Serialize)]
struct Remains {
    what: &'static str,
    #[serde(rename = "where")]
    place: String,
    note: &'static str,
}

impl WipeReply {
    fn new(wiped: Wiped, all: bool, dir: &Path) -> Self {
        let kept = (!all).then(|| Remains {
            what: "public_copies",
            place: dir.join("public").display().to_string(),
            note: "logs, summaries and charters of all members, this network's too; \
                   `counterfoil wipe --yes --all` removes them",
        });
        let elsewhere = ELSEWHERE.iter().map(|(what, place, note)| Remains {
            what,
            place: (*place).to_owned(),
            note,
        });
        Self {
            wiped: true,
            all,
            destroyed: wiped.destroyed,
            removed: wiped.removed,
            remains: kept.into_iter().chain(elsewhere).collect(),
        }
    }
}

/// What no command on this machine can take back.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "published",
        "every other member and relay",
        "the log and the summaries this network published, under its name",
    ),
    (
        "backups",
        "wherever they were put",
        "copies of the directory and backups made before still open with the passphrases of then",
    ),
    (
        "disk_images",
        "snapshots, images and worn blocks of the disk",
        "a disk does not promise that what is overwritten is gone; an image made before is whole",
    ),
    (
        "secrets_outside",
        "passphrase files, the recovery sheet, approvers' key files",
        "outside this directory, so not removed; the recovery key still signs charters in the \
         network's place",
    ),
    (
        "trust",
        "the consortium's charter",
        "it still names this network's keys: ask the other members to remove or rebind them",
    ),
];

impl Reply for WipeReply {
    fn human(&self) -> String {
        let mut text = format!(
            "Wiped. Keys destroyed: {}. Removed: {}.\n\nWhat remains, and where:\n",
            listed(&self.destroyed),
            listed(&self.removed)
        );
        for one in &self.remains {
            text.push_str(&format!("- {}: {}\n", one.place, one.note));
        }
        output::printable(&text)
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing was left to".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_said_with_its_place() {
        let wiped = || Wiped {
            destroyed: vec!["vault.toml".to_owned()],
            removed: vec!["private".to_owned()],
        };
        let reply = WipeReply::new(wiped(), false, Path::new("node"));
        let text = reply.human();
        assert!(text.contains("node/public"), "{text}");
        assert!(text.contains("every other member and relay"), "{text}");
        let json = serde_json::to_value(&reply).expect("it is JSON");
        assert_eq!(json["remains"][0]["what"], "public_copies");
        assert_eq!(json["remains"][0]["where"], "node/public");
        let reply = WipeReply::new(wiped(), true, Path::new("node"));
        assert!(!reply.human().contains("node/public"));
    }
}
