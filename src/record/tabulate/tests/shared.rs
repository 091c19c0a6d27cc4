//! Activities of several networks, of no told place, of several topics.

use super::*;

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
