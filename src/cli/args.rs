//! The command line as clap reads it: what stands before, or between, the commands.

use std::path::PathBuf;

use super::{
    access, admin, approver, audit, backup, charter, config, demo, doctor, init, passphrase, peer,
    prove, record, release, report, serve, story, verify, wipe,
};
use crate::config::Written;

/// Each network keeps its records; only signed summaries that name nobody leave.
#[derive(Debug, clap::Parser)]
#[command(
    name = "counterfoil",
    version,
    max_term_width = 100,
    after_help = "To see it at work: counterfoil demo --once. README.md walks from init to report."
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) everywhere: Everywhere,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Everywhere {
    /// The node's directory; else `$COUNTERFOIL_DIR`, else ./counterfoil-data
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Print exactly one JSON value on standard output
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Read the passphrase from a file only its owner can read
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) passphrase_file: Option<String>,
}

/// Every command.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show two networks and a relay on this machine, and the year they report together
    Demo(demo::DemoArgs),
    /// Make a node in an empty directory
    Init(init::InitArgs),
    /// Run the node
    Serve(serve::ServeArgs),
    /// Say whether the node is ready, and what troubles it
    Health(admin::HealthArgs),
    /// Open the private plane of the running node with its passphrase
    Unlock(admin::UnlockArgs),
    /// Close the private plane of the running node; what is public goes on being served
    Lock,
    /// Who opens the private plane: several people, each with a passphrase of their own
    #[command(subcommand)]
    Passphrase(passphrase::PassphraseCommand),
    /// Destroy the node's keys and its private plane, for ever
    Wipe(wipe::WipeArgs),
    /// The settings of the node: check them, see what counts, read them again
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// The consortium's signed constitution
    #[command(subcommand)]
    Charter(charter::CharterCommand),
    /// The private book: activities and who took part
    #[command(subcommand)]
    Record(record::RecordCommand),
    /// The one door: see what would leave, and let it out
    #[command(subcommand)]
    Release(release::ReleaseCommand),
    /// Persons who approve what leaves, each with a key of their own
    #[command(subcommand)]
    Approver(approver::ApproverCommand),
    /// The nodes this one talks to
    #[command(subcommand)]
    Peer(peer::PeerCommand),
    /// Ask for figures over all members' summaries
    Report(report::ReportArgs),
    /// Tell some periods in sentences, each with the figures it rests on
    Story(story::StoryArgs),
    /// Say who was expected to report, and did
    Coverage(report::CoverageArgs),
    /// Say how far anybody can bound what a member ever published
    Audit(audit::AuditArgs),
    /// Print one leaf of a log with everything needed to check it
    Prove(prove::ProveArgs),
    /// Check a proof, with no node and no network
    Verify(verify::VerifyArgs),
    /// Certificates for coordinators and auditors
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Write the node, as it is at one moment, into one encrypted file
    Backup(backup::BackupArgs),
    /// Make a directory from a backup
    Restore(backup::RestoreArgs),
    /// Say what is wrong with the node, what soon will be, and what to do about it
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// Returns whether settings of the node's directory bear on it.
    pub(super) const fn is_about_a_node(&self) -> bool {
        !matches!(
            self,
            Self::Demo(_)
                | Self::Verify(_)
                | Self::Wipe(_)
                | Self::Approver(approver::ApproverCommand::Key(_))
                | Self::Charter(
                    charter::CharterCommand::New(_) | charter::CharterCommand::Verify(_)
                )
        )
    }

    /// Returns whether it only speaks to a node that runs, so that a mistake in the settings file
    /// does not keep it from doing so: what watches a node, or locks it, must not fail for that.
    pub(super) const fn does_without_the_file(&self) -> bool {
        matches!(
            self,
            Self::Health(_) | Self::Lock | Self::Config(config::ConfigCommand::Reload)
        )
    }

    /// Returns whether it stays up, so that what it does along the way is worth a log line.
    pub(super) const fn stays_up(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Demo(_))
    }

    /// Adds the settings among its flags.
    pub(super) fn settings(&self, written: Written) -> Written {
        match self {
            Self::Init(args) => args.settings(written),
            Self::Serve(args) => args.settings(written),
            _ => written,
        }
    }
}

/// Reads `FIELD=VALUE`; the value may hold anything, and may be empty.
pub(super) fn pair(given: &str) -> Result<(String, String), String> {
    let (name, value) = given
        .split_once('=')
        .ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    if name.is_empty() {
        return Err("the name before = is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads a period and returns it in our own spelling.
pub(super) fn period(given: &str) -> Result<String, crate::model::period::BadPeriod> {
    given
        .parse::<crate::model::Period>()
        .map(|period| period.to_string())
}

/// Reads a date, `YYYY-MM-DD`.
pub(super) fn date(given: &str) -> Result<String, String> {
    given
        .parse::<jiff::civil::Date>()
        .ok()
        .filter(|_| given.len() == 10)
        .map(|date| date.to_string())
        .ok_or_else(|| "expected a date such as 2018-12-31".to_owned())
}

/// What `--help` says of a kind.
pub(super) const KIND_HELP: &str =
    "Kind of record: consultation, training, joint_project, advocacy_action or capacity_milestone";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_flag_of_every_command_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_pair_is_split_at_its_first_equals_sign() {
        let split = |text| pair(text).ok();
        assert_eq!(split("a=b=c"), Some(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(split("a="), Some(("a".to_owned(), String::new())));
        assert_eq!(split("=b"), None);
        assert_eq!(split("a"), None);
    }

    #[test]
    fn dates_have_one_spelling() {
        assert_eq!(date("2018-12-31"), Ok("2018-12-31".to_owned()));
        for wrong in [
            "20181231",
            "2018-02-30",
            "2018-12-31T00:00",
            "",
            "31/12/2018",
        ] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
