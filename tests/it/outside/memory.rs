//! What is left in the memory of a node that was locked.

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
