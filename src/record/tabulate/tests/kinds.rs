//! What the other kinds of record count.

use super::*;

#[test]
fn suggestions_count_on_the_day_of_each_change() {
    let mut rows = vec!["made=2018-04-01 status=promised decided=2018-11-02"; 3];
    rows.extend([
        "made=2018-05-01",
        "made=2018-05-02 status=withdrawn",
        "status=refused",
    ]);
    let consultation = record(
        Kind::Consultation,
        "start=2018-03-30 document=standards meetings=2",
    );
    let records = [with(consultation, List::Suggestions, &rows)];
    check(&records, Measure::SuggestionsSent, "2018Q1", Some(1), 0);
    check(&records, Measure::SuggestionsSent, "2018Q2", Some(5), 0);
    check(&records, Measure::SuggestionsSent, "2018", Some(6), 0);
    check(&records, Measure::SuggestionsPromised, "2018Q2", Some(0), 0);
    check(&records, Measure::SuggestionsPromised, "2018Q4", Some(3), 0);
    check(&records, Measure::SuggestionsOpen, "2018Q2", Some(1), 0);
    check(&records, Measure::SuggestionsOpen, "2018Q4", Some(0), 0);
    check(&records, Measure::SuggestionsRefused, "2018Q1", Some(1), 0);
    check(&records, Measure::Meetings, "2018", Some(2), 0);
    let axes = [axis(Dimension::Document, &["standards", "other"])];
    let sent = count(&records, Measure::SuggestionsSent, "2018", &axes);
    assert_eq!(values(&sent), [Some(6), Some(0)]);
}

#[test]
fn signatories_are_organisations_unless_individuals_are_asked_for() {
    let action = record(Kind::AdvocacyAction, "start=2018-02-01 country=CH");
    let records = [with(
        action,
        List::Signatories,
        &[
            "name=A scope=national country=TH public=yes type=organisation",
            "name=E country=TH public=yes",
            "name=B scope=international type=organisation",
            "name=C country=TH",
            "person=d type=individual country=TH",
        ],
    )];
    check(&records, Measure::Signatories, "2018Q1", Some(4), 0);
    let scopes = count(
        &records,
        Measure::Signatories,
        "2018",
        &[axis(Dimension::Scope, &[])],
    );
    assert_eq!(values(&scopes), [Some(1), Some(0), Some(1), Some(0)]);
    let places = [axis(Dimension::Country, &["TH", "other"])];
    let of = |signers| count_signers(&records, Measure::Signatories, "2018", &places, signers);
    assert_eq!(values(&of(Of::PublicOrganisations)), [Some(1), Some(0)]);
    // Of whom nobody says what they are, no country is told.
    assert_eq!(values(&of(Of::Organisations)), [Some(1), Some(3)]);
    let individuals = of(Of::Individuals);
    assert_eq!(
        (individuals[0].value, individuals[0].contributors),
        (Some(1), 1)
    );
    let joined = record(
        Kind::AdvocacyAction,
        "start=2018-02-01 joint_id=K7-MANGO lead=anpud",
    );
    let joined = with(joined, List::Signatories, &["name=A", "name=B"]);
    check(&[joined], Measure::Signatories, "2018", Some(0), 0);
}

#[test]
fn projects_run_from_their_start_until_they_end() {
    let project = |text: &str| record(Kind::JointProject, text);
    let records = [
        project("start=2017-05-01 finished=2018-08-31 status=finished currency=EUR budget=1000.50"),
        project("start=2018-02-01 status=running spent=2"),
        project("start=2018-03-01 status=cancelled end=2018-04-30"),
        project("start=2018-12-31 status=planned"),
    ];
    check(&records, Measure::Running, "2017Q1", Some(0), 0);
    check(&records, Measure::Running, "2018Q1", Some(3), 0);
    check(&records, Measure::Running, "2018Q2", Some(2), 0);
    check(&records, Measure::Running, "2018", Some(1), 0);
    check(&records, Measure::Finished, "2018", Some(1), 0);
    check(&records, Measure::Finished, "2018Q1", Some(0), 0);
    check(&records, Measure::Activities, "2018", Some(3), 0);
    let axes = [axis(Dimension::Currency, &["EUR", "USD"])];
    let budget = count(&records, Measure::Budget, "2017", &axes);
    assert_eq!(values(&budget), [Some(10_005_000), Some(0)]);
    check(&records, Measure::Spent, "2018", Some(20_000), 2);
    let steps = with(
        project("start=2017-01-01"),
        List::Milestones,
        &[
            "title=a due=2018-01-31 done=2018-04-02",
            "title=b due=2018-02-28",
        ],
    );
    check(
        std::slice::from_ref(&steps),
        Measure::MilestonesDue,
        "2018Q1",
        Some(2),
        0,
    );
    check(
        std::slice::from_ref(&steps),
        Measure::MilestonesDone,
        "2018Q1",
        Some(0),
        0,
    );
    check(&[steps], Measure::MilestonesDone, "2018Q2", Some(1), 0);
}

#[test]
fn the_last_word_on_an_item_stands() {
    let capacity = |text: &str| record(Kind::CapacityMilestone, text);
    let records = [
        capacity("start=2018-06-01 domain=hr item=manual state=done"),
        capacity("start=2017-06-01 domain=hr item=manual state=in_progress"),
        capacity("start=2018-02-01 domain=hr item=charter state=planned"),
    ];
    let axes = [
        axis(Dimension::Domain, &["hr", "other"]),
        axis(Dimension::Item, &["manual", "other"]),
        axis(Dimension::State, &[]),
    ];
    let at = |period: &str, codes: &[&str]| {
        let index = crate::model::table::index_of(&axes, codes).expect("on the axes");
        count(&records, Measure::NetworksWith, period, &axes)[index].value
    };
    assert_eq!(at("2018Q1", &["hr", "manual", "in_progress"]), Some(1));
    assert_eq!(at("2018Q1", &["hr", "manual", "done"]), Some(0));
    assert_eq!(at("2018Q4", &["hr", "manual", "done"]), Some(1));
    assert_eq!(at("2018Q4", &["hr", "manual", "in_progress"]), Some(0));
    assert_eq!(at("2018Q4", &["hr", "other", "planned"]), Some(1));
}

#[test]
fn policies_stand_until_another_record_says_otherwise() {
    let capacity = |text: &str, rows: &[&str]| {
        with(record(Kind::CapacityMilestone, text), List::Policies, rows)
    };
    let records = [
        capacity(
            "start=2018-01-01",
            &["code=hr status=in_use", "code=finance status=draft"],
        ),
        capacity(
            "start=2018-07-01",
            &["code=finance status=in_use approved=2018-12-01"],
        ),
        capacity("start=2019-01-01", &["code=hr status=under_review"]),
    ];
    for (period, value) in [
        ("2017", 0),
        ("2018Q1", 1),
        ("2018Q3", 1),
        ("2018", 2),
        ("2019", 1),
    ] {
        check(&records, Measure::PoliciesInUse, period, Some(value), 0);
    }
}

#[test]
fn the_latest_reach_of_the_year_stands_for_each_topic() {
    let records = [
        training("start=2018-09-01 topics=accounting;auditing staff_reach=all"),
        training("start=2018-02-01 topics=accounting staff_reach=some"),
        training("start=2018-11-01 topics=auditing"),
        training("start=2017-11-01 topics=auditing staff_reach=none"),
    ];
    let axes = [
        axis(Dimension::Topic, &["accounting", "auditing", "other"]),
        axis(Dimension::Reach, &[]),
    ];
    let reach = count(&records, Measure::StaffReach, "2018", &axes);
    let set: Vec<_> = reach
        .iter()
        .enumerate()
        .filter(|(_, t)| t.value == Some(1))
        .collect();
    let codes = |at: usize| crate::model::table::codes_at(&axes, at);
    let set: Vec<_> = set.iter().map(|(at, _)| codes(*at)).collect();
    assert_eq!(set, [["accounting", "all"], ["auditing", "all"]]);
}
