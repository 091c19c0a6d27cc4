//! Recognisable words planted where only the book may keep them: they are in no file of any
//! node, in no log line, and in nothing anybody is told.

use std::path::{Path, PathBuf};

use counterfoil::identity::ApproverKey;
use serde_json::Value;

use crate::world::table::csv;
use crate::world::{Node, World};

/// What every planted word begins with.
const MARK: &str = "zq7xmark";

fn mark(place: &str) -> String {
    format!("{MARK}{place}")
}

/// Returns the files below a folder that hold a word in any case, as UTF-8 or as UTF-16.
fn holders(folder: &Path, word: &str) -> Vec<PathBuf> {
    let narrow = word.to_ascii_lowercase().into_bytes();
    let wide: Vec<u8> = narrow.iter().flat_map(|byte| [*byte, 0]).collect();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        let kind = entry.file_type().expect("a type");
        if path.to_string_lossy().to_ascii_lowercase().contains(word) {
            found.push(path.clone());
        }
        if kind.is_dir() {
            found.extend(holders(&path, word));
        } else if kind.is_file() {
            let bytes = crate::world::node::read(&path).to_ascii_lowercase();
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            if holds(&narrow) || holds(&wide) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn planted_words_are_found_nowhere() {
    let world = World::new();
    let flags = ["--size", "large", "--countries", "TH,NP"];
    let mut inpud = world.member("inpud", &flags);
    let mut anpud = world.member("anpud", &flags);
    inpud.serve();
    anpud.serve();
    world.unite("2018", &[&inpud, &anpud]);
    planted(&world, &inpud);
    refused_rows_stay_out_of_the_log(&world, &inpud);
    named_in_commands(&inpud);

    let mut told = Vec::new();
    for kind in ["training", "consultation", "advocacy_action"] {
        told.push(inpud.ok(&["release", "preview", "2018Q2", "--kind", kind]));
        told.push(inpud.publish("2018Q2", kind));
        told.push(inpud.publish("2018", kind));
    }
    told.push(inpud.ok(&["release", "list"]));
    anpud.knows(&inpud);
    anpud.sync(&inpud);
    told.extend(asked(&anpud));
    told.extend(asked(&inpud));
    // What a locked node shows, and what one opened for a single command leaves behind.
    assert_eq!(inpud.ok(&["lock"])["locked"], true);
    told.push(inpud.ok(&["health"]));
    inpud.kill();
    inpud.ok(&["record", "list"]);
    for answer in &told {
        assert!(
            !answer.to_string().to_ascii_lowercase().contains(MARK),
            "{answer}"
        );
    }

    for node in [&inpud, &anpud] {
        assert_eq!(
            holders(&node.dir, MARK),
            [] as [PathBuf; 0],
            "in {}",
            node.id
        );
        let log = crate::world::node::read(&node.log());
        let log = String::from_utf8(log).expect("UTF-8").to_ascii_lowercase();
        assert!(log.contains("node serves"), "there is a log to search");
        assert!(!log.contains(MARK), "{}", line_with(&log, MARK));
        assert!(!log.contains("the passphrase of"), "no passphrase");
        // The search finds what is public, so it would find the rest.
        assert!(!holders(&node.dir, "counterfoil/leaf/v1").is_empty());
        assert_eq!(holders(&node.dir, "the passphrase of"), [] as [PathBuf; 0]);
    }
}

fn line_with<'a>(log: &'a str, word: &str) -> &'a str {
    log.lines().find(|line| line.contains(word)).unwrap_or("")
}

/// Plants words in every place where a network writes down what is nobody else's business.
fn planted(world: &World, node: &Node) {
    let training = add(
        node,
        "training",
        &[
            ("title", &mark("title")),
            ("notes", &mark("notes")),
            ("source_id", &mark("source")),
            ("start", "2018-04-12"),
            ("country", "TH"),
        ],
    );
    let header = [
        "person", "gender", "age_band", "role", "phone", "Name", "e-mail",
    ];
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    for number in 0..24 {
        lines.push(vec![
            format!("{} {number}", mark("person")),
            "woman".to_owned(),
            "30-39".to_owned(),
            "member".to_owned(),
            format!("+66 {} {number}", mark("phone")),
            format!("{} {number}", mark("name")),
            format!("{}{number}@example.org", mark("mail")),
        ]);
    }
    let file = world.write("people.csv", csv(lines));
    let outcome = into(node, &file, &training, "training", "participants");
    assert_eq!(outcome["created"], 24, "{outcome}");
    let dropped = outcome["dropped_columns"].as_array().expect("columns");
    assert_eq!(dropped.len(), 3, "{outcome}");

    let consultation = add(
        node,
        "consultation",
        &[
            ("title", &mark("consultation")),
            ("start", "2018-05-02"),
            ("body", &mark("body")),
        ],
    );
    let lines = [
        vec!["source_id", "text", "section", "made", "status"],
        vec![
            "s-zq7xmark-1",
            "zq7xmark suggested",
            "zq7xmark section",
            "2018-05-03",
            "open",
        ],
    ];
    let lines = lines.map(|line| line.into_iter().map(str::to_owned).collect());
    let file = world.write("suggestions.csv", csv(lines));
    into(node, &file, &consultation, "consultation", "suggestions");

    let letter = add(
        node,
        "advocacy_action",
        &[
            ("title", &mark("letter")),
            ("start", "2018-06-01"),
            ("addressees", &mark("addressees")),
            ("evidence", &mark("evidence")),
        ],
    );
    let mut lines = vec![["name", "type", "country"].map(str::to_owned).to_vec()];
    for kind in ["organisation", "individual"] {
        let name = format!("{} {kind}", mark("signatory"));
        lines.push(vec![name, kind.to_owned(), "NP".to_owned()]);
    }
    let file = world.write("signatories.csv", csv(lines));
    into(node, &file, &letter, "advocacy_action", "signatories");

    let out = world.path("donor.pem");
    let name = mark("donor");
    let mut grant = vec!["access", "grant", "--role", "coordinator", "--name", &name];
    grant.extend(["--out", out.to_str().expect("UTF-8")]);
    node.ok(&grant);
    node.ok(&["access", "revoke", &name]);
}

/// Persons that commands name: one who is looked for in the book, and one who may approve.
fn named_in_commands(node: &Node) {
    let person = format!("{} 3", mark("person"));
    let ask = ["record", "forget", "--person", &person, "--dry-run"];
    assert_eq!(node.ok(&ask)["rows"], 1);
    let key = ApproverKey::from_seed(&[7; 32]).public_key().to_string();
    let name = mark("approver");
    node.ok(&["approver", "add", &name, "--key", &key]);
    let nobody = ["approver", "remove", &mark("nobody")];
    node.refused(&nobody, "unknown_approver");
}

/// A row that cannot be read is told to whoever brought it, and to no log.
fn refused_rows_stay_out_of_the_log(world: &World, node: &Node) {
    let text = format!("title,start\n{},{}\n", mark("bad"), mark("when"));
    let file = world.write("bad.csv", text);
    let (code, outcome) = node.run(&["record", "import", &file, "--kind", "training"]);
    assert_eq!(code, 1);
    assert_eq!(outcome["rejected"][0]["value"], mark("when"), "{outcome}");
    let add = [
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        "start=2018-01-01",
        "--set",
    ];
    let title = format!("title={}", mark("add"));
    let country = format!("country={}", mark("land"));
    let (code, _) = node.run(&[&add[..], &[&title, "--set", &country]].concat());
    assert_eq!(code, 1);
    let (code, _) = node.run(&["record", "show", &mark("id")]);
    assert_eq!(code, 1);
}

fn add(node: &Node, kind: &str, fields: &[(&str, &str)]) -> String {
    let mut command: Vec<String> = ["record", "add", "--kind", kind]
        .map(str::to_owned)
        .to_vec();
    for (field, value) in fields {
        command.extend(["--set".to_owned(), format!("{field}={value}")]);
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let record = node.ok(&command);
    record["id"].as_str().expect("an id").to_owned()
}

fn into(node: &Node, file: &str, id: &str, kind: &str, list: &str) -> Value {
    node.ok(&[
        "record", "import", file, "--kind", kind, "--into", id, "--list", list,
    ])
}

/// Everything a reader of summaries can ask a node.
fn asked(node: &Node) -> Vec<Value> {
    let ask = |kind, measure, by| {
        let mut question = vec!["report", kind, "--measure", measure, "--by", by];
        question.extend(["--from", "2018", "--to", "2018", "--grain", "year"]);
        question.extend(["--allow-partial", "--provenance"]);
        node.ok(&question)
    };
    let people = ask("training", "attendances", "period");
    assert_eq!(people["rows"][0]["value"], 24, "{people}");
    vec![
        people,
        ask("training", "attendances", "country"),
        ask("consultation", "suggestions_sent", "period"),
        ask("advocacy_action", "signatories", "scope"),
        node.ok(&["coverage", "--from", "2018", "--to", "2018"]),
        node.ok(&["prove", "inpud", "1"]),
        node.ok(&["prove", "inpud", "2"]),
        node.ok(&["charter", "show"]),
        node.ok(&["peer", "list"]),
        node.ok(&["health"]),
    ]
}
