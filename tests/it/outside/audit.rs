//! The attack on everything that was ever published, run by anybody who holds the log.

use counterfoil::log::{Audience, Leaf, commitment};
use counterfoil::model::Figure;
use counterfoil::store::{Entry, Payload, PublicStore, Replica, SaltedPayload, os_entropy};
use counterfoil::wire::payload;
use serde_json::{Value, json};

use crate::world::node::refusal;
use crate::world::{Node, World};

fn add(node: &Node, start: &str, attended: &str, completed: &str) {
    let fields = [
        "title=x".to_owned(),
        format!("start={start}"),
        "topics=accounting".to_owned(),
        format!("attended={attended}"),
        format!("completed={completed}"),
    ];
    let mut add = vec!["record", "add", "--kind", "training", "--set"];
    add.extend(fields.iter().map(String::as_str));
    node.ok(&add);
}

/// Publishes two years with few and with many, a correction, and a year beside its quarters.
fn history(node: &Node) {
    add(node, "2018-02-01", "40", "39");
    add(node, "2018-05-01", "7", "7");
    node.publish("2018Q1", "training");
    node.publish("2018Q2", "training");
    node.publish("2018", "training");
    add(node, "2018-02-02", "1", "0");
    node.publish("2018Q1", "training");
    add(node, "2019-02-02", "3", "");
    node.publish("2019", "training");
}

/// Puts a revision into the copy of INPUD's log at a node that does not run, which says of 2018
/// outright how many completed.
fn uncover(node: &Node) {
    let store = PublicStore::open(&node.dir.join("public"), os_entropy).expect("a store");
    let origin = "joint/inpud";
    let decode = |entry: &Entry| match &entry.payload {
        Payload::Here(salted) => payload::decode(&salted.payload).ok(),
        _ => None,
    };
    let entries = store.entries(origin, 0..u64::MAX).expect("a log");
    let of_year = entries
        .filter_map(|row| decode(&row.expect("an entry").1))
        .find(|summary| summary.series.to_string() == "training/2018");
    let mut summary = of_year.expect("the year");
    let completed = summary
        .tables
        .iter_mut()
        .find(|table| table.id == "training.completions");
    completed.expect("a table").cells[0].figure = Figure::Exact(46);
    summary.revision += 1;
    let salt = [7; 32];
    let payload = payload::encode(&summary).expect("small");
    let leaf = Leaf::Summary {
        series: summary.series,
        revision: summary.revision,
        date: "2019-03-01".parse().expect("a date"),
        replaces: None,
        audience: Audience::ALL,
        commit: commitment(&salt, &payload),
    };
    let mut growth = Replica::new(&store, origin).grow().expect("grows");
    let pushed = growth.push(Entry {
        leaf: leaf.encode().expect("a leaf").into_bytes(),
        payload: Payload::Here(SaltedPayload { salt, payload }),
    });
    pushed.expect("grows");
    growth.store(None, None).expect("stores");
    store.commit().expect("commits");
}

fn check_clean(audit: &Value, member: &str) {
    assert_eq!(audit["member"], member);
    assert_eq!(audit["disclosed"], json!([]), "{audit}");
    assert!(
        audit["functionals"].as_u64().expect("a number") > 10,
        "{audit}"
    );
    let worst = audit["worst"].as_array().expect("the tightest");
    assert!(!worst.is_empty() && worst.len() <= 10, "{audit}");
    let width = |sum: &Value| match (sum["lower"].as_i64(), sum["upper"].as_i64()) {
        (Some(lower), Some(upper)) => upper - lower,
        _ => i64::MAX,
    };
    assert!(worst.is_sorted_by_key(width), "{audit}");
    for sum in worst {
        let words = ["cell", "rest", "beside", "difference", "change"];
        assert!(
            words.contains(&sum["what"].as_str().expect("a word")),
            "{sum}"
        );
        assert!(
            sum["table"].is_string() && sum["period"].is_string(),
            "{sum}"
        );
        assert!(sum["dims"].is_object(), "{sum}");
        assert!(width(sum) >= 9, "{sum}");
    }
}

#[test]
fn anybody_who_holds_a_log_can_audit_it() {
    let world = World::new();
    let [inpud, mut anpud] = world.pair(&["--size", "large"]);
    assert_eq!(anpud.ok(&["audit"])["functionals"], 0);
    history(&inpud);
    inpud.knows(&anpud);
    inpud.sync(&anpud);

    let own = inpud.ok(&["audit"]);
    check_clean(&own, "inpud");
    assert_eq!(inpud.ok(&["audit", "--member", "inpud"]), own);
    assert_eq!(
        anpud.ok(&["audit", "--member", "inpud"]),
        own,
        "from a copy"
    );
    // Nothing private is needed: neither a passphrase nor a node that runs.
    anpud.ok(&["lock"]);
    assert_eq!(anpud.ok(&["audit", "--member", "inpud"]), own);
    anpud.terminate();
    let mut command = anpud.command(&["audit", "--member", "inpud"]);
    command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let again: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(again, own);

    uncover(&anpud);
    let output = anpud
        .command(&["audit", "--member", "inpud"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(
        !told["disclosed"].as_array().expect("a list").is_empty(),
        "{told}"
    );

    refusal(
        inpud.run(&["audit", "--member", "nobody"]),
        1,
        "unknown_member",
    );
}
