//! What is refused: one clear line each, nothing stored, nobody left waiting.

use std::process::Stdio;

use counterfoil::identity::{Authority, Handle, Issued, Role};
use counterfoil::model::{ConsortiumId, MemberId};
use tonic::{Code, Status};

use crate::world::node::{bare, program, refusal};
use crate::world::{Node, World, caller, wait_for};

#[test]
fn a_node_in_the_wrong_state_says_so() {
    let world = World::new();
    let mut node = world.member("inpud", &[]);
    let dir = node.dir.to_str().expect("UTF-8").to_owned();
    a_wrong_passphrase(&world, &node);

    let said = node.refused(&["init", "--member", "inpud", "--name", "again"], "exists");
    assert!(said.contains(&dir), "{said}");
    let nowhere = world.path("nowhere");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let said = bare(world.root(), &["--dir", nowhere, "record", "list"]);
    let said = refusal(said, 1, "no_node");
    assert!(said.contains("nowhere"), "{said}");
    node.refused(&["lock"], "not_running");
    node.refused(&["unlock"], "not_running");

    node.serve();
    without_a_charter(&node);
    let said = node.refused(&["serve"], "in_use");
    assert!(said.contains(&dir), "{said}");
    let taken = node.address();
    let other = world.member("anpud", &[]);
    let said = other.refused(&["serve", "--listen", &taken], "config");
    assert!(said.contains(&taken), "{said}");
    assert_eq!(node.ok(&["lock"])["locked"], true, "it serves on");
}

fn a_wrong_passphrase(world: &World, node: &Node) {
    use std::os::unix::fs::PermissionsExt as _;

    let wrong = world.write("wrong.passphrase", "not the passphrase\n");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&wrong, mode).expect("a mode");
    for command in [&["record", "list"][..], &["charter", "card"], &["serve"]] {
        let flags = ["--passphrase-file", wrong.as_str()];
        let said = node.refused(&[&flags, command].concat(), "passphrase");
        assert!(!said.contains("not the passphrase"), "{said}");
    }
    // Somebody may be at the other end of the pipe; nobody is asked there, or waited for.
    let mut command = node.command(&["record", "list"]);
    command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let pipe = child.stdin.take();
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(1));
    drop(pipe);
    // For people: the same three on standard error, and nothing where answers go.
    let people = program(world.root())
        .arg("--dir")
        .arg(&node.dir)
        .args(["--passphrase-file", &wrong, "record", "list"])
        .output()
        .expect("it starts");
    assert_eq!(
        (people.status.code(), &people.stdout[..]),
        (Some(1), &b""[..])
    );
    let said = String::from_utf8(people.stderr).expect("UTF-8");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        matches!(lines[..], [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ")),
        "{said}"
    );
}

fn without_a_charter(node: &Node) {
    let (code, health) = node.run(&["health"]);
    assert_eq!((code, &health["ready"]), (1, &false.into()), "{health}");
    assert_eq!(health["problems"][0]["code"], "no_charter", "{health}");
    let ask = ["report", "training", "--measure", "activities"];
    for command in [
        &["release", "preview", "2018"][..],
        &["release", "status", "2018", "nil", "--kind", "training"],
        &["coverage", "--from", "2018", "--to", "2018"],
        &["charter", "show"],
        &["audit"],
        &["peer", "sync"],
        &["prove", "inpud", "0"],
        &ask,
    ] {
        let said = node.refused(command, "no_charter");
        assert!(said.contains("charter"), "{said}");
    }
}

#[test]
fn misuse_exits_with_two_and_changes_nothing() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    for command in [
        &["fly"][..],
        &["record", "add", "--kind", "party", "--set", "title=x"],
        &["release", "preview", "20l8"],
        &["release", "status", "2018", "gone", "--kind", "training"],
        &["report", "training"],
        &["init", "--member", "Inpud", "--name", "x"],
        &[
            "access", "grant", "--role", "king", "--name", "x", "--out", "f",
        ],
    ] {
        refusal(node.run(command), 2, "misuse");
    }
    let add = [
        "record", "add", "--kind", "training", "--set", "title=x", "--set",
    ];
    for field in [
        "start=soon",
        "start=2018-02-30",
        "colour=red",
        "country=Atlantis",
    ] {
        let said = node.refused(
            &[&add[..], &["start=2018-01-01", "--set", field]].concat(),
            "invalid",
        );
        let name = field.split('=').next().expect("a field");
        assert!(said.contains(name), "{said}");
    }
    let listed = node.ok(&["record", "list"]);
    assert_eq!(listed["records"], serde_json::json!([]));
}

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970")
}

fn joint() -> ConsortiumId {
    "joint".parse().expect("an id")
}

/// A certificate of an authority that calls itself this member's.
fn node_of(member: &str) -> Issued {
    let member: MemberId = member.parse().expect("an id");
    let authority = Authority::generate(&member, now()).expect("a key");
    authority.issue_node(&joint(), &[], now()).expect("issues")
}

fn coordinator_of(member: &str) -> Issued {
    let member: MemberId = member.parse().expect("an id");
    let authority = Authority::generate(&member, now()).expect("a key");
    let role = Role::Coordinator(Handle::from_entropy([9; 10]));
    authority
        .issue_grant(&joint(), role, 1.0, now())
        .expect("issues")
}

#[track_caller]
fn check<T>(answer: Result<T, Status>, code: Code, words: &str) {
    let Err(status) = answer else {
        panic!("was let through");
    };
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.message().contains(words), "{}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_may_not_call_are_told_why_and_leave_no_trace() {
    let world = World::new();
    let mut inpud = world.member("inpud", &["--countries", "TH"]);
    let mut anpud = world.member("anpud", &["--countries", "TH"]);
    inpud.serve();
    anpud.serve();
    let charter = world.unite("2019", &[&inpud, &anpud]);
    let before = inpud.ok(&["health"]);

    // Another member's authority, or nobody's, in the name of a member.
    for (issued, words) in [
        (node_of("anpud"), "not signed by anpud's CA"),
        (node_of("inpud"), "not signed by inpud's CA"),
        (node_of("stranger"), "which the charter does not name"),
        (coordinator_of("anpud"), "not signed by anpud's CA"),
    ] {
        let channel = caller::dial(&inpud, &charter, &issued).await;
        check(caller::sync(&channel).await, Code::Unauthenticated, words);
        // Whoever was refused is hung up on, so each call dials anew.
        let channel = caller::dial(&inpud, &charter, &issued).await;
        let asked = caller::query(&channel, "activities").await;
        check(asked, Code::Unauthenticated, words);
    }

    let out = world.path("donor.pem");
    let out = out.to_str().expect("UTF-8");
    let grant = [
        "access",
        "grant",
        "--role",
        "coordinator",
        "--name",
        "A donor",
        "--out",
        out,
    ];
    inpud.ok(&grant);
    let channel = caller::dial_with_file(&inpud, &charter, out).await;
    caller::query(&channel, "activities")
        .await
        .expect("answered");
    let refused = caller::sync(&channel).await;
    check(
        refused,
        Code::PermissionDenied,
        "a coordinator may call Reports",
    );
    // ANPUD knows INPUD's authority too: the same certificate is good there.
    let channel = caller::dial_with_file(&anpud, &charter, out).await;
    caller::query(&channel, "activities")
        .await
        .expect("answered");
    a_certificate_ends(&world, &inpud, &charter).await;
    a_peer_outside_the_charter(&world, &inpud);

    let after = inpud.ok(&["health"]);
    assert_eq!(before["tree_size"], after["tree_size"]);
    assert_eq!(after["problems"], serde_json::json!([]), "{after}");
    let question = [
        "report",
        "training",
        "--measure",
        "activities",
        "--allow-partial",
    ];
    let heads = inpud.ok(&question)["as_of"]["checkpoints"].clone();
    assert!(!heads.to_string().contains("stranger"), "{heads}");
}

/// A certificate for less than a second.
async fn a_certificate_ends(world: &World, node: &Node, charter: &str) {
    let out = world.path("brief.pem");
    let out = out.to_str().expect("UTF-8");
    let mut grant = vec![
        "access",
        "grant",
        "--role",
        "coordinator",
        "--name",
        "Brief",
    ];
    grant.extend(["--out", out, "--days", "0.00001"]);
    let granted = node.ok(&grant);
    let ends: jiff::Timestamp = granted["not_after"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time");
    wait_for("the end of a certificate", || {
        (jiff::Timestamp::now() > ends + jiff::SignedDuration::from_secs(1)).then_some(())
    });
    let channel = caller::dial_with_file(node, charter, out).await;
    let asked = caller::query(&channel, "activities").await;
    check(asked, Code::Unauthenticated, "certificate expired");
}

/// A real node of nobody's consortium cannot be made to talk to a member, nor a member to it.
fn a_peer_outside_the_charter(world: &World, node: &Node) {
    let mut stranger = world.member("stranger", &[]);
    stranger.serve();
    let path = world.path("charter");
    let path = path.to_str().expect("UTF-8");
    let said = stranger.refused(&["charter", "apply", path], "charter");
    assert!(said.contains("stranger"), "{said}");
    stranger.refused(&["peer", "add", "inpud", &node.url()], "no_charter");
    let said = refusal(
        node.run(&["peer", "add", "stranger", &stranger.url()]),
        1,
        "not_found",
    );
    assert!(said.contains("stranger"), "{said}");
}
