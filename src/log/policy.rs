//! Witness policies as other tools write them: which cosignatures together are enough.
//!
//! A consortium's own rule is in its charter and is counted by [`super::witness::witnessed`];
//! this reads the text form, for whoever holds our proofs to a policy of their own.
//!
//! ```text
//! witness inpud demo/inpud/witness+00000000+BA... https://node.example/
//! group members 2 inpud anpud relay
//! quorum members
//! ```
//! Source: c2sp.org/tlog-policy.

use std::str::FromStr;

use super::witness::Cosignature;
use crate::identity::{PublicKey32, VerifierKey, canon};

/// Most bytes of a policy.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;

/// Why a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than a policy may be.
    #[error("the policy is longer than {MAX_POLICY_BYTES} bytes")]
    TooLong,
    /// A line that cannot stand where it stands.
    #[error("line {line} of the policy: {reason}")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing says what is enough.
    #[error("the policy has no quorum line; write quorum none to ask for no witness")]
    NoQuorum,
}

/// Which logs are known, and which cosignatures together are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    /// Witnesses and groups; a group names earlier ones only.
    parts: Vec<Part>,
    /// `None` where no witness is asked for.
    quorum: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Witness(VerifierKey),
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

impl Policy {
    /// Returns the known logs' keys.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Returns the witnesses' keys, each once.
    pub fn witnesses(&self) -> impl Iterator<Item = &VerifierKey> {
        self.parts.iter().filter_map(|part| match &part.rule {
            Rule::Witness(key) => Some(key),
            Rule::Group { .. } => None,
        })
    }

    /// Returns how many members of the quorum must be met, and how many it has; (0, 0) for `none`.
    pub fn quorum(&self) -> (usize, usize) {
        match self.quorum.map(|at| &self.parts[at].rule) {
            None => (0, 0),
            Some(Rule::Witness(_)) => (1, 1),
            Some(Rule::Group { threshold, members }) => (*threshold, members.len()),
        }
    }

    /// Returns whether these verified cosignatures are enough. Public keys are compared: some
    /// policies write a witness's key as if it were a log's.
    pub fn is_met_by(&self, cosignatures: &[Cosignature]) -> bool {
        let signed = |key: PublicKey32| cosignatures.iter().any(|c| c.key == key);
        let mut met: Vec<bool> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            met.push(match &part.rule {
                Rule::Witness(key) => signed(key.public_key()),
                Rule::Group { threshold, members } => {
                    members.iter().filter(|member| met[**member]).count() >= *threshold
                }
            });
        }
        self.quorum.is_none_or(|at| met[at])
    }

    fn read_line(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match *words {
            ["log", key] | ["log", key, _] => {
                self.logs.push(self.new_key(key)?);
                Ok(())
            }
            ["witness", name, key] | ["witness", name, key, _] => {
                let rule = Rule::Witness(self.new_key(key)?);
                self.add(name, rule)
            }
            ["group", name, threshold, ref members @ ..] => {
                let rule = self.group(threshold, members)?;
                self.add(name, rule)
            }
            _ => Err("expected log, witness, group or quorum with what belongs to it"),
        }
    }

    fn add(&mut self, name: &str, rule: Rule) -> Result<(), &'static str> {
        if ["all", "any", "none"].contains(&name) {
            return Err("all, any and none cannot be names");
        }
        if self.find(name).is_some() {
            return Err("the name is taken");
        }
        let name = name.to_owned();
        self.parts.push(Part { name, rule });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.parts.iter().position(|part| part.name == name)
    }

    /// Reads a key that stands nowhere else in the policy: one key under two names would be
    /// counted twice.
    fn new_key(&self, text: &str) -> Result<VerifierKey, &'static str> {
        let key: VerifierKey = text.parse().map_err(|_| "the key does not read")?;
        let mut known = self.logs.iter().chain(self.witnesses());
        if known.any(|other| other.public_key() == key.public_key()) {
            return Err("the key is in the policy already");
        }
        Ok(key)
    }

    fn group(&self, threshold: &str, names: &[&str]) -> Result<Rule, &'static str> {
        let mut members = Vec::new();
        for name in names {
            let member = self.find(name).ok_or("a member is not defined above")?;
            if members.contains(&member) {
                return Err("a member is named twice");
            }
            members.push(member);
        }
        let threshold = match threshold {
            "any" => Some(1),
            "all" => Some(members.len()),
            count => canon::from_decimal(count).and_then(|count| count.try_into().ok()),
        };
        let threshold = threshold.filter(|count| (1..=members.len()).contains(count));
        let threshold = threshold.ok_or("the threshold is any, all, or 1 up to the members")?;
        Ok(Rule::Group { threshold, members })
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong);
        }
        let mut policy = Self {
            logs: Vec::new(),
            parts: Vec::new(),
            quorum: None,
        };
        let mut quorum = None;
        for (at, line) in text.lines().enumerate() {
            let bad = |reason| PolicyError::BadLine {
                line: at + 1,
                reason,
            };
            let spoken = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = spoken.split_ascii_whitespace().collect();
            match words[..] {
                [] => {}
                ["quorum", _] if quorum.is_some() => return Err(bad("a second quorum")),
                ["quorum", "none"] => quorum = Some(None),
                ["quorum", name] => {
                    let at = policy.find(name);
                    quorum = Some(Some(at.ok_or_else(|| bad("it is not defined above"))?));
                }
                _ => policy.read_line(&words).map_err(bad)?,
            }
        }
        policy.quorum = quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::WitnessKey;
    use proptest::prelude::*;

    fn cosignature(number: u8) -> (String, Cosignature) {
        let key = WitnessKey::from_seed(&[number; 32]);
        let member = format!("m{number}").parse().expect("an id");
        let cosigner = key.cosigner(&"demo".parse().expect("an id"), &member);
        let verifier = cosigner.verifier_key();
        let cosignature = Cosignature {
            name: verifier.name().clone(),
            key: verifier.public_key(),
            time: 1,
        };
        (verifier.to_string(), cosignature)
    }

    #[test]
    fn groups_of_groups_are_counted() {
        let signed = [1, 2, 3].map(cosignature);
        let text = format!(
            "witness a {}\nwitness b {}\nwitness c {}\n\
             group ab all a b\ngroup q any ab c\nquorum q\n",
            signed[0].0, signed[1].0, signed[2].0
        );
        let policy: Policy = text.parse().expect("a policy");
        let by = |who: &[usize]| {
            let given: Vec<_> = who.iter().map(|at| signed[*at].1.clone()).collect();
            policy.is_met_by(&given)
        };
        assert!(by(&[2]) && by(&[0, 1]));
        assert!(!by(&[]) && !by(&[0]) && !by(&[1]));
        assert_eq!(policy.quorum(), (1, 2));
    }

    #[test]
    fn none_asks_for_no_witness() {
        let policy: Policy = "quorum none".parse().expect("a policy");
        assert!(policy.is_met_by(&[]));
        assert!("quorum none\nquorum none".parse::<Policy>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "((log|witness|group|quorum|none|any|all|a|b|#|[0-9]{1,3})[ \n]){0,20}",
        ) {
            if let Ok(policy) = text.parse::<Policy>() {
                let (threshold, members) = policy.quorum();
                prop_assert!(threshold <= members);
                prop_assert_eq!(policy.is_met_by(&[]), threshold == 0);
            }
        }
    }
}
