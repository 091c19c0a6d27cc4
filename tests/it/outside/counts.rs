//! Counts that are none: negative, broken, enormous and missing ones, and those that contradict
//! each other. Each is refused where it stands, and nothing is stored.

use serde_json::{Value, json};

use crate::world::{Node, World};

/// What is no count, as people and programs write it.
const NONE: [&str; 16] = [
    "-1",
    "-0",
    "\u{2212}3",
    "2.5",
    "1e3",
    "1/2",
    "100000001",
    "99999999999999999999",
    "0x10",
    "12 people",
    "~12",
    "1,200",
    "NaN",
    "inf",
    "?",
    "+7",
];

#[test]
fn counts_that_are_none_are_refused_where_they_stand() {
    let world = World::new();
    let [node, _anpud] = world.pair(&[]);
    in_files(&world, &node);
    one_by_one(&node);
    in_lists(&world, &node);
    assert_eq!(node.ok(&["release", "list"])["releases"], json!([]));
}

fn stored(node: &Node) -> Value {
    node.ok(&["record", "list"])["records"].clone()
}

fn in_files(world: &World, node: &Node) {
    for column in ["attended", "completed", "invited", "registered"] {
        let mut file = format!("title,start,{column}\ngood,2018-02-01,12\n");
        for (nth, text) in NONE.iter().enumerate() {
            file.push_str(&format!("bad {nth},2018-02-01,\"{text}\"\n"));
        }
        let file = world.write("counts.csv", file);
        let import = ["record", "import", &file, "--kind", "training"];
        let (code, outcome) = node.run(&import);
        assert_eq!((code, &outcome["created"]), (1, &json!(0)), "{outcome}");
        let rejected = outcome["rejected"].as_array().expect("a list");
        assert_eq!(rejected.len(), NONE.len(), "{outcome}");
        for (nth, (text, row)) in NONE.iter().zip(rejected).enumerate() {
            let place = (&row["line"], &row["column"], &row["value"]);
            assert_eq!(
                place,
                (&json!(nth + 3), &json!(column), &json!(text)),
                "{row}"
            );
            let reason = row["reason"].as_str().expect("a reason");
            assert!(reason.starts_with("not a whole number up to"), "{row}");
            assert!(
                reason.contains("leave it empty where it is not known"),
                "{row}"
            );
        }
        assert_eq!(stored(node), json!([]));
    }
}

fn one_by_one(node: &Node) {
    let add = ["record", "add", "--kind", "training", "--set"];
    let training = ["title=t", "start=2018-02-01"];
    let good = [&add[..], &training, &["attended=12"]].concat();
    let id = node.ok(&good)["id"].as_str().expect("an id").to_owned();
    let before = stored(node);
    for text in NONE {
        let attended = format!("attended={text}");
        let told = [
            node.refused(&[&add[..], &training, &[&attended]].concat(), "invalid"),
            node.refused(&["record", "edit", &id, "--set", &attended], "invalid"),
        ];
        for told in told {
            assert!(
                told.contains("attended") && told.contains("whole number"),
                "{told}"
            );
        }
    }
    assert_eq!(stored(node), before);
    for hours in ["-1", "1e2", "100001", "7.123", "NaN"] {
        let hours = format!("hours={hours}");
        let told = node.refused(&["record", "edit", &id, "--set", &hours], "invalid");
        assert!(told.contains("hours"), "{told}");
    }
    assert_eq!(stored(node), before);
    node.ok(&["record", "delete", &id]);
}

fn in_lists(world: &World, node: &Node) {
    let add = ["record", "add", "--kind", "training", "--set"];
    let added = node.ok(&[&add[..], &["title=t", "start=2018-02-01"]].concat());
    let id = added["id"].as_str().expect("an id");
    let before = node.ok(&["record", "show", id]);
    let sessions = "date,minutes,attended\n2018-02-01,90,12\n2018-02-02,-90,3\n2018-02-03,90,-3\n";
    let file = world.write("sessions.csv", sessions);
    let import = [
        "record", "import", &file, "--into", id, "--list", "sessions",
    ];
    let (code, outcome) = node.run(&import);
    assert_eq!((code, &outcome["created"]), (1, &json!(0)), "{outcome}");
    let rejected = outcome["rejected"].as_array().expect("a list").iter();
    let places: Vec<_> = rejected.map(|row| (&row["line"], &row["column"])).collect();
    let expected = [
        (&json!(3), &json!("minutes")),
        (&json!(4), &json!("attended")),
    ];
    assert_eq!(places, expected, "{outcome}");
    assert_eq!(node.ok(&["record", "show", id]), before);
    node.ok(&["record", "delete", id]);
}

/// Returns what leaves of a measure's total.
fn cell<'a>(draft: &'a Value, measure: &str) -> &'a Value {
    let tables = draft["summaries"][0]["tables"].as_array().expect("tables");
    let total = |one: &&Value| one["measure"] == measure && one["by"] == json!([]);
    let table = tables.iter().find(total);
    &table.expect("the plan has it")["cells"][0]
}

#[test]
fn counts_that_are_missing_or_contradict_each_other_are_no_figures() {
    let world = World::new();
    let [node, _anpud] = world.pair(&["--size", "large"]);
    // Missing: nobody knows, which is not nobody.
    let file = "title,start,attended,completed\nmissing,2018-02-01,,\n";
    let file = world.write("missing.csv", file);
    let import = |file: &str| node.ok(&["record", "import", file, "--kind", "training"]);
    assert_eq!(import(&file)["created"], 1);
    let draft = node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
    let total = cell(&draft, "attendances");
    assert_eq!(
        (&total["state"], &total["uncounted"]),
        (&json!("absent"), &json!(1)),
        "{total}"
    );

    // Contradictory: kept with a warning, and no table of it leaves until it is put right.
    let file = "title,start,attended,completed\nmore,2018-05-01,30,42\n";
    let file = world.write("more.csv", file);
    let outcome = import(&file);
    let warning = outcome["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.starts_with("line 2: completed says 42 and only 30"),
        "{outcome}"
    );
    let preview = || node.ok(&["release", "preview", "2018Q2", "--kind", "training"]);
    let draft = preview();
    let blocked = draft["blocked"].as_array().expect("a list");
    let about = |row: &&Value| {
        row["table"]
            .as_str()
            .is_some_and(|id| id.contains("completions"))
    };
    let reason = blocked.iter().find(about).map(|row| row["reason"].as_str());
    let reason = reason.flatten().unwrap_or_else(|| panic!("{blocked:?}"));
    assert!(
        reason.contains("more than attendances: correct the records"),
        "{reason}"
    );
    assert_eq!(cell(&draft, "completions")["state"], "absent");
    let listed = stored(&node);
    let mut records = listed.as_array().expect("records").iter();
    let more = records.find(|one| one["fields"]["title"] == "more");
    let id = more.expect("it is there")["id"].as_str().expect("an id");
    node.ok(&["record", "edit", id, "--set", "completed=12"]);
    assert_eq!(cell(&preview(), "completions")["value"], 12);

    // As many as a count can be is a figure like any other.
    let many = ["title=all", "start=2018-08-01", "attended=100000000"];
    let add = ["record", "add", "--kind", "training", "--set"];
    node.ok(&[&add[..], &many].concat());
    let draft = node.ok(&["release", "preview", "2018Q3", "--kind", "training"]);
    assert_eq!(cell(&draft, "attendances")["value"], 100_000_000);
}
