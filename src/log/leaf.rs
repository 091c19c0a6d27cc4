//! The leaf: the short text the tree hashes, for ever, so it holds nothing sensitive.
//!
//! ```text
//! counterfoil/leaf/v1
//! summary training/2018Q1 1
//! date 2018-04-12
//! replaces -
//! audience *
//! commit <base64 of the commitment to salt and payload>
//! ```
//! or, in place of all but the first line, one of these and a `date` line:
//! ```text
//! status training/2018Q1 nil
//! recall 12 error
//! revoke <base64 SHA-256 of the certificate's SubjectPublicKeyInfo>
//! ```

use std::fmt::{self, Write as _};

use jiff::civil::Date;

use super::audience::Audience;
use super::hash::{Hash, leaf_hash};
use crate::identity::canon;
use crate::model::{Series, words};

/// Most bytes of a leaf.
pub const MAX_LEAF_BYTES: usize = 512;

const FIRST_LINE: &str = "counterfoil/leaf/v1";

/// Why a leaf was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Longer than a leaf may be.
    #[error("the leaf is longer than {MAX_LEAF_BYTES} bytes; name fewer members in its audience")]
    TooLong,
    /// Not a leaf of this version.
    #[error("the leaf does not begin with the line {FIRST_LINE}")]
    OtherFormat,
    /// A line that does not read, or is not there, or is one too many.
    #[error("line {line} of the leaf does not read; expected: {expected}")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// Read, but written in another way than its own.
    #[error("the leaf is not in its one spelling")]
    OtherSpelling,
}

words! {
    /// What a member says of a series it publishes no summary for.
    pub enum Status as "status" {
        /// Nothing happened.
        Nil = "nil",
        /// The member was excused from reporting.
        Excused = "excused",
        /// The member has figures and keeps them back.
        Withheld = "withheld",
    }
}

words! {
    /// Why a summary is recalled.
    pub enum Reason as "reason" {
        /// The figures were wrong.
        Error = "error",
        /// Somebody asked for it.
        Request = "request",
    }
}

/// One entry of a member's log.
///
/// # Example
/// ```
/// use counterfoil::log::Leaf;
/// let text = "counterfoil/leaf/v1\nrecall 12 error\ndate 2018-04-12\n";
/// let leaf = Leaf::parse(text.as_bytes()).unwrap();
/// assert_eq!(leaf.encode().unwrap(), text);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Tables were released.
    Summary {
        /// Kind and period. A financial year is read as starting in January until
        /// [`crate::model::Period::with_financial_year`] says otherwise.
        series: Series,
        /// 1 for the first release of the series.
        revision: u32,
        /// The day it was released; decides whether it was on time.
        date: Date,
        /// The leaf it takes the place of.
        replaces: Option<u64>,
        /// Who may see the payload.
        audience: Audience,
        /// The commitment to salt and payload.
        commit: Hash,
    },
    /// No summary for this series, and why.
    Status {
        /// Kind and period, as above.
        series: Series,
        /// Why.
        status: Status,
        /// The day it was said.
        date: Date,
    },
    /// Everybody is asked to erase a summary's payload.
    Recall {
        /// The summary's leaf.
        index: u64,
        /// Why.
        reason: Reason,
        /// The day it was asked.
        date: Date,
    },
    /// A certificate the member granted is no longer to be accepted.
    Revoke {
        /// SHA-256 of the certificate's `SubjectPublicKeyInfo`.
        spki: Hash,
        /// The day it was revoked.
        date: Date,
    },
}

impl Leaf {
    /// Returns the text the tree hashes.
    ///
    /// # Errors
    /// [`LeafError::TooLong`] for an audience of too many members, [`LeafError::OtherSpelling`] for
    /// a revision 0 or a year outside 1000 to 9999.
    pub fn encode(&self) -> Result<String, LeafError> {
        let text = self.to_string();
        if text.len() > MAX_LEAF_BYTES {
            return Err(LeafError::TooLong);
        }
        self.is_sound()
            .then_some(text)
            .ok_or(LeafError::OtherSpelling)
    }

    /// Reads a leaf in its one spelling.
    ///
    /// # Errors
    /// Names the line that does not read.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(LeafError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LeafError::OtherSpelling)?;
        let mut lines = Lines::new(text)?;
        let expected = "summary, status, recall or revoke";
        let (word, rest) = lines.take(expected, |line| line.split_once(' '))?;
        let leaf = match word {
            "summary" => lines.summary(rest)?,
            "status" => lines.status(rest)?,
            "recall" => lines.recall(rest)?,
            "revoke" => lines.revoke(rest)?,
            _ => return Err(lines.bad(expected)),
        };
        // Whatever else a reader above may let pass, only what we would write ourselves counts.
        (leaf.is_sound() && leaf.is_spelled(text))
            .then_some(leaf)
            .ok_or(LeafError::OtherSpelling)
    }

    fn is_sound(&self) -> bool {
        (1000..=9999).contains(&self.date().year()) && self.revision() != Some(0)
    }

    /// Returns whether this is how it is written.
    fn is_spelled(&self, text: &str) -> bool {
        let mut rest = Rest(text);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }

    /// Returns the hash it stands in the tree with.
    ///
    /// # Errors
    /// As [`Leaf::encode`].
    pub fn hash(&self) -> Result<Hash, LeafError> {
        Ok(leaf_hash(self.encode()?.as_bytes()))
    }

    /// Returns the day it was written.
    pub const fn date(&self) -> Date {
        match self {
            Self::Summary { date, .. }
            | Self::Status { date, .. }
            | Self::Recall { date, .. }
            | Self::Revoke { date, .. } => *date,
        }
    }

    /// Returns what it is about, where that is a series.
    pub const fn series(&self) -> Option<Series> {
        match self {
            Self::Summary { series, .. } | Self::Status { series, .. } => Some(*series),
            Self::Recall { .. } | Self::Revoke { .. } => None,
        }
    }

    const fn revision(&self) -> Option<u32> {
        match self {
            Self::Summary { revision, .. } => Some(*revision),
            _ => None,
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        writeln!(f, "{FIRST_LINE}")?;
        match self {
            Self::Summary {
                series, revision, ..
            } => writeln!(f, "summary {series} {revision}"),
            Self::Status { series, status, .. } => writeln!(f, "status {series} {status}"),
            Self::Recall { index, reason, .. } => writeln!(f, "recall {index} {reason}"),
            Self::Revoke { spki, .. } => writeln!(f, "revoke {spki}"),
        }?;
        writeln!(f, "date {date}")?;
        let Self::Summary {
            replaces,
            audience,
            commit,
            ..
        } = self
        else {
            return Ok(());
        };
        match replaces {
            Some(index) => writeln!(f, "replaces {index}"),
            None => writeln!(f, "replaces -"),
        }?;
        writeln!(f, "audience {audience}\ncommit {commit}")
    }
}

/// What is left of a text that is held against what is written, without writing it down: leaves
/// are read by the hundred thousand.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// The lines of a leaf, taken one by one.
struct Lines<'a> {
    rest: std::str::Split<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Result<Self, LeafError> {
        let rest = text
            .strip_prefix(FIRST_LINE)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(LeafError::OtherFormat)?;
        Ok(Self {
            rest: rest.split('\n'),
            line: 1,
        })
    }

    fn bad(&self, expected: &'static str) -> LeafError {
        let line = self.line;
        LeafError::BadLine { line, expected }
    }

    /// Reads the next line with `read`.
    fn take<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, LeafError> {
        self.line += 1;
        let line = self.rest.next();
        line.and_then(read).ok_or_else(|| self.bad(expected))
    }

    fn date(&mut self) -> Result<Date, LeafError> {
        self.take("date YYYY-MM-DD", |line| {
            line.strip_prefix("date ")?.parse().ok()
        })
    }

    fn summary(mut self, rest: &str) -> Result<Leaf, LeafError> {
        let (series, revision) = rest
            .split_once(' ')
            .and_then(|(series, revision)| {
                let revision = canon::from_decimal(revision)?;
                Some((series.parse().ok()?, u32::try_from(revision).ok()?))
            })
            .ok_or_else(|| self.bad("summary KIND/PERIOD REVISION"))?;
        let date = self.date()?;
        let replaces = self.take("replaces INDEX, or replaces -", |line| {
            match line.strip_prefix("replaces ")? {
                "-" => Some(None),
                index => canon::from_decimal(index).map(Some),
            }
        })?;
        let audience = self.take("audience *, or members in order with commas", |line| {
            line.strip_prefix("audience ")?.parse().ok()
        })?;
        let commit = self.take("commit BASE64", |line| {
            line.strip_prefix("commit ")?.parse().ok()
        })?;
        Ok(Leaf::Summary {
            series,
            revision,
            date,
            replaces,
            audience,
            commit,
        })
    }

    fn status(mut self, rest: &str) -> Result<Leaf, LeafError> {
        let (series, status) = rest
            .split_once(' ')
            .and_then(|(series, status)| Some((series.parse().ok()?, status.parse().ok()?)))
            .ok_or_else(|| self.bad("status KIND/PERIOD nil|excused|withheld"))?;
        let date = self.date()?;
        Ok(Leaf::Status {
            series,
            status,
            date,
        })
    }

    fn recall(mut self, rest: &str) -> Result<Leaf, LeafError> {
        let (index, reason) = rest
            .split_once(' ')
            .and_then(|(index, reason)| Some((canon::from_decimal(index)?, reason.parse().ok()?)))
            .ok_or_else(|| self.bad("recall INDEX error|request"))?;
        let date = self.date()?;
        Ok(Leaf::Recall {
            index,
            reason,
            date,
        })
    }

    fn revoke(mut self, rest: &str) -> Result<Leaf, LeafError> {
        let spki = rest.parse().map_err(|_| self.bad("revoke BASE64"))?;
        let date = self.date()?;
        Ok(Leaf::Revoke { spki, date })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, MemberId, Period};
    use proptest::prelude::*;

    const SUMMARY: &str = "counterfoil/leaf/v1\n\
        summary training/2018Q1 1\n\
        date 2018-04-12\n\
        replaces -\n\
        audience *\n\
        commit 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    #[track_caller]
    fn refused(from: &str, to: &str) {
        assert!(SUMMARY.contains(from), "{from:?}");
        let text = SUMMARY.replacen(from, to, 1);
        assert!(Leaf::parse(text.as_bytes()).is_err(), "{text}");
    }

    #[test]
    fn the_summary_of_the_design_is_read() {
        let leaf = Leaf::parse(SUMMARY.as_bytes()).expect("a leaf");
        assert_eq!(leaf.encode().as_deref(), Ok(SUMMARY));
        assert_eq!(
            leaf.series().expect("a series").to_string(),
            "training/2018Q1"
        );
    }

    #[test]
    fn every_other_spelling_is_refused() {
        refused("leaf/v1", "leaf/v2");
        refused("Q1 1\n", "Q1 01\n");
        refused("Q1 1\n", "Q1 0\n");
        refused("Q1 1\n", "Q1 4294967296\n");
        refused("2018Q1", "201803");
        refused("date 2018-04-12", "date 20180412");
        refused("date 2018-04-12", "date 2018-02-30");
        refused("date 2018-04-12", "date 2018-04-12T00:00");
        refused("date 2018-04-12", "date 0999-04-12");
        refused("replaces -", "replaces 007");
        refused("replaces -\n", "");
        refused("audience *", "audience ");
        refused("audience *", "audience inpud,anpud");
        refused("audience *", "audience inpud,inpud");
        refused("audience *", "audience *,inpud");
        refused("uFU=\n", "uFV=\n");
        refused("uFU=\n", "uFU=");
        refused("uFU=\n", "uFU=\n\n");
        refused("uFU=\n", "uFU=\nmore\n");
        refused("\n", "\r\n");
        refused("summary", "Summary");
    }

    #[test]
    fn an_error_names_its_line() {
        let text = SUMMARY.replace("replaces -", "replaces x");
        assert!(matches!(
            Leaf::parse(text.as_bytes()),
            Err(LeafError::BadLine { line: 4, .. })
        ));
    }

    #[test]
    fn an_audience_too_long_for_a_leaf_is_refused() {
        let members = (0..20).map(|n| format!("member-with-a-long-name-{n:02}").parse());
        let members: Result<Vec<MemberId>, _> = members.collect();
        let mut leaf = Leaf::parse(SUMMARY.as_bytes()).expect("a leaf");
        if let Leaf::Summary { audience, .. } = &mut leaf {
            *audience = Audience::of(members.expect("ids")).expect("not empty");
        }
        assert_eq!(leaf.encode(), Err(LeafError::TooLong));
    }

    fn series() -> impl Strategy<Value = Series> {
        let part = prop_oneof!["Q[1-4]", "-0[1-9]", "-1[0-2]", Just(String::new())];
        let period = ("", 1000..9998_i16, part).prop_map(|(_, year, part)| {
            format!("{year:04}{part}")
                .parse::<Period>()
                .expect("a period")
        });
        (prop::sample::select(Kind::ALL), period).prop_map(|(kind, period)| Series { kind, period })
    }

    fn date() -> impl Strategy<Value = Date> {
        (1000..=9999_i16, 1..=12_i8, 1..=28_i8)
            .prop_map(|(year, month, day)| jiff::civil::date(year, month, day))
    }

    fn audience() -> impl Strategy<Value = Audience> {
        prop::collection::vec("[a-z][a-z0-9-]{0,9}", 0..20).prop_map(|ids| {
            Audience::of(ids.iter().map(|id| id.parse().expect("an id"))).unwrap_or(Audience::ALL)
        })
    }

    fn any_leaf() -> impl Strategy<Value = Leaf> {
        let hash = || any::<[u8; 32]>().prop_map(Hash);
        let summary = (
            series(),
            1_u32..,
            date(),
            any::<Option<u64>>(),
            audience(),
            hash(),
        )
            .prop_map(|(series, revision, date, replaces, audience, commit)| {
                Leaf::Summary {
                    series,
                    revision,
                    date,
                    replaces,
                    audience,
                    commit,
                }
            });
        let status = (series(), prop::sample::select(Status::ALL), date()).prop_map(
            |(series, status, date)| Leaf::Status {
                series,
                status,
                date,
            },
        );
        let recall = (any::<u64>(), prop::sample::select(Reason::ALL), date()).prop_map(
            |(index, reason, date)| Leaf::Recall {
                index,
                reason,
                date,
            },
        );
        let revoke = (hash(), date()).prop_map(|(spki, date)| Leaf::Revoke { spki, date });
        prop_oneof![summary, status, recall, revoke]
    }

    proptest! {
        #[test]
        fn leaves_round_trip(leaf in any_leaf()) {
            let text = leaf.encode().expect("short enough");
            prop_assert_eq!(Leaf::parse(text.as_bytes()), Ok(leaf));
        }

        #[test]
        fn a_changed_byte_is_refused_or_another_leaf(leaf in any_leaf(), at: prop::sample::Index, byte: u8) {
            let mut bytes = leaf.encode().expect("short enough").into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Leaf::parse(&bytes) {
                prop_assert_eq!(read.to_string().into_bytes(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            tail in "(summary|status|recall|revoke|date|audience|[a-z0-9/ \n-]){0,30}",
            bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let text = format!("{FIRST_LINE}\n{tail}");
            for bytes in [text.as_bytes(), &bytes] {
                if let Ok(leaf) = Leaf::parse(bytes) {
                    prop_assert_eq!(leaf.to_string().into_bytes(), bytes);
                }
            }
        }
    }
}
