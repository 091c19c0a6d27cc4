//! What networks did, as plain lists, and as records written and published by the real program.

use std::path::Path;

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::log::Origin;
use counterfoil::model::{Kind, MemberId};
use counterfoil::record::import::Target;
use counterfoil::record::{self, CodeLists, Desk, List, RecordKeys};
use counterfoil::release::Door;
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::report::{Columns, feed};
use counterfoil::store::{CheckpointFile, DataKey, PrivateStore, PublicStore, os_entropy};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::memory::MemoryBook;

pub(super) const TOPICS: [&str; 3] = ["accounting", "auditing", "hr"];
pub(super) const GRANTS: [&str; 2] = ["rcf", "global_fund"];
pub(super) const REACHES: [&str; 4] = ["none", "some", "most", "all"];
pub(super) const ACTIONS: [&str; 4] = ["open_letter", "statement", "meeting", "campaign"];
pub(super) const OUTCOMES: [&str; 4] = [
    "none_yet",
    "first_draft_stopped",
    "changes_promised",
    "response",
];
pub(super) const ANSWERS: [&str; 6] = [
    "open",
    "promised",
    "in_final_text",
    "partly",
    "refused",
    "withdrawn",
];
pub(super) const ITEMS: [&str; 3] = ["hr_manual", "finance_manual", "restructuring"];
pub(super) const STATES: [&str; 4] = ["planned", "in_progress", "done", "in_use"];
pub(super) const NAMES: [&str; 3] = ["inpud", "anpud", "eurasia"];

/// One thing a network did, as a plain list of what is said of it.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) day: Date,
    pub(super) what: What,
    /// In no table.
    pub(super) hidden: bool,
    /// Led by another member.
    pub(super) joined: bool,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Training {
        topics: Vec<&'static str>,
        grant: &'static str,
        hours: Option<u32>,
        reach: Option<&'static str>,
        /// Persons, the same number the same person wherever it stands.
        people: Vec<u32>,
    },
    Consultation {
        meetings: Option<u32>,
        /// When each suggestion was made and decided, and how.
        suggestions: Vec<(Date, Option<Date>, &'static str)>,
    },
    Action {
        action: &'static str,
        outcome: &'static str,
        signed: u32,
    },
    Milestone {
        item: &'static str,
        state: &'static str,
    },
    Project {
        grant: &'static str,
        budget: u32,
        spent: u32,
    },
}

impl What {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Training { .. } => Kind::Training,
            Self::Consultation { .. } => Kind::Consultation,
            Self::Action { .. } => Kind::AdvocacyAction,
            Self::Milestone { .. } => Kind::CapacityMilestone,
            Self::Project { .. } => Kind::JointProject,
        }
    }
}

pub(super) fn day(nth: u16) -> Date {
    let first = date(2018, 1, 1);
    let days = jiff::Span::new().days(i64::from(nth % 365));
    first.checked_add(days).expect("a day of 2018")
}

pub(super) fn days() -> impl Strategy<Value = Date> {
    (0u16..365).prop_map(day)
}

pub(super) fn one(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

pub(super) fn whats() -> impl Strategy<Value = What> {
    let topics = prop::sample::subsequence(&TOPICS[..], 1..=3);
    let people = proptest::collection::btree_set(0u32..60, 0..30);
    let training = (
        topics,
        one(&GRANTS),
        proptest::option::of(0u32..2000),
        proptest::option::of(one(&REACHES)),
        people,
    );
    let suggestion = (days(), proptest::option::of(days()), one(&ANSWERS));
    let suggestions = proptest::collection::vec(suggestion, 0..12);
    prop_oneof![
        4 => training.prop_map(|(topics, grant, hours, reach, people)| What::Training {
            topics, grant, hours, reach, people: people.into_iter().collect(),
        }),
        2 => (proptest::option::of(0u32..9), suggestions)
            .prop_map(|(meetings, suggestions)| What::Consultation { meetings, suggestions }),
        3 => (one(&ACTIONS), one(&OUTCOMES), 0u32..30)
            .prop_map(|(action, outcome, signed)| What::Action { action, outcome, signed }),
        2 => (one(&ITEMS), one(&STATES)).prop_map(|(item, state)| What::Milestone { item, state }),
        1 => (one(&GRANTS), 0u32..100_000, 0u32..100_000)
            .prop_map(|(grant, budget, spent)| What::Project { grant, budget, spent }),
    ]
}

pub(super) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = (
        whats(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.15),
    );
    // No two on one day, so that of two statements one is the later.
    proptest::collection::btree_map(0u16..365, deed, 0..9).prop_map(|deeds| {
        let deed = |(nth, (what, hidden, joined))| Deed {
            day: day(nth),
            what,
            hidden,
            joined,
        };
        deeds.into_iter().map(deed).collect()
    })
}

prop_compose! {
    pub(super) fn networks()(
        networks in proptest::collection::vec((deeds(), prop::sample::select(Size::ALL)), 2..=3),
    ) -> Vec<Network> {
        let named = NAMES.iter().zip(networks);
        named.map(|(id, (deeds, size))| Network { id, deeds, size }).collect()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) id: &'static str,
    pub(super) size: Size,
    pub(super) deeds: Vec<Deed>,
}

/// Fields of a record, and one list as CSV.
pub(super) type Written = (Vec<(&'static str, String)>, Option<(List, String)>);

impl Network {
    pub(super) fn member(&self) -> MemberId {
        self.id.parse().expect("a member id")
    }

    /// Writes the book as somebody would, record by record and list by list.
    pub(super) fn book(&self, codes: &CodeLists) -> MemoryBook {
        let book = MemoryBook::default();
        let member = self.member();
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let mut random = |out: &mut [u8]| os_entropy(out).expect("randomness");
        let mut desk = Desk {
            member: &member,
            codes,
            keys: &keys,
            now: Timestamp::UNIX_EPOCH,
            random: &mut random,
        };
        for deed in &self.deeds {
            let (fields, list) = deed.written();
            let settings: Vec<(&str, &str)> =
                fields.iter().map(|(f, v)| (*f, v.as_str())).collect();
            let record = record::add(&book, &mut desk, deed.what.kind(), &settings);
            let record = record.expect("a record");
            if let Some((list, csv)) = list {
                let request = record::ImportRequest {
                    name: "",
                    file: csv.as_bytes(),
                    sheet: None,
                    kind: record.kind,
                    target: Target::List(record.id, list),
                    map: None,
                    dry_run: false,
                    keep_good: false,
                };
                let outcome = record::import(&book, &mut desk, request, &mut |_| {});
                assert!(outcome.expect("a list").rejected.is_empty());
            }
        }
        book
    }

    /// Publishes the quarters and the year through the door, and returns its log.
    pub(super) fn publish(&self, policy: &Policy, columns: &mut Columns) {
        let lists = [
            "topic",
            "grant",
            "document",
            "action_type",
            "outcome",
            "domain",
            "item",
        ];
        let list_of = |name: &str| name.parse().expect("a code list");
        let codes = CodeLists::new(lists.map(|name| (name, policy.codes(list_of(name)))));
        let book = self.book(&codes);
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| Path::new(dir.path()).join(name);
        let key = DataKey::generate(os_entropy).expect("randomness");
        let private = PrivateStore::open(&path("private"), &key, os_entropy).expect("a store");
        let public = PublicStore::open(&path("public"), os_entropy).expect("a store");
        let (member, consortium) = (self.member(), "pwud".parse().expect("an id"));
        let terms = Terms {
            member: &member,
            members: &[],
            size: self.size,
            countries: &[],
            charter_version: 1,
            policy,
        };
        let door = Door {
            private: &private,
            public: &public,
            consortium: &consortium,
            member: &member,
            log_key: &LogKey::from_seed(&[7; 32]),
            checkpoint_file: &CheckpointFile::at(path("checkpoint")),
            entropy: os_entropy,
        };
        for period in ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"] {
            let period = period.parse().expect("a period");
            let draft = Draft::make(&terms, period, Kind::ALL, &book, Ledger(&private));
            door.publish(&draft.expect("a draft"), date(2019, 1, 31))
                .expect("published");
        }
        let origin = Origin::of(&consortium, &member);
        for row in public.entries(origin.as_str(), 0..u64::MAX).expect("a log") {
            let (index, entry) = row.expect("a leaf");
            feed::leaf(columns, &member, index, &entry).expect("it is taken in");
        }
    }
}

impl Deed {
    /// Returns the fields, and the list with its rows as CSV.
    pub(super) fn written(&self) -> Written {
        let mut fields = vec![("title", "t".to_owned()), ("start", self.day.to_string())];
        if self.hidden {
            fields.push(("visibility", "node".to_owned()));
        }
        if self.joined {
            fields.push(("joint_id", "K7-MANGO".to_owned()));
            fields.push(("lead", "elsewhere".to_owned()));
        }
        let list = match &self.what {
            What::Training {
                topics,
                grant,
                hours,
                reach,
                people,
            } => {
                fields.push(("topics", topics.join(";")));
                fields.push(("grant", (*grant).to_owned()));
                let decimal =
                    |hundredths: u32| format!("{}.{:02}", hundredths / 100, hundredths % 100);
                fields.extend(hours.map(|hours| ("hours", decimal(hours))));
                fields.extend(reach.map(|reach| ("staff_reach", reach.to_owned())));
                let rows = people.iter().map(|person| format!("code-{person},member"));
                let rows: Vec<String> =
                    ["person,role".to_owned()].into_iter().chain(rows).collect();
                (!people.is_empty()).then(|| (List::Participants, rows.join("\n")))
            }
            What::Consultation {
                meetings,
                suggestions,
            } => {
                fields.push(("document", "treatment_standards".to_owned()));
                fields.extend(meetings.map(|meetings| ("meetings", meetings.to_string())));
                let mut csv = String::from("source_id,made,decided,status\n");
                for (nth, (made, decided, status)) in suggestions.iter().enumerate() {
                    let decided = decided.map(|day| day.to_string()).unwrap_or_default();
                    csv.push_str(&format!("s{nth},{made},{decided},{status}\n"));
                }
                (!suggestions.is_empty()).then_some((List::Suggestions, csv))
            }
            What::Action {
                action,
                outcome,
                signed,
            } => {
                fields.push(("action_type", (*action).to_owned()));
                fields.push(("outcome", (*outcome).to_owned()));
                let rows = (0..*signed).map(|nth| format!("Organisation {nth},organisation\n"));
                let csv = std::iter::once("name,type\n".to_owned())
                    .chain(rows)
                    .collect();
                (*signed > 0).then_some((List::Signatories, csv))
            }
            What::Milestone { item, state } => {
                fields.push(("domain", "hr".to_owned()));
                fields.push(("item", (*item).to_owned()));
                fields.push(("state", (*state).to_owned()));
                None
            }
            What::Project {
                grant,
                budget,
                spent,
            } => {
                fields.push(("grant", (*grant).to_owned()));
                fields.push(("currency", "EUR".to_owned()));
                fields.push(("budget", budget.to_string()));
                fields.push(("spent", spent.to_string()));
                None
            }
        };
        (fields, list)
    }
}
