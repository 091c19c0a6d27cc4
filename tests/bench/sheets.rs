//! The same 100,000 rows as a spreadsheet, and what Python takes to read either file and no more.

use std::path::{Path, PathBuf};
use std::process::Command;

use counterfoil::record::ImportOutcome;
use rust_xlsxwriter::Workbook;

use crate::import::ROWS;
use crate::measure::{Took, in_turns, say, say_mib, say_rate, say_ratio};
use crate::memory::{Resident, answer, within};
use crate::place;
use crate::plane::{Plane, trainings};

const ROUNDS: usize = 3;

pub(crate) fn run() {
    let folder = place::folder();
    let csv = folder.path().join("trainings.csv");
    let xlsx = folder.path().join("trainings.xlsx");
    let (text, sheet) = (trainings(ROWS), workbook());
    std::fs::write(&csv, &text).expect("room on the disk");
    std::fs::write(&xlsx, &sheet).expect("room on the disk");
    for (name, file, path, seconds, script) in [
        ("CSV", text.as_bytes(), &csv, "5 s", READ_CSV),
        ("XLSX", &sheet[..], &xlsx, "10 s", READ_XLSX),
    ] {
        compare(name, file, path, seconds, script);
    }
    for (name, mode) in [("CSV", "within-import-csv"), ("XLSX", "within-import-xlsx")] {
        let what = format!("memory an import of 100,000 rows of {name} takes at most");
        say_mib(&what, within(mode), "no target");
    }
}

/// Imports a file, and lets Python read it, in turns.
fn compare(name: &str, file: &[u8], path: &Path, seconds: &str, script: &str) {
    let import = &mut || Took::of(|| imported(file)).0;
    let Some(python) = python(script) else {
        let [ours] = in_turns(ROUNDS, [import]);
        say_rate(&format!("{name}: 100,000 rows imported"), ROWS, ours);
        say(&format!("{name}: the bare read in Python"), "not there");
        return;
    };
    let bare = &mut || Took::of(|| read_by(&python, script, path)).0;
    let [ours, theirs] = in_turns(ROUNDS, [import, bare]);
    say_rate(
        &format!("{name}: 100,000 rows imported, within {seconds}"),
        ROWS,
        ours,
    );
    say_rate(&format!("{name}: the bare read in Python"), ROWS, theirs);
    let ratio = theirs.wall / ours.wall;
    say_ratio(
        &format!("{name}: import against the bare read, rows/s"),
        ratio,
        "no target",
    );
}

fn imported(file: &[u8]) -> ImportOutcome {
    let outcome = Plane::new().import(file);
    assert_eq!(outcome.created, ROWS as u64);
    outcome
}

const READ_CSV: &str = "\
import csv, sys
print(sum(1 for row in csv.reader(open(sys.argv[1], newline='', encoding='utf-8'))))";

const READ_XLSX: &str = "\
import openpyxl, sys
sheet = openpyxl.load_workbook(sys.argv[1], read_only=True).active
print(sum(1 for row in sheet.iter_rows(values_only=True)))";

/// Returns the Python to ask, where it is there with what the script imports.
fn python(script: &str) -> Option<PathBuf> {
    let named = std::env::var_os("COUNTERFOIL_PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain([PathBuf::from("python3")]);
    let imports = script.lines().next().unwrap_or_default();
    candidates.into_iter().find(|python| {
        let tried = Command::new(python).args(["-c", imports]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

fn read_by(python: &Path, script: &str, file: &Path) {
    let output = Command::new(python).args(["-c", script]).arg(file).output();
    let output = output.expect("was there before");
    let rows = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!(
        rows,
        (ROWS + 1).to_string(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Writes the trainings as a spreadsheet: texts as shared strings, counts as numbers, dates as
/// dates.
fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let day = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    for (row, line) in (0..).zip(trainings(ROWS).lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            let written = match cell.parse::<f64>() {
                Ok(number) => sheet.write(row, column, number),
                Err(_) if row > 0 && column == 2 => {
                    let date = rust_xlsxwriter::ExcelDateTime::parse_from_str(cell);
                    sheet.write_with_format(row, column, date.expect("a date"), &day)
                }
                Err(_) => sheet.write(row, column, cell),
            };
            written.expect("fits into a sheet");
        }
    }
    book.save_to_buffer().expect("memory")
}

pub(crate) fn within_csv() {
    answer(peak_of(trainings(ROWS).as_bytes()));
}

pub(crate) fn within_xlsx() {
    answer(peak_of(&workbook()));
}

/// Returns what an import takes beyond what was there before, the file among it.
fn peak_of(file: &[u8]) -> u64 {
    let plane = Plane::new();
    std::fs::write("/proc/self/clear_refs", "5").expect("a process of ours");
    let before = Resident::of("self").now;
    plane.import(file);
    Resident::of("self").peak.saturating_sub(before)
}
