//! The time that may follow a date, and nothing else may.

/// Returns whether a text is a time of day as machines and people write it: `9:41`, `09:41:05.250`,
/// `9:41 AM`, `9 pm`, with a zone or an offset behind it or not.
pub(super) fn is_time(text: &str) -> bool {
    let (hour, rest) = digits(text);
    if !in_range(hour, 24) {
        return false;
    }
    let (rest, has_minutes) = match rest.strip_prefix(':') {
        Some(rest) => match after_minutes(rest) {
            Some(rest) => (rest, true),
            None => return false,
        },
        None => (rest, false),
    };
    match after_half_day(rest) {
        Some(rest) => is_zone(rest),
        None => has_minutes && is_zone(rest),
    }
}

/// Takes minutes off, and seconds with their fraction where there are any.
fn after_minutes(text: &str) -> Option<&str> {
    let (minutes, rest) = digits(text);
    if minutes.len() != 2 || !in_range(minutes, 59) {
        return None;
    }
    let Some(rest) = rest.strip_prefix(':') else {
        return Some(rest);
    };
    let (seconds, rest) = digits(rest);
    // The sixtieth is a leap second.
    if seconds.len() != 2 || !in_range(seconds, 60) {
        return None;
    }
    match rest.strip_prefix(['.', ',']) {
        Some(rest) => Some(digits(rest))
            .filter(|(part, _)| !part.is_empty())
            .map(|(_, rest)| rest),
        None => Some(rest),
    }
}

/// Takes `AM` or `p.m.` off, or returns `None` where there is none.
fn after_half_day(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let halves = ["a.m.", "p.m.", "am", "pm"];
    halves.iter().find_map(|half| {
        let (head, rest) = text.split_at_checked(half.len())?;
        head.eq_ignore_ascii_case(half).then_some(rest)
    })
}

/// Returns whether a text is nothing, `Z`, an offset such as `+07:00`, or a zone such as `UTC`.
fn is_zone(text: &str) -> bool {
    let text = text.trim();
    if let Some(offset) = text.strip_prefix(['+', '-', '\u{2212}']) {
        let (hours, rest) = offset.split_at_checked(2).unwrap_or((offset, ""));
        let minutes = rest.strip_prefix(':').unwrap_or(rest);
        let is_whole = minutes.is_empty() == rest.is_empty();
        let are_minutes = minutes.is_empty() || (minutes.len() == 2 && in_range(minutes, 59));
        return in_range(hours, 15) && is_whole && are_minutes;
    }
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Splits the digits off a text's beginning.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// Returns whether a text is a number of one or two digits up to a bound.
fn in_range(text: &str, most: u8) -> bool {
    (1..=2).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u8>().is_ok_and(|number| number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_a_time_and_nothing_more() {
        for text in [
            "9:41",
            "09:41:05",
            "00:00:00.000000000",
            "10:00:00.000+07",
            "10:00:00+07:00",
            "10:00+0700",
            "10:00:00Z",
            "10:00:00 UTC",
            "9:41:05 AM",
            "9:41 p.m.",
            "9 pm",
            "24:00",
        ] {
            assert!(is_time(text), "{text}");
        }
        for text in [
            "",
            "banana",
            "foo",
            "to 2018-03-16",
            "9",
            "- 2018-03-16",
            "9:4",
            "25:00",
            "9:60",
            "9:41 to 10:30",
            "9:41-10:30:",
            "10:00:00.",
            "10:00+7:",
            "9:41 amnesia",
            "99 pm",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_not(text in ".{0,12}|[0-9:. ]{0,8}([APM.]{0,3}|[+-][0-9:]{0,5})") {
            let _either = is_time(&text);
        }
    }
}
