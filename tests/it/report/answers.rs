//! Each way figures add up, and each way an answer is refused.

use counterfoil::charter::policy::{Audience, YearStart};
use counterfoil::charter::{Size, TableSpec};
use counterfoil::model::{Figure, Grain};
use counterfoil::report::{Entry, IngestError, Status, query, render};
use proptest::prelude::*;

use super::book::{Book, between, day, exact, member};

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
            // Of ANPUD's twenty, at most nine are in each.
            "men 2..18 inpud anpud",
            "another_or_not_said 2..18 inpud anpud",
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
    // The column is called as the note under it calls it.
    let text = render::text::report(&answer);
    let header = text.lines().next().expect("a header");
    assert!(header.contains(" uncounted "), "{text}");
    assert!(text.contains("; uncounted says how many"), "{text}");
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
            "bad_period: --from 2019 lies after --to 2018",
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

#[test]
fn financial_years_begin_in_the_charters_month() {
    let mut book = Book::new();
    let refused = "bad_period: FY2018: the charter names no financial year";
    book.consortium.policy.financial_year_starts = None;
    book.check("training activities in=FY2018", &[refused]);
    book.consortium.policy.financial_year_starts = Some(YearStart::April);
    for table in &mut book.consortium.policy.table {
        table.period.push(Grain::FinancialYear);
    }
    let total = "training.activities";
    book.publish(
        "inpud",
        "training/FY2018",
        "2019-04-12",
        &[(total, &[], exact(3))],
    );
    book.asker.today = day("2019-04-30");
    let ask = "training activities grain=fy members=inpud by=period";
    book.check(&format!("{ask} in=FY2018"), &["FY2018 3 inpud"]);
    book.check(&format!("{ask} from=2018Q2 to=2019Q1"), &["FY2018 3 inpud"]);
    book.check(ask, &["FY2018 3 inpud"]);
    book.check(
        &format!("{ask} in=2018"),
        &["bad_period: 2018 is not where a fy starts"],
    );
}

#[test]
fn leaves_and_payloads_are_taken_in_once_and_checked() {
    let mut book = Book::new();
    let summary = book.summary("inpud", "training/2018Q1", &[]);
    let leaf = book.announce(&summary, "2018-04-12", Audience::Everybody);
    let mut other = summary.clone();
    other.revision = 2;
    let mut crooked = summary.clone();
    crooked.tables[0].cells.clear();
    let mut ingest = |payload| book.columns.ingest_payload(&summary.member, leaf, payload);
    assert!(matches!(ingest(&other), Err(IngestError::Mismatch { .. })));
    assert!(matches!(ingest(&crooked), Err(IngestError::Shape { .. })));
    assert_eq!(ingest(&summary), Ok(()));
    let cells = book.columns.cells();
    let entry = Entry::Summary {
        series: summary.series,
        revision: 1,
        date: day("2018-04-12"),
        audience: Audience::Everybody,
    };
    let again = book
        .columns
        .ingest(&summary.member, leaf, &entry, Some(&summary));
    assert_eq!((again, book.columns.cells()), (Ok(()), cells));
    assert_eq!(
        book.columns.history(&summary.member, summary.series).len(),
        1
    );
    // A later leaf, then one before it.
    let ahead = book.columns.ingest(&summary.member, 5, &entry, None);
    assert_eq!(ahead, Ok(()));
    let behind = book.columns.ingest(&summary.member, 3, &entry, None);
    assert!(matches!(behind, Err(IngestError::Order { index: 3, .. })));
}

#[test]
fn only_a_hundred_summaries_are_listed_without_provenance() {
    let mut book = Book::new();
    let mut tables = book.consortium.policy.table.iter_mut();
    let total = tables.find(|table| table.id == "training.activities");
    total.expect("in the plan").period.push(Grain::Month);
    for year in 2000..2012 {
        for month in 1..=12 {
            let series = format!("training/{year}-{month:02}");
            book.publish("inpud", &series, "2018-04-12", &[]);
        }
    }
    let mut request = super::book::request("training activities grain=month members=inpud");
    for (provenance, listed) in [(false, 100), (true, 144)] {
        request.provenance = provenance;
        let answer = query(&book.columns, &book.consortium, &book.asker, &request);
        let row = answer.expect("an answer").rows.remove(0);
        assert_eq!((row.summaries.len(), row.summaries_total), (listed, 144));
    }
}

proptest! {
    #[test]
    fn any_question_is_answered_or_refused(
        kind in "training|consultation|.{0,6}",
        measure in "activities|people|staff_reach|.{0,6}",
        by in proptest::collection::vec("topic|grant|country|member|period|gender3|.{0,4}", 0..4),
        ends in ("|20[12][0-9]|2018Q[0-9]|FY[0-9]{4}|.{0,9}", "|20[12][0-9]|[0-9]{6}|.{0,9}"),
        grain in "|month|quarter|year|fy|.{0,4}",
        members in proptest::collection::vec("inpud|anpud|.{0,4}", 0..3),
        filters in proptest::collection::vec(("topic|country|.{0,4}", proptest::collection::vec("TH|hr|.{0,3}", 0..3)), 0..2),
        at in "|20[12][0-9]-[01][0-9]-[0-3][0-9]|.{0,12}",
        allow_partial in any::<bool>(),
    ) {
        let mut book = Book::new();
        book.publish("inpud", "training/2018", "2019-01-15", &[]);
        let request = counterfoil::wire::QueryRequest {
            kind,
            measure,
            by,
            from: ends.0,
            to: ends.1,
            grain,
            members,
            r#where: filters
                .into_iter()
                .map(|(dimension, codes)| counterfoil::wire::Filter { dimension, codes })
                .collect(),
            at,
            allow_partial,
            provenance: false,
        };
        match query(&book.columns, &book.consortium, &book.asker, &request) {
            Ok(answer) => prop_assert!(!render::text::report(&answer).is_empty()),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}

#[test]
fn where_nothing_was_published_at_a_grain_another_one_is_named() {
    let mut book = Book::new();
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[("training.activities", &[], exact(3))],
    );
    let refused = book.ask("training activities members=inpud in=2018");
    let message = refused.expect_err("partial").to_string();
    let hint = "othing of this kind was published by quarter; by year there are figures \
                (--grain year)";
    assert!(message.contains(hint), "{message}");
    let answer = book
        .ask("training activities members=inpud in=2018 partial")
        .expect("an answer");
    assert!(answer.rows[0].notes[0].contains(hint), "{:?}", answer.rows);
    let by_year = book
        .ask("training activities members=inpud in=2018 grain=year")
        .expect("an answer");
    let notes = &by_year.rows[0].notes;
    assert!(!notes.iter().any(|note| note.contains(hint)), "{notes:?}");
}
