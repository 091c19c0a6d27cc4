//! Who came, as far as anybody counted.

use super::*;

#[test]
fn what_is_not_known_is_never_zero() {
    let records = [
        training("start=2018-01-09"),
        training("start=2018-05-09 attended=7"),
    ];
    check(&records, Measure::Attendances, "2018Q1", None, 1);
    check(&records, Measure::Attendances, "2018Q2", Some(7), 0);
    check(&records, Measure::Attendances, "2018Q3", Some(0), 0);
    check(&records, Measure::Attendances, "2018", Some(7), 1);
    check(&records, Measure::Hours, "2018", None, 2);
    check(&records, Measure::Activities, "2018", Some(2), 0);
}

#[test]
fn attendances_come_from_sessions_then_the_list_then_the_head_count() {
    let plain = training("start=2018-01-09 attended=9");
    check(
        std::slice::from_ref(&plain),
        Measure::Attendances,
        "2018",
        Some(9),
        0,
    );
    let listed = with(
        plain,
        List::Participants,
        &[
            "person=a gender=woman completed=yes",
            "person=b gender=man completed=no",
            "person=c role=absent completed=yes",
        ],
    );
    check(
        std::slice::from_ref(&listed),
        Measure::Attendances,
        "2018",
        Some(2),
        0,
    );
    check(
        std::slice::from_ref(&listed),
        Measure::Completions,
        "2018",
        Some(1),
        0,
    );
    let sessions = with(
        listed,
        List::Sessions,
        &["date=2018-01-09 attended=2", "date=2018-01-10 attended=3"],
    );
    let tally = count(
        std::slice::from_ref(&sessions),
        Measure::Attendances,
        "2018",
        &[],
    )[0];
    // Five attendances, and nobody can say that they were more than two and three persons.
    assert_eq!((tally.value, tally.contributors), (Some(5), 3));
    let split = count(
        &[sessions],
        Measure::Attendances,
        "2018",
        &[axis(Dimension::Gender3, &[])],
    );
    assert_eq!(values(&split), [Some(1), Some(1), Some(3)]);
}

#[test]
fn a_session_without_a_head_count_leaves_the_sum_unknown() {
    let with_sessions = |rows: &[&str]| {
        let training = training("start=2018-01-09 attended=9");
        [with(training, List::Sessions, rows)]
    };
    let gap = with_sessions(&["date=2018-01-09 attended=2", "date=2018-01-10"]);
    check(&gap, Measure::Attendances, "2018", None, 1);
    let silent = with_sessions(&["date=2018-01-09", "date=2018-01-10"]);
    check(&silent, Measure::Attendances, "2018", Some(9), 0);
    let zero = with_sessions(&["date=2018-01-09 attended=2", "date=2018-01-10 attended=0"]);
    check(&zero, Measure::Attendances, "2018", Some(2), 0);
}

#[test]
fn heads_without_a_list_are_not_recorded() {
    let records = [
        training("start=2018-01-09 attended=9"),
        with(
            training("start=2018-01-10"),
            List::Participants,
            &["person=a gender=woman"],
        ),
        training("start=2018-01-11"),
    ];
    let axes = [axis(Dimension::Gender, &[])];
    let split = count(&records, Measure::Attendances, "2018", &axes);
    assert_eq!(split[0].value, Some(1));
    let last = split.last().expect("not_recorded");
    assert_eq!(
        (last.value, last.uncounted, last.contributors),
        (Some(9), 1, 9)
    );
    let ages = count(
        &records,
        Measure::Attendances,
        "2018",
        &[axis(Dimension::Age2, &[])],
    );
    assert_eq!(values(&ages), [Some(0), Some(0), Some(10)]);
}

#[test]
fn completions_are_known_only_where_somebody_said_so() {
    let listed = |rows: &[&str]| {
        with(
            training("start=2018-01-09 completed=4"),
            List::Participants,
            rows,
        )
    };
    check(
        &[listed(&["person=a", "person=b"])],
        Measure::Completions,
        "2018",
        Some(4),
        0,
    );
    check(
        &[listed(&["person=a completed=no"])],
        Measure::Completions,
        "2018",
        Some(0),
        0,
    );
    check(
        &[training("start=2018-01-09")],
        Measure::Completions,
        "2018",
        None,
        1,
    );
}
