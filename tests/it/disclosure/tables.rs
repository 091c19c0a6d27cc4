//! Tables with hierarchies, as atoms, cells and problems to be solved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use counterfoil::disclosure::{
    Choice, Chosen, Form, Functional, Limits, Microlp, Model, Row, World, bounds, choose, model_of,
};

use crate::shared;

/// The codes of one column, each with the leaves below it; a leaf is below itself.
#[derive(Clone, Debug)]
pub(super) struct Hierarchy(Vec<(String, BTreeSet<String>)>);

impl Hierarchy {
    /// Returns leaves and their total.
    pub(super) fn flat<'a>(leaves: impl IntoIterator<Item = &'a str>) -> Self {
        let leaves: BTreeSet<String> = leaves.into_iter().map(str::to_owned).collect();
        let below = |leaf: &String| (leaf.clone(), BTreeSet::from([leaf.clone()]));
        let mut nodes: Vec<_> = leaves.iter().map(below).collect();
        nodes.push(("Total".to_owned(), leaves));
        Self(nodes)
    }

    /// Returns what a file says in which `@` marks a level; what it does not name is at the top.
    pub(super) fn indented<'a>(text: &'a str, top: impl IntoIterator<Item = &'a str>) -> Self {
        let lines: Vec<(usize, &str)> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let code = line.trim_start_matches('@');
                (line.len() - code.len(), code.trim())
            })
            .collect();
        let is_leaf = |at: usize| lines.get(at + 1).is_none_or(|next| next.0 <= lines[at].0);
        let leaves = (0..lines.len()).filter(|at| is_leaf(*at));
        let mut all = Self::flat(leaves.map(|at| lines[at].1).chain(top));
        for at in (0..lines.len()).filter(|at| !is_leaf(*at)) {
            let below = (at + 1..lines.len()).take_while(|below| lines[*below].0 > lines[at].0);
            let leaves = below.filter(|below| is_leaf(*below));
            all = all.with(lines[at].1, leaves.map(|below| lines[below].1));
        }
        all
    }

    /// Returns it with one more node.
    pub(super) fn with<'a>(
        mut self,
        code: &str,
        leaves: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let leaves = leaves.into_iter().map(str::to_owned).collect();
        self.0.push((code.to_owned(), leaves));
        self
    }

    /// Returns it with a node for each code that another column groups the leaves by.
    pub(super) fn grouped(self, records: &[Record], leaf: usize, group: usize) -> Self {
        let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for record in records {
            let members = groups.entry(&record.codes[group]).or_default();
            members.insert(&record.codes[leaf]);
        }
        groups
            .into_iter()
            .fold(self, |all, (group, leaves)| all.with(group, leaves))
    }

    /// Returns whether a code has none below it but itself.
    pub(super) fn is_leaf(&self, code: &str) -> bool {
        let mut nodes = self.0.iter().filter(|(node, _)| node == code);
        nodes.any(|(node, leaves)| leaves.len() == 1 && leaves.contains(node))
    }

    /// Returns the numbers of the nodes above a leaf.
    fn above(&self, leaf: &str) -> Vec<usize> {
        (0..self.0.len())
            .filter(|at| self.0[*at].1.contains(leaf))
            .collect()
    }
}

/// A line of a file: codes, and a whole number.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) codes: Vec<String>,
    pub(super) value: i64,
}

/// Reads a shared file with a header; the column called `value` counts, in hundredths if `scale`
/// is 100, and not at all if it is no number.
pub(super) fn read(file: &str, value: &str, scale: f64) -> Option<Vec<Record>> {
    let path = shared::path(&format!("disclosure/{file}"))?;
    let mut reader = csv::Reader::from_path(path).expect("a shared file can be read");
    let header = reader.headers().expect("it has a header").clone();
    let at = header.iter().position(|name| name == value);
    let at = at.expect("the column is there");
    let record = |line: csv::StringRecord| Record {
        codes: line.iter().map(str::to_owned).collect(),
        value: if scale.is_nan() {
            0
        } else {
            whole(&line[at], scale)
        },
    };
    let lines = reader.records().map(|line| line.expect("it is CSV"));
    Some(lines.map(record).collect())
}

/// Returns a decimal number in whole units of `1 / scale`.
pub(super) fn whole(text: &str, scale: f64) -> i64 {
    let value: f64 = text.trim().parse().expect("it is a number");
    (value * scale).round() as i64
}

/// Returns the codes that occur in a column.
pub(super) fn codes(records: &[Record], column: usize) -> BTreeSet<&str> {
    records
        .iter()
        .map(|record| record.codes[column].as_str())
        .collect()
}

/// A cell of a table: its codes, and the atoms in it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) codes: Vec<String>,
    pub(super) form: Form,
}

/// Atoms: leaf codes, each combination once, and their true values.
#[derive(Clone, Debug, Default)]
pub(super) struct Atoms {
    pub(super) codes: Vec<Vec<String>>,
    pub(super) truth: Vec<i64>,
}

impl Atoms {
    /// Adds records up by some of their columns.
    pub(super) fn of(records: &[Record], columns: &[usize]) -> Self {
        let mut sums: BTreeMap<Vec<String>, i64> = BTreeMap::new();
        for record in records {
            let codes = columns.iter().map(|at| record.codes[*at].clone()).collect();
            *sums.entry(codes).or_default() += record.value;
        }
        let (codes, truth) = sums.into_iter().unzip();
        Self { codes, truth }
    }

    /// Returns the cells where nodes of some columns cross, without those that hold no atom.
    pub(super) fn cells(&self, by: &[(usize, &Hierarchy)]) -> Vec<Cell> {
        let mut cells: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (atom, codes) in self.codes.iter().enumerate() {
            let mut crossings: Vec<Vec<usize>> = vec![Vec::new()];
            for (column, hierarchy) in by {
                let nodes = hierarchy.above(&codes[*column]);
                let with = |crossing: &Vec<usize>| {
                    let longer = |node: &usize| [crossing.as_slice(), &[*node]].concat();
                    nodes.iter().map(longer).collect::<Vec<_>>()
                };
                crossings = crossings.iter().flat_map(with).collect();
            }
            for crossing in crossings {
                cells.entry(crossing).or_default().push(atom);
            }
        }
        let cell = |(nodes, atoms): (Vec<usize>, Vec<usize>)| {
            let code = |(node, (_, hierarchy)): (&usize, &(usize, &Hierarchy))| {
                hierarchy.0[*node].0.clone()
            };
            Cell {
                codes: nodes.iter().zip(by).map(code).collect(),
                form: Form::sum(atoms),
            }
        };
        cells.into_iter().map(cell).collect()
    }
}

/// Cells of which some are to be protected.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) world: World,
    pub(super) choices: Vec<Choice>,
    pub(super) cells: Vec<Cell>,
}

impl Problem {
    /// Returns the problem in which a cell is hidden where `protection` says how low and how high
    /// it must look.
    pub(super) fn new(
        truth: Vec<i64>,
        links: Vec<Row>,
        cells: Vec<Cell>,
        protection: impl Fn(&Cell, i64) -> Option<(i64, i64)>,
    ) -> Self {
        let mut functionals = Vec::new();
        let mut choices = Vec::new();
        for cell in &cells {
            let value = cell.form.value(&truth).expect("it fits");
            let protection = protection(cell, value);
            choices.push(Choice {
                forms: vec![Some(cell.form.clone())],
                cost: 1.0 + (1.0 + value as f64).ln(),
                must_hide: protection.is_some(),
                hidden_as: None,
            });
            functionals.extend(protection.map(|(at_most, at_least)| Functional {
                form: cell.form.clone(),
                at_most,
                at_least,
            }));
        }
        let world = World {
            model: Model {
                atoms: truth.len(),
                rows: links,
            },
            truth,
            functionals,
            ..World::default()
        };
        Self {
            world,
            choices,
            cells,
        }
    }

    /// Returns the problem of counts that are small below a floor, and not 0.
    pub(super) fn counts(atoms: &Atoms, cells: Vec<Cell>, floor: i64) -> Self {
        Self::new(atoms.truth.clone(), Vec::new(), cells, |_, value| {
            (1..floor).contains(&value).then_some((0, floor))
        })
    }

    pub(super) fn value(&self, cell: usize) -> i64 {
        let form = &self.cells[cell].form;
        form.value(&self.world.truth).expect("it fits")
    }

    pub(super) fn primaries(&self) -> Vec<bool> {
        self.choices.iter().map(|choice| choice.must_hide).collect()
    }

    /// Returns the number of the cell with these codes.
    #[track_caller]
    pub(super) fn at(&self, codes: &[&str]) -> usize {
        let found = self.cells.iter().position(|cell| cell.codes == codes);
        found.expect("there is such a cell")
    }

    /// Returns which cells have some codes.
    pub(super) fn pattern(&self, is_hidden: impl Fn(&[String]) -> bool) -> Vec<bool> {
        self.cells
            .iter()
            .map(|cell| is_hidden(&cell.codes))
            .collect()
    }

    /// Returns what a reader can conclude of each hidden cell.
    pub(super) fn bounds(&self, hidden: &[bool]) -> Vec<(usize, i64, Option<i64>)> {
        let model = model_of(&self.world, 0, &self.choices, hidden);
        let cells: Vec<usize> = (0..hidden.len()).filter(|at| hidden[*at]).collect();
        let forms: Vec<Form> = cells
            .iter()
            .map(|at| self.cells[*at].form.clone())
            .collect();
        let found = bounds(&model, &forms, &LIMITS, &Microlp).expect("it can be solved");
        let with_cell = |(at, (lower, upper)): (&usize, (i64, Option<i64>))| (*at, lower, upper);
        cells.iter().zip(found).map(with_cell).collect()
    }

    /// Returns how many hidden cells a reader can compute.
    pub(super) fn recoverable(&self, hidden: &[bool]) -> usize {
        let bounds = self.bounds(hidden);
        bounds
            .iter()
            .filter(|(_, lower, upper)| Some(*lower) == *upper)
            .count()
    }

    /// Hides what must be hidden, and proves it.
    #[track_caller]
    pub(super) fn choose(&self) -> Chosen {
        let chosen = choose(
            &[&self.world],
            &self.choices,
            &[7; 32],
            &LIMITS,
            &Microlp,
            &mut |_, _| {},
        );
        let chosen = chosen.expect("the problem fits together");
        assert_eq!(chosen.unproven, []);
        assert_eq!(chosen.relaxed, []);
        chosen
    }

    /// Hides what must be hidden and returns what is hidden then; nothing is recoverable. Says
    /// what was hidden beside what the source hides, both by the same bounds.
    #[track_caller]
    pub(super) fn solve(&self, name: &str, source: Option<&[bool]>) -> Vec<bool> {
        let begun = busy();
        let hidden = self.choose().hidden;
        let took = busy().saturating_sub(begun);
        let ours = Weight::of(&self.bounds(&hidden));
        assert_eq!(ours.recoverable, 0, "{name}");
        let before = Weight::of(&self.bounds(&self.primaries()));
        let theirs = source.map(|source| Weight::of(&self.bounds(source)));
        say(
            name,
            self.cells.len(),
            [Some(before), theirs, Some(ours)],
            took,
        );
        hidden
    }
}

/// Returns how long this thread was at work: what others do on the machine is not counted.
fn busy() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = times.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// What hiding cells costs a reader.
#[derive(Clone, Copy, Debug)]
struct Weight {
    hidden: usize,
    width: i64,
    recoverable: usize,
}

impl Weight {
    fn of(bounds: &[(usize, i64, Option<i64>)]) -> Self {
        let width = |(_, lower, upper): &(usize, i64, Option<i64>)| {
            upper.expect("totals bound everything") - lower
        };
        let is_exact = |(_, lower, upper): &&(usize, i64, Option<i64>)| Some(*lower) == *upper;
        Self {
            hidden: bounds.len(),
            width: bounds.iter().map(width).sum(),
            recoverable: bounds.iter().filter(is_exact).count(),
        }
    }
}

/// Prints a row of the table that `.ci/long` prints.
#[expect(
    clippy::print_stderr,
    reason = "what was hidden is read beside what others hide"
)]
fn say(name: &str, cells: usize, weights: [Option<Weight>; 3], took: Duration) {
    let column = |of: &dyn Fn(Weight) -> i64| {
        let figure =
            |weight: Option<Weight>| weight.map_or_else(|| "-".to_owned(), |w| of(w).to_string());
        weights.map(figure)
    };
    let hidden = column(&|weight| weight.hidden as i64);
    let width = column(&|weight| weight.width);
    let recoverable = column(&|weight| weight.recoverable as i64);
    let took = took.as_secs_f64();
    // The runner's own line has not ended yet.
    eprintln!(
        "\n| {name} | {cells} cells | hidden: primary {}, source {}, ours {} | width: {}, {}, {} \
         | recoverable: {}, {}, {} | {took:.2} s |",
        hidden[0],
        hidden[1],
        hidden[2],
        width[0],
        width[1],
        width[2],
        recoverable[0],
        recoverable[1],
        recoverable[2],
    );
}

/// Generous: these tables are larger than a node's.
const LIMITS: Limits = Limits {
    per_solve: Duration::from_secs(20),
    solves: 1_000_000,
};

/// Returns whether the tests that take long are asked for.
pub(super) fn is_long() -> bool {
    std::env::var_os("COUNTERFOIL_LONG").is_some()
}
