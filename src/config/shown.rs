//! What a node runs on, value by value, and where each came from. Secrets are only ever named by
//! their file; a command may hold one among its arguments, so those are not shown.

use std::time::Duration;

use serde::Serialize;

use super::{BackupPlan, Config, Place, SETTINGS, Written};
use crate::model::Kind;

/// One setting as it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its key.
    pub key: &'static str,
    /// Its value as it would be written; `None` where nothing is set and nothing is the default.
    pub value: Option<String>,
    /// `default`, `file`, `environment` or `flag`.
    pub from: &'static str,
    /// File and line, variable or flag; `None` for a default.
    pub place: Option<String>,
}

impl Shown {
    /// Lists every setting of a checked configuration, in the order of the template.
    pub fn list(written: &Written, config: &Config) -> Vec<Self> {
        let shown = SETTINGS.iter().map(|setting| {
            let place = written
                .place(setting.key)
                .or_else(|| over_all(written, setting.key));
            Self {
                key: setting.key,
                value: value(config, setting.key),
                from: place.map_or("default", source),
                place: place.map(ToString::to_string),
            }
        });
        shown.collect()
    }
}

/// Returns where the days of all kinds stand, for a kind that has none of its own.
fn over_all<'a>(written: &'a Written, key: &str) -> Option<&'a Place> {
    let is_of_a_kind = key.starts_with("retention.");
    is_of_a_kind.then(|| written.place("retention.days"))?
}

const fn source(place: &Place) -> &'static str {
    match place {
        Place::File(_) | Place::Line(..) => "file",
        Place::Variable(_) => "environment",
        Place::Flag(_) => "flag",
    }
}

fn value(config: &Config, key: &str) -> Option<String> {
    let or_off = |address: Option<std::net::SocketAddr>| {
        Some(address.map_or_else(|| "off".to_owned(), |address| address.to_string()))
    };
    let path = |path: &Option<std::path::PathBuf>| Some(path.as_ref()?.display().to_string());
    match key {
        "listen" => Some(config.listen.to_string()),
        "advertise" => config.advertise.clone(),
        "sync_interval" => Some(seconds(config.sync_interval)),
        "passphrase_file" => path(&config.passphrase_file),
        "web" => or_off(config.web),
        "metrics" => or_off(config.metrics),
        "metrics_token_file" => path(&config.metrics_token_file),
        "traces" => or_off(config.traces),
        "log_level" => config.log_level.map(|level| level.to_string()),
        "log_format" => config.log_format.map(|format| format.to_string()),
        "max_connections" => config.max_connections.map(|most| most.to_string()),
        "max_connections_per_peer" => Some(config.max_connections_per_peer.to_string()),
        "max_memory" => config.max_memory.map(megabytes),
        "notify.command" => command(&config.notify_command),
        "release.approvals" => Some(config.approvals.to_string()),
        // Lists of this kind name nobody, so nothing else is ever said of it.
        "retention.days" => days(config, Kind::CapacityMilestone),
        "retention.consultation" => days(config, Kind::Consultation),
        "retention.training" => days(config, Kind::Training),
        "retention.joint_project" => days(config, Kind::JointProject),
        "retention.advocacy_action" => days(config, Kind::AdvocacyAction),
        "drain" => Some(seconds(config.drain)),
        "scrub.every" => Some(seconds(config.scrub_every)),
        _ => config.backup.as_ref().and_then(|plan| backup(plan, key)),
    }
}

/// Shows a setting of the backups a node takes by itself.
fn backup(plan: &BackupPlan, key: &str) -> Option<String> {
    match key {
        "backup.dir" => Some(plan.dir.display().to_string()),
        "backup.every" => Some(seconds(plan.every)),
        "backup.to" => (!plan.to.is_empty()).then(|| plan.to.join(",")),
        "backup.keep" => Some(plan.keep.to_string()),
        _ => None,
    }
}

/// The program, and that there is more: an address to write to, or a key, may be among it.
fn command(words: &[String]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    Some(match arguments.len() {
        0 => program.clone(),
        _ => format!("{program} (arguments not shown)"),
    })
}

/// Spells the days persons are kept in records of one kind.
fn days(config: &Config, kind: Kind) -> Option<String> {
    let days = config.retention.get(&kind)?;
    Some(days.map_or_else(|| "off".to_owned(), |days| days.to_string()))
}

/// Spells a time the way a setting takes it.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 => "0s".to_owned(),
        hours if hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// Spells a size the way a setting takes it.
fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / (1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_has_a_value_shows_one_that_is_taken_again() {
        let file = "sync_interval = '90s'\nmax_memory = '1GB'\nadvertise = 'https://a:1'\n\
                    max_connections = 9\nlog_level = 'warn'\nlog_format = 'json'\n\
                    metrics = '127.0.0.1:9'\ndrain = '1h'\n[notify]\ncommand = '/bin/tell'\n\
                    [retention]\ndays = 30\ntraining = 'off'\njoint_project = 7\n\
                    [backup]\ndir = '/b'\nevery = '3h'\nkeep = 3\n[scrub]\nevery = '8h'\n";
        let (_, recipient) = crate::store::backup::make_identity();
        let file = file.replace("keep = 3", &format!("keep = 3\nto = '{recipient}'"));
        let written = Written::parse_file("f".as_ref(), &file).expect("good");
        let config = written.check().expect("good");
        let mut again = Written::default();
        for shown in Shown::list(&written, &config) {
            if let Some(value) = shown.value {
                again = again.with_flag(shown.key, Some(value));
            } else {
                assert!(shown.key.ends_with("_file"), "{} shows nothing", shown.key);
            }
        }
        assert_eq!(again.check(), Ok(config));
    }

    #[test]
    fn the_days_of_a_kind_are_its_own_or_those_of_all() {
        let file = "[retention]\ndays = 30\ntraining = 'off'\n";
        let written = Written::parse_file("f".as_ref(), file).expect("good");
        let shown = Shown::list(&written, &written.check().expect("good"));
        let of = |key| {
            let shown = shown.iter().find(|shown| shown.key == key).expect(key);
            (shown.value.as_deref(), shown.place.as_deref())
        };
        assert_eq!(of("retention.days"), (Some("30"), Some("f line 2")));
        assert_eq!(of("retention.training"), (Some("off"), Some("f line 3")));
        assert_eq!(of("retention.consultation"), (Some("30"), Some("f line 2")));
    }

    #[test]
    fn a_value_is_shown_with_its_place_and_no_argument_of_a_command() {
        let file = "drain = 5\n[notify]\ncommand = 'curl -H \"Key: hunter2\" https://x'\n";
        let written = Written::parse_file("f".as_ref(), file)
            .expect("good")
            .with_flag("listen", Some("127.0.0.1:1"));
        let config = written.check().expect("good");
        let shown = Shown::list(&written, &config);
        let of = |key| shown.iter().find(|shown| shown.key == key).expect(key);
        assert_eq!(of("drain").place.as_deref(), Some("f line 1"));
        assert_eq!((of("listen").from, of("web").from), ("flag", "default"));
        assert!(
            !serde_json::to_string(&shown)
                .expect("JSON")
                .contains("hunter2")
        );
    }
}
