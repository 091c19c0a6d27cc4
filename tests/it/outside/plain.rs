//! The second passphrase: it destroys every other and opens a book with nobody in it, whose counts
//! are as they were, and which looks as any node does.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use counterfoil::store::{NodeDir, os_entropy};
use serde_json::{Value, json};

use crate::world::node::{A_TRAINING, read, refusal};
use crate::world::table::csv;
use crate::world::{Node, World, copy, number};

/// A book with persons in it, published; returns the ids of a training and a letter.
fn book(world: &World, node: &Node) -> [String; 2] {
    let add = |kind: &str, title: &str| {
        let title = format!("title={title}");
        let add = ["record", "add", "--kind", kind, "--set", &title];
        let added = node.ok(&[&add[..], &["start=2018-02-01"]].concat());
        added["id"].as_str().expect("an id").to_owned()
    };
    let into = |rows: Vec<Vec<String>>, id: &str, kind: &str, list: &str| {
        let file = world.write("rows.csv", csv(rows));
        let import = ["record", "import", &file, "--kind", kind, "--into", id];
        let outcome = node.ok(&[&import[..], &["--list", list]].concat());
        assert_eq!(outcome["rejected"], json!([]), "{outcome}");
    };
    let training = add("training", "accounting");
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let mut people = vec![row(["person", "gender", "completed"])];
    for number in 0..25 {
        let completed = if number < 20 { "yes" } else { "no" };
        people.push(row([&format!("P-{number}"), "woman", completed]));
    }
    into(people, &training, "training", "participants");
    let letter = add("advocacy_action", "letter");
    let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    let signed = vec![
        row(["name", "type"]),
        row(["Mai Nguyen", "individual"]),
        row(["A network", "organisation"]),
        // It may be a person, and only a code of it is kept.
        row(["Somchai", ""]),
    ];
    into(signed, &letter, "advocacy_action", "signatories");
    assert_eq!(node.publish("2018", "training")["tree_size"], 1);
    assert_eq!(node.publish("2018", "advocacy_action")["tree_size"], 2);
    [training, letter]
}

fn vault(node: &Node) -> Vec<u8> {
    read(&node.dir.join("vault.toml"))
}

fn set_plain(world: &World, node: &Node) -> String {
    let plain = world.secret("plain", "the plain words\n");
    let before = vault(node);
    let set = node.ok(&["passphrase", "plain", "--new-passphrase-file", &plain]);
    assert_eq!(set["set"], true);
    assert_eq!(vault(node).len(), before.len(), "the file does not tell");
    let listed = node.ok(&["passphrase", "list"]);
    assert!(!listed.to_string().contains("plain"), "{listed}");
    plain
}

#[test]
fn the_second_passphrase_opens_a_book_with_nobody_in_it() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "large"]);
    let [training, letter] = book(&world, &inpud);
    let ana = world.path("ana.pem");
    let grant = [
        "access",
        "grant",
        "--role",
        "coordinator",
        "--name",
        "Ana",
        "--out",
    ];
    inpud.ok(&[&grant[..], &[ana.to_str().expect("UTF-8")]].concat());
    let published = inpud.ok(&["prove", "inpud", "0"]);
    let person =
        inpud.ok(&["record", "show", &training])["lists"]["participants"][0]["person"].clone();
    let plain = set_plain(&world, &inpud);
    // Until it is used, nothing is different.
    assert_eq!(rows(&inpud, &training, "participants"), 25);
    let before = world.path("image");
    copy(&inpud.dir, &before);

    // Even a node that is unlocked closes the full book.
    assert_eq!(
        inpud.run_with(Some(&plain), &["unlock"]),
        (0, json!({"locked": false}))
    );
    nobody_is_left(&inpud, &training, &letter);
    let own = inpud.passphrase();
    let own = own.to_str().expect("UTF-8");
    inpud.ok(&["lock"]);
    refusal(inpud.run_with(Some(own), &["unlock"]), 1, "passphrase");
    assert!(inpud.terminate().success());
    let (code, listed) = inpud.run_with(Some(&plain), &["passphrase", "list"]);
    // As on any node that was just made.
    let new = json!([
        {"name": "first", "recovery": false},
        {"name": "recovery", "recovery": true},
    ]);
    assert_eq!((code, &listed["passphrases"]), (0, &new));

    // From now on it is a node like any other.
    std::fs::copy(&plain, own).expect("its passphrase");
    inpud.serve();
    nobody_is_left(&inpud, &training, &letter);
    assert_eq!(inpud.ok(&["prove", "inpud", "0"]), published);
    let status = ["release", "status", "2019", "nil", "--kind", "training"];
    inpud.ok(&status);
    anpud.knows(&inpud);
    anpud.sync(&inpud);
    anpud.ok(&["prove", "inpud", "2"]);
    assert_eq!(
        anpud.ok(&["audit", "--member", "inpud"])["disclosed"],
        json!([])
    );
    // Somebody who comes now is known by another code than before.
    let sheet = world.write("again.csv", "person\nP-0\n");
    let import = [
        "record", "import", &sheet, "--kind", "training", "--into", &training,
    ];
    inpud.ok(&[&import[..], &["--list", "participants"]].concat());
    let shown = inpud.ok(&["record", "show", &training]);
    assert_ne!(shown["lists"]["participants"][0]["person"], person);
    assert!(inpud.terminate().success());
    what_was_lost_stays_lost(&world, &inpud, &before, &training);
}

fn rows(node: &Node, id: &str, list: &str) -> usize {
    let shown = node.ok(&["record", "show", id]);
    shown["lists"][list].as_array().map_or(0, Vec::len)
}

/// What a person sees who was given the passphrase.
fn nobody_is_left(node: &Node, training: &str, letter: &str) {
    let shown = node.ok(&["record", "show", training]);
    assert_eq!(shown["lists"], json!({}), "{shown}");
    assert_eq!(
        (&shown["fields"]["attended"], &shown["fields"]["completed"]),
        (&json!(25), &json!(20))
    );
    let shown = node.ok(&["record", "show", letter]);
    let signed = json!([
        {"type": "individual"},
        {"name": "A network", "type": "organisation"},
        {},
    ]);
    assert_eq!(shown["lists"]["signatories"], signed, "{shown}");
    assert!(!node.ok(&["access", "list"]).to_string().contains("Ana"));
    let held = node.ok(&["record", "holdings"]);
    let holdings = held["holdings"].as_array().expect("holdings");
    assert!(holdings.iter().all(|one| one["rows"] == 0), "{held}");
    // Nothing looks as if it had changed since it was sent.
    let listed = node.ok(&["release", "list"]);
    let releases = listed["releases"].as_array().expect("releases");
    assert!(
        releases.iter().all(|one| one["changed_since_sent"] != true),
        "{listed}"
    );
    for kind in ["training", "advocacy_action"] {
        let draft = node.ok(&["release", "preview", "2018", "--kind", kind]);
        assert_eq!(draft["summaries"][0]["since"], Value::Null, "{draft}");
        assert_eq!(node.publish("2018", kind)["published"], json!([]));
    }
}

/// With the vault of before and its passphrase, what the disk holds now names nobody.
fn what_was_lost_stays_lost(world: &World, node: &Node, before: &Path, training: &str) {
    let probe = world.path("probe");
    copy(&node.dir, &probe);
    std::fs::copy(before.join("vault.toml"), probe.join("vault.toml")).expect("copied");
    let dir = NodeDir::open(&probe).expect("a node");
    let key = dir.unlock(b"the passphrase of inpud").expect("it opens");
    let opened = dir.private(&key.expect("a vault"), os_entropy);
    // The one row of whoever came afterwards lies under a key this vault does not have.
    assert!(opened.is_err(), "rows of another key are damage");
    drop(dir);
    // The image itself is whole: that is what cannot be hidden.
    std::fs::remove_dir_all(&node.dir).expect("removed");
    copy(before, &node.dir);
    let own = world.secret("own", "the passphrase of inpud\n");
    let (code, shown) = node.run_with(Some(&own), &["record", "show", training]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(
        shown["lists"]["participants"].as_array().map(Vec::len),
        Some(25)
    );
}

/// Kills of a normal run.
const KILLS: u64 = 5;

#[test]
fn cut_short_it_goes_on_where_it_was() {
    let kills = number("COUNTERFOIL_KILLS", KILLS);
    let world = World::new();
    let node = world.member("inpud", &["--size", "small"]);
    let added = node.ok(&[&A_TRAINING[..], &["start=2018-02-01"]].concat());
    let id = added["id"].as_str().expect("an id");
    let sheet = world.write("people.csv", "person\nMai\nAna\n");
    let import = [
        "record", "import", &sheet, "--kind", "training", "--into", id,
    ];
    node.ok(&[&import[..], &["--list", "participants"]].concat());
    let plain = set_plain(&world, &node);
    let kept = world.path("kept");
    copy(&node.dir, &kept);
    let show = ["record", "show", id];
    let begun = Instant::now();
    assert_eq!(node.run_with(Some(&plain), &show).0, 0);
    let usual = begun.elapsed();
    for kill in 0..kills {
        std::fs::remove_dir_all(&node.dir).expect("removed");
        copy(&kept, &node.dir);
        let mut command = node.command(&show);
        command.env("COUNTERFOIL_PASSPHRASE_FILE", &plain);
        let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(usual.mul_f64(0.3 + 0.8 * kill as f64 / kills as f64));
        let _gone = child.kill();
        child.wait().expect("a process");
        // Before the others are destroyed the book is whole; after that it is the plain one.
        let (code, shown) = node.run(&show);
        match code {
            0 => assert_eq!(
                shown["lists"]["participants"].as_array().map(Vec::len),
                Some(2)
            ),
            _ => assert_eq!(shown["error"]["code"], "passphrase", "kill {kill}: {shown}"),
        }
        let (code, shown) = node.run_with(Some(&plain), &show);
        assert_eq!(code, 0, "kill {kill}: {shown}");
        assert_eq!(shown["lists"], json!({}), "kill {kill}");
        assert_eq!(shown["fields"]["attended"], 2, "kill {kill}");
        node.refused(&show, "passphrase");
    }
}

#[test]
fn it_can_be_taken_back_and_is_no_passphrase_of_anybodys() {
    let world = World::new();
    let node = world.member("inpud", &["--size", "small"]);
    let plain = set_plain(&world, &node);
    let taken = ["passphrase", "add", "desk", "--new-passphrase-file", &plain];
    node.refused(&taken, "passphrase_unusable");
    let own = node.passphrase();
    let own = [
        "passphrase",
        "plain",
        "--new-passphrase-file",
        own.to_str().expect("UTF-8"),
    ];
    node.refused(&own, "passphrase_unusable");
    assert_eq!(node.ok(&["passphrase", "plain", "--none"])["set"], false);
    refusal(
        node.run_with(Some(&plain), &["passphrase", "list"]),
        1,
        "passphrase",
    );
    assert_eq!(node.ok(&["passphrase", "plain", "--none"])["set"], false);
    node.ok(&["record", "list"]);
}
