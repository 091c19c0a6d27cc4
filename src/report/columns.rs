//! The cells of all summaries in packed columns, and what each log said of each series.
//!
//! Leaves come in by [`Columns::ingest`], in the order of each log; a payload may come later, by
//! [`Columns::ingest_payload`]. Of one series the newest leaf counts: the last summary, or a
//! status put after it. Older revisions stay, so that an answer can be as of an earlier date. A
//! recall counts at every date, because the payload is erased everywhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::sheet::{Sheet, SheetKey};
use crate::charter::policy::Audience;
use crate::model::table::cell_count;
use crate::model::{Axis, Grain, Kind, MemberId, Period, Series, Summary, Table, words};

words! {
    /// What a member says of a period it publishes nothing for.
    pub enum Status as "status" {
        /// Nothing happened.
        Nil = "nil",
        /// Paused, no reason asked.
        Excused = "excused",
        /// Chose not to share.
        Withheld = "withheld",
    }
}

/// What a leaf says, as far as a report needs it. Other leaves need not be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A release of a series; it supersedes what the log said of the series before.
    Summary {
        /// The series.
        series: Series,
        /// Its revision.
        revision: u32,
        /// The leaf's date.
        date: Date,
        /// Who may see the payload.
        audience: Audience,
    },
    /// No summary, and why.
    Status {
        /// The series.
        series: Series,
        /// Why.
        status: Status,
        /// The leaf's date.
        date: Date,
    },
    /// The payload of an earlier leaf is taken back.
    Recall {
        /// Index of that leaf in the same log.
        index: u64,
    },
}

/// The newest checkpoint held of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Tree size.
    pub tree_size: u64,
    /// Root hash.
    pub root_hash: [u8; 32],
    /// Members whose witness key cosigned it.
    pub cosigned_by: Vec<MemberId>,
}

/// Why a leaf or payload was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The payload is not what its leaf announces.
    #[error("payload of {member} {index} is not the summary its leaf announces")]
    Mismatch {
        /// The member.
        member: MemberId,
        /// The leaf index.
        index: u64,
    },
    /// A table whose cells do not fill its axes.
    #[error("table {table:?} of {member} {index} does not fill its axes")]
    Shape {
        /// The member.
        member: MemberId,
        /// The leaf index.
        index: u64,
        /// The table's id.
        table: String,
    },
    /// A leaf older than the newest one taken in of its log.
    #[error("leaf {index} of {member} came after a later one")]
    Order {
        /// The member.
        member: MemberId,
        /// The leaf index.
        index: u64,
    },
    /// More leaves than 32 bits can number.
    #[error("the columns are full: more than four thousand million leaves")]
    Full,
}

/// What became of one leaf of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its index in the member's log.
    pub leaf_index: u64,
    /// Its date.
    pub date: Date,
    /// Its revision; unset for a status.
    pub revision: Option<u32>,
    /// The leaf that superseded it.
    pub superseded_by: Option<u64>,
    /// Whether its payload was taken back.
    pub recalled: bool,
    /// Whether its payload is held.
    pub held: bool,
}

/// Every member's summaries, in packed columns.
#[derive(Debug, Default)]
pub struct Columns {
    members: Vec<MemberId>,
    member_of: HashMap<MemberId, u32>,
    /// Per member, its words in the order of its log.
    logs: Vec<Vec<u32>>,
    heads: BTreeMap<MemberId, Head>,
    words: Vec<Word>,
    /// The newest word of each series. Financial years stand as if they began in January:
    /// the charter's month is not known here.
    latest: BTreeMap<(u32, Kind, Grain, Period), u32>,
    audiences: Vec<Audience>,
    shapes: Vec<Vec<Axis>>,
    shape_of: HashMap<Vec<Axis>, u32>,
    sheets: HashMap<SheetKey, Sheet>,
    /// What members say in their own words, by word.
    statements: HashMap<u32, Vec<String>>,
}

/// One leaf about a series.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) leaf_index: u64,
    pub(super) date: Date,
    pub(super) said: Said,
    /// Whether the payload's cells are in the sheets.
    pub(super) held: bool,
    pub(super) recalled: bool,
    member: u32,
    series: Series,
    previous: Option<u32>,
    superseded_by: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// With its revision, and its audience's number.
    Summary {
        revision: u32,
        audience: u32,
    },
    Status(Status),
}

impl Columns {
    /// Returns columns with nothing in them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one leaf of a member's log, with its payload where that is held. A leaf taken in
    /// before changes nothing.
    ///
    /// # Errors
    /// When the leaf comes after a later one of its log; or when the payload is not what the leaf
    /// announces, in which case the leaf itself is taken in all the same.
    pub fn ingest(
        &mut self,
        member: &MemberId,
        index: u64,
        entry: &Entry,
        payload: Option<&Summary>,
    ) -> Result<(), IngestError> {
        let id = self.intern_member(member)?;
        let (series, said, date) = match entry {
            Entry::Recall { index: target } => {
                self.recall(id, *target);
                return Ok(());
            }
            Entry::Summary {
                series,
                revision,
                date,
                audience,
            } => {
                let said = Said::Summary {
                    revision: *revision,
                    audience: self.intern_audience(audience)?,
                };
                (*series, said, *date)
            }
            Entry::Status {
                series,
                status,
                date,
            } => (*series, Said::Status(*status), *date),
        };
        if self.word_at_leaf(id, index).is_none() {
            if self.last_index(id).is_some_and(|last| last > index) {
                let member = member.clone();
                return Err(IngestError::Order { member, index });
            }
            self.add_word(Word {
                leaf_index: index,
                date,
                said,
                held: false,
                recalled: false,
                member: id,
                series,
                previous: None,
                superseded_by: None,
            })?;
        }
        match payload {
            Some(payload) => self.ingest_payload(member, index, payload),
            None => Ok(()),
        }
    }

    /// Takes in the payload of a leaf taken in before. One that is held or recalled, or whose
    /// leaf is not here, changes nothing.
    ///
    /// # Errors
    /// When the payload is not what the leaf announces, or a table does not fill its axes.
    pub fn ingest_payload(
        &mut self,
        member: &MemberId,
        index: u64,
        payload: &Summary,
    ) -> Result<(), IngestError> {
        let word = self
            .member_of
            .get(member)
            .and_then(|id| self.word_at_leaf(*id, index));
        let Some(number) = word else {
            return Ok(());
        };
        let word = &self.words[number as usize];
        let Said::Summary { revision, .. } = word.said else {
            return Ok(());
        };
        if word.held || word.recalled {
            return Ok(());
        }
        let announced = (member, word.series, revision);
        if announced
            != (
                &payload.member,
                key_series(payload.series),
                payload.revision,
            )
        {
            let member = member.clone();
            return Err(IngestError::Mismatch { member, index });
        }
        if let Some(table) = payload
            .tables
            .iter()
            .find(|table| cell_count(&table.axes) != table.cells.len())
        {
            return Err(IngestError::Shape {
                member: member.clone(),
                index,
                table: table.id.clone(),
            });
        }
        for table in &payload.tables {
            let shape = self.intern_shape(&table.axes)?;
            let key = SheetKey {
                kind: payload.series.kind,
                id: table.id.clone(),
                measure: table.measure,
                by: table.axes.iter().map(|axis| axis.dimension).collect(),
            };
            let sheet = self.sheets.entry(key).or_default();
            sheet.push(number, shape, &table.cells);
        }
        if !payload.statements.is_empty() {
            self.statements.insert(number, payload.statements.clone());
        }
        self.words[number as usize].held = true;
        Ok(())
    }

    /// Takes in the newest checkpoint held of a member's log.
    pub fn set_head(&mut self, member: &MemberId, head: Head) {
        self.heads.insert(member.clone(), head);
    }

    /// Returns the newest checkpoint held of a member's log.
    pub fn head(&self, member: &MemberId) -> Option<&Head> {
        self.heads.get(member)
    }

    /// Returns every leaf about a series, oldest first.
    pub fn history(&self, member: &MemberId, series: Series) -> Vec<Release> {
        let mut releases: Vec<Release> = self
            .newest(member, series)
            .into_iter()
            .flat_map(|word| self.back_from(word))
            .map(|word| Release {
                leaf_index: word.leaf_index,
                date: word.date,
                revision: match word.said {
                    Said::Summary { revision, .. } => Some(revision),
                    Said::Status(_) => None,
                },
                superseded_by: word
                    .superseded_by
                    .map(|by| self.words[by as usize].leaf_index),
                recalled: word.recalled,
                held: word.held,
            })
            .collect();
        releases.reverse();
        releases
    }

    /// Returns how many cells are held, old revisions included.
    pub fn cells(&self) -> usize {
        self.sheets.values().map(Sheet::cells).sum()
    }

    /// Returns about how many bytes the cells and their history take.
    pub fn bytes(&self) -> usize {
        let sheets: usize = self.sheets.values().map(Sheet::bytes).sum();
        sheets + self.words.capacity() * (size_of::<Word>() + size_of::<u32>())
    }

    /// Returns the number of words there are.
    pub(super) fn word_count(&self) -> usize {
        self.words.len()
    }

    /// Returns the axes interned as `shape`.
    pub(super) fn shape(&self, shape: u32) -> &[Axis] {
        &self.shapes[shape as usize]
    }

    /// Returns the packed cells of a table.
    pub(super) fn sheet(&self, key: &SheetKey) -> Option<&Sheet> {
        self.sheets.get(key)
    }

    /// Returns the tables of some summaries, those of the keys that are wanted, by word and in
    /// the order of their identifiers.
    pub(super) fn tables_of(
        &self,
        words: &BTreeSet<u32>,
        wanted: impl Fn(&SheetKey) -> bool,
    ) -> BTreeMap<u32, Vec<Table>> {
        let mut tables: BTreeMap<u32, Vec<Table>> = BTreeMap::new();
        for (key, sheet) in self.sheets.iter().filter(|(key, _)| wanted(key)) {
            for block in sheet
                .blocks()
                .filter(|block| words.contains(&block.summary))
            {
                tables.entry(block.summary).or_default().push(Table {
                    id: key.id.clone(),
                    measure: key.measure,
                    axes: self.shape(block.shape).to_vec(),
                    cells: (0..).map_while(|at| block.cells.get(at)).collect(),
                });
            }
        }
        for of_word in tables.values_mut() {
            of_word.sort_by(|one, other| {
                let key = |table: &Table| (table.id.clone(), table.measure, table.axes.clone());
                key(one).cmp(&key(other))
            });
        }
        tables
    }

    /// Returns a word by its number.
    pub(super) fn word(&self, number: u32) -> &Word {
        &self.words[number as usize]
    }

    /// Returns what counts for each series of a member, kind and grain as of a date, by period.
    pub(super) fn words_of(
        &self,
        member: &MemberId,
        kind: Kind,
        grain: Grain,
        at: Date,
    ) -> impl DoubleEndedIterator<Item = (Period, u32)> {
        let id = self.member_of.get(member).copied();
        let range = id.map(|id| {
            // No period that can be read lies outside these years.
            let first = (id, kind, grain, Period::year(1000));
            let last = (id, kind, grain, Period::year(9998));
            (first, last)
        });
        range
            .into_iter()
            .flat_map(|(first, last)| self.latest.range(first..=last))
            .filter_map(move |((_, _, _, period), newest)| {
                Some((*period, self.as_of(*newest, at)?))
            })
    }

    /// Returns what a member says in its own words in the summary of a word.
    pub(super) fn statements(&self, number: u32) -> &[String] {
        self.statements.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a reader may see a summary's payload.
    pub(super) fn may_see(&self, word: &Word, reader: Option<&MemberId>) -> bool {
        let (Some(reader), Said::Summary { audience, .. }) = (reader, word.said) else {
            return true;
        };
        let publisher = &self.members[word.member as usize];
        self.audiences[audience as usize].includes(reader, publisher)
    }

    /// Returns the newest word of a chain that is no younger than a date.
    fn as_of(&self, newest: u32, at: Date) -> Option<u32> {
        let mut number = newest;
        loop {
            let word = &self.words[number as usize];
            if word.date <= at {
                return Some(number);
            }
            number = word.previous?;
        }
    }

    fn newest(&self, member: &MemberId, series: Series) -> Option<u32> {
        let id = *self.member_of.get(member)?;
        let series = key_series(series);
        let key = (id, series.kind, series.period.grain(), series.period);
        self.latest.get(&key).copied()
    }

    fn back_from(&self, newest: u32) -> impl Iterator<Item = &Word> {
        std::iter::successors(Some(&self.words[newest as usize]), |word| {
            Some(&self.words[word.previous? as usize])
        })
    }

    fn add_word(&mut self, mut word: Word) -> Result<(), IngestError> {
        let number = u32::try_from(self.words.len()).map_err(|_| IngestError::Full)?;
        word.series = key_series(word.series);
        let Series { kind, period } = word.series;
        let key = (word.member, kind, period.grain(), period);
        word.previous = self.latest.insert(key, number);
        if let Some(previous) = word.previous {
            self.words[previous as usize].superseded_by = Some(number);
        }
        self.logs[word.member as usize].push(number);
        self.words.push(word);
        Ok(())
    }

    /// Erases a payload and remembers that it was recalled.
    fn recall(&mut self, member: u32, index: u64) {
        let Some(number) = self.word_at_leaf(member, index) else {
            return;
        };
        let word = &mut self.words[number as usize];
        if !matches!(word.said, Said::Summary { .. }) || word.recalled {
            return;
        }
        word.recalled = true;
        if std::mem::take(&mut word.held) {
            for sheet in self.sheets.values_mut() {
                sheet.erase(number);
            }
            self.statements.remove(&number);
        }
    }

    fn last_index(&self, member: u32) -> Option<u64> {
        let number = *self.logs.get(member as usize)?.last()?;
        Some(self.words[number as usize].leaf_index)
    }

    fn word_at_leaf(&self, member: u32, index: u64) -> Option<u32> {
        let log = self.logs.get(member as usize)?;
        let at = log
            .binary_search_by_key(&index, |number| self.words[*number as usize].leaf_index)
            .ok()?;
        log.get(at).copied()
    }

    fn intern_member(&mut self, member: &MemberId) -> Result<u32, IngestError> {
        if let Some(id) = self.member_of.get(member) {
            return Ok(*id);
        }
        let id = u32::try_from(self.members.len()).map_err(|_| IngestError::Full)?;
        self.members.push(member.clone());
        self.member_of.insert(member.clone(), id);
        self.logs.push(Vec::new());
        Ok(id)
    }

    fn intern_audience(&mut self, audience: &Audience) -> Result<u32, IngestError> {
        let known = self.audiences.iter().position(|known| known == audience);
        let at = known.unwrap_or_else(|| {
            self.audiences.push(audience.clone());
            self.audiences.len() - 1
        });
        u32::try_from(at).map_err(|_| IngestError::Full)
    }

    fn intern_shape(&mut self, axes: &[Axis]) -> Result<u32, IngestError> {
        if let Some(shape) = self.shape_of.get(axes) {
            return Ok(*shape);
        }
        let shape = u32::try_from(self.shapes.len()).map_err(|_| IngestError::Full)?;
        self.shapes.push(axes.to_vec());
        self.shape_of.insert(axes.to_vec(), shape);
        Ok(shape)
    }
}

/// Returns the series as it is kept: financial years as if they began in January.
const fn key_series(series: Series) -> Series {
    Series {
        kind: series.kind,
        period: series.period.with_financial_year(1),
    }
}
