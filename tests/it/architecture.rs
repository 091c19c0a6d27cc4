//! The rooms and the nevers, read from the imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every room with its height: an arrow may only point to a lower one.
const ROOMS: &[&str] = &[
    "model",
    "clock",
    "wire",
    "identity",
    "log",
    "charter",
    "disclosure",
    "store",
    "record",
    "release",
    "federation",
    "report",
    "rpc",
    "config",
    "cli",
    "node",
];

/// Rooms that only compute.
const QUIET: &[&str] = &["model", "charter", "disclosure", "log"];

/// One source file: its room, its path and its code without comments and unit tests.
struct Source {
    room: String,
    path: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    walk(&root, &mut |path| {
        let relative = path.strip_prefix(&root).expect("it is below the root");
        let first = relative
            .iter()
            .next()
            .expect("it has a name")
            .to_string_lossy();
        let text = std::fs::read_to_string(path).expect("a source file can be read");
        sources.push(Source {
            room: first.trim_end_matches(".rs").to_owned(),
            path: relative.to_owned(),
            code: code_of(&text),
        });
    });
    assert!(sources.len() > 20, "the sources were found");
    sources
}

fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            walk(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path);
        }
    }
}

/// Returns the code before the unit tests, without comments.
fn code_of(text: &str) -> String {
    let shipped = text.split("\n#[cfg(test)]").next().unwrap_or(text);
    shipped
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the rooms that a file names behind `crate::`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => named.extend(top_level_names(group)),
            None => {
                named.insert(first_word(after));
            }
        }
    }
    named.retain(|name| ROOMS.contains(&name.as_str()));
    named
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Returns the first words of the items of `a::b, c::{d, e}, f}`.
fn top_level_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut item) = (0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    names.push(item);
    names.iter().map(|name| first_word(name.trim())).collect()
}

fn height(room: &str) -> usize {
    ROOMS
        .iter()
        .position(|known| *known == room)
        .unwrap_or_else(|| panic!("{room} is no room"))
}

#[test]
fn arrows_only_point_down() {
    for source in sources() {
        if matches!(source.room.as_str(), "lib" | "main") {
            continue;
        }
        for named in rooms_named(&source.code) {
            assert!(
                height(&named) <= height(&source.room),
                "{} opens {named}, which stands above it",
                source.path.display()
            );
        }
    }
}

#[test]
fn only_release_sees_records_and_log() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        seen.entry(source.room)
            .or_default()
            .extend(rooms_named(&source.code));
    }
    for (room, named) in &seen {
        let both = named.contains("record") && named.contains("log");
        assert!(
            !both || room == "release",
            "{room} sees both records and the log"
        );
    }
    assert!(seen["release"].contains("record") && seen["release"].contains("log"));
    for room in ["federation", "report", "charter", "log"] {
        assert!(!seen[room].contains("record"), "{room} opens record");
    }
}

#[test]
fn quiet_rooms_do_nothing_but_compute() {
    for source in sources()
        .iter()
        .filter(|source| QUIET.contains(&source.room.as_str()))
    {
        for forbidden in [
            "crate::store",
            "tokio",
            "tonic",
            "std::fs",
            "std::net",
            "SystemTime::now",
        ] {
            assert!(
                !source.code.contains(forbidden),
                "{} names {forbidden}",
                source.path.display()
            );
        }
    }
}

#[test]
fn only_rpc_names_tonic() {
    for source in sources().iter().filter(|source| source.room != "rpc") {
        assert!(
            !source.code.contains("tonic"),
            "{} names tonic",
            source.path.display()
        );
    }
}

#[test]
fn main_stays_short() {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs");
    let text = std::fs::read_to_string(main).expect("main can be read");
    assert!(text.lines().count() < 60);
}

/// The listener for peers is built from the public plane alone: no service on it may name the
/// private one.
#[test]
fn the_federation_listener_holds_no_private_handle() {
    let private = ["PrivateStore", "release::", "record::", "PrivatePlane"];
    for name in ["federation", "charters", "reports"] {
        let path = format!("rpc/services/{name}.rs");
        let source = sources()
            .into_iter()
            .find(|source| source.path == Path::new(&path));
        let code = source.unwrap_or_else(|| panic!("{path} is there")).code;
        for word in private {
            assert!(!code.contains(word), "{path} names {word}");
        }
    }
}

/// Tests pull features in that the shipped binary does not have, so the manifest itself is read.
#[test]
fn patterns_of_a_map_may_use_unicode_in_the_shipped_binary_too() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("the manifest can be read");
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    let features = manifest["dependencies"]["regex"]["features"]
        .as_array()
        .expect("regex names its features");
    // What `(?i)`, `\w`, `\p{L}`, `\p{Alphabetic}` and `\p{Thai}` need.
    for feature in ["case", "perl", "gencat", "bool", "script"] {
        let feature = toml::Value::from(format!("unicode-{feature}"));
        assert!(features.contains(&feature), "{feature}");
    }
}
