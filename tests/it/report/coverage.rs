//! Who was expected to report, and did.

use counterfoil::report::{Status, coverage};
use counterfoil::wire;

use super::book::{Book, day};

#[track_caller]
fn check(book: &Book, kind: &str, from: &str, to: &str, expected: &[&str]) {
    let request = wire::CoverageRequest {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: kind.to_owned(),
        ..Default::default()
    };
    let shown: Vec<String> = match coverage(&book.columns, &book.consortium, &book.asker, &request)
    {
        Ok(answer) => {
            let counted = answer.rows.len() as u64;
            let silent = answer.rows.iter().filter(|row| row.state == "not_expected");
            assert_eq!(answer.expected, counted - silent.count() as u64);
            let spell = |row: &wire::CoverageRow| {
                let wire::CoverageRow {
                    member,
                    period,
                    state,
                    due,
                    date,
                    ..
                } = row;
                format!("{member} {period} {state} {due} {date}")
                    .trim_end()
                    .to_owned()
            };
            answer.rows.iter().map(spell).collect()
        }
        Err(error) => vec![error.to_string()],
    };
    assert_eq!(shown, expected);
}

#[test]
fn every_state_has_its_word() {
    let mut book = Book::new();
    book.asker.today = day("2018-10-10");
    book.publish("inpud", "training/2018Q1", "2018-05-15", &[]);
    book.publish("inpud", "training/2018Q2", "2018-08-15", &[]);
    book.status("inpud", "training/2018Q3", Status::Nil, "2018-10-01");
    let recalled = book.publish("anpud", "training/2018Q1", "2018-05-15", &[]);
    book.recall("anpud", recalled);
    book.status("anpud", "training/2018Q2", Status::Excused, "2018-08-15");
    check(
        &book,
        "training",
        "2018Q1",
        "2018Q4",
        &[
            "inpud 2018Q1 reported 2018-05-15 2018-05-15",
            "inpud 2018Q2 late 2018-08-14 2018-08-15",
            "inpud 2018Q3 nil 2018-11-14 2018-10-01",
            "inpud 2018Q4 not_expected 2019-02-14",
            "anpud 2018Q1 recalled 2018-05-15 2018-05-15",
            "anpud 2018Q2 excused 2018-08-14 2018-08-15",
            "anpud 2018Q3 missing 2018-11-14",
            "anpud 2018Q4 not_expected 2019-02-14",
        ],
    );
}

#[test]
fn nobody_is_expected_before_the_beginning_or_after_leaving() {
    let mut book = Book::new();
    book.consortium.members[0].left = Some(day("2018-08-01"));
    book.consortium.members[1].joined = Some(day("2018-05-01"));
    book.publish("inpud", "training/2017Q4", "2018-08-01", &[]);
    check(
        &book,
        "training",
        "2017Q4",
        "2018Q3",
        &[
            "inpud 2017Q4 reported  2018-08-01",
            "inpud 2018Q1 missing 2018-05-15",
            "inpud 2018Q2 missing 2018-08-14",
            "inpud 2018Q3 not_expected",
            "anpud 2017Q4 not_expected",
            "anpud 2018Q1 not_expected",
            "anpud 2018Q2 missing 2018-08-14",
            "anpud 2018Q3 missing 2018-11-14",
        ],
    );
}

#[test]
fn only_grains_of_the_plan_are_asked_about() {
    let book = Book::new();
    check(
        &book,
        "",
        "2018-01",
        "2018-03",
        &["grain \"month\" is not known; accepted: quarter year"],
    );
    let request = wire::CoverageRequest {
        from: "2018".to_owned(),
        to: "2018".to_owned(),
        ..Default::default()
    };
    let answer = coverage(&book.columns, &book.consortium, &book.asker, &request);
    assert_eq!(
        answer.map(|answer| (answer.expected, answer.missing)),
        Ok((10, 10))
    );
}
