//! The command as a program: arguments in, one JSON value and an exit code out.

mod charter;
mod people;
mod settings;
mod verify;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs `counterfoil --json` with nothing of this machine in its environment.
#[track_caller]
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .arg("--json")
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let value = serde_json::from_str(&text).unwrap_or_else(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("one JSON value, not {text:?} ({error}); {stderr}")
    });
    assert_eq!(text.lines().count(), 1, "one value on one line");
    (output.status.code().expect("an exit code"), value)
}

/// The transcripts, which double as the manual.
#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("COUNTERFOIL_DIR", "nowhere")
        .case("tests/cmd/*.trycmd");
}

#[test]
fn settings_are_named_by_file_key_and_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let node = dir.path().join("node");
    std::fs::create_dir(&node).expect("a directory");
    let settings = "listen = '127.0.0.1:0'\nlisten_on = 7443\n";
    std::fs::write(node.join("counterfoil.toml"), settings).expect("written");
    let (code, value) = run(dir.path(), &["health", "--dir", "node"]);
    assert_eq!(code, 1);
    assert_eq!(value["error"]["code"], "config");
    assert_eq!(
        value["error"]["message"],
        "node/counterfoil.toml line 2: unknown setting 'listen_on'"
    );
}

#[test]
fn a_passphrase_others_can_read_is_refused_with_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let (code, value) = run(
        dir.path(),
        &["record", "list", "--passphrase-file", "passphrase"],
    );
    assert_eq!(code, 1);
    assert_eq!(value["error"]["code"], "config");
    let message = value["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("passphrase file has mode 0644"),
        "{message}"
    );
}

#[test]
fn a_node_that_cannot_be_made_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let name = [
        "init", "--dir", "node", "--member", "inpud", "--relay", "--name",
    ];
    let (code, value) = run(dir.path(), &[&name[..], &["two\nlines"]].concat());
    assert_eq!(code, 1, "{value}");
    assert!(!dir.path().join("node").exists());
    let (code, value) = run(dir.path(), &[&name[..], &["INPUD"]].concat());
    assert_eq!(code, 0, "{value}");
}

#[test]
fn help_is_a_text_in_json_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let (code, value) = run(dir.path(), &["release", "preview", "--help"]);
    assert_eq!(code, 0);
    let text = value["text"].as_str().expect("a text");
    assert!(
        text.contains("Usage: counterfoil release preview"),
        "{text}"
    );
}
