//! Files as the command takes them: templates, spreadsheets, proposals, and refusals that say
//! where.

use serde_json::Value;

use crate::shared;
use crate::world::{Node, World};

fn created(outcome: &Value) -> Option<u64> {
    outcome["created"].as_u64()
}

#[test]
fn a_template_is_filled_in_and_a_file_gets_a_map() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    node.serve();
    templates_come_in_again(&world, &node);
    a_proposal_is_a_map(&world, &node);
    refusals_say_where(&world, &node);
    rows_find_their_records(&node);
}

fn templates_come_in_again(world: &World, node: &Node) {
    let template = ["record", "template", "--kind", "training"];
    let text = node.ok(&template)["text"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(text.starts_with("source_id,title,start,"), "{text}");
    let file = world.write("template.csv", &text);
    let outcome = node.ok(&["record", "import", &file, "--kind", "training"]);
    assert_eq!(created(&outcome), Some(1), "{outcome}");

    let file = world.path("template.xlsx");
    let file = file.to_str().expect("UTF-8");
    let flags = ["--format", "xlsx", "--out", file];
    node.ok(&[&template[..], &flags].concat());
    let outcome = node.ok(&["record", "import", file, "--kind", "training"]);
    // The same row as in the other template, so nothing new.
    assert_eq!(outcome["unchanged"], 1, "{outcome}");
    assert_eq!(outcome["sheet"], "training", "{outcome}");
    let list = [&template[..], &["--list", "milestones"]].concat();
    let told = node.refused(&list, "invalid");
    assert!(told.contains("participants"), "{told}");
}

fn a_proposal_is_a_map(world: &World, node: &Node) {
    let file = "Visits of the year;;\nWorkshop;Date;Participants\nA;13/01/2018;12\nB;20/01/2018;\n";
    let file = world.write("visits.csv", file);
    let import = ["record", "import", &file, "--kind", "training"];
    let proposed = node.ok(&[&import[..], &["--suggest-map"]].concat());
    let text = proposed["text"].as_str().expect("a text");
    assert!(text.contains("attended = \"Participants\""), "{text}");
    let map = world.write("visits.map", text);
    let outcome = node.ok(&[&import[..], &["--map", &map]].concat());
    assert_eq!(created(&outcome), Some(2), "{outcome}\n{text}");
    assert!(text.contains("header = 2"), "{text}");
}

fn refusals_say_where(world: &World, node: &Node) {
    let long = "x".repeat(10 << 20);
    let file = world.write(
        "long.csv",
        format!("title,start\nA,2018-01-09\n{long},2018-01-09\n"),
    );
    let (code, outcome) = node.run(&["record", "import", &file, "--kind", "training"]);
    let row = &outcome["rejected"][0];
    assert_eq!(
        (code, &row["line"], &row["column"]),
        (1, &3.into(), &"title".into())
    );
    assert_eq!(outcome["file"], "long.csv");
    let file = world.write("open.csv", "title,start\nA,\"2018-01-09\nB,2018-01-09\n");
    let told = node.refused(
        &["record", "import", &file, "--kind", "training"],
        "invalid",
    );
    assert!(
        told.starts_with("open.csv: line 2, column 2: a quote"),
        "{told}"
    );
    let file = world.write("people.pdf", "%PDF-1.7");
    let told = node.refused(
        &["record", "import", &file, "--kind", "training"],
        "invalid",
    );
    assert!(told.starts_with("people.pdf: this is a PDF"), "{told}");
}

/// A form with a repeated group: households first, then who lives in them.
fn rows_find_their_records(node: &Node) {
    let Some(path) = shared::path("samples/kobo/grouped_repeatable.xml_both.xlsx") else {
        return;
    };
    let file = path.to_str().expect("UTF-8");
    let map = |name: &str| {
        format!(
            "{}/tests/it/samples/maps/{name}.toml",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let (homes, members) = (map("kobo_households"), map("kobo_members"));
    let homes = node.ok(&["record", "import", file, "--map", &homes]);
    assert_eq!(created(&homes), Some(6), "{homes}");
    let into = [
        "record",
        "import",
        file,
        "--map",
        &members,
        "--list",
        "participants",
    ];
    let told = node.refused(&[&into[..], &["--sheet", "Nowhere"]].concat(), "invalid");
    assert!(told.contains("\"houshold_member_repeat\""), "{told}");
    let members = node.ok(&into);
    assert_eq!(created(&members), Some(13), "{members}");
}
