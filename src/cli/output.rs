//! What a command prints: one JSON value, or lines and tables for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;
use crate::model::steers_text;

/// What a command answers with.
pub(super) trait Reply: Serialize {
    /// Returns the answer in plain words; lines, the last one ended.
    fn human(&self) -> String;

    /// Returns whether the command did what it was asked; if not, it exits with 1.
    fn is_done(&self) -> bool {
        true
    }
}

/// A text that is the product of a command, such as a charter draft.
#[derive(Debug, Serialize)]
pub(super) struct TextReply {
    pub(super) text: String,
}

impl Reply for TextReply {
    fn human(&self) -> String {
        let end = if self.text.ends_with('\n') { "" } else { "\n" };
        format!("{}{end}", self.text)
    }
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// Whether a program reads them.
    pub(super) json: bool,
}

impl Output {
    /// Prints an answer on standard output and returns the exit code.
    pub(super) fn answer<R: Reply>(self, reply: &R) -> Result<u8, Failure> {
        let printed = if self.json {
            print_json(reply)
        } else {
            print(reply.human().as_bytes())
        };
        match printed {
            // Whoever read us has seen enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                let message = format!("the answer could not be printed: {error}");
                return Err(Failure::new("output", message, ""));
            }
            Ok(()) => {}
        }
        Ok(u8::from(!reply.is_done()))
    }

    /// Prints a failure: as JSON on standard output, else on standard error.
    pub(super) fn failure(self, failure: &Failure) {
        // Where even this cannot be printed, the exit code has to do.
        let _unprinted = if self.json {
            print_json(&failure.to_json())
        } else {
            let mut text = format!("error: {}\n", printable(&failure.message));
            if !failure.hint.is_empty() {
                let _infallible = writeln!(text, "hint: {}", printable(&failure.hint));
            }
            io::stderr().lock().write_all(text.as_bytes())
        };
    }
}

/// Asks for a line at the terminal, on standard error.
pub(super) fn ask_line(prompt: &str) -> io::Result<String> {
    io::stderr().lock().write_all(prompt.as_bytes())?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// Prints a file as it is.
pub(super) fn print_file(bytes: &[u8]) -> Result<(), Failure> {
    match print(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("the file could not be printed: {error}");
            Err(Failure::new("output", message, "name a file with --out"))
        }
        _ => Ok(()),
    }
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Replaces what could move a terminal's cursor, colour it or turn text round: names and notes come from others.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if steers_text(c) && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Lays out a table for people; empty columns are left out.
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let shown: Vec<usize> = (0..N)
        .filter(|column| rows.iter().any(|row| !row[*column].is_empty()))
        .collect();
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(shown.iter().map(|column| header[*column]));
    for row in rows {
        table.add_row(shown.iter().map(|column| printable(&row[*column])));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Returns `1 record`, `2 records`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_leaves_empty_columns_out() {
        let rows = [
            ["a".to_owned(), String::new(), "1".to_owned()],
            ["bb".to_owned(), String::new(), "22".to_owned()],
        ];
        let text = table(["name", "note", "count"], &rows);
        assert!(!text.contains("note"));
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        let rows = [["\u{1b}[31mred".to_owned()]];
        assert!(!table(["x"], &rows).contains('\u{1b}'));
        assert_eq!(printable("a\u{7}b\nc"), "a\u{fffd}b\nc");
    }

    #[test]
    fn a_text_ends_its_last_line_once() {
        for text in ["draft", "draft\n"] {
            let reply = TextReply {
                text: text.to_owned(),
            };
            assert_eq!(reply.human(), "draft\n");
        }
    }
}
