//! The command line's contract: the fields scripts rely on, the exit codes, and what a node says
//! of itself while it comes and goes.

use serde_json::{Value, json};

use crate::world::node::{bare, refusal};
use crate::world::table::only;
use crate::world::{Node, World};

/// Checks that an object has these fields, and returns it.
#[track_caller]
fn has<'a>(value: &'a Value, names: &[&str]) -> &'a Value {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    for name in names {
        assert!(object.contains_key(*name), "{name} is missing: {value}");
    }
    value
}

#[track_caller]
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name}: {value}"))
}

#[test]
fn a_nodes_life_from_init_to_report() {
    let world = World::new();
    let mut inpud = made(&world);
    let mut anpud = world.member("anpud", &["--size", "large"]);
    comes_and_goes(&mut inpud);
    anpud.serve();
    chartered(&world, [&inpud, &anpud]);
    let id = recorded(&inpud);
    imported(&world, &inpud);
    released(&inpud);
    corrected(&inpud, &id);
    statuses(&inpud);
    peers(&inpud, &anpud);
    reported(&inpud);
    proved(&world, &inpud);
    accesses(&world, &inpud);
    deleted(&inpud, &id);
    assert_eq!(
        inpud.terminate().code(),
        Some(0),
        "SIGTERM is an orderly end"
    );
    without_a_process(&inpud);
}

fn made(world: &World) -> Node {
    let out = world.path("recovery");
    let flags = [
        "--size",
        "large",
        "--countries",
        "Thailand,NPL",
        "--recovery-out",
    ];
    let flags = [&flags[..], &[out.to_str().expect("UTF-8")]].concat();
    let node = world.member("inpud", &flags);
    assert!(!crate::world::node::read(&out).is_empty());
    assert!(node.dir.join("format").is_file());
    let settings = crate::world::node::read(&node.dir.join("counterfoil.toml"));
    assert!(String::from_utf8_lossy(&settings).contains("\nlisten = \"127.0.0.1:0\"\n"));

    let dir = world.path("plain");
    let passphrase = node.passphrase();
    let mut init = vec!["--dir", dir.to_str().expect("UTF-8"), "init"];
    init.extend(["--member", "plain", "--name", "Plain", "--passphrase-file"]);
    init.push(passphrase.to_str().expect("UTF-8"));
    let answer = crate::world::node::ok(world.root(), &init);
    has(
        &answer,
        &["member", "dir", "log_key", "witness_key", "recovery_key"],
    );
    for key in ["log_key", "witness_key"] {
        assert_eq!(text(&answer, key).len(), 44, "32 bytes in base64: {answer}");
    }
    node
}

/// The ready file, health before a charter, lock and unlock, an orderly end.
fn comes_and_goes(node: &mut Node) {
    node.serve_locked();
    let ready = has(node.ready(), &["pid", "grpc", "web", "metrics", "socket"]).clone();
    assert!(ready["pid"].is_u64(), "{ready}");
    assert_eq!(
        (&ready["web"], &ready["metrics"]),
        (&Value::Null, &Value::Null)
    );
    let address: std::net::SocketAddr = text(&ready, "grpc").parse().expect("an address");
    assert_ne!(address.port(), 0, "the port really bound");
    let socket = std::path::Path::new(text(&ready, "socket"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(socket).expect("a socket").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    let (code, health) = node.run(&["health"]);
    has(
        &health,
        &[
            "ready",
            "locked",
            "charter_version",
            "tree_size",
            "problems",
        ],
    );
    assert_eq!(
        (code, &health["ready"], &health["locked"]),
        (1, &json!(false), &json!(true))
    );
    has(&health["problems"][0], &["code", "message"]);
    node.refused(&["record", "list"], "locked");
    assert_eq!(node.ok(&["unlock"]), json!({"locked": false}));
    assert_eq!(
        node.ok(&["unlock"]),
        json!({"locked": false}),
        "twice is no error"
    );
    node.ok(&["record", "list"]);
    assert_eq!(node.ok(&["lock"]), json!({"locked": true}));
    node.refused(&["record", "list"], "locked");
    assert_eq!(
        node.terminate().code(),
        Some(0),
        "SIGTERM is an orderly end"
    );
    assert!(!socket.exists(), "the socket is gone");
    node.serve();
    assert_eq!(node.ok(&["lock"]), json!({"locked": true}));
    assert_eq!(node.ok(&["unlock"]), json!({"locked": false}));
}

fn chartered(world: &World, nodes: [&Node; 2]) {
    let fingerprint = nodes[0].ok(&["charter", "card", "--fingerprint"]);
    assert_eq!(text(&fingerprint, "text").split_whitespace().count(), 6);
    let draft = world.draft("2018", &nodes, &[]);
    let copies = ["copy.a", "copy.b"].map(|name| world.write(name, &draft));
    let fields = [
        "consortium",
        "version",
        "valid",
        "threshold",
        "signed_by",
        "members",
    ];
    for (node, copy) in nodes.iter().zip(&copies) {
        let signed = node.ok(&["charter", "sign", copy]);
        has(&signed, &fields);
        assert_eq!(signed["signed_by"], json!([node.id]));
        assert_eq!(signed["valid"], false);
    }
    let (code, verdict) = bare(world.root(), &["charter", "verify", &copies[0]]);
    assert_eq!((code, &verdict["valid"]), (1, &json!(false)), "{verdict}");
    nodes[0].refused(&["charter", "apply", &copies[0]], "charter");

    // Two copies of one draft, each signed elsewhere.
    for node in nodes {
        let applied = node.ok(&["charter", "apply", &copies[0], &copies[1]]);
        assert_eq!(applied["signed_by"], json!(["anpud", "inpud"]));
        assert_eq!(applied["valid"], true);
    }
    let shown = nodes[0].ok(&["charter", "show"]);
    has(&shown, &fields);
    has(&shown["members"][0], &["id", "name", "state"]);
    assert_eq!(text(&shown, "fingerprint").split_whitespace().count(), 6);
    let health = nodes[0].ok(&["health"]);
    assert_eq!(
        (&health["ready"], &health["charter_version"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(health["problems"], json!([]), "{health}");
}

fn recorded(node: &Node) -> String {
    let mut add = vec![
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        "title=Accounts",
    ];
    add.extend(["start=2018-02-06", "country=Thailand", "topics=accounting"]);
    add.extend(["attended=30", "hours=6.5"]);
    let added = node.ok(&add);
    has(&added, &["id", "kind", "fields", "created", "updated"]);
    assert_eq!(added["kind"], "training");
    assert_eq!(added["fields"]["country"], json!(["TH"]), "{added}");
    assert_eq!(
        added["fields"]["attended"], 30,
        "counts are numbers: {added}"
    );
    let id = text(&added, "id");
    assert_eq!(id.as_bytes()[14], b'7', "UUIDv7: {id}");

    let shown = node.ok(&["record", "show", id]);
    assert_eq!(shown["fields"], added["fields"]);
    let listed = node.ok(&["record", "list", "--kind", "training", "--period", "2018Q1"]);
    assert_eq!(listed["records"][0]["id"], id);
    let elsewhere = node.ok(&["record", "list", "--period", "2018Q2"]);
    assert_eq!(elsewhere["records"], json!([]));

    let mut project = vec![
        "record",
        "add",
        "--kind",
        "joint_project",
        "--set",
        "title=P",
    ];
    project.extend(["start=2018-01-15", "currency=USD", "budget=120000.50"]);
    let project = node.ok(&project);
    assert_eq!(project["fields"]["budget"], "120000.50", "money is a text");
    let nobodys = format!("{}0000", &id[..id.len() - 4]);
    node.refused(&["record", "show", &nobodys], "not_found");
    node.refused(&["record", "show", "no-id"], "invalid");
    id.to_owned()
}

fn imported(world: &World, node: &Node) {
    let lines = "source_id,title,start,attended,phone\n\
                 a,One,2018-03-01,25,+66 1\nb,Two,2018-03-02,,+66 2\n";
    let file = world.write("good.csv", lines);
    let import = ["record", "import", &file, "--kind", "training"];
    let trial = node.ok(&[&import[..], &["--dry-run"]].concat());
    let fields = ["read", "created", "updated", "unchanged", "rejected"];
    has(&trial, &fields);
    has(&trial, &["dropped_columns", "warnings"]);
    assert_eq!(trial["dropped_columns"], json!(["phone"]));
    let stored = || node.ok(&["record", "list", "--kind", "training"])["records"].clone();
    assert_eq!(
        stored().as_array().map(Vec::len),
        Some(1),
        "a trial stores nothing"
    );
    assert_eq!(node.ok(&import)["created"], 2);

    let file = world.write(
        "mixed.csv",
        lines.replace("2018-03-02", "32 March").replace("25", "26"),
    );
    let import = ["record", "import", &file, "--kind", "training"];
    let (code, refused) = node.run(&import);
    assert_eq!((code, &refused["updated"]), (1, &json!(0)), "{refused}");
    let rejected = has(
        &refused["rejected"][0],
        &["line", "column", "value", "reason"],
    );
    assert_eq!(
        (&rejected["line"], &rejected["column"]),
        (&json!(3), &json!("start"))
    );
    let kept = node.ok(&[&import[..], &["--keep-good"]].concat());
    assert_eq!(
        (&kept["updated"], &kept["rejected"][0]["line"]),
        (&json!(1), &json!(3))
    );
}

fn released(node: &Node) {
    let draft = node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
    has(&draft, &["digest", "period", "summaries", "blocked"]);
    let summary = has(
        &draft["summaries"][0],
        &["series", "revision", "replaces", "audience"],
    );
    assert_eq!(
        (&summary["revision"], &summary["replaces"]),
        (&json!(1), &Value::Null)
    );
    let table = has(&summary["tables"][0], &["table", "measure", "by", "cells"]);
    has(
        &table["cells"][0],
        &["dims", "state", "value", "lower", "upper", "uncounted"],
    );
    assert_eq!(
        node.ok(&["health"])["tree_size"],
        0,
        "a preview lets nothing out"
    );

    let digest = text(&draft, "digest");
    let published = node.ok(&["release", "publish", digest]);
    has(&published, &["published", "tree_size", "root_hash"]);
    let leaf = json!({"series": "training/2018Q1", "revision": 1, "leaf_index": 0});
    assert_eq!(
        (&published["published"], &published["tree_size"]),
        (&json!([leaf]), &json!(1))
    );
    let listed = node.ok(&["release", "list"]);
    has(
        &listed["releases"][0],
        &["leaf_index", "series", "revision", "state"],
    );
    assert_eq!(node.publish("2018Q1", "training")["published"], json!([]));
    let again = node.ok(&["release", "publish", digest]);
    assert_eq!(again["published"], json!([]), "asked for twice");
    node.refused(&["release", "publish", "no-such-digest"], "not_found");
    node.refused(
        &["release", "preview", "2018-01", "--kind", "training"],
        "no_such_table",
    );
    let early = node.ok(&["release", "preview", "2099Q1"]);
    let warned = early["warnings"][0].as_str().expect("a warning");
    assert!(warned.contains("2099Q1 has not begun"), "{warned}");
    let nil = ["release", "status", "2018", "nil", "--kind", "training"];
    let told = node.refused(&nil, "invalid");
    assert!(told.contains("of its records begin in it"), "{told}");
    let lead = ["joint_id=K7-MANGO", "lead=nobody"];
    let stranger = [
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        "title=T",
        "start=2018-01-02",
    ];
    let told = node.refused(&[&stranger[..], &lead].concat(), "invalid");
    assert!(told.contains("accepted: "), "{told}");
}

/// A small change is held; a large one is a new revision that names what it replaces.
fn corrected(node: &Node, id: &str) {
    let preview = || node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
    let stale = preview();
    node.ok(&["record", "edit", id, "--set", "attended=33"]);
    let held = preview();
    assert!(
        !held["blocked"].as_array().expect("tables").is_empty(),
        "{held}"
    );
    let published = node.ok(&["release", "publish", text(&held, "digest")]);
    assert_eq!(published["published"], json!([]), "33 for 30 is not told");
    let question = [
        "report",
        "training",
        "--measure",
        "attendances",
        "--allow-partial",
    ];
    let question = [&question[..], &["--from", "2018Q1", "--to", "2018Q1"]].concat();
    assert_eq!(only(&node.ok(&question)).value, Some(56));

    node.ok(&["record", "edit", id, "--set", "attended=60"]);
    let changed = node.run(&["release", "publish", text(&stale, "digest")]);
    refusal(changed, 1, "changed");
    let draft = preview();
    let summary = &draft["summaries"][0];
    assert_eq!(
        (&summary["revision"], &summary["replaces"]),
        (&json!(2), &json!(0))
    );
    let published = node.ok(&["release", "publish", text(&draft, "digest")]);
    assert_eq!(published["published"][0]["revision"], 2);
    assert_eq!(only(&node.ok(&question)).value, Some(86));
    let states = node.ok(&["release", "list"]);
    let states: Vec<&str> = states["releases"]
        .as_array()
        .expect("releases")
        .iter()
        .map(|release| text(release, "state"))
        .collect();
    assert_eq!(states.len(), 2);
    assert_ne!(states[0], states[1], "one stands for the other");
}

fn statuses(node: &Node) {
    for (period, status) in [("2019", "nil"), ("2020", "excused"), ("2021", "withheld")] {
        let said = node.ok(&["release", "status", period, status, "--kind", "training"]);
        let said = has(
            &said["releases"][0],
            &["leaf_index", "series", "revision", "state"],
        );
        assert_eq!(said["state"], status);
        let coverage = [
            "coverage", "--from", period, "--to", period, "--kind", "training",
        ];
        let coverage = node.ok(&coverage);
        let counts = [
            "expected", "reported", "late", "nil", "missing", "excused", "withheld",
        ];
        has(&coverage, &counts);
        has(&coverage, &["recalled", "rows"]);
        let rows = coverage["rows"].as_array().expect("rows");
        for row in rows {
            has(row, &["member", "kind", "period", "state", "due", "date"]);
        }
        let of = |member: &str| rows.iter().find(|row| row["member"] == member);
        assert_eq!(of("inpud").expect("a row")["state"], status, "{coverage}");
        assert_eq!(
            of("anpud").expect("a row")["state"],
            "missing",
            "{coverage}"
        );
        assert_eq!(
            (&coverage["expected"], &coverage[status]),
            (&json!(2), &json!(1))
        );
    }
    node.refused(
        &["release", "status", "2018Q1", "nil", "--kind", "training"],
        "exists",
    );
    said_once(node);
}

/// The same again is no leaf, another word is; what is not over yet is not nil.
fn said_once(node: &Node) {
    let say = |period, word| ["release", "status", period, word, "--kind", "training"];
    let leaf = |said: Value| said["releases"][0]["leaf_index"].as_u64().expect("a leaf");
    let first = node.ok(&say("2022", "nil"));
    assert_eq!(first["already_said"], false, "{first}");
    let again = node.ok(&say("2022", "nil"));
    assert_eq!(again["already_said"], true, "{again}");
    let first = leaf(first);
    assert_eq!(leaf(again), first);
    assert_eq!(leaf(node.ok(&say("2022", "excused"))), first + 1);
    assert_eq!(leaf(node.ok(&say("2022", "nil"))), first + 2);
    // A record makes the word untrue, said before or not.
    let set = ["--set", "title=T", "start=2022-03-02"];
    let add = [&["record", "add", "--kind", "training"][..], &set].concat();
    let added = node.ok(&add);
    node.refused(&say("2022", "nil"), "invalid");
    node.ok(&["record", "delete", text(&added, "id")]);

    let told = node.refused(&say("2999", "nil"), "not_over");
    assert!(told.contains("2999 begins on 2999-01-01"), "{told}");
    node.refused(&say("2999", "excused"), "not_over");
    let leaves = node.ok(&["health"])["tree_size"].as_u64();
    assert_eq!(leaves, Some(first + 3), "what is refused is no leaf");
}

fn peers(inpud: &Node, anpud: &Node) {
    inpud.knows(anpud);
    let listed = inpud.ok(&["peer", "list"]);
    let peer = listed["peers"]
        .as_array()
        .expect("peers")
        .iter()
        .find(|peer| peer["member"] == "anpud")
        .expect("a peer");
    assert_eq!(peer["url"], anpud.url().as_str());
    let synced = inpud.ok(&["peer", "sync"]);
    has(
        &synced["peers"][0],
        &["member", "ok", "received", "sent", "error"],
    );
    assert_eq!(synced["peers"][0]["ok"], true, "{synced}");
    assert_eq!(inpud.sync(anpud), (0, 0), "both are level");
    refusal(
        inpud.run(&["peer", "add", "nobody", "https://127.0.0.1:1"]),
        1,
        "not_found",
    );
    refusal(
        inpud.run(&["peer", "add", "anpud", "127.0.0.1"]),
        2,
        "misuse",
    );
}

fn reported(node: &Node) {
    let question = [
        "report",
        "training",
        "--measure",
        "attendances",
        "--by",
        "member,period",
    ];
    let question = [&question[..], &["--from", "2018Q1", "--to", "2018Q1"]].concat();
    let said = node.refused(&question, "partial");
    assert!(said.contains("anpud"), "{said}");
    let question = [&question[..], &["--allow-partial"]].concat();
    let answer = node.ok(&question);
    has(&answer, &["query", "as_of", "coverage", "rows"]);
    has(
        &answer["as_of"],
        &["date", "charter_version", "checkpoints"],
    );
    let head = &answer["as_of"]["checkpoints"][0];
    has(head, &["member", "tree_size", "root_hash", "cosigned_by"]);
    let row = &answer["rows"][0];
    has(row, &["group", "value", "lower", "upper", "uncounted"]);
    has(row, &["members", "summaries", "summaries_total", "notes"]);
    has(&row["summaries"][0], &["member", "leaf_index"]);
    assert_eq!(row["group"], json!({"member": "inpud", "period": "2018Q1"}));
    assert_eq!(row["uncounted"], 1);

    let as_csv = node.ok(&[&question[..], &["--format", "csv"]].concat());
    let lines: Vec<&str> = text(&as_csv, "text").lines().collect();
    assert_eq!(lines.len(), 3, "a header and both members: {as_csv}");
    let as_json = node.ok(&[&question[..], &["--format", "json"]].concat());
    assert_eq!(as_json["rows"], answer["rows"]);
    for (more, code) in [
        (&["--by", "gender,country"][..], "no_such_table"),
        (&["--by", "colour"], "unknown_dimension"),
        (&["--member", "nobody"], "unknown_member"),
    ] {
        let ask = [
            "report",
            "training",
            "--measure",
            "attendances",
            "--allow-partial",
        ];
        node.refused(&[&ask[..], more].concat(), code);
    }
    let ask = [
        "report",
        "training",
        "--measure",
        "friends",
        "--allow-partial",
    ];
    node.refused(&ask, "unknown_measure");
    let mut distinct = vec![
        "report",
        "training",
        "--measure",
        "people",
        "--grain",
        "quarter",
    ];
    distinct.extend(["--from", "2018Q1", "--to", "2018Q4", "--allow-partial"]);
    let said = node.refused(&distinct, "distinct_over_periods");
    assert!(said.contains("year"), "{said}");
}

fn proved(world: &World, node: &Node) {
    let proof = node.ok(&["prove", "inpud", "1"]);
    let file = world.write("proof", text(&proof, "text"));
    let charter = world.path("copy.a");
    let verify = [
        "verify",
        &file,
        "--charter",
        charter.to_str().expect("UTF-8"),
    ];
    // A copy that one governor signed is no charter.
    let (code, verdict) = bare(world.root(), &verify);
    assert_eq!((code, &verdict["valid"]), (1, &json!(false)), "{verdict}");
    node.refused(&["prove", "inpud", "99"], "not_found");
    node.refused(&["prove", "nobody", "0"], "not_found");
}

fn accesses(world: &World, node: &Node) {
    let out = world.path("auditor.pem");
    let out = out.to_str().expect("UTF-8");
    let mut grant = vec![
        "access",
        "grant",
        "--role",
        "auditor",
        "--name",
        "A. Auditor",
    ];
    grant.extend(["--out", out, "--days", "1.5"]);
    has(
        &node.ok(&grant),
        &["name", "role", "handle", "not_after", "out"],
    );
    let pem = String::from_utf8(crate::world::node::read(out.as_ref())).expect("PEM");
    assert_eq!(
        pem.matches("-----BEGIN CERTIFICATE-----").count(),
        2,
        "with the CA to trust"
    );
    assert_eq!(pem.matches("-----BEGIN PRIVATE KEY-----").count(), 1);
    assert!(!pem.contains("Auditor"));
    let mode = std::fs::metadata(out).expect("a file").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    node.refused(&grant, "exists");
    let listed = node.ok(&["access", "list"]);
    assert_eq!(listed["access"][0]["name"], "A. Auditor");
    let before = node.ok(&["health"])["tree_size"].as_u64();
    let revoked = node.ok(&["access", "revoke", "A. Auditor"]);
    assert_eq!(
        revoked["leaf_index"].as_u64(),
        before,
        "a leaf tells everybody"
    );
    node.refused(&["access", "revoke", "A. Auditor"], "not_found");
}

fn deleted(node: &Node, id: &str) {
    has(&node.ok(&["record", "delete", id]), &["id", "kind"]);
    node.refused(&["record", "show", id], "not_found");
}

/// With no process running, every command opens the node for itself.
fn without_a_process(node: &Node) {
    let health = node.ok(&["health"]);
    assert_eq!(
        (&health["locked"], &health["tree_size"]),
        (&json!(true), &json!(9))
    );
    let listed = node.ok(&["record", "list", "--kind", "training"]);
    assert_eq!(listed["records"].as_array().map(Vec::len), Some(2));
    let question = [
        "report",
        "training",
        "--measure",
        "attendances",
        "--allow-partial",
    ];
    let question = [&question[..], &["--from", "2018Q1", "--to", "2018Q1"]].concat();
    assert_eq!(only(&node.ok(&question)).value, Some(86));
}
