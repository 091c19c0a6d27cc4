//! Some periods in a donor's words, for all members or some of them.
//!
//! - `facts`: the rows it is told from, and the grain each kind is told at.
//! - `training`, `consultation`, `advocacy`, `capacity`: the sentences.
//! - `reported`: who reported; after it, what members say in their own words.
//!
//! Each sentence is worked out from rows any coordinator can ask for, says no more than they do,
//! and comes with them. What is an exact 0 is left out; what is not exact is said as its bounds.
//! Labels are those of the charter.

mod advocacy;
mod capacity;
mod consultation;
mod facts;
mod reported;
mod training;

use super::columns::Columns;
use super::consortium::{Asker, Consortium};
use super::error::ReportError;
use super::render::text::in_words;
use super::statements::attributed;
use crate::wire;
use facts::{Answer, Facts};

/// Tells a story.
///
/// # Errors
/// As [`query`](super::query()), except that lacking summaries are told in the last sentence.
pub fn story(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    request: &wire::StoryRequest,
) -> Result<wire::StoryResponse, ReportError> {
    let facts = Facts::read(columns, consortium, asker, request)?;
    let mut sentences = training::sentences(&facts)?;
    sentences.extend(consultation::sentences(&facts)?);
    let (advocacy, quarterly) = advocacy::sentences(&facts)?;
    sentences.extend(advocacy);
    sentences.extend(capacity::sentences(&facts)?);
    sentences.push(reported::sentence(&facts, quarterly)?);
    sentences.extend(facts.statements().into_iter().map(in_own_words));
    let questions = facts.questions();
    Ok(wire::StoryResponse {
        notes: notes(&sentences, &questions),
        sentences,
        as_of: Some(facts.as_of()),
        questions,
        from: facts.from.to_string(),
        to: facts.to.to_string(),
    })
}

/// Returns every note of the rows behind the sentences once; questions stand apart.
fn notes(sentences: &[wire::StorySentence], questions: &[String]) -> Vec<String> {
    let rows = sentences.iter().flat_map(|sentence| &sentence.rows);
    let mut notes: Vec<String> = Vec::new();
    for note in rows.flat_map(|row| row.row.iter().flat_map(|row| &row.notes)) {
        if !notes.contains(note) && !questions.contains(note) && !note.ends_with('?') {
            notes.push(note.clone());
        }
    }
    notes
}

/// Makes a sentence with what it rests on.
fn sentence(text: String, rows: Vec<wire::StoryRow>) -> wire::StorySentence {
    wire::StorySentence {
        text,
        rows,
        ..wire::StorySentence::default()
    }
}

/// Returns a member's statement under its name.
fn in_own_words(statement: wire::Statement) -> wire::StorySentence {
    wire::StorySentence {
        text: attributed(&statement),
        statement: Some(statement),
        ..wire::StorySentence::default()
    }
}

/// Returns what the rows of an answer are as a sentence's basis.
fn basis<'r>(
    answer: &Answer,
    rows: impl IntoIterator<Item = &'r wire::Row>,
) -> Vec<wire::StoryRow> {
    rows.into_iter().map(|row| answer.basis(row)).collect()
}

/// Returns a count with its noun: `1 open letter`, `2 open letters`.
fn counted(row: &wire::Row, noun: &str) -> String {
    let words = in_words(row);
    match row.value {
        Some(1) => format!("{words} {noun}"),
        _ => format!("{words} {}", plural(noun)),
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with('s') => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}
