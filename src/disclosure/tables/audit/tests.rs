//! Histories published the plain way, and what is concluded of them.

use super::*;
use crate::charter::policy::{Floor, Of};
use crate::disclosure::Microlp;
use crate::disclosure::tables::{Count, Said};
use crate::model::{Axis, Dimension, dimension, table};

const SMALL: Figure = between(0, 9);

const fn exact(value: i64) -> Figure {
    Figure::Exact(value)
}

const fn between(lower: i64, upper: i64) -> Figure {
    Figure::Interval { lower, upper }
}

fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
    Axis {
        dimension,
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    }
}

fn countries(codes: &[&str]) -> Vec<Axis> {
    vec![axis(Dimension::Country, codes)]
}

fn gender3() -> Vec<Axis> {
    vec![axis(Dimension::Gender3, dimension::GENDERS3)]
}

/// What one member published.
struct Log {
    floor: Floor,
    vintages: Vec<Vintage>,
}

impl Log {
    fn new(min_cell: u32, hide_existence: bool) -> Self {
        Self {
            floor: Floor {
                min_cell,
                hide_existence,
            },
            vintages: Vec::new(),
        }
    }

    fn release(&mut self, when: &str) -> &mut Self {
        self.vintages.push(Vintage {
            leaf: self.vintages.len() as u64,
            period: when.parse().expect("a period"),
            tables: Vec::new(),
            venues: Vec::new(),
        });
        self
    }

    fn says(&mut self, measure: Measure, axes: Vec<Axis>, figures: &[Figure]) -> &mut Self {
        let some = vec![Some(3); figures.len()];
        self.says_of(measure, axes, figures, some)
    }

    fn says_of(
        &mut self,
        measure: Measure,
        axes: Vec<Axis>,
        figures: &[Figure],
        activities: Vec<Option<u32>>,
    ) -> &mut Self {
        let vintage = self.vintages.last_mut().expect("a release");
        let by: Vec<&str> = axes.iter().map(|axis| axis.dimension.as_str()).collect();
        let count = Count {
            measure,
            signers: Of::Organisations,
            axes: axes.clone(),
            period: vintage.period,
        };
        let cell = |figure: &Figure| Cell {
            figure: *figure,
            uncounted: 0,
        };
        vintage.tables.push(Shown {
            id: format!("{measure}/{}", by.join("+")),
            attributes: count
                .dimensions()
                .filter(|d| d.describes_persons())
                .collect(),
            said: Said {
                count,
                cells: figures.iter().map(cell).collect(),
                was: Vec::new(),
            },
            activities,
            floor: self.floor.clone(),
        });
        self
    }

    fn attended(&mut self, axes: Vec<Axis>, figures: &[Figure]) -> &mut Self {
        self.says(Measure::Attendances, axes, figures)
    }

    /// Tells how many activities took place in some of a table's cells.
    fn took_place(&mut self, axes: Vec<Axis>, there: &[(&str, u32)]) -> &mut Self {
        let vintage = self.vintages.last_mut().expect("a release");
        let mut cells = vec![Some(0); table::cell_count(&axes)];
        for (code, held) in there {
            cells[table::index_of(&axes, &[*code]).expect("a cell")] = Some(*held);
        }
        vintage.venues.push(Venues {
            period: vintage.period,
            axes,
            cells,
            joined: Some(0),
        });
        self
    }

    fn audit(&self) -> Vec<Conclusion> {
        audit(&self.vintages, &Limits::default(), &Microlp).expect("the solver solves")
    }

    /// Returns what is disclosed, as `what table codes lower..upper`.
    fn disclosed(&self) -> Vec<String> {
        let disclosed = self.audit().into_iter().filter(|found| found.disclosed);
        disclosed.map(|found| spell(&found)).collect()
    }
}

fn codes(found: &Conclusion) -> Vec<&str> {
    let codes = found.about.place.codes.iter();
    codes.map(|(_, code)| code.as_str()).collect()
}

fn spell(found: &Conclusion) -> String {
    let codes = codes(found);
    let end = |end: Option<i64>| end.map_or_else(String::new, |end| end.to_string());
    format!(
        "{} {} {} {}..{}",
        found.about.what,
        found.about.period,
        codes.join("+"),
        end(found.known.lower),
        end(found.known.upper)
    )
}

#[track_caller]
fn tells(log: &Log, expected: &[&str]) {
    let disclosed = log.disclosed();
    for one in expected {
        assert!(
            disclosed.iter().any(|found| found == one),
            "{one}: {disclosed:?}"
        );
    }
}

#[test]
fn a1_subtraction() {
    let mut log = Log::new(10, true);
    let cells = [exact(10), exact(15), exact(25), SMALL];
    log.release("2018")
        .attended(vec![], &[exact(51)])
        .attended(countries(&["TH", "VN", "NP", "LA"]), &cells);
    assert_eq!(log.disclosed(), ["cell 2018 LA 1..1"]);
}

#[test]
fn a2_a_hidden_block_is_reckoned_out() {
    // Rows w and x, columns a and b and the rest: only differences of lines are known.
    let mut log = Log::new(10, true);
    let axes = vec![
        axis(Dimension::Country, &["w", "x"]),
        axis(Dimension::Gender3, dimension::GENDERS3),
    ];
    let hidden = Figure::Absent;
    log.release("2018")
        .attended(countries(&["w", "x"]), &[exact(236), exact(100)])
        .attended(gender3(), &[exact(200), exact(87), exact(49)])
        .attended(
            axes,
            &[exact(189), hidden, exact(0), hidden, hidden, hidden],
        );
    let found = log.audit();
    let cell = found
        .iter()
        .find(|f| f.about.place.codes.len() == 2 && f.about.place.codes[1].1 == "men");
    assert_eq!(cell.expect("w, men").known, Known::exactly(47));
}

#[test]
fn a3_linked_tables() {
    // Each of the two tables leaves K ten possible values; together they leave one.
    let mut log = Log::new(10, true);
    let bands = vec![
        axis(Dimension::Gender3, dimension::GENDERS3),
        axis(Dimension::Age2, dimension::AGES2),
    ];
    let hidden = Figure::Absent;
    log.release("2018")
        .attended(
            vec![axis(Dimension::Age2, dimension::AGES2)],
            &[exact(30), exact(60), exact(50)],
        )
        .attended(
            bands,
            &[
                exact(20),
                exact(30),
                hidden, //
                hidden,
                hidden,
                hidden, //
                exact(7),
                exact(20),
                hidden,
            ],
        );
    tells(&log, &["cell 2018 men+under_25 3..3"]);
}

#[test]
fn a4_a9_all_but_few_of_a_group() {
    let mut log = Log::new(5, true);
    log.release("2018")
        .attended(vec![], &[exact(20)])
        .attended(gender3(), &[between(0, 4), exact(19), between(0, 4)]);
    tells(&log, &["rest 2018  1..1"]);

    let mut log = Log::new(5, false);
    log.release("2018")
        .attended(vec![], &[exact(6)])
        .attended(gender3(), &[exact(6), exact(0), exact(0)]);
    assert_eq!(log.disclosed(), ["rest 2018  0..0"]);
}

#[test]
fn a5_overlapping_bands() {
    let mut log = Log::new(5, true);
    let hidden = Figure::Absent;
    let bands = [
        exact(8),
        exact(6),
        hidden,
        hidden,
        hidden,
        hidden,
        hidden,
        hidden,
    ];
    log.release("2018")
        .attended(
            vec![axis(Dimension::Age2, dimension::AGES2)],
            &[exact(15), hidden, hidden],
        )
        .attended(vec![axis(Dimension::AgeBand, dimension::AGE_BANDS)], &bands);
    tells(&log, &["cell 2018 20-24 1..1"]);
}

#[test]
fn a6_a7_one_came_and_one_left() {
    for (before, after, change) in [(31, 30, -1), (14, 15, 1)] {
        let mut log = Log::new(5, true);
        let by = || countries(&["TH", "X"]);
        for (all, there) in [(before, 9), (after, 9 + change)] {
            log.release("2018")
                .attended(vec![], &[exact(all)])
                .attended(by(), &[Figure::Absent, exact(there)]);
        }
        let told = format!("change 2018 X {change}..{change}");
        tells(&log, &[&told]);
    }
}

#[test]
fn a11_a12_known_thresholds() {
    for (sum, figures, told) in [
        (8, [between(1, 4), between(1, 4)], "cell 2018 TH 4..4"),
        (2, [between(1, 4), between(1, 4)], "cell 2018 VN 1..1"),
        (6, [between(1, 4), between(5, 90)], "cell 2018 TH 1..1"),
    ] {
        let mut log = Log::new(5, false);
        log.release("2018")
            .attended(vec![], &[exact(sum)])
            .attended(countries(&["TH", "VN"]), &figures);
        tells(&log, &[told]);
    }
}

#[test]
fn where_activities_took_place_in_a_quarter() {
    let by_region = || vec![axis(Dimension::Region, dimension::REGIONS)];
    let by_country = || countries(&["TH", "other", "online"]);
    let mut log = Log::new(5, true);
    log.release("2018Q1")
        .took_place(by_region(), &[("asia", 1), ("online", 1)])
        .attended(vec![], &[exact(33)]);
    log.release("2018Q2")
        .took_place(by_region(), &[("africa", 1)])
        .attended(vec![], &[exact(20)]);
    for quarter in ["2018Q3", "2018Q4"] {
        log.release(quarter).took_place(by_region(), &[]).says_of(
            Measure::Attendances,
            vec![],
            &[exact(0)],
            vec![Some(0)],
        );
    }
    let held = [("TH", 1), ("other", 1), ("online", 1)];
    log.release("2018")
        .took_place(by_country(), &held)
        .attended(vec![], &[exact(53)])
        .attended(by_country(), &[exact(30), between(0, 23), between(0, 23)]);
    // Africa is not online, so that twenty were elsewhere and three of the first quarter are left.
    tells(&log, &["cell 2018 online 3..3", "cell 2018Q1 online 3..3"]);
}

#[test]
fn a_table_shown_again_need_not_be_of_where_activities_took_place_since() {
    let quarter = |log: &mut Log, region: &str| {
        log.release("2018Q1")
            .took_place(
                vec![axis(Dimension::Region, dimension::REGIONS)],
                &[(region, 1)],
            )
            .attended(vec![], &[exact(20)]);
    };
    let by_country = || countries(&["TH", "VN", "other"]);
    let beginning_in = |region: &str| {
        let mut log = Log::new(5, true);
        quarter(&mut log, region);
        log.release("2018")
            .took_place(by_country(), &[("TH", 1), ("VN", 1), ("other", 1)])
            .attended(vec![], &[exact(43)])
            .attended(by_country(), &[between(0, 23), exact(20), between(0, 23)]);
        log
    };
    // What was in Africa leaves three in Thailand.
    tells(&beginning_in("africa"), &["cell 2018 TH 3..3"]);
    let mut moved = beginning_in("asia");
    assert!(moved.disclosed().is_empty());
    quarter(&mut moved, "africa");
    assert!(moved.disclosed().is_empty());
}

#[test]
fn what_is_shown_again_under_a_higher_floor_tells_nothing_new() {
    let mut log = Log::new(5, true);
    log.release("2018").attended(vec![], &[exact(7)]);
    log.floor.min_cell = 30;
    log.release("2018").attended(vec![], &[exact(7)]);
    assert!(log.disclosed().is_empty());
    log.release("2019").attended(vec![], &[exact(7)]);
    assert_eq!(log.disclosed(), ["cell 2019  7..7"]);
}

#[test]
fn a13_rounded_to_five() {
    let mut log = Log::new(5, true);
    log.release("2018")
        .attended(vec![], &[between(8, 12)])
        .attended(countries(&["TH", "VN", "NP", "LA"]), &[between(3, 7); 4]);
    tells(&log, &["cell 2018 TH 3..3", "cell 2018 LA 3..3"]);
}

#[test]
fn a14_counts_are_whole() {
    const INNER: [[[i64; 4]; 4]; 3] = [
        [[0, 0, 1, 1], [2, 2, 2, 0], [0, 0, 0, 2], [0, 0, 0, 2]],
        [[0, 0, 0, 2], [1, 0, 2, 0], [1, 0, 2, 2], [0, 0, 1, 0]],
        [[0, 1, 0, 0], [2, 0, 0, 0], [0, 2, 0, 2], [1, 0, 2, 2]],
    ];
    let along = [
        axis(Dimension::Country, &["a", "b", "c"]),
        axis(Dimension::Gender, &dimension::GENDERS[..4]),
        axis(Dimension::AgeBand, &dimension::AGE_BANDS[..4]),
    ];
    let mut log = Log::new(5, true);
    log.release("2018");
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let (rows, columns) = (along[one].codes.len(), along[other].codes.len());
        let mut margins = vec![0; rows * columns];
        for (i, j, k) in (0..48).map(|n| (n / 16, n / 4 % 4, n % 4)) {
            let at = [i, j, k];
            margins[at[one] * columns + at[other]] += INNER[i][j][k];
        }
        let figures: Vec<Figure> = margins.into_iter().map(exact).collect();
        log.attended(vec![along[one].clone(), along[other].clone()], &figures);
    }
    log.attended(along.to_vec(), &[Figure::Absent; 48]);
    let found = log.audit();
    let cell = found.iter().find(|found| {
        let codes = codes(found);
        codes == ["c", dimension::GENDERS[0], dimension::AGE_BANDS[2]]
    });
    // Its linear program leaves it half a person.
    assert_eq!(cell.expect("the cell").known, Known::exactly(0));
}

#[test]
fn measures_beside_each_other() {
    let mut log = Log::new(10, true);
    log.release("2018").attended(vec![], &[exact(30)]).says(
        Measure::Completions,
        vec![],
        &[exact(29)],
    );
    assert_eq!(log.disclosed(), ["beside 2018  1..1"]);

    let mut log = Log::new(10, true);
    log.release("2018")
        .attended(vec![], &[exact(12)])
        .says(Measure::People, vec![], &[exact(2)]);
    tells(&log, &["cell 2018  2..2"]);
}

#[test]
fn quarters_beside_their_year() {
    let mut log = Log::new(10, true);
    for quarter in ["2018Q1", "2018Q2", "2018Q3"] {
        log.release(quarter).attended(vec![], &[SMALL]);
    }
    let nothing = || vec![Some(0)];
    log.release("2018Q4")
        .says_of(Measure::Attendances, vec![], &[exact(0)], nothing());
    assert_eq!(
        log.disclosed(),
        [""; 0],
        "nobody was anywhere in the fourth quarter"
    );
    log.release("2018").attended(vec![], &[exact(24)]);
    tells(&log, &["cell 2018Q1  6..9", "cell 2018Q3  6..9"]);
    log.vintages.pop();
    log.release("2018").attended(vec![], &[between(0, 27)]);
    assert_eq!(log.disclosed(), [""; 0]);
}

#[test]
fn three_small_years_tell_nothing() {
    let mut log = Log::new(10, true);
    for year in ["2018", "2019", "2020"] {
        log.release(year);
        for measure in [Measure::Attendances, Measure::People, Measure::Completions] {
            log.says(measure, vec![], &[SMALL])
                .says(measure, gender3(), &[SMALL; 3]);
        }
    }
    assert_eq!(log.disclosed(), [""; 0]);
    assert!(log.audit().len() > 40);
}

#[test]
fn what_two_states_of_the_records_would_tell_is_no_disclosure() {
    // The first quarter grew by ten, and the year does not know yet.
    let mut log = Log::new(10, true);
    for (quarter, figure) in [
        ("2018Q1", exact(25)),
        ("2018Q2", exact(20)),
        ("2018Q3", SMALL),
        ("2018Q4", SMALL),
    ] {
        log.release(quarter).attended(vec![], &[figure]);
    }
    log.release("2018").attended(vec![], &[between(45, 63)]);
    assert_eq!(log.disclosed(), [""; 0]);
    log.release("2018Q1").attended(vec![], &[exact(55)]);
    assert_eq!(log.disclosed(), [""; 0]);
    // Once it does, it counts again.
    log.release("2018").attended(vec![], &[exact(76)]);
    tells(&log, &["cell 2018Q3  0..1"]);
}

#[test]
fn nobody_in_nothing_may_be_said_again() {
    let mut log = Log::new(10, true);
    for activities in [0, 1] {
        let behind = vec![Some(activities)];
        log.release("2018")
            .says_of(Measure::Attendances, vec![], &[exact(0)], behind);
    }
    assert_eq!(log.disclosed(), [""; 0]);
    let mut log = Log::new(10, true);
    log.release("2018").attended(vec![], &[exact(0)]);
    assert_eq!(log.disclosed(), ["cell 2018  0..0"]);
}

#[test]
fn what_a_revision_uncovers_is_told() {
    let mut log = Log::new(10, true);
    for completed in [between(0, 47), exact(46)] {
        log.release("2018").attended(vec![], &[exact(47)]).says(
            Measure::Completions,
            vec![],
            &[completed],
        );
    }
    assert_eq!(log.disclosed(), ["beside 2018  1..1"]);
}

#[test]
fn tables_that_contradict_each_other_are_taken_apart() {
    let mut log = Log::new(10, true);
    log.release("2018Q1").attended(vec![], &[exact(40)]);
    log.release("2018")
        .attended(vec![], &[exact(30)])
        .attended(gender3(), &[exact(15), exact(14), SMALL]);
    tells(&log, &["cell 2018 another_or_not_said 1..1"]);
    log.release("2018Q2").attended(vec![], &[exact(-3)]);
    assert!(log.audit().len() > 5);
}
