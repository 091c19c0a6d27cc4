//! What a setting's text may be: each reading says what is wrong, and what would be accepted.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::store::backup::Recipients;

/// Most days a setting may ask for: ten years.
const MOST_DAYS: u32 = 3_660;

pub(super) fn word<T: FromStr<Err = crate::model::UnknownWord>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: T::Err| format!("is {}; accepted: {}", quoted(text), error.accepted))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("is {}, not an address and port", quoted(text)))
}

pub(super) fn address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        _ => address(text)
            .map(Some)
            .map_err(|problem| problem + " or off"),
    }
}

pub(super) fn days(text: &str) -> Result<Option<u32>, String> {
    let days = || text.parse().ok().filter(|days| *days <= MOST_DAYS);
    match text {
        "off" => Ok(None),
        _ => days().map(Some).ok_or_else(|| {
            format!(
                "is {}, not a whole number of days from 0 to {MOST_DAYS}, or off",
                quoted(text)
            )
        }),
    }
}

pub(super) fn connections(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroU32| count.get() <= 16_384)
        .ok_or_else(|| format!("is {}, not a whole number from 1 to 16384", quoted(text)))
}

pub(super) fn persons(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroU32| count.get() <= 10)
        .ok_or_else(|| format!("is {}, not a whole number from 1 to 10", quoted(text)))
}

/// Reads a size in bytes, such as `128MB`; a bare number is bytes.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 32 << 20;
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(
        trimmed
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(trimmed.len()),
    );
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => Some(0),
        "K" | "KB" | "KIB" => Some(10),
        "M" | "MB" | "MIB" => Some(20),
        "G" | "GB" | "GIB" => Some(30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(shift);
    bytes
        .and_then(|(number, shift)| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes >= LEAST)
        .ok_or_else(|| format!("is {}, not a size of 32MB or more", quoted(text)))
}

pub(super) fn recipients(text: &str) -> Result<Vec<String>, String> {
    let given: Vec<String> = text
        .split([',', ' '])
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    match given.is_empty() || Recipients::keys(&given).is_ok() {
        true => Ok(given),
        // Whoever mixed the two up has their secret key there.
        false if text.to_ascii_uppercase().contains("AGE-SECRET") => {
            Err("is a secret key, not recipients such as age1…".to_owned())
        }
        false => Err(format!("is {}, not recipients such as age1…", quoted(text))),
    }
}

/// Splits a command the way a shell would, without one; nothing is a command that is off.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(text).ok_or("has a quote that is not closed")?;
    match words.first() {
        Some(program) if program.is_empty() => Err("names no program".to_owned()),
        _ => Ok(words),
    }
}

pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let days = || text.strip_suffix('d')?.trim_end().parse::<i64>().ok();
    text.parse::<jiff::SignedDuration>()
        .ok()
        .or_else(|| {
            Some(jiff::SignedDuration::from_secs(
                days()?.checked_mul(86_400)?,
            ))
        })
        .or_else(|| text.parse().ok().map(jiff::SignedDuration::from_secs))
        .and_then(|given| Duration::try_from(given).ok())
        .filter(|given| (least..=most).contains(given))
        .ok_or_else(|| {
            format!(
                "is {}, not a time from {} to {} seconds such as 90s, 15m, 2h or 7d",
                quoted(text),
                least.as_secs(),
                most.as_secs()
            )
        })
}

/// Reads where a node is reached: `https://host:port`, nothing after it. The host may be a name,
/// an IPv4 address, or an IPv6 address in brackets.
///
/// # Errors
/// Says what it must look like.
pub fn endpoint(text: &str) -> Result<String, String> {
    let good = || {
        let uri: http::Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let host = authority.host();
        (uri.scheme_str() == Some("https")
            && bare
            && !host.is_empty()
            && authority.port_u16().is_some_and(|port| port > 0)
            && !authority.as_str().contains('@'))
        .then(|| format!("https://{authority}"))
    };
    good().ok_or_else(|| format!("is {}, not https://host:port", quoted(text)))
}

/// Quotes the beginning of what was written, on one line.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    format!("'{}'", short.escape_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_units() {
        let read = |text| {
            duration(
                text,
                Duration::from_secs(1),
                Duration::from_secs(7 * 86_400),
            )
        };
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("15 minutes", 900),
            ("2h", 7200),
            ("7d", 7 * 86_400),
            ("45", 45),
        ] {
            assert_eq!(read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["0s", "-5m", "8d", "", "99999999999999999999h"] {
            read(text).expect_err(text);
        }
    }

    #[test]
    fn endpoints_are_https_with_a_port() {
        for good in [
            "https://node.example:7443",
            "https://[::1]:1",
            "https://10.0.0.1:65535/",
        ] {
            endpoint(good).expect(good);
        }
        for wrong in [
            "node:1",
            "https://node",
            "https://node:0",
            "https://u@node:1",
            "https://node:1/x",
            "https://:1",
            "",
        ] {
            endpoint(wrong).expect_err(wrong);
        }
    }

    proptest! {
        #[test]
        fn an_endpoint_that_is_taken_is_taken_again(text in "(https?://)?[a-z0-9.:@/\\[\\]-]{0,30}") {
            if let Ok(url) = endpoint(&text) {
                prop_assert_eq!(endpoint(&url), Ok(url.clone()));
            }
        }
    }
}
