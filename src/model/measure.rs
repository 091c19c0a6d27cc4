//! What is counted, and how it adds up over periods and members.

use super::Kind;

super::words! {
    /// A number a table may hold.
    pub enum Measure as "measure" {
        /// Activities this member counts as its own (for projects: started).
        Activities = "activities",
        /// Joint activities another member leads; never added to `activities`.
        ActivitiesJoined = "activities_joined",
        /// Hours of activity, in hundredths; not person-hours.
        Hours = "hours",
        /// Times somebody took part.
        Attendances = "attendances",
        /// Different persons who took part.
        People = "people",
        /// Times somebody completed, per attendance.
        Completions = "completions",
        /// 1 where the network states this reach among its own staff.
        StaffReach = "staff_reach",
        /// Meetings held in a consultation.
        Meetings = "meetings",
        /// Suggestions sent.
        SuggestionsSent = "suggestions_sent",
        /// Suggestions promised for the final text.
        SuggestionsPromised = "suggestions_promised",
        /// Suggestions found in the final text.
        SuggestionsInFinalText = "suggestions_in_final_text",
        /// Suggestions taken in part.
        SuggestionsPartly = "suggestions_partly",
        /// Suggestions refused.
        SuggestionsRefused = "suggestions_refused",
        /// Suggestions with no answer yet.
        SuggestionsOpen = "suggestions_open",
        /// Projects running at the period's end.
        Running = "running",
        /// Projects finished in the period.
        Finished = "finished",
        /// Milestones due in the period.
        MilestonesDue = "milestones_due",
        /// Milestones done in the period.
        MilestonesDone = "milestones_done",
        /// Money budgeted, in ten-thousandths of the currency's unit.
        Budget = "budget",
        /// Money spent, in ten-thousandths of the currency's unit.
        Spent = "spent",
        /// Signatories of an action.
        Signatories = "signatories",
        /// 1 where the network has the item in the state.
        NetworksWith = "networks_with",
        /// Policies in use at the period's end.
        PoliciesInUse = "policies_in_use",
    }
}

/// How figures of a measure combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adds {
    /// Summed over periods and over members.
    Additive,
    /// Different persons: never summed over periods; over members only bounded.
    Distinct,
    /// The last value on or before the period's end; summed over members.
    Level,
    /// Money: summed, always by currency.
    Magnitude,
}

impl Measure {
    /// Returns how its figures combine over periods and members.
    pub const fn adds(self) -> Adds {
        match self {
            Self::People => Adds::Distinct,
            Self::StaffReach | Self::Running | Self::NetworksWith | Self::PoliciesInUse => {
                Adds::Level
            }
            Self::Budget | Self::Spent => Adds::Magnitude,
            _ => Adds::Additive,
        }
    }

    /// Returns how many decimal places its integers carry: a stored 150 hours measure is 1.50 h.
    pub const fn decimals(self) -> u32 {
        match self {
            Self::Hours => 2,
            Self::Budget | Self::Spent => 4,
            _ => 0,
        }
    }

    /// Returns whether it counts persons or their attendances.
    pub const fn counts_persons(self) -> bool {
        matches!(self, Self::Attendances | Self::People | Self::Completions)
    }

    /// Returns whether it is an amount of money.
    pub const fn is_money(self) -> bool {
        matches!(self, Self::Budget | Self::Spent)
    }

    /// Returns whether a kind of record can be counted in this measure.
    pub fn belongs_to(self, kind: Kind) -> bool {
        Self::of(kind).contains(&self)
    }

    /// Returns the measures of one kind, in the order reports list them.
    pub const fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Training => &[
                Self::Activities,
                Self::ActivitiesJoined,
                Self::Hours,
                Self::Attendances,
                Self::People,
                Self::Completions,
                Self::StaffReach,
            ],
            Kind::Consultation => &[
                Self::Activities,
                Self::ActivitiesJoined,
                Self::Meetings,
                Self::Attendances,
                Self::People,
                Self::SuggestionsSent,
                Self::SuggestionsPromised,
                Self::SuggestionsInFinalText,
                Self::SuggestionsPartly,
                Self::SuggestionsRefused,
                Self::SuggestionsOpen,
            ],
            Kind::JointProject => &[
                Self::Activities,
                Self::ActivitiesJoined,
                Self::Running,
                Self::Finished,
                Self::MilestonesDue,
                Self::MilestonesDone,
                Self::Budget,
                Self::Spent,
            ],
            Kind::AdvocacyAction => &[Self::Activities, Self::ActivitiesJoined, Self::Signatories],
            Kind::CapacityMilestone => &[
                Self::Activities,
                Self::ActivitiesJoined,
                Self::NetworksWith,
                Self::PoliciesInUse,
            ],
        }
    }
}
