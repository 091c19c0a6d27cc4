//! Which whole numbers keep to a number of rows: found by trying them, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A sum of unknowns.
pub(crate) type Sum = BTreeMap<usize, i64>;

/// Returns one sum less another.
pub(crate) fn less(one: &Sum, other: &Sum) -> Sum {
    plus(one, other, -1)
}

/// Returns one sum and another a number of times.
pub(crate) fn plus(one: &Sum, other: &Sum, times: i64) -> Sum {
    let mut sum = one.clone();
    for (unknown, count) in other {
        *sum.entry(*unknown).or_default() += times * count;
    }
    sum.retain(|_, count| *count != 0);
    sum
}

/// Returns what a sum is of numbers.
pub(crate) fn value(sum: &Sum, numbers: &[i64]) -> i64 {
    sum.iter()
        .map(|(unknown, times)| times * numbers[*unknown])
        .sum()
}

/// Unknown whole numbers, none below 0, and the sums of them that are bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Puzzle {
    /// One solution.
    pub(crate) truth: Vec<i64>,
    pub(crate) rows: Vec<(Sum, i64, i64)>,
}

/// What counts as no bound: far above every number that occurs.
pub(crate) const FAR: i64 = 240;

/// What a sum is at most where nothing bounds it.
pub(crate) const NO_BOUND: i64 = 1_000_000;

impl Puzzle {
    /// Adds a row, where the truth keeps to it; returns whether it does.
    pub(crate) fn add(&mut self, sum: Sum, lower: i64, upper: i64) -> bool {
        let is_true = (lower..=upper).contains(&value(&sum, &self.truth));
        if is_true {
            self.rows.push((sum, lower, upper));
        }
        is_true
    }

    /// Makes ready to try out numbers: sums that occur in rows become unknowns of their own, so
    /// that what is known of them is known wherever they occur.
    pub(crate) fn ready(&self) -> Ready {
        let mut ready = Ready {
            truth: self.truth.clone(),
            rows: Vec::new(),
            domains: vec![(0, FAR); self.truth.len()],
            names: BTreeMap::new(),
        };
        for (sum, ..) in &self.rows {
            ready.name_parts(sum);
        }
        ready.part_names(0);
        for row in &self.rows {
            let row = ready.row(row);
            ready.rows.push(row);
        }
        let narrowed = narrow_all(&ready.rows, &mut ready.domains);
        assert!(narrowed.is_ok(), "the truth is possible");
        ready
    }
}

/// A puzzle with a name for every sum in it.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    truth: Vec<i64>,
    rows: Vec<Row>,
    domains: Vec<(i64, i64)>,
    /// The unknown that is the sum of some.
    names: BTreeMap<BTreeSet<usize>, usize>,
}

impl Ready {
    /// Gives a name to every sum of several unknowns that all count the same in a sum.
    fn name_parts(&mut self, sum: &Sum) {
        for (_, unknowns) in parts(sum) {
            if unknowns.len() > 1 && !self.names.contains_key(&unknowns) {
                self.truth
                    .push(unknowns.iter().map(|at| self.truth[*at]).sum());
                self.domains.push((0, FAR * unknowns.len() as i64));
                self.names.insert(unknowns, self.truth.len() - 1);
            }
        }
    }

    /// Says of every name from one on what smaller names it is the sum of, in every way that
    /// begins with one of them and goes on with the largest that fit.
    fn part_names(&mut self, from: usize) {
        let mut found = BTreeSet::new();
        for (whole, name) in self.names.iter().filter(|(_, name)| **name >= from) {
            let mut smaller: Vec<&BTreeSet<usize>> = self
                .names
                .keys()
                .filter(|part| part.len() < whole.len() && part.is_subset(whole))
                .collect();
            smaller.sort_by_key(|part| std::cmp::Reverse(part.len()));
            let seeds = smaller.iter().map(|part| Some(*part)).chain([None]);
            for seed in seeds {
                let mut left = whole.clone();
                let mut terms: Vec<(usize, i64)> = vec![(*name, -1)];
                let rest = smaller.iter().copied().filter(|_| seed.is_some());
                for part in seed.into_iter().chain(rest) {
                    if part.is_subset(&left) {
                        left.retain(|at| !part.contains(at));
                        terms.push((self.names[part], 1));
                    }
                }
                terms.extend(left.into_iter().map(|at| (at, 1)));
                terms.sort_unstable();
                found.insert(terms);
            }
        }
        let (lower, upper) = (0, 0);
        self.rows.extend(found.into_iter().map(|terms| Row {
            terms,
            lower,
            upper,
        }));
    }

    fn row(&self, (sum, lower, upper): &(Sum, i64, i64)) -> Row {
        let mut terms = Vec::new();
        for (times, unknowns) in parts(sum) {
            match self.names.get(&unknowns) {
                Some(name) => terms.push((*name, times)),
                None => terms.extend(unknowns.into_iter().map(|at| (at, times))),
            }
        }
        Row {
            terms,
            lower: *lower,
            upper: *upper,
        }
    }

    /// Returns it with an unknown known.
    pub(crate) fn knowing(&self, known: &[usize]) -> Self {
        let mut ready = self.clone();
        for at in known {
            ready.domains[*at] = (self.truth[*at], self.truth[*at]);
        }
        let narrowed = narrow_all(&ready.rows, &mut ready.domains);
        assert!(narrowed.is_ok(), "the truth is possible");
        ready
    }

    /// Returns whether some numbers keep to all rows with a sum between bounds.
    pub(crate) fn is_possible(&self, sum: &Sum, lower: i64, upper: i64) -> bool {
        if (lower..=upper).contains(&value(sum, &self.truth)) {
            return true;
        }
        let mut ready = self.clone();
        let from = ready.truth.len();
        ready.name_parts(sum);
        ready.part_names(from);
        let target = ready.row(&(sum.clone(), lower, upper));
        let mut rows = near(ready.rows, &target, &ready.domains);
        rows.push(target);
        let mut search = Search {
            weights: vec![1; rows.len()],
            rows,
            truth: &ready.truth,
            tried: 0,
        };
        search.tries(ready.domains)
    }

    /// Returns the smallest and the largest value of a sum.
    pub(crate) fn range(&self, sum: &Sum) -> (i64, i64) {
        let truth = value(sum, &self.truth);
        let weight: i64 = sum.values().map(|times| times.abs()).sum();
        // The farthest from the truth that is possible.
        let search = |is_possible: &dyn Fn(i64) -> bool| {
            let (mut near, mut far) = (0, FAR * weight + 1);
            while far - near > 1 {
                let middle = i64::midpoint(near, far).min(2 * near + 4);
                if is_possible(middle) {
                    near = middle;
                } else {
                    far = middle;
                }
            }
            near
        };
        let below = search(&|by| self.is_possible(sum, -NO_BOUND, truth - by));
        let above = search(&|by| self.is_possible(sum, truth + by, NO_BOUND));
        (truth - below, truth + above)
    }
}

/// Returns the unknowns of a sum, by how often they count.
fn parts(sum: &Sum) -> BTreeMap<i64, BTreeSet<usize>> {
    let mut parts: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
    for (unknown, times) in sum {
        parts.entry(*times).or_default().insert(*unknown);
    }
    parts
}

#[derive(Clone, Debug)]
struct Row {
    terms: Vec<(usize, i64)>,
    lower: i64,
    upper: i64,
}

impl Row {
    /// Narrows what its unknowns may be; `None` where nothing is left, else whether any was.
    fn narrow(&self, domains: &mut [(i64, i64)]) -> Option<bool> {
        let ends = |times: i64, (low, high): (i64, i64)| match times > 0 {
            true => (times * low, times * high),
            false => (times * high, times * low),
        };
        let (mut least, mut most) = (0, 0);
        for (unknown, times) in &self.terms {
            let (low, high) = ends(*times, domains[*unknown]);
            least += low;
            most += high;
        }
        if least > self.upper || most < self.lower {
            return None;
        }
        let mut is_any = false;
        for (unknown, times) in &self.terms {
            let before = domains[*unknown];
            let (low, high) = ends(*times, before);
            // What the term may be at most, and must be at least, beside the others.
            let (room, need) = (self.upper - (least - low), self.lower - (most - high));
            let (mut from, mut to) = before;
            if *times > 0 {
                to = to.min(room.div_euclid(*times));
                from = from.max(-((-need).div_euclid(*times)));
            } else {
                from = from.max(-(room.div_euclid(-*times)));
                to = to.min((-need).div_euclid(-*times));
            }
            if from > to {
                return None;
            }
            if (from, to) != before {
                domains[*unknown] = (from, to);
                let (new_low, new_high) = ends(*times, (from, to));
                least += new_low - low;
                most += new_high - high;
                is_any = true;
            }
        }
        Some(is_any)
    }
}

/// Narrows by all rows until nothing changes, or says which row leaves nothing.
fn narrow_all(rows: &[Row], domains: &mut [(i64, i64)]) -> Result<(), usize> {
    loop {
        let mut is_any = false;
        for (at, row) in rows.iter().enumerate() {
            is_any |= row.narrow(domains).ok_or(at)?;
        }
        if !is_any {
            return Ok(());
        }
    }
}

/// Returns the rows that hang together with a sum by unknowns that are not settled: the truth
/// keeps to all others.
fn near(rows: Vec<Row>, target: &Row, domains: &[(i64, i64)]) -> Vec<Row> {
    let is_open = |unknown: usize| domains[unknown].0 < domains[unknown].1;
    let mut reached: Vec<bool> = (0..domains.len())
        .map(|at| is_open(at) && target.terms.iter().any(|(unknown, _)| *unknown == at))
        .collect();
    let (mut kept, mut left) = (Vec::new(), rows);
    loop {
        let touches = |row: &Row| row.terms.iter().any(|(unknown, _)| reached[*unknown]);
        let (touched, others): (Vec<Row>, Vec<Row>) = left.into_iter().partition(touches);
        if touched.is_empty() {
            return kept;
        }
        for (unknown, _) in touched.iter().flat_map(|row| &row.terms) {
            reached[*unknown] |= is_open(*unknown);
        }
        kept.extend(touched);
        left = others;
    }
}

/// How many questions were too large to be tried out.
pub(crate) static UNDECIDED: AtomicUsize = AtomicUsize::new(0);

/// More than this and the instance is no small one.
const MOST_TRIED: usize = 6_000;

/// A search that goes on where it failed most: Boussemart and others, "Boosting systematic search
/// by weighting constraints" (2004).
struct Search<'a> {
    rows: Vec<Row>,
    weights: Vec<u64>,
    truth: &'a [i64],
    tried: usize,
}

impl Search<'_> {
    fn tries(&mut self, mut domains: Vec<(i64, i64)>) -> bool {
        self.tried += 1;
        if self.tried > MOST_TRIED {
            UNDECIDED.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        if let Err(row) = narrow_all(&self.rows, &mut domains) {
            self.weights[row] += 1;
            return false;
        }
        let mut weights = vec![0; domains.len()];
        for (row, weight) in self.rows.iter().zip(&self.weights) {
            for (unknown, _) in &row.terms {
                weights[*unknown] += weight;
            }
        }
        // What is in no row may be anything.
        let open =
            (0..domains.len()).filter(|at| weights[*at] > 0 && domains[*at].0 < domains[*at].1);
        let hardness = |at: &usize| weights[*at] * 1000 / (domains[*at].1 - domains[*at].0) as u64;
        let Some(at) = open.max_by_key(hardness) else {
            return true;
        };
        let (low, high) = domains[at];
        let middle = i64::midpoint(low, high);
        let mut halves = [(low, middle), (middle + 1, high)];
        if self.truth[at] > middle {
            halves.reverse();
        }
        halves.into_iter().any(|half| {
            let mut domains = domains.clone();
            domains[at] = half;
            self.tries(domains)
        })
    }
}

#[test]
fn what_is_possible_is_found() {
    let sum = |terms: &[(usize, i64)]| terms.iter().copied().collect::<Sum>();
    let mut puzzle = Puzzle {
        truth: vec![3, 4, 5],
        rows: Vec::new(),
    };
    assert!(puzzle.add(sum(&[(0, 1), (1, 1), (2, 1)]), 12, 12));
    assert!(puzzle.add(sum(&[(0, 1), (1, -1)]), -1, 0));
    assert!(!puzzle.add(sum(&[(2, 1)]), 0, 4));
    let ready = puzzle.ready();
    assert_eq!(ready.range(&sum(&[(2, 1)])), (0, 12));
    assert_eq!(ready.range(&sum(&[(0, 1)])), (0, 6));
    assert_eq!(ready.range(&sum(&[(0, 2), (1, 2), (2, 1)])), (12, 24));
    // Halves would do: 2a + 2b is odd in no whole numbers.
    assert!(!ready.is_possible(&sum(&[(0, 2), (1, 2)]), 7, 7));
}
