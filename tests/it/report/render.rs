//! Answers as JSON, CSV and text, and their canonical form.

use counterfoil::model::Figure;
use counterfoil::report::{Columns, Entry, Head, render};
use serde_json::json;

use super::book::{Book, between, day, exact};

fn book() -> Book {
    let mut book = Book::new();
    let (total, genders) = ("training.attendances", "training.attendances.by_gender3");
    book.publish(
        "inpud",
        "training/2018",
        "2019-01-15",
        &[
            (total, &[], between(34, 52)),
            (genders, &["women"], exact(30)),
            (genders, &["another_or_not_said"], Figure::Absent),
            ("training.hours.by_topic_grant", &["hr", "none"], exact(150)),
        ],
    );
    book.publish("anpud", "training/2018", "2019-03-01", &[]);
    for (who, tree_size) in [("inpud", 1), ("anpud", 7)] {
        let head = Head {
            tree_size,
            root_hash: [7; 32],
            cosigned_by: vec!["relay".parse().expect("an id")],
        };
        book.columns.set_head(&who.parse().expect("an id"), head);
    }
    book
}

#[test]
fn json_is_as_the_contract_has_it() {
    let book = book();
    let answer = book
        .ask("training attendances in=2018 by=gender3 gender3=women,another_or_not_said members=inpud")
        .expect("an answer");
    let json = render::json::report(&answer);
    assert_eq!(
        json["query"],
        json!({
            "kind": "training", "measure": "attendances", "by": ["gender3"],
            "from": "2018", "to": "2018", "grain": "year", "members": ["inpud"],
            "where": {"gender3": ["women", "another_or_not_said"]},
            "at": "2019-03-01", "allow_partial": false, "provenance": false,
        })
    );
    let root_hash = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    assert_eq!(
        json["as_of"],
        json!({"date": "2019-03-01", "charter_version": 1, "checkpoints": [
            {"member": "inpud", "tree_size": 1, "root_hash": root_hash, "cosigned_by": ["relay"]},
            {"member": "anpud", "tree_size": 7, "root_hash": root_hash, "cosigned_by": ["relay"]},
        ]})
    );
    assert_eq!(
        json["coverage"],
        json!({
            "expected": 1, "reported": 1, "late": 0, "nil": 0, "missing": 0, "excused": 0,
            "withheld": 0, "recalled": 0, "rows": [{
                "member": "inpud", "kind": "training", "period": "2018", "state": "reported",
                "due": "2019-02-14", "date": "2019-01-15",
            }],
        })
    );
    let mut rows = json["rows"].clone();
    for row in rows.as_array_mut().expect("rows") {
        let notes = row.as_object_mut().expect("a row").remove("notes");
        assert!(notes.is_some_and(|notes| notes.is_array()));
    }
    let summaries = json!([{"member": "inpud", "leaf_index": 0}]);
    assert_eq!(
        rows,
        json!([
            {"group": {"gender3": "women"}, "value": 30, "lower": 30, "upper": 30, "uncounted": 0,
             "members": ["inpud"], "summaries": summaries, "summaries_total": 1},
            {"group": {"gender3": "another_or_not_said"}, "value": null, "lower": 0,
             "upper": null, "uncounted": 0, "members": ["inpud"], "summaries": summaries,
             "summaries_total": 1},
        ])
    );
}

#[test]
fn hours_are_decimal_numbers_and_money_is_text() {
    let mut book = book();
    let hours = book
        .ask("training hours in=2018 by=topic topic=hr,other grain=year")
        .expect("an answer");
    let json = render::json::report(&hours);
    assert_eq!(json["rows"][0]["value"], json!(1.5));
    assert_eq!(json["rows"][1]["value"], json!(0));
    book.publish(
        "inpud",
        "joint_project/2018",
        "2019-01-15",
        &[(
            "joint_project.spent.by_grant_currency",
            &["rcf", "USD"],
            exact(15_005_000),
        )],
    );
    let spent = book
        .ask("joint_project spent by=currency currency=USD,EUR members=inpud")
        .expect("an answer");
    let json = render::json::report(&spent);
    assert_eq!(json["rows"][0]["lower"], json!("0.00"));
    assert_eq!(json["rows"][1]["value"], json!("1500.50"));
}

#[test]
fn csv_has_one_value_per_row() {
    let answer = book()
        .ask("training attendances in=2018 grain=year by=member,period")
        .expect("an answer");
    assert_eq!(
        render::csv::report(&answer),
        "member,period,measure,value,lower,upper,uncounted,members,as_of\n\
         inpud,2018,attendances,,34,52,0,inpud,2019-03-01\n\
         anpud,2018,attendances,,0,9,0,anpud,2019-03-01\n"
    );
}

#[test]
fn text_says_bounds_and_coverage_in_words() {
    let answer = book()
        .ask("training attendances in=2018 grain=year by=member")
        .expect("an answer");
    let text = render::text::report(&answer);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "member attendances members",
            "inpud between 34 and 52 inpud",
            "anpud fewer than 10 anpud",
            "",
            "An interval: the value lies from lower to upper, both included; from 0 it may be a \
             true 0.",
            "As of 2019-03-01, charter version 1.",
            "Coverage: all 2 summaries expected are here (1 late).",
        ]
    );
}

#[test]
fn the_canonical_form_does_not_depend_on_arrival() {
    let mut one = book();
    let ask = "training attendances in=2018 by=country partial";
    let canonical = |book: &Book| render::json::canonical(&book.ask(ask).expect("an answer"));
    let first = canonical(&one);
    assert!(!String::from_utf8_lossy(&first).contains("cosigned_by"));
    // The same logs, ANPUD's first, and cosigned by nobody.
    let summaries = ["anpud", "inpud"].map(|who| {
        let sets: &[_] = match who {
            "inpud" => &[("training.attendances", &[][..], between(34, 52))],
            _ => &[],
        };
        let mut summary = one.summary(who, "training/2018", sets);
        summary.revision = 1;
        summary
    });
    let mut other = Columns::new();
    for summary in &summaries {
        let (date, tree_size) = match summary.member.as_str() {
            "inpud" => ("2019-01-15", 1),
            _ => ("2019-03-01", 7),
        };
        let entry = Entry::Summary {
            series: summary.series,
            revision: 1,
            date: day(date),
            audience: counterfoil::charter::policy::Audience::Everybody,
        };
        other
            .ingest(&summary.member, 0, &entry, Some(summary))
            .expect("a leaf and its payload");
        let head = Head {
            tree_size,
            root_hash: [7; 32],
            cosigned_by: Vec::new(),
        };
        other.set_head(&summary.member, head);
    }
    one.columns = other;
    assert_eq!(
        String::from_utf8(canonical(&one)).expect("text"),
        String::from_utf8(first).expect("text")
    );
}
