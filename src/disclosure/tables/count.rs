//! A table as it is asked for, as it truly is, and as it was shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::charter::policy::Of;
use crate::model::{Axis, Cell, Dimension, Measure, Period, Tally, table};

/// What is counted, split how, in which period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Count {
    /// What is counted.
    pub measure: Measure,
    /// Which signatories, where the measure counts them.
    pub signers: Of,
    /// Split by what; none for a total.
    pub axes: Vec<Axis>,
    /// When.
    pub period: Period,
}

impl Count {
    /// Returns how many cells it has.
    pub fn cells(&self) -> usize {
        table::cell_count(&self.axes)
    }

    /// Iterates over what it is split by.
    pub fn dimensions(&self) -> impl Iterator<Item = Dimension> + '_ {
        self.axes.iter().map(|axis| axis.dimension)
    }

    /// Returns whether it is a total.
    pub const fn is_total(&self) -> bool {
        self.axes.is_empty()
    }

    /// Returns whether it counts heads, each of them one, rather than hours or money.
    pub const fn is_of_heads(&self) -> bool {
        self.measure.counts_persons() || matches!(self.measure, Measure::Signatories)
    }

    /// Returns the same for another split.
    pub fn split(&self, axes: Vec<Axis>) -> Self {
        Self {
            axes,
            ..self.clone()
        }
    }

    /// Returns the same of another measure.
    pub(super) fn of(&self, measure: Measure) -> Self {
        Self {
            measure,
            ..self.clone()
        }
    }
}

/// A table that counts persons, as it truly is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The plan's identifier.
    pub id: String,
    /// What is counted.
    pub count: Count,
    /// The dimensions among its axes that describe persons.
    pub attributes: Vec<Dimension>,
    /// The true cells.
    pub tallies: Vec<Tally>,
    /// Most activities that stand behind each cell, where everybody can read it from other tables.
    pub activities: Vec<Option<u32>>,
    /// Of persons in places, also most that took place in each: those of several places came to
    /// what took place elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Option<u32>>,
}

/// What records truly said at one time: every table about some periods, and the atoms under them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The tables.
    pub sheets: Vec<Sheet>,
    /// The atoms, by what was asked for.
    #[serde(with = "as_list")]
    pub atoms: BTreeMap<Count, Vec<Tally>>,
}

impl State {
    /// Returns a table.
    pub fn sheet(&self, count: &Count) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.count == *count)
    }

    /// Returns the tables that some new ones could be subtracted from: those of their periods, of
    /// shorter ones in them and, where a longer one was shown, of those beside them, and whatever
    /// was shown of any of these.
    pub(super) fn near(&self, fresh: &[Count], said: &[Said]) -> Vec<&Sheet> {
        let is_own = |period: Period| fresh.iter().any(|count| count.period.covers(period));
        let holds = |period: Period| fresh.iter().any(|count| period.covers(count.period));
        let longer: Vec<Period> = said
            .iter()
            .map(|said| said.count.period)
            .filter(|period| holds(*period))
            .collect();
        let is_near = |sheet: &&Sheet| {
            let period = sheet.count.period;
            is_own(period) || longer.iter().any(|longer| longer.covers(period))
        };
        self.sheets.iter().filter(is_near).collect()
    }
}

impl State {
    /// Returns whether every table of it that something was said of is now as it was then. What a
    /// reader can find out of such a state is found out of the present one.
    pub(super) fn is_still_so(&self, now: &Self, said: &[Said]) -> bool {
        let was_said = |sheet: &&Sheet| {
            let values = || sheet.tallies.iter().map(|tally| tally.value.unwrap_or(0));
            let is_of = |said: &Said| {
                values()
                    .enumerate()
                    .all(|(at, value)| said.is_of(at, value))
            };
            let mut said = said.iter().filter(|said| said.count == sheet.count);
            said.any(is_of)
        };
        let mut sheets = self.sheets.iter().filter(was_said);
        sheets.all(|sheet| {
            let now = now.sheet(&sheet.count);
            now.is_some_and(|now| now.tallies == sheet.tallies)
        })
    }

    /// Returns whether somebody may stand behind a table that this state does not have.
    pub(super) fn is_about(&self, count: &Count) -> bool {
        let is_somebody = |tally: &Tally| tally.value != Some(0) || tally.uncounted > 0;
        let is_like = |sheet: &&Sheet| {
            (sheet.count.measure, sheet.count.period) == (count.measure, count.period)
        };
        let touches = |sheet: &&Sheet| {
            let period = sheet.count.period;
            period.covers(count.period) || count.period.covers(period)
        };
        let somebody = |sheet: &Sheet| sheet.tallies.iter().any(is_somebody);
        match self.sheets.iter().find(is_like) {
            Some(like) => somebody(like),
            None => self.sheets.iter().filter(touches).any(somebody),
        }
    }

    /// Returns the state with financial years that begin in a month, which their spelling leaves
    /// out.
    #[must_use]
    pub fn with_financial_year(self, month: i8) -> Self {
        let count = |count: Count| Count {
            period: count.period.with_financial_year(month),
            ..count
        };
        let sheets = self.sheets.into_iter().map(|sheet| Sheet {
            count: count(sheet.count),
            ..sheet
        });
        Self {
            sheets: sheets.collect(),
            atoms: self
                .atoms
                .into_iter()
                .map(|(asked, tallies)| (count(asked), tallies))
                .collect(),
        }
    }

    /// Returns whether everything this state says, another says too.
    pub fn is_within(&self, other: &Self) -> bool {
        self.sheets
            .iter()
            .all(|sheet| other.sheet(&sheet.count) == Some(sheet))
            && self
                .atoms
                .iter()
                .all(|(count, tallies)| other.atoms.get(count) == Some(tallies))
    }
}

/// A map whose keys are no text, as a list of pairs.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Count, Tally};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Count, Vec<Tally>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Count, Vec<Tally>>, D::Error> {
        let pairs = Vec::<(Count, Vec<Tally>)>::deserialize(from)?;
        Ok(pairs.into_iter().collect())
    }
}

/// A table as it was shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What was counted.
    pub count: Count,
    /// What was said of it.
    pub cells: Vec<Cell>,
    /// What each cell truly was when that was said, as far as that is remembered; nothing
    /// where it is read from outside.
    pub was: Vec<i64>,
}

impl Said {
    /// Returns what everybody can read of it.
    #[must_use]
    pub fn read_from_outside(&self) -> Self {
        Self {
            was: Vec::new(),
            ..self.clone()
        }
    }

    /// Returns whether a cell with this value is what this was said of. Where that is not
    /// remembered, it may be.
    pub fn is_of(&self, cell: usize, value: i64) -> bool {
        self.was.get(cell).is_none_or(|was| *was == value)
    }
}
