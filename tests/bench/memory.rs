//! Memory: of this process, of another, and of work done in a process of its own.

use std::fmt::Display;
use std::process::Command;

use crate::{report, sheets};

/// What runs in a process of its own, by name.
const WITHIN: &[(&str, fn())] = &[
    ("within-exact-cells", report::within_exact),
    ("within-bounded-cells", report::within_bounded),
    ("within-import-csv", sheets::within_csv),
    ("within-import-xlsx", sheets::within_xlsx),
];

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// At most, since it started.
    pub(crate) peak: u64,
}

impl Resident {
    /// Looks at a process, by its id or as `self`.
    pub(crate) fn of(process: impl Display) -> Self {
        let status = format!("/proc/{process}/status");
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or_default() * 1024
        };
        Self {
            now: kib("VmRSS:"),
            peak: kib("VmHWM:"),
        }
    }
}

/// Runs what was asked for if this process was started for it.
pub(crate) fn is_within(asked: &[String]) -> bool {
    let asked = asked.first().map_or("", String::as_str);
    let work = WITHIN.iter().find(|(name, _)| *name == asked);
    if let Some((_, work)) = work {
        work();
    }
    work.is_some()
}

/// Does something in a process of its own, and returns what it answers.
pub(crate) fn within(name: &str) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).arg(name).output();
    let answer = output.expect("this program starts").stdout;
    let answer = String::from_utf8_lossy(&answer);
    answer.trim().parse().expect("the answer is a number")
}

/// Answers whoever started this process.
pub(crate) fn answer(bytes: u64) {
    println!("{bytes}");
}
