//! Why there is no answer.

use crate::model::Period;
use crate::model::period::BadPeriod;

/// Why a query has no answer. The message is one line and says what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A word that is not one of those known here.
    #[error("{what} {given:?} is not known; accepted: {accepted}")]
    Unknown {
        /// What was being read: `kind`, `measure`, `dimension`, `grain`, `member` or `code`.
        what: &'static str,
        /// The word as given.
        given: String,
        /// What would have been accepted.
        accepted: String,
    },
    /// A period that cannot be read.
    #[error(transparent)]
    Period(#[from] BadPeriod),
    /// Periods that do not make whole periods of the answer's grain.
    #[error("{0}")]
    Range(String),
    /// A span that ends before it begins.
    #[error("--from {from} lies after --to {to}")]
    Reversed {
        /// Where it was to begin.
        from: Period,
        /// Where it was to end.
        to: Period,
    },
    /// A date that cannot be read.
    #[error("{given:?} is not a date such as 2018-12-31")]
    Date {
        /// The text as given.
        given: String,
    },
    /// A name that stands twice in `by` or in `where`.
    #[error("{name} stands twice in {place}")]
    Twice {
        /// The name.
        name: String,
        /// `by` or `where`.
        place: &'static str,
    },
    /// No table of the plan answers the query.
    #[error("no table of the plan has {asked}; in the plan: {possible}")]
    NoSuchTable {
        /// The combination asked for.
        asked: String,
        /// The combinations there are.
        possible: String,
        /// Why a wider table could not be added up, where there is one.
        reason: Option<&'static str>,
    },
    /// Different persons cannot be added over periods.
    #[error(
        "{measure} counts different persons and cannot be added over {first} to {last}: {use_instead}"
    )]
    DistinctOverPeriods {
        /// The measure.
        measure: String,
        /// First period asked for.
        first: String,
        /// Last period asked for.
        last: String,
        /// Which table has the answer.
        use_instead: String,
    },
    /// Money in several currencies has no sum.
    #[error("{measure} is money: name currency in by, or one currency in where")]
    CurrencyNeeded {
        /// The measure.
        measure: String,
    },
    /// Summaries are lacking, and the caller did not allow that.
    #[error(
        "the answer would be partial, lacking {lacking}{}",
        .elsewhere.as_deref().map(|note| format!("; {note}")).unwrap_or_default()
    )]
    Partial {
        /// Whose summaries are lacking, and why.
        lacking: String,
        /// Where there are figures, if there are none at all at the grain asked for.
        elsewhere: Option<String>,
    },
    /// More figures than one answer may hold.
    #[error("the answer would have {asked} {what}, more than {most}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// How many there may be.
        most: usize,
    },
}

impl ReportError {
    /// Returns the machine's word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { what, .. } => match *what {
                "kind" => "unknown_kind",
                "measure" => "unknown_measure",
                "dimension" => "unknown_dimension",
                "grain" => "unknown_grain",
                "member" => "unknown_member",
                _ => "unknown_code",
            },
            Self::Period(_) | Self::Range(_) | Self::Reversed { .. } => "bad_period",
            Self::Date { .. } => "bad_date",
            Self::Twice { .. } => "named_twice",
            Self::NoSuchTable { .. } => "no_such_table",
            Self::DistinctOverPeriods { .. } => "distinct_over_periods",
            Self::CurrencyNeeded { .. } => "currency_needed",
            Self::Partial { .. } => "partial",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// Returns what the asker can do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "use one of the words it accepts",
            Self::Period(_) | Self::Range(_) => "ask for whole periods of the grain",
            Self::Reversed { .. } => "exchange the two",
            Self::Date { .. } => "write the date as year-month-day",
            Self::Twice { .. } => "name it once",
            Self::NoSuchTable { reason, .. } => {
                reason.unwrap_or("ask for one of the combinations in the plan")
            }
            Self::DistinctOverPeriods { .. } => "ask for the table of the longer period",
            Self::CurrencyNeeded { .. } => "amounts in different currencies are never added",
            Self::Partial { .. } => {
                "wait for them, leave these members out, or allow a partial answer (--allow-partial)"
            }
            Self::TooLarge { .. } => "ask for fewer periods, members or dimensions",
        }
    }

    /// Makes the error for a word that is not known.
    pub(super) fn unknown<'a>(
        what: &'static str,
        given: &str,
        accepted: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::Unknown {
            what,
            given: given.chars().take(64).collect(),
            accepted: accepted.into_iter().collect::<Vec<_>>().join(" "),
        }
    }
}
