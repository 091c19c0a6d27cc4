//! Which fields a record has, what each may hold, and which lists hang on it.
//!
//! This table is the only one: reading, checking, showing, editing, importing and templates all
//! follow it.

use crate::model::{Kind, dimension};

crate::model::words! {
    /// The name of a field, the same in files, MAPs, commands and JSON. Several shapes may share
    /// a name and give it different types.
    pub enum Field as "field" {
        /// The row's own number where it comes from.
        SourceId = "source_id",
        /// What the activity is called.
        Title = "title",
        /// First day; it decides the period.
        Start = "start",
        /// Last day.
        End = "end",
        /// Where.
        Country = "country",
        /// What it serves.
        Themes = "themes",
        /// The grant that paid.
        Grant = "grant",
        /// The spoken code that joint activities share.
        JointId = "joint_id",
        /// The member that counts the joint activity.
        Lead = "lead",
        /// Which tables it may be counted in.
        Visibility = "visibility",
        /// Free text.
        Notes = "notes",
        /// What a training was about.
        Topics = "topics",
        /// Hours of activity, not person-hours.
        Hours = "hours",
        /// Persons invited.
        Invited = "invited",
        /// Persons registered.
        Registered = "registered",
        /// Persons who came.
        Attended = "attended",
        /// Who completed: a count on a training, yes or no on a participant.
        Completed = "completed",
        /// How much of the network's own staff has been reached.
        StaffReach = "staff_reach",
        /// The document a consultation is about.
        Document = "document",
        /// The body that asks.
        Body = "body",
        /// Meetings held.
        Meetings = "meetings",
        /// Who else takes part in a project.
        Partners = "partners",
        /// Who pays.
        Funder = "funder",
        /// ISO 4217 currency.
        Currency = "currency",
        /// Money budgeted.
        Budget = "budget",
        /// Money spent.
        Spent = "spent",
        /// State of a project, a suggestion or a policy.
        Status = "status",
        /// The day a project ended.
        Finished = "finished",
        /// Letter, statement, meeting …
        ActionType = "action_type",
        /// Whom an action speaks to.
        Addressees = "addressees",
        /// What came of it.
        Outcome = "outcome",
        /// When that became known.
        OutcomeDate = "outcome_date",
        /// Where it can be read.
        Evidence = "evidence",
        /// Whether this network is itself among the signatories.
        IncludesSelf = "includes_self",
        /// Area of organisational capacity.
        Domain = "domain",
        /// Item within the area.
        Item = "item",
        /// How far the item has come.
        State = "state",
        /// How many staff, as a band.
        StaffBand = "staff_band",
        /// A person, kept only as a pseudonym.
        Person = "person",
        /// Gender of a participant.
        Gender = "gender",
        /// Age band of a participant.
        AgeBand = "age_band",
        /// What a participant came as.
        Role = "role",
        /// Day of a session.
        Date = "date",
        /// Length of a session in minutes.
        Minutes = "minutes",
        /// Section of the document a suggestion is about.
        Section = "section",
        /// Wording of a suggestion.
        Text = "text",
        /// Day a suggestion was sent.
        Made = "made",
        /// Day its status was decided.
        Decided = "decided",
        /// How much it matters.
        Priority = "priority",
        /// Name of a signatory organisation.
        Name = "name",
        /// Organisation or individual.
        Type = "type",
        /// How wide a signatory works.
        Scope = "scope",
        /// Whether the signatory is named in public.
        Public = "public",
        /// Day a milestone is due.
        Due = "due",
        /// Day a milestone was reached.
        Done = "done",
        /// Code of a policy.
        Code = "code",
        /// Day a policy was approved.
        Approved = "approved",
    }
}

crate::model::words! {
    /// A list that hangs on a record.
    pub enum List as "list" {
        /// Who took part.
        Participants = "participants",
        /// Days of a training.
        Sessions = "sessions",
        /// What was suggested in a consultation.
        Suggestions = "suggestions",
        /// Steps of a project.
        Milestones = "milestones",
        /// Who signed an action.
        Signatories = "signatories",
        /// Written policies of the network.
        Policies = "policies",
    }
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Free text.
    Text,
    /// A calendar day, the local date as written.
    Date,
    /// A whole number; empty means not known.
    Count,
    /// Hours with up to two decimals.
    Hours,
    /// An amount with up to four decimals.
    Money,
    /// Three capitals, ISO 4217.
    Currency,
    /// One code.
    Code(Codes),
    /// Several codes, separated by `;`.
    CodeList(Codes),
    /// Countries, `online` or `international`, separated by `;`.
    Places,
    /// Yes or no.
    YesNo,
    /// A member's identifier.
    Member,
    /// A spoken code such as `K7-MANGO`.
    Joint,
    /// A person's identifier, kept only as a pseudonym.
    Person,
}

/// Where the codes of a field come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// A list that never changes.
    Fixed(&'static [&'static str]),
    /// A fixed list with other words for its codes, each as (word, code).
    Worded(
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ),
    /// A list of the charter, by its name there.
    Charter(&'static str),
}

/// One field of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub field: Field,
    /// What it may hold.
    pub holds: Type,
    /// Whether a row without it is refused.
    pub required: bool,
}

/// What a row is: a record of some kind, or a row of some list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A record.
    Kind(Kind),
    /// A row of a list.
    List(List),
}

impl Shape {
    /// Returns its fields, in the order of the documentation.
    pub fn columns(self) -> impl Iterator<Item = &'static Column> {
        let (common, own) = match self {
            Self::Kind(kind) => (COMMON, own_columns(kind)),
            Self::List(list) => (&[] as &[Column], list_columns(list)),
        };
        common.iter().chain(own)
    }

    /// Returns one field, or `None` where the shape does not have it.
    pub fn column(self, field: Field) -> Option<&'static Column> {
        self.columns().find(|column| column.field == field)
    }

    /// Returns the names of its fields, for messages.
    pub fn field_names(self) -> String {
        let names: Vec<_> = self.columns().map(|c| c.field.as_str()).collect();
        names.join(" ")
    }
}

/// Returns the lists that hang on a kind of record.
pub const fn lists_of(kind: Kind) -> &'static [List] {
    match kind {
        Kind::Training => &[List::Participants, List::Sessions],
        Kind::Consultation => &[List::Participants, List::Suggestions],
        Kind::JointProject => &[List::Milestones, List::Participants],
        Kind::AdvocacyAction => &[List::Signatories],
        Kind::CapacityMilestone => &[List::Policies],
    }
}

/// Which tables a record may be counted in; `counts` where nothing is said.
pub const VISIBILITIES: &[&str] = &["node", "place_hidden", "counts"];
/// States of a project.
pub const PROJECT_STATUSES: &[&str] = &["planned", "running", "finished", "cancelled", "suspended"];
/// Types of signatory; `organisation` where nothing is said.
pub const SIGNATORY_TYPES: &[&str] = &["organisation", "individual"];
/// States of a written policy.
pub const POLICY_STATUSES: &[&str] = &["none", "draft", "approved", "in_use", "under_review"];
/// Charter code lists that are no dimension of a table.
pub const THEME: &str = "theme";
/// Charter code list of written policies.
pub const POLICY: &str = "policy";

/// IATI's words for the states of an activity (code list `ActivityStatus`).
const IATI_STATUSES: &[(&str, &str)] = &[
    ("pipeline", "planned"),
    ("implementation", "running"),
    ("finalisation", "running"),
    ("closed", "finished"),
];

const fn must(field: Field, holds: Type) -> Column {
    Column {
        field,
        holds,
        required: true,
    }
}

const fn may(field: Field, holds: Type) -> Column {
    Column {
        field,
        holds,
        required: false,
    }
}

const fn charter(list: &'static str) -> Type {
    Type::Code(Codes::Charter(list))
}

const fn fixed(codes: &'static [&'static str]) -> Type {
    Type::Code(Codes::Fixed(codes))
}

const COMMON: &[Column] = &[
    may(Field::SourceId, Type::Text),
    must(Field::Title, Type::Text),
    must(Field::Start, Type::Date),
    may(Field::End, Type::Date),
    may(Field::Country, Type::Places),
    may(Field::Themes, Type::CodeList(Codes::Charter(THEME))),
    may(Field::Grant, charter("grant")),
    may(Field::JointId, Type::Joint),
    may(Field::Lead, Type::Member),
    may(Field::Visibility, fixed(VISIBILITIES)),
    may(Field::Notes, Type::Text),
];

const fn own_columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Training => {
            const {
                &[
                    may(Field::Topics, Type::CodeList(Codes::Charter("topic"))),
                    may(Field::Hours, Type::Hours),
                    may(Field::Invited, Type::Count),
                    may(Field::Registered, Type::Count),
                    may(Field::Attended, Type::Count),
                    may(Field::Completed, Type::Count),
                    may(Field::StaffReach, fixed(dimension::REACHES)),
                ]
            }
        }
        Kind::Consultation => {
            const {
                &[
                    may(Field::Document, charter("document")),
                    may(Field::Body, Type::Text),
                    may(Field::Meetings, Type::Count),
                    may(Field::Attended, Type::Count),
                ]
            }
        }
        Kind::JointProject => {
            const {
                &[
                    may(Field::Partners, Type::Text),
                    may(Field::Funder, Type::Text),
                    may(Field::Currency, Type::Currency),
                    may(Field::Budget, Type::Money),
                    may(Field::Spent, Type::Money),
                    may(
                        Field::Status,
                        Type::Code(Codes::Worded(PROJECT_STATUSES, IATI_STATUSES)),
                    ),
                    may(Field::Finished, Type::Date),
                ]
            }
        }
        Kind::AdvocacyAction => {
            const {
                &[
                    may(Field::ActionType, charter("action_type")),
                    may(Field::Addressees, Type::Text),
                    may(Field::Outcome, charter("outcome")),
                    may(Field::OutcomeDate, Type::Date),
                    may(Field::Evidence, Type::Text),
                    may(Field::IncludesSelf, Type::YesNo),
                ]
            }
        }
        Kind::CapacityMilestone => {
            const {
                &[
                    may(Field::Domain, charter("domain")),
                    may(Field::Item, charter("item")),
                    may(Field::State, fixed(dimension::STATES)),
                    may(Field::StaffBand, Type::Text),
                ]
            }
        }
    }
}

const fn list_columns(list: List) -> &'static [Column] {
    match list {
        List::Participants => {
            const {
                &[
                    may(Field::Person, Type::Person),
                    may(Field::Gender, fixed(dimension::GENDERS)),
                    may(Field::AgeBand, fixed(dimension::AGE_BANDS)),
                    may(Field::Role, fixed(dimension::ROLES)),
                    may(Field::Completed, Type::YesNo),
                ]
            }
        }
        List::Sessions => {
            const {
                &[
                    must(Field::Date, Type::Date),
                    may(Field::Minutes, Type::Count),
                    may(Field::Attended, Type::Count),
                ]
            }
        }
        List::Suggestions => {
            const {
                &[
                    may(Field::SourceId, Type::Text),
                    may(Field::Section, Type::Text),
                    may(Field::Text, Type::Text),
                    may(Field::Made, Type::Date),
                    may(Field::Decided, Type::Date),
                    may(Field::Status, fixed(dimension::SUGGESTION_STATUSES)),
                    may(Field::Priority, Type::Text),
                ]
            }
        }
        List::Milestones => {
            const {
                &[
                    must(Field::Title, Type::Text),
                    may(Field::Due, Type::Date),
                    may(Field::Done, Type::Date),
                ]
            }
        }
        // An individual's `name` is kept as the pseudonym in `person`, never as text.
        List::Signatories => {
            const {
                &[
                    may(Field::Name, Type::Text),
                    may(Field::Type, fixed(SIGNATORY_TYPES)),
                    may(Field::Country, Type::Places),
                    may(Field::Scope, fixed(dimension::SCOPES)),
                    may(Field::Public, Type::YesNo),
                    may(Field::Person, Type::Person),
                ]
            }
        }
        List::Policies => {
            const {
                &[
                    must(Field::Code, charter(POLICY)),
                    may(Field::Status, fixed(POLICY_STATUSES)),
                    may(Field::Approved, Type::Date),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_names_a_field_twice() {
        let kinds = Kind::ALL.iter().map(|k| Shape::Kind(*k));
        for shape in kinds.chain(List::ALL.iter().map(|l| Shape::List(*l))) {
            let mut fields: Vec<_> = shape.columns().map(|c| c.field).collect();
            let all = fields.len();
            fields.sort();
            fields.dedup();
            assert_eq!(fields.len(), all, "{shape:?}");
        }
    }

    #[test]
    fn every_record_needs_a_title_and_a_start() {
        for kind in Kind::ALL {
            let required: Vec<_> = Shape::Kind(*kind)
                .columns()
                .filter(|c| c.required)
                .map(|c| c.field)
                .collect();
            assert_eq!(required, [Field::Title, Field::Start]);
        }
    }

    #[test]
    fn every_list_hangs_on_some_kind() {
        for list in List::ALL {
            assert!(Kind::ALL.iter().any(|k| lists_of(*k).contains(list)));
        }
    }
}
