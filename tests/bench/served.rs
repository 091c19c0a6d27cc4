//! A node as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::memory::Resident;

/// A running `serve`; told to stop when dropped.
pub(crate) struct Served {
    process: Child,
    /// From start to ready.
    pub(crate) took: Duration,
    /// Where peers reach it, as a URL.
    pub(crate) url: String,
    ready_file: PathBuf,
}

impl Served {
    /// Starts `serve` and waits until it is ready; with a passphrase file, it is unlocked then.
    pub(crate) fn start(dir: &Path, passphrase_file: Option<&Path>) -> Self {
        let ready_file = dir.with_extension("ready");
        let begun = Instant::now();
        let mut command = counterfoil(dir, &["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--ready-file").arg(&ready_file);
        if let Some(file) = passphrase_file {
            command.arg("--passphrase-file").arg(file);
        }
        let process = command.spawn().expect("the program starts");
        let mut served = Self {
            process,
            took: Duration::ZERO,
            url: String::new(),
            ready_file,
        };
        while !served.ready_file.exists() {
            let ended = served.process.try_wait().expect("a process of ours");
            assert!(ended.is_none(), "the node ended with {ended:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        served.took = begun.elapsed();
        let ready = std::fs::read(&served.ready_file).expect("its ready file");
        let ready: serde_json::Value = serde_json::from_slice(&ready).expect("JSON");
        let grpc = ready["grpc"].as_str().expect("an address");
        served.url = format!("https://{grpc}");
        served
    }

    /// Returns the memory it takes.
    pub(crate) fn resident(&self) -> Resident {
        Resident::of(self.process.id())
    }

    /// Forgets the most memory it has taken so far: unlocking alone takes 64 MiB.
    pub(crate) fn forget_peak(&self) {
        let refs = format!("/proc/{}/clear_refs", self.process.id());
        std::fs::write(refs, "5").expect("a process of ours");
    }
}

/// Makes a command on the node in a directory, with nothing of this machine in its environment.
pub(crate) fn counterfoil(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command
        .args(arguments)
        .arg("--dir")
        .arg(dir)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Drop for Served {
    fn drop(&mut self) {
        let id = i32::try_from(self.process.id()).ok();
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            // One that ended by itself needs no telling.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.ready_file);
    }
}
