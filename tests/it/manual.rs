//! The manual's table of faults: a row for each of the 35, and every test and script that a row
//! names is there under that name.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Faults this version cannot meet: it has no pages, and no audit log of calls.
const NOT_YET: [usize; 2] = [28, 35];

#[test]
fn every_fault_of_the_manual_names_tests_that_are_there() {
    let manual = text(&Path::new(ROOT).join("deploy/README.md"));
    let (_, table) = manual.split_once("\n## Faults").expect("a table of faults");
    let (table, _) = table.split_once("\n## ").expect("something after it");
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let Ok(number) = cells[0].parse::<usize>() else {
            continue;
        };
        rows += 1;
        assert_eq!(number, rows, "{row}");
        let shown = cells.last().expect("what shows it");
        let named = named(number, shown);
        assert_eq!(named == 0, NOT_YET.contains(&number), "{row}");
    }
    assert_eq!(rows, 35);
}

/// Looks up everything a row names, and returns how much that is.
fn named(row: usize, shown: &str) -> usize {
    let mut place = String::new();
    let mut names = 0;
    for quoted in shown.split('`').skip(1).step_by(2) {
        let is_there = if let Some(steps) = quoted.strip_prefix("check") {
            steps.split_whitespace().all(is_step)
        } else if let Some((path, test)) = quoted.split_once("::") {
            path.clone_into(&mut place);
            has_test(&place, test)
        } else if quoted.contains(['/', '.']) || place_of(quoted).is_some() {
            Path::new(ROOT).join(quoted).exists() || place_of(quoted).is_some()
        } else if quoted.ends_with('…') {
            ["src", ""].iter().any(|room| has_test(room, quoted))
        } else if quoted.matches('_').count() > 2 {
            has_test(&place, quoted)
        } else {
            // A word of something else: a setting, a code, a module of the kernel.
            continue;
        };
        assert!(is_there, "row {row} names {quoted}, which is not there");
        names += 1;
    }
    names
}

fn is_step(step: &str) -> bool {
    text(&Path::new(ROOT).join("deploy/check")).contains(&format!("#   {step} "))
}

/// Returns the file or folder that the manual calls so: below `tests/it` unless it begins with `src`.
fn place_of(named: &str) -> Option<PathBuf> {
    let base = match named.starts_with("src") {
        true => Path::new(ROOT).to_owned(),
        false => Path::new(ROOT).join("tests/it"),
    };
    let folder = base.join(named);
    let file = folder.with_extension("rs");
    [file, folder].into_iter().find(|path| path.exists())
}

/// Returns whether a test of this name is in a file or below a folder, or in the folder that goes
/// with the file; `…` at its end stands for the rest of the name.
fn has_test(place: &str, test: &str) -> bool {
    let begins = match test.strip_suffix('…') {
        Some(begins) => format!("fn {begins}"),
        None => format!("fn {test}("),
    };
    let Some(found) = place_of(place) else {
        return false;
    };
    let mut open = vec![found.with_extension(""), found];
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) if path.is_file() && text(&path).contains(&begins) => return true,
            Err(_) => {}
        }
    }
    false
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
