//! Reading settings and certificate again while the node runs.
//!
//! What is broken stays as it was, is logged, and troubles `health` until it is mended.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::watch::Watch;
use crate::cli::trace;
use crate::config::{Config, ConfigError, LogLevel, Shown, Sources};
use crate::rpc::services::Office;
use crate::wire;

/// Settings that are used as soon as they are read again.
const LIVE: &[&str] = &["log_level", "notify.command", "metrics_token_file"];

/// What it takes to read again.
#[derive(Debug)]
pub(super) struct Reloading {
    sources: Sources,
    /// The node holds this, and so must not be held by it.
    watch: Weak<Watch>,
    /// What was last read.
    now: Mutex<Vec<Shown>>,
    command: Mutex<Vec<String>>,
}

impl Reloading {
    /// Begins with what the node was started with.
    pub(super) fn new(sources: Sources, watch: &Arc<Watch>, config: &Config) -> Self {
        let now = sources
            .read()
            .map(|(written, config)| Shown::list(&written, &config));
        Self {
            sources,
            watch: Arc::downgrade(watch),
            now: Mutex::new(now.unwrap_or_default()),
            command: Mutex::new(config.notify_command.clone()),
        }
    }

    /// Reads everything again and says what came of it. Reads the disk.
    pub(super) fn reload(&self, office: &Office) -> wire::ReloadResponse {
        let mut said = wire::ReloadResponse::default();
        match self.settings(&mut said) {
            Ok(()) => office.troubles.set("settings_broken", None),
            Err(error) => {
                tracing::warn!(%error, "settings cannot be used; those in use stay");
                let message = format!("{error}; the settings in use stay until it is mended");
                office
                    .troubles
                    .set("settings_broken", Some(message.clone()));
                said.problems.push(problem("settings_broken", message));
            }
        }
        match office.reload_certificate() {
            Ok(true) => said.applied.push("certificate".to_owned()),
            Ok(false) => {}
            Err(error) => said.problems.push(problem(
                "certificate_broken",
                format!("{error}; the certificate in use stays"),
            )),
        }
        let (applied, waiting) = (said.applied.join(" "), said.needs_restart.join(" "));
        tracing::info!(applied, waiting, "settings and certificate read again");
        said
    }

    fn settings(&self, said: &mut wire::ReloadResponse) -> Result<(), ConfigError> {
        let (written, config) = self.sources.read()?;
        if let Some(watch) = self.watch.upgrade() {
            watch.use_settings(&config)?;
        }
        trace::set_level(config.log_level.unwrap_or(LogLevel::Info));
        let shown = Shown::list(&written, &config);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        for setting in &shown {
            let same = |before: &Shown| before.key == setting.key && before.value == setting.value;
            // Of a command the arguments are not shown, and count all the same.
            let same = now.iter().any(same)
                && (setting.key != "notify.command" || *command == config.notify_command);
            match (same, LIVE.contains(&setting.key)) {
                (true, _) => {}
                (false, true) => said.applied.push(setting.key.to_owned()),
                (false, false) => said.needs_restart.push(setting.key.to_owned()),
            }
        }
        // What waits for a restart goes on being named until there was one.
        let kept = |shown: Shown| match now.iter().find(|before| before.key == shown.key) {
            Some(before) if !LIVE.contains(&shown.key) => before.clone(),
            _ => shown,
        };
        let next = shown.into_iter().map(kept).collect();
        *now = next;
        *command = config.notify_command;
        Ok(())
    }
}

fn problem(code: &str, message: String) -> wire::Problem {
    wire::Problem {
        code: code.to_owned(),
        message,
    }
}
