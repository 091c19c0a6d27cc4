//! What a network says of a kind and period in its own words, and what to look at in it.
//!
//! Statements lie in the private database until the next release of their series takes them
//! along. They are read by people only, so nothing can be held back from them by rule; what may
//! name or reach a person is pointed out, and belongs to the draft's digest: whoever publishes
//! has been shown it.

mod names;
mod reach;
mod unseen;

use super::ReleaseError;
use super::draft::Terms;
use crate::model::Series;
use crate::model::table::MOST_STATEMENTS;
use crate::store::{Changes, PrivateStore};
use names::Known;

/// The part of the private database that holds the statements by series.
const SPACE: u8 = 0x13;

/// The statements that wait in the private database.
#[derive(Clone, Copy, Debug)]
pub struct Statements<'a>(pub &'a PrivateStore);

impl Statements<'_> {
    /// Returns what is said of a series.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(self, series: Series) -> Result<Vec<String>, ReleaseError> {
        match self.0.get(SPACE, series.to_string().as_bytes())? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(Vec::new()),
        }
    }

    /// Replaces what is said of a series. Durable when it returns.
    ///
    /// # Errors
    /// When a text is no statement, or the period would have too many; nothing is changed then.
    pub fn replace(self, series: Series, texts: &[String]) -> Result<(), ReleaseError> {
        for text in texts {
            if let Some(reason) = unseen::fault(text) {
                let given = text.chars().take(40).collect();
                return Err(ReleaseError::BadStatement { given, reason });
            }
        }
        let asked = self.of_other_kinds(series)? + texts.len();
        if asked > MOST_STATEMENTS {
            let period = series.period;
            return Err(ReleaseError::TooManyStatements { period, asked });
        }
        let mut changes = Changes::new();
        let key = series.to_string();
        if texts.is_empty() {
            changes.delete(SPACE, key.as_bytes());
        } else {
            let bytes = serde_json::to_vec(texts).map_err(ReleaseError::Ledger)?;
            changes.put(SPACE, key.as_bytes(), bytes);
        }
        Ok(self.0.apply(changes)?)
    }

    fn of_other_kinds(self, series: Series) -> Result<usize, ReleaseError> {
        let mut count = 0;
        for kind in crate::model::Kind::ALL {
            if *kind != series.kind {
                count += self
                    .of(Series {
                        kind: *kind,
                        ..series
                    })?
                    .len();
            }
        }
        Ok(count)
    }
}

/// Returns, per statement, what in it may name or reach a person.
pub fn warnings(statements: &[String], terms: &Terms<'_>) -> Vec<Vec<String>> {
    if statements.is_empty() {
        return Vec::new();
    }
    let known = Known::of(terms);
    let all = statements.iter();
    all.map(|text| look_at(text, &known)).collect()
}

fn look_at(text: &str, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |what: &str, pieces: Vec<&str>| {
        let told = pieces
            .iter()
            .map(|piece| format!("{piece:?} may be {what}"));
        found.extend(told);
    };
    let emails = reach::emails(text);
    let links = reach::links(text, &emails);
    add("an e-mail address", emails);
    add("an address on the web", links);
    add("a telephone number", reach::phones(text));
    let names = names::names(text, known);
    add(
        "a person's name",
        names.iter().map(String::as_str).collect(),
    );
    let caseless =
        |letter: char| letter.is_alphabetic() && !letter.is_lowercase() && !letter.is_uppercase();
    if text.chars().any(caseless) {
        found.push(
            "it is in a script without capital letters, in which names are not found: see that \
             nobody is named"
                .to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::{Policy, Size};
    use proptest::prelude::*;

    fn look(text: &str) -> Vec<String> {
        let policy = Policy::default_plan();
        let member = "inpud".parse().expect("a member id");
        let terms = Terms {
            member: &member,
            members: &[],
            size: Size::Small,
            countries: &[],
            charter_version: 1,
            policy: &policy,
        };
        warnings(&[text.to_owned()], &terms).concat()
    }

    #[track_caller]
    fn check(text: &str, what: &[&str]) {
        let found = look(text);
        let said: Vec<&str> = found
            .iter()
            .map(|warning| warning.rsplit("may be ").next().unwrap_or_default())
            .collect();
        assert_eq!(said, what, "{text}: {found:?}");
    }

    #[test]
    fn plain_sentences_have_no_warning() {
        for text in [
            "We trained staff in accounting and auditing in Thailand and Viet Nam.",
            "Two trainings were moved from March to the second quarter of 2018.",
            "From 2018-01-15 to 2018-03-31 we met in 2 places; in 2017/2018 in none.",
            "The Global Fund grant ended. All suggestions on the International Standards were sent.",
            "It cost 120.50 EUR, and 188 organisations signed.",
            "It cost 1,250,000.50 EUR; 2 500 000 people were reached, 1.500.000 euros spent.",
            "Between March and April we met in Jordan and in the United States.",
            "By late May, Papua New Guinea and Bolivia had joined; on 5th June 2018 it ended.",
            "Human rights and Data skills were taught on 15/01/2018, e.g. online.",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn what_may_reach_or_name_a_person_is_pointed_out() {
        let (email, phone, name) = ("an e-mail address", "a telephone number", "a person's name");
        check("For more write to ana@example.org.", &[email]);
        check("For more write to ana(at)example.org.", &[email]);
        check("Before noon, +66 81 234 5678 answers.", &[phone]);
        check("Our line is (020) 7946-0018.", &[phone]);
        check(
            "We call \u{0e50}\u{0e58}\u{0e51}\u{0e52}\u{0e53}\u{0e54}\u{0e55}\u{0e56}\u{0e57} now.",
            &[phone],
        );
        check("We thank Ana Souza for it.", &[name]);
        check("The book was kept by JOHN.", &[name]);
        check("Ana led it.", &[name]);
        check("It was led by Ana, Bela and others.", &[name, name]);
        check("It was O'Brien's idea.", &[name]);
        check("Мы благодарим Анну.", &[name, name]);
        check("It was led by Lucia Martin.", &[name]);
        check("Helena Marshall and Vincent Cook led it.", &[name, name]);
        check("We thank Jan Pierre.", &[name]);
        check("Jordan May led it.", &[name]);
        check("McDonald led it.", &[name]);
        check("May thanked us.", &[name]);
        assert_eq!(look("สมชายจัดการฝึกอบรม").len(), 1);
        assert_eq!(look("我们感谢张伟").len(), 1);
    }

    #[test]
    fn numbers_and_addresses_are_found_however_written() {
        let (email, phone, web) = (
            "an e-mail address",
            "a telephone number",
            "an address on the web",
        );
        for text in [
            "Call +66 2 1980 2044 now.",
            "Call 081,234,5678 now.",
            "Call 081_234_5678 now.",
            "Call 081·234·5678 now.",
            "Call 081‒234‒5678 now.",
            "Call 081 - 234 : 5678 now.",
            "Call 812 345 678 now.",
            "Call 02 1980 2018 now.",
        ] {
            check(text, &[phone]);
        }
        for text in [
            "Write to ana{at}example.org now.",
            "Write to ana at example dot org now.",
            "Write to ana at example.org now.",
            "Write to @handle now.",
        ] {
            assert!(
                look(text).iter().any(|said| said.ends_with(email)),
                "{text}"
            );
        }
        for text in [
            "See t.me/anasouza now.",
            "See facebook.com/ana.souza now.",
            "See https://x/ana now.",
            "See example.org.",
            "See example[.]org now.",
        ] {
            check(text, &[web]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "\\PC{0,80}") {
            look(&text);
        }

        #[test]
        fn no_address_or_number_passes(before in "[a-z ]{0,20}", number in "\\+?[1-9][0-9]{8,11}") {
            let (numbered, addressed) =
                (format!("{before} {number}."), format!("{before} x@{before}.org"));
            prop_assert!(!look(&numbered).is_empty());
            prop_assert!(!look(&addressed).is_empty());
        }
    }
}
