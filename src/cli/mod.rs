//! The command line: arguments, answers, exit codes. Scripts rely on all three.
//!
//! - `args`: every command and the flags they share.
//! - [`failure`]: a command refused, failed or misused.
//! - `output`: one JSON value, or lines and tables for people.
//! - `context`: a directory, its settings and its node.
//! - [`host`]: what commands need of the program around them.
//! - `files`, [`trace`]: files; log lines, and spans for whoever traces the node.
//! - one file per command or family of commands.
//!
//! Nothing here names tonic or opens a store: commands speak to a node, running or opened for
//! them, through [`crate::rpc::Client`], or check signed texts with no node at all.

mod access;
mod admin;
mod approver;
mod args;
mod audit;
mod backup;
mod charter;
mod config;
mod context;
mod cores;
mod demo;
mod doctor;
pub mod failure;
mod files;
mod forget;
mod heap;
mod hold;
pub mod host;
mod import;
mod init;
mod output;
mod passphrase;
mod peer;
mod preview;
mod prove;
mod record;
mod release;
mod report;
mod retention;
mod serve;
mod story;
mod template;
pub mod trace;
mod verify;
mod wipe;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::{Args, Command};
use context::Context;
pub use failure::Failure;
pub use host::Host;
use output::{Output, TextReply};

use crate::config::{Config, ConfigError, FILE_NAME, LogLevel, Sources, Written};

/// A command line that was understood, with the settings it runs on.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
    dir: PathBuf,
    flag_dir: Option<PathBuf>,
    config: Config,
    written: Written,
    sources: Sources,
    mistake: Option<ConfigError>,
    output: Output,
}

/// Reads a command line and the settings it is to run on.
///
/// # Errors
/// The exit code, once the reason, or the help that was asked for, has been printed.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, ExitCode> {
    // Before anything secret is read: no key ends in a core dump.
    cores::leave_none();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let output = Output {
        json: asks_for_json(&arguments),
    };
    understand(arguments, variables.into_iter().collect()).map_err(|stop| match stop {
        Stop::Help(text) => match output.answer(&TextReply { text }) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => fail(output, &failure),
        },
        Stop::Failure(failure) => fail(output, &failure),
    })
}

/// Runs one command to its end and returns the exit code.
pub async fn run<H: Host>(invocation: Invocation, host: &H) -> ExitCode {
    let output = invocation.output;
    let context = Context {
        host,
        dir: invocation.dir,
        flag_dir: invocation.flag_dir,
        config: invocation.config,
        written: invocation.written,
        sources: invocation.sources,
        mistake: invocation.mistake,
        output,
    };
    let done = match invocation.command {
        Command::Demo(args) => demo::run(args, &context).await,
        Command::Init(args) => init::run(args, &context).await,
        Command::Serve(args) => serve::run(args, &context).await,
        Command::Health(args) => admin::health(args, &context).await,
        Command::Unlock(args) => admin::unlock(&args, &context).await,
        Command::Lock => admin::lock(&context).await,
        Command::Passphrase(command) => passphrase::run(command, &context).await,
        Command::Wipe(args) => wipe::run(&args, &context).await,
        Command::Config(command) => config::run(command, &context).await,
        Command::Charter(command) => charter::run(command, &context).await,
        Command::Record(command) => record::run(command, &context).await,
        Command::Release(command) => release::run(command, &context).await,
        Command::Approver(command) => approver::run(command, &context).await,
        Command::Peer(command) => peer::run(command, &context).await,
        Command::Report(args) => report::run(args, &context).await,
        Command::Story(args) => story::run(args, &context).await,
        Command::Coverage(args) => report::run_coverage(args, &context).await,
        Command::Audit(args) => audit::run(args, &context).await,
        Command::Prove(args) => prove::run(args, &context).await,
        Command::Verify(args) => verify::run(args, &context).await,
        Command::Access(command) => access::run(command, &context).await,
        Command::Backup(args) => backup::run(args, &context).await,
        Command::Restore(args) => backup::restore(args, &context).await,
        Command::Doctor(args) => doctor::run(args, &context).await,
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => fail(output, &failure),
    }
}

impl Invocation {
    /// Lets all threads of a command that stays up share one heap; nothing may be held yet.
    pub fn share_heap(&self) {
        if self.command.stays_up() {
            heap::share_one();
        }
    }

    /// Starts writing log lines, as the settings have it.
    pub fn start_tracing(&self) {
        let usual = if self.command.stays_up() {
            LogLevel::Info
        } else {
            LogLevel::Warn
        };
        trace::start(&self.config, usual);
    }

    /// Prints why nothing could be run at all, and returns the exit code.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        fail(self.output, failure)
    }
}

fn fail(output: Output, failure: &Failure) -> ExitCode {
    output.failure(failure);
    ExitCode::from(failure.exit_code())
}

/// Why a command line leads to no command.
#[derive(Debug)]
enum Stop {
    /// Help or the version was asked for.
    Help(String),
    /// It cannot be understood, or the settings cannot.
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

fn understand(
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
) -> Result<Invocation, Stop> {
    let Args {
        everywhere,
        command,
    } = Args::try_parse_from(arguments).map_err(|error| from_clap(&error))?;
    let flag_dir = everywhere.dir;
    let dir = flag_dir
        .clone()
        .or_else(|| dir_among(&variables))
        .unwrap_or_else(|| context::default_dir().to_owned());
    if let Command::Wipe(_) = &command {
        // It works whatever else is broken, settings and passphrase files too.
        return Ok(Invocation {
            command,
            dir,
            flag_dir,
            config: Config::default(),
            written: Written::default(),
            sources: Sources::default(),
            mistake: None,
            output: Output {
                json: everywhere.json,
            },
        });
    }
    let flags = Written::default().with_flag("passphrase_file", everywhere.passphrase_file);
    let sources = Sources {
        file: command.is_about_a_node().then(|| dir.join(FILE_NAME)),
        strangers: Written::strangers(&variables),
        environment: Written::from_env(variables)?,
        flags: command.settings(flags),
    };
    let (read, mistake) = match sources.read() {
        Err(mistake) if command.does_without_the_file() => {
            let others = Sources {
                file: None,
                ..sources.clone()
            };
            (others.read(), Some(mistake))
        }
        read => (read, None),
    };
    let (written, config) = read?;
    Ok(Invocation {
        command,
        dir,
        flag_dir,
        config,
        written,
        sources,
        mistake,
        output: Output {
            json: everywhere.json,
        },
    })
}

fn dir_among(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, dir) = variables
        .iter()
        .find(|(name, _)| name == "COUNTERFOIL_DIR")?;
    (!dir.is_empty()).then(|| PathBuf::from(dir))
}

/// Returns whether `--json` was among the flags, also where the rest makes no sense.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != OsStr::new("--"))
        .any(|argument| argument == "--json")
}

fn from_clap(error: &clap::Error) -> Stop {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Stop::Help(text),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            return Stop::Failure(Failure::misuse(
                "a command is missing",
                "counterfoil --help lists the commands, counterfoil COMMAND --help what one accepts",
            ));
        }
        _ => {}
    }
    // clap writes the error, then tips, then the usage, each after a blank line.
    let mut parts = text.split("\n\n").map(str::trim);
    let message = parts.next().unwrap_or_default();
    let hint = parts
        .filter(|part| part.starts_with("tip:") || part.starts_with("Usage:"))
        .map(|part| part.trim_start_matches("tip:").trim())
        .collect::<Vec<_>>()
        .join("; ");
    let hint = match hint.as_str() {
        "" => "--help after the command shows what it accepts",
        hint => hint,
    };
    Stop::Failure(Failure::misuse(
        message.strip_prefix("error: ").unwrap_or(message),
        hint,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn understood(line: &[&str]) -> Result<Invocation, Stop> {
        let line = std::iter::once("counterfoil").chain(line.iter().copied());
        understand(line.map(OsString::from).collect(), Vec::new())
    }

    #[track_caller]
    fn check_misuse(line: &[&str], message: &str) {
        match understood(line) {
            Err(Stop::Failure(failure)) => {
                assert_eq!(failure.exit_code(), 2);
                assert_eq!(failure.message, message);
                assert!(!failure.hint.is_empty() && !failure.hint.contains('\n'));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn misuse_is_one_line() {
        check_misuse(&[], "a command is missing");
        check_misuse(&["--json"], "a command is missing");
        check_misuse(&["charter"], "a command is missing");
        check_misuse(&["fly"], "unrecognized subcommand 'fly'");
        check_misuse(
            &["init", "--json"],
            "the following required arguments were not provided: --member <ID> --name <NAME>",
        );
        check_misuse(
            &["release", "status", "2018", "gone", "--kind", "training"],
            "invalid value 'gone' for '<STATUS>' [possible values: nil, excused, withheld]",
        );
        check_misuse(
            &["init", "--member", "INPUD", "--name", "x"],
            "invalid value 'INPUD' for '--member <ID>': \"INPUD\" is not an identifier: \
             a small letter, then up to 30 small letters, digits or dashes",
        );
    }

    #[test]
    fn flags_stand_before_and_after_the_command() {
        for line in [["--json", "health"], ["health", "--json"]] {
            let invocation = understood(&line).expect("a command");
            assert!(invocation.output.json);
        }
    }

    #[test]
    fn the_directory_is_the_flag_then_the_variable_then_the_default() {
        let line = |extra: &[&str]| {
            let words = ["counterfoil", "verify", "p", "--charter", "c"];
            let words = words.iter().chain(extra).map(OsString::from).collect();
            let variables = vec![("COUNTERFOIL_DIR".into(), "/variable".into())];
            understand(words, variables).expect("a command").dir
        };
        assert_eq!(line(&["--dir", "/flag"]), PathBuf::from("/flag"));
        assert_eq!(line(&[]), PathBuf::from("/variable"));
        let plain = understood(&["verify", "p", "--charter", "c"]).expect("a command");
        assert_eq!(plain.dir, PathBuf::from("counterfoil-data"));
        assert_eq!(plain.flag_dir, None);
    }

    #[test]
    fn a_flag_that_is_a_setting_is_checked_as_one() {
        match understood(&["serve", "--listen", "here", "--dir", "/nonexistent"]) {
            Err(Stop::Failure(failure)) => {
                assert_eq!(failure.code, "config");
                assert!(
                    failure.message.starts_with("--listen: listen is"),
                    "{failure}"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_is_asked_for_before_the_double_dash() {
        let line =
            |words: &[&str]| asks_for_json(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(line(&["counterfoil", "fly", "--json"]));
        assert!(!line(&["counterfoil", "fly", "--", "--json"]));
    }

    proptest! {
        #[test]
        fn any_words_are_understood_or_misuse(words in proptest::collection::vec(".{0,12}", 0..6)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Err(Stop::Failure(failure)) = understood(&words) {
                prop_assert!(!failure.message.contains('\n'));
                prop_assert!(!failure.message.is_empty());
            }
        }
    }
}
