//! The default plan, and the shape a table has for one member.

use std::collections::BTreeMap;

use super::policy::{CodeList, Of, Policy, Size, TableSpec, YearStart};
use crate::model::dimension::PLACES;
use crate::model::{Axis, Dimension, Grain, Kind, Measure};

use Dimension as D;
use Measure as M;

const QUARTER_AND_YEAR: &[Grain] = &[Grain::Quarter, Grain::Year];
const YEAR: &[Grain] = &[Grain::Year];

impl Policy {
    /// Returns the policy a charter carries unless its founders write another.
    pub fn default_plan() -> Self {
        Self {
            financial_year_starts: Some(YearStart::January),
            disclosure: super::policy::Floor::default(),
            witness: super::policy::WitnessPolicy::default(),
            kind: Kind::ALL
                .iter()
                .map(|kind| (*kind, super::policy::KindPolicy::default()))
                .collect(),
            codes: default_codes(),
            table: default_tables(),
        }
    }

    /// Returns the tables a member of this size publishes for a kind and grain, in order.
    pub fn tables(&self, kind: Kind, grain: Grain, size: Size) -> impl Iterator<Item = &TableSpec> {
        self.table.iter().filter(move |table| {
            table.kind == kind && table.period.contains(&grain) && table.sizes.contains(&size)
        })
    }

    /// Returns the grains at which a kind is published at all, finest first.
    pub fn grains(&self, kind: Kind) -> Vec<Grain> {
        let published = |grain: &Grain| {
            self.table
                .iter()
                .any(|table| table.kind == kind && table.period.contains(grain))
        };
        Grain::ALL.iter().copied().filter(published).collect()
    }

    /// Returns the codes along a dimension for a member working in `countries`.
    pub fn codes_along(&self, dimension: Dimension, countries: &[String]) -> Vec<String> {
        if let Some(fixed) = dimension.fixed_codes() {
            return fixed.iter().map(|code| (*code).to_owned()).collect();
        }
        match CodeList::of(dimension) {
            Some(list) => self.codes(list),
            None => countries
                .iter()
                .cloned()
                .chain(PLACES.iter().map(|place| (*place).to_owned()))
                .collect(),
        }
    }

    /// Returns the axes a table has for a member working in `countries`.
    pub fn axes(&self, table: &TableSpec, countries: &[String]) -> Vec<Axis> {
        table
            .by
            .iter()
            .map(|dimension| Axis {
                dimension: *dimension,
                codes: self.codes_along(*dimension, countries),
            })
            .collect()
    }
}

fn default_tables() -> Vec<TableSpec> {
    let mut tables = Vec::new();
    for kind in Kind::ALL {
        tables.extend(place_tables(*kind));
    }
    tables.extend(training_tables());
    tables.extend(consultation_tables());
    tables.extend(advocacy_tables());
    tables.extend(project_tables());
    tables.push(public(
        Kind::CapacityMilestone,
        M::NetworksWith,
        &[D::Domain, D::Item, D::State],
        QUARTER_AND_YEAR,
    ));
    for measure in [M::Attendances, M::People, M::Completions] {
        tables.extend(personal_tables(Kind::Training, measure));
    }
    for measure in [M::Attendances, M::People] {
        tables.extend(personal_tables(Kind::Consultation, measure));
    }
    tables
}

fn place_tables(kind: Kind) -> Vec<TableSpec> {
    vec![
        public(kind, M::Activities, &[], QUARTER_AND_YEAR),
        public(kind, M::ActivitiesJoined, &[], QUARTER_AND_YEAR),
        public(kind, M::Activities, &[D::Region], QUARTER_AND_YEAR),
        public(kind, M::ActivitiesJoined, &[D::Region], QUARTER_AND_YEAR),
        public(kind, M::Activities, &[D::Country], YEAR),
    ]
}

fn training_tables() -> Vec<TableSpec> {
    vec![
        public(
            Kind::Training,
            M::Activities,
            &[D::Topic, D::Grant],
            QUARTER_AND_YEAR,
        ),
        public(
            Kind::Training,
            M::Hours,
            &[D::Topic, D::Grant],
            QUARTER_AND_YEAR,
        ),
        public(Kind::Training, M::StaffReach, &[D::Topic, D::Reach], YEAR),
    ]
}

fn consultation_tables() -> Vec<TableSpec> {
    [
        M::SuggestionsSent,
        M::SuggestionsPromised,
        M::SuggestionsInFinalText,
        M::SuggestionsPartly,
        M::SuggestionsRefused,
        M::SuggestionsOpen,
        M::Meetings,
    ]
    .map(|measure| {
        public(
            Kind::Consultation,
            measure,
            &[D::Document],
            QUARTER_AND_YEAR,
        )
    })
    .into()
}

fn advocacy_tables() -> Vec<TableSpec> {
    let signatories = |by: &[Dimension], of| TableSpec {
        of: Some(of),
        ..public(Kind::AdvocacyAction, M::Signatories, by, QUARTER_AND_YEAR)
    };
    vec![
        public(
            Kind::AdvocacyAction,
            M::Activities,
            &[D::ActionType, D::Outcome],
            QUARTER_AND_YEAR,
        ),
        signatories(&[], Of::Organisations),
        signatories(&[D::Scope], Of::Organisations),
        signatories(&[D::Country], Of::PublicOrganisations),
    ]
}

fn project_tables() -> Vec<TableSpec> {
    let mut tables: Vec<TableSpec> = [
        M::Activities,
        M::Running,
        M::Finished,
        M::MilestonesDue,
        M::MilestonesDone,
    ]
    .map(|measure| public(Kind::JointProject, measure, &[D::Grant], QUARTER_AND_YEAR))
    .into();
    for measure in [M::Budget, M::Spent] {
        tables.push(public(
            Kind::JointProject,
            measure,
            &[D::Grant, D::Currency],
            YEAR,
        ));
    }
    tables
}

fn personal_tables(kind: Kind, measure: Measure) -> Vec<TableSpec> {
    let table = |by: &[Dimension], period: &[Grain], sizes: &[Size]| TableSpec {
        personal: true,
        sizes: sizes.to_vec(),
        attributes: by
            .iter()
            .copied()
            .filter(|d| d.describes_persons())
            .collect(),
        ..public(kind, measure, by, period)
    };
    let quarterly = TableSpec {
        id: format!("{kind}.{measure}.quarterly"),
        ..table(&[], &[Grain::Quarter], &[Size::Large])
    };
    let larger = &[Size::Medium, Size::Large];
    vec![
        table(&[], YEAR, Size::ALL),
        quarterly,
        table(&[D::Gender3], YEAR, larger),
        table(&[D::Age2], YEAR, larger),
        table(&[D::Gender, D::AgeBand], YEAR, &[Size::Large]),
        table(&[D::Country], YEAR, &[Size::Large]),
    ]
}

/// A table everybody publishes as it is.
fn public(kind: Kind, measure: Measure, by: &[Dimension], period: &[Grain]) -> TableSpec {
    let mut id = format!("{kind}.{measure}");
    for (nth, dimension) in by.iter().enumerate() {
        id.push_str(if nth == 0 { ".by_" } else { "_" });
        id.push_str(dimension.as_str());
    }
    TableSpec {
        id,
        kind,
        measure,
        by: by.to_vec(),
        period: period.to_vec(),
        personal: false,
        sizes: Size::ALL.to_vec(),
        attributes: Vec::new(),
        of: None,
    }
}

fn default_codes() -> BTreeMap<CodeList, BTreeMap<String, String>> {
    DEFAULT_CODES
        .iter()
        .map(|(list, codes)| {
            let codes = codes
                .iter()
                .map(|(code, label)| ((*code).to_owned(), (*label).to_owned()));
            (*list, codes.collect())
        })
        .collect()
}

const DEFAULT_CODES: &[(CodeList, &[(&str, &str)])] = &[
    (
        CodeList::Topic,
        &[
            ("accounting", "Accounting"),
            ("advocacy", "Advocacy"),
            ("auditing", "Auditing"),
            ("data_skills", "Data skills"),
            ("digital_safety", "Digital safety"),
            ("financial_management", "Financial management"),
            ("governance", "Governance"),
            ("harm_reduction", "Harm reduction"),
            ("hr", "Human resources"),
            ("human_rights", "Human rights"),
            ("monitoring", "Monitoring and evaluation"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Theme,
        &[
            ("community_systems", "Community systems"),
            ("drug_policy", "Drug policy"),
            ("harm_reduction", "Harm reduction"),
            ("health", "Health"),
            ("human_rights", "Human rights"),
            ("treatment", "Treatment"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::ActionType,
        &[
            ("campaign", "Campaign"),
            ("media", "Media"),
            ("meeting", "Meeting"),
            ("open_letter", "Open letter"),
            ("side_event", "Side event"),
            ("statement", "Statement"),
            ("submission", "Submission"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Outcome,
        &[
            ("acknowledged", "acknowledged"),
            ("changes_promised", "changes promised"),
            ("first_draft_stopped", "first draft stopped"),
            ("none_yet", "no outcome yet"),
            ("policy_change", "policy changed"),
            ("response", "answered"),
            ("other", "another outcome"),
        ],
    ),
    (
        CodeList::Domain,
        &[
            ("finance", "Finance"),
            ("governance", "Governance"),
            ("hr", "Human resources"),
            ("programmes", "Programmes"),
            ("safety", "Safety"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Item,
        &[
            ("anti_fraud", "Anti-fraud policy"),
            ("data_protection", "Data protection policy"),
            ("finance_manual", "Finance manual"),
            ("hr_manual", "HR manual"),
            ("procurement", "Procurement policy"),
            ("restructuring", "Restructuring"),
            ("safeguarding", "Safeguarding policy"),
            ("strategic_plan", "Strategic plan"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Document,
        &[
            (
                "treatment_standards",
                "International Standards for the Treatment of Drug Use Disorders",
            ),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Grant,
        &[
            ("global_fund", "Global Fund"),
            ("none", "No grant"),
            ("rcf", "Robert Carr Fund"),
            ("other", "Other"),
        ],
    ),
    (
        CodeList::Currency,
        &[
            ("AUD", "Australian dollar"),
            ("BDT", "Taka"),
            ("BRL", "Brazilian real"),
            ("CAD", "Canadian dollar"),
            ("CHF", "Swiss franc"),
            ("CNY", "Yuan renminbi"),
            ("EUR", "Euro"),
            ("FJD", "Fiji dollar"),
            ("GBP", "Pound sterling"),
            ("HKD", "Hong Kong dollar"),
            ("IDR", "Rupiah"),
            ("INR", "Indian rupee"),
            ("JPY", "Yen"),
            ("KES", "Kenyan shilling"),
            ("KHR", "Riel"),
            ("KZT", "Tenge"),
            ("LAK", "Lao kip"),
            ("LKR", "Sri Lanka rupee"),
            ("MMK", "Kyat"),
            ("MVR", "Rufiyaa"),
            ("MXN", "Mexican peso"),
            ("MYR", "Malaysian ringgit"),
            ("NGN", "Naira"),
            ("NPR", "Nepalese rupee"),
            ("NZD", "New Zealand dollar"),
            ("PGK", "Kina"),
            ("PHP", "Philippine peso"),
            ("PKR", "Pakistan rupee"),
            ("RUB", "Russian ruble"),
            ("SEK", "Swedish krona"),
            ("SGD", "Singapore dollar"),
            ("THB", "Baht"),
            ("UAH", "Hryvnia"),
            ("USD", "US dollar"),
            ("VND", "Dong"),
            ("ZAR", "Rand"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_members_publish_no_quarterly_persons() {
        let policy = Policy::default_plan();
        let personal = |size, grain| {
            policy
                .tables(Kind::Training, grain, size)
                .filter(|table| table.personal)
                .count()
        };
        assert_eq!(personal(Size::Small, Grain::Quarter), 0);
        assert_eq!(personal(Size::Small, Grain::Year), 3);
        assert_eq!(personal(Size::Large, Grain::Quarter), 3);
        assert_eq!(personal(Size::Large, Grain::Year), 15);
    }

    #[test]
    fn country_axes_name_only_the_cards_countries() {
        let policy = Policy::default_plan();
        let codes = policy.codes_along(Dimension::Country, &["TH".to_owned()]);
        assert_eq!(
            codes,
            [
                "TH",
                "other",
                "several",
                "withheld_place",
                "online",
                "international"
            ]
        );
        assert_eq!(
            policy.codes_along(Dimension::Grant, &[]),
            ["global_fund", "rcf", "none", "other"]
        );
    }
}
