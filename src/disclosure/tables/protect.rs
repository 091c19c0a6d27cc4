//! From true tables to what may be shown of them.
//!
//! Tables stand open, and cells are chosen to be hidden until every sensitive sum is proven to be
//! bounded no tighter than agreed, in every state the records were ever published in. What cannot
//! be proven steps back: first what is said of hidden totals, then the widest splits, then
//! everything. What differs by little from what was shown is held: shown again as it was.

use super::amounts;
use super::attempt::{Attempt, certificate};
use super::choice::{Candidate, is_near};
use super::count::{Count, Said, Sheet, State};
use super::states::States;
use super::why::{Reason, Why};
use crate::charter::policy::{Floor, Of};
use crate::disclosure::{Limits, Solver};
use crate::model::{Cell, Figure, Measure, Tally};

/// What is to be shown, of what, beside what.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The least that stands behind a figure.
    pub floor: &'a Floor,
    /// A secret of the node, so that nobody can tell which of two equal cells was hidden first.
    pub key: &'a [u8; 32],
    /// What records say now, of every period that hangs together with the one to be shown.
    pub now: &'a State,
    /// The tables to be shown.
    pub fresh: &'a [Count],
    /// Everything that was ever said of these periods, the oldest first.
    pub said: &'a [Said],
    /// What records said whenever something was.
    pub past: &'a [State],
    /// How long it may take.
    pub limits: &'a Limits,
    /// What solves linear programs.
    pub solver: &'a dyn Solver,
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}

/// What may be shown of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The cells to show.
    pub cells: Vec<Cell>,
    /// Why each is kept back, for the steward.
    pub why: Vec<Option<Why>>,
    /// Why the table is not shown as it is, if so; for the steward.
    pub reason: Option<Reason>,
    /// Whether it is shown again as it was shown last, although its figures changed.
    pub held: bool,
}

/// What may be shown of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// One per table to be shown, in order.
    pub verdicts: Vec<Verdict>,
    /// How many sums were proven to be bounded no tighter than agreed.
    pub proven: usize,
    /// SHA-256 over the tables that prove it.
    pub certificate: [u8; 32],
}

/// Says what may be shown.
pub fn protect(case: &Case<'_>, progress: &mut dyn FnMut(usize, usize)) -> Protected {
    let mut plan = Plan::of(case);
    let states = match States::of(case) {
        Ok(states) => states,
        Err(reason) => {
            plan.withhold(&reason, |_| true);
            return plan.finish(None);
        }
    };
    loop {
        match plan.attempt(&states, progress) {
            Err(reason) => {
                if !plan.step_back(&reason) {
                    return plan.finish(None);
                }
            }
            Ok(attempt) => {
                if plan.hold_near(&attempt) || plan.bracket(&attempt) {
                    continue;
                }
                return plan.finish(Some(&attempt));
            }
        }
    }
}

/// Shows every table that counts heads again as it was shown last, whatever records say now, and
/// nothing where nothing was: for when the persons behind them were let go.
pub fn show_again(case: &Case<'_>) -> Protected {
    let mut plan = Plan::of(case);
    for (sheet, standing) in plan.sheets.iter().zip(&mut plan.standing) {
        if sheet.count.is_of_heads() {
            *standing = Standing::Withheld(Reason::LetGo);
        }
    }
    plan.finish(None)
}

/// How a table stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    /// Shown as it is.
    Plain,
    /// Shown again as it was.
    Held,
    /// Not shown, or shown again as it was.
    Withheld(Reason),
}

pub(super) struct Plan<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) sheets: Vec<&'a Sheet>,
    /// Tables of shorter periods that are to be shown one day.
    pub(super) ahead: Vec<&'a Sheet>,
    pub(super) looks_ahead: bool,
    standing: Vec<Standing>,
    /// What is said of totals that are hidden and nothing bounds.
    pub(super) brackets: Vec<Option<(i64, i64)>>,
    /// Whether totals below the floor are all said to be that.
    pub(super) says_small: bool,
    /// Whether hidden totals may be bounded by a bracket.
    says_brackets: bool,
    /// What was hidden before there were any brackets.
    unbounded: Option<Vec<bool>>,
    /// How often brackets were made wider.
    widened: u32,
}

impl<'a> Plan<'a> {
    fn of(case: &'a Case<'a>) -> Self {
        let sheets: Vec<&Sheet> = case
            .fresh
            .iter()
            .filter_map(|count| case.now.sheet(count))
            .collect();
        let mut plan = Self {
            case,
            ahead: ahead(case, &sheets),
            looks_ahead: true,
            brackets: vec![None; sheets.len()],
            standing: vec![Standing::Open; sheets.len()],
            sheets,
            says_small: true,
            says_brackets: true,
            unbounded: None,
            widened: 0,
        };
        plan.judge_amounts();
        plan.withhold_late();
        plan.hold_changed();
        plan
    }

    fn judge_amounts(&mut self) {
        for (sheet, standing) in self.sheets.iter().zip(&mut self.standing) {
            if !sheet.count.is_of_heads() {
                *standing = match amounts::judge(sheet, self.case.now, self.case.said) {
                    None => Standing::Plain,
                    Some(Reason::SmallChange) => Standing::Held,
                    Some(reason) => Standing::Withheld(reason),
                };
            }
        }
    }

    /// Withholds the tables that came into the plan after something was published that tells of
    /// their period, where records have changed since: what they would have said then nobody knows
    /// any more.
    fn withhold_late(&mut self) {
        let case = self.case;
        for (sheet, standing) in self.sheets.iter().zip(&mut self.standing) {
            let count = &sheet.count;
            let is_shown = |cell: &Cell| cell.figure != Figure::Absent;
            let mut said = case.said.iter();
            let was_shown =
                said.any(|said| said.count == *count && said.cells.iter().any(is_shown));
            let mut past = case.past.iter();
            let is_late =
                !was_shown && past.any(|past| past.sheet(count).is_none() && past.is_about(count));
            if is_late && *standing == Standing::Open {
                *standing = Standing::Withheld(Reason::Late);
            }
        }
    }

    /// Holds every measure with a cell that would be shown, and would tell that it changed by
    /// little from what was said of it. What would be shown decides, and what was: being held
    /// tells nothing of what an interval hides.
    fn hold_changed(&mut self) {
        let k = i64::from(self.case.floor.min_cell);
        let lower = i64::from(!self.case.floor.hide_existence);
        let mut measures = Vec::new();
        for table in self.open() {
            let sheet = self.sheets[table];
            let total = sheet.count.is_total();
            for said in self
                .case
                .said
                .iter()
                .filter(|said| said.count == sheet.count)
            {
                let cells = sheet.tallies.iter().zip(&said.cells);
                let near = cells.into_iter().any(|(tally, cell)| {
                    let Some(value) = tally.value else {
                        return false;
                    };
                    let figure = match weak_figure(tally, self.case.floor, value) {
                        Some(upper) => Figure::Interval { lower, upper },
                        None => Figure::Exact(value),
                    };
                    // A cell of a split that was hidden goes on being hidden instead.
                    (total || cell.figure.value().is_some()) && is_near(figure, cell.figure, k)
                });
                if near {
                    measures.push(measure_of(&sheet.count));
                }
            }
        }
        self.hold(&measures);
    }

    /// Holds every open table of some measures; returns whether there was any.
    fn hold(&mut self, measures: &[(Measure, Of)]) -> bool {
        let tables: Vec<usize> = self
            .open()
            .filter(|table| measures.contains(&measure_of(&self.sheets[*table].count)))
            .collect();
        for table in &tables {
            self.standing[*table] = Standing::Held;
        }
        if !tables.is_empty() {
            self.forget_brackets();
        }
        !tables.is_empty()
    }

    fn is_open(&self, table: usize) -> bool {
        self.standing[table] == Standing::Open
    }

    pub(super) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sheets.len()).filter(|table| self.is_open(*table))
    }

    /// Holds every measure a table of which would differ by little from what was said of it.
    fn hold_near(&mut self, attempt: &Attempt) -> bool {
        let k = i64::from(self.case.floor.min_cell);
        let near = |(candidate, figure): (&Candidate, &Figure)| {
            let count = &self.sheets.get(candidate.table)?.count;
            let before = self.case.said.iter().filter(|said| said.count == *count);
            let mut before = before.filter_map(|said| said.cells.get(candidate.cell));
            before
                .any(|cell| is_near(*figure, cell.figure, k))
                .then_some(measure_of(count))
        };
        let choices = attempt.candidates.iter().zip(&attempt.figures);
        let measures: Vec<_> = choices.filter_map(near).collect();
        self.hold(&measures)
    }

    /// Says of hidden totals that nothing bounds that they are below a coarse step: the lowest at
    /// which nothing more must be hidden for it.
    fn bracket(&mut self, attempt: &Attempt) -> bool {
        if !self.says_brackets {
            return false;
        }
        if let Some(before) = &self.unbounded {
            let mut both = attempt.chosen.needed.iter().zip(before);
            let is_more = both.any(|(now, before)| *now && !before);
            return is_more && self.widen_brackets();
        }
        let k = i64::from(self.case.floor.min_cell);
        for (candidate, figure) in attempt.candidates.iter().zip(&attempt.figures) {
            let Some(sheet) = self.sheets.get(candidate.table) else {
                break;
            };
            let unbounded = *figure == Figure::Absent && sheet.count.is_total();
            if let Some(value) = sheet.tallies[candidate.cell].value.filter(|_| unbounded) {
                self.brackets[candidate.table] = Some((0, step_above(value, k) - 1));
            }
        }
        self.unbounded = Some(attempt.chosen.needed.clone());
        self.brackets.iter().any(Option::is_some)
    }

    /// Begins anew with other tables.
    fn forget_brackets(&mut self) {
        self.brackets.fill(None);
        self.unbounded = None;
    }

    fn widen_brackets(&mut self) -> bool {
        self.widened += 1;
        self.says_brackets = self.widened <= MOST_WIDENED;
        for bracket in &mut self.brackets {
            let wider =
                bracket.map(|(lower, upper)| (lower, upper.saturating_mul(2).saturating_add(1)));
            *bracket = wider.filter(|_| self.says_brackets);
        }
        true
    }

    /// Gives up the least that is left to give up; returns whether there was anything.
    fn step_back(&mut self, reason: &Reason) -> bool {
        if self.open().next().is_none() {
            return false;
        }
        if self.says_brackets && self.brackets.iter().any(Option::is_some) {
            return self.widen_brackets();
        }
        let widest = self
            .open()
            .map(|table| self.sheets[table].count.cells())
            .max();
        let Some(widest) = widest else { return false };
        // Hiding more of the rest would not help against what is said of totals.
        if self.says_small && (widest == 1 || *reason == Reason::SaidTooMuch) {
            self.says_small = false;
            return true;
        }
        self.withhold(reason, |sheet| sheet.count.cells() == widest);
        true
    }

    fn withhold(&mut self, reason: &Reason, is_withheld: impl Fn(&Sheet) -> bool) {
        for table in 0..self.sheets.len() {
            if self.is_open(table) && is_withheld(self.sheets[table]) {
                self.standing[table] = Standing::Withheld(reason.clone());
            }
        }
    }

    fn finish(self, attempt: Option<&Attempt>) -> Protected {
        let verdicts = (0..self.sheets.len()).map(|table| match &self.standing[table] {
            Standing::Open => attempt.map_or_else(
                || self.again(table, Reason::Unsound, false),
                |attempt| self.fresh(table, attempt),
            ),
            Standing::Plain => plain(self.sheets[table]),
            Standing::Held => self.again(table, Reason::SmallChange, true),
            Standing::Withheld(reason) => self.again(table, reason.clone(), false),
        });
        Protected {
            verdicts: verdicts.collect(),
            proven: attempt.map_or(0, |attempt| attempt.proven),
            certificate: attempt.map_or([0; 32], |attempt| certificate(&attempt.chosen)),
        }
    }

    fn fresh(&self, table: usize, attempt: &Attempt) -> Verdict {
        let sheet = self.sheets[table];
        let mut cells: Vec<Cell> = sheet
            .tallies
            .iter()
            .map(|tally| cell(Figure::Absent, tally))
            .collect();
        let mut why = vec![None; cells.len()];
        let choices = attempt
            .candidates
            .iter()
            .zip(&attempt.chosen.hidden)
            .zip(&attempt.figures);
        for ((candidate, hidden), figure) in choices.filter(|((c, _), _)| c.table == table) {
            cells[candidate.cell].figure = *figure;
            if *hidden && figure.value().is_none() {
                why[candidate.cell] = Some(
                    candidate
                        .why
                        .unwrap_or_else(|| attempt.why(table, candidate.cell)),
                );
            }
        }
        let reason = why.iter().flatten().min().copied().map(Reason::Cells);
        Verdict {
            cells,
            why,
            reason,
            held: false,
        }
    }

    /// Returns what was said of a table last; nothing where nothing was.
    fn again(&self, table: usize, reason: Reason, changed: bool) -> Verdict {
        let sheet = self.sheets[table];
        let mut before = self.case.said.iter().rev();
        let last = before.find(|said| said.count == sheet.count);
        Verdict {
            held: changed || last.is_some(),
            cells: last.map_or_else(
                || {
                    sheet
                        .tallies
                        .iter()
                        .map(|tally| cell(Figure::Absent, tally))
                        .collect()
                },
                |said| said.cells.clone(),
            ),
            why: vec![None; sheet.tallies.len()],
            reason: Some(reason),
        }
    }
}

const fn cell(figure: Figure, tally: &Tally) -> Cell {
    Cell {
        figure,
        uncounted: tally.uncounted,
    }
}

fn plain(sheet: &Sheet) -> Verdict {
    let figure = |tally: &Tally| tally.value.map_or(Figure::Absent, Figure::Exact);
    let cells = sheet.tallies.iter().map(|tally| cell(figure(tally), tally));
    Verdict {
        cells: cells.collect(),
        why: vec![None; sheet.tallies.len()],
        reason: None,
        held: false,
    }
}

/// Returns the tables of shorter periods within those to be shown that the plan has and nothing
/// was said of yet.
fn ahead<'a>(case: &Case<'a>, sheets: &[&Sheet]) -> Vec<&'a Sheet> {
    let within = |count: &Count| {
        let mut periods = sheets.iter().map(|sheet| sheet.count.period);
        periods.any(|period| period != count.period && period.covers(count.period))
    };
    let later = case.now.sheets.iter().filter(|sheet| {
        !sheet.id.is_empty()
            && sheet.count.is_of_heads()
            && within(&sheet.count)
            && !case.said.iter().any(|said| said.count == sheet.count)
    });
    later.collect()
}

/// Returns the largest value that would be said of a total that is too small to be shown.
fn weak_figure(tally: &Tally, floor: &Floor, value: i64) -> Option<i64> {
    let k = i64::from(floor.min_cell);
    let is_weak = match value {
        0 => floor.hide_existence && tally.activities > 0,
        value => value < k || tally.contributors < u64::from(floor.min_cell),
    };
    is_weak.then(|| step_above(value, k) - 1)
}

const fn measure_of(count: &Count) -> (Measure, Of) {
    (count.measure, count.signers)
}

/// How often brackets are made wider before there are none.
const MOST_WIDENED: u32 = 4;

/// Returns the floor, doubled until it lies above a value.
fn step_above(value: i64, k: i64) -> i64 {
    let mut step = k;
    while step <= value {
        step = step.saturating_mul(2);
    }
    step
}
