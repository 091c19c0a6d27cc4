//! What a collector of traces is told, by a collector of the test's own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::watched::page;
use crate::world::{Node, World, wait_for};

/// Takes whatever is posted to it.
struct Collector {
    address: SocketAddr,
    posted: mpsc::Receiver<String>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (sender, posted) = mpsc::channel();
        std::thread::spawn(move || {
            // Kept open, as collectors do.
            let mut open = Vec::new();
            for tcp in listener.incoming() {
                let mut tcp = tcp.expect("a connection");
                if sender.send(take(&mut tcp)).is_err() {
                    return;
                }
                open.push(tcp);
            }
        });
        Self { address, posted }
    }

    /// Returns what has been posted, and everything told in it.
    fn told(&self) -> (String, Vec<Value>) {
        let bodies: Vec<String> = self.posted.try_iter().collect();
        let mut spans = Vec::new();
        for body in &bodies {
            let told: Value = serde_json::from_str(body).expect("JSON");
            for resource in list(&told["resourceSpans"]) {
                let who = attributes(&resource["resource"]);
                assert_eq!(who["service.instance.id"], "inpud");
                assert_eq!(who.len(), 3, "{who:?}");
                for scope in list(&resource["scopeSpans"]) {
                    spans.extend(list(&scope["spans"]).iter().cloned());
                }
            }
        }
        (bodies.concat(), spans)
    }
}

fn take(tcp: &mut TcpStream) -> String {
    let mut lines = BufReader::new(tcp.try_clone().expect("a socket"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(lines.read_line(&mut head).expect("a line"), 0, "{head}");
    }
    let head = head.to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"));
    let length = head.split_once("content-length: ").expect("a length").1;
    let length: usize = length
        .split_once("\r\n")
        .expect("a line")
        .0
        .parse()
        .expect("a number");
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("all of it");
    tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        .expect("answered");
    String::from_utf8(body).expect("UTF-8")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn attributes(value: &Value) -> BTreeMap<&str, &str> {
    let pairs = list(&value["attributes"]).iter().map(|pair| {
        let value = pair["value"].as_object().expect("a value");
        let value = value.values().next().expect("one");
        (
            pair["key"].as_str().expect("a key"),
            value.as_str().expect("OTLP writes whole numbers as text"),
        )
    });
    pairs.collect()
}

fn serve_traced(node: &mut Node, collector: SocketAddr) {
    let mut command = node.command(&["serve", "--metrics", "127.0.0.1:0"]);
    command.env("COUNTERFOIL_TRACES", collector.to_string());
    node.start(command);
}

/// Adds a record with words and a number nobody else has.
fn add_secret(node: &Node) {
    let set = ["record", "add", "--kind", "training", "--set"];
    let fields = ["title=Secret title", "start=2018-02-01", "attended=7654"];
    node.ok(&[&set[..], &fields].concat());
}

#[test]
fn a_collector_is_told_what_took_how_long_and_nothing_else() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success());
    let collector = Collector::start();
    serve_traced(&mut inpud, collector.address);
    add_secret(&inpud);
    inpud.publish("2018Q1", "training");
    anpud.knows(&inpud);
    anpud.sync(&inpud);
    // A call that ends with an error has a code too.
    inpud.refused(
        &["report", "training", "--measure", "nonsense"],
        "unknown_measure",
    );
    // What has ended when the node stops is told before it goes.
    assert!(inpud.terminate().success());
    let (text, spans) = collector.told();

    let by_id: BTreeMap<&str, &Value> = spans
        .iter()
        .map(|span| (span["spanId"].as_str().expect("an id"), span))
        .collect();
    let named = |name: &str| {
        let span = spans.iter().find(|span| span["name"] == name);
        span.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    for step in ["tabulate", "protect", "append"] {
        let around = by_id[named(step)["parentSpanId"].as_str().expect("an id")];
        let call = around["name"].as_str().expect("a name");
        assert!(call.starts_with("counterfoil.v1.Releases/"), "{call}");
        assert_eq!(around["traceId"], named(step)["traceId"]);
    }
    let codes: BTreeSet<&str> = spans
        .iter()
        .filter_map(|span| attributes(span).get("rpc.grpc.status_code").copied())
        .collect();
    assert_eq!(
        codes,
        BTreeSet::from(["0", "9"]),
        "OK and FAILED_PRECONDITION"
    );
    let sync = attributes(named("counterfoil.v1.Federation/Sync"));
    assert_eq!(sync["rpc.method"], "Sync");
    spans.iter().for_each(says_only_what_it_may);
    for secret in [
        "Secret",
        "7654",
        "training",
        "2018",
        "anpud",
        "127.0.0.1",
        "/tmp",
    ] {
        // Ids are chance and may hold any digits.
        let is_in_ids = secret.chars().all(|c| c.is_ascii_hexdigit());
        assert!(is_in_ids || !text.contains(secret), "{secret} in {text}");
    }
}

fn says_only_what_it_may(span: &Value) {
    const FIELDS: [&str; 9] = [
        "attributes",
        "endTimeUnixNano",
        "kind",
        "name",
        "parentSpanId",
        "spanId",
        "startTimeUnixNano",
        "status",
        "traceId",
    ];
    const ATTRIBUTES: [&str; 5] = [
        "rpc.system",
        "rpc.service",
        "rpc.method",
        "rpc.grpc.status_code",
        "counterfoil.request_id",
    ];
    let fields: BTreeSet<&str> = span
        .as_object()
        .expect("a span")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(fields, BTreeSet::from(FIELDS));
    for (key, value) in attributes(span) {
        assert!(ATTRIBUTES.contains(&key), "{key}");
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
        assert!(value.chars().all(is_word), "{value}");
    }
    let at = |field: &str| -> u64 { span[field].as_str().expect("text").parse().expect("ns") };
    assert!(at("startTimeUnixNano") <= at("endTimeUnixNano"));
    let is_hex = |field: &str, length| {
        let id = span[field].as_str().expect("an id");
        id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    assert!(is_hex("traceId", 32) && is_hex("spanId", 16), "{span}");
}

#[test]
fn a_collector_that_never_answers_holds_up_no_call_and_no_stop() {
    let world = World::new();
    let [mut inpud, _anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    serve_traced(&mut inpud, silent.local_addr().expect("an address"));
    add_secret(&inpud);
    let (_held, _) = silent.accept().expect("it is told something");
    inpud.publish("2018Q1", "training");
    let begun = Instant::now();
    assert!(inpud.terminate().success());
    // It would wait for two answers, 5 s each, were it not told to stop.
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_collector_that_is_gone_stops_nothing() {
    let world = World::new();
    let [mut inpud, _anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success());
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    serve_traced(&mut inpud, address);
    add_secret(&inpud);
    inpud.publish("2018Q1", "training");
    wait_for("lost spans to be counted", || {
        let seen = page(&inpud);
        (seen["counterfoil_spans_total{result=\"lost\"}"] >= 1.0).then_some(())
    });
    assert_eq!(
        page(&inpud)["counterfoil_spans_total{result=\"sent\"}"],
        0.0
    );
    assert_eq!(inpud.ok(&["health"])["ready"], true);
    assert!(inpud.terminate().success());
    let log = std::fs::read_to_string(inpud.log()).expect("a log");
    let said = log.matches("the collector takes no traces").count();
    assert_eq!(said, 1, "once, and not with every batch: {log}");
}
