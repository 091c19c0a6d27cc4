//! A MAP proposed from the headers of a file and from what its columns hold. Every guess says that
//! it is one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::columns::wanted;
use super::map::Map;
use super::persons::{Personal, by_cell, by_header};
use super::sheet::{CellKind, Sheet};
use super::{ImportRequest, Target};
use crate::record::edit::Desk;
use crate::record::error::RecordError;
use crate::record::schema::{Column, Field, List, Shape, Type};
use crate::record::value::Reader;

mod words;

use words::{CODES, DATE_FORMATS, NO, NOT_KNOWN, SUMMARIES, YES, synonyms};

/// Values of a column that are looked at, and different ones that are remembered.
const LOOKED_AT: usize = 2000;
const REMEMBERED: usize = 60;

/// What one column of the file shows.
#[derive(Default)]
struct Shown {
    name: String,
    /// What names the column in a MAP.
    header: String,
    cells: usize,
    persons: usize,
    values: BTreeSet<String>,
    /// Cells a spreadsheet itself holds as dates.
    dates: usize,
}

/// Returns a MAP for a file. It is read as one whatever the file holds; what nothing in the file
/// gives is left open in a comment.
///
/// # Errors
/// Fails where the file cannot be read as a table.
pub fn suggest(desk: &Desk<'_>, request: ImportRequest<'_>) -> Result<String, RecordError> {
    let reader = desk.reader();
    let shape = match request.target {
        Target::Records => Shape::Kind(request.kind),
        Target::List(_, list) | Target::ListOfEach(list) => Shape::List(list),
    };
    let empty = Map::default();
    let sheet = Sheet::open(
        request.file,
        request.sheet,
        &empty.rows,
        &wanted(shape, &empty),
    )
    .map_err(|error| error.at(request.name, request.sheet))?;
    let (shown, summaries) = look(&sheet)?;
    let proposal = Proposal {
        shape,
        reader,
        columns: choose(shape, &shown, reader),
        shown: &shown,
    };
    let mut text = format!(
        "# Proposed for {}: every line is a guess; correct it before you use it.\n\
         kind = \"{}\"\n",
        quoted(request.name),
        request.kind
    );
    rows(&mut text, &sheet, summaries);
    proposal.write(&mut text);
    Ok(text)
}

/// Looks at the columns; also returns whether rows at the end sum up the others.
fn look(sheet: &Sheet<'_>) -> Result<(Vec<Shown>, bool), RecordError> {
    let mut shown: Vec<Shown> = (0..sheet.headers.len())
        .map(|at| Shown {
            name: sheet.column_name(at),
            header: match sheet
                .headers
                .iter()
                .filter(|h| **h == sheet.headers[at])
                .count()
            {
                1 => sheet.column_name(at),
                _ => sheet.place(at),
            },
            ..Shown::default()
        })
        .collect();
    let mut summaries = false;
    sheet.each_row(&mut |row| {
        let first = row.cell(0).to_lowercase();
        let first = first.trim_start_matches('*').trim_start();
        if SUMMARIES.iter().any(|word| first.starts_with(word)) {
            summaries = true;
            return Ok(());
        }
        for (at, column) in shown.iter_mut().enumerate() {
            let cell = row.cell(at);
            if !cell.is_empty() && column.cells < LOOKED_AT {
                column.cells += 1;
                column.persons += usize::from(by_cell(cell).is_some());
                column.dates += usize::from(row.kind(at) == CellKind::Date);
                if column.values.len() < REMEMBERED {
                    column.values.insert(cell.chars().take(200).collect());
                }
            }
        }
        Ok(())
    })?;
    Ok((shown, summaries))
}

fn rows(text: &mut String, sheet: &Sheet<'_>, summaries: bool) {
    let found = sheet.header > 1;
    if !found && !summaries {
        return;
    }
    text.push_str("\n[rows]\n");
    if found {
        line(
            text,
            &format!("header = {}", sheet.header),
            "the row with the headers",
        );
    }
    if summaries {
        let words = "ignore = \"(?i)^[*]?\\\\s*(total|sum|note|average)\"";
        line(text, words, "rows that sum up or explain the others");
    }
}

/// A field and the column that may give it.
struct Chosen<'a> {
    column: &'static Column,
    shown: &'a Shown,
    why: &'static str,
}

/// Returns the likeliest column of each field; no column twice.
fn choose<'a>(shape: Shape, shown: &'a [Shown], reader: Reader<'_>) -> Vec<Chosen<'a>> {
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
    // A signatory has a name; where it is an individual's, a pseudonym is kept of it.
    let named = column.field == Field::Name && by_header(&shown.name) == Some(Personal::Name);
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
    let listed = synonyms(column.field);
    if listed.contains(&plain.as_str()) {
        return holds.then_some((80, "by its header"));
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
        _ => None,
    }
}

impl Shown {
    fn is_personal(&self) -> bool {
        let by_name = match by_header(&self.name) {
            // `Participants` may say how many they were.
            Some(Personal::Name) => !self.counts(),
            by_name => by_name.is_some(),
        };
        by_name || (self.cells > 0 && 2 * self.persons > self.cells)
    }

    /// Returns whether the column has values and all are numbers, or say that nothing is known.
    fn counts(&self) -> bool {
        let is_number = |value: &String| value.parse::<f64>().is_ok();
        self.values.iter().any(is_number)
            && self
                .values
                .iter()
                .all(|value| is_number(value) || NOT_KNOWN.contains(&value.as_str()))
    }

    /// Returns whether there are values, and all that are known are such.
    fn all(&self, is_such: impl Fn(&str) -> bool) -> bool {
        let is_known = |value: &&String| !NOT_KNOWN.contains(&value.as_str());
        let mut known = self.values.iter().filter(is_known).peekable();
        known.peek().is_some() && known.all(|value| is_such(value))
    }

    fn is_all_dates(&self) -> bool {
        let is_plain = |value: &str| {
            let day = value.split([' ', 'T']).next().unwrap_or_default();
            let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
            let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
            let digits = parts.concat().bytes().all(|b| b.is_ascii_digit());
            digits && matches!(lengths[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
        };
        (self.cells > 0 && self.dates == self.cells)
            || self.all(|value| is_plain(value) || format_of(value).is_some())
    }

    /// Returns whether the column only says yes or no.
    fn decides(&self) -> bool {
        self.all(|value| {
            let small = value.to_lowercase();
            YES.contains(&small.as_str()) || NO.contains(&small.as_str())
        })
    }

    /// Returns whether most values are such as the field holds, or could be with a little help.
    fn holds(&self, column: &Column, reader: Reader<'_>) -> bool {
        let fits = |value: &&String| match column.holds {
            Type::Date => self.dates > 0 || is_date(value),
            Type::Count | Type::Hours | Type::Money => column.holds.parse(value, reader).is_ok(),
            _ => true,
        };
        let known = || {
            self.values
                .iter()
                .filter(|v| !NOT_KNOWN.contains(&v.as_str()))
        };
        2 * known().filter(fits).count() >= known().count()
    }
}

fn is_date(value: &str) -> bool {
    let is_plain = value.len() >= 8
        && value.bytes().filter(u8::is_ascii_digit).count() >= 6
        && value.contains(['-', '/', '.']);
    is_plain || format_of(value).is_some()
}

/// Returns the format of a date that is written with the name of its month.
fn format_of(value: &str) -> Option<&'static str> {
    let is_it = |format: &&&str| jiff::civil::Date::strptime(**format, value).is_ok();
    DATE_FORMATS.iter().find(is_it).copied()
}

/// What will be written.
struct Proposal<'a> {
    shape: Shape,
    reader: Reader<'a>,
    columns: Vec<Chosen<'a>>,
    shown: &'a [Shown],
}

impl Proposal<'_> {
    fn write(&self, text: &mut String) {
        self.write_columns(text);
        self.write_missing(text);
        self.write_dates(text);
        self.write_wide(text);
        // Tables of their own, so they come last.
        self.write_values(text);
    }

    fn write_columns(&self, text: &mut String) {
        text.push_str("\n[columns]\n");
        for Chosen { column, shown, why } in &self.columns {
            let entry = format!("{} = {}", column.field, quoted(&shown.header));
            line(text, &entry, &format!("guess: {why}"));
        }
        let given = |field| {
            self.columns
                .iter()
                .any(|chosen| chosen.column.field == field)
        };
        for column in self
            .shape
            .columns()
            .filter(|c| c.required && !given(c.field))
        {
            let _infallible = writeln!(
                text,
                "# {} = \"…\"  # needed, and nothing seems to give it; name a column here, \
                 or one value for all under [constants]",
                column.field
            );
        }
        let used = |shown: &Shown| self.columns.iter().any(|c| c.shown.header == shown.header);
        for shown in self
            .shown
            .iter()
            .filter(|shown| shown.cells > 0 && !used(shown))
        {
            let what = match by_header(&shown.name) {
                Some(personal) if shown.is_personal() => {
                    format!("looks like {}, ", personal.in_words())
                }
                None if shown.is_personal() => "looks like persons, ".to_owned(),
                _ => String::new(),
            };
            let _infallible = writeln!(text, "# not kept: {what}{}", quoted(&shown.header));
        }
    }

    fn write_missing(&self, text: &mut String) {
        let mut begun = false;
        for Chosen { column, shown, .. } in &self.columns {
            let is_text = matches!(column.holds, Type::Text | Type::Person);
            let words: Vec<String> = shown
                .values
                .iter()
                .filter(|value| NOT_KNOWN.contains(&value.as_str()))
                .filter(|value| column.holds.parse(value, self.reader).is_err())
                .map(|value| quoted(value))
                .collect();
            if !is_text && !words.is_empty() {
                begin(text, &mut begun, "[missing]");
                let entry = format!("{} = [{}]", column.field, words.join(", "));
                line(text, &entry, "guess: these mean not known");
            }
        }
    }

    fn write_dates(&self, text: &mut String) {
        let dates = || self.columns.iter().filter(|c| c.column.holds == Type::Date);
        let values = || dates().flat_map(|chosen| &chosen.shown.values);
        let formats: BTreeSet<&str> = values().filter_map(|value| format_of(value)).collect();
        let buddhist = values().find(|value| {
            let digits = value.split(|c: char| !c.is_ascii_digit());
            let years = digits
                .filter(|part| part.len() == 4)
                .filter_map(|y| y.parse().ok());
            years
                .into_iter()
                .any(|year: u16| (2400..=2700).contains(&year))
        });
        if formats.is_empty() && buddhist.is_none() {
            return;
        }
        text.push_str("\n[dates]\n");
        if !formats.is_empty() {
            let formats: Vec<_> = formats.iter().map(|format| quoted(format)).collect();
            let entry = format!("formats = [{}]", formats.join(", "));
            line(text, &entry, "guess: from how they are written");
        }
        if let Some(value) = buddhist {
            let _infallible = writeln!(
                text,
                "# calendar = \"buddhist\"  # or \"gregorian\"? {} may be either",
                quoted(value)
            );
        }
    }

    /// Proposes policies for columns that only say yes or no.
    fn write_wide(&self, text: &mut String) {
        let Shape::Kind(crate::model::Kind::CapacityMilestone) = self.shape else {
            return;
        };
        let says_yes = |value: &&String| YES.contains(&value.to_lowercase().as_str());
        let is_matrix = |shown: &&Shown| {
            let is_no = |value: &String| NO.contains(&value.to_lowercase().as_str());
            let yes = shown.values.iter().any(|value| says_yes(&value));
            yes && shown
                .values
                .iter()
                .all(|value| says_yes(&value) || is_no(value))
        };
        let matrix: Vec<_> = self.shown.iter().filter(is_matrix).collect();
        if matrix.is_empty() {
            return;
        }
        let yes: BTreeSet<&String> = matrix
            .iter()
            .flat_map(|s| s.values.iter().filter(says_yes))
            .collect();
        let yes: Vec<_> = yes.into_iter().map(|value| quoted(value)).collect();
        text.push_str("\n[wide.policies]\n");
        line(
            text,
            &format!("yes = [{}]", yes.join(", ")),
            "guess: these mean yes",
        );
        text.push_str("[wide.policies.columns]\n");
        for shown in matrix {
            let entry = format!("{} = \"other\"", quoted(&shown.header));
            line(text, &entry, "guess: a policy; put its code here");
        }
    }

    fn write_values(&self, text: &mut String) {
        for Chosen { column, shown, .. } in &self.columns {
            let is_coded = matches!(
                column.holds,
                Type::Code(_) | Type::CodeList(_) | Type::Places | Type::YesNo
            );
            let strange = |value: &&String| {
                column.holds.parse(value, self.reader).is_err()
                    && !NOT_KNOWN.contains(&value.as_str())
            };
            let strange: Vec<_> = shown.values.iter().filter(strange).collect();
            if !is_coded || strange.is_empty() {
                continue;
            }
            let _infallible = writeln!(text, "\n[values.{}]", column.field);
            for value in strange {
                match self.code(column, value) {
                    Some(code) => {
                        let entry = format!("{} = {}", quoted(value), quoted(code));
                        line(text, &entry, "guess: by its meaning");
                    }
                    None => {
                        let theirs = quoted(value);
                        let _infallible = writeln!(text, "# {theirs} = \"…\"  # which code is it?");
                    }
                }
            }
        }
    }

    /// Returns the code a word of theirs usually means.
    fn code(&self, column: &Column, value: &str) -> Option<&'static str> {
        let small = value.to_lowercase();
        let known = CODES.iter().filter(|(field, ..)| *field == column.field);
        let mut meant = known
            .filter(|(_, theirs, _)| *theirs == small)
            .map(|(.., our)| *our);
        meant.find(|our| column.holds.parse(our, self.reader).is_ok())
    }
}

fn begin(text: &mut String, begun: &mut bool, table: &str) {
    if !std::mem::replace(begun, true) {
        let _infallible = writeln!(text, "\n{table}");
    }
}

/// Writes an entry with what is to be known about it.
fn line(text: &mut String, entry: &str, note: &str) {
    let _infallible = writeln!(text, "{entry}  # {note}");
}

/// Writes a text as TOML does, on one line.
fn quoted(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    toml::Value::String(plain).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::record::edit::bench::Bench;
    use crate::record::schema::List;

    fn proposed(kind: Kind, target: Target, file: &str) -> String {
        let request = ImportRequest {
            name: "file.csv",
            file: file.as_bytes(),
            sheet: None,
            kind,
            target,
            map: None,
            dry_run: true,
            keep_good: false,
        };
        let text = Bench::new().work(|desk| suggest(desk, request));
        text.expect("can be read")
    }

    #[test]
    fn a_signatory_has_a_name_and_is_no_person() {
        let file = "Name,Type,Country\nA network,organisation,TH\nB network,organisation,VN\n";
        let target = Target::ListOfEach(List::Signatories);
        let text = proposed(Kind::AdvocacyAction, target, file);
        assert!(text.contains("\nname = \"Name\""), "{text}");
        assert!(!text.contains("\nperson = "), "{text}");
    }

    #[test]
    fn dates_and_countries_are_known_by_what_they_are() {
        for (date, land) in [
            ("Datum", "Land"),
            ("Дата", "Страна"),
            ("วันที่", "ประเทศ"),
            ("Fecha", "Pays"),
        ] {
            let file = format!("Thema,{date},{land}\nFirst,2018-03-31,TH\nSecond,2018-04-01,VN\n");
            let text = proposed(Kind::Training, Target::Records, &file);
            assert!(text.contains(&format!("start = \"{date}\"")), "{text}");
            assert!(text.contains(&format!("country = \"{land}\"")), "{text}");
        }
    }

    #[test]
    fn what_says_yes_or_no_is_no_title() {
        let file = "Training,Date\nyes,2018-03-31\nno,2018-04-01\n";
        let text = proposed(Kind::Training, Target::Records, file);
        assert!(!text.contains("\ntitle = "), "{text}");
        assert!(text.contains("start = \"Date\""), "{text}");
    }
}
