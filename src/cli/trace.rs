//! Log lines on standard error: for eyes on a terminal, JSON otherwise. They name no person.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, LogLevel};

/// Starts writing log lines. `usual` is the level where none is set.
pub(super) fn start(config: &Config, usual: LogLevel) {
    let level = config.log_level.unwrap_or(usual);
    let format = config.log_format.unwrap_or_else(|| {
        if std::io::stderr().is_terminal() {
            LogFormat::Human
        } else {
            LogFormat::Json
        }
    });
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_writer(std::io::stderr);
    // A second start, as in tests, leaves the first one in place.
    let _already_started = match format {
        LogFormat::Human => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// Libraries speak up only when something is wrong: what they trace may hold what callers sent.
fn filter(level: LogLevel) -> EnvFilter {
    let others = match level {
        LogLevel::Error => LogLevel::Error,
        _ => LogLevel::Warn,
    };
    EnvFilter::new(format!("{others},counterfoil={level}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_makes_a_filter() {
        for level in LogLevel::ALL {
            let text = filter(*level).to_string();
            assert!(text.contains(&format!("counterfoil={level}")), "{text}");
        }
    }
}
