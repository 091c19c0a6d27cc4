//! Real lists of every kind in the books of two networks, published, brought over, and reported
//! by both with the totals somebody else counted.

use serde_json::Value;

use crate::samples::{Sample, samples};
use crate::world::table::only;
use crate::world::{Node, World};

/// The file and the MAP whose rows each network has.
const INPUD: &[(&str, &str)] = &[
    ("hdx-3w/somalia_2025_01_04.xlsx", "Cluster"),
    ("capacity-fds/governance_published_small_agencies.csv", ""),
    ("consultation-fds/responses_bom_cr_line_endings.csv", ""),
    ("openletter/2020-04-30_letter_en_signatories.csv", ""),
];
const ANPUD: &[(&str, &str)] = &[
    ("hdx-3w/burundi_2023_02.ods", ""),
    ("capacity-fds/maturity_model_selected_2020_10.csv", ""),
    ("consultation-fds/draft_practices_under_review.csv", ""),
    (
        "openletter/2021_trips_ldc_extension_signatories_raw.csv",
        "",
    ),
];

/// When the records begin that hold a list.
const START: &str = "start=2020-05-01";

/// The years in which anything in the files takes place.
const YEARS: [&str; 4] = ["2018", "2020", "2023", "2025"];

/// Kind, measure, and what INPUD and ANPUD have of it: the totals beside the files.
const TOTALS: &[(&str, &str, u64, u64)] = &[
    ("joint_project", "activities", 425, 79),
    ("capacity_milestone", "activities", 33, 24),
    ("consultation", "activities", 1, 1),
    ("consultation", "suggestions_sent", 185, 47),
    ("advocacy_action", "signatories", 400, 112),
];

#[test]
fn lists_of_every_kind_add_up_on_both_nodes() {
    let samples = samples();
    let world = World::new();
    let flags = ["--size", "large", "--countries", "SO,BI"];
    let mut inpud = world.member("inpud", &flags);
    let mut anpud = world.member("anpud", &flags);
    inpud.serve();
    anpud.serve();
    world.unite("2018", &[&inpud, &anpud]);
    for (node, files) in [(&inpud, INPUD), (&anpud, ANPUD)] {
        for (file, column) in files {
            let of_file = |sample: &&Sample| sample.file == *file && sample.map.contains(column);
            let sample = samples.iter().find(of_file).expect("a sample");
            let Some(bytes) = sample.bytes() else {
                return;
            };
            bring(&world, node, sample, bytes);
        }
        for year in YEARS {
            for kind in [
                "joint_project",
                "capacity_milestone",
                "consultation",
                "advocacy_action",
            ] {
                node.publish(year, kind);
            }
        }
    }
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    assert_eq!(inpud.sync(&anpud), (0, 0), "nothing new");
    for node in [&inpud, &anpud] {
        for (kind, measure, of_inpud, of_anpud) in TOTALS {
            let sum = |member| {
                YEARS
                    .map(|year| figure(node, kind, measure, member, year))
                    .iter()
                    .sum()
            };
            let found: [u64; 2] = ["inpud", "anpud"].map(sum);
            assert_eq!(found, [*of_inpud, *of_anpud], "{kind} {measure}");
        }
    }
}

/// Imports a file, its rows being records, or the list of one record made for them.
fn bring(world: &World, node: &Node, sample: &Sample, bytes: Vec<u8>) {
    let name = sample.file.rsplit('/').next().expect("a name");
    let file = world.write(name, bytes);
    let map = world.write("map.toml", &sample.map);
    let kind = sample.kind.to_string();
    let import = ["record", "import", &file, "--kind", &kind, "--map", &map];
    let Some(list) = sample.list else {
        let outcome = node.ok(&import);
        assert_eq!(outcome["rejected"], serde_json::json!([]), "{outcome}");
        return;
    };
    let add = ["record", "add", "--kind", &kind, "--set", "title=T", START];
    let added = node.ok(&add);
    let id = added["id"].as_str().expect("an id");
    let into = ["--into", id, "--list", &list.to_string()];
    let outcome = node.ok(&[&import[..], &into].concat());
    assert_eq!(outcome["rejected"], serde_json::json!([]), "{outcome}");
}

/// Returns what a member has in a year.
fn figure(node: &Node, kind: &str, measure: &str, member: &str, year: &str) -> u64 {
    let answer: Value = node.ok(&[
        "report",
        kind,
        "--measure",
        measure,
        "--grain",
        "year",
        "--from",
        year,
        "--to",
        year,
        "--member",
        member,
    ]);
    only(&answer).value.expect("an exact figure")
}
