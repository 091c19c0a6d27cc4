//! What adds up, over any records.

use proptest::prelude::*;

use super::*;

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
