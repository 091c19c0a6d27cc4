//! The node as a process: how soon it is ready, and what it takes when it does nothing.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{say, say_mib};
use crate::memory::Resident;
use crate::network::{GIVER, Network};
use crate::place;

const MANY: usize = 200_000;
const FEW: usize = 1_000;
const OWNERS: usize = 20;
const ROUNDS: usize = 3;

/// After which a node that does nothing has put its things away.
const SETTLED: Duration = Duration::from_secs(5);

pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    for summaries in [FEW, MANY] {
        let folder = place::folder();
        let network = runtime.block_on(Network::found(folder.path(), OWNERS));
        network.fill(GIVER, summaries);
        measure(&network.dir(GIVER), summaries);
    }
}

fn measure(dir: &Path, summaries: usize) {
    let mut took: Vec<Duration> = (0..ROUNDS).map(|_| Served::start(dir).took).collect();
    took.sort();
    let (start, memory) = if summaries == MANY {
        ("2 s or less", "no target")
    } else {
        ("no target", "32 MiB or less")
    };
    say(
        &format!("{summaries} summaries: from start to ready"),
        format!(
            "{:>10.2} s   to reach: {start}",
            took[ROUNDS / 2].as_secs_f64()
        ),
    );
    let served = Served::start(dir);
    std::thread::sleep(SETTLED);
    let resident = Resident::of(served.process.id());
    say_mib(
        &format!("{summaries} summaries: memory when idle"),
        resident.now,
        memory,
    );
    say_mib(
        &format!("{summaries} summaries: memory at most"),
        resident.peak,
        "no target",
    );
}

/// A node as a process of its own; told to stop when dropped.
struct Served {
    process: Child,
    took: Duration,
    ready_file: PathBuf,
}

impl Served {
    /// Starts `serve` and waits until it is ready.
    fn start(dir: &Path) -> Self {
        let ready_file = dir.with_extension("ready");
        let begun = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ready-file"])
            .arg(&ready_file)
            .arg("--dir")
            .arg(dir)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut served = Self {
            process,
            took: Duration::ZERO,
            ready_file,
        };
        while !served.ready_file.exists() {
            let ended = served.process.try_wait().expect("a process of ours");
            assert!(ended.is_none(), "the node ended with {ended:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        served.took = begun.elapsed();
        served
    }
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
