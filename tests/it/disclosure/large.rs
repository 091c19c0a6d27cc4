//! Whole publications.
//!
//! Where the tests that take long are asked for, each of these prints a row of what was hidden
//! beside what its source hides; `.ci/long` prints them all.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::disclosure::{Form, MagnitudeRules, Row, protection};

use super::tables::{Atoms, Cell, Hierarchy, Problem, Record, codes, is_long, read, whole};
use crate::shared;

fn text(file: &str) -> Option<String> {
    let path = shared::path(&format!("disclosure/{file}"))?;
    Some(std::fs::read_to_string(path).expect("a shared file can be read"))
}

/// A table as tau-ARGUS protected it.
struct Protected {
    atoms: Atoms,
    cells: Vec<Cell>,
    /// How many cells have status 1 (safe), 11 (secondary), 14 (empty) and 3 (primary).
    statuses: [usize; 4],
    /// Which cells are sensitive, and which are hidden, by their codes.
    primary: BTreeSet<Vec<String>>,
    hidden: BTreeSet<Vec<String>>,
}

const ENTERPRISE: &str = "checktauargus/enterprise";

/// Reads a table of activities by products, or by regions.
fn enterprise(name: &str) -> Option<Protected> {
    let activities = text(&format!("{ENTERPRISE}/nace_divisions.hrc"))?;
    let regions = text(&format!("{ENTERPRISE}/KohStatReg.hrc"))?;
    let table = text(&format!("{ENTERPRISE}/{name}.txt"))?;
    let lines: Vec<(Vec<String>, i64, &str)> = table
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line
                .split(',')
                .map(|field| field.trim_matches('"'))
                .collect();
            let value = if fields[2] == "-" {
                0
            } else {
                whole(fields[2], 100.0)
            };
            let codes = fields[..2].iter().map(|&code| code.to_owned());
            (codes.collect(), value, fields[3])
        })
        .collect();
    let down = Hierarchy::indented(&activities, ["00"]);
    let across = if name == "test_2b" {
        Hierarchy::indented(&regions, [])
    } else {
        let products = lines.iter().map(|(codes, ..)| codes[1].as_str());
        Hierarchy::flat(products.filter(|code| *code != "Total"))
    };
    let is_inner = |codes: &[String]| down.is_leaf(&codes[0]) && across.is_leaf(&codes[1]);
    let inner = lines.iter().filter(|(codes, ..)| is_inner(codes));
    let (codes, truth) = inner
        .map(|(codes, value, _)| (codes.clone(), *value))
        .unzip();
    let atoms = Atoms { codes, truth };
    let cells = atoms.cells(&[(0, &down), (1, &across)]);
    let with = |statuses: &[&str]| {
        let found = lines
            .iter()
            .filter(|(.., status)| statuses.contains(status));
        found.map(|(codes, ..)| codes.clone()).collect()
    };
    let values: BTreeMap<&Vec<String>, i64> = lines.iter().map(|(c, v, _)| (c, *v)).collect();
    assert_eq!(cells.len(), lines.len());
    for cell in &cells {
        assert_eq!(
            cell.form.value(&atoms.truth),
            Some(values[&cell.codes]),
            "{:?}",
            cell.codes
        );
    }
    let count = |status: &str| lines.iter().filter(|line| line.2 == status).count();
    Some(Protected {
        statuses: ["1", "11", "14", "3"].map(count),
        primary: with(&["3"]),
        hidden: with(&["3", "11"]),
        atoms,
        cells,
    })
}

/// Returns what each holding contributes to each cell of the finest detail, by activity and
/// product, and by activity and region.
fn holdings(column: std::ops::Range<usize>) -> Option<Vec<(String, Vec<String>, i64)>> {
    let records = text(&format!("{ENTERPRISE}/example_enterprise.asc"))?;
    let record = |line: &str| {
        let codes = vec![
            line[9..11].trim().to_owned(),
            line[column.clone()].trim().to_owned(),
        ];
        (line[..9].to_owned(), codes, whole(&line[18..26], 100.0))
    };
    Some(records.lines().map(record).collect())
}

impl Protected {
    /// Returns the range each primary cell needs under the p% rule, 10 %, by holding.
    fn needs(&self, holdings: &[(String, Vec<String>, i64)]) -> BTreeMap<Form, (i64, i64)> {
        let rules = MagnitudeRules {
            min_contributors: 0,
            dominance: None,
            p_percent: Some(10),
        };
        let places: BTreeMap<&Vec<String>, usize> = self.atoms.codes.iter().zip(0..).collect();
        let mut amounts: Vec<BTreeMap<&str, i64>> = vec![BTreeMap::new(); places.len()];
        for (holding, codes, amount) in holdings {
            *amounts[places[codes]].entry(holding).or_default() += amount;
        }
        let mut needs = BTreeMap::new();
        for cell in self
            .cells
            .iter()
            .filter(|cell| self.primary.contains(&cell.codes))
        {
            let mut of_cell: BTreeMap<&str, i64> = BTreeMap::new();
            for (holding, amount) in cell.form.terms().flat_map(|(atom, _)| &amounts[atom]) {
                *of_cell.entry(holding).or_default() += amount;
            }
            let contributions: Vec<i64> = of_cell.into_values().collect();
            let value = cell.form.value(&self.atoms.truth).expect("it fits");
            let need = protection(&contributions, &rules).unwrap_or(1);
            needs.insert(cell.form.clone(), ((value - need).max(0), value + need));
        }
        needs
    }

    fn problem(&self, holdings: &[(String, Vec<String>, i64)]) -> Problem {
        let needs = self.needs(holdings);
        Problem::new(
            self.atoms.truth.clone(),
            Vec::new(),
            self.cells.clone(),
            |cell, _| {
                // A cell with one that is primary below it, and nothing else, is as primary.
                needs.get(&cell.form).copied()
            },
        )
    }
}

fn pattern(problem: &Problem, hidden: &BTreeSet<Vec<String>>) -> Vec<bool> {
    problem.pattern(|codes| hidden.contains(codes))
}

#[test]
fn enterprise_primaries_alone_are_recoverable() {
    for (name, columns, statuses, hidden, recoverable) in [
        ("test_1", 11..13, [555, 133, 694, 283], 416, 76),
        ("test_2a", 11..13, [614, 74, 694, 283], 357, 76),
        ("test_2b", 13..15, [727, 127, 472, 339], 466, 128),
    ] {
        let (Some(table), Some(holdings)) = (enterprise(name), holdings(columns)) else {
            return;
        };
        assert_eq!((table.statuses, table.hidden.len()), (statuses, hidden));
        let problem = table.problem(&holdings);
        assert_eq!(
            problem.recoverable(&pattern(&problem, &table.primary)),
            recoverable
        );
        let source = pattern(&problem, &table.hidden);
        if is_long() {
            assert_eq!(problem.recoverable(&source), 0);
            problem.solve(&format!("enterprise {name}"), Some(&source));
        }
    }
}

#[test]
fn enterprise_linked_tables_are_protected_together() {
    let read = || Some((enterprise("test_2a")?, enterprise("test_2b")?));
    let (Some((products, regions)), true) = (read(), is_long()) else {
        return;
    };
    let (Some(by_product), Some(by_region)) = (holdings(11..13), holdings(13..15)) else {
        return;
    };
    let offset = products.atoms.truth.len();
    let moved = |form: &Form| Form::of(form.terms().map(|(atom, times)| (atom + offset, times)));
    let mut needs = products.needs(&by_product);
    let more = regions.needs(&by_region);
    needs.extend(more.iter().map(|(form, need)| (moved(form), *need)));
    let tagged = |cell: &Cell, tag: &str, form: Form| Cell {
        codes: [cell.codes.as_slice(), &[tag.to_owned()]].concat(),
        form,
    };
    let mut cells: Vec<Cell> = Vec::new();
    let mut links = Vec::new();
    for cell in &products.cells {
        cells.push(tagged(cell, "2a", cell.form.clone()));
    }
    for cell in &regions.cells {
        cells.push(tagged(cell, "2b", moved(&cell.form)));
        if cell.codes[1] == "Total" {
            let same = products
                .cells
                .iter()
                .find(|other| other.codes == cell.codes);
            let same = same.expect("the tables share their activities");
            // Whoever protected them saw to it that both say the same of it.
            let status = |table: &Protected| {
                let is_primary = table.primary.contains(&cell.codes);
                (is_primary, table.hidden.contains(&cell.codes))
            };
            assert_eq!(status(&products), status(&regions), "{:?}", cell.codes);
            links.push(Row::exactly(same.form.minus(&moved(&cell.form)), 0));
        }
    }
    let truth = [products.atoms.truth.as_slice(), &regions.atoms.truth].concat();
    let problem = Problem::new(truth, links, cells, |cell, _| {
        needs.get(&cell.form).copied()
    });
    let source = problem.pattern(|codes| match codes[2].as_str() {
        "2a" => products.hidden.contains(&codes[..2]),
        _ => regions.hidden.contains(&codes[..2]),
    });
    let bounds = problem.bounds(&source);
    let widths = bounds
        .iter()
        .map(|(_, lower, upper)| upper.expect("it is bound") - lower);
    assert_eq!(widths.min(), Some(53_448));
    let at = |codes: &[&str]| {
        *bounds
            .iter()
            .find(|(at, ..)| *at == problem.at(codes))
            .expect("hidden")
    };
    let (cell, lower, upper) = at(&["14", "12", "2a"]);
    assert_eq!(
        (problem.value(cell), lower, upper),
        (13_450, 0, Some(53_448))
    );
    let (cell, lower, upper) = at(&["J", "03", "2b"]);
    assert_eq!(
        (problem.value(cell), lower, upper),
        (456_361, 0, Some(487_572))
    );
    // No other primary cell has as little room above it.
    let primaries = problem.primaries();
    let rooms = bounds.iter().filter(|(cell, ..)| primaries[*cell]);
    let room = |(cell, _, upper): &(usize, i64, Option<i64>)| {
        let value = problem.value(*cell) as f64;
        (upper.expect("it is bound") as f64 - value) / value
    };
    let tightest = rooms.min_by(|one, other| room(one).total_cmp(&room(other)));
    assert_eq!(tightest.map(|at| at.0), Some(cell));
    assert_eq!(tightest.map(|at| (room(at) * 1e4).round()), Some(684.0));
    problem.solve("enterprise linked", Some(&source));
}

#[test]
fn z3_overlapping_regions() {
    let Some(records) = read("ssb/z3.csv", "ant", 1.0) else {
        return;
    };
    let atoms = Atoms::of(&records, &[0, 3, 4]);
    assert_eq!(
        (atoms.truth.len(), atoms.truth.iter().sum::<i64>()),
        (432, 2122)
    );
    let count = |range: std::ops::RangeInclusive<i64>| {
        atoms
            .truth
            .iter()
            .filter(|value| range.contains(value))
            .count()
    };
    assert_eq!((count(0..=0), count(0..=3)), (101, 283));
    let sum = |is_in: &dyn Fn(&Record) -> bool| {
        records
            .iter()
            .filter(|r| is_in(r))
            .map(|record| record.value)
            .sum::<i64>()
    };
    let counties = ["11", "12", "14"].map(|county| sum(&|record| record.codes[1] == county));
    assert_eq!(counties, [576, 883, 663]);
    let groups = ["100", "200", "300", "400", "500"];
    let groups = groups.map(|group| sum(&|record| record.codes[2] == group));
    assert_eq!(groups, [316, 778, 881, 25, 122]);
    let both = ["400", "500"].map(|g| sum(&|r| r.codes[1] == "11" && r.codes[2] == g));
    assert_eq!(both, [6, 18]);
    let regions = Hierarchy::flat(codes(&records, 0))
        .grouped(&records, 0, 1)
        .grouped(&records, 0, 2);
    let incomes = Hierarchy::flat(codes(&records, 3));
    let months = Hierarchy::flat(codes(&records, 4)).grouped(&records, 4, 5);
    let cells = atoms.cells(&[(0, &regions), (1, &incomes), (2, &months)]);
    let problem = Problem::counts(&atoms, cells, 4);
    assert!(problem.recoverable(&problem.primaries()) > 0);
    if is_long() {
        problem.solve("z3", None);
    }
}

#[test]
fn d53_linked_three_way_tables() {
    let Some(records) = read("ssb/d53_census_hypercube.csv", "freq", 1.0) else {
        return;
    };
    assert_eq!(records.len(), 1241);
    assert_eq!(
        records.iter().map(|record| record.value).sum::<i64>(),
        10_000
    );
    // Columns of sex, age, legal marital status, household status, family status.
    let (sex, age, lms, hst, fst) = (0, 3, 5, 8, 11);
    let mut truth = Vec::new();
    let mut cells: Vec<Cell> = Vec::new();
    let mut links = Vec::new();
    let mut margins: BTreeMap<Vec<(usize, String)>, Form> = BTreeMap::new();
    let expected = [(523, 122), (512, 174), (724, 207), (36, 7)];
    let tables = [
        [sex, age, lms],
        [sex, age, hst],
        [sex, age, fst],
        [sex, lms, hst],
    ];
    for (columns, expected) in tables.into_iter().zip(expected) {
        let atoms = Atoms::of(&records, &columns);
        let few = atoms.truth.iter().filter(|value| **value <= 3).count();
        assert_eq!((atoms.truth.len(), few), expected);
        let by: Vec<Hierarchy> = columns
            .iter()
            .map(|at| Hierarchy::flat(codes(&records, *at)))
            .collect();
        let offset = truth.len();
        for cell in atoms.cells(&[(0, &by[0]), (1, &by[1]), (2, &by[2])]) {
            let form = Form::sum(cell.form.terms().map(|(atom, _)| atom + offset));
            let within: Vec<(usize, String)> = columns
                .into_iter()
                .zip(cell.codes)
                .filter(|(_, code)| code != "Total")
                .collect();
            // The same margin of two tables is one cell, and ties them to each other.
            if let Some(same) = margins.get(&within) {
                links.push(Row::exactly(same.minus(&form), 0));
                continue;
            }
            margins.insert(within.clone(), form.clone());
            let codes = within
                .into_iter()
                .map(|(column, code)| format!("{column}:{code}"));
            cells.push(Cell {
                codes: codes.collect(),
                form,
            });
        }
        truth.extend(atoms.truth);
    }
    let problem = Problem::new(truth, links, cells, |_, value| {
        (1..4).contains(&value).then_some((0, 4))
    });
    if is_long() {
        assert!(problem.recoverable(&problem.primaries()) > 0);
        problem.solve("d53", None);
    }
}

#[test]
fn social_assistance_at_scale() {
    let Some(records) = read("ssb/sosialFiktiv.csv", "ant", 1.0) else {
        return;
    };
    let atoms = Atoms::of(&records, &[0, 3, 4]);
    assert_eq!(
        (atoms.truth.len(), atoms.truth.iter().sum::<i64>()),
        (5244, 138_000)
    );
    let count = |range: std::ops::RangeInclusive<i64>| {
        atoms
            .truth
            .iter()
            .filter(|value| range.contains(value))
            .count()
    };
    assert_eq!((count(0..=0), count(1..=4)), (511, 1600));
    let problem = |records: &[Record]| {
        let atoms = Atoms::of(records, &[0, 3, 4]);
        let regions = Hierarchy::flat(codes(records, 0))
            .grouped(records, 0, 1)
            .grouped(records, 0, 2);
        let incomes = Hierarchy::flat(codes(records, 3));
        let months = Hierarchy::flat(codes(records, 4));
        let cells = atoms.cells(&[(0, &regions), (1, &incomes), (2, &months)]);
        Problem::counts(&atoms, cells, 5)
    };
    if is_long() {
        problem(&records).solve("sosialFiktiv", None);
        return;
    }
    let is_here = |record: &&Record| ["1", "2", "3"].contains(&&*record.codes[1]);
    let part: Vec<Record> = records.iter().filter(is_here).cloned().collect();
    let part = problem(&part);
    assert!(part.recoverable(&part.primaries()) > 0);
}

#[test]
fn testw_with_the_protection_its_file_asks_for() {
    let read = || Some((text("tauargus/pp.tab")?, text("tauargus/region2.hrc")?));
    let Some((table, regions)) = read() else {
        return;
    };
    let lines: Vec<Vec<String>> = table
        .lines()
        .map(|line| {
            let field = |field: &str| field.trim_matches('"').trim().replace(',', ".");
            line.split(';').map(field).collect()
        })
        .collect();
    let with = |status: &str| lines.iter().filter(|line| line[8] == status).count();
    assert_eq!(lines.len(), 162);
    assert_eq!(["S", "U", "E"].map(with), [110, 9, 43]);
    let down = Hierarchy::flat(
        lines
            .iter()
            .map(|line| line[0].as_str())
            .filter(|c| *c != "Total"),
    );
    let across = Hierarchy::indented(&regions, ["99"]);
    let inner: Vec<&Vec<String>> = lines
        .iter()
        .filter(|line| down.is_leaf(&line[0]) && across.is_leaf(&line[1]))
        .collect();
    let atoms = Atoms {
        codes: inner.iter().map(|line| line[..2].to_vec()).collect(),
        truth: inner.iter().map(|line| whole(&line[2], 100.0)).collect(),
    };
    let cells = atoms.cells(&[(0, &down), (1, &across)]);
    assert_eq!(cells.len(), 162);
    let problem = Problem::new(atoms.truth, Vec::new(), cells, |cell, value| {
        let line = lines.iter().find(|line| line[..2] == cell.codes[..]);
        let line = line.expect("every cell is a line");
        let away = |column: usize| whole(&line[column], 100.0).max(1);
        (line[8] == "U").then(|| ((value - away(9)).max(0), value + away(10)))
    });
    problem.solve("testW", None);
}

#[test]
fn cell_keys_publish_no_small_counts_and_change_no_mean() {
    for file in ["20160511_szenario_5a.txt", "tau_testW_ptable.txt"] {
        let Some(table) = text(&format!("tauargus/{file}")) else {
            return;
        };
        let mut means: BTreeMap<i64, f64> = BTreeMap::new();
        for line in table.lines().skip(1) {
            let fields: Vec<f64> = line
                .split(';')
                .map(|f| f.parse().expect("a number"))
                .collect();
            assert!(fields[1] != 1.0 && fields[1] != 2.0, "{line}");
            *means.entry(fields[0] as i64).or_default() += fields[2] * fields[3];
            assert!(file != "20160511_szenario_5a.txt" || fields[3].abs() <= 5.0);
        }
        means.remove(&0);
        assert!(means.values().all(|mean| mean.abs() < 1e-3), "{means:?}");
    }
}
