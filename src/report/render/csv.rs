//! Long form, one value per row, for spreadsheets and statistics programs.

use super::Unit;
use crate::wire;

/// Returns an answer as CSV: a column per name in `by`, then measure, bounds and who is in it.
/// `value` is empty unless exact, `upper` where nothing bounds it.
pub fn report(answer: &wire::QueryResponse) -> String {
    let unit = Unit::of(answer);
    let query = answer.query.clone().unwrap_or_default();
    let further = [
        "measure",
        "value",
        "lower",
        "upper",
        "uncounted",
        "members",
        "as_of",
    ];
    let header = query.by.iter().map(String::as_str).chain(further);
    let as_of = answer.as_of.as_ref().map_or("", |as_of| &as_of.date);
    let mut lines = vec![header.map(str::to_owned).collect::<Vec<_>>()];
    for row in &answer.rows {
        let spell = |number: Option<i64>| number.map(|n| unit.spell(n)).unwrap_or_default();
        let code = |name| harmless(row.group.get(name).map_or("", String::as_str));
        let mut line: Vec<String> = query.by.iter().map(code).collect();
        line.extend([
            query.measure.clone(),
            spell(row.value),
            unit.spell(row.lower),
            spell(row.upper),
            row.uncounted.to_string(),
            row.members.join(" "),
            as_of.to_owned(),
        ]);
        lines.push(line);
    }
    write(&lines)
}

/// Returns coverage as CSV, one row per member, kind and period.
pub fn coverage(coverage: &wire::CoverageResponse) -> String {
    let header = ["member", "kind", "period", "state", "due", "date"];
    let rows = coverage.rows.iter().map(|row| {
        let wire::CoverageRow {
            member,
            kind,
            period,
            state,
            due,
            date,
        } = row;
        [member, kind, period, state, due, date].map(String::as_str)
    });
    write(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// Keeps a spreadsheet from taking a code that came from another node for a formula.
fn harmless(code: &str) -> String {
    if code.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{code}")
    } else {
        code.to_owned()
    }
}

fn write<R: IntoIterator<Item: AsRef<[u8]>> + Clone>(lines: &[R]) -> String {
    let mut csv = csv::Writer::from_writer(Vec::new());
    for line in lines {
        // Writing to memory cannot fail, and every line has as many fields as the first.
        let _ = csv.write_record(line.clone());
    }
    let bytes = csv.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
