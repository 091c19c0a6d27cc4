//! Which column is likeliest to give which field.

use super::shown::Shown;
use super::words::synonyms;
use crate::record::import::persons::{Personal, by_header};
use crate::record::schema::{Column, Field, List, Shape, Type};
use crate::record::value::Reader;

/// A field and the column that may give it.
pub(super) struct Chosen<'a> {
    pub(super) column: &'static Column,
    pub(super) shown: &'a Shown,
    pub(super) why: &'static str,
}

/// Returns the likeliest column of each field; no column twice.
pub(super) fn choose<'a>(shape: Shape, shown: &'a [Shown], reader: Reader<'_>) -> Vec<Chosen<'a>> {
    let mut guesses: Vec<(u32, &'static str, usize, &'static Column)> = Vec::new();
    for column in shape.columns() {
        for (at, shown) in shown.iter().enumerate() {
            if let Some((score, why)) = score(shape, column, shown, reader) {
                guesses.push((score, why, at, column));
            }
        }
    }
    guesses.sort_by_key(|(score, _, at, _)| (u32::MAX - score, *at));
    let mut chosen: Vec<(usize, Chosen<'a>)> = Vec::new();
    for (_, why, at, column) in guesses {
        let is_taken = |(taken, chosen): &(usize, Chosen<'_>)| {
            *taken == at || chosen.column.field == column.field
        };
        if !chosen.iter().any(is_taken) {
            let shown = &shown[at];
            chosen.push((at, Chosen { column, shown, why }));
        }
    }
    let mut chosen: Vec<_> = chosen.into_iter().map(|(_, chosen)| chosen).collect();
    // Something has to be the title, and what tells the rows apart is better than nothing.
    let is_there = |field| {
        chosen
            .iter()
            .position(|c: &Chosen<'_>| c.column.field == field)
    };
    if let (Some(title), None, Some(id)) = (
        shape.column(Field::Title),
        is_there(Field::Title),
        is_there(Field::SourceId),
    ) {
        let shown = chosen[id].shown;
        chosen.push(Chosen {
            column: title,
            shown,
            why: "nothing else is a title",
        });
    }
    chosen.sort_by_key(|chosen| chosen.column.field);
    chosen
}

/// Says how likely a column gives a field, and why; `None` where it does not.
fn score(
    shape: Shape,
    column: &Column,
    shown: &Shown,
    reader: Reader<'_>,
) -> Option<(u32, &'static str)> {
    // Elsewhere a pseudonym is made of a name by the import itself.
    if column.holds == Type::Person && shape != Shape::List(List::Participants) {
        return None;
    }
    let named = match column.field {
        // A signatory has a name; where it is an individual's, a pseudonym is kept of it.
        Field::Name => by_header(&shown.name) == Some(Personal::Name),
        Field::Title => matches!(shape, Shape::Kind(_)) && shown.names_activities(),
        _ => false,
    };
    let is_person = shown.is_personal() && !named;
    if is_person != (column.holds == Type::Person) && (is_person || column.holds == Type::Person) {
        return None;
    }
    let small = shown.name.to_lowercase();
    let question = small.rsplit('/').next().unwrap_or(&small);
    let words: Vec<&str> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let plain = words.join(" ");
    let ours = column.field.as_str().replace('_', " ");
    let holds = shown.holds(column, reader);
    if plain == ours {
        return Some((100, "called so"));
    }
    if column.holds == Type::Text && shown.decides() {
        return None;
    }
    if is_person {
        return Some((40, "seems to name persons; kept only as pseudonyms"));
    }
    if named && column.field == Field::Title {
        let why = "its values read like activities; if any names a person, take this line out";
        return Some((85, why));
    }
    if column.field == Field::SourceId && !shown.tells_rows_apart() {
        return None;
    }
    let is_coded = shown.holds_codes(column, reader);
    let listed = synonyms(column.field);
    if listed.contains(&plain.as_str()) {
        return match is_coded {
            true => Some((90, "by its header, and its values are codes of this field")),
            false => holds.then_some((80, "by its header")),
        };
    }
    let named = listed.iter().any(|synonym| {
        let wanted: Vec<&str> = synonym.split(' ').collect();
        words.windows(wanted.len()).any(|part| part == wanted)
    });
    if named && holds {
        return Some((60, "by its header"));
    }
    match column.holds {
        Type::Date if column.required && shown.is_all_dates() => {
            Some((30, "all its values are dates"))
        }
        Type::Places if shown.all(|value| column.holds.parse(value, reader).is_ok()) => {
            Some((30, "all its values are countries"))
        }
        Type::Code(_) | Type::CodeList(_) if is_coded => {
            Some((20, "all its values are codes of this field"))
        }
        _ => None,
    }
}
