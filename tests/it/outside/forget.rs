//! Somebody withdraws consent: nothing in the book leads to them any more, what was published
//! stays as it was, and nobody is urged to send it again.

use counterfoil::store::{NodeDir, os_entropy};
use serde_json::{Value, json};

use crate::world::table::csv;
use crate::world::{Node, World};

const MAI: &str = "Mai Nguyen";

/// A training and a letter that Mai stands in, and a training she does not.
fn book(world: &World, node: &Node) -> [String; 3] {
    let persons = |others: usize, mai: &str| {
        let others = (0..others).map(|number| format!("P-{number}"));
        let mut rows = vec![vec!["person".to_owned(), "role".to_owned()]];
        let named = others.chain((!mai.is_empty()).then(|| mai.to_owned()));
        rows.extend(named.map(|person| vec![person, "member".to_owned()]));
        world.write("people.csv", csv(rows))
    };
    let first = add(node, "training", "first");
    into(node, &persons(24, MAI), &first, "training", "participants");
    let second = add(node, "training", "second");
    into(node, &persons(12, ""), &second, "training", "participants");
    let letter = add(node, "advocacy_action", "letter");
    let rows = [
        ["name", "type"],
        ["MAI  nguyen", "individual"],
        ["A network", "organisation"],
    ];
    let file = world.write(
        "names.csv",
        csv(rows.map(|row| row.map(str::to_owned).to_vec())),
    );
    into(node, &file, &letter, "advocacy_action", "signatories");
    [first, second, letter]
}

fn add(node: &Node, kind: &str, title: &str) -> String {
    let title = format!("title={title}");
    let add = [
        "record",
        "add",
        "--kind",
        kind,
        "--set",
        &title,
        "start=2018-02-01",
    ];
    let added = node.ok(&add);
    added["id"].as_str().expect("an id").to_owned()
}

fn into(node: &Node, file: &str, id: &str, kind: &str, list: &str) {
    let import = [
        "record", "import", file, "--kind", kind, "--into", id, "--list", list,
    ];
    let outcome = node.ok(&import);
    assert_eq!(outcome["rejected"], json!([]), "{outcome}");
}

fn rows<'v>(shown: &'v Value, list: &str) -> &'v Vec<Value> {
    shown["lists"][list].as_array().expect("a list")
}

/// Returns whether any row of the private database says a word, once decrypted. Nothing may run
/// on the directory.
fn says(node: &Node, word: &str) -> bool {
    let dir = NodeDir::open(&node.dir).expect("a node");
    let passphrase = std::fs::read_to_string(node.passphrase()).expect("a passphrase");
    let key = dir.unlock(passphrase.trim_end().as_bytes());
    let key = key.expect("the passphrase").expect("a vault");
    let store = dir.private(&key, os_entropy).expect("a private plane");
    let raw: Vec<u8> = (0..word.len() / 2)
        .filter_map(|at| u8::from_str_radix(&word[2 * at..2 * at + 2], 16).ok())
        .collect();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    (0..=u8::MAX).any(|space| {
        store.scan(space, &[]).any(|row| {
            let (key, value) = row.expect("a row");
            let any = |part: &[u8]| holds(&key, part) || holds(&value, part);
            any(word.as_bytes()) || any(&raw)
        })
    })
}

fn changed(node: &Node) -> Vec<bool> {
    let listed = node.ok(&["release", "list"]);
    let releases = listed["releases"].as_array().expect("releases").iter();
    releases
        .map(|one| one["changed_since_sent"].as_bool().expect("yes or no"))
        .collect()
}

#[test]
fn who_withdraws_consent_is_gone_and_what_was_published_stays() {
    let world = World::new();
    let [mut inpud, _anpud] = world.pair(&["--size", "large"]);
    let [first, second, letter] = book(&world, &inpud);
    let shown = inpud.ok(&["record", "show", &first]);
    let code = rows(&shown, "participants")[24]["person"].as_str();
    let code = code.expect("a pseudonym").to_owned();
    assert_eq!(inpud.publish("2018", "training")["tree_size"], 1);
    assert_eq!(inpud.publish("2018", "advocacy_action")["tree_size"], 2);
    let before = inpud.ok(&["prove", "inpud", "0"]);
    assert!(inpud.terminate().success());
    assert!(says(&inpud, &code), "the search finds what is there");

    // Beside a node that runs, and where none does.
    let ask = ["record", "forget", "--person", MAI, "--dry-run"];
    assert_eq!(inpud.ok(&ask), json!({"records": 2, "rows": 2}));
    let notes = "notes=With thanks to Mai Nguyen.";
    inpud.ok(&["record", "edit", &second, "--set", notes]);
    let mentioned = json!({"records": 2, "rows": 2, "mentions": [second]});
    assert_eq!(inpud.ok(&ask), mentioned);
    inpud.ok(&["record", "edit", &second, "--set", "notes="]);
    inpud.serve();
    assert_eq!(inpud.ok(&ask), json!({"records": 2, "rows": 2}));
    assert_eq!(
        rows(&inpud.ok(&["record", "show", &first]), "participants").len(),
        25
    );
    let forget = ["record", "forget", "--person", " mai nguyen"];
    assert_eq!(inpud.ok(&forget), json!({"records": 2, "rows": 2}));
    assert_eq!(inpud.ok(&forget), json!({"records": 0, "rows": 0}));

    let shown = inpud.ok(&["record", "show", &first]);
    assert_eq!(rows(&shown, "participants").len(), 24);
    assert!(!shown.to_string().contains(&code), "{shown}");
    assert_eq!(shown["changed_since_sent"], false, "{shown}");
    let shown = inpud.ok(&["record", "show", &letter]);
    assert_eq!(rows(&shown, "signatories").len(), 1);
    assert_eq!(changed(&inpud), [false, false]);
    assert_eq!(inpud.ok(&["prove", "inpud", "0"]), before);
    // Nor does the next draft say so; and what it would show is held back.
    let draft = inpud.ok(&["release", "preview", "2018", "--kind", "training"]);
    assert_eq!(draft["summaries"][0]["since"], Value::Null, "{draft}");
    assert_eq!(inpud.publish("2018", "training")["published"], json!([]));

    inpud.kill();
    assert!(!says(&inpud, &code));
    inpud.serve();
    a_correction_is_an_edit(&inpud, &first, &second);
}

/// A correction is held against what was sent; and an edit made before somebody was forgotten is
/// still one to look at.
fn a_correction_is_an_edit(node: &Node, first: &str, second: &str) {
    let list = ["--list", "participants", "--person", "p-3"];
    let remove = [&["record", "remove", second][..], &list].concat();
    assert_eq!(node.ok(&remove), json!({"records": 1, "rows": 1}));
    assert_eq!(node.ok(&remove), json!({"records": 0, "rows": 0}));
    let shown = node.ok(&["record", "show", first]);
    assert_eq!(rows(&shown, "participants").len(), 24);
    assert_eq!(changed(node), [true, false]);
    let is_changed = |id: &str| node.ok(&["record", "show", id])["changed_since_sent"].clone();
    assert_eq!(
        (is_changed(first), is_changed(second)),
        (false.into(), true.into())
    );

    node.ok(&["record", "edit", first, "--set", "title=renamed"]);
    let forget = ["record", "forget", "--person", "P-20"];
    assert_eq!(node.ok(&forget), json!({"records": 1, "rows": 1}));
    assert_eq!(is_changed(first), true);
}

#[test]
fn nobody_in_particular_cannot_be_forgotten() {
    let world = World::new();
    let node = world.member("inpud", &[]);
    let id = add(&node, "training", "one");
    for person in ["", "  ", "n/a", "Unknown", "?"] {
        node.refused(&["record", "forget", "--person", person], "invalid");
    }
    assert_eq!(
        node.ok(&["record", "forget", "--person", "somebody"]),
        json!({"records": 0, "rows": 0})
    );
    let remove = |id: &str, list: &str, code: &str| {
        let list = ["--list", list, "--person", "mai"];
        node.refused(&[&["record", "remove", id][..], &list].concat(), code)
    };
    let said = remove(&id, "sessions", "invalid");
    assert!(said.contains("participants"), "{said}");
    remove(&id, "signatories", "invalid");
    remove(
        "00000000-0000-7000-8000-000000000000",
        "participants",
        "not_found",
    );
    // No passphrase, no look.
    let mut command = node.command(&["record", "forget", "--person", "mai"]);
    command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
    let status = command.stdout(std::process::Stdio::null()).status();
    assert_eq!(status.expect("it starts").code(), Some(1));
}
