//! What figures are split by, and the code lists that never change.
//!
//! Lists that belong to the consortium (topics, grants, documents …) are in its charter.

use super::{Kind, Measure};

super::words! {
    /// A way to split a figure.
    pub enum Dimension as "dimension" {
        /// UN M49 region of the place.
        Region = "region",
        /// Country of the place, or one of [`PLACES`].
        Country = "country",
        /// What a training was about. One activity may have several.
        Topic = "topic",
        /// The grant that paid.
        Grant = "grant",
        /// How much of the network's own staff was reached.
        Reach = "reach",
        /// The document a consultation is about.
        Document = "document",
        /// The type of an advocacy action.
        ActionType = "action_type",
        /// What came of an advocacy action.
        Outcome = "outcome",
        /// How wide a signatory works.
        Scope = "scope",
        /// ISO 4217 currency.
        Currency = "currency",
        /// Area of organisational capacity.
        Domain = "domain",
        /// Item within a domain.
        Item = "item",
        /// State of a capacity item.
        State = "state",
        /// Gender of participants.
        Gender = "gender",
        /// Gender in three groups.
        Gender3 = "gender3",
        /// Age band of participants.
        AgeBand = "age_band",
        /// Age in two groups and unknown.
        Age2 = "age2",
        /// Role of participants.
        Role = "role",
    }
}

/// Gender codes.
pub const GENDERS: &[&str] = &[
    "woman",
    "man",
    "trans_woman",
    "trans_man",
    "non_binary",
    "self_described",
    "not_said",
    "not_recorded",
];
/// Gender in three groups.
pub const GENDERS3: &[&str] = &["women", "men", "another_or_not_said"];
/// Age bands.
pub const AGE_BANDS: &[&str] = &[
    "0-14", "15-19", "20-24", "25-29", "30-39", "40-49", "50+", "unknown",
];
/// Age in two groups and unknown.
pub const AGES2: &[&str] = &["under_25", "25_plus", "unknown"];
/// Roles of participants.
pub const ROLES: &[&str] = &[
    "board",
    "staff",
    "peer_worker",
    "volunteer",
    "member",
    "partner",
    "government",
    "donor_un",
    "interpreter",
    "other",
    "unknown",
    "absent",
];
/// How far training reached the network's own staff.
pub const REACHES: &[&str] = &["none", "some", "most", "all"];
/// How wide a signatory works.
pub const SCOPES: &[&str] = &["international", "regional", "national", "local"];
/// States of a capacity item.
pub const STATES: &[&str] = &["planned", "in_progress", "done", "in_use"];
/// Statuses of a suggestion.
pub const SUGGESTION_STATUSES: &[&str] = &[
    "open",
    "promised",
    "in_final_text",
    "partly",
    "refused",
    "withdrawn",
    "out_of_scope",
];
/// Places that are no single named country; they end every country list.
pub const PLACES: &[&str] = &[
    "other",
    "several",
    "withheld_place",
    "online",
    "international",
];
/// UN M49 regions, then the places that are none of them.
pub const REGIONS: &[&str] = &[
    "africa",
    "americas",
    "asia",
    "europe",
    "oceania",
    "other",
    "several",
    "withheld_place",
    "online",
    "international",
];

impl Dimension {
    /// Returns the code list fixed here, or `None` where the charter or a member's card has it.
    pub const fn fixed_codes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Region => Some(REGIONS),
            Self::Reach => Some(REACHES),
            Self::Scope => Some(SCOPES),
            Self::State => Some(STATES),
            Self::Gender => Some(GENDERS),
            Self::Gender3 => Some(GENDERS3),
            Self::AgeBand => Some(AGE_BANDS),
            Self::Age2 => Some(AGES2),
            Self::Role => Some(ROLES),
            Self::Country
            | Self::Topic
            | Self::Grant
            | Self::Document
            | Self::ActionType
            | Self::Outcome
            | Self::Currency
            | Self::Domain
            | Self::Item => None,
        }
    }

    /// Returns whether one activity can stand under several codes, so that its cells do not add
    /// up to the total.
    pub const fn is_multi_valued(self) -> bool {
        matches!(self, Self::Topic)
    }

    /// Returns whether it describes persons rather than the activity.
    pub const fn describes_persons(self) -> bool {
        matches!(
            self,
            Self::Gender | Self::Gender3 | Self::AgeBand | Self::Age2 | Self::Role
        )
    }

    /// Returns whether a measure of a kind can be split by it.
    pub fn splits(self, kind: Kind, measure: Measure) -> bool {
        match self {
            Self::Region | Self::Country | Self::Grant => true,
            Self::Topic | Self::Reach => kind == Kind::Training,
            Self::Document => kind == Kind::Consultation,
            Self::ActionType | Self::Outcome => kind == Kind::AdvocacyAction,
            Self::Scope => measure == Measure::Signatories,
            Self::Currency => kind == Kind::JointProject,
            Self::Domain | Self::Item | Self::State => kind == Kind::CapacityMilestone,
            Self::Gender | Self::Gender3 | Self::AgeBand | Self::Age2 | Self::Role => {
                measure.counts_persons()
            }
        }
    }
}

/// Returns the three-group level of a gender code.
pub fn gender3(gender: &str) -> &'static str {
    match gender {
        "woman" | "trans_woman" => "women",
        "man" | "trans_man" => "men",
        _ => "another_or_not_said",
    }
}

/// Returns the two-group level of an age band.
pub fn age2(band: &str) -> &'static str {
    match band {
        "0-14" | "15-19" | "20-24" => "under_25",
        "25-29" | "30-39" | "40-49" | "50+" => "25_plus",
        _ => "unknown",
    }
}
