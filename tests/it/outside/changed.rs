//! Records that change after they were sent: seen in the book, in the list of releases and in the
//! next preview; and changes that are cut short.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Node, World};

fn add(node: &Node, title: &str, attended: &str) -> String {
    let (title, attended) = (format!("title={title}"), format!("attended={attended}"));
    let fields = [&title, "start=2018-02-01", "topics=accounting", &attended];
    let add = [
        &["record", "add", "--kind", "training", "--set"][..],
        &fields,
    ]
    .concat();
    let added = node.ok(&add);
    added["id"].as_str().expect("an id").to_owned()
}

/// Returns title, whether it was sent, and whether it changed since, of every record.
fn standings(node: &Node) -> Vec<(String, bool, bool)> {
    let listed = node.ok(&["record", "list", "--kind", "training"]);
    let records = listed["records"].as_array().expect("records").iter();
    let sorted = |mut all: Vec<(String, bool, bool)>| {
        // Made within one second, they stand in no order.
        all.sort();
        all
    };
    let standing = |record: &Value| {
        let title = record["fields"]["title"].as_str().expect("a title");
        let yes = |name: &str| record[name].as_bool().expect("yes or no");
        (title.to_owned(), yes("sent"), yes("changed_since_sent"))
    };
    sorted(records.map(standing).collect())
}

fn releases(node: &Node) -> Vec<(bool, Value)> {
    let listed = node.ok(&["release", "list"]);
    let releases = listed["releases"].as_array().expect("releases").iter();
    releases
        .map(|one| {
            let changed = one["changed_since_sent"].as_bool().expect("yes or no");
            (changed, one["since"].clone())
        })
        .collect()
}

fn last_release(node: &Node) -> (bool, Value) {
    releases(node).pop().expect("a release")
}

fn preview(node: &Node) -> Value {
    let draft = node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
    draft["summaries"][0].clone()
}

#[test]
fn what_changed_since_it_was_sent_is_shown() {
    let world = World::new();
    let [inpud, _anpud] = world.pair(&[]);
    let first = add(&inpud, "first", "20");
    add(&inpud, "second", "30");
    let named = |standings: &[(&str, bool, bool)]| {
        let owned = standings.iter();
        owned
            .map(|(t, s, c)| ((*t).to_owned(), *s, *c))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        standings(&inpud),
        named(&[("first", false, false), ("second", false, false)])
    );
    inpud.publish("2018Q1", "training");
    assert_eq!(
        standings(&inpud),
        named(&[("first", true, false), ("second", true, false)])
    );
    assert_eq!(releases(&inpud), [(false, Value::Null)]);

    inpud.ok(&["record", "edit", &first, "--set", "topics=auditing"]);
    add(&inpud, "third", "40");
    assert_eq!(
        standings(&inpud),
        named(&[
            ("first", true, true),
            ("second", true, false),
            ("third", false, true)
        ])
    );
    let since = json!({"changed": 1, "added": 1, "deleted": 0});
    assert_eq!(releases(&inpud), [(true, since.clone())]);
    assert_eq!(
        inpud.ok(&["record", "show", &first])["changed_since_sent"],
        true
    );
    let draft = preview(&inpud);
    assert_eq!(
        (&draft["unchanged"], &draft["since"]),
        (&json!(false), &since)
    );
    let tables = draft["tables"].as_array().expect("tables");
    let total = tables
        .iter()
        .find(|table| table["table"] == "training.activities");
    let cell = &total.expect("the plan has it")["cells"][0];
    assert_eq!(
        (&cell["value"], &cell["was"]["value"]),
        (&json!(3), &json!(2))
    );

    inpud.ok(&["record", "delete", &first]);
    let since = json!({"changed": 0, "added": 1, "deleted": 1});
    assert_eq!(releases(&inpud), [(true, since)]);
    inpud.publish("2018Q1", "training");
    assert_eq!(
        standings(&inpud),
        named(&[("second", true, false), ("third", true, false)])
    );
    assert!(releases(&inpud).iter().all(|(changed, _)| !changed));
    moved_or_only_renamed(&inpud);
}

/// A record that leaves a period changes what was sent of it; one that is only renamed leaves the
/// figures as they were, and publishing them says so.
fn moved_or_only_renamed(inpud: &Node) {
    let listed = inpud.ok(&["record", "list"]);
    let id = listed["records"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let title = &listed["records"][0]["fields"]["title"];
    inpud.ok(&["record", "edit", &id, "--set", "title=renamed"]);
    assert!(last_release(inpud).0);
    // Said again as it was sent, it is as it was sent.
    let back = format!("title={}", title.as_str().expect("a title"));
    inpud.ok(&["record", "edit", &id, "--set", &back]);
    assert!(!last_release(inpud).0);
    inpud.ok(&["record", "edit", &id, "--set", "title=renamed"]);
    assert!(last_release(inpud).0);
    assert_eq!(preview(inpud)["unchanged"], true);
    assert_eq!(inpud.publish("2018Q1", "training")["published"], json!([]));
    assert!(!last_release(inpud).0);
    inpud.ok(&["record", "edit", &id, "--set", "start=2018-05-01"]);
    let deleted = json!({"changed": 0, "added": 0, "deleted": 1});
    assert_eq!(last_release(inpud), (true, deleted));
    let shown = inpud.ok(&["record", "show", &id]);
    assert_eq!(shown["changed_since_sent"], true, "{shown}");
}

#[test]
fn an_edit_cut_short_is_whole_or_was_never_made() {
    let world = World::new();
    let [mut inpud, _anpud] = world.pair(&[]);
    let id = add(&inpud, "0", "0");
    inpud.publish("2018Q1", "training");
    let mut before = 0;
    for round in 1..=5_u32 {
        let (title, attended) = (format!("title={round}"), format!("attended={round}"));
        let source = format!("source_id=s{round}");
        let edit = ["record", "edit", &id, "--set", &title, &attended, &source];
        let mut command = inpud.command(&edit);
        let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
        // Before, during or after the edit, as it comes.
        std::thread::sleep(Duration::from_millis(u64::from(round) * 9));
        inpud.kill();
        let acknowledged = child.wait().expect("a process").success();
        inpud.serve();
        let shown = inpud.ok(&["record", "show", &id]);
        let now = shown["fields"]["attended"].as_u64().expect("a number");
        assert_eq!(
            shown["fields"]["title"],
            now.to_string(),
            "half an edit: {shown}"
        );
        assert!(
            now == u64::from(round) || (now == before && !acknowledged),
            "{shown}"
        );
        assert_eq!(shown["changed_since_sent"], now != 0, "{shown}");
        // The name an import knows it by went with it.
        if now > 0 {
            let taken = format!("source_id=s{now}");
            let again = ["record", "add", "--kind", "training", "--set", "title=t"];
            inpud.refused(
                &[&again[..], &["start=2018-01-01", &taken]].concat(),
                "exists",
            );
        }
        before = now;
    }
}
