//! The year 2018 in a donor's words, and other years.

use counterfoil::charter::policy::Audience;
use counterfoil::report::{Status, story};
use counterfoil::wire;

use super::book::{Book, Set, between, exact};

const TOPIC: &str = "training.activities.by_topic_grant";
const REACH: &str = "training.staff_reach.by_topic_reach";
const LETTER: &str = "advocacy_action.activities.by_action_type_outcome";
const CAPACITY: &str = "capacity_milestone.networks_with.by_domain_item_state";
const STOPPED: &[&str] = &["open_letter", "first_draft_stopped"];
const PROMISED: &[&str] = &["meeting", "changes_promised"];

fn told(book: &Book, from: &str, to: &str, members: &[&str]) -> wire::StoryResponse {
    let request = wire::StoryRequest {
        from: from.to_owned(),
        to: to.to_owned(),
        members: members.iter().map(|id| (*id).to_owned()).collect(),
        at: String::new(),
    };
    story(&book.columns, &book.consortium, &book.asker, &request).expect("a story")
}

fn words(story: &wire::StoryResponse) -> String {
    let sentences = story.sentences.iter();
    let texts: Vec<&str> = sentences.map(|told| told.text.as_str()).collect();
    texts.join(" ")
}

fn tell(book: &Book, year: i16) -> String {
    words(&told(book, &year.to_string(), &year.to_string(), &[]))
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
    assert_eq!(
        words(&told(&book, "2018", "2018", &["anpud"])),
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
         INPUD reported; ANPUD has been excused from consultations for 2018, not yet sent \
         advocacy actions for 2018, 2018Q1, 2018Q2 and 2018Q3, and 2 more."
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
        "Standards: 1 suggestion in the final text. 2 open letters: no outcome yet. \
         1 campaign: no outcome yet. Both networks reported."
    );
    assert_eq!(tell(&book, 2021), "Nobody was expected to report yet.");
}

#[test]
fn every_sentence_comes_with_the_rows_it_rests_on() {
    let mut book = Book::new();
    inpud(&mut book);
    anpud(&mut book);
    let story = told(&book, "2018", "2018", &[]);
    let trainings = &story.sentences[1];
    assert_eq!(trainings.text, "Trainings 6 (2+2+2).");
    let values: Vec<Option<i64>> = trainings
        .rows
        .iter()
        .map(|told| told.row.as_ref().expect("a row").value)
        .collect();
    assert_eq!(values, [6, 2, 2, 2].map(Some));
    let last = story.sentences.last().expect("who reported");
    assert!(last.rows.is_empty() && last.coverage.len() > 8);
    for sentence in &story.sentences {
        for told in &sentence.rows {
            let (query, row) = (
                told.query.clone().expect("a query"),
                told.row.clone().expect("a row"),
            );
            let again =
                counterfoil::report::query(&book.columns, &book.consortium, &book.asker, &query)
                    .expect("the query behind a row");
            assert!(again.rows.contains(&row), "{}: {row:?}", sentence.text);
        }
    }
    assert!(story.questions.is_empty(), "{:?}", story.questions);
    assert_eq!(story.as_of.expect("as of").date, "2019-03-01");
}

#[test]
fn other_spans_are_told_from_the_periods_that_fill_them() {
    let mut book = Book::new();
    inpud(&mut book);
    anpud(&mut book);
    assert_eq!(
        words(&told(&book, "2018Q1", "2018Q1", &["inpud"])),
        "1 open letter, 188 organisations: first draft stopped. INPUD has not yet sent \
         consultations for 2018Q1, trainings for 2018Q1, capacity milestones for 2018Q1."
    );
    book.asker.today = "2020-03-01".parse().expect("a date");
    let advocacy = "advocacy_action/2019";
    for who in ["inpud", "anpud"] {
        for kind in ["training", "consultation", "capacity_milestone"] {
            book.publish(who, &format!("{kind}/2019"), "2020-01-15", &[]);
        }
        book.publish(who, advocacy, "2020-01-15", &[]);
        for quarter in 1..=4 {
            book.publish(who, &format!("{advocacy}Q{quarter}"), "2020-01-15", &[]);
        }
    }
    assert_eq!(
        words(&told(&book, "", "", &[])),
        "Trainings 6 (2+2+2). \
         Community members trained in 2018: fewer than 10 in each network. \
         Community members trained in 2019: fewer than 10 in each network. \
         Standards: 34 suggestions sent, 21 promised, final text not yet known. \
         1 open letter, 188 organisations: first draft stopped (2018Q1), changes promised \
         (2018Q4). Both networks reported."
    );
    let refused = |from: &str, to: &str| {
        let request = wire::StoryRequest {
            from: from.to_owned(),
            to: to.to_owned(),
            ..wire::StoryRequest::default()
        };
        story(&book.columns, &book.consortium, &book.asker, &request).map_err(|e| e.code())
    };
    assert_eq!(refused("2018-02", "2018-02"), Err("bad_period"));
    assert_eq!(refused("2019", "2018"), Err("bad_period"));
    let request = wire::StoryRequest {
        from: "2018Q3".to_owned(),
        to: "2018Q1".to_owned(),
        ..wire::StoryRequest::default()
    };
    let told = story(&book.columns, &book.consortium, &book.asker, &request);
    let error = told.expect_err("no order").to_string();
    assert!(
        error.contains("--from 2018Q3 lies after --to 2018Q1"),
        "{error}"
    );
}

#[test]
fn a_year_of_which_only_quarters_were_published_is_told_from_them() {
    let mut book = Book::new();
    for who in ["inpud", "anpud"] {
        for (nth, quarter) in ["2018Q1", "2018Q2", "2018Q3", "2018Q4"].iter().enumerate() {
            let sets: &[Set<'_>] = &[
                ("training.activities", &[], exact(1)),
                (TOPIC, &["accounting", "rcf"], exact(1)),
                (TOPIC, &["auditing", "rcf"], exact(i64::from(nth == 0))),
            ];
            let series = format!("training/{quarter}");
            book.publish(who, &series, "2019-01-15", sets);
        }
    }
    let story = told(&book, "2018", "2018", &[]);
    assert_eq!(
        story.sentences[0].text,
        "Trainings 8 (8+2; some in several subjects)."
    );
    assert!(
        story
            .notes
            .iter()
            .any(|note| note.starts_with("Topics do not add up")),
        "{:?}",
        story.notes
    );
}

#[test]
fn what_two_networks_may_both_have_reported_is_asked() {
    let mut book = Book::new();
    let meetings = "consultation.meetings.by_document";
    let standards: &[&str] = &["treatment_standards"];
    for who in ["inpud", "anpud"] {
        let series = |kind: &str| format!("{kind}/2018Q1");
        book.publish(
            who,
            &series("advocacy_action"),
            "2018-05-01",
            &[(LETTER, STOPPED, exact(1))],
        );
        book.publish(
            who,
            &series("consultation"),
            "2018-05-01",
            &[(meetings, standards, exact(2))],
        );
        book.publish(
            who,
            &series("joint_project"),
            "2018-05-01",
            &[
                ("joint_project.activities.by_grant", &["rcf"], exact(1)),
                ("joint_project.activities.by_grant", &["none"], exact(1)),
            ],
        );
    }
    let mut questions = told(&book, "2018Q1", "2018Q1", &[]).questions;
    questions.sort_unstable();
    assert_eq!(
        questions,
        [
            "two networks report a project under the Robert Carr Fund in 2018Q1: the same one?",
            "two networks report an open letter in 2018Q1: the same one?",
            "two networks report meetings on International Standards for the Treatment of Drug \
             Use Disorders in 2018Q1: the same ones?",
        ]
    );
    assert!(
        told(&book, "2018Q1", "2018Q1", &["inpud"])
            .questions
            .is_empty()
    );
}

#[test]
fn organisations_are_told_with_what_they_can_have_signed() {
    let mut book = Book::new();
    let signed: Set<'_> = ("advocacy_action.signatories", &[], exact(40));
    let statement: &[&str] = &["statement", "none_yet"];
    book.publish(
        "inpud",
        "advocacy_action/2018Q1",
        "2018-05-01",
        &[
            (LETTER, &["open_letter", "none_yet"], exact(1)),
            (LETTER, statement, exact(1)),
            signed,
        ],
    );
    assert_eq!(
        words(&told(&book, "2018Q1", "2018Q1", &["inpud"]))
            .split(" INPUD has not")
            .next(),
        Some(
            "1 open letter: no outcome yet. 1 statement: no outcome yet. \
             40 organisations signed."
        )
    );
}

#[test]
fn trainings_nobody_counted_are_said() {
    let mut book = Book::new();
    let mut summary = book.summary(
        "inpud",
        "training/2018",
        &[("training.activities", &[], exact(3))],
    );
    for table in &mut summary.tables {
        if table.id == "training.people" {
            table.cells[0].figure = exact(34);
            table.cells[0].uncounted = 2;
        }
    }
    let everybody = counterfoil::charter::policy::Audience::Everybody;
    book.announce(&summary, "2019-01-15", everybody);
    book.columns
        .ingest_payload(&summary.member, 0, &summary)
        .expect("a payload that fits its leaf");
    let story = told(&book, "2018", "2018", &["inpud"]);
    assert_eq!(
        story.sentences[1].text,
        "Community members trained: 34 (2 trainings have no list of who came)."
    );
}

#[test]
fn a_networks_own_words_go_with_its_summary() {
    let mut book = Book::new();
    let only_itself = ["anpud".parse().expect("an id")].into_iter().collect();
    let audiences = [Audience::Everybody, Audience::Members(only_itself)];
    for (quarter, audience) in ["2018Q1", "2018Q2"].iter().zip(audiences) {
        let mut summary = book.summary("anpud", &format!("training/{quarter}"), &[]);
        summary.statements = vec![format!("Of {quarter}.")];
        let index = book.announce(&summary, "2018-08-01", audience);
        let taken = book
            .columns
            .ingest_payload(&summary.member, index, &summary);
        taken.expect("a payload that fits its leaf");
    }
    let said = |book: &Book| -> Vec<String> {
        let statements = told(book, "2018", "2018", &[]).sentences;
        let statements = statements.into_iter().filter_map(|told| told.statement);
        statements.map(|statement| statement.text).collect()
    };
    assert_eq!(said(&book), ["Of 2018Q1.", "Of 2018Q2."]);
    book.asker.reader = Some("inpud".parse().expect("an id"));
    assert_eq!(said(&book), ["Of 2018Q1."]);
    book.recall("anpud", 0);
    assert!(said(&book).is_empty());
}
