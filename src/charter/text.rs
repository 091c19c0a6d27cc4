//! The charter's text: who is in the consortium, who signs, and what everybody publishes.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::encoding;
use super::error::{CharterError, meaning, read_body};
use super::member::{Governor, Member};
use super::policy::{Policy, TableSpec};
use super::words;
use crate::identity::keys::{governor_verifier, log_name, log_verifier, witness_verifier};
use crate::identity::{PublicKey32, VerifierKey};
use crate::model::{Axis, ConsortiumId, MemberId, Period};

pub(super) const FIRST_LINE: &str = "counterfoil/charter/v1";

/// Most bytes a charter may have, signatures included.
pub const MOST_CHARTER_LEN: usize = 1 << 20;

/// How long before it expires a charter begins to say so.
const WARNING_DAYS: i64 = 60;

/// One version of the charter, read and checked; whether it counts is for [`super::verify`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    text: String,
    body: Body,
}

/// The TOML under the first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) consortium: ConsortiumId,
    pub(super) version: u32,
    /// SHA-256 of the text of the version before; version 1 has none.
    #[serde(
        default,
        with = "encoding::optional_hash",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) previous: Option<[u8; 32]>,
    /// From when reporting is expected.
    pub(super) since: Period,
    #[serde(with = "encoding::date")]
    pub(super) expires: Date,
    pub(super) threshold: u32,
    pub(super) governor: Vec<Governor>,
    pub(super) member: Vec<Member>,
    pub(super) policy: Policy,
}

impl Body {
    /// Writes the text a charter is signed over.
    pub(super) fn to_text(&self) -> Result<String, CharterError> {
        let body = toml::to_string(self).map_err(|error| meaning("charter", error.to_string()))?;
        Ok(format!("{FIRST_LINE}\n{body}"))
    }
}

impl Charter {
    /// Reads a charter's text, without signatures.
    ///
    /// # Errors
    /// Names the line, or the part and what would be accepted.
    pub fn parse(text: &str) -> Result<Self, CharterError> {
        if text.len() > MOST_CHARTER_LEN {
            return Err(meaning("charter", "is longer than 1048576 bytes"));
        }
        let mut body: Body = read_body(text, FIRST_LINE, "charter")?;
        body.policy.check()?;
        body.since = body.since.with_financial_year(body.policy.fy_month());
        let charter = Self {
            text: text.to_owned(),
            body,
        };
        charter.check()?;
        Ok(charter)
    }

    /// Returns the consortium it is of.
    pub const fn consortium(&self) -> &ConsortiumId {
        &self.body.consortium
    }

    /// Returns its version, from 1.
    pub const fn version(&self) -> u32 {
        self.body.version
    }

    /// Returns the hash of the version before it; `None` for version 1.
    pub const fn previous(&self) -> Option<[u8; 32]> {
        self.body.previous
    }

    /// Returns the first period members are expected to report on.
    pub const fn since(&self) -> Period {
        self.body.since
    }

    /// Returns the last day it is meant to be in force; it stays valid after it.
    pub const fn expires(&self) -> Date {
        self.body.expires
    }

    /// Returns how many governors must sign.
    pub const fn threshold(&self) -> u32 {
        self.body.threshold
    }

    /// Returns those who sign.
    pub fn governors(&self) -> &[Governor] {
        &self.body.governor
    }

    /// Returns everybody named in it, those who left included.
    pub fn members(&self) -> &[Member] {
        &self.body.member
    }

    /// Returns a member, also one who left.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members().iter().find(|member| member.id == *id)
    }

    /// Returns the members who are here and have a log, in the charter's order.
    pub fn publishers(&self) -> impl Iterator<Item = &Member> {
        self.members()
            .iter()
            .filter(|member| member.is_active() && !member.relay)
    }

    /// Returns the members expected to report on a period.
    pub fn expected(&self, period: Period) -> impl Iterator<Item = &Member> {
        self.members()
            .iter()
            .filter(move |member| member.is_expected(period, self.since()))
    }

    /// Returns what was agreed to be published.
    pub const fn policy(&self) -> &Policy {
        &self.body.policy
    }

    /// Returns the axes a table of the plan has when `member` publishes it.
    pub fn axes_for(&self, table: &TableSpec, member: &MemberId) -> Option<Vec<Axis>> {
        let member = self.member(member)?;
        Some(self.policy().axes(table, &member.countries))
    }

    /// Returns the origin of a member's log.
    pub fn origin(&self, member: &MemberId) -> String {
        log_name(self.consortium(), member).to_string()
    }

    /// Returns the member whose log has this origin.
    pub fn member_of_origin(&self, origin: &str) -> Option<&Member> {
        let member = origin
            .strip_prefix(self.consortium().as_str())?
            .strip_prefix('/')?;
        let id = member.parse().ok()?;
        self.member(&id).filter(|member| member.log_key.is_some())
    }

    /// Returns the key that verifies a member's checkpoints, also of one who left.
    pub fn log_vkey(&self, member: &MemberId) -> Option<VerifierKey> {
        let key = self.member(member)?.log_key?;
        log_verifier(self.consortium(), member, key).ok()
    }

    /// Returns the keys that verify cosignatures, of everybody who has not left.
    pub fn witness_vkeys(&self) -> Vec<(&MemberId, VerifierKey)> {
        let active = self.members().iter().filter(|member| member.is_active());
        active
            .filter_map(|member| {
                let key = witness_verifier(self.consortium(), &member.id, member.witness_key);
                Some((&member.id, key.ok()?))
            })
            .collect()
    }

    /// Returns the keys of those who can witness `member`'s log: everybody else.
    pub fn witnesses_of(&self, member: &MemberId) -> Vec<(&MemberId, VerifierKey)> {
        let mut keys = self.witness_vkeys();
        keys.retain(|(witness, _)| *witness != member);
        keys
    }

    /// Returns how many of `member`'s witnesses make a quorum: so many that two heads which
    /// contradict each other cannot both have it while no more than `f` witnesses lie.
    ///
    /// Two quorums of q among n share at least 2q − n witnesses, and that must exceed f.
    pub fn witness_quorum(&self, member: &MemberId) -> usize {
        let witnesses = self.witness_vkeys();
        let others = witnesses.iter().filter(|(id, _)| *id != member).count();
        let f = usize::try_from(self.policy().witness.f).unwrap_or(usize::MAX);
        others.saturating_add(f) / 2 + 1
    }

    /// Returns the certificates a member's own certificates are signed by, as DER; empty for one
    /// who left or is not named.
    pub fn tls_cas(&self, member: &MemberId) -> Vec<Vec<u8>> {
        self.member(member)
            .filter(|member| member.is_active())
            .map(|member| member.tls_cas.clone())
            .unwrap_or_default()
    }

    /// Returns the keys a member signs charters with: its governor key and its recovery key.
    pub fn signing_keys(&self, member: &MemberId) -> Option<[PublicKey32; 2]> {
        let governor = self.governors().iter().find(|g| g.member == *member);
        match governor {
            Some(governor) => Some([governor.key, governor.recovery]),
            None => {
                let member = self.member(member)?;
                Some([member.governor_key?, member.recovery_key?])
            }
        }
    }

    /// Returns the same keys as they stand under notes.
    pub(super) fn signing_vkeys(&self, member: &MemberId) -> Vec<VerifierKey> {
        let keys = self.signing_keys(member).into_iter().flatten();
        keys.filter_map(|key| governor_verifier(self.consortium(), member, key).ok())
            .collect()
    }

    /// Returns whether `member` is among those who sign.
    pub fn is_governor(&self, member: &MemberId) -> bool {
        self.governors().iter().any(|g| g.member == *member)
    }

    /// Returns the text that is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the SHA-256 of its text, which the next version names.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.text).into()
    }

    /// Returns the six words that stand for its hash.
    pub fn fingerprint(&self) -> String {
        words::fingerprint(&self.text)
    }

    /// Returns what is to be said of its expiry on the day `today`.
    pub fn expiry(&self, today: Date) -> Option<Expiry> {
        let expires = self.expires();
        if today > expires {
            return Some(Expiry::Passed { expires });
        }
        let warned = today.saturating_add(WARNING_DAYS.days());
        (warned >= expires).then_some(Expiry::Near { expires })
    }

    pub(super) const fn body(&self) -> &Body {
        &self.body
    }
}

/// What is to be said of a charter's expiry. It never stops counting: a consortium that cannot meet
/// in time must not lose its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It expires within 60 days.
    Near {
        /// Its last day.
        expires: Date,
    },
    /// It has expired.
    Passed {
        /// What was its last day.
        expires: Date,
    },
}

impl Expiry {
    /// Returns the word health reports call it by.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Near { .. } => "charter_expires_soon",
            Self::Passed { .. } => "charter_expired",
        }
    }
}

impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Near { expires } => write!(f, "the charter expires on {expires}"),
            Self::Passed { expires } => write!(f, "the charter expired on {expires}"),
        }?;
        f.write_str("; agree on its next version")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{charter, draft, id, person, person_as};
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn a_charter_answers_what_others_ask() {
        let charter = charter();
        let inpud = id("inpud");
        assert_eq!(charter.origin(&inpud), "demo/inpud");
        assert_eq!(
            charter.member_of_origin("demo/inpud"),
            charter.member(&inpud)
        );
        for stranger in [
            "demo/relay",
            "demo/x",
            "demo/",
            "demo",
            "demoinpud",
            "other/inpud",
        ] {
            assert_eq!(charter.member_of_origin(stranger), None, "{stranger}");
        }
        let vkey = charter.log_vkey(&inpud).expect("a log key").to_string();
        assert!(vkey.starts_with("demo/inpud+"), "{vkey}");
        assert_eq!(charter.log_vkey(&id("relay")), None);
        assert_eq!(charter.witness_vkeys().len(), 3);
        assert_eq!(charter.tls_cas(&inpud), [[0x30, 1]]);
        assert!(charter.tls_cas(&id("x")).is_empty());
        let by_country = charter.policy().table.iter().find(|t| t.by.len() == 1);
        let axes = charter.axes_for(by_country.expect("a table"), &inpud);
        assert_eq!(axes.expect("a member").len(), 1);
        assert!(charter.is_governor(&inpud) && !charter.is_governor(&id("relay")));
        assert_eq!(charter.fingerprint(), words::fingerprint(charter.text()));
    }

    #[test]
    fn two_quorums_share_more_witnesses_than_may_lie() {
        for f in 0..2u32 {
            let mut body = charter().body;
            body.policy.witness.f = f;
            let charter = Charter::parse(&body.to_text().expect("a text")).expect("a charter");
            let inpud = id("inpud");
            let n = charter.witnesses_of(&inpud).len();
            let q = charter.witness_quorum(&inpud);
            assert!(
                2 * q > n + f as usize && 2 * (q - 1) <= n + f as usize,
                "n={n} f={f} q={q}"
            );
        }
        let mut body = charter().body;
        body.policy.witness.f = 4;
        let refused = Charter::parse(&body.to_text().expect("a text"));
        let error = refused
            .expect_err("no log could have that many")
            .to_string();
        assert!(
            error.contains("policy.witness.f: with 4 that may lie"),
            "{error}"
        );
    }

    #[test]
    fn who_reports_is_who_was_there() {
        let mut body = charter().body;
        body.member[1].joined = Some(date(2018, 4, 1));
        body.member[1].left = Some(date(2019, 1, 1));
        let moved = body.governor.remove(1);
        (body.member[1].governor_key, body.member[1].recovery_key) =
            (Some(moved.key), Some(moved.recovery));
        body.threshold = 1;
        let charter = Charter::parse(&body.to_text().expect("a text")).expect("a charter");
        let expected = |period: &str| -> Vec<&str> {
            let period = period.parse().expect("a period");
            charter.expected(period).map(|m| m.id.as_str()).collect()
        };
        assert_eq!(expected("2017Q4"), [""; 0]);
        assert_eq!(expected("2018Q1"), ["inpud"]);
        assert_eq!(expected("2018Q2"), ["inpud", "anpud"]);
        assert_eq!(expected("2018Q4"), ["inpud", "anpud"]);
        assert_eq!(expected("2019Q1"), ["inpud"]);
        assert_eq!(expected("2018"), ["inpud"]);
        assert_eq!(charter.publishers().count(), 1);
        assert!(charter.tls_cas(&id("anpud")).is_empty());
        assert!(charter.log_vkey(&id("anpud")).is_some());
    }

    #[test]
    fn syntax_errors_name_the_line_of_the_note() {
        let text = charter().text;
        for (from, to, part_of_error) in [
            ("version = 1", "version = -1", "charter line 3:"),
            (
                "version = 1",
                "versio = 1",
                "charter line 3: unknown field `versio`",
            ),
            ("since = \"2018\"", "since = \"2018-13\"", "charter line 4:"),
            (
                "expires = \"2021-04-12\"",
                "expires = \"2021-4-12\"",
                "is not a date such as",
            ),
        ] {
            let error = Charter::parse(&text.replacen(from, to, 1)).expect_err("changed");
            assert!(error.to_string().contains(part_of_error), "{error}");
        }
        let card = Charter::parse(&text.replace("charter/v1", "card/v1"));
        assert!(matches!(card, Err(CharterError::FirstLine { .. })));
        let long = format!("{text}{}", "#\n".repeat(MOST_CHARTER_LEN / 2));
        assert!(Charter::parse(&long).is_err());
    }

    #[test]
    fn expiry_is_said_sixty_days_before() {
        let charter = charter();
        let expires = date(2021, 4, 12);
        for (today, expected) in [
            (date(2021, 2, 10), None),
            (date(2021, 2, 11), Some(Expiry::Near { expires })),
            (expires, Some(Expiry::Near { expires })),
            (date(2021, 4, 13), Some(Expiry::Passed { expires })),
        ] {
            assert_eq!(charter.expiry(today), expected, "{today}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_body_is_read_or_refused(body in "([a-z_.\\[\\]=\"0-9 ]{0,20}\n){0,8}|\\PC{0,80}") {
            let text = format!("{FIRST_LINE}\n{body}");
            prop_assert!(Charter::parse(&text).is_err());
        }

        #[test]
        fn a_text_changed_anywhere_is_read_or_refused(at: proptest::sample::Index, to: char) {
            let text = charter().text;
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            if let Ok(charter) = Charter::parse(&changed) {
                prop_assert_eq!(charter.text(), changed);
            }
        }

        #[test]
        fn charters_round_trip(
            name in "[^\\p{Cc}]{1,40}",
            threshold in 1..=2u32,
            year in 1000i16..9000,
            joined in 0..3000i32,
        ) {
            let joined = date(2018, 1, 1).checked_add(joined.days()).expect("in range");
            let two = person_as("anpud", 2, |member| member.name = name);
            let mut body = draft(&[&person("inpud", 1), &two], threshold).charter().body.clone();
            body.member[1].joined = Some(joined);
            body.since = Period::year(year);
            body.expires = date(year, 12, 31);
            let text = body.to_text().expect("a text");
            prop_assert_eq!(Charter::parse(&text).expect("a charter").body, body);
        }
    }
}
