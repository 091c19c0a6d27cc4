//! What disks, users and old programs do to a node, one fault at a time.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::world::World;
use crate::world::node::{A_TRAINING, refusal};

const ADD: [&str; 7] = {
    let [record, add, kind, training, set, title] = A_TRAINING;
    [record, add, kind, training, set, title, "start=2018-02-03"]
};

/// A user with no rights of their own.
const NOBODY: u32 = 65_534;

/// Returns whether a tool that a fault needs can be run; if not, says what is skipped.
///
/// # Panics
/// Under `CI=true`, where absence is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn has(tool: &[&str], what: &str) -> bool {
    let ran = Command::new(tool[0])
        .args(&tool[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let runs = ran.is_ok_and(|status| status.success());
    let wanted = std::env::var("CI").as_deref() == Ok("true");
    assert!(runs || !wanted, "{tool:?} does not run, which {what} needs");
    if !runs {
        eprintln!("skipped: {tool:?} does not run, which {what} needs");
    }
    runs
}

fn answer(command: &mut Command) -> (i32, Value) {
    let output = command.stdout(Stdio::piped()).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text);
    let value = value.unwrap_or_else(|error| panic!("{text:?}: {error}"));
    (output.status.code().expect("an exit code"), value)
}

#[test]
fn a_failed_sync_is_never_tried_again_and_nothing_acknowledged_is_lost() {
    if !has(
        &[
            "strace",
            "-e",
            "inject=fdatasync:error=EIO:when=60000",
            "true",
        ],
        "failing syncs",
    ) {
        return;
    }
    let world = World::new();
    let mut node = world.member("inpud", &[]);
    let first = node.ok(&ADD);
    node.serve_under(&[
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fdatasync",
        "-e",
        // Opening syncs both databases, and a record or more goes well. The calls are counted
        // for each thread, and several take turns to write.
        "inject=fdatasync:error=EIO:when=8+",
    ]);
    let mut acknowledged = vec![first];
    let refused = (0..1_000).find_map(|_| match node.run(&ADD) {
        (0, record) => {
            acknowledged.push(record);
            None
        }
        refused => Some(refused),
    });
    let (code, said) = refused.expect("a sync that fails");
    assert_eq!(
        (code, &said["error"]["code"]),
        (1, &json!("disk")),
        "{said}"
    );
    assert!(acknowledged.len() > 1, "one went well first");
    // Reading goes on, and no later write is taken though the disk might do it.
    node.ok(&["record", "list"]);
    node.refused(&ADD, "disk");
    let pid = node.ready()["pid"].as_i64().expect("a number");
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("one");
    kill_process(pid, Signal::KILL).expect("it runs");
    // strace does not end before what it watches.
    node.ended();
    let listed = node.ok(&["record", "list"]);
    for record in acknowledged {
        assert!(
            listed
                .to_string()
                .contains(record["id"].as_str().expect("an id"))
        );
    }
    node.ok(&ADD);
}

#[test]
fn a_full_disk_is_refused_in_time_and_writing_goes_on_once_there_is_room() {
    if !has(
        &["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"],
        "a small disk",
    ) {
        return;
    }
    let world = World::new();
    let disk = world.path("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let passphrase = world.write("pass", "six plain words\n");
    std::fs::set_permissions(&passphrase, PermissionsExt::from_mode(0o600)).expect("a mode");
    // Everything happens in one mount namespace, so that the disk goes with it.
    let script = r#"
        mount -t tmpfs -o size=24m tmpfs "$DISK" || exit 9
        run() { "$PROGRAM" --json --dir "$DISK/node" "$@"; }
        add() { run record add --kind training --set "title=$1" start=2018-02-03; }
        run init --member inpud --name INPUD || exit 8
        add before
        free=$(stat -f -c '%a * %S' "$DISK")
        head -c $(( $free - 3 * 1024 * 1024 )) /dev/zero > "$DISK/filler"
        add full
        run record list
        run doctor
        rm "$DISK/filler"
        add after
        run record list
        run doctor --deep
    "#;
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .env("DISK", &disk)
        .env("PROGRAM", env!("CARGO_BIN_EXE_counterfoil"))
        .env("COUNTERFOIL_PASSPHRASE_FILE", &passphrase)
        .env("XDG_RUNTIME_DIR", world.path("run"))
        .output()
        .expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let said: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [_, before, full, during, doctor, after, listed, deep] = &said[..] else {
        panic!("{text} {}", String::from_utf8_lossy(&output.stderr));
    };
    assert!(before["id"].is_string(), "{before}");
    let error = &full["error"];
    assert_eq!(error["code"], "disk_full", "{full}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|said| said.contains("bytes left")),
        "{full}"
    );
    let count = |listed: &Value| listed["records"].as_array().expect("records").len();
    assert_eq!(count(during), 1, "reading goes on: {during}");
    assert!(doctor.to_string().contains("disk_full"), "{doctor}");
    assert!(after["id"].is_string(), "{after}");
    assert_eq!(count(listed), 2, "{listed}");
    let damage = |check: &&Value| check["name"] == "scrub" && check["state"] == "ok";
    assert!(
        deep["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .any(|check| damage(&check)),
        "{deep}"
    );
}

#[test]
fn a_directory_of_somebody_else_is_named_with_the_user() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let is_root = rustix::process::geteuid().is_root();
    let mut command = node.command(&["record", "list"]);
    if is_root {
        // Root may write anywhere: somebody else tries, with a program they can reach.
        let program = world.path("counterfoil");
        std::fs::copy(env!("CARGO_BIN_EXE_counterfoil"), &program).expect("copied");
        open_to_all(world.root());
        open_to_all(&node.dir);
        super::damage::files(&node.dir)
            .iter()
            .for_each(|path| open_to_all(path));
        for folder in ["public", "private"] {
            open_to_all(&node.dir.join(folder));
        }
        for theirs in [node.passphrase(), world.path("run")] {
            std::os::unix::fs::chown(theirs, Some(NOBODY), None).expect("an owner");
        }
        let plain = command;
        command = Command::new(program);
        command.args(plain.get_args()).env_clear().uid(NOBODY);
        let set = plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.envs(set).stderr(Stdio::null()).stdin(Stdio::null());
    } else {
        for path in super::damage::files(&node.dir) {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o400)).expect("a mode");
        }
    }
    let said = refusal(answer(&mut command), 1, "config");
    let user = if is_root {
        "65534".to_owned()
    } else {
        rustix::process::geteuid().as_raw().to_string()
    };
    assert!(said.contains(node.dir.to_str().expect("UTF-8")), "{said}");
    assert!(said.contains(&format!("as user {user}")), "{said}");
}

/// Lets others read, and nothing more.
fn open_to_all(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
}

#[test]
fn a_second_process_on_one_directory_is_refused() {
    let world = World::new();
    let mut node = world.member("inpud", &[]);
    node.serve();
    let mut second = node.command(&["serve"]);
    // With another place for sockets it does not find the first one.
    let other = world.path("other");
    std::fs::create_dir(&other).expect("a folder");
    second.env("XDG_RUNTIME_DIR", other);
    let said = refusal(answer(&mut second), 1, "in_use");
    assert!(said.contains(&node.ready()["pid"].to_string()), "{said}");
    node.ok(&ADD);
}

#[test]
fn where_files_run_out_strangers_wait_and_the_socket_still_answers() {
    let world = World::new();
    let mut node = world.member("inpud", &[]);
    node.serve_under(&["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"]);
    let address = node.address();
    let dialled: Vec<_> = (0..200).map(|_| TcpStream::connect(&address)).collect();
    assert!(dialled.iter().any(Result::is_ok), "it listens");
    for _ in 0..5 {
        node.ok(&ADD);
    }
    drop(dialled);
    node.ok(&ADD);
    let listed = node.ok(&["record", "list"]);
    assert_eq!(listed["records"].as_array().expect("records").len(), 6);
    node.terminate();
}

#[test]
fn a_newer_format_is_refused_with_the_version_that_reads_it() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    node.ok(&ADD);
    let before = super::damage::files(&node.dir);
    std::fs::write(node.dir.join("format"), "7 3.2.1\n").expect("written");
    for command in [
        &["serve"][..],
        &["record", "list"],
        &["backup", "never.age"],
    ] {
        let said = node.refused(command, "newer_format");
        assert!(said.contains("use version 3.2.1 or newer"), "{said}");
    }
    let (code, looked) = node.run(&["doctor"]);
    assert_eq!(code, 1);
    assert!(looked.to_string().contains("3.2.1"), "{looked}");
    assert!(
        before.iter().all(|path| path.exists()),
        "nothing was touched"
    );
    std::fs::write(node.dir.join("format"), "1\n").expect("written");
    node.ok(&["record", "list"]);
}

/// A node whose store cannot be opened any more comes back from its peers.
#[test]
fn a_public_plane_beyond_repair_is_built_anew_and_fetched_from_peers() {
    let world = World::new();
    let [mut inpud, mut anpud] = world.pair(&["--size", "small"]);
    for (node, period) in [(&inpud, "2018Q1"), (&anpud, "2018Q1")] {
        node.ok(&ADD);
        node.publish(period, "training");
    }
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    let report = [
        "report",
        "training",
        "--measure",
        "activities",
        "--allow-partial",
    ];
    let before = inpud.ok(&report)["rows"].clone();
    inpud.terminate();
    // Beyond what any engine can mend.
    for path in super::damage::files(&inpud.dir.join("public")) {
        std::fs::write(path, b"not what it was").expect("written");
    }
    let (code, looked) = inpud.run(&["doctor"]);
    assert_eq!(code, 1, "{looked}");
    let open = looked["checks"]
        .as_array()
        .expect("checks")
        .last()
        .expect("one");
    assert!(
        open["message"]
            .as_str()
            .expect("a message")
            .contains("public"),
        "{open}"
    );
    assert!(
        open["message"]
            .as_str()
            .expect("a message")
            .contains("--rebuild public"),
        "{open}"
    );
    let rebuilt = inpud.ok(&["doctor", "--rebuild", "public"]);
    assert_eq!(
        (&rebuilt["signed"], &rebuilt["tree_size"]),
        (&1.into(), &0.into()),
        "{rebuilt}"
    );
    inpud.ok(&[
        "charter",
        "apply",
        world.path("charter").to_str().expect("UTF-8"),
    ]);
    let health = inpud.run(&["health"]).1.to_string();
    assert!(
        health.contains("signed 1 leaves"),
        "nothing is silently gone: {health}"
    );
    inpud.serve();
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    assert_eq!(inpud.ok(&report)["rows"], before);
    inpud.publish("2018", "training");
    inpud.sync(&anpud);
    anpud.ok(&["prove", "inpud", "1"]);
    anpud.terminate();
}

/// A row of the private plane that does not open any more is named, and the rest is saved.
#[test]
fn a_private_plane_is_built_anew_from_what_can_be_read() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    for _ in 0..5 {
        node.ok(&ADD);
    }
    let rebuilt = node.ok(&["doctor", "--rebuild", "private"]);
    assert_eq!(rebuilt["lost"], serde_json::json!([]));
    assert!(Path::new(rebuilt["aside"].as_str().expect("a path")).is_dir());
    let listed = node.ok(&["record", "list"]);
    assert_eq!(listed["records"].as_array().expect("records").len(), 5);
    let looked = node.run(&["doctor", "--deep"]).1;
    assert!(looked["rows"].as_u64().expect("a number") > 5, "{looked}");
}

#[test]
fn the_doctor_looks_a_running_node_over() {
    let world = World::new();
    let [inpud, anpud] = world.pair(&["--size", "small"]);
    inpud.ok(&ADD);
    inpud.publish("2018Q1", "training");
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    let looked = inpud.ok(&["doctor", "--deep"]);
    let checks = looked["checks"].as_array().expect("checks");
    for name in [
        "format",
        "permissions",
        "files",
        "charter",
        "certificate",
        "store",
        "disk",
        "clock",
        "records",
        "scrub",
    ] {
        let check = checks.iter().find(|check| check["name"] == name);
        assert_eq!(
            check.map(|check| &check["state"]),
            Some(&"ok".into()),
            "{name}: {looked}"
        );
    }
    assert_eq!(
        (&looked["leaves"], &looked["payloads"]),
        (&1.into(), &1.into())
    );
    open_to_all(&inpud.dir.join("vault.toml"));
    let looked = inpud.ok(&["doctor"]);
    assert!(
        looked.to_string().contains("vault.toml has mode 0644"),
        "{looked}"
    );
}
