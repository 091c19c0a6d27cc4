//! Bounds of figures about persons, as tight as everything a member published of them allows.
//!
//! A figure's bounds as published are what could be concluded when it was. What was published
//! since, or stands in another table, may say more: a year beside its quarters, a total beside its
//! splits, completions beside attendances. Per member, one linear program over all its current
//! summaries that hang together in time bounds the sum of the cells a row adds up.
//!
//! Bounds never become wider by it. Where a member's tables contradict each other, because records
//! changed between them, its figures stay as published; so do figures that nothing bounds, which
//! are not known, and answers that would take more than [`MOST_PROGRAMS`] programs.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::Ask;
use super::columns::{Columns, Said};
use super::sheet::INEXACT;
use super::tally::Bounds;
use crate::charter::Policy;
use crate::disclosure::tables::{Outside, Shown};
use crate::disclosure::{Form, Limits, Microlp};
use crate::model::{Axis, Grain, Measure, Period, Series, Table};

/// Most sums that are bounded for one answer.
const MOST_PROGRAMS: usize = 5000;

/// Most atoms a program may have.
const MOST_ATOMS: usize = 3000;

/// A cell a row adds up: which of its table, in which summary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) word: u32,
    pub(super) axes: &'a [Axis],
    pub(super) cell: usize,
    pub(super) bounds: Bounds,
}

/// What a row adds up of one member.
#[derive(Clone, Debug)]
pub(super) struct Sum<'a> {
    /// Position among the members asked about.
    pub(super) member: usize,
    pub(super) parts: Vec<Part<'a>>,
    /// What it adds up besides: periods in which nothing happened.
    pub(super) rest: Bounds,
}

impl Sum<'_> {
    /// Returns its bounds as published.
    pub(super) fn as_published(&self) -> Bounds {
        let parts = self.parts.iter().map(|part| part.bounds);
        parts.fold(self.rest, Bounds::plus)
    }
}

/// Returns the bounds of every sum.
pub(super) fn tighten(
    columns: &Columns,
    policy: &Policy,
    ask: &Ask<'_>,
    sums: &[Sum<'_>],
) -> Vec<Bounds> {
    let mut found: Vec<Bounds> = sums.iter().map(Sum::as_published).collect();
    let mut of_member: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, sum) in sums.iter().enumerate() {
        if found[at].state == INEXACT {
            of_member.entry(sum.member).or_default().push(at);
        }
    }
    let programs: usize = of_member.values().map(Vec::len).sum();
    if programs == 0 || programs > MOST_PROGRAMS {
        return found;
    }
    let shelf = Shelf::read(columns, policy, ask, of_member.keys().copied());
    for (member, of_it) in of_member {
        let sums: Vec<&Sum<'_>> = of_it.iter().map(|at| &sums[*at]).collect();
        let tighter = shelf.bounds(ask.measure, member, &sums);
        for (at, bounds) in of_it.into_iter().zip(tighter) {
            found[at] = bounds;
        }
    }
    found
}

/// A current summary.
#[derive(Debug)]
struct Current {
    word: u32,
    period: Period,
    tables: Vec<Shown>,
}

/// The current summaries of members, in stacks that hang together in time.
#[derive(Debug, Default)]
struct Shelf {
    stacks: BTreeMap<usize, Vec<Vec<Current>>>,
}

impl Shelf {
    fn read(
        columns: &Columns,
        policy: &Policy,
        ask: &Ask<'_>,
        members: impl Iterator<Item = usize>,
    ) -> Self {
        let fy_month = policy.fy_month();
        let mut current: BTreeMap<usize, Vec<(Period, u32)>> = BTreeMap::new();
        for member in members {
            let words = Grain::ALL.iter().flat_map(|grain| {
                columns.words_of(&ask.members[member].id, ask.kind, *grain, ask.at)
            });
            let shown = words.filter(|(_, number)| {
                let word = columns.word(*number);
                let is_summary = matches!(word.said, Said::Summary { .. });
                is_summary && word.held && columns.may_see(word, ask.reader)
            });
            let shown = shown.map(|(period, word)| (period.with_financial_year(fy_month), word));
            current.insert(member, shown.collect());
        }
        let words: BTreeSet<u32> = current.values().flatten().map(|(_, word)| *word).collect();
        let mut tables = columns.tables_of(&words, |key| {
            key.kind == ask.kind
                && (key.measure.counts_persons() || tells_of_activities(key.measure))
        });
        let mut shelf = Self::default();
        for (member, words) in current {
            let kind = ask.kind;
            let mut summaries: Vec<Current> = words
                .into_iter()
                .map(|(period, word)| Current {
                    word,
                    period,
                    tables: persons(
                        Series { kind, period },
                        &tables.remove(&word).unwrap_or_default(),
                        policy,
                    ),
                })
                .collect();
            summaries.sort_by_key(|current| current.period);
            shelf.stacks.insert(member, stacks(summaries));
        }
        shelf
    }

    fn bounds(&self, measure: Measure, member: usize, sums: &[&Sum<'_>]) -> Vec<Bounds> {
        let stacks = self.stacks.get(&member).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<Bounds> = sums.iter().map(|sum| sum.rest).collect();
        let mut placed = vec![0; sums.len()];
        for stack in stacks {
            let of_stack = |part: &&Part<'_>| stack.iter().any(|summary| summary.word == part.word);
            let parts: Vec<Vec<&Part<'_>>> = sums
                .iter()
                .map(|sum| sum.parts.iter().filter(of_stack).collect())
                .collect();
            let tight = tight_in(stack, measure, &parts);
            for (at, (parts, bounds)) in parts.iter().zip(tight).enumerate() {
                placed[at] += parts.len();
                found[at] = found[at].plus(bounds);
            }
        }
        let whole = sums.iter().zip(found).zip(placed);
        whole
            .map(|((sum, bounds), placed)| match placed == sum.parts.len() {
                true => bounds,
                false => sum.as_published(),
            })
            .collect()
    }
}

const fn tells_of_activities(measure: Measure) -> bool {
    matches!(measure, Measure::Activities | Measure::ActivitiesJoined)
}

fn persons(series: Series, tables: &[Table], policy: &Policy) -> Vec<Shown> {
    let mut shown = Shown::of(series, tables, policy);
    shown.retain(|shown| shown.said.count.measure.counts_persons());
    shown
}

/// Returns summaries, given by first day, in stacks none of which overlaps another.
fn stacks(summaries: Vec<Current>) -> Vec<Vec<Current>> {
    let mut stacks: Vec<Vec<Current>> = Vec::new();
    let mut last_day = None;
    for summary in summaries {
        let (first, last) = (summary.period.first_day(), summary.period.last_day());
        match stacks.last_mut() {
            Some(stack) if last_day.is_some_and(|day| first <= day) => stack.push(summary),
            _ => stacks.push(vec![summary]),
        }
        last_day = last_day.max(Some(last));
    }
    stacks
}

/// Returns the bounds of sums of cells that stand in one stack.
fn tight_in(stack: &[Current], measure: Measure, sums: &[Vec<&Part<'_>>]) -> Vec<Bounds> {
    let published = |parts: &Vec<&Part<'_>>| {
        let parts = parts.iter().map(|part| part.bounds);
        parts.reduce(Bounds::plus).unwrap_or_default()
    };
    let mut found: Vec<Bounds> = sums.iter().map(published).collect();
    let loose: Vec<usize> = (0..sums.len())
        .filter(|at| found[*at].state == INEXACT)
        .collect();
    let tables: Vec<&Shown> = stack.iter().flat_map(|summary| &summary.tables).collect();
    if loose.is_empty() || tables.len() < 2 {
        return found;
    }
    let Ok(outside) = Outside::of(&tables) else {
        return found;
    };
    if outside.layout().atoms() > MOST_ATOMS {
        return found;
    }
    let form = |at: &usize| {
        let parts = sums[*at].iter();
        let forms: Option<Vec<Form>> = parts
            .map(|part| form_of(&outside, stack, measure, part))
            .collect();
        Some((*at, Form::of(forms?.iter().flat_map(Form::terms))))
    };
    let (places, forms): (Vec<usize>, Vec<Form>) = loose.iter().filter_map(form).unzip();
    // What contradicts itself, or is too hard, stays as it was published.
    let known = outside.bounds(&forms, &Limits::default(), &Microlp);
    for (at, known) in places.into_iter().zip(known.unwrap_or_default()) {
        let before = found[at];
        let most = before.upper().into_iter().chain(known.upper).min();
        let least = before.lower.max(known.lower.unwrap_or(before.lower));
        if let Some(most) = most.filter(|most| *most >= least) {
            found[at] = before.within(least, most);
        }
    }
    found
}

fn form_of(
    outside: &Outside,
    stack: &[Current],
    measure: Measure,
    part: &Part<'_>,
) -> Option<Form> {
    let summary = stack.iter().find(|summary| summary.word == part.word)?;
    let mut counts = summary.tables.iter().map(|shown| &shown.said.count);
    let count = counts.find(|count| count.measure == measure && count.axes == part.axes)?;
    outside.layout().cell(count, part.cell)
}
