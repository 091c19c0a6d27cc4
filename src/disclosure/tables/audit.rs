//! An attack on everything a member ever published, from outside: how far every sum can be bounded.
//!
//! For each release, whatever was current right after it is put together, and in the end whatever
//! is current ([`History`]). Tables that cannot be true together are taken apart: period by
//! period, then measure by measure, then each by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::conclusion::{About, Conclusion, Place, What, forbids};
use super::outside::{Known, Outside};
use super::shown::Shown;
use super::sums::{Sum, codes, sums};
use super::vintage::{History, Piece, Vintage, as_first_said};
use crate::disclosure::{Form, Limits, Solver, Trouble};
use crate::model::{Cell, Figure, Measure, Period};

/// Most releases of one table that each is compared with.
const COMPARED: usize = 64;

/// Attacks the releases of one kind, given in the order of the log, and returns what can be
/// concluded of every sum, in the order of periods and tables.
///
/// # Errors
/// When the solver fails: then nothing is known.
pub fn audit(
    vintages: &[Vintage],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Vec<Conclusion>, Trouble> {
    let vintages = &as_first_said(vintages)[..];
    let mut attack = Attack {
        vintages,
        limits,
        solver,
        found: BTreeMap::new(),
        at_release: BTreeMap::new(),
    };
    let history = History::of(vintages);
    let mut looked_at = BTreeSet::new();
    for pieces in history.states() {
        if looked_at.insert(pieces.clone()) {
            attack.take_together(&pieces)?;
        }
    }
    for chain in history.chains() {
        attack.changes(&chain);
    }
    Ok(attack.found.into_values().collect())
}

struct Attack<'a> {
    vintages: &'a [Vintage],
    limits: &'a Limits,
    solver: &'a dyn Solver,
    found: BTreeMap<About, Conclusion>,
    /// What is known of the cells of a table when it is let out.
    at_release: BTreeMap<Piece, Vec<Known>>,
}

impl<'a> Attack<'a> {
    fn shown(&self, piece: Piece) -> &'a Shown {
        &self.vintages[piece.0].tables[piece.1]
    }

    fn take_together(&mut self, pieces: &[Piece]) -> Result<(), Trouble> {
        let tables: Vec<&Shown> = pieces.iter().map(|piece| self.shown(*piece)).collect();
        if let Ok(outside) = Outside::of(&tables)
            && outside.is_possible(self.limits, self.solver)?
        {
            return self.conclude(&outside, pieces, &tables);
        }
        if let [piece] = pieces {
            self.take_at_its_word(*piece);
        }
        for part in self.apart(pieces) {
            self.take_together(&part)?;
        }
        Ok(())
    }

    /// Returns the parts of what cannot be true together.
    fn apart(&self, pieces: &[Piece]) -> Vec<Vec<Piece>> {
        let mut by_period: BTreeMap<Period, Vec<Piece>> = BTreeMap::new();
        let mut by_measure: BTreeMap<Measure, Vec<Piece>> = BTreeMap::new();
        for piece in pieces {
            let count = &self.shown(*piece).said.count;
            by_period.entry(count.period).or_default().push(*piece);
            by_measure.entry(count.measure).or_default().push(*piece);
        }
        if by_period.len() > 1 {
            by_period.into_values().collect()
        } else if by_measure.len() > 1 {
            by_measure.into_values().collect()
        } else if pieces.len() > 1 {
            pieces.iter().map(|piece| vec![*piece]).collect()
        } else {
            Vec::new()
        }
    }

    fn conclude(
        &mut self,
        outside: &Outside,
        pieces: &[Piece],
        tables: &[&Shown],
    ) -> Result<(), Trouble> {
        let sums = sums(outside, tables);
        let known = self.known(outside, &sums)?;
        let of = |form: &Form| known.get(form).copied().unwrap_or_default();
        let forbidden = |sum: &Sum<'_>| {
            let whole = sum.parts.as_ref().map(|(whole, _)| of(whole));
            forbids(
                sum.floor,
                sum.about.what,
                of(&sum.form),
                whole.unwrap_or_default(),
            )
        };
        let told: Vec<bool> = sums.iter().map(forbidden).collect();
        let suspects = sums.iter().zip(&told).filter(|(_, told)| **told);
        let suspects: Vec<Form> = suspects.map(|(sum, _)| sum.form.clone()).collect();
        let by_facts = outside.bounds_by_facts(&suspects, self.limits, self.solver)?;
        let mut by_facts = by_facts.into_iter();
        let leaf = self.newest_leaf(pieces);
        for (sum, told) in sums.into_iter().zip(told) {
            let known = of(&sum.form);
            // What everybody reads from the tables of activities is no disclosure.
            let public = told.then(|| by_facts.next()).flatten();
            let disclosed = told && !public.is_some_and(|public| known.says_no_more_than(public));
            if let Some((table, cell)) = sum.cell {
                self.keep(pieces[table], cell, known);
            }
            self.add(Conclusion {
                about: sum.about,
                known,
                disclosed,
                leaf,
            });
        }
        Ok(())
    }

    /// Returns what is known of each sum, and of what it is taken from.
    fn known(&self, outside: &Outside, sums: &[Sum<'_>]) -> Result<BTreeMap<Form, Known>, Trouble> {
        let mut known: BTreeMap<Form, Known> = BTreeMap::new();
        let mut asked: BTreeSet<Form> = BTreeSet::new();
        for sum in sums {
            let whole = sum.parts.iter().map(|(whole, _)| whole);
            for form in whole.chain([&sum.form]) {
                match outside.said(form).or_else(|| sum.said(outside, form)) {
                    Some(value) => {
                        known.insert(form.clone(), Known::exactly(value));
                    }
                    None => {
                        asked.insert(form.clone());
                    }
                }
            }
        }
        let asked: Vec<Form> = asked.into_iter().collect();
        let found = outside.whole_bounds(&asked, self.limits, self.solver)?;
        known.extend(asked.into_iter().zip(found));
        Ok(known)
    }

    /// Takes a table that contradicts itself, or fits no atoms, at its word.
    fn take_at_its_word(&mut self, piece: Piece) {
        let shown = self.shown(piece);
        for (cell, said) in shown.said.cells.iter().enumerate() {
            let known = word(said);
            let nobody = shown.activities.get(cell) == Some(&Some(0));
            self.keep(piece, cell, known);
            self.add(Conclusion {
                about: About {
                    period: shown.said.count.period,
                    place: place(shown, cell),
                    what: What::Cell,
                    minus: None,
                    between: None,
                },
                known,
                disclosed: !nobody && forbids(&shown.floor, What::Cell, known, known),
                leaf: self.newest_leaf(&[piece]),
            });
        }
    }

    /// Concludes what the cells of one table changed by between any two of its releases.
    fn changes(&mut self, chain: &[Piece]) {
        for (nth, after) in chain.iter().enumerate() {
            for before in &chain[nth.saturating_sub(COMPARED)..nth] {
                self.change(*before, *after);
            }
        }
    }

    fn change(&mut self, before: Piece, after: Piece) {
        let (then, now) = (self.shown(before), self.shown(after));
        let floor = if then.floor.min_cell <= now.floor.min_cell {
            &then.floor
        } else {
            &now.floor
        };
        for (cell, (was, is)) in then.said.cells.iter().zip(&now.said.cells).enumerate() {
            if was.figure == is.figure {
                continue;
            }
            let known = self
                .at_release(after, cell)
                .minus(self.at_release(before, cell));
            let leaf = |piece: Piece| self.vintages[piece.0].leaf;
            let conclusion = Conclusion {
                about: About {
                    period: now.said.count.period,
                    place: place(now, cell),
                    what: What::Change,
                    minus: None,
                    between: Some((leaf(before), leaf(after))),
                },
                known,
                disclosed: forbids(floor, What::Change, known, known),
                leaf: leaf(after),
            };
            self.add(conclusion);
        }
    }

    fn at_release(&self, piece: Piece, cell: usize) -> Known {
        let known = self
            .at_release
            .get(&piece)
            .and_then(|cells| cells.get(cell));
        known
            .copied()
            .unwrap_or_else(|| word(&self.shown(piece).said.cells[cell]))
    }

    fn keep(&mut self, piece: Piece, cell: usize, known: Known) {
        let shown = self.shown(piece);
        let cells = self.at_release.entry(piece).or_default();
        // Cells come in order, and the first state a table is in is the one it was let out in.
        if cells.len() == cell && cell < shown.said.cells.len() {
            cells.push(known);
        }
    }

    fn newest_leaf(&self, pieces: &[Piece]) -> u64 {
        let leaves = pieces.iter().map(|(at, _)| self.vintages[*at].leaf);
        leaves.max().unwrap_or(0)
    }

    /// Keeps the worst that is known of each sum.
    fn add(&mut self, conclusion: Conclusion) {
        let rank = |conclusion: &Conclusion| {
            let width = conclusion.known.width().unwrap_or(u64::MAX);
            (!conclusion.disclosed, width)
        };
        match self.found.get(&conclusion.about) {
            Some(before) if rank(before) <= rank(&conclusion) => {}
            _ => {
                self.found.insert(conclusion.about.clone(), conclusion);
            }
        }
    }
}

/// Returns what a cell itself says.
fn word(cell: &Cell) -> Known {
    match cell.figure {
        Figure::Absent => Known {
            lower: Some(0),
            upper: None,
        },
        figure => Known {
            lower: Some(figure.lower()),
            upper: figure.upper(),
        },
    }
}

fn place(shown: &Shown, cell: usize) -> Place {
    Place {
        table: shown.id.clone(),
        codes: codes(&shown.said.count, cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::policy::{Floor, Of};
    use crate::disclosure::Microlp;
    use crate::disclosure::tables::{Count, Said};
    use crate::model::{Axis, Dimension, dimension};

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
                },
                activities,
                floor: self.floor.clone(),
            });
            self
        }

        fn attended(&mut self, axes: Vec<Axis>, figures: &[Figure]) -> &mut Self {
            self.says(Measure::Attendances, axes, figures)
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

    fn spell(found: &Conclusion) -> String {
        let codes: Vec<&str> = found
            .about
            .place
            .codes
            .iter()
            .map(|(_, code)| code.as_str())
            .collect();
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
            let codes: Vec<&str> = found
                .about
                .place
                .codes
                .iter()
                .map(|(_, code)| code.as_str())
                .collect();
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
        log.release("2018").attended(vec![], &[exact(12)]).says(
            Measure::People,
            vec![],
            &[exact(2)],
        );
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
}
