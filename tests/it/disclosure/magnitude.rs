//! Sums of amounts: which are sensitive, as their sources say, and that none is recoverable.

use std::collections::BTreeMap;

use counterfoil::disclosure::{Form, MagnitudeRules, Row, is_sensitive, protection};

use super::tables::{Atoms, Cell, Hierarchy, Problem, Record, codes, is_long, read, whole};
use crate::shared;

const DOMINANCE: MagnitudeRules = MagnitudeRules {
    min_contributors: 0,
    dominance: Some((1, 80)),
    p_percent: None,
};

/// Returns the amounts behind each cell, a company's taken together.
fn by_company(records: &[Record], is_in: impl Fn(&[String]) -> bool) -> Vec<i64> {
    let mut amounts: BTreeMap<&str, i64> = BTreeMap::new();
    for record in records.iter().filter(|record| is_in(&record.codes)) {
        *amounts.entry(&record.codes[4]).or_default() += record.value;
    }
    amounts.into_values().collect()
}

#[test]
fn magnitude1_large_companies_are_not_read_from_their_sums() {
    let Some(records) = read("ssb/magnitude1.csv", "value", 10.0) else {
        return;
    };
    let cell = |sector: &str, place: &str| {
        let is_in = |codes: &[String]| codes[0] == sector && codes[2] == place;
        let rows: Vec<&Record> = records
            .iter()
            .filter(|record| is_in(&record.codes))
            .collect();
        rows.iter().map(|record| record.value).collect::<Vec<i64>>()
    };
    let share = |amounts: &[i64]| {
        let largest = amounts.iter().max().expect("somebody contributes");
        (1000.0 * *largest as f64 / amounts.iter().sum::<i64>() as f64).round() as i64
    };
    assert_eq!(share(&cell("Governmental", "Portugal")), 915);
    assert_eq!(share(&cell("Industry", "Portugal")), 883);
    assert_eq!(cell("Entertainment", "Iceland").len(), 1);
    assert_eq!(cell("Industry", "Spain").len(), 1);
    let dominated = ["Agriculture", "Entertainment", "Governmental", "Industry"]
        .into_iter()
        .flat_map(|sector| ["Iceland", "Portugal", "Spain"].map(|place| (sector, place)))
        .filter(|(sector, place)| is_sensitive(&cell(sector, place), &DOMINANCE));
    assert_eq!(
        dominated.collect::<Vec<_>>(),
        [
            ("Entertainment", "Iceland"),
            ("Governmental", "Portugal"),
            ("Industry", "Portugal"),
            ("Industry", "Spain"),
        ]
    );
    assert_eq!(share(&by_company(&records, |_| true)), 541);
    let farms = by_company(&records, |codes| codes[0] == "Agriculture");
    assert_eq!((farms.len(), share(&farms)), (2, 718));
    for p_percent in 1..=100 {
        let rules = MagnitudeRules {
            p_percent: Some(p_percent),
            dominance: None,
            min_contributors: 0,
        };
        assert!(is_sensitive(&farms, &rules), "{p_percent}");
    }
    let atoms = Atoms::of(&records, &[0, 2]);
    let sectors = Hierarchy::flat(codes(&records, 0)).grouped(&records, 0, 1);
    let places = Hierarchy::flat(codes(&records, 2)).grouped(&records, 2, 3);
    let cells = atoms.cells(&[(0, &sectors), (1, &places)]);
    let problem = Problem::new(atoms.truth.clone(), Vec::new(), cells, |cell, value| {
        let within: Vec<&Vec<String>> = cell
            .form
            .terms()
            .map(|(atom, _)| &atoms.codes[atom])
            .collect();
        let is_in = |codes: &[String]| {
            within
                .iter()
                .any(|at| at[0] == codes[0] && at[1] == codes[2])
        };
        let need = protection(&by_company(&records, is_in), &MagnitudeRules::default())?;
        Some(((value - need).max(0), value + need))
    });
    problem.solve("magnitude1", None);
}

/// A published cell: its codes, its sum in ten-thousandths, its largest part and its contributors.
struct Published {
    codes: Vec<String>,
    sum: i64,
    largest: i64,
    contributors: i64,
}

fn published(file: &str) -> Option<Vec<Published>> {
    let records = read(file, "TOT", 1e4)?;
    let cell = |record: Record| Published {
        codes: record.codes[..2].to_vec(),
        sum: record.value,
        largest: whole(&record.codes[4], 1e4),
        contributors: whole(&record.codes[2], 1.0),
    };
    Some(records.into_iter().map(cell).collect())
}

/// Returns some contributions of which only the sum and the largest are known.
fn contributions(sum: i64, largest: i64) -> Vec<i64> {
    if sum < largest {
        return vec![largest, sum - largest];
    }
    let mut amounts = Vec::new();
    let mut rest = sum;
    while rest > 0 && largest > 0 {
        amounts.push(rest.min(largest));
        rest -= rest.min(largest);
    }
    amounts
}

impl Published {
    fn is_few(&self) -> bool {
        (1..3).contains(&self.contributors)
    }

    fn is_dominated(&self) -> bool {
        let rules = MagnitudeRules {
            dominance: Some((1, 85)),
            ..DOMINANCE
        };
        is_sensitive(&contributions(self.sum, self.largest), &rules)
    }

    /// Returns how it must look: a tenth of the largest part away, either way.
    fn protection(&self) -> Option<(i64, i64)> {
        let away = (self.largest / 10).max(1);
        let is_primary = self.is_few() || self.is_dominated();
        is_primary.then_some(((self.sum - away).max(0), self.sum + away))
    }
}

#[test]
fn turnover_is_as_sensitive_as_its_source_says() {
    for (file, total, few, dominated, either) in [
        ("rtauargus/turnover_act_size.csv", 414, 52, 69, 77),
        ("rtauargus/turnover_nuts_size.csv", 460, 55, 56, 72),
    ] {
        let Some(cells) = published(file) else { return };
        let count = |is: &dyn Fn(&&Published) -> bool| cells.iter().filter(is).count();
        assert_eq!(cells.len(), total);
        assert_eq!(count(&|cell| cell.is_few()), few);
        assert_eq!(count(&|cell| cell.is_dominated()), dominated);
        assert_eq!(count(&|cell| cell.protection().is_some()), either);
        let all = cells.iter().find(|cell| cell.codes == ["Total", "Total"]);
        assert_eq!(all.map(|cell| cell.contributors), Some(224_768));
    }
}

/// Returns each published cell as a sum of those of the finest published detail, from `atoms` on.
fn as_sums(cells: &[Published], levels: &[Record], atoms: usize) -> (Vec<Cell>, Vec<usize>) {
    let below = |code: &str, leaf: &str| {
        code == "Total"
            || code == leaf
            || levels.iter().any(|level| {
                let path = &level.codes;
                let at = path.iter().position(|at| at == code);
                at.is_some_and(|at| path[at..].iter().any(|below| below == leaf))
            })
    };
    let is_leaf = |code: &str, column: usize| {
        code != "Total"
            && !cells.iter().any(|cell| {
                let other = &cell.codes[column];
                other != code && other != "Total" && column == 0 && below(code, other)
            })
    };
    let leaves: Vec<usize> = (0..cells.len())
        .filter(|at| is_leaf(&cells[*at].codes[0], 0) && is_leaf(&cells[*at].codes[1], 1))
        .collect();
    let sums = cells.iter().map(|cell| Cell {
        codes: cell.codes.clone(),
        form: Form::sum(leaves.iter().enumerate().filter_map(|(atom, leaf)| {
            let leaf = &cells[*leaf].codes;
            let is_in = below(&cell.codes[0], &leaf[0])
                && (cell.codes[1] == "Total" || cell.codes[1] == leaf[1]);
            is_in.then_some(atoms + atom)
        })),
    });
    (sums.collect(), leaves)
}

#[test]
fn turnover_is_not_recoverable_from_linked_tables() {
    let read_all = || {
        Some((
            published("rtauargus/turnover_act_size.csv")?,
            published("rtauargus/turnover_nuts_size.csv")?,
            read("rtauargus/activity_corr_table.csv", "A10", f64::NAN)?,
            read("rtauargus/nuts23_fr_corr_table.csv", "NUTS2", f64::NAN)?,
        ))
    };
    let Some((activities, places, activity_levels, place_levels)) = read_all() else {
        return;
    };
    let (mut cells, mut leaves) = as_sums(&activities, &activity_levels, 0);
    let mut truth: Vec<i64> = leaves.iter().map(|at| activities[*at].sum).collect();
    let (more, place_leaves) = as_sums(&places, &place_levels, truth.len());
    truth.extend(place_leaves.iter().map(|at| places[*at].sum));
    leaves.extend(place_leaves);
    let sources: Vec<&Published> = activities.iter().chain(&places).collect();
    // The size margin is the same table twice, but for the rounding of its parts.
    let margin = |cells: &[Cell], size: &str| {
        let found = cells.iter().find(|cell| cell.codes == ["Total", size]);
        found.expect("every size has a total").form.clone()
    };
    let links = ["tr1", "tr2", "tr3"].map(|size| {
        let link = margin(&cells, size).minus(&margin(&more, size));
        let value = link.value(&truth).expect("it fits");
        assert!(value.abs() < 1000, "{value}");
        Row::exactly(link, value)
    });
    cells.extend(more);
    for (cell, source) in cells.iter().zip(&sources) {
        let sum = cell.form.value(&truth).expect("it fits");
        assert!((sum - source.sum).abs() < 1000, "{:?}", cell.codes);
    }
    let protections: BTreeMap<Form, (i64, i64)> = cells
        .iter()
        .zip(&sources)
        .filter_map(|(cell, source)| Some((cell.form.clone(), source.protection()?)))
        .collect();
    let problem = Problem::new(truth, links.to_vec(), cells, |cell, _| {
        protections.get(&cell.form).copied()
    });
    assert!(problem.recoverable(&problem.primaries()) > 0);
    if is_long() {
        problem.solve("turnover, linked", None);
    }
}

/// Reads a table of four crossed columns with all their totals.
fn datatest1() -> Option<Vec<csv::StringRecord>> {
    let path = shared::path("disclosure/rtauargus/datatest1.csv")?;
    let mut reader = csv::Reader::from_path(path).expect("a shared file can be read");
    Some(reader.records().map(|line| line.expect("CSV")).collect())
}

#[test]
fn datatest1_is_as_sensitive_as_its_source_says() {
    let Some(lines) = datatest1() else { return };
    let count = |column: usize| lines.iter().filter(|line| &line[column] == "True").count();
    assert_eq!(lines.len(), 689);
    assert_eq!([7, 8, 9].map(count), [79, 95, 114]);
    // One of them is negative, which no rule is made for.
    let dominated = lines.iter().filter(|line| {
        let (sum, largest) = (whole(&line[5], 1e4), whole(&line[6], 1e4));
        let rules = MagnitudeRules {
            dominance: Some((1, 85)),
            ..DOMINANCE
        };
        is_sensitive(&contributions(sum, largest), &rules)
    });
    assert_eq!(dominated.count(), count(8));
}

#[test]
fn datatest1_is_not_recoverable_from_all_its_totals() {
    let Some(lines) = datatest1() else { return };
    let codes_of = |line: &csv::StringRecord| -> Vec<String> {
        line.iter().take(4).map(str::to_owned).collect()
    };
    let is_finest = |line: &&csv::StringRecord| line.iter().take(4).all(|code| code != "Total");
    // The one that is negative counts as if it were not: atoms are not below 0.
    let record = |line: &csv::StringRecord| Record {
        codes: codes_of(line),
        value: whole(&line[5], 1e4).abs(),
    };
    let records: Vec<Record> = lines.iter().filter(is_finest).map(record).collect();
    let atoms = Atoms::of(&records, &[0, 1, 2, 3]);
    let by = [0, 1, 2, 3].map(|column| Hierarchy::flat(codes(&records, column)));
    let cells = atoms.cells(&[(0, &by[0]), (1, &by[1]), (2, &by[2]), (3, &by[3])]);
    let published: BTreeMap<Vec<String>, &csv::StringRecord> =
        lines.iter().map(|line| (codes_of(line), line)).collect();
    assert_eq!((atoms.truth.len(), cells.len()), (224, 689));
    for cell in &cells {
        let sum = cell.form.value(&atoms.truth).expect("it fits");
        let said = whole(&published[&cell.codes][5], 1e4);
        let is_negative = |(atom, _)| atoms.codes[atom] == ["tr1", "LL", "1", "AZ"];
        let turned = if cell.form.terms().any(is_negative) {
            2 * 7_687_501
        } else {
            0
        };
        // Each part is rounded by itself.
        assert!((sum - said - turned).abs() < 250, "{:?}", cell.codes);
    }
    let rules = MagnitudeRules {
        dominance: Some((1, 85)),
        ..DOMINANCE
    };
    let problem = Problem::new(atoms.truth, Vec::new(), cells, |cell, value| {
        let line = published[&cell.codes];
        let amounts = contributions(value, whole(&line[6], 1e4).max(0));
        let away = protection(&amounts, &rules).unwrap_or(1);
        (&line[9] == "True").then_some(((value - away).max(0), value + away))
    });
    let primaries = problem.primaries();
    assert_eq!(primaries.iter().filter(|hidden| **hidden).count(), 114);
    assert!(problem.recoverable(&primaries) > 0);
    if is_long() {
        problem.solve("datatest1", None);
    }
}
