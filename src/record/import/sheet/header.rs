//! Which row holds the headers, and what they say.

use super::row::{RawRow, trim};
use crate::record::schema::{Field, Shape};

/// What a file is asked for: the headers a MAP names, and our own.
#[derive(Clone, Debug, Default)]
pub(in crate::record::import) struct Wanted {
    /// Headers the MAP names, each as [`normal`] writes it.
    pub(in crate::record::import) named: Vec<String>,
    /// Fields that may be called by their own names.
    pub(in crate::record::import) fields: Vec<Field>,
    /// Those of them without which nothing can be taken in.
    pub(in crate::record::import) required: Vec<Field>,
}

impl Wanted {
    /// Asks for every field of a shape by its own name.
    #[cfg(test)]
    pub(in crate::record::import) fn all_of(shape: Shape) -> Self {
        Self::without(shape, Vec::new(), &|_| false)
    }

    /// Asks for the headers a MAP names, and for the fields it does not give.
    pub(in crate::record::import) fn without(
        shape: Shape,
        named: Vec<String>,
        is_given: &dyn Fn(Field) -> bool,
    ) -> Self {
        let open = || shape.columns().filter(|column| !is_given(column.field));
        Self {
            named,
            fields: open().map(|column| column.field).collect(),
            required: open().filter(|c| c.required).map(|c| c.field).collect(),
        }
    }

    fn field(&self, header: &str) -> Option<Field> {
        let mut fields = self.fields.iter();
        fields
            .find(|field| field.as_str().eq_ignore_ascii_case(header))
            .copied()
    }

    /// Looks at one row as if it held the headers.
    pub(super) fn look(&self, cells: &[String]) -> Fit {
        let holds = |wanted: &String| cells.contains(wanted) || position(wanted).is_some();
        let named = self.named.iter().filter(|wanted| holds(wanted)).count();
        let mut ours: Vec<Field> = cells.iter().filter_map(|cell| self.field(cell)).collect();
        ours.sort_unstable();
        ours.dedup();
        let required = self.required.iter().all(|field| ours.contains(field));
        Fit {
            is_whole: named == self.named.len() && required && named + ours.len() > 0,
            known: named + ours.len(),
        }
    }
}

/// How well a row serves as the headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    /// Whether everything asked for is there.
    pub(super) is_whole: bool,
    /// How much of it is.
    pub(super) known: usize,
}

/// The row of headers, with the row of HXL tags right under it.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// Its number, from 1.
    pub(super) number: u64,
    pub(super) headers: Vec<String>,
    pub(super) tags: Vec<String>,
    /// The number of the row of tags.
    pub(super) tags_row: Option<u64>,
    pub(super) fit: Fit,
}

/// Rows among which the headers are looked for.
pub(super) const LOOKED_AT: usize = 64;

/// Finds the headers among the first rows of a file that say something: the row the MAP names,
/// else the first with everything that is asked for, else the one with most of it. Where no row
/// has any of it, a title stands alone and the headers do not.
pub(super) fn find(rows: &[HeadRow], asked: Option<u64>, wanted: &Wanted) -> Head {
    let said = |row: &HeadRow| row.cells.iter().filter(|cell| !cell.is_empty()).count();
    let is_meant =
        |row: &HeadRow| asked.is_none_or(|asked| asked == row.number) && !is_tags(&row.cells);
    let meant = || (0..rows.len()).filter(|at| is_meant(&rows[*at]));
    let mut best = Head::default();
    for at in meant() {
        let head = head_of(rows, at, wanted);
        if best.number == 0 || head.fit > best.fit {
            best = head;
        }
        if best.fit.is_whole {
            break;
        }
    }
    if best.fit.known > 0 {
        return best;
    }
    let widest = rows.iter().map(said).max().unwrap_or(0);
    let wide = meant().find(|at| 5 * said(&rows[*at]) >= 4 * widest);
    wide.map_or(best, |at| head_of(rows, at, wanted))
}

fn head_of(rows: &[HeadRow], at: usize, wanted: &Wanted) -> Head {
    let row = &rows[at];
    let below = rows.get(at + 1).filter(|below| is_tags(&below.cells));
    let mut names = row.cells.clone();
    names.extend(below.into_iter().flat_map(|below| below.cells.clone()));
    Head {
        number: row.number,
        headers: row.cells.clone(),
        tags: below.map(|below| below.cells.clone()).unwrap_or_default(),
        tags_row: below.map(|below| below.number),
        fit: wanted.look(&names),
    }
}

/// One of the first rows, with its cells as [`normal`] writes them.
#[derive(Clone, Debug)]
pub(super) struct HeadRow {
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
}

impl HeadRow {
    pub(super) fn of(row: &RawRow<'_>) -> Self {
        let cells: Vec<String> = row.cells().map(normal).collect();
        Self {
            number: row.number,
            cells,
        }
    }
}

/// Returns whether a row holds HXL tags: `#` and a letter in every cell that says anything, and
/// in one at least.
fn is_tags(cells: &[String]) -> bool {
    let is_tag = |cell: &&String| {
        let mut chars = cell.chars();
        chars.next() == Some('#') && chars.next().is_some_and(char::is_alphabetic)
    };
    let said = || cells.iter().filter(|cell| !cell.is_empty());
    said().next().is_some() && said().all(|cell| is_tag(&cell))
}

/// Writes a header on one line: every stretch of white space is one blank, and what would move a
/// cursor is shown as a sign.
pub(in crate::record::import) fn normal(header: &str) -> String {
    let words: Vec<&str> = trim(header).split_whitespace().collect();
    let line = words.join(" ");
    match line.contains(char::is_control) {
        true => line.replace(char::is_control, "\u{fffd}"),
        false => line,
    }
}

/// Returns the column that `column 6` or `column F` means, from 0.
pub(in crate::record::import) fn position(name: &str) -> Option<usize> {
    let place = name.strip_prefix("column ")?;
    if place.bytes().all(|b| b.is_ascii_digit()) {
        return place.parse::<usize>().ok()?.checked_sub(1);
    }
    let is_letters =
        (1..=3).contains(&place.len()) && place.bytes().all(|b| b.is_ascii_uppercase());
    is_letters.then(|| {
        let digits = place.bytes().map(|b| usize::from(b - b'A') + 1);
        digits.fold(0, |number, digit| number * 26 + digit) - 1
    })
}

/// Returns the letters of a column of a spreadsheet, from 0.
pub(in crate::record::import) fn letters(at: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = at + 1;
    while rest > 0 {
        letters.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    letters.reverse();
    letters.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn rows(rows: &[&[&str]]) -> Vec<HeadRow> {
        let row = |(at, cells): (usize, &&[&str])| HeadRow {
            number: at as u64 + 1,
            cells: cells.iter().map(|cell| normal(cell)).collect(),
        };
        rows.iter().enumerate().map(row).collect()
    }

    #[test]
    fn headers_are_found_under_titles_and_over_tags() {
        let wanted = Wanted::all_of(Shape::Kind(Kind::Training));
        let found = find(
            &rows(&[
                &["Trainings of the year", "start"],
                &["What", "Title", "Start"],
                &["", "#activity+name", "#date+start"],
                &["x", "A", "2018-01-09"],
            ]),
            None,
            &wanted,
        );
        assert_eq!((found.number, found.tags_row), (2, Some(3)));
        assert_eq!(found.tags[2], "#date+start");
        let none = find(&rows(&[&["a", "b"], &["1", "2"]]), None, &wanted);
        assert_eq!((none.number, none.fit.known), (1, 0));
    }

    #[test]
    fn a_map_may_name_headers_tags_or_places() {
        let wanted = Wanted::without(
            Shape::Kind(Kind::Training),
            vec!["#date+start".to_owned(), "column B".to_owned()],
            &|_| true,
        );
        let found = find(
            &rows(&[&["t"], &["When", ""], &["#date+start"]]),
            None,
            &wanted,
        );
        assert_eq!((found.number, found.fit.is_whole), (2, true));
    }

    #[test]
    fn columns_have_letters_and_numbers() {
        for (at, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(at), name);
            assert_eq!(position(&format!("column {name}")), Some(at));
            assert_eq!(position(&format!("column {}", at + 1)), Some(at));
        }
        assert_eq!(
            (position("column 0"), position("column "), position("A")),
            (None, None, None)
        );
    }
}
