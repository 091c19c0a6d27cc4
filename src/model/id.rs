//! Names of consortia and members: `[a-z][a-z0-9-]{0,30}`.

use std::fmt;
use std::str::FromStr;

/// An identifier that does not match `[a-z][a-z0-9-]{0,30}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not an identifier: a small letter, then up to 30 small letters, digits or dashes"
)]
pub struct BadId {
    /// The text as given.
    pub given: String,
}

fn is_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && text.len() <= 31
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(given: &str) -> Result<Self, BadId> {
                if is_id(given) {
                    Ok(Self(given.to_owned()))
                } else {
                    Err(BadId { given: given.chars().take(64).collect() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// One network in the consortium, such as `anpud`.
    ///
    /// # Example
    /// ```
    /// use counterfoil::model::MemberId;
    /// assert!("inpud".parse::<MemberId>().is_ok());
    /// assert!("INPUD".parse::<MemberId>().is_err());
    /// ```
    MemberId
}

id! {
    /// The federation of members, such as `inpud-anpud`.
    ConsortiumId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ok: bool) {
        assert_eq!(text.parse::<MemberId>().is_ok(), ok, "{text:?}");
    }

    #[test]
    fn ids_are_short_lower_case_words() {
        check("a", true);
        check("anpud-2", true);
        check(&"a".repeat(31), true);
        check(&"a".repeat(32), false);
        check("", false);
        check("2a", false);
        check("-a", false);
        check("aé", false);
        check("a/b", false);
        check("a\n", false);
    }
}
