//! Settings as written, each with the place it was found at.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::de::{DeInteger, DeTable, DeValue};

use super::{BackupPlan, Config, ConfigError, Passphrase, SETTINGS, secret};
use crate::model::Kind;
use crate::store::backup::Recipients;

/// Longest settings file, in bytes.
const MOST_LEN: usize = 64 << 10;

/// What the name of every setting in the environment begins with.
const PREFIX: &str = "COUNTERFOIL_";

/// Most days a setting may ask for: ten years.
const MOST_DAYS: u32 = 3_660;
const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(86_400);
const A_YEAR: Duration = Duration::from_secs(366 * 86_400);

/// Where a setting was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A whole file.
    File(PathBuf),
    /// A line of a file, from 1.
    Line(PathBuf, usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag on the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Line(path, line) => write!(f, "{} line {line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
        }
    }
}

#[derive(Clone, Debug)]
struct Text {
    value: String,
    place: Place,
}

/// Settings as written in one place or several.
#[derive(Clone, Debug, Default)]
pub struct Written(BTreeMap<&'static str, Text>);

impl Written {
    /// Reads a settings file; one that is not there says nothing.
    ///
    /// # Errors
    /// Names the file, and the line and key where it can.
    pub fn read_file(path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse_file(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                let error = error.to_string();
                // The number of the system's error says nothing to whoever reads this.
                let error = error.split(" (os error").next().unwrap_or_default();
                Err(ConfigError {
                    place: Place::File(path.to_owned()),
                    problem: format!("settings cannot be read: {error}"),
                    hint: "check what --dir names, and the file's owner and mode".to_owned(),
                })
            }
        }
    }

    /// Reads the text of a settings file; `path` only serves to name it.
    ///
    /// # Errors
    /// Names the file, and the line and key where it can.
    pub fn parse_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        if text.len() > MOST_LEN {
            return Err(ConfigError {
                place: Place::File(path.to_owned()),
                problem: format!("settings are longer than {MOST_LEN} bytes"),
                hint: "check that this is the settings file".to_owned(),
            });
        }
        let at = |offset: usize| Place::Line(path.to_owned(), line_of(text, offset));
        let table = DeTable::parse(text).map_err(|error| ConfigError {
            place: at(error.span().map_or(0, |span| span.start)),
            problem: one_line(error.message()),
            hint: "a line is `setting = \"value\"`".to_owned(),
        })?;
        let mut written = Self::default();
        for (key, value) in table.into_inner() {
            let place = at(key.span().start);
            match value.into_inner() {
                // `[release]` and `approvals` are `release.approvals`; nothing lies deeper.
                DeValue::Table(settings) if is_part(key.get_ref()) => {
                    for (inner, value) in settings {
                        let place = at(inner.span().start);
                        let key = format!("{}.{}", key.get_ref(), inner.get_ref());
                        written.take(&key, value.get_ref(), place)?;
                    }
                }
                value => written.take(key.get_ref(), &value, place)?,
            }
        }
        Ok(written)
    }

    /// Takes in one setting of a file.
    fn take(&mut self, key: &str, value: &DeValue<'_>, place: Place) -> Result<(), ConfigError> {
        let key = known_key(key, &place)?;
        let value = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => whole(number)
                .ok_or_else(|| bad(key, &place, "is a number larger than any setting"))?,
            _ => return Err(bad(key, &place, "must be text or a whole number")),
        };
        self.0.insert(key, Text { value, place });
        Ok(())
    }

    /// Takes the variables `COUNTERFOIL_<SETTING>` out of an environment.
    ///
    /// Others of that prefix are left alone: an orchestrator adds its own, such as
    /// `COUNTERFOIL_SERVICE_HOST` in Kubernetes.
    ///
    /// # Errors
    /// When one of them is not UTF-8.
    pub fn from_env(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut written = Self::default();
        for (name, value) in variables {
            if let Some(name) = name.to_str()
                && let Some(key) = name.strip_prefix(PREFIX)
            {
                check_no_secret(&key.to_ascii_lowercase(), &Place::Variable(name.to_owned()))?;
            }
            let Some(key) = name.to_str().and_then(key_of_variable) else {
                continue;
            };
            let place = Place::Variable(variable_of(key));
            let value = value
                .into_string()
                .map_err(|_| bad(key, &place, "is not UTF-8"))?;
            written.0.insert(key, Text { value, place });
        }
        Ok(written)
    }

    /// Adds what a flag said; `key` is one of [`SETTINGS`].
    #[must_use]
    pub fn with_flag(mut self, key: &'static str, value: Option<impl Into<String>>) -> Self {
        debug_assert!(SETTINGS.iter().any(|setting| setting.key == key));
        if let Some(value) = value {
            let value = value.into();
            let place = Place::Flag(key);
            self.0.insert(key, Text { value, place });
        }
        self
    }

    /// Returns both, where what stands in `higher` wins.
    #[must_use]
    pub fn under(mut self, higher: Self) -> Self {
        self.0.extend(higher.0);
        self
    }

    /// Returns where a setting stands; `None` where nobody has written it.
    pub(super) fn place(&self, key: &str) -> Option<&Place> {
        self.0.get(key).map(|text| &text.place)
    }

    /// Returns how many settings are written.
    pub fn count(&self) -> usize {
        self.0.len()
    }

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
        Passphrase::read(&path).map(|_| Some(path))
    }

    /// Returns the token file once it can be read, by its owner alone.
    fn metrics_token_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        let Some(path) = self.path("metrics_token_file") else {
            return Ok(None);
        };
        secret::metrics_token(&path).map(|_| Some(path))
    }

    /// Returns where metrics are served: beyond this machine only to whoever has the token.
    fn metrics(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let address = self.read("metrics", address_or_off)?.flatten();
        let text = self.0.get("metrics");
        match (address, text) {
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
            _ => Ok(address),
        }
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

/// Settings whose secret belongs into a file, by the name somebody might give the secret itself.
const SECRETS: &[&str] = &["passphrase", "metrics_token"];

/// Refuses a secret written where others may read it: in a settings file or the environment.
fn check_no_secret(given: &str, place: &Place) -> Result<(), ConfigError> {
    if !SECRETS.contains(&given) {
        return Ok(());
    }
    Err(ConfigError {
        place: place.clone(),
        problem: format!("{given} is a secret, and secrets are read from files only"),
        hint: format!("write it into a file of mode 0600 and name that with {given}_file"),
    })
}

fn known_key(given: &str, place: &Place) -> Result<&'static str, ConfigError> {
    check_no_secret(given, place)?;
    let known = SETTINGS.iter().find(|setting| setting.key == given);
    known.map(|setting| setting.key).ok_or_else(|| ConfigError {
        place: place.clone(),
        problem: format!("unknown setting {}", quoted(given)),
        hint: format!(
            "settings are {}",
            SETTINGS
                .iter()
                .map(|setting| setting.key)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    })
}

fn key_of_variable(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    SETTINGS
        .iter()
        .map(|setting| setting.key)
        .find(|key| variable_of(key).strip_prefix(PREFIX) == Some(name))
}

/// Returns the variable of a setting: its key in capitals.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Returns whether settings stand under a name, as `release.approvals` does under `release`.
fn is_part(name: &str) -> bool {
    let under = |key: &str| key.split_once('.').is_some_and(|(part, _)| part == name);
    SETTINGS.iter().any(|setting| under(setting.key))
}

/// Returns a number in decimal.
fn whole(number: &DeInteger<'_>) -> Option<String> {
    let number = i64::from_str_radix(number.as_str(), number.radix());
    number.ok().map(|number| number.to_string())
}

fn bad(key: &str, place: &Place, problem: &str) -> ConfigError {
    let default = SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .map_or("", |setting| setting.default);
    ConfigError {
        place: place.clone(),
        problem: format!("{key} {problem}"),
        hint: format!("for example {key} = {default}"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Quotes the beginning of what was written, on one line.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    format!("'{}'", short.escape_default())
}

fn word<T: FromStr<Err = crate::model::UnknownWord>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: T::Err| format!("is {}; accepted: {}", quoted(text), error.accepted))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("is {}, not an address and port", quoted(text)))
}

fn address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        _ => address(text)
            .map(Some)
            .map_err(|problem| problem + " or off"),
    }
}

fn days(text: &str) -> Result<Option<u32>, String> {
    let days = || text.parse().ok().filter(|days| *days <= MOST_DAYS);
    match text {
        "off" => Ok(None),
        _ => days().map(Some).ok_or_else(|| {
            format!(
                "is {}, not a whole number of days from 0 to {MOST_DAYS}, or off",
                quoted(text)
            )
        }),
    }
}

fn connections(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroU32| count.get() <= 16_384)
        .ok_or_else(|| format!("is {}, not a whole number from 1 to 16384", quoted(text)))
}

fn persons(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroU32| count.get() <= 10)
        .ok_or_else(|| format!("is {}, not a whole number from 1 to 10", quoted(text)))
}

/// Reads a size in bytes, such as `128MB`; a bare number is bytes.
fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 32 << 20;
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(
        trimmed
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(trimmed.len()),
    );
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => Some(0),
        "K" | "KB" | "KIB" => Some(10),
        "M" | "MB" | "MIB" => Some(20),
        "G" | "GB" | "GIB" => Some(30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(shift);
    bytes
        .and_then(|(number, shift)| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes >= LEAST)
        .ok_or_else(|| format!("is {}, not a size of 32MB or more", quoted(text)))
}

fn recipients(text: &str) -> Result<Vec<String>, String> {
    let given: Vec<String> = text
        .split([',', ' '])
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    match given.is_empty() || Recipients::keys(&given).is_ok() {
        true => Ok(given),
        false => Err(format!("is {}, not recipients such as age1…", quoted(text))),
    }
}

/// Splits a command the way a shell would, without one; nothing is a command that is off.
fn words(text: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(text).ok_or("has a quote that is not closed")?;
    match words.first() {
        Some(program) if program.is_empty() => Err("names no program".to_owned()),
        _ => Ok(words),
    }
}

fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .or_else(|| text.parse().ok().map(jiff::SignedDuration::from_secs))
        .and_then(|given| Duration::try_from(given).ok())
        .filter(|given| (least..=most).contains(given))
        .ok_or_else(|| {
            format!(
                "is {}, not a time from {} to {} seconds such as 90s, 15m or 2h",
                quoted(text),
                least.as_secs(),
                most.as_secs()
            )
        })
}

/// Reads where a node is reached: `https://host:port`, nothing after it. The host may be a name,
/// an IPv4 address, or an IPv6 address in brackets.
///
/// # Errors
/// Says what it must look like.
pub fn endpoint(text: &str) -> Result<String, String> {
    let good = || {
        let uri: http::Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let host = authority.host();
        (uri.scheme_str() == Some("https")
            && bare
            && !host.is_empty()
            && authority.port_u16().is_some_and(|port| port > 0)
            && !authority.as_str().contains('@'))
        .then(|| format!("https://{authority}"))
    };
    good().ok_or_else(|| format!("is {}, not https://host:port", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use proptest::prelude::*;

    fn file(text: &str) -> Result<Config, ConfigError> {
        Written::parse_file("DIR/counterfoil.toml".as_ref(), text)?.check()
    }

    #[track_caller]
    fn check(text: &str, wanted: &str) {
        let error = file(text).expect_err("a mistake");
        assert_eq!(error.to_string(), wanted);
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn mistakes_are_named_with_file_line_and_key() {
        check(
            "listen = '[::1]:1'\nlisen = '1'",
            "DIR/counterfoil.toml line 2: unknown setting 'lisen'",
        );
        check(
            "# x\n\nlisten = 'localhost'",
            "DIR/counterfoil.toml line 3: listen is 'localhost', not an address and port",
        );
        check(
            "web = 'on'",
            "DIR/counterfoil.toml line 1: web is 'on', not an address and port or off",
        );
        check(
            "max_connections = 0",
            "DIR/counterfoil.toml line 1: max_connections is '0', not a whole number from 1 to 16384",
        );
        check(
            "log_level = 'loud'",
            "DIR/counterfoil.toml line 1: log_level is 'loud'; accepted: error warn info debug trace",
        );
        check(
            "advertise = 'http://x:1'",
            "DIR/counterfoil.toml line 1: advertise is 'http://x:1', not https://host:port",
        );
        check(
            "drain = true",
            "DIR/counterfoil.toml line 1: drain must be text or a whole number",
        );
    }

    #[test]
    fn a_setting_with_a_point_is_written_in_a_table_or_on_one_line() {
        for text in ["[release]\napprovals = 3", "release.approvals = '3'"] {
            assert_eq!(file(text).expect("good").approvals.get(), 3, "{text}");
        }
        let variable = [("COUNTERFOIL_RELEASE_APPROVALS".into(), "2".into())];
        let config = Written::from_env(variable).and_then(|written| written.check());
        assert_eq!(config.expect("good").approvals.get(), 2);
        check(
            "drain = 1\n[release]\napprovals = 0",
            "DIR/counterfoil.toml line 3: release.approvals is '0', not a whole number from 1 to 10",
        );
        check(
            "release.approvals = 11",
            "DIR/counterfoil.toml line 1: release.approvals is '11', not a whole number from 1 to 10",
        );
        check(
            "[release]\nholds = 1",
            "DIR/counterfoil.toml line 2: unknown setting 'release.holds'",
        );
        check(
            "release = 2",
            "DIR/counterfoil.toml line 1: unknown setting 'release'",
        );
        check(
            "drain = { seconds = 2 }",
            "DIR/counterfoil.toml line 1: drain must be text or a whole number",
        );
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        let error = file("listen = '127.0.0.1:1'\nweb = \n").expect_err("no value");
        assert_eq!(error.place, Place::Line("DIR/counterfoil.toml".into(), 2));
        let twice = file("drain = 1\ndrain = 2").expect_err("twice");
        assert_eq!(twice.place, Place::Line("DIR/counterfoil.toml".into(), 2));
    }

    #[test]
    fn later_places_win() {
        let low = Written::parse_file("f".as_ref(), "listen = '1.1.1.1:1'\nweb = '1.1.1.1:2'")
            .expect("good");
        let variables = [
            ("COUNTERFOIL_LISTEN", "2.2.2.2:2"),
            ("COUNTERFOIL_LOG_LEVEL", "debug"),
            ("COUNTERFOIL_SERVICE_HOST", "ignored"),
            ("OTHER", "ignored"),
        ];
        let middle = Written::from_env(variables.map(|(k, v)| (k.into(), v.into()))).expect("good");
        let high = Written::default()
            .with_flag("listen", Some("3.3.3.3:3"))
            .with_flag("web", None::<String>)
            .with_flag("log_format", Some("json"));
        let config = low.under(middle).under(high).check().expect("good");
        assert_eq!(config.listen, "3.3.3.3:3".parse().expect("an address"));
        assert_eq!(config.web, Some("1.1.1.1:2".parse().expect("an address")));
        assert_eq!(config.log_level, Some(LogLevel::Debug));
        assert_eq!(config.log_format, Some(LogFormat::Json));
    }

    #[test]
    fn each_place_is_named_as_its_reader_knows_it() {
        let variable = [("COUNTERFOIL_SYNC_INTERVAL".into(), "often".into())];
        let error = Written::from_env(variable)
            .and_then(|written| written.check())
            .expect_err("not a time");
        assert!(
            error
                .to_string()
                .starts_with("COUNTERFOIL_SYNC_INTERVAL: sync_interval is")
        );
        let error = Written::default()
            .with_flag("max_connections", Some("many"))
            .check()
            .expect_err("not a number");
        assert!(
            error
                .to_string()
                .starts_with("--max-connections: max_connections is")
        );
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("15 minutes", 900),
            ("2h", 7200),
            ("45", 45),
        ] {
            let config = file(&format!("sync_interval = '{text}'")).expect("a time");
            assert_eq!(config.sync_interval.as_secs(), seconds, "{text}");
        }
        for text in ["0s", "-5m", "8d", "", "99999999999999999999h"] {
            file(&format!("sync_interval = '{text}'")).expect_err(text);
        }
    }

    #[test]
    fn endpoints_are_https_with_a_port() {
        for good in [
            "https://node.example:7443",
            "https://[::1]:1",
            "https://10.0.0.1:65535/",
        ] {
            endpoint(good).expect(good);
        }
        for wrong in [
            "node:1",
            "https://node",
            "https://node:0",
            "https://u@node:1",
            "https://node:1/x",
            "https://:1",
            "",
        ] {
            endpoint(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_passphrase_file_is_beside_the_file_that_names_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = Written::parse_file(
            &dir.path().join("counterfoil.toml"),
            "passphrase_file = 'p'",
        )
        .and_then(|written| written.check())
        .expect_err("no such file");
        assert_eq!(error.place, Place::File(dir.path().join("p")));
    }

    /// Reads one value from the environment: what is refused is named, in one line.
    fn check_alone(key: &str, value: &str) {
        let name = variable_of(key);
        let written = Written::from_env([(name.clone().into(), value.into())]).expect("UTF-8");
        if let Err(error) = written.check() {
            let text = error.to_string();
            let said = key.replace('_', " ");
            assert!(text.contains(&name) || key.ends_with("_file"), "{text}");
            assert!(text.contains(key) || text.contains(&said), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_letter_nobody_writes_is_refused_with_its_key() {
        for setting in SETTINGS {
            check_alone(setting.key, "\u{1ee00}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_its_place(text in "[ -~\n]{0,200}") {
            if let Err(error) = file(&text) {
                prop_assert!(error.to_string().contains("DIR/counterfoil.toml line "));
            }
        }

        #[test]
        fn any_value_is_read_or_refused_with_its_key(at in 0..SETTINGS.len(), value in "\\PC{0,80}") {
            check_alone(SETTINGS[at].key, &value);
        }

        #[test]
        fn an_endpoint_that_is_taken_is_taken_again(text in "(https?://)?[a-z0-9.:@/\\[\\]-]{0,30}") {
            if let Ok(url) = endpoint(&text) {
                prop_assert_eq!(endpoint(&url), Ok(url.clone()));
            }
        }
    }
}
