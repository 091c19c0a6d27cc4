//! `release publish --hold`, `release holds|cancel`: drafts that leave later.

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, table};
use crate::wire;

/// Reads how long a draft is held, `30m`, `24h` or `2d`, and returns it in seconds.
pub(super) fn seconds(given: &str) -> Result<u64, String> {
    let expected = || "expected a time from 1m to 30d, such as 30m, 24h or 2d".to_owned();
    let (number, unit) = given
        .char_indices()
        .next_back()
        .map(|(at, unit)| (&given[..at], unit))
        .ok_or_else(expected)?;
    let unit = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let is_plain = number.len() <= 9 && number.bytes().all(|digit| digit.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| is_plain);
    number
        .map(|number| number * unit)
        .filter(|seconds| (60..=30 * 86_400).contains(seconds))
        .ok_or_else(expected)
}

pub(super) async fn list<H: Host>(context: &Context<'_, H>) -> Result<u8, Failure> {
    let request = wire::ListHoldsRequest {};
    let listed = context
        .with_node(Plane::Private, async |node| node.list_holds(request).await)
        .await?;
    let holds = listed.holds.into_iter().map(Hold::from).collect();
    context.answer(&HoldsReply { holds })
}

pub(super) async fn cancel<H: Host>(
    digest: String,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let request = wire::CancelHoldRequest { digest };
    let cancelled = context
        .with_node(Plane::Private, async |node| node.cancel_hold(request).await)
        .await?
        .cancelled
        .unwrap_or_default();
    context.answer(&CancelReply {
        digest: cancelled.digest,
        cancelled: true,
        period: cancelled.period,
    })
}

/// A draft that leaves later.
#[derive(Debug, Serialize)]
pub(super) struct Hold {
    pub(super) digest: String,
    pub(super) period: String,
    pub(super) until: String,
    kinds: Vec<String>,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

impl From<wire::Hold> for Hold {
    fn from(hold: wire::Hold) -> Self {
        Self {
            digest: hold.digest,
            period: hold.period,
            until: hold.until,
            kinds: hold.kinds,
            state: hold.state,
            reason: hold.reason,
        }
    }
}

#[derive(Debug, Serialize)]
struct HoldsReply {
    holds: Vec<Hold>,
}

impl Reply for HoldsReply {
    fn human(&self) -> String {
        if self.holds.is_empty() {
            return "Nothing is held.\n".to_owned();
        }
        let rows: Vec<[String; 5]> = self
            .holds
            .iter()
            .map(|hold| {
                [
                    hold.digest.clone(),
                    hold.period.clone(),
                    hold.kinds.join(", "),
                    hold.until.clone(),
                    match hold.reason.as_str() {
                        "" => hold.state.clone(),
                        reason => format!("{}: {reason}", hold.state),
                    },
                ]
            })
            .collect();
        let mut text = table(["digest", "period", "kinds", "until", "state"], &rows);
        if self.holds.iter().any(|hold| hold.state == "stale") {
            text.push_str(
                "What is stale does not leave: take it back with counterfoil release cancel \
                 DIGEST, and preview the period again.\n",
            );
        }
        text
    }
}

#[derive(Debug, Serialize)]
struct CancelReply {
    digest: String,
    cancelled: bool,
    period: String,
}

impl Reply for CancelReply {
    fn human(&self) -> String {
        format!("The draft of {} does not leave.\n", self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hold_has_a_unit_and_bounds() {
        for (given, wanted) in [
            ("1m", 60),
            ("90m", 5_400),
            ("24h", 86_400),
            ("2d", 172_800),
            ("30d", 2_592_000),
        ] {
            assert_eq!(seconds(given), Ok(wanted), "{given}");
        }
        for wrong in [
            "",
            "m",
            "0m",
            "59s",
            "31d",
            "24",
            "1.5h",
            "-1h",
            "+1h",
            "1 h",
            "٣h",
            "99999999999d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stale_hold_says_what_to_do() {
        let hold = wire::Hold {
            digest: "d1".to_owned(),
            state: "stale".to_owned(),
            reason: "records changed".to_owned(),
            ..wire::Hold::default()
        };
        let holds = vec![Hold::from(hold)];
        let text = HoldsReply { holds }.human();
        assert!(text.contains("stale: records changed"), "{text}");
        assert!(text.contains("release cancel DIGEST"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_refused(given in ".{0,12}") {
            if let Ok(seconds) = seconds(&given) {
                prop_assert!((60..=2_592_000).contains(&seconds));
            }
        }
    }
}
