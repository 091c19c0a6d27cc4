//! Numbers as they are shown: integers of a measure's unit, with their decimal places put in.

use serde_json::{Number, Value};

use crate::model::Measure;
use crate::model::measure::Adds;

/// Shows an integer with `decimals` decimal places, without zeros that say nothing; money keeps
/// two.
pub(super) fn decimal(value: i64, decimals: u32, money: bool) -> String {
    let places = decimals as usize;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let kept = fraction
        .trim_end_matches('0')
        .len()
        .max(if money { places.min(2) } else { 0 });
    let sign = if value < 0 { "-" } else { "" };
    match &fraction[..kept] {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Returns the same for JSON: money as text, the rest as a number.
pub(super) fn json(value: i64, decimals: u32, money: bool) -> Value {
    if money {
        return decimal(value, decimals, money).into();
    }
    if decimals == 0 {
        return value.into();
    }
    let text = decimal(value, decimals, money);
    let number = text.parse::<i64>().map(Number::from).ok().or_else(|| {
        // Values stay below 2^50, and 15 digits survive a double.
        text.parse().ok().and_then(Number::from_f64)
    });
    number.map_or(Value::Null, Value::Number)
}

/// Returns whether figures of a measure are money.
pub(super) fn is_money(measure: &str) -> bool {
    measure
        .parse::<Measure>()
        .is_ok_and(|measure| measure.adds() == Adds::Magnitude)
}

/// Shows a cell for people: `12`, `1 to 9`, `at least 3`, or `–` where nothing is known.
pub(super) fn cell(
    value: Option<i64>,
    lower: i64,
    upper: Option<i64>,
    decimals: u32,
    money: bool,
) -> String {
    let show = |value| decimal(value, decimals, money);
    match (value, upper) {
        (Some(value), _) => show(value),
        (None, Some(upper)) => format!("{} to {}", show(lower), show(upper)),
        (None, None) if lower > 0 => format!("at least {}", show(lower)),
        (None, None) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_are_integers_hours_are_numbers_and_money_is_text() {
        assert_eq!(json(12, 0, false), serde_json::json!(12));
        assert_eq!(json(150, 2, false), serde_json::json!(1.5));
        assert_eq!(json(200, 2, false), serde_json::json!(2));
        assert_eq!(json(5, 2, false), serde_json::json!(0.05));
        assert_eq!(json(15_000_000, 4, true), serde_json::json!("1500.00"));
        assert_eq!(json(-12_345, 4, true), serde_json::json!("-1.2345"));
        assert_eq!(json(0, 4, true), serde_json::json!("0.00"));
    }

    #[test]
    fn cells_say_what_is_known() {
        assert_eq!(cell(Some(0), 0, Some(0), 0, false), "0");
        assert_eq!(cell(None, 0, Some(9), 0, false), "0 to 9");
        assert_eq!(cell(None, 3, None, 0, false), "at least 3");
        assert_eq!(cell(None, 0, None, 0, false), "–");
    }

    #[test]
    fn only_budget_and_spent_are_money() {
        assert!(is_money("budget") && is_money("spent"));
        assert!(!is_money("hours") && !is_money("nonsense"));
    }

    proptest! {
        #[test]
        fn hours_survive_json(value in -(1_i64 << 50)..1 << 50) {
            let shown = json(value, 2, false).as_f64().expect("a number");
            prop_assert_eq!((shown * 100.0).round() as i64, value);
        }
    }
}
