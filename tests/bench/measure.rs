//! Time: of this process and of the clock on the wall, in interleaved rounds.

use std::time::Instant;

/// What some work took, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// By the clock on the wall.
    pub(crate) wall: f64,
    /// On all processors together, kernel included. Of a process it is known to 10 ms.
    pub(crate) cpu: f64,
}

impl Took {
    /// Measures `work`.
    pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (Self, T) {
        let begun = Begun::now();
        let made = std::hint::black_box(work());
        (begun.end(), made)
    }

    /// Measures `work` done `times` over by this thread alone, and returns what once took. What it
    /// makes is put away while the clock stands.
    pub(crate) fn each<T>(times: u32, mut work: impl FnMut() -> T) -> Self {
        let mut all = Self::default();
        for _ in 0..times {
            let (wall, cpu) = (Instant::now(), thread_seconds());
            let made = std::hint::black_box(work());
            all.wall += wall.elapsed().as_secs_f64();
            all.cpu += thread_seconds() - cpu;
            drop(made);
        }
        all.shared_by(times)
    }

    /// Returns what one of `times` equal parts took.
    pub(crate) fn shared_by(self, times: u32) -> Self {
        Self {
            wall: self.wall / f64::from(times),
            cpu: self.cpu / f64::from(times),
        }
    }
}

/// Work that goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    wall: Instant,
    cpu: f64,
}

impl Begun {
    /// Begins to measure.
    pub(crate) fn now() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    /// Returns what it took until now.
    pub(crate) fn end(self) -> Took {
        Took {
            wall: self.wall.elapsed().as_secs_f64(),
            cpu: cpu_seconds() - self.cpu,
        }
    }
}

/// Runs everything in turn, `rounds` times, and returns the median of each.
pub(crate) fn in_turns<const N: usize>(
    rounds: usize,
    mut runs: [&mut dyn FnMut() -> Took; N],
) -> [Took; N] {
    let mut took = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (took, run) in took.iter_mut().zip(&mut runs) {
            took.push(run());
        }
    }
    took.map(|rounds| Took {
        wall: median(rounds.iter().map(|took| took.wall)),
        cpu: median(rounds.iter().map(|took| took.cpu)),
    })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Prints a figure on a line of its own.
pub(crate) fn say(what: &str, figure: impl std::fmt::Display) {
    println!("  {what:<58} {figure}");
}

/// Prints what `count` things took, as a rate.
pub(crate) fn say_rate(what: &str, count: usize, took: Took) {
    let count = count as f64;
    say(
        what,
        format!(
            "{:>10.0}/s   {:.2} s, {:.2} s of processor time",
            count / took.wall,
            took.wall,
            took.cpu
        ),
    );
}

/// Prints what one thing took, in milliseconds.
pub(crate) fn say_ms(what: &str, took: Took) {
    say(
        what,
        format!(
            "{:>10.2} ms  {:.2} ms of processor time",
            took.wall * 1e3,
            took.cpu * 1e3
        ),
    );
}

/// Prints a ratio beside what it is to reach.
pub(crate) fn say_ratio(what: &str, ratio: f64, to_reach: &str) {
    say(what, format!("{ratio:>10.2}     to reach: {to_reach}"));
}

/// Prints a size beside what it is to stay below.
pub(crate) fn say_mib(what: &str, bytes: u64, to_reach: &str) {
    let mib = bytes as f64 / f64::from(1 << 20);
    say(what, format!("{mib:>10.1} MiB to reach: {to_reach}"));
}

/// Returns the processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses, which may hold blanks: fields 14 and 15 of proc(5), in
    // hundredths of a second.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

/// Returns the processor time of this thread so far: proc(5), nanoseconds.
fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let run = stat.split_whitespace().next();
    run.and_then(|run| run.parse::<f64>().ok())
        .unwrap_or_default()
        / 1e9
}
