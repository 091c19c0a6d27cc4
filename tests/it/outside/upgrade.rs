//! A node as the version before made it: it opens as it is, and its vault is upgraded with the first
//! change of a passphrase, with everything in it.

use std::path::Path;

use serde_json::{Value, json};

use crate::world::node::read;
use crate::world::{Node, World};

/// Lays out the node that the version before this one made.
fn old_node(world: &World) -> Node {
    let zip =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/samples/files/node-format-1.zip");
    let file = std::fs::File::open(zip).expect("a fixture");
    let mut archive = zip::ZipArchive::new(file).expect("a fixture");
    archive.extract(world.path("inpud")).expect("laid out");
    world.adopt("inpud", "six plain words")
}

fn vault(node: &Node) -> String {
    String::from_utf8(read(&node.dir.join("vault.toml"))).expect("UTF-8")
}

fn record<'v>(listed: &'v Value, title: &str) -> &'v Value {
    let mut records = listed["records"].as_array().expect("records").iter();
    let record = records.find(|record| record["fields"]["title"] == title);
    record.expect("a record")
}

#[test]
fn a_node_of_the_version_before_is_upgraded_with_everything_in_it() {
    let world = World::new();
    let mut node = old_node(&world);
    let listed = node.ok(&["record", "list"]);
    let id = record(&listed, "first")["id"].as_str().expect("an id");
    let shown = node.ok(&["record", "show", id]);
    let persons = shown["lists"]["participants"].as_array().expect("a list");
    assert_eq!(persons.len(), 3);
    assert!(
        vault(&node).contains("format = 1\n"),
        "reading changes nothing"
    );
    let words = node.ok(&["passphrase", "list"]);
    assert_eq!(
        words["passphrases"],
        json!([{"name": "first", "recovery": false}])
    );
    assert!(vault(&node).contains("format = 1\n"), "nor does listing");

    // Upgraded while it runs, unlocked.
    node.serve();
    let desk = world.secret("desk", "the words at the desk\n");
    let add = ["passphrase", "add", "desk", "--new-passphrase-file", &desk];
    let (code, refused) = node.run_with(None, &add);
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("passphrase")));
    node.ok(&add);
    assert!(vault(&node).contains("format = 2\n"));
    assert_eq!(node.ok(&["record", "show", id]), shown);
    node.kill();
    let (code, again) = node.run_with(Some(&desk), &["record", "show", id]);
    assert_eq!((code, &again), (0, &shown));
    // The same sheet still says nothing new: persons and rows are known by the same names.
    let sheet = "person,role,completed\nP-1,member,yes\nP-2,member,no\nP-3,absent,\n";
    let sheet = world.write("people.csv", sheet);
    let import = [
        "record", "import", &sheet, "--kind", "training", "--into", id,
    ];
    let outcome = node.ok(&[&import[..], &["--list", "participants"]].concat());
    assert_eq!(outcome["unchanged"], 3, "{outcome}");

    // And it can have a plain book like any other.
    let plain = world.secret("plain", "plain words\n");
    node.ok(&["passphrase", "plain", "--new-passphrase-file", &plain]);
    let (code, left) = node.run_with(Some(&plain), &["record", "show", id]);
    assert_eq!(code, 0, "{left}");
    assert_eq!(left["lists"], json!({}));
    assert_eq!(
        (&left["fields"]["attended"], &left["fields"]["completed"]),
        (&json!(2), &json!(1))
    );
    let (code, others) = node.run_with(Some(&plain), &["record", "list"]);
    assert_eq!(code, 0);
    assert_eq!(record(&others, "second"), record(&listed, "second"));
}

#[test]
fn an_old_vault_is_upgraded_with_no_node_running_and_a_plain_book_is_there_at_once() {
    let world = World::new();
    let node = old_node(&world);
    let plain = world.secret("plain", "plain words\n");
    node.ok(&["passphrase", "plain", "--new-passphrase-file", &plain]);
    assert!(vault(&node).contains("format = 2\n"));
    let (code, listed) = node.run_with(Some(&plain), &["record", "list"]);
    assert_eq!(code, 0, "{listed}");
    let first = record(&listed, "first");
    assert_eq!(
        (&first["lists"], &first["fields"]["attended"]),
        (&json!({}), &json!(2))
    );
    node.refused(&["record", "list"], "passphrase");
}
