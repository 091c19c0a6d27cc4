//! Random small books through the real door, and every figure and sentence that comes out of them
//! held against a plain count of what went in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use counterfoil::charter::{Policy, Size};
use counterfoil::identity::LogKey;
use counterfoil::log::Origin;
use counterfoil::model::{Kind, Measure, MemberId, Period};
use counterfoil::record::book::Each;
use counterfoil::record::{
    self, Book, Change, CodeLists, Desk, List, RecordError, RecordKeys, Space,
};
use counterfoil::release::Door;
use counterfoil::release::draft::{Draft, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::report::{self, Asker, Columns, Consortium, Member, feed};
use counterfoil::store::{CheckpointFile, DataKey, PrivateStore, PublicStore, os_entropy};
use counterfoil::wire;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;

const TOPICS: [&str; 3] = ["accounting", "auditing", "hr"];
const GRANTS: [&str; 2] = ["rcf", "global_fund"];
const REACHES: [&str; 4] = ["none", "some", "most", "all"];
const ACTIONS: [&str; 4] = ["open_letter", "statement", "meeting", "campaign"];
const OUTCOMES: [&str; 4] = [
    "none_yet",
    "first_draft_stopped",
    "changes_promised",
    "response",
];
const ANSWERS: [&str; 6] = [
    "open",
    "promised",
    "in_final_text",
    "partly",
    "refused",
    "withdrawn",
];
const ITEMS: [&str; 3] = ["hr_manual", "finance_manual", "restructuring"];
const STATES: [&str; 4] = ["planned", "in_progress", "done", "in_use"];
const NAMES: [&str; 3] = ["inpud", "anpud", "eurasia"];

/// One thing a network did, as a plain list of what is said of it.
#[derive(Clone, Debug)]
struct Deed {
    day: Date,
    what: What,
    /// In no table.
    hidden: bool,
    /// Led by another member.
    joined: bool,
}

#[derive(Clone, Debug)]
enum What {
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
    const fn kind(&self) -> Kind {
        match self {
            Self::Training { .. } => Kind::Training,
            Self::Consultation { .. } => Kind::Consultation,
            Self::Action { .. } => Kind::AdvocacyAction,
            Self::Milestone { .. } => Kind::CapacityMilestone,
            Self::Project { .. } => Kind::JointProject,
        }
    }
}

fn day(nth: u16) -> Date {
    let first = date(2018, 1, 1);
    let days = jiff::Span::new().days(i64::from(nth % 365));
    first.checked_add(days).expect("a day of 2018")
}

fn days() -> impl Strategy<Value = Date> {
    (0u16..365).prop_map(day)
}

fn one(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

fn whats() -> impl Strategy<Value = What> {
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

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
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
    fn networks()(
        networks in proptest::collection::vec((deeds(), prop::sample::select(Size::ALL)), 2..=3),
    ) -> Vec<Network> {
        let named = NAMES.iter().zip(networks);
        named.map(|(id, (deeds, size))| Network { id, deeds, size }).collect()
    }
}

#[derive(Clone, Debug)]
struct Network {
    id: &'static str,
    size: Size,
    deeds: Vec<Deed>,
}

/// Records in memory.
#[derive(Default)]
struct Shelf(Mutex<Rows>);

type Rows = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// Fields of a record, and one list as CSV.
type Written = (Vec<(&'static str, String)>, Option<(List, String)>);

impl Book for Shelf {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        let rows = self.0.lock().expect("one thread");
        Ok(rows.get(&(space, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, prefix: &[u8], each: &mut Each<'_>) -> Result<(), RecordError> {
        let rows = self.0.lock().expect("one thread").clone();
        let found = rows
            .iter()
            .filter(|((at, key), _)| *at == space && key.starts_with(prefix));
        found
            .into_iter()
            .try_for_each(|((_, key), value)| each(key, value))
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError> {
        let mut rows = self.0.lock().expect("one thread");
        for change in changes {
            let key = (change.space, change.key);
            match change.value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}

impl Network {
    fn member(&self) -> MemberId {
        self.id.parse().expect("a member id")
    }

    /// Writes the book as somebody would, record by record and list by list.
    fn book(&self, codes: &CodeLists) -> Shelf {
        let book = Shelf::default();
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
                    file: csv.as_bytes(),
                    kind: record.kind,
                    into: Some((record.id, list)),
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
    fn publish(&self, policy: &Policy, columns: &mut Columns) {
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
    fn written(&self) -> Written {
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

/// What a row asks for: whose, when, and which codes.
struct Cell<'a> {
    networks: Vec<&'a Network>,
    first: Date,
    last: Date,
    codes: BTreeMap<String, Vec<String>>,
}

impl<'a> Cell<'a> {
    fn of(world: &'a [Network], query: &wire::QueryRequest, row: &wire::Row) -> Self {
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

    fn is(&self, name: &str, code: &str) -> bool {
        let wanted = self.codes.get(name);
        wanted.is_none_or(|codes| codes.iter().any(|one| one == code))
    }

    fn within(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// Counts, over what each network leads and shows, what `of` says of each deed.
    fn sum(&self, of: impl Fn(&Deed) -> i64) -> i64 {
        let deeds = self.networks.iter().flat_map(|network| &network.deeds);
        let counted = deeds.filter(|deed| !deed.hidden && !deed.joined);
        counted.map(of).sum()
    }

    /// Counts activities of a kind that started in time and have these codes.
    fn started(&self, kind: Kind, of: impl Fn(&Deed) -> i64) -> i64 {
        let here =
            |deed: &Deed| deed.what.kind() == kind && self.within(deed.day) && self.coded(deed);
        self.sum(|deed| if here(deed) { of(deed) } else { 0 })
    }

    fn coded(&self, deed: &Deed) -> bool {
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

    fn suggestions(&self, of: impl Fn(Date, Option<Date>, &str) -> bool) -> i64 {
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

    fn decided(&self, as_what: &str) -> i64 {
        self.suggestions(|made, decided, how| {
            how == as_what && self.within(decided.unwrap_or(made))
        })
    }

    /// Returns the plain count of a measure.
    fn truth(&self, kind: Kind, measure: Measure) -> i64 {
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

    fn people(&self) -> i64 {
        let deeds = self.networks.iter().flat_map(|network| &network.deeds);
        let mut persons: BTreeSet<u32> = BTreeSet::new();
        for deed in deeds.filter(|deed| !deed.hidden && self.within(deed.day)) {
            if let What::Training { people, .. } = &deed.what {
                persons.extend(people);
            }
        }
        persons.len() as i64
    }

    fn networks_of(&self, is_one: impl Fn(&Network) -> bool) -> i64 {
        self.networks
            .iter()
            .filter(|network| is_one(network))
            .count() as i64
    }

    /// Returns whether the last thing said of some topic is one of the codes.
    fn reached(&self, network: &Network) -> bool {
        last_reach(network)
            .iter()
            .any(|(topic, reach)| self.is("topic", topic) && self.is("reach", reach))
    }

    fn has(&self, network: &Network) -> bool {
        last_states(network, self.last).iter().any(|(item, state)| {
            self.is("item", item) && self.is("state", state) && self.is("domain", "hr")
        })
    }
}

fn last_reach(network: &Network) -> BTreeMap<&'static str, &'static str> {
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

fn last_states(network: &Network, by: Date) -> BTreeMap<&'static str, &'static str> {
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
fn check_row(
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

/// The questions every world is asked, by kind, measure, what to split by, and grain.
const QUESTIONS: &[(&str, &str, &str, &str)] = &[
    ("training", "activities", "", "quarter"),
    ("training", "activities", "member,period", "quarter"),
    ("training", "activities", "topic,grant", "year"),
    ("training", "activities", "topic", "quarter"),
    ("training", "activities_joined", "member", "year"),
    ("training", "hours", "topic,grant", "quarter"),
    ("training", "staff_reach", "topic,reach", "year"),
    ("training", "staff_reach", "topic,member,reach", "year"),
    ("training", "people", "member", "year"),
    ("training", "people", "", "year"),
    ("training", "people", "period,member", "quarter"),
    ("consultation", "meetings", "document", "quarter"),
    ("consultation", "suggestions_sent", "period", "quarter"),
    ("consultation", "suggestions_promised", "document", "year"),
    (
        "consultation",
        "suggestions_in_final_text",
        "member",
        "quarter",
    ),
    ("consultation", "suggestions_partly", "", "year"),
    ("consultation", "suggestions_refused", "", "quarter"),
    ("consultation", "suggestions_open", "member", "year"),
    (
        "advocacy_action",
        "activities",
        "period,action_type,outcome",
        "quarter",
    ),
    ("advocacy_action", "activities", "outcome", "year"),
    ("advocacy_action", "signatories", "member", "year"),
    ("advocacy_action", "signatories", "", "quarter"),
    ("capacity_milestone", "networks_with", "item,state", "year"),
    (
        "capacity_milestone",
        "networks_with",
        "member,domain,item,state",
        "quarter",
    ),
    ("joint_project", "activities", "grant", "quarter"),
    ("joint_project", "budget", "currency", "year"),
    ("joint_project", "spent", "grant,currency", "year"),
];

fn check_reports(world: &[Network], node: &Node) -> Result<(), TestCaseError> {
    for (kind, measure, by, grain) in QUESTIONS {
        let names = by.split(',').filter(|name| !name.is_empty());
        let request = wire::QueryRequest {
            kind: (*kind).to_owned(),
            measure: (*measure).to_owned(),
            by: names.map(str::to_owned).collect(),
            from: "2018".to_owned(),
            to: "2018".to_owned(),
            grain: (*grain).to_owned(),
            ..wire::QueryRequest::default()
        };
        let answer = report::query(&node.columns, &node.consortium, &node.asker, &request);
        let answer =
            answer.map_err(|error| TestCaseError::fail(format!("{request:?}: {error}")))?;
        let query = answer.query.expect("the query");
        for row in answer.rows.iter().filter(|row| !row.members.is_empty()) {
            check_row(world, &query, row)?;
        }
    }
    Ok(())
}

/// What one node knows.
struct Node {
    columns: Columns,
    consortium: Consortium,
    asker: Asker,
}

impl Node {
    fn of(world: &[Network]) -> Self {
        let policy = Policy::default_plan();
        let mut columns = Columns::new();
        for network in world {
            network.publish(&policy, &mut columns);
        }
        let member = |network: &Network| Member {
            id: network.member(),
            name: network.id.to_uppercase(),
            size: network.size,
            countries: Vec::new(),
            relay: false,
            joined: None,
            left: None,
        };
        Self {
            columns,
            consortium: Consortium {
                id: "pwud".parse().expect("an id"),
                version: 1,
                since: "2018".parse().expect("a period"),
                policy,
                members: world.iter().map(member).collect(),
            },
            asker: Asker {
                today: date(2019, 3, 1),
                reader: None,
            },
        }
    }

    fn story(&self, from: &str, to: &str, members: &[&str]) -> wire::StoryResponse {
        let request = wire::StoryRequest {
            from: from.to_owned(),
            to: to.to_owned(),
            members: members.iter().map(|id| (*id).to_owned()).collect(),
            at: String::new(),
        };
        report::story(&self.columns, &self.consortium, &self.asker, &request).expect("a story")
    }
}

/// The sentences with exact figures, as plain counts make them; those about persons and what came
/// of actions are left to others.
fn plain_sentences(
    world: &[Network],
    members: &[&str],
    year: bool,
    (first, last): (Date, Date),
) -> Vec<String> {
    let cell = |codes: &[(&str, &str)]| Cell {
        networks: world
            .iter()
            .filter(|network| members.contains(&network.id))
            .collect(),
        first,
        last,
        codes: codes
            .iter()
            .map(|(name, code)| {
                (
                    (*name).to_owned(),
                    code.split(' ').map(str::to_owned).collect(),
                )
            })
            .collect(),
    };
    let mut told = Vec::new();
    let labels = [
        ("accounting", "Accounting"),
        ("auditing", "Auditing"),
        ("hr", "Human resources"),
    ];
    for (topic, label) in labels.iter().filter(|_| year) {
        let networks = cell(&[]).networks;
        let said: Vec<(String, &str)> = networks
            .iter()
            .filter_map(|network| {
                Some((network.id.to_uppercase(), *last_reach(network).get(topic)?))
            })
            .collect();
        if let Some(((name, reach), others)) = said.split_first() {
            let reach = if *reach == "none" { "no" } else { reach };
            let others: String = others.iter().map(|(n, r)| format!(", {n} {r}")).collect();
            told.push(format!("{label}: {name} {reach} staff{others}."));
        }
    }
    let trainings = cell(&[]).truth(Kind::Training, Measure::Activities);
    if trainings > 0 {
        let of =
            |topic: &&str| cell(&[("topic", topic)]).truth(Kind::Training, Measure::Activities);
        let parts: Vec<i64> = TOPICS.iter().map(of).filter(|count| *count > 0).collect();
        let words: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let aside = if parts.iter().sum::<i64>() > trainings {
            "; some in several subjects"
        } else {
            ""
        };
        told.push(match parts.len() {
            1 => format!("Trainings {trainings}."),
            _ => format!("Trainings {trainings} ({}{aside}).", words.join("+")),
        });
    }
    let count = |measure| cell(&[]).truth(Kind::Consultation, measure);
    let clauses = [
        (count(Measure::SuggestionsSent), "sent"),
        (count(Measure::SuggestionsPromised), "promised"),
        (count(Measure::SuggestionsInFinalText), "in the final text"),
        (count(Measure::SuggestionsPartly), "taken in part"),
        (count(Measure::SuggestionsRefused), "refused"),
    ];
    let mut said: Vec<String> = Vec::new();
    for (number, what) in clauses.iter().filter(|(number, _)| *number > 0) {
        let noun = match (said.is_empty(), *number) {
            (true, 1) => " suggestion",
            (true, _) => " suggestions",
            (false, _) => "",
        };
        said.push(format!("{number}{noun} {what}"));
    }
    if !said.is_empty() {
        if clauses[2..].iter().all(|(number, _)| *number == 0) {
            said.push("final text not yet known".to_owned());
        }
        told.push(format!("Standards: {}.", said.join(", ")));
    }
    let items = [
        ("finance_manual", "Finance manual updated"),
        ("hr_manual", "HR manual updated"),
        ("restructuring", "Restructuring done"),
    ];
    for (item, label) in items {
        let codes = cell(&[("item", item), ("state", "done in_use")]);
        let with = codes.truth(Kind::CapacityMilestone, Measure::NetworksWith);
        if with > 0 {
            let of = if members.len() == 1 {
                "network"
            } else {
                "networks"
            };
            told.push(format!("{label}: {with} of {} {of}.", members.len()));
        }
    }
    told.push(match members {
        [one] => format!("{} reported.", one.to_uppercase()),
        [_, _] => "Both networks reported.".to_owned(),
        _ => "All three networks reported.".to_owned(),
    });
    told
}

fn check_story(
    world: &[Network],
    node: &Node,
    from: &str,
    to: &str,
    members: &[&str],
) -> Result<(), TestCaseError> {
    let story = node.story(from, to, members);
    for sentence in &story.sentences {
        for told in &sentence.rows {
            let (query, row) = (told.query.as_ref(), told.row.as_ref());
            check_row(world, query.expect("a query"), row.expect("a row"))?;
        }
    }
    let period = |text: &str| text.parse::<Period>().expect("a period");
    let span = (period(from).first_day(), period(to).last_day());
    let expected = plain_sentences(world, members, from == "2018", span);
    let actions = advocacy(world, members, span);
    let texts: Vec<&str> = story
        .sentences
        .iter()
        .map(|told| told.text.as_str())
        .collect();
    let is_plain = |text: &&&str| !text.starts_with("Community members") && !is_about_actions(text);
    let plain: Vec<&str> = texts.iter().filter(is_plain).copied().collect();
    prop_assert_eq!(&plain, &expected, "{:?}", texts);
    let about: Vec<&str> = texts
        .iter()
        .filter(|text| is_about_actions(text))
        .copied()
        .collect();
    check_actions(&about, &actions)?;
    for text in texts
        .iter()
        .filter(|text| text.starts_with("Community members"))
    {
        check_people(world, members, span, text)?;
    }
    Ok(())
}

const LABELS: [(&str, &str, &str); 4] = [
    ("open_letter", "open letter", "open letters"),
    ("statement", "statement", "statements"),
    ("meeting", "meeting", "meetings"),
    ("campaign", "campaign", "campaigns"),
];

const RESULTS: [(&str, &str); 3] = [
    ("first_draft_stopped", "first draft stopped"),
    ("changes_promised", "changes promised"),
    ("response", "answered"),
];

fn is_about_actions(text: &str) -> bool {
    let counted = text
        .split_once(' ')
        .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    counted && !text.contains("suggestion")
}

/// Returns the actions counted: type, outcome, quarter, signatories.
fn advocacy(
    world: &[Network],
    members: &[&str],
    (first, last): (Date, Date),
) -> Vec<(&'static str, &'static str, i8, u32)> {
    let mine = world.iter().filter(|network| members.contains(&network.id));
    let counted = mine
        .flat_map(|network| &network.deeds)
        .filter(|deed| !deed.hidden && !deed.joined && (first..=last).contains(&deed.day));
    counted
        .filter_map(|deed| match &deed.what {
            What::Action {
                action,
                outcome,
                signed,
            } => Some((*action, *outcome, (deed.day.month() + 2) / 3, *signed)),
            _ => None,
        })
        .collect()
}

/// Checks counts, organisations and outcomes told, and that none is left out.
fn check_actions(told: &[&str], actions: &[(&str, &str, i8, u32)]) -> Result<(), TestCaseError> {
    let signed: u32 = actions.iter().map(|(.., signed)| signed).sum();
    let mut organisations = Vec::new();
    let mut results: Vec<(String, String)> = Vec::new();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for text in told {
        let head = text
            .trim_end_matches('.')
            .split(": ")
            .next()
            .unwrap_or_default();
        for part in head.split(", ") {
            let (number, what) = part.split_once(' ').expect("a number and a noun");
            let number: usize = number.parse().expect("a number");
            if what.starts_with("organisation") {
                organisations.push(number as u32);
                continue;
            }
            let (code, ..) = LABELS
                .iter()
                .find(|(_, one, many)| what == if number == 1 { *one } else { *many })
                .unwrap_or_else(|| panic!("{text}"));
            let truth = actions.iter().filter(|(action, ..)| action == code).count();
            prop_assert_eq!(number, truth, "{}", text);
            types.insert(code);
        }
        let code = *types
            .iter()
            .find(|code| {
                let (_, one, many) = LABELS.iter().find(|(c, ..)| c == *code).expect("a label");
                head.contains(one) || head.contains(many)
            })
            .unwrap_or(&"");
        if let Some((_, outcomes)) = text.trim_end_matches('.').split_once(": ") {
            for clause in outcomes
                .split(", ")
                .filter(|clause| *clause != "no outcome yet")
            {
                results.push((code.to_owned(), clause.to_owned()));
            }
        }
    }
    prop_assert_eq!(organisations.iter().sum::<u32>(), signed, "{:?}", told);
    let said = |outcome: &str, quarter: i8| {
        let label = RESULTS
            .iter()
            .find(|(code, _)| *code == outcome)
            .map(|(_, label)| *label);
        let label = label.unwrap_or_default();
        results
            .iter()
            .any(|(_, clause)| *clause == format!("{label} (Q{quarter})") || *clause == label)
    };
    for (action, outcome, quarter, _) in actions {
        let told_of = *outcome == "none_yet" || said(outcome, *quarter);
        prop_assert!(told_of, "{} {} Q{}: {:?}", action, outcome, quarter, told);
        // A meeting's outcome may be told after the one letter or statement it was about.
        let stands = types.contains(action) || *action == "meeting";
        prop_assert!(stands, "{}: {:?}", action, told);
    }
    for (code, clause) in &results {
        let (label, quarter) = clause.split_once(" (Q").unwrap_or((clause, ""));
        let quarter: Option<i8> = quarter.trim_end_matches(')').parse().ok();
        let (outcome, _) = RESULTS
            .iter()
            .find(|(_, l)| *l == label)
            .expect("an outcome");
        let holds = actions.iter().any(|(action, came, when, _)| {
            (action == code || *action == "meeting")
                && came == outcome
                && quarter.is_none_or(|quarter| quarter == *when)
        });
        prop_assert!(holds, "{}: {:?}", clause, told);
    }
    Ok(())
}

/// Reads `fewer than 10 in INPUD, 34 in ANPUD` and holds it against the persons there were.
fn check_people(
    world: &[Network],
    members: &[&str],
    span: (Date, Date),
    text: &str,
) -> Result<(), TestCaseError> {
    let (head, said) = text.split_once(": ").expect("what is said");
    let said = said.trim_end_matches('.');
    let of_period = head.strip_prefix("Community members trained in ");
    let span = of_period.map_or(span, |period| {
        let period: Period = period.parse().expect("a period");
        (period.first_day(), period.last_day())
    });
    for network in world.iter().filter(|network| members.contains(&network.id)) {
        let cell = Cell {
            networks: vec![network],
            first: span.0,
            last: span.1,
            codes: BTreeMap::new(),
        };
        let own = format!(" in {}", network.id.to_uppercase());
        let words = said
            .split(", ")
            .find_map(|part| part.strip_suffix(own.as_str()));
        let words = words.or_else(|| said.strip_suffix(" in each network"));
        // One network that publishes such a table is told alone.
        let alone = (!said.contains(" in ") && members.len() == 1).then_some(said);
        let Some(words) = words.or(alone) else {
            continue;
        };
        let words = words.split(" (without").next().unwrap_or_default();
        let number = |text: &str| text.parse::<i64>().expect("a number");
        let truth = cell.truth(Kind::Training, Measure::People);
        let holds = if let Some(below) = words.strip_prefix("fewer than ") {
            truth < number(below)
        } else if let Some(least) = words.strip_prefix("at least ") {
            truth >= number(least)
        } else if let Some((low, high)) = words
            .strip_prefix("between ")
            .and_then(|w| w.split_once(" and "))
        {
            (number(low)..=number(high)).contains(&truth)
        } else {
            words == "not known" || number(words) == truth
        };
        prop_assert!(holds, "{text}: {} {truth}", network.id);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn what_comes_out_is_what_went_in(world in networks()) {
        let node = Node::of(&world);
        check_reports(&world, &node)?;
        let all: Vec<&str> = world.iter().map(|network| network.id).collect();
        check_story(&world, &node, "2018", "2018", &all)?;
        check_story(&world, &node, "2018", "2018", &all[1..2])?;
        check_story(&world, &node, "2018Q2", "2018Q3", &all)?;
    }
}
