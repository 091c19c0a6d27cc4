//! Letters, statements and meetings: who signed, and what came of them.

use super::super::error::ReportError;
use super::super::notes::uncapitalised;
use super::facts::{Answer, Facts, code, is_something};
use super::{basis, counted, sentence};
use crate::charter::policy::CodeList;
use crate::model::{Grain, Kind, Measure};
use crate::wire;

const KIND: Kind = Kind::AdvocacyAction;

/// Actions that are words on paper or air: what comes of them may come in a meeting.
const WRITTEN: [&str; 3] = ["open_letter", "statement", "submission"];

/// Actions that nobody signs.
const UNSIGNED: [&str; 3] = ["meeting", "side_event", "media"];

/// What came of actions of one type in one period.
struct Outcome<'r> {
    action: &'r str,
    code: &'r str,
    /// `Q1`; empty where it need not or cannot be said.
    when: String,
    basis: wire::StoryRow,
}

impl Outcome<'_> {
    fn is_none_yet(&self) -> bool {
        self.code == "none_yet"
    }
}

/// "1 open letter, 188 organisations: first draft stopped (Q1), changes promised (Q4)."
///
/// Organisations are told with the actions they can only have signed, else in a sentence of their
/// own. Where there was one letter, statement or submission of the first type told, what came of
/// the meetings is told after it. Returns also whether quarters were told of.
pub(super) fn sentences(
    facts: &Facts<'_>,
) -> Result<(Vec<wire::StorySentence>, bool), ReportError> {
    let answer = facts.ask(Measure::Activities, KIND, &["action_type"])?;
    let mut types: Vec<&wire::Row> = answer.happened().collect();
    let rank = |row: &&wire::Row| match code(row, "action_type") {
        "open_letter" => 0,
        "statement" => 1,
        _ => 2,
    };
    types.sort_by_key(rank);
    let (by_outcome, quarterly) = outcome_rows(facts)?;
    let outcomes = outcomes(facts, &by_outcome, quarterly);
    let all_signed = facts.ask(Measure::Signatories, KIND, &[])?;
    let signed = all_signed.total().filter(|row| is_something(row));
    let signable = |row: &&&wire::Row| !UNSIGNED.contains(&code(row, "action_type"));
    let one_signable = types.iter().filter(signable).count() == 1;
    let folds = types
        .first()
        .is_some_and(|row| row.value == Some(1) && WRITTEN.contains(&code(row, "action_type")));
    let mut sentences = Vec::new();
    for (nth, row) in types.iter().enumerate() {
        let action = code(row, "action_type");
        let own = |outcome: &&Outcome<'_>| outcome.action == action;
        let meetings_told = folds && nth > 0 && action == "meeting";
        if meetings_told && outcomes.iter().any(|o| own(&o) && !o.is_none_yet()) {
            continue;
        }
        let mut text = counted(row, &action_label(facts, action));
        let mut rows = vec![answer.basis(row)];
        if let Some(signed) = signed
            && one_signable
            && signable(&row)
        {
            text.push_str(&format!(", {}", counted(signed, "organisation")));
            rows.push(all_signed.basis(signed));
        }
        let told: Vec<&Outcome<'_>> = outcomes
            .iter()
            .filter(|outcome| own(outcome) || (folds && nth == 0 && outcome.action == "meeting"))
            .collect();
        let said = say_outcomes(facts, &told);
        if !said.is_empty() {
            text.push_str(&format!(": {said}"));
            rows.extend(told.iter().map(|outcome| outcome.basis.clone()));
        }
        text.push('.');
        sentences.push(sentence(text, rows));
    }
    if let Some(signed) = signed
        && !one_signable
    {
        let text = format!("{} signed.", counted(signed, "organisation"));
        sentences.push(sentence(text, basis(&all_signed, [signed])));
    }
    Ok((sentences, quarterly))
}

/// Returns actions by type and outcome: by quarter where the quarters say the same as the whole
/// and there are several, else as a whole.
fn outcome_rows(facts: &Facts<'_>) -> Result<(Answer, bool), ReportError> {
    let whole = facts.ask(Measure::Activities, KIND, &["action_type", "outcome"])?;
    if !facts.spans_several(Grain::Quarter) {
        return Ok((whole, false));
    }
    let by = ["period", "action_type", "outcome"];
    let quarters = facts.ask_at(Measure::Activities, KIND, &by, Grain::Quarter, &[])?;
    let add_up = |row: &wire::Row| {
        let same = |part: &&wire::Row| {
            ["action_type", "outcome"].map(|name| code(part, name))
                == ["action_type", "outcome"].map(|name| code(row, name))
        };
        quarters
            .happened()
            .filter(same)
            .map(|part| part.lower)
            .sum::<i64>()
            == row.lower
    };
    let same = !quarters.rows.is_empty() && whole.rows.iter().all(add_up);
    Ok(match same {
        true => (quarters, true),
        false => (whole, false),
    })
}

fn outcomes<'r>(facts: &Facts<'_>, answer: &'r Answer, quarterly: bool) -> Vec<Outcome<'r>> {
    let one_year = !facts.spans_several(Grain::Year);
    let when = |row: &wire::Row| match (quarterly, one_year) {
        (false, _) => String::new(),
        (true, true) => code(row, "period").chars().skip(4).collect(),
        (true, false) => code(row, "period").to_owned(),
    };
    answer
        .happened()
        .map(|row| Outcome {
            action: code(row, "action_type"),
            code: code(row, "outcome"),
            when: when(row),
            basis: answer.basis(row),
        })
        .collect()
}

fn say_outcomes(facts: &Facts<'_>, outcomes: &[&Outcome<'_>]) -> String {
    let any = outcomes.iter().any(|outcome| !outcome.is_none_yet());
    let mut said: Vec<String> = Vec::new();
    for outcome in outcomes
        .iter()
        .filter(|outcome| any != outcome.is_none_yet())
    {
        let policy = &facts.consortium.policy;
        let label = policy.label(CodeList::Outcome, outcome.code);
        let clause = if outcome.when.is_empty() || !any {
            label.to_owned()
        } else {
            format!("{label} ({})", outcome.when)
        };
        if !said.contains(&clause) {
            said.push(clause);
        }
    }
    said.join(", ")
}

/// Returns what one action of a type is called.
fn action_label(facts: &Facts<'_>, action: &str) -> String {
    let label = facts.consortium.policy.label(CodeList::ActionType, action);
    let label = uncapitalised(label);
    match action {
        "media" | "other" => format!("{label} action"),
        _ => label,
    }
}
