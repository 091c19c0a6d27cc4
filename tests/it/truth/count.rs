//! A plain count of what networks did, for any row of a report.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::model::{Kind, Measure, Period};
use counterfoil::wire;
use jiff::civil::Date;
use proptest::prelude::*;

use super::deeds::{Deed, Network, What};

/// What a row asks for: whose, when, and which codes.
pub(super) struct Cell<'a> {
    pub(super) networks: Vec<&'a Network>,
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) codes: BTreeMap<String, Vec<String>>,
}

impl<'a> Cell<'a> {
    pub(super) fn of(world: &'a [Network], query: &wire::QueryRequest, row: &wire::Row) -> Self {
        let period = |text: &str| text.parse::<Period>().expect("a period");
        let of_row = row.group.get("period");
        let (from, to) = of_row.map_or((&query.from, &query.to), |one| (one, one));
        let mut codes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for filter in &query.r#where {
            codes.insert(filter.dimension.clone(), filter.codes.clone());
        }
        for (name, code) in &row.group {
            if !["member", "period"].contains(&name.as_str()) {
                codes.insert(name.clone(), vec![code.clone()]);
            }
        }
        let named = |network: &&Network| row.members.iter().any(|id| id == network.id);
        Self {
            networks: world.iter().filter(named).collect(),
            first: period(from).first_day(),
            last: period(to).last_day(),
            codes,
        }
    }

    pub(super) fn is(&self, name: &str, code: &str) -> bool {
        let wanted = self.codes.get(name);
        wanted.is_none_or(|codes| codes.iter().any(|one| one == code))
    }

    pub(super) fn within(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Counts, over what each network leads and shows, what `of` says of each deed.
    pub(super) fn sum(&self, of: impl Fn(&Deed) -> i64) -> i64 {
        let deeds = self.networks.iter().flat_map(|network| &network.deeds);
        let counted = deeds.filter(|deed| !deed.hidden && !deed.joined);
        counted.map(of).sum()
    }

    /// Counts activities of a kind that started in time and have these codes.
    pub(super) fn started(&self, kind: Kind, of: impl Fn(&Deed) -> i64) -> i64 {
        let here =
            |deed: &Deed| deed.what.kind() == kind && self.within(deed.day) && self.coded(deed);
        self.sum(|deed| if here(deed) { of(deed) } else { 0 })
    }

    pub(super) fn coded(&self, deed: &Deed) -> bool {
        match &deed.what {
            What::Training { topics, grant, .. } => {
                topics.iter().any(|topic| self.is("topic", topic)) && self.is("grant", grant)
            }
            What::Consultation { .. } => self.is("document", "treatment_standards"),
            What::Action {
                action, outcome, ..
            } => self.is("action_type", action) && self.is("outcome", outcome),
            What::Milestone { .. } => true,
            What::Project { grant, .. } => self.is("grant", grant) && self.is("currency", "EUR"),
        }
    }

    pub(super) fn suggestions(&self, of: impl Fn(Date, Option<Date>, &str) -> bool) -> i64 {
        self.sum(|deed| match &deed.what {
            What::Consultation { suggestions, .. } if self.coded(deed) => {
                let some = suggestions
                    .iter()
                    .filter(|(made, decided, how)| of(*made, *decided, how));
                some.count() as i64
            }
            _ => 0,
        })
    }

    pub(super) fn decided(&self, as_what: &str) -> i64 {
        self.suggestions(|made, decided, how| {
            how == as_what && self.within(decided.unwrap_or(made))
        })
    }

    /// Returns the plain count of a measure.
    pub(super) fn truth(&self, kind: Kind, measure: Measure) -> i64 {
        match measure {
            Measure::Activities => self.started(kind, |_| 1),
            Measure::ActivitiesJoined => {
                let deeds = self.networks.iter().flat_map(|network| &network.deeds);
                let joined = deeds.filter(|deed| {
                    deed.joined && !deed.hidden && deed.what.kind() == kind && self.within(deed.day)
                });
                joined.count() as i64
            }
            Measure::Hours => self.started(kind, |deed| match &deed.what {
                What::Training { hours, .. } => i64::from(hours.unwrap_or(0)),
                _ => 0,
            }),
            Measure::Meetings => self.started(kind, |deed| match &deed.what {
                What::Consultation { meetings, .. } => i64::from(meetings.unwrap_or(0)),
                _ => 0,
            }),
            Measure::Signatories => self.started(kind, |deed| match &deed.what {
                What::Action { signed, .. } => i64::from(*signed),
                _ => 0,
            }),
            Measure::Budget => self.started(kind, |deed| match &deed.what {
                What::Project { budget, .. } => i64::from(*budget) * 10_000,
                _ => 0,
            }),
            Measure::Spent => self.started(kind, |deed| match &deed.what {
                What::Project { spent, .. } => i64::from(*spent) * 10_000,
                _ => 0,
            }),
            Measure::SuggestionsSent => self.suggestions(|made, _, _| self.within(made)),
            Measure::SuggestionsOpen => {
                self.suggestions(|made, _, how| how == "open" && self.within(made))
            }
            Measure::SuggestionsPromised => self.decided("promised"),
            Measure::SuggestionsInFinalText => self.decided("in_final_text"),
            Measure::SuggestionsPartly => self.decided("partly"),
            Measure::SuggestionsRefused => self.decided("refused"),
            Measure::People => self.people(),
            Measure::StaffReach => self.networks_of(|network| self.reached(network)),
            Measure::NetworksWith => self.networks_of(|network| self.has(network)),
            other => panic!("{other} is not asked for"),
        }
    }

    pub(super) fn people(&self) -> i64 {
        let deeds = self.networks.iter().flat_map(|network| &network.deeds);
        let mut persons: BTreeSet<u32> = BTreeSet::new();
        for deed in deeds.filter(|deed| !deed.hidden && self.within(deed.day)) {
            if let What::Training { people, .. } = &deed.what {
                persons.extend(people);
            }
        }
        persons.len() as i64
    }

    pub(super) fn networks_of(&self, is_one: impl Fn(&Network) -> bool) -> i64 {
        self.networks
            .iter()
            .filter(|network| is_one(network))
            .count() as i64
    }

    /// Returns whether the last thing said of some topic is one of the codes.
    pub(super) fn reached(&self, network: &Network) -> bool {
        last_reach(network)
            .iter()
            .any(|(topic, reach)| self.is("topic", topic) && self.is("reach", reach))
    }

    pub(super) fn has(&self, network: &Network) -> bool {
        last_states(network, self.last).iter().any(|(item, state)| {
            self.is("item", item) && self.is("state", state) && self.is("domain", "hr")
        })
    }
}

pub(super) fn last_reach(network: &Network) -> BTreeMap<&'static str, &'static str> {
    let mut last = BTreeMap::new();
    for deed in network.deeds.iter().filter(|deed| !deed.hidden) {
        if let What::Training {
            topics,
            reach: Some(reach),
            ..
        } = &deed.what
        {
            last.extend(topics.iter().map(|topic| (*topic, *reach)));
        }
    }
    last
}

pub(super) fn last_states(network: &Network, by: Date) -> BTreeMap<&'static str, &'static str> {
    let mut last = BTreeMap::new();
    let mine = |deed: &&Deed| !deed.hidden && !deed.joined && deed.day <= by;
    for deed in network.deeds.iter().filter(mine) {
        if let What::Milestone { item, state } = &deed.what {
            last.insert(*item, *state);
        }
    }
    last
}

/// Holds one row against the plain count.
pub(super) fn check_row(
    world: &[Network],
    query: &wire::QueryRequest,
    row: &wire::Row,
) -> Result<(), TestCaseError> {
    let (kind, measure) = (
        query.kind.parse().expect("a kind"),
        query.measure.parse().expect("a measure"),
    );
    let truth = Cell::of(world, query, row).truth(kind, measure);
    let shown = format!("{query:?}\n{row:?}\ntruth {truth}");
    prop_assert!(row.lower <= truth, "{}", shown);
    prop_assert!(row.upper.is_none_or(|upper| truth <= upper), "{}", shown);
    let uncertain = [Measure::People, Measure::Hours, Measure::Meetings].contains(&measure);
    prop_assert!(uncertain || row.value == Some(truth), "{}", shown);
    prop_assert!(row.value.is_none_or(|value| value == truth), "{}", shown);
    Ok(())
}
