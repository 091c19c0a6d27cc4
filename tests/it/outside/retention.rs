//! Persons are let go once their time is over: every count stays, what was published stays, and
//! nobody is urged to send anything again.

use counterfoil::store::{NodeDir, os_entropy};
use serde_json::{Value, json};

use crate::world::table::csv;
use crate::world::{Node, World};

/// The days persons are kept, as the environment says it.
const DAYS: &str = "COUNTERFOIL_RETENTION_DAYS";

fn add(node: &Node, kind: &str, title: &str, start: &str) -> String {
    let (title, start) = (format!("title={title}"), format!("start={start}"));
    let add = ["record", "add", "--kind", kind, "--set", &title, &start];
    let added = node.ok(&add);
    added["id"].as_str().expect("an id").to_owned()
}

fn participants(world: &World, node: &Node, id: &str, from: usize, persons: usize) {
    let mut rows = vec![
        ["person", "gender", "completed"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for number in from..from + persons {
        rows.push(vec![
            format!("P-{number}"),
            "woman".to_owned(),
            "yes".to_owned(),
        ]);
    }
    let file = world.write("people.csv", csv(rows));
    let import = [
        "record", "import", &file, "--kind", "training", "--into", id,
    ];
    let outcome = node.ok(&[&import[..], &["--list", "participants"]].concat());
    assert_eq!(outcome["rejected"], json!([]), "{outcome}");
}

/// Runs a command of a node that does not run, under other days than the usual ones.
#[track_caller]
fn under(node: &Node, days: &str, arguments: &[&str]) -> Value {
    let mut command = node.command(arguments);
    let output = command.env(DAYS, days).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Returns what keeps rows of one kind and year, and how many.
fn keeps<'v>(answer: &'v Value, kind: &str, year: &str) -> Vec<(&'v str, u64)> {
    let mut holdings = answer["holdings"].as_array().expect("holdings").iter();
    let held = holdings.find(|held| held["kind"] == kind && held["year"] == year);
    let held = held.expect("a holding");
    let mut keeps: Vec<(&str, u64)> = held["keeps"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let code = one["code"].as_str().expect("a code");
            (code, one["rows"].as_u64().expect("a number"))
        })
        .collect();
    if let Some(due) = held["due"].as_u64().filter(|due| *due > 0) {
        keeps.push(("due", due));
    }
    keeps
}

/// Returns what would leave of the personal tables of a draft, without what is for the steward.
fn personal(draft: &Value) -> Vec<Value> {
    let mut tables = draft["summaries"][0]["tables"].clone();
    let tables = tables.as_array_mut().expect("tables");
    let is_personal = |table: &Value| {
        let measure = table["measure"].as_str().unwrap_or_default();
        ["people", "attendances", "completions"].contains(&measure)
    };
    tables.retain(is_personal);
    for table in tables.iter_mut() {
        for cell in table["cells"].as_array_mut().expect("cells") {
            let cell = cell.as_object_mut().expect("a cell");
            cell.retain(|name, _| name != "truth" && name != "why");
        }
    }
    tables.clone()
}

#[test]
fn persons_go_when_their_time_is_over_and_every_count_stays() {
    let world = World::new();
    let [mut node, _anpud] = world.pair(&["--size", "large"]);
    let first = add(&node, "training", "first", "2018-02-01");
    participants(&world, &node, &first, 0, 25);
    let second = add(&node, "training", "second", "2018-05-01");
    participants(&world, &node, &second, 10, 30);
    let later = add(&node, "training", "later", "2019-01-10");
    participants(&world, &node, &later, 0, 12);
    let held = node.ok(&["record", "holdings"]);
    assert_eq!(keeps(&held, "training", "2018"), [("not_published", 55)]);
    assert_eq!(
        held["holdings"][0]["since"].as_str().map(str::len),
        Some(10)
    );
    node.publish("2018Q1", "training");
    node.publish("2018", "training");
    let draft = node.ok(&["release", "preview", "2018", "--kind", "training"]);
    // Ninety days, where nobody says otherwise; and never while something is still to be sent.
    let held = node.ok(&["record", "holdings", "--kind", "training"]);
    assert_eq!(keeps(&held, "training", "2018"), [("days", 55)]);
    assert_eq!(keeps(&held, "training", "2019"), [("not_published", 12)]);
    assert_eq!(node.ok(&["record", "retention"])["rows"], 0);
    node.ok(&["record", "edit", &second, "--set", "title=the second"]);
    assert!(node.terminate().success());
    let look = ["record", "retention", "--dry-run"];
    let asked = under(&node, "0", &look);
    assert_eq!((&asked["records"], &asked["rows"]), (&json!(1), &json!(25)));
    let kept = [("changed_since_sent", 30), ("due", 25)];
    assert_eq!(keeps(&asked, "training", "2018"), kept);
    let asked = under(&node, "off", &look);
    assert_eq!(keeps(&asked, "training", "2018"), [("off", 55)]);
    node.ok(&["record", "edit", &second, "--set", "title=second"]);
    assert_eq!(under(&node, "0", &look)["rows"], 55);
    let other = [&look[..], &["--kind", "consultation"]].concat();
    assert_eq!(under(&node, "0", &other)["rows"], 0);
    let code = node.ok(&["record", "show", &first])["lists"]["participants"][0]["person"].clone();
    let code = code.as_str().expect("a pseudonym").to_owned();
    assert!(says(&node, &code), "the search finds what is there");

    let gone = under(&node, "0", &["record", "retention"]);
    assert_eq!((&gone["records"], &gone["rows"]), (&json!(2), &json!(55)));
    assert_eq!(under(&node, "0", &["record", "retention"])["rows"], 0);
    node.serve();
    counts_stay(&node, &first, &draft);
    assert_eq!(
        node.ok(&["record", "show", &later])["lists"]["participants"]
            .as_array()
            .map(Vec::len),
        Some(12)
    );
    a_later_correction_moves_no_figure_of_persons(&node, &draft);
    assert!(node.terminate().success());
    node.ok(&["record", "delete", &later]);
    assert!(!says(&node, &code));
}

fn counts_stay(node: &Node, first: &str, before: &Value) {
    let shown = node.ok(&["record", "show", first]);
    assert_eq!(shown["lists"], json!({}));
    assert_eq!(
        (&shown["fields"]["attended"], &shown["fields"]["completed"]),
        (&json!(25), &json!(25))
    );
    assert_eq!(shown["changed_since_sent"], false);
    let held = node.ok(&["record", "holdings"]);
    assert_eq!(held["holdings"][0]["let_go"], 55, "{held}");
    assert_eq!(held["holdings"][0]["rows"], 0, "{held}");
    let listed = node.ok(&["release", "list"]);
    for release in listed["releases"].as_array().expect("releases") {
        assert_eq!(release["changed_since_sent"], false, "{listed}");
    }
    let draft = node.ok(&["release", "preview", "2018", "--kind", "training"]);
    assert_eq!(
        draft["digest"], before["digest"],
        "the same draft as before"
    );
    assert_eq!(node.publish("2018", "training")["published"], json!([]));
}

/// An activity that was forgotten comes in: the activities are one more, and whatever counts heads
/// is shown again as it was.
fn a_later_correction_moves_no_figure_of_persons(node: &Node, before: &Value) {
    let third = add(node, "training", "third", "2018-08-01");
    node.ok(&["record", "edit", &third, "--set", "attended=40"]);
    let draft = node.ok(&["release", "preview", "2018", "--kind", "training"]);
    assert_ne!(draft["digest"], before["digest"]);
    assert!(!personal(before).is_empty());
    assert!(personal(&draft) == personal(before), "no figure moved");
    assert!(draft["blocked"].to_string().contains("let go"), "{draft}");
    let published = node.publish("2018", "training");
    assert_eq!(published["published"].as_array().map(Vec::len), Some(1));
    assert_eq!(node.ok(&["audit"])["disclosed"], json!([]));
    let question = [
        "report",
        "training",
        "--measure",
        "activities",
        "--member",
        "inpud",
    ];
    let question = [
        &question[..],
        &[
            "--from",
            "2018",
            "--to",
            "2018",
            "--grain",
            "year",
            "--allow-partial",
        ],
    ]
    .concat();
    assert_eq!(node.ok(&question)["rows"][0]["value"], 3);
    // A quarter that was never published counts nobody any more, and says nothing of them.
    let draft = node.ok(&["release", "preview", "2018Q2", "--kind", "training"]);
    let tables = personal(&draft);
    let cells = tables
        .iter()
        .flat_map(|table| table["cells"].as_array().expect("cells"));
    let states: Vec<&Value> = cells.map(|cell| &cell["state"]).collect();
    assert!(states.iter().all(|state| **state == "absent"), "{draft}");
}

/// Returns whether any row of the private database says a word, once decrypted. Nothing may run
/// on the directory.
fn says(node: &Node, word: &str) -> bool {
    let dir = NodeDir::open(&node.dir).expect("a node");
    let passphrase = std::fs::read_to_string(node.passphrase()).expect("a passphrase");
    let key = dir.unlock(passphrase.trim_end().as_bytes());
    let key = key.expect("the passphrase").expect("a vault");
    let store = dir.private(&key, os_entropy).expect("a private plane");
    let holds = |bytes: &[u8]| {
        bytes
            .windows(word.len())
            .any(|window| window == word.as_bytes())
    };
    (0..=u8::MAX).any(|space| {
        store
            .scan(space, &[])
            .any(|row| holds(&row.expect("a row").1))
    })
}
