//! `demo`: the design's story in its own words, told by three nodes that are really there.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::world::World;
use crate::world::node::{ok, program};

const STORY: &str = "Accounting: INPUD all staff, ANPUD most. Trainings 6 (2+2+2). \
    Community members trained: fewer than 10 in each network. \
    Standards: 34 suggestions sent, 21 promised, final text not yet known. \
    1 open letter, 188 organisations: first draft stopped (Q1), changes promised (Q4). \
    HR manual updated: 1 of 2 networks. Both networks reported.";

#[track_caller]
fn check(told: &Value) -> Vec<String> {
    assert_eq!(told["verified"], true, "{told}");
    let lines = told["story"].as_array().expect("lines");
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    assert_eq!(lines.join(" "), STORY);
    assert_eq!(told["report"]["coverage"]["missing"], 0);
    let nodes = told["nodes"].as_array().expect("nodes");
    let members: Vec<&Value> = nodes.iter().map(|node| &node["member"]).collect();
    assert_eq!(json!(members), json!(["inpud", "anpud", "relay"]));
    let address = |node: &Value| node["grpc"].as_str().expect("an address").to_owned();
    nodes.iter().map(address).collect()
}

/// Runs what a person would paste into a shell.
#[track_caller]
fn pasted(root: &Path, command: &str) {
    let mut shell = Command::new("sh");
    let like_ours = program(root);
    // The same machine and user: nothing else of the environment is needed.
    shell.env_clear().args(["-c", command]);
    for (name, value) in like_ours.get_envs() {
        value.map(|value| shell.env(name, value));
    }
    let output = shell.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command}: {output:?}");
    assert!(said.contains("training"), "{command}: {said}");
}

#[test]
fn the_story_is_told_once_and_leaves_nothing_behind() {
    let world = World::new();
    let nodes = check(&ok(world.root(), &["demo", "--once"]));
    for address in nodes {
        assert!(TcpStream::connect(&address).is_err(), "{address} is closed");
    }
    // Only the folder for sockets may stay, and it is empty.
    for entry in std::fs::read_dir(world.root()).expect("a folder") {
        let left = entry.expect("an entry").path();
        let files = std::fs::read_dir(&left).map(Iterator::count);
        assert_eq!(files.ok(), Some(0), "{}", left.display());
    }
}

#[test]
fn without_once_the_nodes_stay_up_until_they_are_interrupted() {
    let world = World::new();
    let dir = world.path("demo");
    let mut child = program(world.root())
        .args(["demo", "--json", "--dir"])
        .arg(&dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let told = serde_json::from_str(&line).expect("JSON");
    for address in check(&told) {
        TcpStream::connect(&address).expect("it listens");
    }
    assert!(dir.is_dir(), "what was asked to be kept is there");
    let kept = std::fs::canonicalize(&dir).expect("a path");
    assert_eq!(told["dir"].as_str(), kept.to_str());
    let commands = told["commands"].as_array().expect("commands");
    assert!(commands.len() >= 2, "{told}");
    for command in commands.iter().filter_map(Value::as_str) {
        pasted(world.root(), command);
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("a process");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
