//! How one node is set up: the file as written, then the checked values the node runs on.
//!
//! - [`written`]: what stands in `DIR/counterfoil.toml`, in `COUNTERFOIL_*` and on the command
//!   line, as text, each with the place it was found at; [`value`]: what such a text may be.
//! - `file`: the settings file as text.
//! - `checked`: the settings as written become those a node runs on.
//! - [`passphrase`]: the one secret a person keeps; `secret.rs`: files that hold one.
//! - [`sources`]: the three places, so that they can be read again while the node runs.
//! - [`shown`]: what a node runs on, and where each value came from.
//!
//! Later places win: file, environment, command line. Every setting is text until
//! [`Written::check`] has read it, so that a mistake is named the same way wherever it was made.

mod checked;
mod file;
pub mod passphrase;
pub mod secret;
pub mod shown;
pub mod sources;
pub mod value;
pub mod written;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Kind, words};

pub use passphrase::Passphrase;
pub use shown::Shown;
pub use sources::Sources;
pub use written::{Place, Written};

/// Name of the settings file inside the node's directory.
pub const FILE_NAME: &str = "counterfoil.toml";

/// Days that rows about persons are kept, where nobody says otherwise.
const RETENTION_DAYS: u32 = 90;

/// A setting that cannot be used. Its code is always `config`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    /// File and line, variable or flag.
    pub place: Place,
    /// What is wrong there, naming the setting.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl ConfigError {
    fn of_file(path: &Path, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            place: Place::File(path.to_owned()),
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    fn unreadable(what: &str, path: &Path, error: &io::Error, hint: &str) -> Self {
        let error = error.to_string();
        // The number of the system's error says nothing to whoever reads this.
        let error = error.split(" (os error").next().unwrap_or_default();
        Self::of_file(path, format!("{what} cannot be read: {error}"), hint)
    }
}

words! {
    /// How log lines look.
    pub enum LogFormat as "log_format" {
        /// For eyes.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

words! {
    /// Which log lines are written: those of this weight and heavier.
    pub enum LogLevel as "log_level" {
        /// What failed.
        Error = "error",
        /// What an operator should look into.
        Warn = "warn",
        /// What an operator would put in the day book.
        Info = "info",
        /// What a developer replays.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

/// The checked settings of a node.
///
/// # Example
/// ```
/// use counterfoil::config::{Config, Written};
///
/// let file = Written::parse_file("counterfoil.toml".as_ref(), "sync_interval = '1h'")?;
/// let config = file.check()?;
/// assert_eq!(config.sync_interval.as_secs(), 3600);
/// assert_eq!(config.listen, Config::default().listen);
/// # Ok::<(), counterfoil::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the mutual TLS listener binds. Default `127.0.0.1:7443`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the pages are to be served. Default off. This version has none.
    pub web: Option<SocketAddr>,
    /// Where metrics are served, in plain HTTP. Default off. Beyond this machine only with a
    /// token.
    pub metrics: Option<SocketAddr>,
    /// File that holds the token whoever reads the metrics must show. Default none.
    pub metrics_token_file: Option<PathBuf>,
    /// Where spans of calls and of their steps are sent, OTLP over HTTP; always on this machine.
    /// Default off.
    pub traces: Option<SocketAddr>,
    /// Where other nodes reach this one, `https://host:port`; stands in the card. Default none,
    /// for a node that only dials out.
    pub advertise: Option<String>,
    /// Time between two syncs with a peer, before jitter. Default 15 minutes. A shorter one
    /// brings news sooner and costs a connection each time.
    pub sync_interval: Duration,
    /// File the passphrase is read from, once, on start. Default none: the node starts locked.
    pub passphrase_file: Option<PathBuf>,
    /// How log lines look. Default human on a terminal, JSON otherwise.
    pub log_format: Option<LogFormat>,
    /// Which log lines are written. Default `info` for `serve` and `demo`, `warn` for the rest.
    pub log_level: Option<LogLevel>,
    /// Most connections the mutual TLS listener holds at once. Default: what the files the process
    /// may open leave room for, 1024 at most.
    pub max_connections: Option<NonZeroU32>,
    /// Most of those under one identity. Default 16.
    pub max_connections_per_peer: NonZeroU32,
    /// Bytes of memory the node should stay within: near them it refuses work of peers rather
    /// than be killed. Default: the limit the system sets its group of processes, if there is one.
    pub max_memory: Option<u64>,
    /// Program and arguments that are run when something needs a person. Default none.
    pub notify_command: Vec<String>,
    /// Persons a draft needs before it leaves: the one who previews and publishes it, and others
    /// who approve it with keys of their own. Default 1, at most 10: publishing is enough.
    pub approvals: NonZeroU32,
    /// Days that rows about persons are kept after their year was published, by kind; `None` for
    /// ever. Default 90. Fewer: less to be found, and less to correct a year with.
    pub retention: BTreeMap<Kind, Option<u32>>,
    /// How long calls may finish after SIGTERM. Default 10 seconds.
    pub drain: Duration,
    /// Backups the running node takes by itself. Default none.
    pub backup: Option<BackupPlan>,
    /// How often everything stored is read and hashed again. Default 30 days.
    pub scrub_every: Duration,
}

/// Backups a running node takes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// The folder they go to: another disk than the node's, where there is one.
    pub dir: PathBuf,
    /// The longest time between two. Default a day; whatever is let out is backed up at once.
    pub every: Duration,
    /// Whom they are sealed for; for nobody, they are under the passphrase.
    pub to: Vec<String>,
    /// Where the passphrase is read, if nobody is named.
    pub passphrase_file: Option<PathBuf>,
    /// How many are kept, of those with records and of those without. Default 14.
    pub keep: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7443)),
            web: None,
            metrics: None,
            metrics_token_file: None,
            traces: None,
            advertise: None,
            sync_interval: Duration::from_secs(15 * 60),
            passphrase_file: None,
            log_format: None,
            log_level: None,
            max_connections: None,
            max_connections_per_peer: NonZeroU32::new(16).expect("16 is not zero"),
            max_memory: None,
            notify_command: Vec::new(),
            approvals: NonZeroU32::MIN,
            retention: Kind::ALL
                .iter()
                .map(|kind| (*kind, Some(RETENTION_DAYS)))
                .collect(),
            drain: Duration::from_secs(10),
            backup: None,
            scrub_every: Duration::from_secs(30 * 86_400),
        }
    }
}

/// A setting as the file and its template name it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its key in the file; `COUNTERFOIL_` and the key in capitals, `_` for a point, in the
    /// environment.
    pub key: &'static str,
    /// Its default, as it would be written.
    pub default: &'static str,
    /// What it does, in which unit.
    pub about: &'static str,
}

impl Setting {
    /// Returns whether it names a file that holds a secret.
    pub fn is_secret_file(&self) -> bool {
        matches!(self.key, "passphrase_file" | "metrics_token_file")
    }
}

/// Every setting, in the order of the template.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        default: "'127.0.0.1:7443'",
        about: "Address and port other nodes and coordinators connect to.",
    },
    Setting {
        key: "advertise",
        default: "'https://node.example.org:7443'",
        about: "Where other nodes reach this one. Without it the node only dials out.",
    },
    Setting {
        key: "sync_interval",
        default: "'15m'",
        about: "Time between two syncs with a peer (s, m, h). A little chance is added.",
    },
    Setting {
        key: "passphrase_file",
        default: "'/run/credentials/passphrase'",
        about: "File that holds the passphrase, mode 0600. Without it the node starts locked.",
    },
    Setting {
        key: "web",
        default: "'off'",
        about: "Address and port of the pages, or off. This version has none.",
    },
    Setting {
        key: "metrics",
        default: "'off'",
        about: "Address and port of the metrics in plain HTTP, or off.",
    },
    Setting {
        key: "metrics_token_file",
        default: "'/run/credentials/metrics-token'",
        about: "File with the token metrics are read with, mode 0600. A must beyond this machine.",
    },
    Setting {
        key: "traces",
        default: "'off'",
        about: "Address and port of an OTLP collector (HTTP) on this machine, or off.",
    },
    Setting {
        key: "log_level",
        default: "'info'",
        about: "error, warn, info, debug or trace. Log lines name no person and hold no figure.",
    },
    Setting {
        key: "log_format",
        default: "'json'",
        about: "human or json. Without it: human on a terminal, json otherwise.",
    },
    Setting {
        key: "max_connections",
        default: "256",
        about: "Most connections from other machines at once. Without it: as open files allow.",
    },
    Setting {
        key: "max_connections_per_peer",
        default: "16",
        about: "Most of those under one certificate's identity.",
    },
    Setting {
        key: "max_memory",
        default: "'128MB'",
        about: "Memory to stay within (MB, GB). Without it: the limit of its container, if any.",
    },
    Setting {
        key: "notify.command",
        default: "'/usr/local/bin/tell'",
        about: "Program run with a code and a line when something needs a person. No shell.",
    },
    Setting {
        key: "release.approvals",
        default: "1",
        about: "Persons a draft needs: whoever publishes it, and others who approve it (1 to 10).",
    },
    Setting {
        key: "retention.days",
        default: "90",
        about: "Days rows about persons are kept after their year was published, or off: for ever.",
    },
    Setting {
        key: "retention.consultation",
        default: "90",
        about: "The same for one kind of record, where it is to be another number.",
    },
    Setting {
        key: "retention.training",
        default: "90",
        about: "As above.",
    },
    Setting {
        key: "retention.joint_project",
        default: "90",
        about: "As above.",
    },
    Setting {
        key: "retention.advocacy_action",
        default: "90",
        about: "As above.",
    },
    Setting {
        key: "drain",
        default: "'10s'",
        about: "How long calls may finish after the node was told to stop.",
    },
    Setting {
        key: "backup.dir",
        default: "'/mnt/other-disk/counterfoil'",
        about: "Folder the running node writes backups to. Without it, it takes none.",
    },
    Setting {
        key: "backup.every",
        default: "'24h'",
        about: "Longest time between two backups. What is let out is backed up at once.",
    },
    Setting {
        key: "backup.to",
        default: "'age1…'",
        about: "Whom backups are sealed for, separated by commas; else the passphrase in its file.",
    },
    Setting {
        key: "backup.keep",
        default: "14",
        about: "How many backups are kept.",
    },
    Setting {
        key: "scrub.every",
        default: "'720h'",
        about: "How often everything stored is read and hashed again.",
    },
];

/// Returns the text of a new `counterfoil.toml`: what was chosen, and every other setting as a
/// comment with its default.
pub fn template(chosen: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "# Settings of this node. COUNTERFOIL_<SETTING> in the environment and flags win over them.\n",
    );
    for setting in SETTINGS {
        text.push_str(&format!("\n# {}\n", setting.about));
        let line = match chosen.iter().find(|(key, _)| *key == setting.key) {
            Some((_, value)) => format!("{} = {}\n", setting.key, toml::Value::from(*value)),
            None => format!("# {} = {}\n", setting.key, setting.default),
        };
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_reads_as_the_defaults() {
        let written = Written::parse_file(FILE_NAME.as_ref(), &template(&[])).expect("it is TOML");
        assert_eq!(written.check(), Ok(Config::default()));
    }

    #[test]
    fn every_line_of_the_template_is_a_good_setting() {
        let text = template(&[]);
        for setting in SETTINGS {
            let comment = format!("# {} = ", setting.key);
            // The secret files of the example are not on this machine.
            if setting.is_secret_file() || ["backup.dir", "backup.to"].contains(&setting.key) {
                continue;
            }
            let text = text.replace(&comment, &comment[2..]);
            let written = Written::parse_file(FILE_NAME.as_ref(), &text).expect("it is TOML");
            written.check().expect("a default can be read");
        }
    }

    #[test]
    fn chosen_settings_are_written_and_escaped() {
        let text = template(&[("listen", "127.0.0.1:0"), ("advertise", "https://a\"b:1")]);
        let written = Written::parse_file(FILE_NAME.as_ref(), &text).expect("it is TOML");
        let error = written.check().expect_err("no such host");
        assert!(error.problem.contains("advertise"), "{error}");
    }
}
