//! Figures about persons, as tight as everything their members published allows.

use counterfoil::charter::policy::Audience;
use counterfoil::model::Figure;
use counterfoil::report::render;

use super::book::{Book, Set, between, exact, request};

const ALL: &str = "training.attendances";
const QUARTERLY: &str = "training.attendances.quarterly";
const BY_GENDER: &str = "training.attendances.by_gender3";
const COMPLETED: &str = "training.completions";
const SOME: Set<'_> = ("training.activities", &[], exact(5));

/// Publishes a series: these cells, and nothing else about persons.
fn publish(book: &mut Book, who: &str, series: &str, date: &str, sets: &[Set<'_>]) {
    let mut summary = book.summary(who, series, sets);
    let set = |id: &str| sets.iter().any(|(table, _, _)| *table == id);
    for table in summary.tables.iter_mut().filter(|table| !set(&table.id)) {
        if table.measure.counts_persons() {
            table
                .cells
                .iter_mut()
                .for_each(|cell| cell.figure = Figure::Absent);
        }
    }
    let index = book.announce(&summary, date, Audience::Everybody);
    let taken = book
        .columns
        .ingest_payload(&summary.member, index, &summary);
    taken.expect("a payload that fits its leaf");
}

/// INPUD's four quarters and its year, with some activities in each.
fn year(book: &mut Book, quarters: [Set<'_>; 4], year: &[Set<'_>]) {
    for (nth, quarter) in quarters.into_iter().enumerate() {
        let series = format!("training/2018Q{}", nth + 1);
        publish(book, "inpud", &series, "2019-01-10", &[SOME, quarter]);
    }
    let sets: Vec<Set<'_>> = [&[SOME], year].concat();
    publish(book, "inpud", "training/2018", "2019-01-20", &sets);
}

fn quarters(values: [i64; 2]) -> [Set<'static>; 4] {
    [
        (QUARTERLY, &[], exact(values[0])),
        (QUARTERLY, &[], exact(values[1])),
        (QUARTERLY, &[], between(0, 9)),
        (QUARTERLY, &[], between(0, 9)),
    ]
}

#[test]
fn quarters_are_as_tight_as_their_year_makes_them() {
    let mut book = Book::new();
    year(&mut book, quarters([20, 20]), &[(ALL, &[], exact(53))]);
    book.check(
        "training attendances members=inpud in=2018 grain=quarter by=period",
        &[
            "2018Q1 20 inpud",
            "2018Q2 20 inpud",
            "2018Q3 4..9 inpud",
            "2018Q4 4..9 inpud",
        ],
    );
    book.check(
        "training attendances members=inpud in=2018 grain=quarter",
        &["53 inpud"],
    );
    book.check(
        "training attendances members=inpud from=2018Q3 to=2018Q4",
        &["13 inpud"],
    );
}

#[test]
fn a_year_is_as_tight_as_its_quarters_make_it() {
    let mut book = Book::new();
    year(&mut book, quarters([20, 20]), &[(ALL, &[], between(0, 90))]);
    book.check(
        "training attendances members=inpud in=2018 grain=year",
        &["40..58 inpud"],
    );
}

#[test]
fn splits_and_measures_bound_each_other() {
    let mut book = Book::new();
    year(
        &mut book,
        quarters([30, 20]),
        &[
            (ALL, &[], between(0, 70)),
            (BY_GENDER, &["women"], exact(35)),
            (BY_GENDER, &["men"], between(0, 40)),
            (BY_GENDER, &["another_or_not_said"], between(0, 9)),
            (COMPLETED, &[], between(0, 90)),
        ],
    );
    book.check(
        "training attendances members=inpud in=2018 grain=year by=gender3",
        &[
            "women 35 inpud",
            "men 6..33 inpud",
            "another_or_not_said 0..9 inpud",
        ],
    );
    // At most everybody who attended.
    book.check(
        "training completions members=inpud in=2018 grain=year",
        &["0..68 inpud"],
    );
}

#[test]
fn several_members_add_up_each_as_tight_as_it_is() {
    let mut book = Book::new();
    let people = |upper| ("training.people", &[][..], between(0, upper));
    let sets = [(ALL, &[][..], between(0, 90)), people(9)];
    year(&mut book, quarters([20, 20]), &sets);
    let sets = [SOME, (ALL, &[], between(0, 12))];
    publish(&mut book, "anpud", "training/2018", "2019-01-20", &sets);
    book.check(
        "training attendances in=2018 grain=year",
        &["40..70 inpud anpud"],
    );
    // Persons may be in both.
    let sets = [SOME, (ALL, &[], exact(12)), people(30)];
    publish(&mut book, "anpud", "training/2018", "2019-01-21", &sets);
    book.check("training people in=2018 grain=year", &["0..21 inpud anpud"]);
}

#[test]
fn what_contradicts_itself_stays_as_it_was_published() {
    let mut book = Book::new();
    // The year was sent before forty more came to light in the first quarter.
    year(&mut book, quarters([70, 20]), &[(ALL, &[], exact(50))]);
    book.check(
        "training attendances members=inpud in=2018 grain=quarter by=period",
        &[
            "2018Q1 70 inpud",
            "2018Q2 20 inpud",
            "2018Q3 0..9 inpud",
            "2018Q4 0..9 inpud",
        ],
    );
}

#[test]
fn what_nothing_bounds_stays_unknown() {
    let mut book = Book::new();
    year(
        &mut book,
        quarters([20, 20]),
        &[
            (ALL, &[], exact(53)),
            (BY_GENDER, &["women"], Figure::Absent),
        ],
    );
    book.check(
        "training attendances members=inpud in=2018 grain=year by=gender3",
        &[
            "women 0.. inpud",
            "men 0..9 inpud",
            "another_or_not_said 0..9 inpud",
        ],
    );
}

#[test]
fn only_what_was_published_by_then_counts() {
    let mut book = Book::new();
    year(&mut book, quarters([20, 20]), &[(ALL, &[], exact(53))]);
    book.check(
        "training attendances members=inpud from=2018Q3 to=2018Q4 at=2019-01-15",
        &["0..18 inpud"],
    );
}

#[test]
fn the_canonical_answer_is_the_same_bytes_every_time() {
    let answer = || {
        let mut book = Book::new();
        year(&mut book, quarters([20, 20]), &[(ALL, &[], exact(53))]);
        let asked = request("training attendances partial in=2018 grain=quarter by=period");
        let answer =
            counterfoil::report::query(&book.columns, &book.consortium, &book.asker, &asked);
        render::json::canonical(&answer.expect("an answer"))
    };
    let first = answer();
    assert!(first.len() > 200);
    assert_eq!(first, answer());
}
