//! No core dump of a process that may hold a key, and no look into its memory.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

#[test]
fn a_process_that_crashes_leaves_no_memory_behind() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    node.serve();
    let pid = node.ready()["pid"].as_i64().expect("a process");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"));
    let limits = limits.expect("a process of this machine");
    let mut lines = limits.lines();
    let line = lines.find(|line| line.starts_with("Max core file size"));
    let line: Vec<&str> = line.expect("a limit").split_whitespace().collect();
    assert_eq!(line[4..6], ["0", "0"], "{line:?}");
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), Signal::ABORT).expect("a process");
    let ended = node.ended();
    assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!ended.core_dumped());
}
