//! What a node says of itself to machines, read over plain HTTP as Prometheus and an orchestrator do.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Node, World, wait_for};

/// An answer: its status and its body.
type Answer = (u16, String);

/// Asks a node for a page, with more lines of a request.
fn get(node: &Node, path: &str, lines: &[&str]) -> Answer {
    let address = node.ready()["metrics"]
        .as_str()
        .expect("an address")
        .to_owned();
    ask(
        &address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n"),
        lines,
    )
}

fn ask(address: &str, head: &str, lines: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a socket");
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    stream
        .write_all(format!("{head}{lines}\r\n").as_bytes())
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.expect("a status"), body.to_owned())
}

/// Starts a node that serves metrics on a free port.
fn serve_watched(node: &mut Node) {
    let command = node.command(&["serve", "--metrics", "127.0.0.1:0"]);
    node.start(command);
}

/// Returns every value of a page, by name and labels.
fn values(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(value).collect()
}

/// Returns every value a node shows now.
pub(crate) fn page(node: &Node) -> BTreeMap<String, f64> {
    let (status, page) = get(node, "/metrics", &[]);
    assert_eq!(status, 200, "{page}");
    values(&page)
}

/// The names others write alerts against.
const NAMES: &[&str] = &[
    "counterfoil_build_info{version=\"0.1.0\"}",
    "counterfoil_tree_size{log=\"inpud\"}",
    "counterfoil_tree_size{log=\"anpud\"}",
    "counterfoil_peer_last_sync_timestamp_seconds{peer=\"anpud\"}",
    "counterfoil_peer_lag_leaves{peer=\"anpud\"}",
    "counterfoil_cosignature_age_seconds",
    "counterfoil_certificate_expiry_timestamp_seconds",
    "counterfoil_charter_expiry_timestamp_seconds",
    "counterfoil_store_bytes{plane=\"public\"}",
    "counterfoil_store_bytes{plane=\"private\"}",
    "counterfoil_disk_free_bytes",
    "counterfoil_locked",
    "counterfoil_ready",
    "counterfoil_releases{state=\"current\"}",
    "counterfoil_releases{state=\"superseded\"}",
    "counterfoil_releases{state=\"nil\"}",
    "counterfoil_limit_hits_total{limit=\"connections\"}",
    "counterfoil_limit_hits_total{limit=\"protocol\"}",
    "counterfoil_connections",
    "counterfoil_panics_total",
    "counterfoil_holds",
];

#[test]
fn a_node_says_how_it_is_and_nothing_of_what_it_keeps() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    assert!(
        inpud.ready()["metrics"].is_null(),
        "off unless it is asked for"
    );
    assert!(inpud.terminate().success());
    serve_watched(&mut inpud);
    anpud.knows(&inpud);
    // One record with a number nobody else has, in a network that publishes it.
    let set = [
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        "title=Secret title",
    ];
    inpud.ok(&[&set[..], &["start=2018-02-01", "attended=7654"]].concat());
    inpud.publish("2018Q1", "training");
    inpud.ok(&["release", "status", "2018Q2", "nil", "--kind", "training"]);
    let behind = page(&inpud);
    anpud.sync(&inpud);
    anpud.sync(&inpud);

    let (status, text) = get(&inpud, "/metrics", &[]);
    assert_eq!(status, 200);
    let seen = values(&text);
    for name in NAMES {
        assert!(seen.contains_key(*name), "{name} is missing in\n{text}");
    }
    let of = |name: &str| seen[name];
    assert_eq!(of("counterfoil_tree_size{log=\"inpud\"}"), 2.0);
    assert_eq!(of("counterfoil_releases{state=\"current\"}"), 1.0);
    assert_eq!(of("counterfoil_releases{state=\"nil\"}"), 1.0);
    assert_eq!(
        (of("counterfoil_ready"), of("counterfoil_locked")),
        (1.0, 0.0)
    );
    let behind = behind
        .get("counterfoil_peer_lag_leaves{peer=\"anpud\"}")
        .copied();
    assert!(matches!(behind, None | Some(2.0)), "{behind:?}");
    assert_eq!(of("counterfoil_peer_lag_leaves{peer=\"anpud\"}"), 0.0);
    let now = jiff::Timestamp::now().as_second() as f64;
    let heard = of("counterfoil_peer_last_sync_timestamp_seconds{peer=\"anpud\"}");
    assert!((now - 120.0..=now).contains(&heard), "{heard}");
    assert!(of("counterfoil_cosignature_age_seconds") < 120.0);
    let day = 86_400.0;
    let end = of("counterfoil_certificate_expiry_timestamp_seconds");
    // It began at midnight, an hour ago at least.
    assert!((now + 88.9 * day..now + 90.1 * day).contains(&end), "{end}");
    let end = of("counterfoil_charter_expiry_timestamp_seconds");
    assert!(
        (now + 2.9 * 365.0 * day..now + 3.1 * 366.0 * day).contains(&end),
        "{end}"
    );
    assert!(!text.contains("7654") && !text.contains("Secret") && !text.contains("training"));
    check_with_promtool(&text);

    let page = get(&inpud, "/readyz", &[]);
    let ready: Value = serde_json::from_str(&page.1).expect("JSON");
    assert_eq!(
        (page.0, &ready["ready"], &ready["locked"]),
        (200, &json!(true), &json!(false))
    );
    assert_eq!(get(&inpud, "/livez", &[]), (200, "ok\n".to_owned()));
    what_is_no_question_of_a_watcher_is_refused(&inpud);
}

fn what_is_no_question_of_a_watcher_is_refused(node: &Node) {
    assert_eq!(get(node, "/", &[]).0, 404);
    assert_eq!(get(node, "/../private", &[]).0, 404);
    let address = node.ready()["metrics"].as_str().expect("an address");
    let line = "POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    assert_eq!(ask(address, line, &["content-length: 0"]).0, 405);
    // A page in a browser of this machine, under a name it points here.
    let by_name = "GET /metrics HTTP/1.1\r\nHost: evil.example:9464\r\n";
    assert_eq!(ask(address, by_name, &[]).0, 403);
    let long = format!("x: {}", "y".repeat(64 << 10));
    assert_eq!(
        ask(
            address,
            "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            &[&long]
        )
        .0,
        431
    );
}

/// Has Prometheus's own linter read a page.
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn check_with_promtool(page: &str) {
    let tool = std::env::var_os("COUNTERFOIL_PROMTOOL").unwrap_or_else(|| "promtool".into());
    let started = Command::new(tool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut linter) = started else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "promtool is missing"
        );
        return eprintln!("skipped: no promtool; the page of metrics was not linted");
    };
    let mut stdin = linter.stdin.take().expect("a pipe");
    stdin.write_all(page.as_bytes()).expect("it reads");
    drop(stdin);
    let output = linter.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{page}");
}

#[test]
fn a_node_without_a_charter_is_alive_and_not_ready_and_one_that_drains_neither_takes_work() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    serve_watched(&mut node);
    let (status, text) = get(&node, "/readyz", &[]);
    let said: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &said["problems"]), (503, &json!(["no_charter"])));
    assert_eq!(get(&node, "/livez", &[]).0, 200);
    let seen = page(&node);
    assert_eq!(seen["counterfoil_ready"], 0.0);
    assert_eq!(seen["counterfoil_problems{code=\"no_charter\"}"], 1.0);
    assert!(!seen.contains_key("counterfoil_cosignature_age_seconds"));
}

#[test]
fn others_read_metrics_with_the_token_alone() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    let token = world.write("token", "sixteen-or-more-letters\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, mode).expect("a mode");
    let settings = format!("listen = '127.0.0.1:0'\nmetrics_token_file = '{token}'\n");
    std::fs::write(node.dir.join("counterfoil.toml"), settings).expect("written");
    let command = node.command(&["serve", "--metrics", "0.0.0.0:0"]);
    node.start(command);
    let port = node.ready()["metrics"].as_str().expect("an address");
    let port = port.rsplit_once(':').expect("a port").1;
    let address = format!("127.0.0.1:{port}");
    let head = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: node.example\r\n");
    let right = "authorization: Bearer sixteen-or-more-letters";
    assert_eq!(ask(&address, &head("/metrics"), &[]).0, 401);
    assert_eq!(
        ask(
            &address,
            &head("/metrics"),
            &["authorization: Bearer sixteen"]
        )
        .0,
        401
    );
    assert_eq!(ask(&address, &head("/metrics"), &[right]).0, 200);
    // An orchestrator needs no token, and is told no more than it needs.
    assert_eq!(
        ask(&address, &head("/readyz"), &[]),
        (503, "not ready\n".to_owned())
    );
    assert!(
        ask(&address, &head("/readyz"), &[right])
            .1
            .contains("no_charter")
    );

    // Another token, without a restart.
    std::fs::write(&token, "another-sixteen-letters\n").expect("written");
    node.ok(&["config", "reload"]);
    assert_eq!(ask(&address, &head("/metrics"), &[right]).0, 401);
    let right = "authorization: Bearer another-sixteen-letters";
    assert_eq!(ask(&address, &head("/metrics"), &[right]).0, 200);
    assert!(node.ok(&["config", "show"]).to_string().contains(&token));
    assert!(!node.ok(&["config", "show"]).to_string().contains("sixteen"));
}

#[test]
fn slow_watchers_keep_nobody_out() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    serve_watched(&mut node);
    let address = node.ready()["metrics"]
        .as_str()
        .expect("an address")
        .to_owned();
    // More than it has room for, and they say nothing.
    let mut silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&address).expect("connects"))
        .collect();
    assert_eq!(get(&node, "/livez", &[]).0, 200);
    // Whoever came first made room; the others still have their time.
    silent[15].set_nonblocking(true).expect("a socket");
    let waits = silent[15].read(&mut [0]).expect_err("it is open");
    assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    assert_eq!(silent[0].read(&mut [0]).expect("it is closed"), 0);
    drop(silent);
    page(&node);
}

#[test]
fn while_it_drains_it_is_alive_and_not_ready() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    drop(anpud);
    assert!(inpud.terminate().success());
    let mut command = inpud.command(&["serve", "--metrics", "127.0.0.1:0"]);
    command.env("COUNTERFOIL_DRAIN", "20s");
    inpud.start(command);
    assert_eq!(get(&inpud, "/readyz", &[]).0, 200);
    // A call that does not end: an import whose file never does.
    let mut open = inpud.endless_import(&world);
    inpud.signal(rustix::process::Signal::TERM);
    let status = wait_for("it drains", || match get(&inpud, "/readyz", &[]) {
        (200, _) => None,
        (status, text) => Some((status, text)),
    });
    assert_eq!(status.0, 503);
    assert!(status.1.contains("\"draining\":true"), "{}", status.1);
    assert_eq!(get(&inpud, "/livez", &[]).0, 200);
    open.kill().expect("a process");
    open.wait().expect("a process");
    assert!(inpud.ended().success());
}
