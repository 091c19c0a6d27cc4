//! Each way figures add up, and each way an answer is refused.

use counterfoil::charter::policy::Audience;
use counterfoil::charter::{Size, TableSpec};
use counterfoil::model::{Figure, Grain};
use counterfoil::report::Status;

use super::book::{Book, between, exact, member};

/// Both members' four quarters and year of a kind, with nothing in them.
fn fill(book: &mut Book, kind: &str, except: &[&str]) {
    for who in ["inpud", "anpud"] {
        for period in ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"] {
            let series = format!("{kind}/{period}");
            if !except.contains(&format!("{who} {period}").as_str()) {
                book.publish(who, &series, "2019-01-15", &[]);
            }
        }
    }
}

#[test]
fn additive_figures_are_summed_over_periods_and_members() {
    let mut book = Book::new();
    let topic = "training.activities.by_topic_grant";
    fill(&mut book, "training", &["inpud 2018Q1", "anpud 2018Q2"]);
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-04-12",
        &[
            ("training.activities", &[], exact(3)),
            (topic, &["accounting", "rcf"], exact(1)),
            (topic, &["accounting", "none"], exact(2)),
        ],
    );
    book.publish(
        "anpud",
        "training/2018Q2",
        "2018-07-12",
        &[
            ("training.activities", &[], exact(4)),
            (topic, &["accounting", "rcf"], exact(4)),
        ],
    );
    book.check("training activities in=2018", &["7 inpud anpud"]);
    book.check(
        "training activities in=2018 by=period",
        &[
            "2018Q1 3 inpud anpud",
            "2018Q2 4 inpud anpud",
            "2018Q3 0 inpud anpud",
            "2018Q4 0 inpud anpud",
        ],
    );
    book.check(
        "training activities from=2018Q1 to=2018Q2 by=member,period",
        &[
            "inpud 2018Q1 3 inpud",
            "inpud 2018Q2 0 inpud",
            "anpud 2018Q1 0 anpud",
            "anpud 2018Q2 4 anpud",
        ],
    );
    // Grants add up, topics do not.
    book.check(
        "training activities in=2018 by=topic topic=accounting,auditing",
        &["accounting 7 inpud anpud", "auditing 0 inpud anpud"],
    );
    book.check(
        "training activities in=2018 grant=rcf topic=accounting",
        &["5 inpud anpud"],
    );
    book.check(
        "training activities in=2018 by=grant",
        &["no_such_table: by topic+grant (quarter year)"],
    );
    let answer = book.ask("training activities in=2018").expect("an answer");
    assert_eq!(answer.rows[0].summaries_total, 8);
    assert_eq!(answer.rows[0].summaries[0].member, "inpud");
}

#[test]
fn different_persons_are_a_range_and_never_added_over_periods() {
    let mut book = Book::new();
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[
            ("training.people", &[], exact(40)),
            ("training.people.by_gender3", &["women"], exact(30)),
            ("training.people.by_gender3", &["men"], between(1, 9)),
        ],
    );
    book.publish(
        "anpud",
        "training/2018",
        "2019-01-15",
        &[("training.people", &[], between(34, 52))],
    );
    book.check(
        "training people in=2018 grain=year",
        &["40..92 inpud anpud"],
    );
    book.check(
        "training people in=2018 grain=year by=member",
        &["inpud 40 inpud", "anpud 34..52 anpud"],
    );
    book.check(
        "training people in=2018 grain=year members=inpud",
        &["40 inpud"],
    );
    // Every person has one of the three genders.
    book.check(
        "training people in=2018 members=inpud gender3=women,men",
        &["31..39 inpud"],
    );
    // A person may have been trained in two countries.
    book.check(
        "training people in=2018 members=inpud country=TH,GB",
        &["no_such_table: by country"],
    );
    book.check(
        "training people in=2018 members=inpud partial",
        &["distinct_over_periods: use the year's own table, grain year"],
    );
    book.check(
        "training people from=2018 to=2019 grain=year partial",
        &["distinct_over_periods: name period in by"],
    );
}

#[test]
fn levels_are_carried_forward_and_networks_counted_once() {
    let mut book = Book::new();
    let table = "capacity_milestone.networks_with.by_domain_item_state";
    book.publish(
        "inpud",
        "capacity_milestone/2018Q1",
        "2018-04-12",
        &[
            (table, &["hr", "hr_manual", "done"], exact(1)),
            (table, &["hr", "hr_manual", "in_use"], exact(1)),
        ],
    );
    book.status(
        "inpud",
        "capacity_milestone/2018Q2",
        Status::Nil,
        "2018-07-12",
    );
    book.publish("anpud", "capacity_milestone/2018Q2", "2018-07-12", &[]);
    book.publish(
        "inpud",
        "capacity_milestone/2018Q4",
        "2019-01-12",
        &[(table, &["hr", "hr_manual", "planned"], exact(1))],
    );
    book.check(
        "capacity_milestone networks_with in=2018 by=period item=hr_manual state=done,in_use partial",
        &[
            "2018Q1 1 inpud",
            "2018Q2 1 inpud anpud",
            "2018Q3 1 inpud anpud",
            "2018Q4 0 inpud anpud",
        ],
    );
    book.check(
        "capacity_milestone networks_with from=2018Q1 to=2018Q2 item=hr_manual state=done,in_use",
        &["1 inpud anpud"],
    );
    book.check(
        "capacity_milestone networks_with from=2018Q1 to=2018Q3 item=hr_manual",
        &["partial: inpud capacity_milestone/2018Q3 (missing), anpud capacity_milestone/2018Q3"],
    );
}

#[test]
fn money_is_always_by_currency() {
    let mut book = Book::new();
    let table = "joint_project.spent.by_grant_currency";
    for (who, amount) in [("inpud", 150_000_000), ("anpud", 20_000_000_000)] {
        book.publish(
            who,
            "joint_project/2018",
            "2019-01-12",
            &[(table, &["rcf", "USD"], exact(amount))],
        );
    }
    book.check("joint_project spent in=2018", &["currency_needed:"]);
    book.check(
        "joint_project spent in=2018 currency=EUR,USD",
        &["currency_needed:"],
    );
    book.check(
        "joint_project spent in=2018 currency=USD",
        &["20150000000 inpud anpud"],
    );
    book.check(
        "joint_project spent in=2018 by=currency,grant currency=USD,EUR grant=rcf",
        &["EUR rcf 0 inpud anpud", "USD rcf 20150000000 inpud anpud"],
    );
}

#[test]
fn absent_cells_stand_in_a_report_and_leave_sums_unbounded() {
    let mut book = Book::new();
    let (total, by_gender) = ("training.attendances", "training.attendances.by_gender3");
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[
            (total, &[], between(34, 52)),
            (by_gender, &["women"], Figure::Absent),
        ],
    );
    book.publish(
        "anpud",
        "training/2018",
        "2019-01-15",
        &[(total, &[], exact(20))],
    );
    book.check(
        "training attendances in=2018 grain=year",
        &["54..72 inpud anpud"],
    );
    book.check(
        "training attendances in=2018 by=gender3",
        &[
            "women 0.. inpud anpud",
            "men 0..18 inpud anpud",
            "another_or_not_said 0..18 inpud anpud",
        ],
    );
}

#[test]
fn notes_differ_only_by_state() {
    let mut book = Book::new();
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[
            (
                "training.attendances.by_gender3",
                &["women"],
                Figure::Absent,
            ),
            ("training.attendances.by_gender3", &["men"], exact(12)),
        ],
    );
    let mut summary = book.summary("anpud", "training/2018", &[]);
    for table in &mut summary.tables {
        table.cells[0].uncounted = 3;
    }
    let leaf = book.announce(&summary, "2019-01-15", Audience::Everybody);
    book.columns
        .ingest_payload(&summary.member, leaf, &summary)
        .expect("its payload");
    let answer = book
        .ask("training attendances in=2018 by=gender3,member")
        .expect("an answer");
    assert!(answer.rows.iter().any(|row| row.uncounted == 3));
    for one in &answer.rows {
        for other in &answer.rows {
            let state = |row: &counterfoil::wire::Row| (row.value.is_some(), row.upper.is_some());
            assert!(state(one) != state(other) || one.notes == other.notes);
        }
    }
}

#[test]
fn country_rows_are_those_of_the_cards() {
    let mut book = Book::new();
    let table = "training.activities.by_country";
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[(table, &["TH"], exact(2))],
    );
    book.publish(
        "anpud",
        "training/2018",
        "2019-01-15",
        &[(table, &["VN"], exact(5))],
    );
    book.check(
        "training activities by=country",
        &[
            "TH 2 inpud anpud",
            "GB 0 inpud",
            "VN 5 anpud",
            "other 0 inpud anpud",
            "several 0 inpud anpud",
            "withheld_place 0 inpud anpud",
            "online 0 inpud anpud",
            "international 0 inpud anpud",
        ],
    );
    book.check(
        "training activities by=member,country country=VN,GB",
        &["inpud GB 0 inpud", "anpud VN 5 anpud"],
    );
    book.check(
        "training activities country=XX",
        &["unknown_code: TH GB VN other"],
    );
}

#[test]
fn a_partial_answer_is_an_error_unless_allowed() {
    let mut book = Book::new();
    let total = "training.activities";
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-04-12",
        &[(total, &[], exact(3))],
    );
    book.publish(
        "inpud",
        "training/2018Q2",
        "2018-07-12",
        &[(total, &[], exact(1))],
    );
    book.publish(
        "anpud",
        "training/2018Q1",
        "2018-04-12",
        &[(total, &[], exact(5))],
    );
    book.check(
        "training activities from=2018Q1 to=2018Q2",
        &["partial: lacking anpud training/2018Q2 (missing)"],
    );
    // ANPUD is in it, and nothing bounds what it did in the second quarter.
    book.check(
        "training activities from=2018Q1 to=2018Q2 partial",
        &["9.. inpud anpud"],
    );
    book.check(
        "training activities from=2018Q1 to=2018Q2 by=period partial",
        &["2018Q1 8 inpud anpud", "2018Q2 1 inpud"],
    );
    for (status, word) in [(Status::Excused, "excused"), (Status::Withheld, "withheld")] {
        book.status("anpud", "training/2018Q2", status, "2018-08-01");
        book.check(
            "training activities in=2018Q2",
            &[&format!("partial: lacking anpud training/2018Q2 ({word})")],
        );
    }
    book.status("anpud", "training/2018Q2", Status::Nil, "2018-08-02");
    book.check(
        "training activities from=2018Q1 to=2018Q2",
        &["9 inpud anpud"],
    );
    // A payload that has not come yet.
    let late = book.summary("anpud", "training/2018Q2", &[(total, &[], exact(2))]);
    let leaf = book.announce(&late, "2018-08-03", Audience::Everybody);
    book.check(
        "training activities in=2018Q2",
        &["partial: lacking anpud training/2018Q2 (not here)"],
    );
    book.columns
        .ingest_payload(&late.member, leaf, &late)
        .expect("its payload");
    book.check("training activities in=2018Q2", &["3 inpud anpud"]);
    let answer = book
        .ask("training activities in=2018Q3 partial")
        .expect("an answer");
    assert_eq!((answer.rows[0].value, answer.rows[0].upper), (None, None));
}

#[test]
fn a_nil_period_is_zero_and_hides_among_small_ones() {
    let mut book = Book::new();
    book.status("inpud", "training/2018", Status::Nil, "2019-01-15");
    book.publish("anpud", "training/2018", "2019-01-15", &[]);
    book.check("training activities in=2018 grain=year", &["0 inpud anpud"]);
    book.check(
        "training people in=2018 grain=year by=member",
        &["inpud 0..9 inpud", "anpud 0..9 anpud"],
    );
    book.consortium.policy.disclosure.hide_existence = false;
    book.check(
        "training people in=2018 grain=year members=inpud",
        &["0 inpud"],
    );
}

#[test]
fn the_date_decides_what_counts() {
    let mut book = Book::new();
    let total = "training.activities";
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-04-12",
        &[(total, &[], exact(3))],
    );
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-06-01",
        &[(total, &[], exact(4))],
    );
    let third = book.publish(
        "inpud",
        "training/2018Q1",
        "2018-09-01",
        &[(total, &[], exact(9))],
    );
    let ask = |at: &str| format!("training activities in=2018Q1 members=inpud at={at}");
    book.check(&ask("2018-04-01"), &["partial: (missing)"]);
    book.check(&ask("2018-04-12"), &["3 inpud"]);
    book.check(&ask("2018-08-31"), &["4 inpud"]);
    book.check(&ask("2018-09-01"), &["9 inpud"]);
    let answer = book.ask(&ask("2018-05-31")).expect("an answer");
    assert_eq!(answer.rows[0].summaries[0].leaf_index, 0);
    assert_eq!(answer.as_of.expect("as of").date, "2018-05-31");
    // What is recalled is gone at every date, and what it superseded does not come back.
    book.recall("inpud", third);
    book.check(&ask("2018-12-01"), &["partial: (recalled)"]);
    book.check(&ask("2018-08-31"), &["4 inpud"]);
    book.recall("inpud", 1);
    book.check(&ask("2018-08-31"), &["partial: (recalled)"]);
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-12-01",
        &[(total, &[], exact(5))],
    );
    book.check(&ask("2018-12-01"), &["5 inpud"]);
    let series = "training/2018Q1".parse().expect("a series");
    let history = book
        .columns
        .history(&"inpud".parse().expect("an id"), series);
    let seen: Vec<_> = history
        .iter()
        .map(|release| (release.revision, release.superseded_by, release.recalled))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(1), Some(1), false),
            (Some(2), Some(2), true),
            (Some(3), Some(5), true),
            (Some(4), None, false)
        ]
    );
}

#[test]
fn payloads_answer_only_their_audience() {
    let mut book = Book::new();
    let summary = book.summary("inpud", "training/2018Q1", &[]);
    let audience = Audience::Members(["anpud".parse().expect("an id")].into());
    let leaf = book.announce(&summary, "2018-04-12", audience);
    book.columns
        .ingest_payload(&summary.member, leaf, &summary)
        .expect("its payload");
    let ask = "training activities in=2018Q1 members=inpud";
    for (reader, expected) in [
        ("anpud", "0 inpud"),
        ("inpud", "0 inpud"),
        ("relay", "partial: (withheld)"),
    ] {
        book.asker.reader = Some(reader.parse().expect("an id"));
        book.check(ask, &[expected]);
    }
}

#[test]
fn tables_of_some_sizes_are_not_expected_of_others() {
    let mut book = Book::new();
    let table = "training.attendances.quarterly";
    book.publish(
        "inpud",
        "training/2018Q1",
        "2018-04-12",
        &[(table, &[], exact(20))],
    );
    book.publish("anpud", "training/2018Q1", "2018-04-12", &[]);
    book.check("training attendances in=2018Q1", &["20 inpud"]);
    let answer = book
        .ask("training attendances in=2018Q1")
        .expect("an answer");
    let coverage = answer.coverage.expect("its coverage");
    assert_eq!((coverage.expected, coverage.reported), (1, 1));
    assert_eq!(coverage.rows[1].state, "not_expected");
    assert!(
        answer.rows[0]
            .notes
            .contains(&"Only large networks publish this table.".to_owned())
    );
}

#[test]
fn two_open_letters_of_one_quarter_are_asked_about() {
    let mut book = Book::new();
    let table = "advocacy_action.activities.by_action_type_outcome";
    let letter: &[&str] = &["open_letter", "none_yet"];
    for who in ["inpud", "anpud"] {
        book.publish(
            who,
            "advocacy_action/2018Q1",
            "2018-04-12",
            &[(table, letter, exact(1))],
        );
    }
    let question = "two networks report an open letter in 2018Q1: the same one?";
    let asked = |book: &Book, measure: &str| {
        let answer = book
            .ask(&format!("advocacy_action {measure} in=2018Q1"))
            .expect("an answer");
        answer.rows[0].notes.iter().any(|note| note == question)
    };
    assert!(asked(&book, "activities") && asked(&book, "signatories"));
    // Now ANPUD says that its letter was a joint one.
    book.publish(
        "anpud",
        "advocacy_action/2018Q1",
        "2018-05-12",
        &[("advocacy_action.activities_joined", &[], exact(1))],
    );
    assert!(!asked(&book, "activities"));
}

#[test]
fn words_that_are_not_known_are_named_with_what_is() {
    let mut book = Book::new();
    fill(&mut book, "training", &[]);
    for (ask, expected) in [
        (
            "trainings activities",
            "unknown_kind: accepted: consultation training",
        ),
        (
            "training spent",
            "unknown_measure: accepted: activities activities_joined",
        ),
        (
            "training activities by=colour",
            "unknown_dimension: accepted: member period region",
        ),
        ("training activities by=topic,topic", "named_twice: topic"),
        (
            "training activities members=relay",
            "unknown_member: accepted: inpud anpud",
        ),
        (
            "training activities grain=week",
            "unknown_grain: accepted: month quarter",
        ),
        ("training activities from=2018Q9", "bad_period: 2018Q9"),
        (
            "training activities from=2018Q2 grain=year",
            "bad_period: 2018Q2 is not where a year starts",
        ),
        (
            "training activities from=2019 to=2018",
            "bad_period: from must not come after to",
        ),
        ("training activities from=1000 to=9997", "too_large: 1200"),
        ("training activities at=yesterday", "bad_date: yesterday"),
        (
            "training activities grain=month",
            "no_such_table: in total (quarter year)",
        ),
        (
            "training activities topic=knitting",
            "unknown_code: accepted: accounting",
        ),
    ] {
        book.check(ask, &[expected]);
    }
}

#[test]
fn periods_may_be_given_at_another_grain() {
    let mut book = Book::new();
    fill(&mut book, "training", &[]);
    for (ask, first, last, grain) in [
        (
            "training activities from=2018",
            "2018Q1",
            "2018Q4",
            "quarter",
        ),
        ("training activities", "2018Q1", "2018Q4", "quarter"),
        (
            "training activities from=2018-04 to=2018-09",
            "2018Q2",
            "2018Q3",
            "quarter",
        ),
        (
            "training activities from=2018Q1 to=2018Q4 grain=year",
            "2018",
            "2018",
            "year",
        ),
        ("training activities by=country", "2018", "2018", "year"),
        (
            "training activities to=2018Q2",
            "2018Q1",
            "2018Q2",
            "quarter",
        ),
    ] {
        let query = book.ask(ask).expect(ask).query.expect("the query");
        assert_eq!(
            (query.from.as_str(), query.to.as_str(), query.grain.as_str()),
            (first, last, grain),
            "{ask}"
        );
    }
}

#[test]
fn members_of_two_sizes_may_have_two_tables() {
    let mut book = Book::of(vec![
        member("inpud", Size::Large, &[]),
        member("anpud", Size::Small, &[]),
    ]);
    let large: TableSpec = book
        .consortium
        .policy
        .table
        .iter()
        .find(|table| table.id == "training.attendances.quarterly")
        .cloned()
        .expect("in the plan");
    book.consortium.policy.table.push(TableSpec {
        id: "training.attendances.small".to_owned(),
        sizes: vec![Size::Small],
        period: vec![Grain::Quarter],
        ..large
    });
    let quarter = "training/2018Q1";
    let (one, other) = (
        "training.attendances.quarterly",
        "training.attendances.small",
    );
    book.publish("inpud", quarter, "2018-04-12", &[(one, &[], exact(20))]);
    book.publish("anpud", quarter, "2018-04-12", &[(other, &[], exact(11))]);
    book.check("training attendances in=2018Q1", &["31 inpud anpud"]);
}
