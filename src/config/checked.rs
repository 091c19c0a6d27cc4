//! Settings as written become those a node runs on, or the first mistake in them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::value::{
    address, address_or_off, connections, days, duration, endpoint, memory, persons, recipients,
    word, words,
};
use super::written::{Place, Written, bad};
use super::{BackupPlan, Config, ConfigError, Passphrase, SETTINGS, secret};
use crate::model::Kind;

const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(86_400);
const A_YEAR: Duration = Duration::from_secs(366 * 86_400);

impl Written {
    /// Reads every setting and checks it.
    ///
    /// # Errors
    /// Names the first setting that cannot be used, and where it stands.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let default = Config::default();
        Ok(Config {
            listen: self.read("listen", address)?.unwrap_or(default.listen),
            web: self.read("web", address_or_off)?.flatten(),
            metrics: self.metrics()?,
            metrics_token_file: self.metrics_token_file()?,
            traces: self.traces()?,
            advertise: self.read("advertise", endpoint)?,
            sync_interval: self
                .read("sync_interval", |text| {
                    duration(
                        text,
                        Duration::from_secs(1),
                        Duration::from_secs(7 * 86_400),
                    )
                })?
                .unwrap_or(default.sync_interval),
            passphrase_file: self.passphrase_file()?,
            log_format: self.read("log_format", word)?,
            log_level: self.read("log_level", word)?,
            max_connections: self.read("max_connections", connections)?,
            max_connections_per_peer: self
                .read("max_connections_per_peer", connections)?
                .unwrap_or(default.max_connections_per_peer),
            max_memory: self.read("max_memory", memory)?,
            notify_command: self.read("notify.command", words)?.unwrap_or_default(),
            approvals: self
                .read("release.approvals", persons)?
                .unwrap_or(default.approvals),
            retention: self.retention()?,
            drain: self
                .read("drain", |text| {
                    duration(text, Duration::ZERO, Duration::from_secs(3600))
                })?
                .unwrap_or(default.drain),
            backup: self.backup()?,
            scrub_every: self
                .read("scrub.every", |text| duration(text, A_MINUTE, A_YEAR))?
                .unwrap_or(default.scrub_every),
        })
    }

    /// Returns the plan of backups, which needs somebody to seal them for.
    fn backup(&self) -> Result<Option<BackupPlan>, ConfigError> {
        let every = self.read("backup.every", |text| duration(text, A_MINUTE, A_YEAR))?;
        let keep = self.read("backup.keep", connections)?;
        let to = self.read("backup.to", recipients)?.unwrap_or_default();
        let (Some(dir), Some(place)) = (self.path("backup.dir"), self.place("backup.dir")) else {
            return Ok(None);
        };
        let passphrase_file = self.passphrase_file()?;
        if to.is_empty() && passphrase_file.is_none() {
            return Err(ConfigError {
                place: place.clone(),
                problem: "backup.dir needs backup.to or passphrase_file".to_owned(),
                hint: "`counterfoil backup --new-key FILE` makes a key, and prints whom to name"
                    .to_owned(),
            });
        }
        Ok(Some(BackupPlan {
            dir,
            every: every.unwrap_or(A_DAY),
            to,
            passphrase_file,
            keep: keep.or(NonZeroU32::new(14)).expect("14 is not zero"),
        }))
    }

    fn read<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.0
            .get(key)
            .map(|text| parse(&text.value).map_err(|problem| bad(key, &text.place, &problem)))
            .transpose()
    }

    /// Returns the days persons are kept, per kind: its own, or those of all kinds.
    fn retention(&self) -> Result<BTreeMap<Kind, Option<u32>>, ConfigError> {
        let of_all = self.read("retention.days", days)?;
        let mut retention = Config::default().retention;
        for (kind, kept) in &mut retention {
            let own = match kind {
                Kind::Consultation => self.read("retention.consultation", days)?,
                Kind::Training => self.read("retention.training", days)?,
                Kind::JointProject => self.read("retention.joint_project", days)?,
                Kind::AdvocacyAction => self.read("retention.advocacy_action", days)?,
                // Its lists name nobody.
                Kind::CapacityMilestone => None,
            };
            *kept = own.or(of_all).unwrap_or(*kept);
        }
        Ok(retention)
    }

    /// Returns the passphrase file once it can be read, by its owner alone.
    fn passphrase_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        let Some(path) = self.path("passphrase_file") else {
            return Ok(None);
        };
        let read = Passphrase::read(&path).map(|_| Some(path));
        read.map_err(|error| self.of_setting("passphrase_file", error))
    }

    /// Returns the token file once it can be read, by its owner alone.
    fn metrics_token_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        let Some(path) = self.path("metrics_token_file") else {
            return Ok(None);
        };
        let read = secret::metrics_token(&path).map(|_| Some(path));
        read.map_err(|error| self.of_setting("metrics_token_file", error))
    }

    /// Returns what is wrong with a file as what is wrong with the setting that names it.
    fn of_setting(&self, key: &str, error: ConfigError) -> ConfigError {
        let ConfigError { place, .. } = &error;
        match self.0.get(key) {
            // A flag is the file's name, as it was typed.
            Some(text) if !matches!(text.place, Place::Flag(_)) => ConfigError {
                problem: format!("{key}: {place}: {}", error.problem),
                place: text.place.clone(),
                hint: error.hint,
            },
            _ => error,
        }
    }

    /// Returns where metrics are served: beyond this machine only to whoever has the token.
    fn metrics(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let metrics = self.read("metrics", address_or_off)?.flatten();
        let text = self.0.get("metrics");
        let listen = self.read("listen", address)?;
        let listen = listen.unwrap_or_else(|| Config::default().listen);
        match (metrics, text) {
            (Some(address), Some(text)) if address == listen && address.port() != 0 => {
                Err(ConfigError {
                    place: text.place.clone(),
                    problem: format!("metrics is '{address}', where listen is already"),
                    hint: "choose another port for one of them".to_owned(),
                })
            }
            (Some(address), Some(text))
                if !address.ip().is_loopback() && self.path("metrics_token_file").is_none() =>
            {
                Err(ConfigError {
                    place: text.place.clone(),
                    problem: format!(
                        "metrics is '{address}', which others can reach, and there is no \
                         metrics_token_file"
                    ),
                    hint: "use a loopback address such as 127.0.0.1:9443, or set \
                           metrics_token_file"
                        .to_owned(),
                })
            }
            _ => Ok(metrics),
        }
    }

    /// Returns where spans are sent: they say when somebody worked, so nowhere but this machine.
    fn traces(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let address = self.read("traces", address_or_off)?.flatten();
        match (address, self.0.get("traces")) {
            (Some(address), Some(text)) if !address.ip().is_loopback() || address.port() == 0 => {
                Err(ConfigError {
                    place: text.place.clone(),
                    problem: format!(
                        "traces is '{address}', not a loopback address and port of this machine"
                    ),
                    hint: "run a collector beside the node and name it, such as 127.0.0.1:4318"
                        .to_owned(),
                })
            }
            _ => Ok(address),
        }
    }

    /// Returns the files these settings name that hold secrets, whatever else is wrong with them.
    pub fn secret_files(&self) -> Vec<PathBuf> {
        let secret = SETTINGS.iter().filter(|setting| setting.is_secret_file());
        secret
            .filter_map(|setting| self.path(setting.key))
            .collect()
    }

    /// Returns the path a setting names. One in a settings file is relative to that file.
    fn path(&self, key: &str) -> Option<PathBuf> {
        let text = self.0.get(key).filter(|text| !text.value.is_empty())?;
        Some(match &text.place {
            Place::File(file) | Place::Line(file, _) => file
                .parent()
                .unwrap_or_else(|| Path::new(""))
                .join(&text.value),
            Place::Variable(_) | Place::Flag(_) => PathBuf::from(&text.value),
        })
    }
}
