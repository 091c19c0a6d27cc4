//! Attacks on tables with several splits, each with its numbers.

use counterfoil::disclosure::tables::{Conclusion, Said, Shown, Vintage, What, audit};
use counterfoil::disclosure::{Form, Limits, Microlp, Model, Row, bounds};
use counterfoil::model::dimension::{AGE_BANDS, GENDERS};
use counterfoil::model::{Axis, Dimension, Figure, Measure, table};

use super::book::{Member, Visit, axis, count, period};
use super::catalogue::{heads, nothing_is_given_away, threshold, threshold_gives_away};
use super::possible::{NO_BOUND, Puzzle, Ready, Sum};

/// A table by several splits, the last one fastest, with so many heads in each cell.
struct Counts {
    axes: Vec<Axis>,
    cells: Vec<i64>,
}

impl Counts {
    /// Returns a member in whose book these are, and who publishes some of the sums: by the splits
    /// named, from 0.
    fn member(&self, floor: u32, tables: &[&[usize]]) -> Member {
        let visit = |(cell, all): (usize, &i64)| {
            let codes = table::codes_at(&self.axes, cell);
            let code = |dimension: Dimension| {
                let at = self.axes.iter().position(|a| a.dimension == dimension);
                at.map(|at| known(codes[at]))
            };
            let plain = heads("2018Q1", code(Dimension::Country).unwrap_or("TH"), *all);
            Visit {
                gender: code(Dimension::Gender).unwrap_or(plain.gender),
                band: code(Dimension::AgeBand).unwrap_or(plain.band),
                ..plain
            }
        };
        let visits = self.cells.iter().enumerate().filter(|(_, all)| **all > 0);
        let sums = tables.iter().map(|by| {
            let axes: Vec<Axis> = by.iter().map(|at| self.axes[*at].clone()).collect();
            count(Measure::Attendances, &axes, "2018")
        });
        Member::new(floor, visits.map(visit).collect(), sums.collect())
    }

    /// Returns the sum of the cells that are one cell of a coarser table.
    fn sum(&self, axes: &[Axis], cell: usize) -> Sum {
        let codes = table::codes_at(axes, cell);
        let is_in = |at: &usize| {
            let own = table::codes_at(&self.axes, *at);
            axes.iter().zip(&codes).all(|(axis, code)| {
                let along = self.axes.iter().position(|other| other == axis);
                own[along.expect("one of them")] == *code
            })
        };
        (0..self.cells.len())
            .filter(is_in)
            .map(|at| (at, 1))
            .collect()
    }

    /// Returns what whole numbers are possible to somebody who reads some tables.
    fn puzzle(&self, said: &[Said]) -> Ready {
        let mut puzzle = Puzzle {
            truth: self.cells.clone(),
            rows: Vec::new(),
        };
        for said in said {
            for (cell, shown) in said.cells.iter().enumerate() {
                let sum = self.sum(&said.count.axes, cell);
                let upper = shown.figure.upper().unwrap_or(NO_BOUND);
                assert!(puzzle.add(sum, shown.figure.lower(), upper), "it is true");
            }
        }
        puzzle.ready()
    }
}

/// Returns a code of the test's own for as long as a book needs it.
fn known(code: &str) -> &'static str {
    let all = [
        "w", "x", "y", "z", "k1", "k2", "k3", "k4", "k5", "k6", "a", "b", "c",
    ];
    let mut all = all.iter().chain(GENDERS).chain(AGE_BANDS);
    all.find(|known| **known == code).expect("a code in use")
}

/// Audits some tables as they would stand in a log, and returns what is disclosed.
fn disclosed(member: &Member, said: &[Said]) -> Vec<Conclusion> {
    let state = member.state(period("2018"));
    let shown = said.iter().map(|said| Shown {
        id: format!("{:?}", said.count.axes),
        attributes: said
            .count
            .dimensions()
            .filter(|d| d.describes_persons())
            .collect(),
        activities: state
            .sheet(&said.count)
            .expect("a sheet")
            .activities
            .clone(),
        said: said.clone(),
        floor: member.floor.clone(),
    });
    let vintage = Vintage {
        leaf: 0,
        period: period("2018"),
        tables: shown.collect(),
    };
    let found = audit(&[vintage], &Limits::default(), &Microlp).expect("the solver solves");
    assert!(!found.is_empty());
    found.into_iter().filter(|one| one.disclosed).collect()
}

#[test]
fn a2_block_subtraction() {
    let counts = Counts {
        axes: vec![
            axis(Dimension::Country, &["w", "x", "y", "z"]),
            axis(Dimension::AgeBand, &AGE_BANDS[..4]),
        ],
        cells: vec![
            30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685,
        ],
    };
    let hidden = [0, 1, 2, 4, 6, 9, 11, 13, 15];
    let in_row = |row: usize| hidden.iter().filter(|at| *at / 4 == row).count();
    let in_column = |column: usize| hidden.iter().filter(|at| *at % 4 == column).count();
    assert!((0..4).all(|line| in_row(line) > 1 && in_column(line) > 1));
    // What a total leaves for the hidden cells of its line.
    let cell = |at: &usize| counts.cells[*at];
    let left = |line: &dyn Fn(&usize) -> bool| {
        let all: i64 = (0..16).filter(|at| line(at)).map(|at| cell(&at)).sum();
        let shown = (0..16).filter(|at| line(at) && !hidden.contains(at));
        all - shown.map(|at| cell(&at)).sum::<i64>()
    };
    let rows = left(&|at| at / 4 == 0) + left(&|at| at / 4 == 1);
    let columns = left(&|at| at % 4 == 0) + left(&|at| at % 4 == 2);
    assert_eq!((rows, columns, rows - columns), (236, 189, 47));

    // Under a floor of 48 it is one of four small cells; each of them alone can be had.
    let mut member = counts.member(48, &[&[], &[0], &[1], &[0, 1]]);
    let told = disclosed(&member, &threshold(&member));
    assert!(!told.is_empty());
    let shown = member.publish("2018");
    assert_eq!(shown[3][1].value(), None, "w, b");
    assert_eq!(disclosed(&member, &member.said), []);
    let some = shown[3].iter().filter(|figure| figure.value().is_some());
    assert!(some.count() > 4, "{shown:?}");
}

#[test]
fn a5_overlapping_geography() {
    // 15 in all, of whom 8 and 6: each is enough, and what they leave is one.
    let genders = [
        ("woman", 10),
        ("man", 10),
        ("non_binary", 8),
        ("self_described", 6),
    ];
    let visits = genders.into_iter().chain([("not_said", 1)]);
    let visits = visits.map(|(gender, all)| Visit {
        gender,
        ..heads("2018Q1", "TH", all)
    });
    let level = axis(Dimension::Gender3, &["women", "men", "another_or_not_said"]);
    let fine = axis(Dimension::Gender, GENDERS);
    let plan = [vec![], vec![level], vec![fine]];
    let plan = plan
        .iter()
        .map(|axes| count(Measure::Attendances, axes, "2018"));
    let mut member = Member::new(5, visits.collect(), plan.collect());
    threshold_gives_away(&member, "[\"not_said\"]", 1);
    member.publish("2018");
    nothing_is_given_away(&member);
    assert_eq!(disclosed(&member, &member.said), []);
}

#[test]
fn a9_group_disclosure() {
    let counts = Counts {
        axes: vec![
            axis(Dimension::Country, &["k1", "k2", "k3", "k4", "k5", "k6"]),
            axis(Dimension::AgeBand, &AGE_BANDS[..4]),
        ],
        cells: vec![
            4, 0, 0, 0, 5, 0, 1, 0, 3, 2, 1, 0, 4, 1, 4, 0, 1, 0, 0, 0, 6, 0, 0, 0,
        ],
    };
    let mut member = counts.member(5, &[&[], &[0], &[1], &[0, 1]]);
    let plain = threshold(&member);
    // 6 of the 6 in k6, which no threshold hides: whoever is one of them is known.
    let (all, serious) = (&plain[1].cells[5], &plain[3].cells[20]);
    assert_eq!(
        (all.figure, serious.figure),
        (Figure::Exact(6), Figure::Exact(6))
    );
    let told = disclosed(&member, &plain);
    let of_k6 = |one: &&Conclusion| {
        one.about.what == What::Rest && one.about.place.codes.iter().any(|(_, code)| code == "k6")
    };
    assert!(told.iter().any(|one| of_k6(&one)), "{told:?}");
    let shown = member.publish("2018");
    assert!(
        shown[1][5].value().is_none() || shown[3][20].value().is_none(),
        "{shown:?}"
    );
    assert_eq!(disclosed(&member, &member.said), []);
}

/// 3x4x4 counts, 35 in all, of which all sums over one split are known and nothing else.
const INNER: [i64; 48] = [
    0, 0, 1, 1, 2, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 2, //
    0, 0, 0, 2, 1, 0, 2, 0, 1, 0, 2, 2, 0, 0, 1, 0, //
    0, 1, 0, 0, 2, 0, 0, 0, 0, 2, 0, 2, 1, 0, 2, 2,
];

#[test]
fn a14_integrality() {
    let counts = Counts {
        axes: vec![
            axis(Dimension::Country, &["a", "b", "c"]),
            axis(Dimension::Gender, &GENDERS[..4]),
            axis(Dimension::AgeBand, &AGE_BANDS[..4]),
        ],
        cells: INNER.to_vec(),
    };
    assert_eq!(INNER.iter().sum::<i64>(), 35);
    let two_way: [&[usize]; 3] = [&[0, 1], &[0, 2], &[1, 2]];
    // All margins as they are, and nothing of the cells.
    let mut naive = Vec::new();
    let member = counts.member(5, &two_way);
    for sheet in member.state(period("2018")).sheets {
        let cells = sheet.tallies.iter().map(|tally| counterfoil::model::Cell {
            figure: Figure::Exact(tally.value.expect("all is known")),
            uncounted: 0,
        });
        naive.push(Said {
            cells: cells.collect(),
            count: sheet.count,
        });
    }
    let puzzle = counts.puzzle(&naive);
    // Half a person by linear reasoning, rounded outward to one; none in whole numbers.
    let odd = 2 * 16 + 2;
    let rows = naive.iter().flat_map(|said| {
        let of = |(cell, shown): (usize, &counterfoil::model::Cell)| {
            let atoms = counts.sum(&said.count.axes, cell).into_keys();
            Row::exactly(Form::sum(atoms), shown.figure.lower())
        };
        said.cells.iter().enumerate().map(of)
    });
    let model = Model {
        atoms: 48,
        rows: rows.collect(),
    };
    let forms: Vec<Form> = (0..48).map(Form::atom).collect();
    let linear = bounds(&model, &forms, &Limits::default(), &Microlp).expect("it is solved");
    assert_eq!(linear[odd], (0, Some(1)));
    assert_eq!(
        linear
            .iter()
            .filter(|(low, high)| Some(*low) == *high)
            .count(),
        12
    );
    let atom = |at: usize| Sum::from([(at, 1)]);
    assert_eq!(puzzle.range(&atom(odd)), (0, 0));

    // Of each small cell we leave possible that it is none, and that it is enough.
    let mut member = counts.member(
        5,
        &[&[], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]],
    );
    member.publish("2018");
    let puzzle = counts.puzzle(&member.said);
    for (at, value) in INNER.iter().enumerate() {
        assert!(puzzle.is_possible(&atom(at), 0, 0), "cell {at} is {value}");
        assert!(
            puzzle.is_possible(&atom(at), 5, NO_BOUND),
            "cell {at} is {value}"
        );
    }
    assert_eq!(disclosed(&member, &member.said), []);
}
