//! Suggestions sent in consultations, and what became of them.
//!
//! A long document title is called by the last word before its first `for`, `of` or `on`, so that
//! the International Standards for … are "Standards".

use super::super::error::ReportError;
use super::super::render::text::in_words;
use super::facts::{Answer, Facts, code};
use super::{counted, sentence};
use crate::charter::policy::CodeList;
use crate::model::{Kind, Measure};
use crate::wire;

/// Longest document title said in full, in letters.
const LONGEST_TITLE: usize = 30;

/// What is said of suggestions, in this order.
const MEASURES: [Measure; 5] = [
    Measure::SuggestionsSent,
    Measure::SuggestionsPromised,
    Measure::SuggestionsInFinalText,
    Measure::SuggestionsPartly,
    Measure::SuggestionsRefused,
];

/// "Standards: 34 suggestions sent, 21 promised, final text not yet known."
pub(super) fn sentences(facts: &Facts<'_>) -> Result<Vec<wire::StorySentence>, ReportError> {
    let mut answers: Vec<(Measure, Answer)> = Vec::new();
    for measure in MEASURES {
        let answer = facts.ask(measure, Kind::Consultation, &["document"])?;
        answers.push((measure, answer));
    }
    let mut documents: Vec<&str> = Vec::new();
    for row in answers.iter().flat_map(|(_, answer)| answer.happened()) {
        if !documents.contains(&code(row, "document")) {
            documents.push(code(row, "document"));
        }
    }
    Ok(documents
        .into_iter()
        .map(|document| of_document(facts, &answers, document))
        .collect())
}

fn of_document(
    facts: &Facts<'_>,
    answers: &[(Measure, Answer)],
    document: &str,
) -> wire::StorySentence {
    let mut clauses = Vec::new();
    let mut rows = Vec::new();
    let mut answered = false;
    for (measure, answer) in answers {
        let mut of_it = answer.happened();
        if let Some(row) = of_it.find(|row| code(row, "document") == document) {
            clauses.push(clause(*measure, row, clauses.is_empty()));
            rows.push(answer.basis(row));
            let early = [Measure::SuggestionsSent, Measure::SuggestionsPromised];
            answered |= !early.contains(measure);
        }
    }
    if !answered {
        clauses.push("final text not yet known".to_owned());
    }
    let title = facts.consortium.policy.label(CodeList::Document, document);
    let text = format!("{}: {}.", short_title(title), clauses.join(", "));
    sentence(text, rows)
}

/// The first clause names what is counted.
fn clause(measure: Measure, row: &wire::Row, first: bool) -> String {
    let words = match first {
        true => counted(row, "suggestion"),
        false => in_words(row),
    };
    match measure {
        Measure::SuggestionsPromised => format!("{words} promised"),
        Measure::SuggestionsInFinalText => format!("{words} in the final text"),
        Measure::SuggestionsPartly => format!("{words} taken in part"),
        Measure::SuggestionsRefused => format!("{words} refused"),
        _ => format!("{words} sent"),
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
