//! Settings as written, each with the place it was found at.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeInteger, DeTable, DeValue};

use super::value::quoted;
use super::{ConfigError, SETTINGS, file};

/// What the name of every setting in the environment begins with.
const PREFIX: &str = "COUNTERFOIL_";

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
pub(super) struct Text {
    pub(super) value: String,
    pub(super) place: Place,
}

/// Settings as written in one place or several.
#[derive(Clone, Debug, Default)]
pub struct Written(pub(super) BTreeMap<&'static str, Text>);

impl Written {
    /// Reads a settings file; one that is not there says nothing.
    ///
    /// # Errors
    /// Names the file, and the line and key where it can.
    pub fn read_file(path: &Path) -> Result<Self, ConfigError> {
        match file::read(path)? {
            Some(text) => Self::parse_file(path, &text),
            None => Ok(Self::default()),
        }
    }

    /// Reads the text of a settings file; `path` only serves to name it.
    ///
    /// # Errors
    /// Names the file, and the line and key where it can.
    pub fn parse_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        file::check_length(path, text.len())?;
        let at = |offset: usize| Place::Line(path.to_owned(), line_of(text, offset));
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let message = one_line(error.message());
            ConfigError {
                place: at(offset),
                problem: match key_around(text, offset) {
                    Some(key) => format!("{}: {message}", quoted(key)),
                    None => message,
                },
                hint: "a line is `setting = \"value\"`".to_owned(),
            }
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
    /// `COUNTERFOIL_SERVICE_HOST` in Kubernetes. One that is a letter or two from a setting is a
    /// misspelling.
    ///
    /// # Errors
    /// When one of them is not UTF-8, is misspelt, or holds a secret.
    pub fn from_env(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut written = Self::default();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let Some(key) = key_of_variable(name) else {
                check_not_meant(name)?;
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

    /// Returns the variables of that prefix which are nobody's: not a setting's, and none that an
    /// orchestrator makes of a service's name.
    pub fn strangers(variables: &[(OsString, OsString)]) -> Vec<String> {
        const THEIRS: [&str; 3] = ["SERVICE_HOST", "SERVICE_PORT", "PORT"];
        let is_nobodys = |name: &str| {
            let rest = name.strip_prefix(PREFIX).unwrap_or_default();
            rest != "DIR"
                && key_of_variable(name).is_none()
                && !THEIRS.iter().any(|theirs| rest.contains(theirs))
        };
        let names = variables.iter().filter_map(|(name, _)| name.to_str());
        names
            .filter(|name| name.starts_with(PREFIX) && is_nobodys(name))
            .map(str::to_owned)
            .collect()
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
}

/// Returns what stands before the equals sign of a line.
fn key_around(text: &str, offset: usize) -> Option<&str> {
    let offset = offset.min(text.len());
    let begin = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = text[begin..].lines().next()?;
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty()).then_some(key)
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

/// Refuses a variable that is no setting's, but looks like one's.
fn check_not_meant(variable: &str) -> Result<(), ConfigError> {
    let place = Place::Variable(variable.to_owned());
    let given = variable.strip_prefix(PREFIX).unwrap_or_default();
    check_no_secret(&given.to_ascii_lowercase(), &place)?;
    let capitals = variable.to_ascii_uppercase();
    match keys().find(|key| is_misspelt(&capitals, &variable_of(key), key.len())) {
        None => Ok(()),
        Some(key) => Err(ConfigError {
            problem: format!("unknown setting {}", quoted(given)),
            hint: format!("write {}", variable_of(key)),
            place,
        }),
    }
}

fn known_key(given: &str, place: &Place) -> Result<&'static str, ConfigError> {
    check_no_secret(given, place)?;
    keys().find(|key| *key == given).ok_or_else(|| {
        let meant = keys().find(|key| is_misspelt(given, key, key.len()));
        let all = keys().collect::<Vec<_>>().join(", ");
        ConfigError {
            place: place.clone(),
            problem: format!("unknown setting {}", quoted(given)),
            hint: match meant {
                Some(key) => format!("write {key}; settings are {all}"),
                None => format!("settings are {all}"),
            },
        }
    })
}

fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

/// Returns whether a name is another of which `length` letters count, but for one letter in four,
/// or two at most.
fn is_misspelt(given: &str, meant: &str, length: usize) -> bool {
    strsim::osa_distance(given, meant) <= (length / 4).min(2)
}

fn key_of_variable(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    keys().find(|key| variable_of(key).strip_prefix(PREFIX) == Some(name))
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

pub(super) fn bad(key: &str, place: &Place, problem: &str) -> ConfigError {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, LogFormat, LogLevel};
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        Written::parse_file("DIR/counterfoil.toml".as_ref(), text)?.check()
    }

    #[track_caller]
    fn check(text: &str, wanted: &str) {
        let error = read(text).expect_err("a mistake");
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
            assert_eq!(read(text).expect("good").approvals.get(), 3, "{text}");
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
        let error = read("listen = '127.0.0.1:1'\nweb = \n").expect_err("no value");
        assert_eq!(error.place, Place::Line("DIR/counterfoil.toml".into(), 2));
        check(
            "drain = 1\ndrain = 2",
            "DIR/counterfoil.toml line 2: 'drain': duplicate key",
        );
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
    fn variables_of_nobody_are_told_apart_from_settings_and_an_orchestrators() {
        let variables = [
            "COUNTERFOIL_LISTEN",
            "COUNTERFOIL_DIR",
            "COUNTERFOIL_SERVICE_HOST",
            "COUNTERFOIL_PORT_7443_TCP_ADDR",
            "COUNTERFOIL_PASSWORD_FILE",
            "HOME",
        ];
        let variables = variables.map(|name| (name.into(), "1".into()));
        assert_eq!(
            Written::strangers(&variables),
            ["COUNTERFOIL_PASSWORD_FILE"]
        );
    }

    #[test]
    fn a_misspelt_setting_is_told_what_was_meant() {
        let of = |name: &str| Written::from_env([(name.into(), "1".into())]);
        for (given, meant) in [
            ("COUNTERFOIL_LISTN", "write COUNTERFOIL_LISTEN"),
            ("COUNTERFOIL_TRACE", "write COUNTERFOIL_TRACES"),
            ("COUNTERFOIL_Listen", "write COUNTERFOIL_LISTEN"),
            ("COUNTERFOIL_MAX_MEMROY", "write COUNTERFOIL_MAX_MEMORY"),
            (
                "COUNTERFOIL_RETENTION_DAY",
                "write COUNTERFOIL_RETENTION_DAYS",
            ),
        ] {
            let error = of(given).expect_err(given);
            assert_eq!(error.hint, meant);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{given}: unknown setting"))
            );
        }
        for theirs in [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "PORT",
            "PORT_7443_TCP_ADDR",
            "DIR",
            "WEBS",
        ] {
            assert!(of(&format!("COUNTERFOIL_{theirs}")).is_ok(), "{theirs}");
        }
        let error = read("lisen = '1'").expect_err("a mistake");
        assert!(error.hint.starts_with("write listen; settings are listen"));
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
        let file = dir.path().join("counterfoil.toml");
        assert_eq!(error.place, Place::Line(file, 1));
        let named = dir.path().join("p").display().to_string();
        assert!(error.problem.contains(&named), "{error}");
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
            if let Err(error) = read(&text) {
                prop_assert!(error.to_string().contains("DIR/counterfoil.toml line "));
            }
        }

        #[test]
        fn any_value_is_read_or_refused_with_its_key(at in 0..SETTINGS.len(), value in "\\PC{0,80}") {
            check_alone(SETTINGS[at].key, &value);
        }

    }
}
