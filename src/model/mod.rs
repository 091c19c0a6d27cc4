//! The nouns every room shares: identifiers, kinds, periods, measures, code lists, tables.
//!
//! - [`id`]: names of consortia and members.
//! - [`kind`]: the five kinds of record.
//! - [`period`]: the periods a figure may be about.
//! - [`measure`]: what is counted, and how it adds up.
//! - [`dimension`]: what figures are split by, and the fixed code lists.
//! - [`country`]: ISO 3166-1 and UN M49.
//! - [`table`]: cells, tables, summaries.
//!
//! Nothing here reads a clock, a file or a socket.

pub mod country;
pub mod dimension;
pub mod id;
pub mod kind;
pub mod measure;
pub mod period;
pub mod table;

pub use dimension::Dimension;
pub use id::{ConsortiumId, MemberId};
pub use kind::Kind;
pub use measure::Measure;
pub use period::{Grain, Period};
pub use table::{Axis, Cell, Figure, Series, Summary, Table, Tally};

/// A word that is not one of those allowed in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not known; accepted: {accepted}")]
pub struct UnknownWord {
    /// What was being read, such as `kind`.
    pub what: &'static str,
    /// The word as given.
    pub given: String,
    /// What would have been accepted.
    pub accepted: String,
}

/// Returns whether a character moves a cursor, ends a line or turns the text around it: what others
/// wrote is shown without it.
///
/// Source: Unicode Standard Annex #9, section 2 (embeddings, overrides and isolates).
pub fn steers_text(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Declares an enum whose variants are words: a name each, the same in TOML, JSON and on screen.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident as $what:literal {
            $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// Returns the word that stands for it everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownWord;

            fn from_str(given: &str) -> Result<Self, Self::Err> {
                match given {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::model::UnknownWord {
                        what: $what,
                        given: given.to_owned(),
                        accepted: [$( $word ),+].join(" "),
                    }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(from)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;
