use crate::charter::policy::Of;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::model::{Dimension, dimension};
use crate::record::entry::{Fields, Row};
use crate::record::person::RecordKeys;
use crate::record::schema::{List, Shape};

/// Reads `field=value …` as it would be stored.
fn fields(shape: Shape, text: &str) -> Fields {
    let one = |setting: &str| {
        let (name, value) = setting.split_once('=').expect("field=value");
        let field = name.parse().expect("a field");
        let column = shape.column(field).expect("a field of the shape");
        (field, column.holds.decode(value).expect("a value"))
    };
    text.split_whitespace().map(one).collect()
}

fn record(kind: Kind, text: &str) -> Record {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let now = jiff::Timestamp::UNIX_EPOCH;
    Record {
        id: Uuid::from_u64_pair(0, number),
        kind,
        fields: fields(Shape::Kind(kind), &format!("title=x {text}")),
        lists: std::collections::BTreeMap::new(),
        created: now,
        updated: now,
        let_go: 0,
        source: None,
    }
}

fn training(text: &str) -> Record {
    record(Kind::Training, text)
}

/// Hangs rows on a record; a person is written as its name.
fn with(mut record: Record, list: List, rows: &[&str]) -> Record {
    let keys = RecordKeys::new([1; 32], [2; 32]);
    let named = |word: &str| match word.strip_prefix("person=") {
        Some(name) => format!("person={}", keys.pseudonym(name).expect("a name")),
        None => word.to_owned(),
    };
    let row = |text: &&str| {
        let words: Vec<String> = text.split_whitespace().map(named).collect();
        Row {
            key: keys.source_key(&[text.as_bytes()]),
            fields: fields(Shape::List(list), &words.join(" ")),
        }
    };
    record.lists.insert(list, rows.iter().map(row).collect());
    record
}

fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
    let codes = dimension
        .fixed_codes()
        .filter(|_| codes.is_empty())
        .unwrap_or(codes);
    Axis {
        dimension,
        codes: codes.iter().map(|c| (*c).to_owned()).collect(),
    }
}

fn me() -> MemberId {
    "inpud".parse().expect("an id")
}

fn count(records: &[Record], measure: Measure, period: &str, axes: &[Axis]) -> Vec<Tally> {
    count_signers(records, measure, period, axes, Of::Organisations)
}

fn count_signers(
    records: &[Record],
    measure: Measure,
    period: &str,
    axes: &[Axis],
    signers: Of,
) -> Vec<Tally> {
    let request = TableRequest {
        kind: records[0].kind,
        measure,
        axes,
        period: period.parse().expect("a period"),
        signers,
    };
    tabulate(records, request, &me())
}

fn values(tallies: &[Tally]) -> Vec<Option<i64>> {
    tallies.iter().map(|tally| tally.value).collect()
}

#[track_caller]
fn check(records: &[Record], measure: Measure, period: &str, value: Option<i64>, uncounted: u32) {
    let tally = count(records, measure, period, &[])[0];
    assert_eq!(
        (tally.value, tally.uncounted),
        (value, uncounted),
        "{measure} {period}"
    );
}

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

#[test]
fn a_person_is_counted_once_with_the_latest_band_and_several_places() {
    let came = |text: &str, row: &str| with(training(text), List::Participants, &[row]);
    let records = [
        came(
            "start=2018-05-09 country=TH",
            "person=a gender=woman age_band=25-29",
        ),
        came(
            "start=2018-01-09 country=VN",
            "person=a gender=man age_band=20-24",
        ),
        came("start=2018-02-09 country=TH", "person=b"),
        training("start=2018-03-09 attended=5 country=TH"),
        training("start=2018-03-10 attended=0 country=VN"),
    ];
    check(&records, Measure::People, "2018", Some(2), 1);
    check(&records, Measure::People, "2018Q2", Some(1), 0);
    let genders = count(
        &records,
        Measure::People,
        "2018",
        &[axis(Dimension::Gender3, &[])],
    );
    assert_eq!(values(&genders), [Some(1), Some(0), Some(1)]);
    let ages = count(
        &records,
        Measure::People,
        "2018",
        &[axis(Dimension::Age2, &[])],
    );
    assert_eq!(values(&ages), [Some(0), Some(1), Some(1)]);
    let places = axis(Dimension::Country, &["TH", "VN", "other", "several"]);
    let places = count(&records, Measure::People, "2018", &[places]);
    assert_eq!(values(&places), [Some(1), Some(0), Some(0), Some(1)]);
    assert_eq!(places[0].uncounted, 1);
    let regions = count(
        &records,
        Measure::People,
        "2018",
        &[axis(Dimension::Region, &[])],
    );
    assert_eq!(regions[2].value, Some(2));
}

#[test]
fn persons_without_a_pseudonym_leave_the_number_of_people_open() {
    let anonymous = with(
        training("start=2018-01-09"),
        List::Participants,
        &["gender=man", "gender=woman"],
    );
    check(
        std::slice::from_ref(&anonymous),
        Measure::People,
        "2018",
        None,
        1,
    );
    let tally = count(&[anonymous], Measure::Attendances, "2018", &[])[0];
    assert_eq!((tally.value, tally.contributors), (Some(2), 2));
}

#[test]
fn a_joint_activity_is_counted_by_its_lead_and_joined_by_the_others() {
    let text = "start=2018-01-09 attended=30 hours=6 joint_id=K7-MANGO topics=accounting";
    let lead = training(&format!("{text} lead=inpud"));
    let joined = training(&format!("{text} lead=anpud staff_reach=most"));
    check(
        std::slice::from_ref(&lead),
        Measure::Activities,
        "2018",
        Some(1),
        0,
    );
    check(
        std::slice::from_ref(&lead),
        Measure::ActivitiesJoined,
        "2018",
        Some(0),
        0,
    );
    check(
        std::slice::from_ref(&joined),
        Measure::ActivitiesJoined,
        "2018",
        Some(1),
        0,
    );
    for measure in [
        Measure::Activities,
        Measure::Hours,
        Measure::Attendances,
        Measure::People,
    ] {
        check(std::slice::from_ref(&joined), measure, "2018", Some(0), 0);
    }
    let reach = [
        axis(Dimension::Topic, &["accounting"]),
        axis(Dimension::Reach, &[]),
    ];
    let reach = count(
        std::slice::from_ref(&joined),
        Measure::StaffReach,
        "2018",
        &reach,
    );
    assert_eq!(values(&reach), [Some(0), Some(0), Some(1), Some(0)]);
    let joined = with(
        joined,
        List::Participants,
        &["person=a completed=yes", "person=b"],
    );
    check(
        std::slice::from_ref(&joined),
        Measure::Attendances,
        "2018",
        Some(2),
        0,
    );
    check(
        std::slice::from_ref(&joined),
        Measure::People,
        "2018",
        Some(2),
        0,
    );
    check(&[joined], Measure::Completions, "2018", Some(1), 0);
}

#[test]
fn what_is_kept_to_the_node_or_its_place_stays_there() {
    let hidden = training("start=2018-01-09 visibility=node attended=3");
    check(
        std::slice::from_ref(&hidden),
        Measure::Activities,
        "2018",
        Some(0),
        0,
    );
    let placed = training("start=2018-01-09 visibility=place_hidden country=TH");
    let axes = [axis(Dimension::Country, &["TH", "other", "withheld_place"])];
    let places = count(
        std::slice::from_ref(&placed),
        Measure::Activities,
        "2018",
        &axes,
    );
    assert_eq!(values(&places), [Some(0), Some(0), Some(1)]);
    let regions = count(
        &[hidden, placed],
        Measure::Activities,
        "2018",
        &[axis(Dimension::Region, &[])],
    );
    let withheld = dimension::REGIONS
        .iter()
        .position(|r| *r == "withheld_place");
    assert_eq!(regions.iter().position(|t| t.value == Some(1)), withheld);
}

#[test]
fn an_activity_counts_in_each_of_its_topics() {
    let records = [
        training("start=2018-01-09 topics=accounting;auditing hours=1.5 grant=rcf"),
        training("start=2018-01-09 topics=knitting hours=2"),
        training("start=2018-01-09"),
    ];
    let axes = [
        axis(Dimension::Topic, &["accounting", "auditing", "other"]),
        axis(Dimension::Grant, &["rcf", "none", "other"]),
    ];
    let hours = count(&records, Measure::Hours, "2018", &axes);
    let expected = [
        Some(150),
        Some(0),
        Some(0),
        Some(150),
        Some(0),
        Some(0),
        Some(0),
        Some(200),
        Some(0),
    ];
    assert_eq!(values(&hours), expected);
    assert_eq!((hours[7].uncounted, hours[7].activities), (1, 2));
}

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

fn some_training() -> impl Strategy<Value = Record> {
    let row = "person=[a-f]( gender=(woman|man|non_binary))?( age_band=(20-24|50\\+))?( role=(staff|absent))?";
    let text =
        "start=2018-0[1-9]-1[0-9]( attended=[0-9])?( country=(TH|VN|TH;VN))?( topics=(a|b|a;b))?";
    (text, proptest::collection::vec(row, 0..4)).prop_map(|(text, rows)| {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        with(training(&text), List::Participants, &rows)
    })
}

proptest! {
    #[test]
    fn splits_add_up_and_order_makes_no_difference(
        records in proptest::collection::vec(some_training(), 1..8),
    ) {
        let mut backwards = records.clone();
        backwards.reverse();
        for measure in [Measure::Attendances, Measure::People, Measure::Completions] {
            let total = count(&records, measure, "2018", &[])[0];
            prop_assert!(total.contributors <= total.value.unwrap_or(0).unsigned_abs());
            for by in [Dimension::Gender, Dimension::Gender3, Dimension::AgeBand, Dimension::Region] {
                let axes = [axis(by, &[])];
                let split = count(&records, measure, "2018", &axes);
                let sum: i64 = split.iter().filter_map(|tally| tally.value).sum();
                prop_assert_eq!(sum, total.value.unwrap_or(0), "{} {}", measure, by);
                let uncounted: u32 = split.iter().map(|tally| tally.uncounted).sum();
                prop_assert_eq!(uncounted, total.uncounted);
                prop_assert_eq!(&split, &count(&backwards, measure, "2018", &axes));
            }
        }
        let people = count(&records, Measure::People, "2018", &[])[0].value;
        let attendances = count(&records, Measure::Attendances, "2018", &[])[0].value;
        prop_assert!(people.unwrap_or(0) <= attendances.unwrap_or(0));
    }

    #[test]
    fn quarters_add_up_to_the_year(records in proptest::collection::vec(some_training(), 1..8)) {
        for measure in [Measure::Activities, Measure::Attendances, Measure::Hours] {
            let of = |period: &str| count(&records, measure, period, &[])[0];
            let quarters = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"].map(of);
            let sum: i64 = quarters.iter().filter_map(|tally| tally.value).sum();
            prop_assert_eq!(sum, of("2018").value.unwrap_or(0));
        }
    }
}
