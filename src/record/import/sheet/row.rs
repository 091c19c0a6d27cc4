//! One row of a file, whatever the file is.

/// What a cell is beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::record::import) enum CellKind {
    /// Text, as everything in CSV.
    #[default]
    Text,
    /// A number of a spreadsheet, written out.
    Number,
    /// A date of a spreadsheet, written as ISO 8601.
    Date,
    /// An error of a spreadsheet, such as `#DIV/0!`.
    Error,
    /// A formula whose result was never stored.
    NoResult,
    /// A number shown in hundredths: 1200% is stored as 12.
    Percentage,
    /// One number that stands for several rows.
    Shared,
    /// Longer than [`MAX_CELL`]; only its beginning is here.
    TooLong,
}

/// Longest cell, in bytes: thirty times what a spreadsheet program lets anybody type.
pub(super) const MAX_CELL: usize = 1 << 20;
/// Most cells of a row: the columns of a spreadsheet.
pub(super) const MAX_COLUMNS: usize = 16_384;

impl CellKind {
    /// Returns why a cell of this kind holds no value, or `None` where it does.
    pub(in crate::record::import) const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Number | Self::Date => None,
            Self::Error => Some("an error of the spreadsheet; mend the formula, or clear the cell"),
            Self::NoResult => Some(
                "a formula without a stored result; open the file in a spreadsheet program, \
                 save it and try again",
            ),
            Self::Percentage => {
                Some("a percentage, not a number; format the cell as a number and see what it says")
            }
            Self::Shared => Some(
                "one number for several merged rows; unmerge the cells and write each row's own, \
                 or leave them empty",
            ),
            Self::TooLong => Some("longer than 1 MiB; shorten the cell"),
        }
    }
}

/// A row as it lies in its file: cells nobody has trimmed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRow<'t> {
    /// Which row it is, from 1, blank ones counted.
    pub(super) number: u64,
    /// Its first line in the file, from 1; in a spreadsheet, its row.
    pub(super) line: u64,
    /// The texts of the cells, one behind the other, from `start`.
    pub(super) text: &'t str,
    pub(super) start: u32,
    /// Where each cell ends in `text`.
    pub(super) ends: &'t [u32],
    pub(super) kinds: &'t [CellKind],
}

impl<'t> RawRow<'t> {
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns a cell, trimmed; nothing beyond the end of a short row.
    pub(super) fn cell(&self, at: usize) -> &'t str {
        let Some(end) = self.ends.get(at) else {
            return "";
        };
        let start = match at.checked_sub(1) {
            Some(before) => self.ends[before],
            None => self.start,
        };
        trim(&self.text[start as usize..*end as usize])
    }

    pub(super) fn kind(&self, at: usize) -> CellKind {
        self.kinds.get(at).copied().unwrap_or_default()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &'t str> {
        let row = *self;
        (0..self.len()).map(move |at| row.cell(at))
    }

    /// Returns whether no cell says anything.
    pub(super) fn is_blank(&self) -> bool {
        self.cells().all(str::is_empty) && self.kinds.iter().all(|kind| kind.fault().is_none())
    }
}

/// Takes white space off both ends, and what is there but cannot be seen.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}
