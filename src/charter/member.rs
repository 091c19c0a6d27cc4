//! A member as its card and the charter describe it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::encoding;
use super::error::{CharterError, meaning};
use super::policy::Size;
use crate::identity::PublicKey32;
use crate::identity::keys::card_verifier;
use crate::model::{MemberId, Period, country, words};

words! {
    /// What a member is to the consortium today.
    pub enum MemberState as "member state" {
        /// Publishes, replicates and witnesses.
        Member = "member",
        /// Replicates, witnesses and passes on; has no log of its own.
        Relay = "relay",
        /// Was a member once; its log stays verifiable.
        Left = "left",
    }
}

/// One member: what it says of itself in its card, and what the charter adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its identifier, the same for ever.
    pub id: MemberId,
    /// Its name, for people to read.
    pub name: String,
    /// Declared size, which decides what tables it publishes.
    pub size: Size,
    /// ISO 3166-1 alpha-2 codes of the countries its tables name.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Whether it only replicates and witnesses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relay: bool,
    /// Its governor key. In a charter it stands here only where the member is no governor: the
    /// key that signs its joining and its leaving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor_key: Option<PublicKey32>,
    /// Its recovery key, wherever the governor key stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_key: Option<PublicKey32>,
    /// Signs its checkpoints; a relay has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_key: Option<PublicKey32>,
    /// Cosigns other members' checkpoints.
    pub witness_key: PublicKey32,
    /// Payloads meant for it alone are sealed to this X25519 key.
    pub seal_key: PublicKey32,
    /// Certificates (DER) its own certificates are signed by.
    #[serde(with = "encoding::base64_list")]
    pub tls_cas: Vec<Vec<u8>>,
    /// Where it can be dialled; empty for a node that only dials out.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// When it joined; absent for founders.
    #[serde(
        default,
        with = "encoding::optional_date",
        skip_serializing_if = "Option::is_none"
    )]
    pub joined: Option<Date>,
    /// When it left.
    #[serde(
        default,
        with = "encoding::optional_date",
        skip_serializing_if = "Option::is_none"
    )]
    pub left: Option<Date>,
}

/// One of those who sign charters, by its two keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governor {
    /// Who it is.
    pub member: MemberId,
    /// The key it signs with.
    pub key: PublicKey32,
    /// The key on paper, for when the other is lost; both together are one governor.
    pub recovery: PublicKey32,
}

const MOST_NAME_CHARS: usize = 120;
const MOST_CAS: usize = 4;
const MOST_CA_LEN: usize = 4096;
const MOST_ENDPOINTS: usize = 8;
const MOST_ENDPOINT_LEN: usize = 255;

impl Member {
    /// Returns what it is to the consortium.
    pub const fn state(&self) -> MemberState {
        match (self.left, self.relay) {
            (Some(_), _) => MemberState::Left,
            (None, true) => MemberState::Relay,
            (None, false) => MemberState::Member,
        }
    }

    /// Returns whether it has not left.
    pub const fn is_active(&self) -> bool {
        self.left.is_none()
    }

    /// Returns whether it is expected to report on a period of a consortium that reports since
    /// `since`: one that begins after both have begun and ends before the member left.
    ///
    /// A period that had already begun may be reported all the same; nobody calls it missing.
    pub fn is_expected(&self, period: Period, since: Period) -> bool {
        self.log_key.is_some()
            && period.first_day() >= since.first_day()
            && self.joined.is_none_or(|day| period.first_day() >= day)
            && self.left.is_none_or(|day| period.last_day() < day)
    }

    /// Returns every key in the entry with the name it has in the text.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let signing = self.points().map(|(name, key)| (name, &key.0[..]));
        let cas = self.tls_cas.iter().map(|ca| ("tls_cas", ca.as_slice()));
        signing
            .chain([("seal_key", &self.seal_key.0[..])])
            .chain(cas)
    }

    /// Returns the keys it signs with, of whatever role.
    fn points(&self) -> impl Iterator<Item = (&'static str, &PublicKey32)> {
        let optional = [
            ("governor_key", &self.governor_key),
            ("recovery_key", &self.recovery_key),
            ("log_key", &self.log_key),
        ];
        optional
            .into_iter()
            .filter_map(|(name, key)| Some((name, key.as_ref()?)))
            .chain([("witness_key", &self.witness_key)])
    }

    /// Returns whether `other` is bound to the same keys; who holds a TLS CA can speak as the
    /// member, so it counts as one of them.
    pub(super) fn has_keys_of(&self, other: &Self) -> bool {
        self.log_key == other.log_key
            && self.witness_key == other.witness_key
            && self.seal_key == other.seal_key
            && self.tls_cas == other.tls_cas
    }

    /// Checks what a card and a charter both ask of a member.
    pub(super) fn check(&self) -> Result<(), CharterError> {
        let wrong = |key: &str, message: &str| Err(meaning(self.place(key), message));
        let chars = self.name.chars().count();
        if !(1..=MOST_NAME_CHARS).contains(&chars) || self.name.contains(char::is_control) {
            return wrong("name", "must be one line of 1 to 120 characters");
        }
        let distinct: BTreeSet<&String> = self.countries.iter().collect();
        if distinct.len() != self.countries.len() {
            return wrong("countries", "a country stands twice");
        }
        if let Some(bad) = distinct.iter().find(|c| country::by_alpha2(c).is_none()) {
            let message = format!("{bad:?} is not an ISO 3166-1 alpha-2 code such as \"TH\"");
            return wrong("countries", &message);
        }
        if self.relay && self.log_key.is_some() {
            return wrong(
                "log_key",
                "a relay has no log, so it must not have this key",
            );
        }
        if !self.relay && self.log_key.is_none() {
            return wrong("log_key", "a member that is no relay needs one");
        }
        if !(1..=MOST_CAS).contains(&self.tls_cas.len()) {
            return wrong("tls_cas", "must hold 1 to 4 certificates");
        }
        let fits = |ca: &Vec<u8>| (1..=MOST_CA_LEN).contains(&ca.len());
        if !self.tls_cas.iter().all(fits) {
            return wrong("tls_cas", "a certificate must have 1 to 4096 bytes");
        }
        if self.left.is_some_and(|left| self.joined > Some(left)) {
            return wrong("left", "must not be before joined");
        }
        self.check_endpoints()?;
        self.check_points()
    }

    fn check_endpoints(&self) -> Result<(), CharterError> {
        let printable = |text: &String| text.bytes().all(|b| b.is_ascii_graphic());
        let fits = |text: &String| (1..=MOST_ENDPOINT_LEN).contains(&text.len()) && printable(text);
        if self.endpoints.len() > MOST_ENDPOINTS || !self.endpoints.iter().all(fits) {
            return Err(meaning(
                self.place("endpoints"),
                "must hold up to 8 addresses of up to 255 characters without spaces",
            ));
        }
        Ok(())
    }

    /// Refuses keys whose signatures could never count.
    fn check_points(&self) -> Result<(), CharterError> {
        for (name, key) in self.points() {
            card_verifier(&self.id, *key)
                .map_err(|error| meaning(self.place(name), error.to_string()))?;
        }
        Ok(())
    }

    fn place(&self, key: &str) -> String {
        format!("member {}: {key}", self.id)
    }
}
