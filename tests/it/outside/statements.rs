//! What a network says in its own words: written, looked at, published with its figures, read by
//! others under its name.

use serde_json::{Value, json};

use crate::world::{Node, World};

const PLAIN: &str = "Two trainings were moved to the second quarter.";
const NAMING: &str = "We thank Ana Souza, ana@example.org.";

fn write(node: &Node, kind: &str, texts: &[&str]) -> Value {
    let mut command = vec!["release", "statement", "2018Q1", "--kind", kind];
    command.extend(texts.iter().flat_map(|text| ["--text", text]));
    node.ok(&command)
}

fn preview(node: &Node) -> Value {
    node.ok(&["release", "preview", "2018Q1", "--kind", "training"])
}

fn digest(draft: &Value) -> &str {
    draft["digest"].as_str().expect("a digest")
}

fn texts(statements: &Value) -> Vec<&str> {
    let all = statements.as_array().expect("statements").iter();
    all.map(|one| one["text"].as_str().expect("a text"))
        .collect()
}

#[test]
fn words_go_through_the_door_with_the_figures() {
    let world = World::new();
    let [inpud, anpud] = world.pair(&[]);
    inpud.knows(&anpud);
    let fields = ["title=Books", "start=2018-02-01", "topics=accounting"];
    let add = [
        &["record", "add", "--kind", "training", "--set"][..],
        &fields,
    ]
    .concat();
    inpud.ok(&add);

    let before = preview(&inpud);
    let written = write(&inpud, "training", &[PLAIN, NAMING]);
    let warnings = written["statements"][1]["warnings"]
        .as_array()
        .expect("warnings");
    assert_eq!(warnings.len(), 2, "{written}");
    assert_eq!(written["statements"][0]["warnings"], json!([]));
    inpud.refused(&["release", "publish", digest(&before)], "changed");

    let draft = preview(&inpud);
    let shown = &draft["summaries"][0]["statements"];
    assert_eq!(
        shown, &written["statements"],
        "the preview shows them with their warnings"
    );
    let published = inpud.ok(&["release", "publish", digest(&draft)]);
    assert_eq!(published["published"][0]["revision"], 1, "{published}");
    assert_eq!(preview(&inpud)["summaries"][0]["unchanged"], true);
    inpud.sync(&anpud);
    read_by_the_other(&anpud);

    // Other words are another revision, and none at all too.
    write(&inpud, "training", &[PLAIN]);
    let changed = inpud.publish("2018Q1", "training");
    assert_eq!(changed["published"][0]["revision"], 2, "{changed}");
    inpud.ok(&[
        "release",
        "statement",
        "2018Q1",
        "--kind",
        "training",
        "--clear",
    ]);
    inpud.publish("2018Q1", "training");
    inpud.sync(&anpud);
    assert_eq!(said(&anpud), json!([]));
}

fn said(node: &Node) -> Value {
    let mut command = vec!["report", "training", "--measure", "activities"];
    command.extend(["--from", "2018", "--to", "2018", "--allow-partial"]);
    node.ok(&command)["statements"].clone()
}

fn read_by_the_other(anpud: &Node) {
    let statement = |text: &str| {
        json!({
            "member": "inpud", "name": "inpud", "kind": "training", "period": "2018Q1",
            "text": text, "leaf_index": 0,
        })
    };
    assert_eq!(said(anpud), json!([statement(PLAIN), statement(NAMING)]));
    let story = anpud.ok(&["story", "--from", "2018Q1", "--to", "2018Q1"]);
    let told = story["story"].as_array().expect("sentences");
    let last = told.last().and_then(Value::as_str).expect("a sentence");
    assert_eq!(
        last,
        format!("inpud says of its trainings in 2018Q1: \u{201c}{NAMING}\u{201d}")
    );
    let sentences = story["sentences"].as_array().expect("sentences");
    let last = sentences.last().expect("a sentence");
    assert_eq!(last["statement"], statement(NAMING));
}

#[test]
fn what_is_no_statement_is_refused() {
    let world = World::new();
    let [inpud, _anpud] = world.pair(&[]);
    write(&inpud, "training", &[PLAIN; 3]);
    let long = "a".repeat(241);
    let command = ["release", "statement", "2018Q1", "--kind"];
    let refused = |kind: &str, texts: &[&str], code: &str| {
        let mut command = [&command[..], &[kind]].concat();
        command.extend(texts.iter().flat_map(|text| ["--text", *text]));
        inpud.refused(&command, code)
    };
    for text in ["", "two\nlines", "a\u{1b}[2Jb", "a  b", &long] {
        let message = refused("training", &[text], "invalid");
        assert!(message.contains("one line of 1 to 240"), "{message}");
    }
    let message = refused("consultation", &[PLAIN; 3], "invalid");
    assert!(message.contains("2018Q1 would have 6"), "{message}");
    let month = [
        "release",
        "statement",
        "2018-01",
        "--kind",
        "training",
        "--text",
        PLAIN,
    ];
    inpud.refused(&month, "no_such_table");
    let still = inpud.ok(&["release", "statement", "2018Q1", "--kind", "training"]);
    assert_eq!(texts(&still["statements"]), [PLAIN; 3]);
    assert_eq!(
        write(&inpud, "consultation", &[PLAIN; 2])["series"],
        "consultation/2018Q1"
    );
}
