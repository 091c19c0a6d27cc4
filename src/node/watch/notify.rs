//! The program that is run when something needs a person.
//!
//! It gets two more arguments, the code and a line, and nothing else: no shell reads them, nothing
//! of our environment that is ours goes along, and it has half a minute.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

/// Most messages in an hour. What is more waits, and is told if it still holds.
pub(super) const MOST_AN_HOUR: usize = 10;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is nothing to run.
    #[error("no command is set")]
    Nothing,
    /// It did not start.
    #[error("{program} cannot be started: {reason}")]
    NotStarted {
        /// What was to be run.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It took too long and was ended.
    #[error("it took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// It says it failed.
    #[error("it ended with {0}")]
    Failed(std::process::ExitStatus),
}

/// Runs a command to its end with a code and a message.
///
/// # Errors
/// When it does not start, fails or takes too long.
pub async fn run(command: &[String], code: &str, message: &str) -> Result<(), NotifyError> {
    run_within(command, code, message, PATIENCE).await
}

async fn run_within(
    command: &[String],
    code: &str,
    message: &str,
    patience: Duration,
) -> Result<(), NotifyError> {
    let (program, arguments) = command.split_first().ok_or(NotifyError::Nothing)?;
    let mut process = Command::new(program);
    process
        .args(arguments)
        .args([code, message])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own, so that whatever it starts ends with it.
        .process_group(0)
        .kill_on_drop(true);
    // Where our secrets lie is none of its business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERFOIL_") {
            process.env_remove(name);
        }
    }
    let mut child = process.spawn().map_err(|error| NotifyError::NotStarted {
        program: program.clone(),
        reason: error.to_string(),
    })?;
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    match tokio::time::timeout(patience, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(NotifyError::Failed(status)),
        Ok(Err(error)) => Err(NotifyError::NotStarted {
            program: program.clone(),
            reason: error.to_string(),
        }),
        Err(_) => {
            if let Some(group) = group {
                // It may have ended by itself in this moment.
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _reaped = child.wait().await;
            Err(NotifyError::TooLong(patience))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn code_and_message_are_arguments_and_no_shell_reads_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let out = dir.path().join("out");
        let script = dir.path().join("tell");
        std::fs::write(&script, format!("printf '%s|' \"$@\" > {}", out.display()))
            .expect("written");
        let script = script.display().to_string();
        let command = words(&["sh", &script, "--to", "a b"]);
        run(&command, "locked", "it is; $(reboot) `x`")
            .await
            .expect("told");
        let said = std::fs::read_to_string(out).expect("it was run");
        assert_eq!(said, "--to|a b|locked|it is; $(reboot) `x`|");
    }

    #[tokio::test]
    async fn what_fails_hangs_or_is_not_there_is_an_error() {
        let failed = run(&words(&["false"]), "x", "y").await;
        assert!(matches!(failed, Err(NotifyError::Failed(_))), "{failed:?}");
        let failed = run(&words(&["/nowhere/tell"]), "x", "y").await;
        assert!(
            matches!(failed, Err(NotifyError::NotStarted { .. })),
            "{failed:?}"
        );
        assert!(matches!(
            run(&[], "x", "y").await,
            Err(NotifyError::Nothing)
        ));
    }

    #[tokio::test]
    async fn what_it_started_ends_with_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let pid = dir.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", pid.display());
        let command = words(&["sh", "-c", &script]);
        let patience = Duration::from_secs(1);
        let hung = run_within(&command, "x", "y", patience).await;
        assert!(matches!(hung, Err(NotifyError::TooLong(_))), "{hung:?}");
        let child = std::fs::read_to_string(pid).expect("it was run");
        // A zombie that nobody has reaped yet has ended too.
        let stat = format!("/proc/{}/stat", child.trim());
        let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        // A busy system takes its time to end what was told to.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !ended() {
            assert!(Instant::now() < deadline, "{child} goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
