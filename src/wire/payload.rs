//! A summary as the exact bytes its leaf commits to.
//!
//! Every number is fixed-width, the shape comes from the plan, and zeros fill it up to a power of
//! two of at least 1 KiB: two summaries of one shape have one size, whatever they say. One with
//! statements has room for as many of the longest, however many it has and however short.

use prost::Message as _;

use super::{Summary as Message, SummaryAxis, SummaryTable};
use crate::model::table::{MOST_STATEMENTS, WIDEST_STATEMENT, cell_count, is_statement};
use crate::model::{Axis, Cell, Figure, Series, Summary, Table};

/// Smallest payload.
pub const LEAST_LEN: usize = 1024;

/// Largest payload a node takes in.
pub const MOST_LEN: usize = 1 << 20;

/// Bytes kept where there is a statement: each with one byte of tag and two of length.
const ROOM_FOR_STATEMENTS: usize = MOST_STATEMENTS * (WIDEST_STATEMENT + 3);

const FORMAT: u32 = 1;
const EXACT: u32 = 1;
const INTERVAL: u32 = 2;
const ABSENT: u32 = 3;

/// Bytes that are not a summary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Longer than [`MOST_LEN`], or not a power of two of at least [`LEAST_LEN`].
    #[error("payload of {0} bytes: the size must be a power of two from 1024 to 1048576")]
    Size(usize),
    /// Not protobuf of the right shape.
    #[error("payload cannot be read: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A part that means nothing.
    #[error("payload: {0}")]
    Meaning(String),
}

/// Encodes a summary with its padding.
///
/// # Errors
/// When it would be longer than [`MOST_LEN`].
pub fn encode(summary: &Summary) -> Result<Vec<u8>, PayloadError> {
    let mut message = Message {
        format: FORMAT,
        member: summary.member.to_string(),
        kind: summary.series.kind.to_string(),
        period: summary.series.period.to_string(),
        revision: summary.revision,
        charter_version: summary.charter_version,
        tables: summary.tables.iter().map(encode_table).collect(),
        statements: Vec::new(),
        padding: Vec::new(),
    };
    let room = match summary.statements.is_empty() {
        true => 0,
        false => ROOM_FOR_STATEMENTS,
    };
    let len = message.encoded_len() + room;
    message.statements.clone_from(&summary.statements);
    let mut target = len.next_power_of_two().max(LEAST_LEN);
    while !pad_to(&mut message, target) {
        target *= 2;
    }
    if target > MOST_LEN {
        return Err(PayloadError::Size(target));
    }
    Ok(message.encode_to_vec())
}

/// Sets the padding so that the message has exactly `target` bytes; false where none does.
fn pad_to(message: &mut Message, target: usize) -> bool {
    message.padding.clear();
    let bare = message.encoded_len();
    if bare == target {
        return true;
    }
    // One byte of tag and one to four of length come before the zeros.
    (2..=5).any(|header| {
        let Some(zeros) = target.checked_sub(bare + header).filter(|zeros| *zeros > 0) else {
            return false;
        };
        message.padding = vec![0; zeros];
        message.encoded_len() == target
    })
}

fn encode_table(table: &Table) -> SummaryTable {
    let figures = || table.cells.iter().map(|cell| cell.figure);
    SummaryTable {
        id: table.id.clone(),
        measure: table.measure.to_string(),
        axes: table
            .axes
            .iter()
            .map(|axis| SummaryAxis {
                dimension: axis.dimension.to_string(),
                codes: axis.codes.clone(),
            })
            .collect(),
        states: figures()
            .map(|figure| match figure {
                Figure::Exact(_) => EXACT,
                Figure::Interval { .. } => INTERVAL,
                Figure::Absent => ABSENT,
            })
            .collect(),
        lowers: figures().map(Figure::lower).collect(),
        uppers: figures()
            .map(|figure| figure.upper().unwrap_or(0))
            .collect(),
        uncounted: table.cells.iter().map(|cell| cell.uncounted).collect(),
    }
}

/// Decodes a payload from anyone.
///
/// # Errors
/// Says what is wrong with it; nothing of the bytes is repeated beyond short words.
pub fn decode(bytes: &[u8]) -> Result<Summary, PayloadError> {
    let len = bytes.len();
    if !(LEAST_LEN..=MOST_LEN).contains(&len) || !len.is_power_of_two() {
        return Err(PayloadError::Size(len));
    }
    let message = Message::decode(bytes)?;
    if message.format != FORMAT {
        return Err(meaning(format!("format {} is not known", message.format)));
    }
    // All together, since one by one takes as long as the rest of the reading.
    if message.padding.iter().fold(0, |all, byte| all | byte) != 0 {
        return Err(meaning("the padding holds something"));
    }
    if message.revision == 0 || message.charter_version == 0 {
        return Err(meaning("revision and charter version start at 1"));
    }
    let statements = &message.statements;
    if statements.len() > MOST_STATEMENTS || !statements.iter().all(|text| is_statement(text)) {
        return Err(meaning(
            "a statement is not one of at most five plain lines",
        ));
    }
    let series: Series = format!("{}/{}", message.kind, message.period)
        .parse()
        .map_err(meaning)?;
    Ok(Summary {
        member: message.member.parse().map_err(meaning)?,
        series,
        revision: message.revision,
        charter_version: message.charter_version,
        tables: message
            .tables
            .into_iter()
            .map(decode_table)
            .collect::<Result<_, _>>()?,
        statements: message.statements,
    })
}

fn decode_table(table: SummaryTable) -> Result<Table, PayloadError> {
    let axes: Vec<Axis> = table
        .axes
        .into_iter()
        .map(decode_axis)
        .collect::<Result<_, _>>()?;
    let cells = table.states.len();
    let spans = axes
        .iter()
        .try_fold(1usize, |count, axis| count.checked_mul(axis.codes.len()));
    let shape = [
        table.lowers.len(),
        table.uppers.len(),
        table.uncounted.len(),
    ];
    if spans != Some(cells) || shape != [cells; 3] {
        return Err(meaning("a table's cells do not fill its axes"));
    }
    debug_assert_eq!(cell_count(&axes), cells);
    let cells = (0..cells)
        .map(|at| {
            let figure = decode_figure(table.states[at], table.lowers[at], table.uppers[at])?;
            Ok(Cell {
                figure,
                uncounted: table.uncounted[at],
            })
        })
        .collect::<Result<_, PayloadError>>()?;
    Ok(Table {
        id: table.id,
        measure: table.measure.parse().map_err(meaning)?,
        axes,
        cells,
    })
}

fn decode_axis(axis: SummaryAxis) -> Result<Axis, PayloadError> {
    Ok(Axis {
        dimension: axis.dimension.parse().map_err(meaning)?,
        codes: axis.codes,
    })
}

fn decode_figure(state: u32, lower: i64, upper: i64) -> Result<Figure, PayloadError> {
    match state {
        EXACT if lower == upper && in_range(lower) => Ok(Figure::Exact(lower)),
        INTERVAL if lower <= upper && in_range(lower) && in_range(upper) => {
            Ok(Figure::Interval { lower, upper })
        }
        ABSENT if lower == 0 && upper == 0 => Ok(Figure::Absent),
        _ => Err(meaning("a cell contradicts itself")),
    }
}

/// Counts are never negative; this many leave room to add up every member's cells.
fn in_range(value: i64) -> bool {
    (-(1 << 50)..=1 << 50).contains(&value)
}

fn meaning(what: impl ToString) -> PayloadError {
    PayloadError::Meaning(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dimension, Measure};
    use proptest::prelude::*;

    fn figures() -> impl Strategy<Value = Figure> {
        prop_oneof![
            (0i64..1 << 40).prop_map(Figure::Exact),
            (0i64..1 << 40, 0i64..1000).prop_map(|(lower, width)| Figure::Interval {
                lower,
                upper: lower + width
            }),
            Just(Figure::Absent),
        ]
    }

    prop_compose! {
        fn summaries()(
            cells in proptest::collection::vec((figures(), any::<u32>()), 1..200),
            tables in 0usize..4,
            revision in 1u32..,
            statements in proptest::collection::vec("[a-zé่]{1,240}", 0..=5),
        ) -> Summary {
            let cells: Vec<Cell> =
                cells.into_iter().map(|(figure, uncounted)| Cell { figure, uncounted }).collect();
            let codes = (0..cells.len()).map(|n| format!("c{n}")).collect();
            let table = Table {
                id: "training.activities.by_topic".to_owned(),
                measure: Measure::Activities,
                axes: vec![Axis { dimension: Dimension::Topic, codes }],
                cells,
            };
            Summary {
                member: "inpud".parse().expect("a member id"),
                series: "training/2018Q1".parse().expect("a series"),
                revision,
                charter_version: 1,
                tables: vec![table; tables],
                statements,
            }
        }
    }

    proptest! {
        #[test]
        fn payloads_round_trip(summary in summaries()) {
            let bytes = encode(&summary).expect("small enough");
            prop_assert!(bytes.len().is_power_of_two() && bytes.len() >= LEAST_LEN);
            prop_assert_eq!(decode(&bytes), Ok(summary));
        }

        #[test]
        fn size_does_not_speak(summary in summaries()) {
            let mut silent = summary.clone();
            silent.statements.truncate(1);
            silent.statements.iter_mut().for_each(|text| text.truncate(0));
            silent.statements.iter_mut().for_each(|text| text.push('a'));
            for table in &mut silent.tables {
                for cell in &mut table.cells {
                    *cell = Cell { figure: Figure::Absent, uncounted: 0 };
                }
            }
            prop_assert_eq!(
                encode(&summary).expect("small enough").len(),
                encode(&silent).expect("small enough").len()
            );
        }

        #[test]
        fn statements_that_are_none_are_refused(text in "([a-z]{241}|a\n|\u{1b}| a|)", more in 1usize..3) {
            let mut summary = Summary {
                member: "inpud".parse().expect("a member id"),
                series: "training/2018Q1".parse().expect("a series"),
                revision: 1,
                charter_version: 1,
                tables: Vec::new(),
                statements: vec![text; more],
            };
            prop_assert!(decode(&encode(&summary).expect("small enough")).is_err());
            summary.statements = vec!["a".to_owned(); 6];
            prop_assert!(decode(&encode(&summary).expect("small enough")).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 1024)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_flipped_bit_never_panics(summary in summaries(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = encode(&summary).expect("small enough");
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode(&bytes);
        }
    }
}
