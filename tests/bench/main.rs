//! How fast a node works, and how much memory it takes.
//!
//! ```text
//! cargo bench --bench bench                     everything
//! cargo bench --bench bench -- import report    these
//! ```
//!
//! - [`import`]: a file of 100,000 rows into the sealed book.
//! - [`sheets`]: the same as a spreadsheet, beside Python.
//! - [`backup`]: such a book, sealed into one file.
//! - [`publish`]: one period with 100,000 records.
//! - [`report`]: a grouped sum over ten million cells.
//! - [`sync`]: 200,000 summaries between two nodes over mutual TLS, and nothing new at all.
//! - [`start`]: a node that holds 200,000 summaries, or 1,000, as a process.
//! - [`disclosure`]: what to hide of a table of 20x20x10 counts, and the proof.
//! - [`audit`]: quarters and a year after eight years of releases.
//! - [`utility`]: what is seen of forty networks, and what plainer ways would give away.
//! - [`binary`]: the program as it is shipped.
//!
//! Here every figure stands beside what it is held against, measured in the same run and in turns,
//! since a busy machine slows both: medians, and the ratio between them. No figure fails the run.

#![expect(clippy::print_stdout, reason = "printing figures is what this does")]

mod audit;
mod backup;
mod binary;
mod disclosure;
mod import;
mod measure;
mod memory;
mod network;
mod people;
mod place;
mod plane;
mod publish;
mod random;
mod report;
mod served;
mod sheets;
mod start;
mod sync;
mod utility;

/// A part of the run: its name, and what measures it.
type Subject = (&'static str, fn());

const SUBJECTS: &[Subject] = &[
    ("import", import::run),
    ("sheets", sheets::run),
    ("backup", backup::run),
    ("publish", publish::run),
    ("report", report::run),
    ("sync", sync::run),
    ("start", start::run),
    ("disclosure", disclosure::run),
    ("audit", audit::run),
    ("utility", utility::run),
    ("binary", binary::run),
];

fn main() {
    // Cargo adds flags of its own, such as `--bench`.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if memory::is_within(&asked) {
        return;
    }
    let stranger = asked
        .iter()
        .find(|name| SUBJECTS.iter().all(|(known, _)| known != name));
    if let Some(stranger) = stranger {
        let names: Vec<&str> = SUBJECTS.iter().map(|(name, _)| *name).collect();
        println!(
            "no subject is called {stranger}; there are: {}",
            names.join(" ")
        );
        return;
    }
    for (name, run) in SUBJECTS {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            println!("\n{name}");
            run();
        }
    }
}
