//! A coordinator with a certificate and a gRPC client in another language.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::world::node::A_TRAINING;
use crate::world::{Node, World};

#[test]
fn a_client_in_another_language_gets_the_same_numbers_until_it_is_revoked() {
    let Some(python) = python() else { return };
    let world = World::new();
    let large = ["--size", "large", "--countries", "TH"];
    let mut inpud = world.member("inpud", &large);
    let mut anpud = world.member("anpud", &large);
    inpud.serve();
    anpud.serve();
    world.unite("2018", &[&inpud, &anpud]);
    for (node, people) in [(&inpud, [25, 7, 40]), (&anpud, [5, 11, 30])] {
        trainings(node, people);
    }
    inpud.knows(&anpud);
    inpud.sync(&anpud);

    // One to ask the node that granted it, one to ask another member's.
    let own = granted(&world, &inpud, "A donor", &[]);
    let theirs = granted(&world, &inpud, "Another donor", &["--for", "anpud"]);
    let mut clients = [
        Client::start(&python, &world, &inpud, &own),
        Client::start(&python, &world, &anpud, &theirs),
    ];
    for client in &mut clients {
        let heard = client.hears();
        for measure in MEASURES {
            let rows = &heard["rows"][measure];
            assert_eq!(rows, &by_year(&inpud, measure), "{measure}");
            assert_eq!(rows, &by_year(&anpud, measure), "{measure}");
            assert_eq!(rows.as_array().map(Vec::len), Some(3), "{measure}: {rows}");
        }
        let refused = heard["federation"].as_str().expect("words");
        assert!(
            refused.starts_with("PERMISSION_DENIED: a coordinator may call"),
            "{refused}"
        );
    }

    for name in ["A donor", "Another donor"] {
        inpud.ok(&["access", "revoke", name]);
    }
    inpud.sync(&anpud);
    for client in &mut clients {
        let heard = client.asked_again();
        for connection in ["open", "new"] {
            let said = heard[connection].as_str().expect("words");
            assert!(said.starts_with("UNAUTHENTICATED"), "{connection}: {said}");
            assert!(said.contains("revoked by inpud"), "{connection}: {said}");
        }
        assert!(client.child.wait().expect("it ends").success());
    }
}

const MEASURES: [&str; 3] = ["attendances", "activities", "people"];

/// Returns a Python with grpcio, or says what is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python() -> Option<String> {
    let python = std::env::var("COUNTERFOIL_PYTHON").ok();
    let has_grpc = |python: &String| {
        let check = ["-c", "import grpc, grpc_tools"];
        let run = Command::new(python)
            .args(check)
            .stderr(Stdio::null())
            .status();
        run.is_ok_and(|status| status.success())
    };
    let python = python.filter(has_grpc);
    if python.is_none() {
        let ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(
            !ci,
            "COUNTERFOIL_PYTHON names no Python with grpcio and grpcio-tools"
        );
        eprintln!("skipped: COUNTERFOIL_PYTHON names no Python with grpcio and grpcio-tools");
    }
    python
}

/// Three years: one at or above the floor, one at its edge, one with a count that is not known.
fn trainings(node: &Node, people: [u32; 3]) {
    for (year, people) in (2018..).zip(people) {
        let (start, attended) = (format!("start={year}-03-01"), format!("attended={people}"));
        let mut add = A_TRAINING.to_vec();
        add.extend(["--set", &start]);
        node.ok(&add);
        add.extend(["--set", &attended]);
        node.ok(&add);
        node.publish(&year.to_string(), "training");
    }
}

fn granted(world: &World, node: &Node, name: &str, more: &[&str]) -> String {
    let out = world.path(&format!("{name}.pem"));
    let out = out.to_str().expect("UTF-8").to_owned();
    let mut grant = vec!["access", "grant", "--role", "coordinator", "--name", name];
    grant.extend(["--out", &out]);
    grant.extend(more);
    node.ok(&grant);
    out
}

/// Returns what the command line says, in the client's shape.
fn by_year(node: &Node, measure: &str) -> Value {
    let mut question = vec!["report", "training", "--measure", measure, "--by", "period"];
    question.extend(["--grain", "year", "--allow-partial"]);
    let answer = node.ok(&question);
    let rows = answer["rows"].as_array().expect("rows");
    let keep = ["group", "value", "lower", "upper", "uncounted"];
    let shape = |row: &Value| keep.map(|name| (name.to_owned(), row[name].clone()));
    rows.iter()
        .map(|row| Value::from_iter(shape(row)))
        .collect()
}

/// The client's process.
struct Client {
    child: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Client {
    fn start(python: &str, world: &World, node: &Node, pem: &str) -> Self {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stubs = world.path(&format!("stubs-{}", node.id));
        std::fs::create_dir(&stubs).expect("a folder");
        let mut child = Command::new(python)
            .arg(crate_dir.join("tests/it/reports_client.py"))
            .arg(node.address())
            .arg(pem)
            .arg(&stubs)
            .arg(crate_dir.join("proto"))
            .arg("training")
            .args(MEASURES)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (say, hear) = (child.stdin.take(), child.stdout.take());
        Self {
            say: say.expect("a pipe"),
            hear: BufReader::new(hear.expect("a pipe")),
            child,
        }
    }

    /// Returns the next line it prints.
    fn hears(&mut self) -> Value {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("JSON, not {line:?}"))
    }

    fn asked_again(&mut self) -> Value {
        self.say.write_all(b"again\n").expect("it listens");
        self.hears()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
