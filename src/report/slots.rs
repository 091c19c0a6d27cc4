//! Which summary answers for a member in a period.

use super::ask::Ask;
use super::columns::{Columns, Said, Status};
use super::sheet::{Cells, SheetKey};
use crate::model::Period;
use crate::model::measure::Adds;

/// A member and a period a log says something of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Position among the members asked about.
    pub(super) member: usize,
    /// Position among the periods needed.
    pub(super) period: usize,
    /// The word in the columns' history.
    pub(super) word: u32,
    /// Whether the log says that nothing happened.
    pub(super) nil: bool,
    /// The interned axes of its table, once found.
    pub(super) shape: Option<u32>,
}

/// Everything the logs say that bears on a query.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) slots: Vec<Slot>,
    /// The cells of a slot.
    pub(super) hits: Vec<(usize, Cells<'a>)>,
}

/// Finds what the logs say for every member and period needed.
pub(super) fn find<'a>(columns: &'a Columns, ask: &Ask<'_>) -> Found<'a> {
    let mut slots = gather(columns, ask);
    let mut by_word: Vec<usize> = (0..slots.len()).filter(|at| !slots[*at].nil).collect();
    by_word.sort_by_key(|at| slots[*at].word);
    // From a word to its first slot; a level may be carried into several periods.
    let mut first = vec![usize::MAX; columns.word_count()];
    for (nth, at) in by_word.iter().enumerate().rev() {
        first[slots[*at].word as usize] = nth;
    }
    let mut hits = Vec::with_capacity(slots.len());
    for table in &ask.tables {
        let key = SheetKey {
            kind: table.kind,
            id: table.id.clone(),
            measure: table.measure,
            by: table.by.clone(),
        };
        let Some(sheet) = columns.sheet(&key) else {
            continue;
        };
        for block in sheet.blocks() {
            let start = first[block.summary as usize].min(by_word.len());
            for at in &by_word[start..] {
                let slot = &mut slots[*at];
                if slot.word != block.summary {
                    break;
                }
                // The first table in the plan's order answers; a second one would count twice.
                if slot.shape.is_none() {
                    slot.shape = Some(block.shape);
                    hits.push((*at, block.cells));
                }
            }
        }
    }
    Found { slots, hits }
}

fn gather(columns: &Columns, ask: &Ask<'_>) -> Vec<Slot> {
    let needed = ask.needed_periods();
    let mut slots = Vec::new();
    for (nth, member) in ask.members.iter().enumerate() {
        let words: Vec<(Period, u32)> = columns
            .words_of(&member.id, ask.kind, ask.grain, ask.at)
            .collect();
        for (period_nth, period) in needed.iter().enumerate() {
            let key = period.with_financial_year(1);
            let heard = words.partition_point(|(known, _)| *known <= key);
            let source = if ask.adds() == Adds::Level {
                carried(columns, ask, &words[..heard])
            } else {
                let of_period = words[..heard].last().filter(|(known, _)| *known == key);
                of_period.and_then(|(_, word)| source(columns, ask, *word))
            };
            // Of a table a member does not publish, its nil says nothing.
            let source = source.filter(|(_, nil)| !nil || ask.publishes(member));
            slots.extend(source.map(|(word, nil)| Slot {
                member: nth,
                period: period_nth,
                word,
                nil,
                shape: None,
            }));
        }
    }
    slots
}

/// Returns the last word that has a value; where there is none but something is known to be nil,
/// that.
fn carried(columns: &Columns, ask: &Ask<'_>, words: &[(Period, u32)]) -> Option<(u32, bool)> {
    let mut sources = words
        .iter()
        .rev()
        .filter_map(|(_, word)| source(columns, ask, *word));
    let newest = sources.next()?;
    if !newest.1 {
        return Some(newest);
    }
    Some(sources.find(|(_, nil)| !nil).unwrap_or(newest))
}

/// Returns a word if it says anything of figures, and whether it is that there are none.
fn source(columns: &Columns, ask: &Ask<'_>, number: u32) -> Option<(u32, bool)> {
    let word = columns.word(number);
    match word.said {
        Said::Summary { .. } => {
            let shown = !word.recalled && columns.may_see(word, ask.reader);
            shown.then_some((number, false))
        }
        Said::Status(Status::Nil) => Some((number, true)),
        Said::Status(Status::Excused | Status::Withheld) => None,
    }
}
