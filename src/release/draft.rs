//! A draft: what would leave for a period, to the byte, and what is kept back.
//!
//! A draft is a function of the records, the charter and the ledger alone. Publishing makes it
//! again and compares the digest, so that nothing leaves that was not looked at.

use sha2::{Digest, Sha256};

use super::ReleaseError;
use super::history::History;
use super::ledger::{Entry, Ledger};
use super::sent::{Marks, Since};
use super::sheets::Sheets;
use super::statement::{self, Statements};
use crate::charter::policy::{Audience, Size};
use crate::charter::{Member, Policy};
use crate::disclosure::tables::{
    Case, Protected, Reason, State, Verdict, Why, protect, show_again,
};
use crate::disclosure::{Limits, Microlp, Solver};
use crate::model::{Cell, Figure, Kind, MemberId, Period, Series, Summary, Table, Tally};
use crate::record::Book;
use crate::wire::payload;

/// What a member agreed to publish, as the charter in force says.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The member.
    pub member: &'a MemberId,
    /// Everybody in the consortium, whose names are no persons'.
    pub members: &'a [Member],
    /// Its size, which decides the tables it publishes.
    pub size: Size,
    /// The countries its card names.
    pub countries: &'a [String],
    /// The charter's version.
    pub charter_version: u32,
    /// The charter's policy.
    pub policy: &'a Policy,
}

/// What would leave for a period.
#[derive(Clone, Debug)]
pub struct Draft {
    /// SHA-256 over everything that would leave, in hexadecimal.
    pub digest: String,
    /// The period.
    pub period: Period,
    /// The summaries, in the order of the kinds.
    pub summaries: Vec<DraftSummary>,
    /// Tables kept back, for the steward's eyes only.
    pub blocked: Vec<Blocked>,
}

/// A summary that would leave.
#[derive(Clone, Debug)]
pub struct DraftSummary {
    /// What it says.
    pub summary: Summary,
    /// The exact bytes.
    pub payload: Vec<u8>,
    /// The leaf it would replace.
    pub replaces: Option<u64>,
    /// Who would see it.
    pub audience: Audience,
    /// What in its statements may name or reach a person, a list per statement.
    pub warnings: Vec<Vec<String>>,
    /// The records that bear on it.
    pub marks: Marks,
    /// What became of its records since the last release, where that is remembered.
    pub since: Option<Since>,
    /// The tables of the last release.
    pub before: Vec<Table>,
    /// Whether a table is shown again as it was, although its figures changed.
    pub held: bool,
    /// Per table, why each cell is kept back; for the steward's eyes only.
    pub why: Vec<Vec<Option<Why>>>,
    /// Per table, the true cells; for the steward's eyes only.
    pub truths: Vec<Vec<Tally>>,
    /// What records truly say of it and of everything it could be subtracted from.
    pub state: State,
    /// How many sums are proven to be bounded no tighter than agreed, and SHA-256 of the proof.
    pub proof: (usize, [u8; 32]),
    /// Whether it says what the last release of the series says, so that nothing would leave.
    pub unchanged: bool,
}

/// A table kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Kind and period.
    pub series: Series,
    /// The plan's identifier.
    pub table: String,
    /// Why.
    pub reason: Reason,
}

impl DraftSummary {
    /// Returns whether the last release still says what the records do, although they changed or
    /// it is not known whether they did.
    pub(super) fn is_still_true(&self) -> bool {
        self.unchanged && !self.held && self.since.is_none_or(Since::is_anything)
    }
}

impl Draft {
    /// Drafts the summaries of a period.
    ///
    /// With no `kinds` named, it drafts those that have something to say in the period or have
    /// said something before.
    ///
    /// # Errors
    /// When the plan has nothing at this grain, or an earlier payload cannot be read.
    pub fn make(
        terms: &Terms<'_>,
        period: Period,
        kinds: &[Kind],
        book: &dyn Book,
        ledger: Ledger<'_>,
    ) -> Result<Self, ReleaseError> {
        Self::solved_by(&Microlp, terms, period, kinds, book, ledger)
    }

    /// As [`Draft::make`], with a solver of the caller's. Whatever it answers, nothing is shown
    /// that is not proven.
    ///
    /// # Errors
    /// As [`Draft::make`].
    pub fn solved_by(
        solver: &dyn Solver,
        terms: &Terms<'_>,
        period: Period,
        kinds: &[Kind],
        book: &dyn Book,
        ledger: Ledger<'_>,
    ) -> Result<Self, ReleaseError> {
        let entries = ledger.entries()?;
        let period = period.with_financial_year(terms.policy.fy_month());
        let chosen: &[Kind] = if kinds.is_empty() { Kind::ALL } else { kinds };
        let grain = period.grain();
        let mut draft = Self {
            digest: String::new(),
            period,
            summaries: Vec::new(),
            blocked: Vec::new(),
        };
        for kind in chosen {
            if terms
                .policy
                .tables(*kind, grain, terms.size)
                .next()
                .is_none()
            {
                if kinds.is_empty() {
                    continue;
                }
                return Err(ReleaseError::NoTables { kind: *kind, grain });
            }
            let series = Series {
                kind: *kind,
                period,
            };
            let history = History::read(series, terms.policy, ledger, &entries)?;
            let mut sheets = tracing::info_span!(target: "step", "tabulate")
                .in_scope(|| Sheets::fill(terms, series, book, &history))?;
            let said = Statements(ledger.0).of(series)?;
            let silent = sheets.is_blank() && said.is_empty();
            if kinds.is_empty() && history.newest().is_none() && silent {
                continue;
            }
            let marks = std::mem::take(&mut sheets.marks);
            let key = ledger.0.tie_break();
            let means = (key, solver);
            let (mut summary, mut blocked) = one(terms, &history, sheets, said, means)?;
            let sent = Marks::sent(ledger.0, series)?;
            summary.since = sent.map(|sent| marks.since(&sent));
            summary.marks = marks;
            draft.summaries.push(summary);
            draft.blocked.append(&mut blocked);
        }
        draft.digest = digest(terms, &draft.summaries);
        Ok(draft)
    }
}

fn digest(terms: &Terms<'_>, summaries: &[DraftSummary]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"counterfoil/draft/v1\n");
    hasher.update(terms.charter_version.to_be_bytes());
    for draft in summaries {
        let replaces = draft
            .replaces
            .map_or_else(|| "-".to_owned(), |index| index.to_string());
        let head = format!(
            "{}\n{}\n{replaces}\n{}\n{}\n",
            draft.summary.series,
            draft.summary.revision,
            audience_text(&draft.audience),
            draft.payload.len()
        );
        hasher.update(head.as_bytes());
        hasher.update(&draft.payload);
        // A draft whose warnings nobody saw is another draft.
        for warning in draft.warnings.iter().flatten() {
            hasher.update(format!("warning {}\n{warning}\n", warning.len()).as_bytes());
        }
    }
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns an audience as the leaf writes it.
pub fn audience_text(audience: &Audience) -> String {
    match audience {
        Audience::Everybody => "*".to_owned(),
        Audience::Members(members) => members
            .iter()
            .map(MemberId::as_str)
            .collect::<Vec<_>>()
            .join(","),
    }
}

/// Drafts the summary of one series.
fn one(
    terms: &Terms<'_>,
    history: &History<'_>,
    sheets: Sheets<'_>,
    statements: Vec<String>,
    (key, solver): (&[u8; 32], &dyn Solver),
) -> Result<(DraftSummary, Vec<Blocked>), ReleaseError> {
    let series = sheets.series;
    let past = history.past(&sheets.state)?;
    let fresh = sheets.fresh();
    let case = Case {
        floor: &terms.policy.disclosure,
        key,
        now: &sheets.state,
        fresh: &fresh,
        said: history.said(),
        past: &past,
        limits: &Limits::default(),
        solver,
    };
    let Protected {
        verdicts,
        proven,
        certificate,
    } = tracing::info_span!(target: "step", "protect").in_scope(|| match sheets.is_let_go {
        true => show_again(&case),
        false => protect(&case, &mut |_, _| {}),
    });
    let mut verdicts = verdicts.into_iter();

    let (newest, before) = history.newest().unzip();
    let mut draft = DraftTables::default();
    for table in sheets.tables {
        let verdict = match &table.personal {
            // A verdict that is not there shows nothing.
            Some(_) => verdicts.next().unwrap_or_else(|| nothing(&table.tallies)),
            None => plain(&table.tallies),
        };
        draft.held |= verdict.held;
        draft.blocked.extend(verdict.reason.map(|reason| Blocked {
            series,
            table: table.spec.id.clone(),
            reason,
        }));
        draft.why.push(verdict.why);
        draft.truths.push(table.tallies);
        draft.tables.push(Table {
            id: table.spec.id.clone(),
            measure: table.spec.measure,
            axes: table.axes,
            cells: verdict.cells,
        });
    }
    let warnings = statement::warnings(&statements, terms);
    let unchanged =
        before.filter(|before| before.tables == draft.tables && before.statements == statements);
    // What was let out already is named as it was then, so that its digest stays what it was.
    let summary = unchanged.cloned().unwrap_or_else(|| Summary {
        member: terms.member.clone(),
        series,
        revision: before.map_or(0, |before| before.revision) + 1,
        charter_version: terms.charter_version,
        tables: draft.tables,
        statements,
    });
    let unchanged = unchanged.is_some();
    let replaces = if unchanged {
        newest.and_then(Entry::replaces)
    } else {
        newest.map(|entry| entry.index)
    };
    let summary = DraftSummary {
        payload: payload::encode(&summary)?,
        summary,
        replaces,
        audience: terms.policy.kind(series.kind).audience,
        warnings,
        marks: Marks::default(),
        since: None,
        held: draft.held,
        before: before.map_or_else(Vec::new, |before| before.tables.clone()),
        why: draft.why,
        truths: draft.truths,
        state: sheets.state,
        proof: (proven, certificate),
        unchanged,
    };
    Ok((summary, draft.blocked))
}

/// The tables of a summary as they are put together.
#[derive(Default)]
struct DraftTables {
    tables: Vec<Table>,
    why: Vec<Vec<Option<Why>>>,
    truths: Vec<Vec<Tally>>,
    blocked: Vec<Blocked>,
    held: bool,
}

fn plain(tallies: &[Tally]) -> Verdict {
    let figure = |tally: &Tally| tally.value.map_or(Figure::Absent, Figure::Exact);
    verdict(tallies, figure, None)
}

fn nothing(tallies: &[Tally]) -> Verdict {
    verdict(tallies, |_| Figure::Absent, Some(Reason::Unsound))
}

fn verdict(
    tallies: &[Tally],
    figure: impl Fn(&Tally) -> Figure,
    reason: Option<Reason>,
) -> Verdict {
    let cell = |tally: &Tally| Cell {
        figure: figure(tally),
        uncounted: tally.uncounted,
    };
    Verdict {
        cells: tallies.iter().map(cell).collect(),
        why: vec![None; tallies.len()],
        reason,
        held: false,
    }
}

/// Returns what an earlier release said.
pub(super) fn shown_by(ledger: Ledger<'_>, entry: &Entry) -> Result<Summary, ReleaseError> {
    let index = entry.index;
    let salted = ledger
        .payload(index)?
        .ok_or(ReleaseError::LedgerMismatch { index })?;
    Ok(payload::decode(&salted.payload)?)
}
