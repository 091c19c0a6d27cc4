//! Trainings: what part of the own staff they reached, how many there were, who came.

use super::super::error::ReportError;
use super::super::render::text::in_words;
use super::facts::{Answer, Facts, code, is_something};
use super::{basis, sentence};
use crate::charter::policy::CodeList;
use crate::model::{Grain, Kind, Measure};
use crate::wire;

const KIND: Kind = Kind::Training;

pub(super) fn sentences(facts: &Facts<'_>) -> Result<Vec<wire::StorySentence>, ReportError> {
    let mut sentences = staff_reached(facts)?;
    let total = facts.ask(Measure::Activities, KIND, &[])?;
    sentences.extend(trainings(facts, &total)?);
    sentences.extend(people_trained(facts, &total)?);
    Ok(sentences)
}

/// "Accounting: INPUD all staff, ANPUD most."
fn staff_reached(facts: &Facts<'_>) -> Result<Vec<wire::StorySentence>, ReportError> {
    let answer = facts.ask(Measure::StaffReach, KIND, &["topic", "member", "reach"])?;
    let rows: Vec<&wire::Row> = answer.happened().collect();
    let of_topic = rows.chunk_by(|one, next| code(one, "topic") == code(next, "topic"));
    let say = |rows: &[&wire::Row]| {
        let said: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(nth, row)| {
                let name = facts.name(code(row, "member"));
                match (nth, code(row, "reach")) {
                    (0, "none") => format!("{name} no staff"),
                    (0, reach) => format!("{name} {reach} staff"),
                    (_, reach) => format!("{name} {reach}"),
                }
            })
            .collect();
        let topic = code(rows[0], "topic");
        let label = facts.consortium.policy.label(CodeList::Topic, topic);
        let text = format!("{label}: {}.", said.join(", "));
        sentence(text, basis(&answer, rows.iter().copied()))
    };
    Ok(of_topic.map(say).collect())
}

/// "Trainings 6 (2+2+2)."
fn trainings(
    facts: &Facts<'_>,
    total: &Answer,
) -> Result<Option<wire::StorySentence>, ReportError> {
    let Some(row) = total.total().filter(|row| is_something(row)) else {
        return Ok(None);
    };
    let by_topic = facts.ask(Measure::Activities, KIND, &["topic"])?;
    let parts: Vec<&wire::Row> = by_topic.happened().collect();
    let mut text = format!("Trainings {}", in_words(row));
    let mut rows = vec![total.basis(row)];
    if parts.len() > 1 {
        let words: Vec<String> = parts.iter().map(|part| in_words(part)).collect();
        let aside = why_not_the_total(row, &parts);
        text.push_str(&format!(" ({}{aside})", words.join("+")));
        rows.extend(basis(&by_topic, parts));
    }
    text.push('.');
    Ok(Some(sentence(text, rows)))
}

/// Says why parts by topic do not add up to the total, where both are known.
fn why_not_the_total(total: &wire::Row, parts: &[&wire::Row]) -> &'static str {
    let values: Option<Vec<i64>> = parts.iter().map(|part| part.value).collect();
    let (Some(total), Some(values)) = (total.value, values) else {
        return "";
    };
    match values.iter().sum::<i64>().cmp(&total) {
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "; some in several subjects",
        std::cmp::Ordering::Less => "; some in no subject named",
    }
}

/// "Community members trained: fewer than 10 in each network."
///
/// Different persons cannot be added over periods, so several periods have a sentence each.
fn people_trained(
    facts: &Facts<'_>,
    trainings: &Answer,
) -> Result<Vec<wire::StorySentence>, ReportError> {
    let some_training = trainings.total().is_some_and(is_something);
    let mut answer = facts.ask(Measure::People, KIND, &["member"])?;
    if answer.rows.iter().all(|row| row.members.is_empty()) && facts.spans_several(Grain::Month) {
        answer = facts.ask(Measure::People, KIND, &["period", "member"])?;
    }
    let known: Vec<&wire::Row> = answer
        .rows
        .iter()
        .filter(|row| !row.members.is_empty())
        .collect();
    let of_period = known.chunk_by(|one, next| code(one, "period") == code(next, "period"));
    Ok(of_period
        .filter(|rows| {
            let some_people = rows.iter().any(|row| row.lower > 0);
            some_people || (some_training && rows.iter().any(|row| is_something(row)))
        })
        .map(|rows| {
            let when = match code(rows[0], "period") {
                "" => String::new(),
                period => format!(" in {period}"),
            };
            let said = say_people(facts, rows);
            let text = format!("Community members trained{when}: {said}.");
            sentence(text, basis(&answer, rows.iter().copied()))
        })
        .collect())
}

fn say_people(facts: &Facts<'_>, rows: &[&wire::Row]) -> String {
    let words: Vec<String> = rows.iter().map(|row| with_uncounted(row)).collect();
    // Of a network that publishes no such table nothing is said.
    let all = rows.len() == facts.listed.len();
    let same = words.windows(2).all(|pair| pair[0] == pair[1]);
    match &words[..] {
        [one] if all => one.clone(),
        [first, ..] if all && same => format!("{first} in each network"),
        _ => rows
            .iter()
            .zip(&words)
            .map(|(row, words)| format!("{words} in {}", facts.name(code(row, "member"))))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Returns a figure with the trainings it leaves out: `34 (2 trainings have no list of who came)`.
fn with_uncounted(row: &wire::Row) -> String {
    let words = in_words(row);
    match row.uncounted {
        0 => words,
        1 => format!("{words} (1 training has no list of who came)"),
        many => format!("{words} ({many} trainings have no list of who came)"),
    }
}
