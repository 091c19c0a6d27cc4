//! `config check`, `config show`, `config reload`.

use std::path::Path;

use rustix::fs::Access;
use serde::Serialize;

use super::admin::running;
use super::context::Context;
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, printable, table};
use crate::config::{Config, Shown};
use crate::wire;

/// Commands about settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether every setting can be used; nothing is started
    Check,
    /// Show every setting as it counts, and where it stands
    Show,
    /// Have the running node read settings and certificate again (so does SIGHUP)
    Reload,
}

pub(super) async fn run<H: Host>(
    command: ConfigCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    // Whoever gets here has settings that were read and checked, as before every command.
    let settings = Shown::list(&context.written, &context.config);
    match command {
        ConfigCommand::Check => context.answer(&CheckReply {
            valid: true,
            file: file(context),
            settings: context.written.count(),
            strangers: context.sources.strangers.clone(),
            absent: absent(&context.config, &settings),
        }),
        ConfigCommand::Show => context.answer(&ShowReply {
            file: file(context),
            settings,
        }),
        ConfigCommand::Reload => {
            let reloaded = running(context)
                .await?
                .reload(wire::ReloadRequest {})
                .await?;
            context.answer(&ReloadReply::from(reloaded))
        }
    }
}

/// Returns the settings file; `None` where there is none.
fn file<H>(context: &Context<'_, H>) -> Option<String> {
    let file = context.sources.file.as_ref()?;
    file.exists().then(|| file.display().to_string())
}

/// Returns what settings name and this machine does not have, each with where it is named.
fn absent(config: &Config, settings: &[Shown]) -> Vec<String> {
    let command = config.notify_command.first().map(Path::new);
    let command = command.filter(|program| !is_program(program));
    let folder = config.backup.as_ref().map(|plan| plan.dir.as_path());
    let folder = folder.filter(|folder| !folder.is_dir());
    let named = [("notify.command", command), ("backup.dir", folder)];
    let absent = named.into_iter().filter_map(|(key, path)| {
        let setting = settings.iter().find(|setting| setting.key == key)?;
        let (path, place) = (path?.display(), setting.place.as_ref()?);
        Some(format!("{path}, which is {key} in {place}"))
    });
    absent.collect()
}

/// Returns whether the system finds such a program: by its path, or in one of the folders of
/// `PATH`, or of those it takes without one (`execvp`).
fn is_program(program: &Path) -> bool {
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    if program.components().count() > 1 {
        return runs(program);
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&folders).any(|folder| runs(&folder.join(program)))
}

#[derive(Debug, Serialize)]
struct CheckReply {
    valid: bool,
    file: Option<String>,
    /// How many are set anywhere.
    settings: usize,
    /// Variables that look like settings and are none.
    strangers: Vec<String>,
    /// What they name that is not there, or not yet: a node serves all the same.
    absent: Vec<String>,
}

impl Reply for CheckReply {
    fn human(&self) -> String {
        let file = self.file.as_deref().unwrap_or("no settings file");
        let settings = super::output::count(self.settings as u64, "setting", "settings");
        let mut text = format!("Good: {file}, {settings} in all.\n");
        if !self.strangers.is_empty() {
            let strangers = self.strangers.join(", ");
            text.push_str(&format!("No setting's, and not used: {strangers}.\n"));
        }
        for absent in &self.absent {
            text.push_str(&format!("Not there, or not yet: {absent}.\n"));
        }
        printable(&text)
    }
}

#[derive(Debug, Serialize)]
struct ShowReply {
    file: Option<String>,
    settings: Vec<Shown>,
}

impl Reply for ShowReply {
    fn human(&self) -> String {
        let rows: Vec<[String; 3]> = self
            .settings
            .iter()
            .map(|shown| {
                let value = shown.value.clone();
                let value = value.unwrap_or_else(|| unset(shown.key).to_owned());
                let place = shown.place.clone().unwrap_or_else(|| shown.from.to_owned());
                [shown.key.to_owned(), value, place]
            })
            .collect();
        table(["setting", "value", "from"], &rows)
    }
}

/// Returns what holds where a setting is not set and has no value to show.
fn unset(key: &str) -> &'static str {
    match key {
        "advertise" => "(not set: only dials out)",
        "log_level" => "(not set: info, or warn for a command that ends)",
        "log_format" => "(not set: human on a terminal, else json)",
        "max_connections" => "(not set: as open files and memory allow)",
        "max_memory" => "(not set: as the container allows)",
        _ => "(not set)",
    }
}

#[derive(Debug, Serialize)]
struct ReloadReply {
    applied: Vec<String>,
    needs_restart: Vec<String>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Problem {
    code: String,
    message: String,
}

impl From<wire::ReloadResponse> for ReloadReply {
    fn from(reloaded: wire::ReloadResponse) -> Self {
        let problem = |problem: wire::Problem| Problem {
            code: problem.code,
            message: problem.message,
        };
        Self {
            applied: reloaded.applied,
            needs_restart: reloaded.needs_restart,
            problems: reloaded.problems.into_iter().map(problem).collect(),
        }
    }
}

impl Reply for ReloadReply {
    fn human(&self) -> String {
        let mut text = match self.applied.as_slice() {
            [] => "Read again; nothing new is in use.\n".to_owned(),
            applied => format!("Read again; new in use: {}.\n", applied.join(", ")),
        };
        if !self.needs_restart.is_empty() {
            let waiting = self.needs_restart.join(", ");
            text.push_str(&format!("Changed, and used after a restart: {waiting}.\n"));
        }
        for problem in &self.problems {
            text.push_str(&format!("- {} ({})\n", problem.message, problem.code));
        }
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_with_a_problem_is_not_done_and_says_what_stayed() {
        let reply = ReloadReply::from(wire::ReloadResponse {
            applied: vec!["log_level".to_owned()],
            needs_restart: vec!["listen".to_owned()],
            problems: vec![wire::Problem {
                code: "certificate_broken".to_owned(),
                message: "node.cert is damaged".to_owned(),
            }],
        });
        assert!(!reply.is_done());
        assert_eq!(
            reply.human(),
            "Read again; new in use: log_level.\n\
             Changed, and used after a restart: listen.\n\
             - node.cert is damaged (certificate_broken)\n"
        );
    }
}
