//! Different persons, each counted once.

use super::*;

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
