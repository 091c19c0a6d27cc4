//! One query answered.
//!
//! The bounds of a row cover exactly its `members`: those with at least one figure in it. Where
//! such a member lacks another figure the row needs, nothing bounds the row from above. Members
//! with no figure at all are not in it; the coverage says why. A `nil` status is a figure: an
//! exact 0, or for tables about persons under a charter that hides their existence, the interval
//! every count below the floor has, so that a nil period looks like any other small one.
//!
//! An answer is partial when an expected summary is missing, excused, withheld or recalled, or
//! when it is reported but its payload, or the table in it, is not here. Members whose size class
//! publishes no such table are not expected.

use base64::Engine as _;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::ask::Ask;
use super::columns::Columns;
use super::consortium::{Asker, Consortium};
use super::error::ReportError;
use super::gaps::Covers;
use super::grid::Grid;
use super::statements::{self, About};
use super::{doubles, notes, slots};
use crate::model::{Cell, Figure, Grain};
use crate::wire;

/// Answers one query.
///
/// # Errors
/// When a word is not known, no table answers, or the answer would be partial and that is not
/// allowed.
pub fn query(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    request: &wire::QueryRequest,
) -> Result<wire::QueryResponse, ReportError> {
    let ask = Ask::read(columns, consortium, asker, request)?;
    let (mut rows, covers) = figures(columns, consortium, &ask)?;
    let questions = doubles::find(columns, consortium, asker, &ask.to_wire());
    let elsewhere = elsewhere(columns, consortium, &ask);
    notes::attach(&ask, elsewhere, &questions, &mut rows);
    Ok(wire::QueryResponse {
        query: Some(ask.to_wire()),
        as_of: Some(as_of(columns, consortium, ask.at)),
        rows,
        coverage: Some(covers.respond(&ask)),
        decimals: ask.measure.decimals(),
        questions,
        statements: in_own_words(columns, consortium, &ask),
    })
}

fn in_own_words(columns: &Columns, consortium: &Consortium, ask: &Ask<'_>) -> Vec<wire::Statement> {
    let (Some(first), Some(last)) = (ask.periods.first(), ask.periods.last()) else {
        return Vec::new();
    };
    let about = About {
        kinds: &[ask.kind],
        members: &ask.members,
        first: first.first_day(),
        last: last.last_day(),
        fy_month: consortium.policy.fy_month(),
        at: ask.at,
        reader: ask.reader,
    };
    statements::find(columns, about)
}

/// Works out the rows of an answer, and what of it is not here.
pub(super) fn figures(
    columns: &Columns,
    consortium: &Consortium,
    ask: &Ask<'_>,
) -> Result<(Vec<wire::Row>, Covers), ReportError> {
    let found = slots::find(columns, ask);
    let covers = Covers::new(columns, consortium, ask, &found);
    covers.refuse_partial(ask, elsewhere(columns, consortium, ask))?;
    let grid = Grid::new(columns, consortium, ask, &found)?;
    let nil = nil_figure(consortium, ask);
    let answer = Answer::new(columns, ask, &found, &grid, &covers, nil)?;
    Ok((answer.rows(&consortium.policy)?, covers))
}

/// Says at which grain there are figures, where nothing at all was published at the one asked for.
fn elsewhere(columns: &Columns, consortium: &Consortium, ask: &Ask<'_>) -> Option<String> {
    let heard = |grain: Grain| {
        let mut members = ask.members.iter();
        members.any(|member| {
            let mut words = columns.words_of(&member.id, ask.kind, grain, ask.at);
            words.next().is_some()
        })
    };
    if heard(ask.grain) {
        return None;
    }
    let other = ask.other_grains(&consortium.policy.table);
    let other = other.into_iter().find(|grain| heard(*grain))?;
    Some(format!(
        "nothing of this kind was published by {}; by {other} there are figures (--grain {other})",
        ask.grain
    ))
}

/// Returns what a period in which nothing happened counts as.
fn nil_figure(consortium: &Consortium, ask: &Ask<'_>) -> Cell {
    let floor = &consortium.policy.disclosure;
    let hidden = floor.hide_existence && ask.tables.iter().any(|table| table.personal);
    Cell {
        figure: if hidden {
            Figure::Interval {
                lower: 0,
                upper: i64::from(floor.min_cell) - 1,
            }
        } else {
            Figure::Exact(0)
        },
        uncounted: 0,
    }
}

/// Returns what an answer as of a date rests on.
pub(super) fn as_of(columns: &Columns, consortium: &Consortium, date: Date) -> wire::AsOf {
    let checkpoints = consortium.publishers().map(|member| {
        let head = columns.head(&member.id);
        // A log nothing is held of is the empty tree: RFC 6962 §2.1.
        let root_hash = head.map_or_else(|| Sha256::digest(b"").into(), |head| head.root_hash);
        let cosigners = head.map_or(&[][..], |head| &head.cosigned_by);
        wire::CheckpointRef {
            member: member.id.to_string(),
            tree_size: head.map_or(0, |head| head.tree_size),
            root_hash: base64::engine::general_purpose::STANDARD.encode(root_hash),
            cosigned_by: cosigners.iter().map(ToString::to_string).collect(),
        }
    });
    wire::AsOf {
        date: date.to_string(),
        charter_version: consortium.version,
        checkpoints: checkpoints.collect(),
    }
}
