//! The year 2018 in a donor's words, and other years.

use counterfoil::model::Period;
use counterfoil::report::{Status, story};

use super::book::{Book, Set, between, exact};

const TOPIC: &str = "training.activities.by_topic_grant";
const REACH: &str = "training.staff_reach.by_topic_reach";
const LETTER: &str = "advocacy_action.activities.by_action_type_outcome";
const CAPACITY: &str = "capacity_milestone.networks_with.by_domain_item_state";
const STOPPED: &[&str] = &["open_letter", "first_draft_stopped"];
const PROMISED: &[&str] = &["meeting", "changes_promised"];

fn tell(book: &Book, year: i16) -> String {
    let told = story(
        &book.columns,
        &book.consortium,
        &book.asker,
        Period::year(year),
        &[],
    );
    told.expect("a story").join(" ")
}

/// INPUD's year: half of the trainings, the consultation and the letter.
fn inpud(book: &mut Book) {
    let sent = "consultation.suggestions_sent.by_document";
    let promised = "consultation.suggestions_promised.by_document";
    let standards: &[&str] = &["treatment_standards"];
    let signed: Set<'_> = ("advocacy_action.signatories", &[], exact(188));
    for (series, sets) in [
        (
            "training/2018",
            &[
                ("training.activities", &[][..], exact(3)),
                (TOPIC, &["accounting", "rcf"], exact(1)),
                (TOPIC, &["auditing", "rcf"], exact(1)),
                (TOPIC, &["financial_management", "none"], exact(1)),
                (REACH, &["accounting", "all"], exact(1)),
            ][..],
        ),
        (
            "consultation/2018",
            &[
                (sent, standards, exact(34)),
                (promised, standards, exact(21)),
            ],
        ),
        (
            "advocacy_action/2018",
            &[
                (LETTER, STOPPED, exact(1)),
                (LETTER, PROMISED, exact(1)),
                signed,
            ],
        ),
        (
            "advocacy_action/2018Q1",
            &[(LETTER, STOPPED, exact(1)), signed],
        ),
        ("advocacy_action/2018Q2", &[]),
        ("advocacy_action/2018Q3", &[]),
        ("advocacy_action/2018Q4", &[(LETTER, PROMISED, exact(1))]),
        (
            "capacity_milestone/2018",
            &[(CAPACITY, &["hr", "hr_manual", "done"], exact(1))],
        ),
    ] {
        book.publish("inpud", series, "2019-01-15", sets);
    }
}

/// ANPUD's year: the other half of the trainings; the letter was INPUD's to count.
fn anpud(book: &mut Book) {
    book.publish(
        "anpud",
        "training/2018",
        "2019-02-14",
        &[
            ("training.activities", &[], exact(3)),
            (TOPIC, &["accounting", "rcf"], exact(1)),
            (TOPIC, &["auditing", "none"], exact(1)),
            (TOPIC, &["financial_management", "rcf"], exact(1)),
            (REACH, &["accounting", "most"], exact(1)),
        ],
    );
    book.status("anpud", "consultation/2018", Status::Nil, "2019-02-14");
    book.publish("anpud", "advocacy_action/2018", "2019-02-20", &[]);
    for quarter in ["2018Q1", "2018Q2", "2018Q3", "2018Q4"] {
        let series = format!("advocacy_action/{quarter}");
        book.publish("anpud", &series, "2019-02-14", &[]);
    }
    book.publish("anpud", "capacity_milestone/2018", "2019-02-14", &[]);
}

#[test]
fn the_year_2018_is_told_word_for_word() {
    let mut book = Book::new();
    inpud(&mut book);
    anpud(&mut book);
    assert_eq!(
        tell(&book, 2018),
        "Accounting: INPUD all staff, ANPUD most. Trainings 6 (2+2+2). \
         Community members trained: fewer than 10 in each network. \
         Standards: 34 suggestions sent, 21 promised, final text not yet known. \
         1 open letter, 188 organisations: first draft stopped (Q1), changes promised (Q4). \
         HR manual updated: 1 of 2 networks. Both networks reported."
    );
}

#[test]
fn one_network_is_told_alone() {
    let mut book = Book::new();
    inpud(&mut book);
    anpud(&mut book);
    let members = ["anpud".parse().expect("an id")];
    let told = story(
        &book.columns,
        &book.consortium,
        &book.asker,
        Period::year(2018),
        &members,
    );
    assert_eq!(
        told.expect("a story").join(" "),
        "Accounting: ANPUD most staff. Trainings 3 (1+1+1). \
         Community members trained: fewer than 10. ANPUD reported."
    );
}

#[test]
fn what_lacks_is_named() {
    let mut book = Book::new();
    inpud(&mut book);
    book.publish(
        "anpud",
        "training/2018",
        "2019-02-14",
        &[
            ("training.activities", &[], exact(1)),
            (TOPIC, &["auditing", "none"], exact(1)),
            ("training.people", &[], between(34, 52)),
        ],
    );
    book.status("anpud", "consultation/2018", Status::Excused, "2019-02-14");
    assert_eq!(
        tell(&book, 2018),
        "Accounting: INPUD all staff. Trainings 4 (1+2+1). \
         Community members trained: fewer than 10 in INPUD, between 34 and 52 in ANPUD. \
         Standards: 34 suggestions sent, 21 promised, final text not yet known. \
         1 open letter, 188 organisations: first draft stopped (Q1), changes promised (Q4). \
         HR manual updated: at least 1 of 2 networks. \
         INPUD reported; ANPUD lacks consultation/2018 (excused), advocacy_action/2018 (missing), \
         advocacy_action/2018Q1 (missing), advocacy_action/2018Q2 (missing), \
         advocacy_action/2018Q3 (missing) and 2 more."
    );
}

#[test]
fn a_year_in_which_little_happened_is_short() {
    let mut book = Book::new();
    book.asker.today = "2020-03-01".parse().expect("a date");
    let in_final = "consultation.suggestions_in_final_text.by_document";
    let letters = [
        (LETTER, &["open_letter", "none_yet"][..], exact(2)),
        (LETTER, &["campaign", "none_yet"], exact(1)),
    ];
    for who in ["inpud", "anpud"] {
        book.publish(who, "training/2019", "2020-01-15", &[]);
        let sets: &[Set<'_>] = match who {
            "inpud" => &[(in_final, &["treatment_standards"], exact(1))],
            _ => &[],
        };
        book.publish(who, "consultation/2019", "2020-01-15", sets);
        let sets = if who == "inpud" { &letters[..] } else { &[] };
        book.publish(who, "advocacy_action/2019", "2020-01-15", sets);
        for quarter in 1..=4 {
            let sets = if quarter == 2 { sets } else { &[] };
            let series = format!("advocacy_action/2019Q{quarter}");
            book.publish(who, &series, "2020-01-15", sets);
        }
        book.publish(who, "capacity_milestone/2019", "2020-01-15", &[]);
    }
    assert_eq!(
        tell(&book, 2019),
        "Standards: 1 in the final text. 2 open letters: no outcome yet. \
         1 campaign: no outcome yet. Both networks reported."
    );
    assert_eq!(tell(&book, 2021), "Nobody was expected to report yet.");
}
