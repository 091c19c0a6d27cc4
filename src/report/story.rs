//! The year in a donor's words.
//!
//! Each sentence is worked out from rows any coordinator can ask for, and says no more than they
//! do. What is an exact 0 is left out; what is not exact is said as its bounds. Labels are those
//! of the charter; a long document title is called by the last word before its first `for`, `of`
//! or `on`, so that the International Standards for … are "Standards".

use std::collections::BTreeMap;

use super::columns::Columns;
use super::consortium::{Asker, Consortium, Member};
use super::coverage::{State, coverage};
use super::error::ReportError;
use super::notes::{number_word, uncapitalised};
use super::query::query;
use super::render::text::in_words;
use crate::charter::policy::CodeList;
use crate::model::{Grain, Kind, Measure, MemberId, Period};
use crate::wire;

/// Most lacking series named per network.
const LACKING_NAMED: usize = 5;

/// Longest document title said in full, in letters.
const LONGEST_TITLE: usize = 30;

/// Returns the year's story, sentence by sentence; for all members where none are named.
///
/// # Errors
/// As [`query`], except that lacking summaries are told in the last sentence.
pub fn story(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    year: Period,
    members: &[MemberId],
) -> Result<Vec<String>, ReportError> {
    let members: Vec<String> = members.iter().map(ToString::to_string).collect();
    let teller = Teller {
        columns,
        consortium,
        asker,
        year,
        listed: super::ask::read_members(consortium, &members)?,
        members,
    };
    let mut sentences = teller.staff_reached()?;
    sentences.extend(teller.trainings()?);
    sentences.extend(teller.people_trained()?);
    sentences.extend(teller.suggestions()?);
    sentences.extend(teller.advocacy()?);
    sentences.extend(teller.capacity()?);
    sentences.push(teller.who_reported()?);
    Ok(sentences)
}

struct Teller<'a> {
    columns: &'a Columns,
    consortium: &'a Consortium,
    asker: &'a Asker,
    year: Period,
    members: Vec<String>,
    listed: Vec<&'a Member>,
}

impl Teller<'_> {
    /// "Accounting: INPUD all staff, ANPUD most."
    fn staff_reached(&self) -> Result<Vec<String>, ReportError> {
        let by = ["topic", "member", "reach"];
        let rows = self.rows(Measure::StaffReach, Kind::Training, &by, Grain::Year)?;
        let mut topics: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
        for row in rows.iter().filter(|row| row.lower > 0) {
            let stated = (self.name(code(row, "member")), code(row, "reach"));
            let topic = code(row, "topic");
            match topics.last_mut() {
                Some((last, networks)) if *last == topic => networks.push(stated),
                _ => topics.push((topic, vec![stated])),
            }
        }
        let sentence = |(topic, networks): (&str, Vec<(&str, &str)>)| {
            let said: Vec<String> = networks
                .iter()
                .enumerate()
                .map(|(nth, (name, reach))| match (nth, *reach) {
                    (0, "none") => format!("{name} no staff"),
                    (0, reach) => format!("{name} {reach} staff"),
                    (_, reach) => format!("{name} {reach}"),
                })
                .collect();
            let label = self.consortium.policy.label(CodeList::Topic, topic);
            format!("{label}: {}.", said.join(", "))
        };
        Ok(topics.into_iter().map(sentence).collect())
    }

    /// "Trainings 6 (2+2+2)."
    fn trainings(&self) -> Result<Option<String>, ReportError> {
        let total = self.total(Measure::Activities, Kind::Training)?;
        let Some(total) = total.filter(is_something) else {
            return Ok(None);
        };
        let rows = self.rows(Measure::Activities, Kind::Training, &["topic"], Grain::Year)?;
        let parts: Vec<String> = rows
            .iter()
            .filter(|row| row.lower > 0)
            .map(in_words)
            .collect();
        let mut sentence = format!("Trainings {}", in_words(&total));
        if parts.len() > 1 {
            sentence.push_str(&format!(" ({})", parts.join("+")));
        }
        sentence.push('.');
        Ok(Some(sentence))
    }

    /// "Community members trained: fewer than 10 in each network."
    fn people_trained(&self) -> Result<Option<String>, ReportError> {
        let trainings = self.total(Measure::Activities, Kind::Training)?;
        let rows = self.rows(Measure::People, Kind::Training, &["member"], Grain::Year)?;
        let known: Vec<&wire::Row> = rows.iter().filter(|row| !row.members.is_empty()).collect();
        let some_training = trainings.as_ref().is_some_and(is_something);
        let some_people = known.iter().any(|row| row.lower > 0);
        let may_be_people = some_training && known.iter().any(|row| is_something(row));
        if !some_people && !may_be_people {
            return Ok(None);
        }
        let words: Vec<String> = known.iter().map(|row| in_words(row)).collect();
        let same = words.windows(2).all(|pair| pair[0] == pair[1]);
        let said = match &words[..] {
            [one] => one.clone(),
            [first, ..] if same => format!("{first} in each network"),
            _ => known
                .iter()
                .zip(&words)
                .map(|(row, words)| format!("{words} in {}", self.name(code(row, "member"))))
                .collect::<Vec<_>>()
                .join(", "),
        };
        Ok(Some(format!("Community members trained: {said}.")))
    }

    /// "Standards: 34 suggestions sent, 21 promised, final text not yet known."
    fn suggestions(&self) -> Result<Vec<String>, ReportError> {
        let mut documents: Vec<(String, Vec<(Measure, wire::Row)>)> = Vec::new();
        for measure in [
            Measure::SuggestionsSent,
            Measure::SuggestionsPromised,
            Measure::SuggestionsInFinalText,
            Measure::SuggestionsPartly,
            Measure::SuggestionsRefused,
        ] {
            let rows = self.rows(measure, Kind::Consultation, &["document"], Grain::Year)?;
            for row in rows.into_iter().filter(|row| row.lower > 0) {
                let document = code(&row, "document").to_owned();
                match documents.iter_mut().find(|(known, _)| *known == document) {
                    Some((_, counts)) => counts.push((measure, row)),
                    None => documents.push((document, vec![(measure, row)])),
                }
            }
        }
        let sentence = |(document, counts): (String, Vec<(Measure, wire::Row)>)| {
            let mut clauses: Vec<String> = counts
                .iter()
                .map(|(measure, row)| suggestion_clause(*measure, row))
                .collect();
            let early = [Measure::SuggestionsSent, Measure::SuggestionsPromised];
            if counts.iter().all(|(measure, _)| early.contains(measure)) {
                clauses.push("final text not yet known".to_owned());
            }
            let title = self.consortium.policy.label(CodeList::Document, &document);
            format!("{}: {}.", short_title(title), clauses.join(", "))
        };
        Ok(documents.into_iter().map(sentence).collect())
    }

    /// "1 open letter, 188 organisations: first draft stopped (Q1), changes promised (Q4)."
    ///
    /// Signatories are told with the open letters, else the statements, else the first type of
    /// action. Where there was one such action, the outcomes of the year's other actions are told
    /// after its own, as what came of it; actions of which that leaves nothing to tell, and all
    /// types where there were more, have sentences of their own.
    fn advocacy(&self) -> Result<Vec<String>, ReportError> {
        let kind = Kind::AdvocacyAction;
        let rows = self.rows(Measure::Activities, kind, &["action_type"], Grain::Year)?;
        let mut types: Vec<&wire::Row> = rows.iter().filter(|row| row.lower > 0).collect();
        let rank = |row: &&wire::Row| match code(row, "action_type") {
            "open_letter" => 0,
            "statement" => 1,
            _ => 2,
        };
        types.sort_by_key(rank);
        let outcomes = self.outcomes()?;
        let signatories = self.total(Measure::Signatories, kind)?.filter(is_something);
        let one_action = types.first().is_some_and(|row| row.value == Some(1));
        let mut sentences = Vec::new();
        for (nth, row) in types.iter().enumerate() {
            let action = code(row, "action_type");
            let told = |outcome: &&Outcome| outcome.action == action;
            if nth > 0 && one_action && outcomes.iter().any(|o| told(&o) && !o.is_none_yet()) {
                continue;
            }
            let mut sentence = counted(row, &self.action_label(action));
            if nth == 0
                && let Some(signatories) = &signatories
            {
                sentence.push_str(&format!(", {}", counted(signatories, "organisation")));
            }
            let told: Vec<&Outcome> = if nth == 0 && one_action {
                outcomes.iter().collect()
            } else {
                outcomes.iter().filter(told).collect()
            };
            let said = self.say_outcomes(&told);
            if !said.is_empty() {
                sentence.push_str(&format!(": {said}"));
            }
            sentence.push('.');
            sentences.push(sentence);
        }
        Ok(sentences)
    }

    /// Returns what came of the year's actions, by quarter where the plan has quarters.
    fn outcomes(&self) -> Result<Vec<Outcome>, ReportError> {
        let kind = Kind::AdvocacyAction;
        let by = ["period", "action_type", "outcome"];
        let mut rows = self.rows(Measure::Activities, kind, &by, Grain::Quarter)?;
        let quarterly = !rows.is_empty();
        if !quarterly {
            rows = self.rows(Measure::Activities, kind, &by, Grain::Year)?;
        }
        let happened = rows.iter().filter(|row| row.lower > 0);
        Ok(happened
            .map(|row| Outcome {
                action: code(row, "action_type").to_owned(),
                code: code(row, "outcome").to_owned(),
                quarter: if quarterly {
                    code(row, "period").chars().skip(4).collect()
                } else {
                    String::new()
                },
            })
            .collect())
    }

    fn say_outcomes(&self, outcomes: &[&Outcome]) -> String {
        let any = outcomes.iter().any(|outcome| !outcome.is_none_yet());
        let mut said: Vec<String> = Vec::new();
        for outcome in outcomes
            .iter()
            .filter(|outcome| any != outcome.is_none_yet())
        {
            let label = self
                .consortium
                .policy
                .label(CodeList::Outcome, &outcome.code);
            let clause = if outcome.quarter.is_empty() || !any {
                label.to_owned()
            } else {
                format!("{label} ({})", outcome.quarter)
            };
            if !said.contains(&clause) {
                said.push(clause);
            }
        }
        said.join(", ")
    }

    /// Returns what one action of a type is called.
    fn action_label(&self, action: &str) -> String {
        let label = uncapitalised(self.consortium.policy.label(CodeList::ActionType, action));
        match action {
            "media" | "other" => format!("{label} action"),
            _ => label,
        }
    }

    /// "HR manual updated: 1 of 2 networks."
    fn capacity(&self) -> Result<Vec<String>, ReportError> {
        let mut request = self.request(
            Measure::NetworksWith,
            Kind::CapacityMilestone,
            &["item"],
            Grain::Year,
        );
        request.r#where = vec![wire::Filter {
            dimension: "state".to_owned(),
            codes: vec!["done".to_owned(), "in_use".to_owned()],
        }];
        let networks = self.listed.len();
        let rows = self.ask(&request)?;
        let sentence = |row: &wire::Row| {
            let label = self
                .consortium
                .policy
                .label(CodeList::Item, code(row, "item"));
            let document = ["manual", "policy", "plan"]
                .iter()
                .any(|word| label.ends_with(word));
            let done = if document { "updated" } else { "done" };
            let exact = row.value.is_some() && row.members.len() == networks;
            let at_least = if exact { "" } else { "at least " };
            let of = if networks == 1 { "network" } else { "networks" };
            format!(
                "{label} {done}: {at_least}{} of {networks} {of}.",
                row.lower
            )
        };
        let told = |row: &&wire::Row| row.lower > 0 && code(row, "item") != "other";
        Ok(rows.iter().filter(told).map(sentence).collect())
    }

    /// "Both networks reported."
    fn who_reported(&self) -> Result<String, ReportError> {
        let series = [
            (Kind::Training, Grain::Year),
            (Kind::Consultation, Grain::Year),
            (Kind::AdvocacyAction, Grain::Year),
            (Kind::AdvocacyAction, Grain::Quarter),
            (Kind::CapacityMilestone, Grain::Year),
        ];
        let mut expected: BTreeMap<String, bool> = BTreeMap::new();
        let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (kind, grain) in series {
            if !self.consortium.policy.grains(kind).contains(&grain) {
                continue;
            }
            for row in self.covered(kind, grain)?.rows {
                let state: Option<State> = row.state.parse().ok();
                let awaited = state.is_some_and(|state| state != State::NotExpected);
                *expected.entry(row.member.clone()).or_default() |= awaited;
                if state.is_some_and(State::is_lacking) {
                    let what = format!("{}/{} ({})", row.kind, row.period, row.state);
                    lacking.entry(row.member).or_default().push(what);
                }
            }
        }
        let awaited = |member: &&&Member| expected.get(member.id.as_str()) == Some(&true);
        let awaited: Vec<&Member> = self.listed.iter().filter(awaited).copied().collect();
        Ok(say_who_reported(&awaited, &lacking))
    }

    fn covered(&self, kind: Kind, grain: Grain) -> Result<wire::CoverageResponse, ReportError> {
        let request = wire::CoverageRequest {
            from: self.year.to_string(),
            to: self.year.to_string(),
            kind: kind.to_string(),
            grain: grain.to_string(),
            members: self.members.clone(),
            at: String::new(),
        };
        coverage(self.columns, self.consortium, self.asker, &request)
    }

    fn request(
        &self,
        measure: Measure,
        kind: Kind,
        by: &[&str],
        grain: Grain,
    ) -> wire::QueryRequest {
        wire::QueryRequest {
            kind: kind.to_string(),
            measure: measure.to_string(),
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            from: self.year.to_string(),
            to: self.year.to_string(),
            grain: grain.to_string(),
            members: self.members.clone(),
            allow_partial: true,
            ..Default::default()
        }
    }

    fn rows(
        &self,
        measure: Measure,
        kind: Kind,
        by: &[&str],
        grain: Grain,
    ) -> Result<Vec<wire::Row>, ReportError> {
        self.ask(&self.request(measure, kind, by, grain))
    }

    /// Returns the rows of an answer; none where the plan has no such table.
    fn ask(&self, request: &wire::QueryRequest) -> Result<Vec<wire::Row>, ReportError> {
        match query(self.columns, self.consortium, self.asker, request) {
            Ok(answer) => Ok(answer.rows),
            // A charter with other tables or codes has another story, not an error.
            Err(ReportError::NoSuchTable { .. } | ReportError::Unknown { what: "code", .. }) => {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    fn total(&self, measure: Measure, kind: Kind) -> Result<Option<wire::Row>, ReportError> {
        let mut rows = self.rows(measure, kind, &[], Grain::Year)?;
        Ok(rows.pop().filter(|row| !row.members.is_empty()))
    }

    fn name<'b>(&'b self, id: &'b str) -> &'b str {
        let member = self.listed.iter().find(|member| member.id.as_str() == id);
        member.map_or(id, |member| &member.name)
    }
}

/// What came of actions of one type in one quarter.
struct Outcome {
    action: String,
    code: String,
    /// `Q1`; empty where only the year is known.
    quarter: String,
}

impl Outcome {
    fn is_none_yet(&self) -> bool {
        self.code == "none_yet"
    }
}

fn code<'a>(row: &'a wire::Row, name: &str) -> &'a str {
    row.group.get(name).map_or("", String::as_str)
}

/// Returns whether a row may be anything but 0.
fn is_something(row: &wire::Row) -> bool {
    row.upper != Some(0)
}

fn suggestion_clause(measure: Measure, row: &wire::Row) -> String {
    let words = in_words(row);
    match measure {
        Measure::SuggestionsPromised => format!("{words} promised"),
        Measure::SuggestionsInFinalText => format!("{words} in the final text"),
        Measure::SuggestionsPartly => format!("{words} taken in part"),
        Measure::SuggestionsRefused => format!("{words} refused"),
        _ => format!("{} sent", counted(row, "suggestion")),
    }
}

/// Returns a count with its noun: `1 open letter`, `2 open letters`.
fn counted(row: &wire::Row, noun: &str) -> String {
    let words = in_words(row);
    if row.value == Some(1) {
        return format!("{words} {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{words} {stem}ies"),
        _ if noun.ends_with('s') => format!("{words} {noun}"),
        _ => format!("{words} {noun}s"),
    }
}

fn short_title(title: &str) -> &str {
    if title.chars().count() <= LONGEST_TITLE {
        return title;
    }
    let end = [" for ", " of ", " on "]
        .iter()
        .filter_map(|word| title.find(word))
        .min();
    let head = end.map_or(title, |end| &title[..end]);
    head.rsplit(' ').next().unwrap_or(title)
}

fn say_who_reported(awaited: &[&Member], lacking: &BTreeMap<String, Vec<String>>) -> String {
    let lacks = |member: &&&Member| lacking.contains_key(member.id.as_str());
    let in_full: Vec<&str> = awaited
        .iter()
        .filter(|member| !lacks(member))
        .map(|member| member.name.as_str())
        .collect();
    if in_full.len() == awaited.len() {
        return match &in_full[..] {
            [] => "Nobody was expected to report yet.".to_owned(),
            [one] => format!("{one} reported."),
            [_, _] => "Both networks reported.".to_owned(),
            many => format!("All {} networks reported.", number_word(many.len())),
        };
    }
    let mut clauses = Vec::new();
    if let Some((last, others)) = in_full.split_last() {
        let others = others.join(", ");
        let and = if others.is_empty() { "" } else { " and " };
        clauses.push(format!("{others}{and}{last} reported"));
    }
    for member in awaited.iter().filter(lacks) {
        let series = lacking
            .get(member.id.as_str())
            .map_or(&[][..], Vec::as_slice);
        let mut named = series[..series.len().min(LACKING_NAMED)].join(", ");
        if series.len() > LACKING_NAMED {
            named.push_str(&format!(" and {} more", series.len() - LACKING_NAMED));
        }
        clauses.push(format!("{} lacks {named}", member.name));
    }
    format!("{}.", clauses.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_called_by_one_word() {
        let standards = "International Standards for the Treatment of Drug Use Disorders";
        assert_eq!(short_title(standards), "Standards");
        assert_eq!(
            short_title("Guidelines on Naloxone"),
            "Guidelines on Naloxone"
        );
        assert_eq!(short_title("A title of more than thirty letters"), "title");
    }
}
