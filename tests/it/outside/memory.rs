//! The memory of a node: what is left in it after `lock`, and that its threads share one heap.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use crate::world::World;

/// Counts how often each text stands in the memory of a process; `None` where it cannot be read.
fn count<const N: usize>(pid: u64, texts: [&str; N]) -> Option<[usize; N]> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut counts = [0; N];
    for line in maps.lines() {
        let mut words = line.split(' ');
        let (range, rights) = (words.next()?, words.next()?);
        let (from, to) = range.split_once('-')?;
        let at = |hex| u64::from_str_radix(hex, 16).ok();
        let (from, to) = (at(from)?, at(to)?);
        if !rights.starts_with("rw") || memory.seek(SeekFrom::Start(from)).is_err() {
            continue;
        }
        let mut bytes = Vec::new();
        // What goes away meanwhile is not there.
        let _partly = (&memory).take(to - from).read_to_end(&mut bytes);
        for (count, text) in counts.iter_mut().zip(texts) {
            *count += memchr::memmem::find_iter(&bytes, text).count();
        }
    }
    Some(counts)
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn lock_leaves_no_record_and_no_passphrase_in_memory() {
    const TITLE: &str = "Zebra quilting for beginners";
    const PERSON: &str = "quokka.person@example.org";
    const WORDS: &str = "umbrella walnut tractor cellar";
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    let words = world.secret("words", &format!("{WORDS}\n"));
    node.serve();
    let add = ["passphrase", "add", "desk", "--new-passphrase-file", &words];
    node.ok(&add);
    assert!(node.terminate().success());
    node.serve_locked();
    let pid = node.ready()["pid"].as_u64().expect("a process");
    node.ok(&["unlock", "--passphrase-file", &words]);
    let sheet = world.write(
        "sheet.csv",
        format!("title,start,source_id,email\n{TITLE},2018-02-03,z1,{PERSON}\n"),
    );
    node.ok(&["record", "import", &sheet, "--kind", "training"]);
    let title = format!("title={TITLE} again");
    node.ok(&[
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        &title,
        "start=2018-02-03",
    ]);
    node.ok(&["record", "list"]);
    node.ok(&["lock"]);
    match count(pid, [TITLE, PERSON, WORDS]) {
        Some(found) => assert_eq!(found, [0, 0, 0], "titles, persons, passphrases"),
        None => eprintln!("skipped: the memory of another process can only be read as root"),
    }
}

/// Counts the heaps that the GNU C library made for single threads: each begins at a multiple of
/// 64 MiB.
fn threads_heaps(maps: &str) -> usize {
    let begins = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let from = u64::from_str_radix(range.split_once('-')?.0, 16).ok()?;
        (rest.starts_with("rw-p 00000000 00:00 0") && from % (64 << 20) == 0).then_some(())
    };
    maps.lines().filter_map(begins).count()
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn all_threads_of_a_node_share_one_heap() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    node.serve();
    for year in 2016..2024 {
        let start = format!("start={year}-02-03");
        node.ok(&[
            "record", "add", "--kind", "training", "--set", "title=T", &start,
        ]);
    }
    node.ok(&["record", "list"]);
    let pid = node.ready()["pid"].as_u64().expect("a process");
    match std::fs::read_to_string(format!("/proc/{pid}/maps")) {
        Ok(maps) => {
            assert_eq!(threads_heaps(&maps), 0, "{maps}");
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("a process");
            assert_eq!(name, "counterfoil\n", "what it is called");
        }
        Err(_) => eprintln!("skipped: the memory of another process can only be read as root"),
    }
}
