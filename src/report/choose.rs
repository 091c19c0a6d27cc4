//! Which table of the plan answers a query.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::By;
use super::error::ReportError;
use crate::charter::TableSpec;
use crate::model::measure::Adds;
use crate::model::{Dimension, Grain, Kind, Measure};

/// Returns whether a measure's cells are 0 or 1 per member.
pub(super) const fn counts_networks(measure: Measure) -> bool {
    matches!(measure, Measure::StaffReach | Measure::NetworksWith)
}

/// What a table must have to answer.
pub(super) struct Wanted<'q> {
    pub(super) kind: Kind,
    pub(super) measure: Measure,
    pub(super) by: &'q [By],
    pub(super) filters: &'q BTreeMap<Dimension, Vec<String>>,
}

impl Wanted<'_> {
    /// Chooses the tables that answer: those with exactly the dimensions named, else the smallest
    /// whose further dimensions may be summed out; the finest grain where none is given.
    pub(super) fn choose<'a>(
        &self,
        plan: &'a [TableSpec],
        grain: Option<Grain>,
    ) -> Result<(Vec<&'a TableSpec>, Grain), ReportError> {
        self.check_currency()?;
        let grains: &[Grain] = grain.as_ref().map_or(Grain::ALL, std::slice::from_ref);
        let named = self.dimensions();
        let candidates = || {
            plan.iter().filter(|table| {
                (table.kind, table.measure) == (self.kind, self.measure)
                    && named.iter().all(|dimension| table.by.contains(dimension))
            })
        };
        let answers = |table: &TableSpec| {
            table
                .by
                .iter()
                .all(|dimension| self.grouped(*dimension) || self.can_sum_out(*dimension))
        };
        // Exact dimensions at any of the grains come before wider tables at a finer one.
        let widest = plan.iter().map(|table| table.by.len()).max().unwrap_or(0);
        for len in named.len()..=widest {
            for grain in grains {
                let fits = |table: &&TableSpec| {
                    table.by.len() == len && table.period.contains(grain) && answers(table)
                };
                if let Some(first) = candidates().find(fits) {
                    let same = |table: &&TableSpec| {
                        table.by == first.by && table.of == first.of && fits(table)
                    };
                    return Ok((candidates().filter(same).collect(), *grain));
                }
            }
        }
        let reason = candidates()
            .any(|table| grains.iter().any(|grain| table.period.contains(grain)))
            .then_some("a wider table exists, but its codes overlap and cannot be added up");
        Err(self.no_such_table(plan, grain, reason))
    }

    /// Returns the dimensions named in `by` or `where`.
    fn dimensions(&self) -> BTreeSet<Dimension> {
        let grouped = self.by.iter().filter_map(|by| match by {
            By::Dimension(dimension) => Some(*dimension),
            _ => None,
        });
        grouped.chain(self.filters.keys().copied()).collect()
    }

    fn grouped(&self, dimension: Dimension) -> bool {
        self.by.contains(&By::Dimension(dimension))
    }

    /// Returns whether the cells along a dimension add up to the cell without it. Persons are
    /// counted once per country, topic or grant, but have one gender and one age.
    fn can_sum_out(&self, dimension: Dimension) -> bool {
        let one_code = self
            .filters
            .get(&dimension)
            .is_some_and(|codes| codes.len() == 1);
        one_code
            || counts_networks(self.measure)
            || match self.measure.adds() {
                Adds::Distinct => dimension.describes_persons(),
                Adds::Magnitude if dimension == Dimension::Currency => false,
                _ => !dimension.is_multi_valued(),
            }
    }

    fn check_currency(&self) -> Result<(), ReportError> {
        let one_currency = self
            .filters
            .get(&Dimension::Currency)
            .is_some_and(|codes| codes.len() == 1);
        if self.measure.adds() != Adds::Magnitude
            || self.grouped(Dimension::Currency)
            || one_currency
        {
            return Ok(());
        }
        Err(ReportError::CurrencyNeeded {
            measure: self.measure.to_string(),
        })
    }

    fn no_such_table(
        &self,
        plan: &[TableSpec],
        grain: Option<Grain>,
        reason: Option<&'static str>,
    ) -> ReportError {
        let Self { kind, measure, .. } = self;
        let mut asked = format!("{kind} {measure} {}", spell_dimensions(&self.dimensions()));
        if let Some(grain) = grain {
            asked.push_str(&format!(" at grain {grain}"));
        }
        let possible: Vec<String> = plan
            .iter()
            .filter(|table| (table.kind, table.measure) == (*kind, *measure))
            .map(|table| {
                let grains: Vec<_> = table.period.iter().map(|grain| grain.as_str()).collect();
                format!("{} ({})", spell_dimensions(&table.by), grains.join(" "))
            })
            .collect();
        ReportError::NoSuchTable {
            asked,
            possible: if possible.is_empty() {
                "nothing of this measure".to_owned()
            } else {
                possible.join(", ")
            },
            reason,
        }
    }
}

fn spell_dimensions<'a>(dimensions: impl IntoIterator<Item = &'a Dimension>) -> String {
    let words: Vec<_> = dimensions.into_iter().map(|d| d.as_str()).collect();
    if words.is_empty() {
        "in total".to_owned()
    } else {
        format!("by {}", words.join("+"))
    }
}
