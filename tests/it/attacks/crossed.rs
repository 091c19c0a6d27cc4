//! Attacks on tables with several splits, each with its numbers.

use counterfoil::disclosure::tables::{
    Conclusion, Count, Said, Sheet, Shown, Vintage, What, audit,
};
use counterfoil::disclosure::{Form, Limits, Microlp, Model, Row, bounds};
use counterfoil::model::dimension::{AGE_BANDS, GENDERS};
use counterfoil::model::{Axis, Cell, Dimension, Figure, Measure, table};

use super::book::{Member, Visit, axis, count, period, tally};
use super::catalogue::{heads, nothing_is_given_away, threshold, threshold_gives_away};
use super::possible::{NO_BOUND, Puzzle, Ready, Sum};

/// A table by several splits, the last one fastest, with so many heads in each cell.
struct Counts {
    axes: Vec<Axis>,
    cells: Vec<i64>,
}

impl Counts {
    /// Returns a visit per cell, of as many heads.
    fn visits(&self) -> Vec<Visit> {
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
        self.cells.iter().enumerate().map(visit).collect()
    }

    /// Returns a member in whose book these are, and who publishes some of the sums: by the splits
    /// named, from 0.
    fn member(&self, floor: u32, tables: &[&[usize]]) -> Member {
        let sums = tables.iter().map(|by| {
            let axes: Vec<Axis> = by.iter().map(|at| self.axes[*at].clone()).collect();
            count(Measure::Attendances, &axes, "2018")
        });
        let visits = self.visits().into_iter().filter(|visit| visit.heads > 0);
        Member::new(floor, visits.collect(), sums.collect())
    }
}

/// Returns which visits are behind each cell of a table.
pub(super) fn sums(visits: &[Visit], count: &Count) -> Vec<Sum> {
    let mut sums = vec![Sum::new(); count.cells()];
    for (at, visit) in visits.iter().enumerate() {
        let one = Visit {
            heads: 1,
            ..visit.clone()
        };
        let found = tally(&[one], count);
        if let Some(cell) = found.iter().position(|tally| tally.value == Some(1)) {
            sums[cell].insert(at, 1);
        }
    }
    sums
}

/// Returns what whole numbers are possible to somebody who reads some tables, of the heads each of
/// these visits stands for.
pub(super) fn puzzle(visits: &[Visit], said: &[Said]) -> Ready {
    let mut puzzle = Puzzle {
        truth: visits.iter().map(|visit| visit.heads).collect(),
        rows: Vec::new(),
    };
    for said in said {
        for (sum, shown) in sums(visits, &said.count).into_iter().zip(&said.cells) {
            let upper = shown.figure.upper().unwrap_or(NO_BOUND);
            assert!(puzzle.add(sum, shown.figure.lower(), upper), "it is true");
        }
    }
    puzzle.ready()
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
        said: said.read_from_outside(),
        floor: member.floor.clone(),
    });
    let vintage = Vintage {
        leaf: 0,
        period: period("2018"),
        tables: shown.collect(),
        venues: Vec::new(),
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
fn a3_linked_tables() {
    // Regions in two counties, here quarters, and in two groups of them, here countries.
    let region = |gender, quarter: &str, group, all| Visit {
        gender,
        ..heads(quarter, group, all)
    };
    let (one, two, small, big) = ("2018Q1", "2018Q2", "x", "y");
    let regions = vec![
        region("woman", one, small, 2),
        region("man", one, small, 2),
        region("trans_woman", one, small, 8),
        region("trans_man", one, small, 8),
        region("woman", two, small, 3),
        region("woman", two, big, 3),
        region("man", two, big, 3),
        region("man", two, small, 7),
        region("trans_woman", two, small, 0),
        region("trans_man", two, small, 0),
        region("trans_woman", two, big, 0),
        region("trans_man", two, big, 0),
    ];
    const K: usize = 4;
    let groups = axis(Dimension::Country, &[small, big]);
    let by_region = [groups.clone(), axis(Dimension::Gender, &GENDERS[..4])];
    let mut plan = vec![count(Measure::Attendances, &[groups], "2018")];
    for quarter in ["2018Q1", "2018Q2", "2018Q3", "2018Q4"] {
        plan.push(count(Measure::Attendances, &[], quarter));
        plan.push(count(Measure::Attendances, &by_region, quarter));
    }
    let mut member = Member::new(4, regions.clone(), plan);
    member.floor.hide_existence = false;
    let all = threshold(&member);
    let is_total = |said: &&Said| said.count.is_total();
    let is_of_groups = |said: &&Said| said.count.axes.len() == 1;
    let counties: Vec<Said> = all
        .iter()
        .filter(|said| !is_of_groups(said))
        .cloned()
        .collect();
    let by_group: Vec<Said> = all.iter().filter(|said| !is_total(said)).cloned().collect();
    let of_k = |said: &[Said]| puzzle(&regions, said).range(&Sum::from([(K, 1)]));
    assert_eq!(of_k(&counties), (0, 9));
    assert_eq!(of_k(&by_group), (0, 7));
    assert_eq!(of_k(&all), (3, 3));

    for order in [
        ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"],
        ["2018", "2018Q4", "2018Q3", "2018Q2", "2018Q1"],
    ] {
        member.said.clear();
        member.past.clear();
        for period in order {
            member.publish(period);
        }
        let puzzle = puzzle(&regions, &member.said);
        for (at, region) in regions.iter().enumerate() {
            if (1..4).contains(&region.heads) {
                let (lower, upper) = puzzle.range(&Sum::from([(at, 1)]));
                assert!(lower <= 1 && upper >= 4, "{region:?}: {lower} to {upper}");
            }
        }
        let exact = member.said.iter().flat_map(|said| &said.cells);
        assert!(exact.filter(|cell| cell.figure.value() > Some(0)).count() > 2);
    }
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
    let visits = counts.visits();
    let told = |sheet: &Sheet| {
        let cells = sheet.tallies.iter().map(|tally| Cell {
            figure: Figure::Exact(tally.value.expect("all is known")),
            uncounted: 0,
        });
        Said {
            count: sheet.count.clone(),
            cells: cells.collect(),
            was: Vec::new(),
        }
    };
    let state = counts.member(5, &two_way).state(period("2018"));
    let margins: Vec<Said> = state.sheets.iter().map(told).collect();
    let puzzle_of = |said: &[Said]| puzzle(&visits, said);
    // Half a person by linear reasoning, rounded outward to one; none in whole numbers.
    let odd = 2 * 16 + 2;
    let rows = margins.iter().flat_map(|said| {
        let sums = sums(&visits, &said.count).into_iter().zip(&said.cells);
        sums.map(|(sum, cell)| Row::exactly(Form::sum(sum.into_keys()), cell.figure.lower()))
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
    assert_eq!(puzzle_of(&margins).range(&atom(odd)), (0, 0));

    // Of each small cell we leave possible that it is none, and that it is enough.
    let mut member = counts.member(
        5,
        &[&[], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]],
    );
    member.publish("2018");
    let puzzle = puzzle_of(&member.said);
    for (at, value) in INNER.iter().enumerate() {
        assert!(puzzle.is_possible(&atom(at), 0, 0), "cell {at} is {value}");
        assert!(
            puzzle.is_possible(&atom(at), 5, NO_BOUND),
            "cell {at} is {value}"
        );
    }
    assert_eq!(disclosed(&member, &member.said), []);
}
