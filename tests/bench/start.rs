//! The node as a process: how soon it is ready, and what it takes when it does nothing.

use std::path::Path;
use std::time::Duration;

use crate::measure::{say, say_mib};
use crate::network::{GIVER, Network};
use crate::place;
use crate::served::Served;

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
    let mut took: Vec<Duration> = (0..ROUNDS).map(|_| Served::start(dir, None).took).collect();
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
    let served = Served::start(dir, None);
    std::thread::sleep(SETTLED);
    let resident = served.resident();
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
