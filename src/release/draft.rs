//! A draft: what would leave for a period, to the byte, and what is kept back.
//!
//! A draft is a function of the records, the charter and the ledger alone. Publishing makes it
//! again and compares the digest, so that nothing leaves that was not looked at.

use sha2::{Digest, Sha256};

use super::ReleaseError;
use super::history::{History, is_of};
use super::ledger::{Entry, Ledger, Truth};
use super::sent::{Marks, Since};
use super::statement::{self, Statements};
use crate::charter::policy::{Audience, Floor, Of, Size, TableSpec};
use crate::charter::{Member, Policy};
use crate::disclosure::{Part, PersonalTable, Reason, Verdict, given_away, protect};
use crate::model::{
    Axis, Cell, Figure, Grain, Kind, MemberId, Period, Series, Summary, Table, Tally,
};
use crate::record::tabulate::{Counting, TableRequest};
use crate::record::{Book, each};
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
    /// What truly stands behind its personal tables.
    pub truths: Vec<Truth>,
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
            let mut sheet = Sheet::fill(terms, series, book, &history)?;
            let said = Statements(ledger.0).of(series)?;
            let silent = sheet.is_blank() && said.is_empty();
            if kinds.is_empty() && history.newest().is_none() && silent {
                continue;
            }
            let marks = std::mem::take(&mut sheet.marks);
            let (mut summary, mut blocked) = sheet.protect(terms, &history, said)?;
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

/// The true tables of one series.
struct Sheet<'a> {
    series: Series,
    marks: Marks,
    tables: Vec<TrueTable<'a>>,
}

struct TrueTable<'a> {
    spec: &'a TableSpec,
    axes: Vec<Axis>,
    tallies: Vec<Tally>,
    /// The finest grain first.
    parts: Vec<(Period, Vec<Tally>)>,
    /// Longer periods that were shown, and the others in them, as they are now.
    around: Vec<(Period, Vec<Tally>)>,
}

impl<'a> Sheet<'a> {
    /// Counts every table of the series, and of the shorter periods in it, in one pass.
    fn fill(
        terms: &Terms<'a>,
        series: Series,
        book: &dyn Book,
        history: &History<'_>,
    ) -> Result<Self, ReleaseError> {
        let specs = terms
            .policy
            .tables(series.kind, series.period.grain(), terms.size);
        let shapes: Vec<(&TableSpec, Vec<Axis>)> = specs
            .map(|spec| (spec, terms.policy.axes(spec, terms.countries)))
            .collect();
        let mut wanted = Vec::new();
        for (at, (spec, _)) in shapes.iter().enumerate() {
            let parts = if spec.personal {
                parts_of(terms, spec, series.period, history)
            } else {
                Vec::new()
            };
            let around = if spec.personal {
                around(terms, spec, series.period, history)
            } else {
                Vec::new()
            };
            let periods = [series.period].into_iter().chain(parts).chain(around);
            wanted.extend(periods.map(|period| (at, period)));
        }
        let mut countings: Vec<Counting<'_>> = wanted
            .iter()
            .map(|(at, period)| {
                let (spec, axes) = &shapes[*at];
                Counting::new(request(spec, axes, *period), terms.member)
            })
            .collect();
        let mut marks = Marks::default();
        each(book, series.kind, &mut |record| {
            marks.take(series, &record);
            countings
                .iter_mut()
                .for_each(|counting| counting.add(&record));
            Ok(())
        })?;
        let counted: Vec<Vec<Tally>> = countings.into_iter().map(Counting::finish).collect();

        let mut tables: Vec<TrueTable<'a>> = shapes
            .into_iter()
            .map(|(spec, axes)| TrueTable {
                spec,
                axes,
                tallies: Vec::new(),
                parts: Vec::new(),
                around: Vec::new(),
            })
            .collect();
        for ((at, period), tallies) in wanted.into_iter().zip(counted) {
            if period == series.period {
                tables[at].tallies = tallies;
            } else if series.period.covers(period) {
                tables[at].parts.push((period, tallies));
            } else {
                tables[at].around.push((period, tallies));
            }
        }
        Ok(Self {
            series,
            marks,
            tables,
        })
    }

    /// Returns whether nothing of this kind is in the period's tables.
    fn is_blank(&self) -> bool {
        let blank = |tally: &Tally| tally.activities == 0 && tally.value.unwrap_or(0) == 0;
        self.tables
            .iter()
            .all(|table| table.tallies.iter().all(blank))
    }

    fn protect(
        self,
        terms: &Terms<'_>,
        history: &History<'_>,
        statements: Vec<String>,
    ) -> Result<(DraftSummary, Vec<Blocked>), ReleaseError> {
        let (newest, before) = history.newest().unzip();
        let personal: Vec<PersonalTable> = self
            .tables
            .iter()
            .filter(|table| table.spec.personal)
            .map(|table| table.against(terms, self.series.period, history))
            .collect();
        let mut verdicts = protect(&terms.policy.disclosure, &personal).into_iter();

        let mut blocked = Vec::new();
        let mut truths = Vec::new();
        let mut tables = Vec::new();
        for table in self.tables {
            let cells = if table.spec.personal {
                // A verdict that is not there shows nothing.
                let verdict = verdicts.next().unwrap_or_else(|| table.nothing());
                blocked.extend(verdict.reason.map(|reason| Blocked {
                    series: self.series,
                    table: table.spec.id.clone(),
                    reason,
                }));
                truths.push(table.truth(newest, verdict.reason));
                verdict.cells
            } else {
                table.plain()
            };
            tables.push(Table {
                id: table.spec.id.clone(),
                measure: table.spec.measure,
                axes: table.axes,
                cells,
            });
        }
        let warnings = statement::warnings(&statements, terms);
        let unchanged =
            before.filter(|before| before.tables == tables && before.statements == statements);
        // What was let out already is named as it was then, so that its digest stays what it was.
        let summary = unchanged.cloned().unwrap_or_else(|| Summary {
            member: terms.member.clone(),
            series: self.series,
            revision: before.map_or(0, |before| before.revision) + 1,
            charter_version: terms.charter_version,
            tables,
            statements,
        });
        let unchanged = unchanged.is_some();
        let replaces = if unchanged {
            newest.and_then(Entry::replaces)
        } else {
            newest.map(|entry| entry.index)
        };
        let draft = DraftSummary {
            payload: payload::encode(&summary)?,
            summary,
            replaces,
            audience: terms.policy.kind(self.series.kind).audience,
            warnings,
            marks: Marks::default(),
            since: None,
            held: blocked
                .iter()
                .any(|table| table.reason == Reason::SmallChange),
            before: before.map_or_else(Vec::new, |before| before.tables.clone()),
            truths,
            unchanged,
        };
        Ok((draft, blocked))
    }
}

impl TrueTable<'_> {
    fn against(&self, terms: &Terms<'_>, period: Period, history: &History<'_>) -> PersonalTable {
        let part = |(period, tallies): &(Period, Vec<Tally>)| Part {
            period: *period,
            tallies: tallies.clone(),
            shown: history.shown(self.spec, &self.axes, *period),
        };
        let same_grain = |one: &(Period, _), other: &(Period, _)| one.0.grain() == other.0.grain();
        let (implied, overlooked) =
            history.implied(self.spec, &self.axes, &terms.policy.disclosure);
        PersonalTable {
            measure: self.spec.measure,
            by: self.spec.by.clone(),
            tallies: self.tallies.clone(),
            parts: self
                .parts
                .chunk_by(same_grain)
                .map(|grain| grain.iter().map(part).collect())
                .collect(),
            shown: history.shown(self.spec, &self.axes, period),
            implied,
            overlooked: overlooked || self.has_moved(terms, period, history),
        }
    }

    /// Returns whether something moved between parts of a longer period that was shown, so that
    /// its figure is still true and gives away a part that has become small.
    fn has_moved(&self, terms: &Terms<'_>, period: Period, history: &History<'_>) -> bool {
        let floor = &terms.policy.disclosure;
        let (longer, beside): (Vec<_>, Vec<_>) = self
            .around
            .iter()
            .partition(|(other, _)| other.covers(period));
        let has_small = |longer: Period, at: usize| {
            let mut beside = beside.iter().filter(|(other, _)| longer.covers(*other));
            beside.any(|(_, tallies)| is_small(&tallies[at], floor))
                || is_small(&self.tallies[at], floor)
        };
        longer.into_iter().any(|(other, now)| {
            let shown = history.shown(self.spec, &self.axes, *other);
            shown.iter().any(|cells| {
                cells.iter().zip(now).enumerate().any(|(at, (cell, now))| {
                    cell.figure.value().is_some()
                        && cell.figure.value() == now.value
                        && has_small(*other, at)
                })
            })
        })
    }

    /// Returns what to remember as standing behind the table: for one shown again unchanged, what
    /// stood behind it then.
    fn truth(&self, newest: Option<&Entry>, reason: Option<Reason>) -> Truth {
        let held = newest
            .filter(|_| reason == Some(Reason::SmallChange))
            .and_then(|entry| entry.truths.iter().find(|truth| is_of(truth, self.spec)));
        held.cloned().unwrap_or_else(|| Truth {
            measure: self.spec.measure,
            by: self.spec.by.clone(),
            tallies: self.tallies.clone(),
            parts: self.parts.clone(),
        })
    }

    fn plain(&self) -> Vec<Cell> {
        self.cells(|tally| tally.value.map_or(Figure::Absent, Figure::Exact))
    }

    fn nothing(&self) -> Verdict {
        Verdict {
            cells: self.cells(|_| Figure::Absent),
            reason: Some(Reason::BelowFloor),
        }
    }

    fn cells(&self, figure: impl Fn(&Tally) -> Figure) -> Vec<Cell> {
        let cell = |tally: &Tally| Cell {
            figure: figure(tally),
            uncounted: tally.uncounted,
        };
        self.tallies.iter().map(cell).collect()
    }
}

const fn request<'t>(spec: &TableSpec, axes: &'t [Axis], period: Period) -> TableRequest<'t> {
    TableRequest {
        kind: spec.kind,
        measure: spec.measure,
        axes,
        period,
        signers: match spec.of {
            Some(of) => of,
            None => Of::Organisations,
        },
    }
}

/// Returns the shorter periods for which the same table is published too, or was under an earlier
/// plan, the finest first.
///
/// A split by what activities are about is held to the shorter periods of its total as well: where
/// nothing took place is public, and turns a total into a cell.
fn parts_of(
    terms: &Terms<'_>,
    spec: &TableSpec,
    period: Period,
    history: &History<'_>,
) -> Vec<Period> {
    let about_persons = spec.by.iter().any(|d| d.describes_persons());
    let same = |other: &TableSpec| {
        other.measure == spec.measure
            && (other.by == spec.by || (other.by.is_empty() && !about_persons))
    };
    let shorter = Grain::ALL.iter().copied().filter(|grain| {
        *grain < period.grain()
            && (terms.policy.tables(spec.kind, *grain, terms.size).any(same)
                || history.has_shown(spec, *grain))
    });
    shorter
        .flat_map(|grain| period.split(grain, terms.policy.fy_month()))
        .filter(|part| *part != period)
        .collect()
}

/// Returns the longer periods that were shown exactly, and the other periods of this grain in them.
fn around(
    terms: &Terms<'_>,
    spec: &TableSpec,
    period: Period,
    history: &History<'_>,
) -> Vec<Period> {
    let mut around: Vec<Period> = Vec::new();
    for longer in history.longer(spec) {
        let beside = longer.split(period.grain(), terms.policy.fy_month());
        around.extend([longer].into_iter().chain(beside));
    }
    around.retain(|other| *other != period);
    around.sort_unstable();
    around.dedup();
    around
}

/// Returns whether a part in which something took place is kept back.
fn is_small(tally: &Tally, floor: &Floor) -> bool {
    tally.activities > 0 && tally.value.is_some() && given_away(tally, floor) == Figure::Absent
}

/// Returns what an earlier release said.
pub(super) fn shown_by(ledger: Ledger<'_>, entry: &Entry) -> Result<Summary, ReleaseError> {
    let index = entry.index;
    let salted = ledger
        .payload(index)?
        .ok_or(ReleaseError::LedgerMismatch { index })?;
    Ok(payload::decode(&salted.payload)?)
}
