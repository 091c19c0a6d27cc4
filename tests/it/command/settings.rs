//! The README's table of settings is what `config show` shows, default by default.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use counterfoil::model::Kind;
use serde_json::Value;

/// Returns what stands between backticks.
fn marked(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Returns the keys of the README's table, each with its default where the table gives one value.
fn told() -> BTreeMap<String, Option<String>> {
    let readme = include_str!("../../../README.md");
    let (_, settings) = readme.split_once("\n## Settings\n").expect("a part");
    let (_, table) = settings.split_once("|---|---|---|\n").expect("a table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let mut told = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (keys, defaults) = (marked(cells[1]), cells[2].split("; "));
        // One default for all keys of a row, or one for each.
        let defaults: Vec<&str> = defaults.collect();
        for (at, key) in keys.into_iter().enumerate() {
            let default = defaults[at.min(defaults.len() - 1)];
            let value = match marked(default)[..] {
                [value] if default == format!("`{value}`") => Some(value.to_owned()),
                _ => None,
            };
            let kinds = Kind::ALL.iter().filter(|k| **k != Kind::CapacityMilestone);
            let of_kinds = kinds.map(|kind| key.replace("KIND", kind.as_str()));
            for key in of_kinds {
                told.insert(key, value.clone());
            }
        }
    }
    told
}

/// Returns what a node runs on that nobody set up, but for the folder of its backups, without
/// which there is nothing to say of these.
fn shown() -> BTreeMap<String, Option<String>> {
    let dir = tempfile::tempdir().expect("a directory");
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .args(["--json", "config", "show", "--dir", "nowhere"])
        .current_dir(dir.path())
        .env_clear()
        .env("COUNTERFOIL_BACKUP_DIR", dir.path())
        .env("COUNTERFOIL_BACKUP_TO", recipient)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let settings = shown["settings"].as_array().expect("settings");
    let one = |setting: &Value| {
        let value = setting["value"].as_str().map(str::to_owned);
        let is_default = setting["from"] == "default";
        let key = setting["key"].as_str().expect("a key").to_owned();
        (key, value.filter(|_| is_default))
    };
    settings.iter().map(one).collect()
}

#[test]
fn the_table_of_the_readme_is_whole_and_true() {
    let (told, shown) = (told(), shown());
    assert!(told.len() > 20, "{told:?}");
    assert_eq!(told, shown);
}
