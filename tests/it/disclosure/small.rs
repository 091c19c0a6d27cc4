//! Textbook tables: what is recoverable under primaries alone, and what is not under ours.

use counterfoil::disclosure::{Form, Functional, Limits, Microlp, Model, Row, Standing, audit};

use super::tables::{Atoms, Cell, Hierarchy, Problem, Record, codes, read};

/// Returns a table of two columns with all its totals.
fn two_way(records: &[Record], columns: [usize; 2]) -> (Atoms, Vec<Cell>) {
    let atoms = Atoms::of(records, &columns);
    let [rows, across] = columns.map(|column| Hierarchy::flat(codes(records, column)));
    let cells = atoms.cells(&[(0, &rows), (1, &across)]);
    (atoms, cells)
}

#[track_caller]
fn check_bounds(problem: &Problem, hidden: &[bool], expected: &[(&[&str], i64, i64)]) {
    let found = problem.bounds(hidden);
    for (codes, lower, upper) in expected {
        let cell = problem.at(codes);
        assert!(
            found.contains(&(cell, *lower, Some(*upper))),
            "{codes:?}: {:?}",
            found.iter().find(|(at, ..)| *at == cell)
        );
    }
}

#[test]
fn z1_small_cells_are_recoverable_until_more_is_hidden() {
    let Some(records) = read("ssb/z1.csv", "ant", 1.0) else {
        return;
    };
    let (atoms, cells) = two_way(&records, [0, 1]);
    let problem = Problem::counts(&atoms, cells, 4);
    assert_eq!(problem.recoverable(&problem.primaries()), 3);
    let source = problem.pattern(|codes| {
        ["B", "D", "H"].contains(&&*codes[0]) && ["annet", "arbeid"].contains(&&*codes[1])
    });
    check_bounds(
        &problem,
        &source,
        &[
            (&["B", "arbeid"], 0, 6),
            (&["D", "arbeid"], 0, 6),
            (&["H", "arbeid"], 0, 6),
            (&["B", "annet"], 2, 8),
            (&["D", "annet"], 9, 15),
            (&["H", "annet"], 6, 12),
        ],
    );
    let hidden = problem.solve("z1", Some(&source));
    assert!(hidden.iter().filter(|hidden| **hidden).count() <= 6);
}

#[test]
fn a2_block_subtraction_two_hidden_in_every_line_are_not_enough() {
    let Some(records) = read("sdctable/wxyz_problem.csv", "freq", 1.0) else {
        return;
    };
    let (atoms, cells) = two_way(&records, [0, 1]);
    let unsafe_cells: Vec<Vec<String>> = records
        .iter()
        .filter(|record| record.codes[3] == "u")
        .map(|record| record.codes[..2].to_vec())
        .collect();
    // No floor is known of it: a cell is protected if it cannot be computed.
    let problem = Problem::new(atoms.truth, Vec::new(), cells, |cell, value| {
        let is_unsafe = unsafe_cells.contains(&cell.codes);
        is_unsafe.then_some((value - 1, value + 1))
    });
    let primaries = problem.primaries();
    assert_eq!(problem.recoverable(&primaries), 1);
    check_bounds(
        &problem,
        &primaries,
        &[
            (&["w", "b"], 47, 47),
            (&["w", "a"], 25, 94),
            (&["w", "c"], 0, 69),
            (&["x", "a"], 26, 95),
            (&["x", "c"], 0, 69),
            (&["y", "b"], 0, 185),
            (&["y", "d"], 0, 185),
            (&["z", "b"], 906, 1091),
            (&["z", "d"], 585, 770),
        ],
    );
    for (more, upper) in [(["x", "d"], 78), (["x", "b"], 141)] {
        let mut hidden = primaries.clone();
        hidden[problem.at(&more)] = true;
        check_bounds(&problem, &hidden, &[(&["w", "b"], 0, upper)]);
    }
    let mut source = primaries;
    source[problem.at(&["x", "d"])] = true;
    let hidden = problem.solve("wxyz", Some(&source));
    assert_eq!(hidden.iter().filter(|hidden| **hidden).count(), 10);
}

#[test]
fn a3_linked_tables_that_are_safe_alone_are_not_together() {
    let Some(records) = read("sdctable/linked8.csv", "n", 1.0) else {
        return;
    };
    let atoms = Atoms::of(&records, &[0, 1, 2]);
    let regions = Hierarchy::flat(codes(&records, 0));
    let by_county = regions.clone().grouped(&records, 0, 1);
    let by_group = regions.grouped(&records, 0, 2);
    let counties = atoms.cells(&[(0, &by_county)]);
    let groups = atoms.cells(&[(0, &by_group)]);
    let alone = |cells: &[Cell]| Problem::counts(&atoms, cells.to_vec(), 4);
    for (cells, upper) in [(&counties, 9), (&groups, 7)] {
        let problem = alone(cells);
        check_bounds(&problem, &problem.primaries(), &[(&["K"], 0, upper)]);
        assert_eq!(problem.recoverable(&problem.primaries()), 0);
    }
    let mut both = counties;
    both.extend(groups.into_iter().filter(|cell| cell.codes[0].len() > 1));
    let problem = alone(&both);
    let primaries = problem.primaries();
    check_bounds(&problem, &primaries, &[(&["K"], 3, 3)]);
    let source = problem.pattern(|codes| ["A", "B", "K", "L", "M", "N"].contains(&&*codes[0]));
    check_bounds(&problem, &source, &[(&["K"], 0, 10), (&["N"], 0, 10)]);
    let hidden = problem.solve("linked8", Some(&source));
    assert_eq!(hidden, source);
}

/// 3x4x4 counts of which all two-way margins are known and nothing else.
fn inner_hidden() -> (Model, Vec<i64>) {
    let truth: Vec<i64> = "001122200002000200021020102200100100200002021022"
        .bytes()
        .map(|digit| i64::from(digit - b'0'))
        .collect();
    let at = |i: usize, j: usize, k: usize| (i * 4 + j) * 4 + k;
    let mut margins = Vec::new();
    for a in 0..4 {
        for b in 0..4 {
            margins.push(Form::sum((0..3).map(|i| at(i, a, b))));
            if a < 3 {
                margins.push(Form::sum((0..4).map(|k| at(a, b, k))));
                margins.push(Form::sum((0..4).map(|j| at(a, j, b))));
            }
        }
    }
    let row = |form: Form| {
        let value = form.value(&truth).expect("it fits");
        Row::exactly(form, value)
    };
    let model = Model {
        atoms: 48,
        rows: margins.into_iter().map(row).collect(),
    };
    (model, truth)
}

#[test]
fn a14_integrality_halves_that_no_table_has_protect_nothing() {
    let (model, truth) = inner_hidden();
    assert_eq!(truth.iter().sum::<i64>(), 35);
    let forms: Vec<Form> = (0..48).map(Form::atom).collect();
    let limits = Limits::default();
    let found = counterfoil::disclosure::bounds(&model, &forms, &limits, &Microlp);
    let found = found.expect("it can be solved");
    let exact = found.iter().filter(|(lower, upper)| Some(*lower) == *upper);
    assert_eq!(exact.count(), 12);
    // Between 0 and a half by linear reasoning, rounded outward; 0 in whole numbers.
    let odd = (2 * 4) * 4 + 2;
    assert_eq!(found[odd], (0, Some(1)));
    let functional = Functional {
        form: Form::atom(odd),
        at_most: 0,
        at_least: 1,
    };
    let audited = audit(&model, &truth, &[functional], &[], &limits, &Microlp);
    let audited = audited.expect("the truth fits");
    assert_eq!(audited.standings, [Standing::Disclosed]);
}

#[test]
fn ex1_is_protected_as_the_source_does() {
    let Some(path) = crate::shared::path("disclosure/checktauargus/ex1/tabdata_ex1.tab") else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("a shared file can be read");
    let lines = text
        .lines()
        .map(|line| line.split(',').map(str::trim).collect());
    let records: Vec<Record> = lines
        .filter(|fields: &Vec<&str>| fields[0] != "Total" && fields[1] != "Total")
        .map(|fields| Record {
            codes: vec![fields[0].to_owned(), fields[1].to_owned()],
            value: super::tables::whole(fields[2], 1.0),
        })
        .collect();
    let (atoms, cells) = two_way(&records, [0, 1]);
    // MAN(20): a range of a fifth either way.
    let problem = Problem::new(atoms.truth, Vec::new(), cells, |cell, value| {
        let is_primary = cell.codes == ["A", "female"];
        is_primary.then_some((value - value / 5, value + value / 5))
    });
    assert_eq!(problem.recoverable(&problem.primaries()), 1);
    let source = problem.pattern(|codes| {
        ["A", "C"].contains(&&*codes[0]) && ["male", "female"].contains(&&*codes[1])
    });
    check_bounds(
        &problem,
        &source,
        &[
            (&["A", "female"], 0, 623),
            (&["A", "male"], 409, 1032),
            (&["C", "male"], 432, 1055),
            (&["C", "female"], 0, 623),
        ],
    );
    let hidden = problem.solve("ex1", Some(&source));
    assert_eq!(hidden.iter().filter(|hidden| **hidden).count(), 4);
}

#[test]
fn microdata1_needs_three_more() {
    let Some(records) = read("sdctable/microdata1.csv", "val", 1.0) else {
        return;
    };
    let mut persons = records;
    for person in &mut persons {
        person.value = 1;
    }
    let (atoms, cells) = two_way(&persons, [0, 1]);
    assert_eq!(atoms.truth, [2, 18, 19, 14, 10, 12, 14, 11]);
    let women = persons.iter().filter(|person| person.codes[1] == "female");
    assert_eq!((persons.len(), women.count()), (100, 45));
    let problem = Problem::counts(&atoms, cells, 4);
    assert_eq!(
        problem.primaries().iter().filter(|hidden| **hidden).count(),
        1
    );
    assert_eq!(problem.recoverable(&problem.primaries()), 1);
    let hidden = problem.solve("microdata1", None);
    assert_eq!(hidden.iter().filter(|hidden| **hidden).count(), 4);
}

#[test]
fn a5_overlapping_geography_does_not_tell_of_one_person() {
    let Some(records) = read("ssb/my_km2.csv", "freq", 1.0) else {
        return;
    };
    let atoms = Atoms::of(&records, &[0, 1, 2]);
    let places = |column: usize| Hierarchy::flat(codes(&records, column));
    let (kilometres, squares, municipalities) = (places(0), places(1), places(2));
    let mut cells = atoms.cells(&[(0, &kilometres)]);
    for (column, hierarchy) in [(1, &squares), (2, &municipalities)] {
        let more = atoms.cells(&[(column, hierarchy)]);
        cells.extend(more.into_iter().filter(|cell| cell.codes != ["Total"]));
    }
    let mut problem = Problem::counts(&atoms, cells, 5);
    for (codes, value) in [
        ("my_km", 15),
        ("another_km", 138),
        ("500_000", 6),
        ("750_250", 6),
        ("750_500", 3),
        ("Nittedal", 8),
        ("Oslo", 145),
    ] {
        assert_eq!(problem.value(problem.at(&[codes])), value);
    }
    let is_of_oslo = |codes: &Vec<String>| codes[1] != "500_000" || codes[2] == "Oslo";
    assert!(atoms.codes.iter().all(is_of_oslo));
    let one = atoms
        .codes
        .iter()
        .position(|codes| codes[1] == "750_500" && codes[2] == "Oslo");
    let one = one.expect("there is such a place");
    let forms = [Form::atom(one)];
    let shown = counterfoil::disclosure::model_of(
        &problem.world,
        0,
        &problem.choices,
        &problem.primaries(),
    );
    let found = counterfoil::disclosure::bounds(&shown, &forms, &Limits::default(), &Microlp);
    assert_eq!(found, Ok(vec![(1, Some(1))]));
    // The parts in which squares and municipalities cross are nobody's cells, and yet protected.
    for (atom, value) in atoms.truth.iter().enumerate() {
        if (1..5).contains(value) {
            problem.world.functionals.push(Functional {
                form: Form::atom(atom),
                at_most: 0,
                at_least: 5,
            });
        }
    }
    let hidden = problem.solve("my_km2", None);
    assert!(hidden.iter().any(|hidden| !hidden));
}

#[test]
fn a9_group_disclosure_everybody_of_a_group_is_not_told() {
    let Some(records) = read("ssb/mun_accidents.csv", "freq", 1.0) else {
        return;
    };
    let (atoms, cells) = two_way(&records, [0, 1]);
    let mut problem = Problem::counts(&atoms, cells, 5);
    for (place, total) in [
        ("k1", 4),
        ("k2", 6),
        ("k3", 6),
        ("k4", 9),
        ("k5", 1),
        ("k6", 6),
    ] {
        assert_eq!(problem.value(problem.at(&[place, "Total"])), total);
    }
    for (kind, total) in [("serious", 23), ("light", 3), ("none", 6), ("unknown", 0)] {
        assert_eq!(problem.value(problem.at(&["Total", kind])), total);
    }
    // All 6 of k6 were seriously hurt: the complement is 0, though 6 is no small count.
    let (all, serious) = (problem.at(&["k6", "Total"]), problem.at(&["k6", "serious"]));
    for place in ["k1", "k5", "k6"] {
        let of = |kind: &str| problem.value(problem.at(&[place, kind]));
        assert_eq!(of("Total"), of("serious"), "{place}");
    }
    assert!(!problem.primaries()[all] && !problem.primaries()[serious]);
    for place in ["k1", "k2", "k3", "k4", "k5", "k6"] {
        let all = problem.at(&[place, "Total"]);
        let rest = problem.cells[all]
            .form
            .minus(&problem.cells[problem.at(&[place, "serious"])].form);
        let value = rest.value(&problem.world.truth).expect("it fits");
        if value < 5 {
            problem.world.functionals.push(Functional {
                form: rest,
                at_most: 0,
                at_least: 5,
            });
        }
    }
    problem.solve("mun_accidents", None);
}

#[test]
fn example1_with_zeros_and_regions() {
    let Some(records) = read("ssb/example1.csv", "freq", 1.0) else {
        return;
    };
    let atoms = Atoms::of(&records, &[0, 1, 3]);
    let ages = Hierarchy::flat(codes(&records, 0));
    let places = Hierarchy::flat(codes(&records, 1)).grouped(&records, 1, 2);
    let years = Hierarchy::flat(codes(&records, 3));
    let problem = Problem::counts(
        &atoms,
        atoms.cells(&[(0, &ages), (1, &places), (2, &years)]),
        4,
    );
    let zeros = |year: &str| {
        let at = |at: &usize| atoms.codes[*at][2] == year && atoms.truth[*at] == 0;
        (0..atoms.truth.len()).filter(at).count()
    };
    assert_eq!((zeros("2014"), zeros("2015"), zeros("2016")), (1, 2, 0));
    problem.solve("example1", None);
}
