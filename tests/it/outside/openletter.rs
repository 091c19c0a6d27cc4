//! Real open letters: one in several languages, and one that two networks signed together.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::shared;
use crate::world::table::{only, rows};
use crate::world::{Node, World};

const ENGLISH: &str = "samples/openletter/2020-04-30_letter_en_signatories.csv";
const FRENCH: &str = "samples/openletter/2020-04-30_letter_fr_signatories.csv";
const RAW: &str = "samples/openletter/2021_trips_ldc_extension_signatories_raw.csv";

/// The MAP of the letters; countries nobody can place stay unknown.
fn letter_map(unplaced: &BTreeSet<String>) -> String {
    let unplaced: Vec<String> = unplaced.iter().map(|name| format!("{name:?}")).collect();
    format!(
        "kind = \"advocacy_action\"\n[columns]\nname = \"organisation\"\n\
         country = \"country\"\nscope = \"scope\"\n\
         [constants]\ntype = \"organisation\"\n\
         [values.scope]\ninternational_or_regional = \"international\"\n\
         [missing]\ncountry = [\"\", {}]\n",
        unplaced.join(", ")
    )
}

const RAW_MAP: &str = r#"kind = "advocacy_action"
[columns]
name = "signatory_line"
scope = "section"
[values.scope]
International = "international"
Regional = "regional"
National = "national"
"#;

fn sample(name: &str) -> Option<String> {
    let path = shared::path(name)?;
    Some(path.to_str().expect("UTF-8").to_owned())
}

#[test]
fn letters_are_counted_once_whatever_their_language_and_whoever_leads() {
    let (Some(english), Some(french), Some(raw)) = (sample(ENGLISH), sample(FRENCH), sample(RAW))
    else {
        return;
    };
    let world = World::new();
    let flags = ["--size", "small", "--countries", "KE"];
    let mut inpud = world.member("inpud", &flags);
    let mut anpud = world.member("anpud", &flags);
    inpud.serve();
    anpud.serve();
    world.unite("2020", &[&inpud, &anpud]);

    one_letter_in_two_languages(&world, &inpud, [&english, &french]);
    let code = one_letter_of_two_networks(&world, [&inpud, &anpud], &raw);
    for node in [&inpud, &anpud] {
        node.ok(&add("2022-03-01", &[]));
        node.publish("2022Q1", "advocacy_action");
    }
    anpud.knows(&inpud);
    anpud.sync(&inpud);
    for node in [&inpud, &anpud] {
        totals_hold(node);
        two_unled_letters_raise_a_question(node);
    }
    let log = crate::world::node::read(&anpud.log());
    let log = String::from_utf8(log).expect("UTF-8");
    assert!(!log.contains(&code), "no spoken code in a log line");
}

/// Returns the command that adds an open letter.
fn add<'a>(start: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut command = vec!["record", "add", "--kind", "advocacy_action"];
    command.extend(["--set", "title=An open letter", "--set"]);
    command.push(match start {
        "2020-04-30" => "start=2020-04-30",
        "2021-05-12" => "start=2021-05-12",
        _ => "start=2022-03-01",
    });
    command.extend(["--set", "action_type=open_letter"]);
    for field in more {
        command.extend(["--set", field]);
    }
    command
}

fn into_list<'a>(file: &'a str, id: &'a str, map: &'a str) -> Vec<&'a str> {
    let mut command = vec!["record", "import", file, "--kind", "advocacy_action"];
    command.extend(["--into", id, "--list", "signatories", "--map", map]);
    command
}

fn counts(outcome: &Value) -> [u64; 4] {
    ["read", "created", "updated", "unchanged"]
        .map(|name| outcome[name].as_u64().expect("a number"))
}

fn one_letter_in_two_languages(world: &World, node: &Node, files: [&str; 2]) {
    let letter = node.ok(&add("2020-04-30", &[]));
    let id = letter["id"].as_str().expect("an id");

    // Of 315 spellings of countries, 32 need a human: nothing is stored until somebody decides.
    let map = world.write("letter.map", letter_map(&BTreeSet::new()));
    let (code, outcome) = node.run(&into_list(files[0], id, &map));
    assert_eq!((code, counts(&outcome)), (1, [400, 0, 0, 0]), "{outcome}");
    let rejected = outcome["rejected"].as_array().expect("rejected rows");
    assert_eq!(rejected.len(), 32);
    let mut unplaced = BTreeSet::new();
    for row in rejected {
        assert_eq!(row["column"], "country", "{row}");
        assert!(
            row["line"]
                .as_u64()
                .is_some_and(|line| (2..=401).contains(&line))
        );
        assert!(
            row["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty())
        );
        unplaced.insert(row["value"].as_str().expect("a value").to_owned());
    }
    let shown = node.ok(&["record", "show", id]);
    assert!(shown["lists"]["signatories"].is_null(), "{shown}");

    let map = world.write("letter.map", letter_map(&unplaced));
    let english = node.ok(&into_list(files[0], id, &map));
    assert_eq!(counts(&english), [400, 400, 0, 0], "{english}");
    let french = node.ok(&into_list(files[1], id, &map));
    assert_eq!(counts(&french), [400, 0, 0, 400], "{french}");
    let listed = node.ok(&["record", "list", "--period", "2020"]);
    assert_eq!(listed["records"].as_array().map(Vec::len), Some(1));
    for period in ["2020Q2", "2020"] {
        node.publish(period, "advocacy_action");
    }
}

/// Both networks keep the letter and all its signatories; one leads. Returns its spoken code.
fn one_letter_of_two_networks(world: &World, nodes: [&Node; 2], raw: &str) -> String {
    let map = world.write("raw.map", RAW_MAP);
    let letter = nodes[0].ok(&add("2021-05-12", &["joint_id=new"]));
    let code = letter["fields"]["joint_id"].as_str().expect("a code");
    let bears = format!("joint_id={code}");
    let joined = nodes[1].ok(&add("2021-05-12", &[&bears, "lead=inpud"]));
    for (node, letter) in nodes.iter().zip([&letter, &joined]) {
        let id = letter["id"].as_str().expect("an id");
        let outcome = node.ok(&into_list(raw, id, &map));
        assert_eq!(counts(&outcome), [112, 112, 0, 0], "{outcome}");
        for period in ["2021Q2", "2021"] {
            let draft = node.ok(&["release", "preview", period, "--kind", "advocacy_action"]);
            assert!(!draft.to_string().contains(code), "no spoken code leaves");
            node.publish(period, "advocacy_action");
        }
    }
    code.to_owned()
}

fn ask(node: &Node, measure: &str, period: &str, more: &[&str]) -> Value {
    let grain = if period.contains('Q') {
        "quarter"
    } else {
        "year"
    };
    let mut question = vec!["report", "advocacy_action", "--measure", measure];
    question.extend(["--from", period, "--to", period, "--grain", grain]);
    question.push("--allow-partial");
    question.extend(more);
    node.ok(&question)
}

fn totals_hold(node: &Node) {
    for (period, actions, joined, signatories) in [
        ("2020Q2", 1, 0, 400),
        ("2020", 1, 0, 400),
        ("2021Q2", 1, 1, 112),
        ("2021", 1, 1, 112),
    ] {
        let figure = |measure| only(&ask(node, measure, period, &[])).value;
        assert_eq!(figure("activities"), Some(actions), "{period}");
        assert_eq!(figure("activities_joined"), Some(joined), "{period}");
        assert_eq!(figure("signatories"), Some(signatories), "{period}");
    }
    for (period, scopes) in [("2020", [85, 0, 315, 0]), ("2021", [12, 9, 91, 0])] {
        let by_scope = rows(
            &ask(node, "signatories", period, &["--by", "scope"]),
            &["scope"],
        );
        let of = |code: &str| {
            let row = by_scope.iter().find(|row| row.group[0] == code);
            row.and_then(|row| row.value)
        };
        let found = ["international", "regional", "national", "local"].map(of);
        assert_eq!(found, scopes.map(Some), "{period}");
    }
}

/// Two networks that report a letter of one quarter, and no lead, may mean the same one.
fn two_unled_letters_raise_a_question(node: &Node) {
    let notes = |period| {
        let answer = ask(node, "activities", period, &["--by", "action_type"]);
        let rows = answer["rows"].as_array().expect("rows");
        let notes = rows.iter().map(|row| row["notes"].to_string());
        notes.collect::<String>()
    };
    let asked = "2022Q1: the same one?";
    assert!(notes("2022Q1").contains(asked), "{}", notes("2022Q1"));
    assert!(!notes("2021Q2").contains("the same one?"));
}
