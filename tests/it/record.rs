//! Real files through the real private database into tables.

use std::path::Path;

use counterfoil::charter::policy::Of;
use counterfoil::model::{Axis, Dimension, Kind, Measure, MemberId, Period, Tally, dimension};
use counterfoil::record::{
    CodeLists, Desk, ImportOutcome, ImportRequest, List, Record, RecordKeys, TableRequest, Target,
    add, each, import, tabulate,
};
use counterfoil::store::{DataKey, PrivateStore, Purpose, os_entropy};
use serde_json::Value;
use uuid::Uuid;

/// One member's private plane in a folder of its own.
struct Plane {
    dir: tempfile::TempDir,
    book: PrivateStore,
    keys: RecordKeys,
    member: MemberId,
    codes: CodeLists,
}

impl Plane {
    fn new(member: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let key = DataKey::generate(os_entropy).expect("a key");
        let sub_key = |purpose| *key.derive(purpose).as_bytes();
        Self {
            book: PrivateStore::open(&dir.path().join("private"), &key, os_entropy)
                .expect("a private plane"),
            dir,
            keys: RecordKeys::new(sub_key(Purpose::Pseudonym), sub_key(Purpose::SourceId)),
            member: member.parse().expect("an id"),
            codes: CodeLists::new([("topic", ["accounting", "data_skills"])]),
        }
    }

    fn work<T>(&self, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let mut random = |buffer: &mut [u8]| os_entropy(buffer).expect("randomness");
        work(&mut Desk {
            member: &self.member,
            codes: &self.codes,
            keys: &self.keys,
            now: jiff::Timestamp::now(),
            random: &mut random,
        })
    }

    fn import(&self, request: ImportRequest<'_>) -> ImportOutcome {
        self.work(|desk| import(&self.book, desk, request, &mut |_| {}))
            .expect("can be imported")
    }

    fn add(&self, kind: Kind, settings: &[(&str, &str)]) -> Record {
        self.work(|desk| add(&self.book, desk, kind, settings))
            .expect("can be added")
    }

    fn records(&self, kind: Kind) -> Vec<Record> {
        let mut records = Vec::new();
        each(&self.book, kind, &mut |record| {
            records.push(record);
            Ok(())
        })
        .expect("can be read");
        records
    }
}

fn count(
    (records, member): (&[Record], &MemberId),
    measure: Measure,
    period: Period,
    axes: &[Axis],
) -> Vec<Tally> {
    let request = TableRequest {
        kind: records[0].kind,
        measure,
        axes,
        period,
        signers: Of::Organisations,
    };
    tabulate(records, request, member)
}

fn records_of(kind: Kind, file: &[u8], map: &'static str) -> ImportRequest<'static> {
    ImportRequest {
        name: "",
        file: file.to_vec().leak(),
        sheet: None,
        kind,
        target: Target::Records,
        map: Some(map),
        dry_run: false,
        keep_good: false,
    }
}

fn counts(outcome: &ImportOutcome) -> (u64, u64, u64, usize) {
    let rejected = outcome.rejected.len();
    (
        outcome.created,
        outcome.updated,
        outcome.unchanged,
        rejected,
    )
}

const WORKSHOPS: &str = r#"
kind = "training"
[columns]
source_id = "slug"
title = "slug"
start = "start_date"
country = "country"
attended = "attendance"
[constants]
topics = "data_skills"
[values.country]
W3 = "online"
[missing]
attended = ["", "NA"]
"#;

#[track_caller]
fn check_period(held: (&[Record], &MemberId), period: &str, expected: &Value) {
    let period: Period = period.parse().expect("a period");
    let count = |measure| count(held, measure, period, &[])[0];
    let number = |name: &str| expected[name].as_i64().expect("a number");
    assert_eq!(count(Measure::Activities).value, Some(number("events")));
    let attendances = count(Measure::Attendances);
    assert_eq!(attendances.value, Some(number("attendance")), "{period}");
    let uncounted = number("events") - number("events_with_attendance");
    assert_eq!(i64::from(attendances.uncounted), uncounted, "{period}");
}

#[test]
fn workshops_add_up_to_their_published_totals() {
    let Some(path) = crate::shared::path("samples/carpentries/workshops.csv") else {
        return;
    };
    let Some(totals) = crate::shared::json("samples/domain_totals.json") else {
        return;
    };
    let totals = &totals["carpentries/workshops.csv"];
    let file = std::fs::read(path).expect("can be read");
    let plane = Plane::new("inpud");
    let request = records_of(Kind::Training, &file, WORKSHOPS);
    let outcome = plane.import(request);
    assert_eq!(counts(&outcome), (1467, 0, 0, 0));
    assert_eq!(outcome.dropped_columns, ["tag_name", "host_name"]);
    assert_eq!(counts(&plane.import(request)), (0, 0, 1467, 0));

    let records = plane.records(Kind::Training);
    let held = (records.as_slice(), &plane.member);
    let mut unknown = 0;
    for grain in ["by_year", "by_quarter"] {
        for (period, expected) in totals[grain].as_object().expect("periods") {
            check_period(held, period, expected);
        }
    }
    let regions = [Axis {
        dimension: Dimension::Region,
        codes: dimension::REGIONS.iter().map(|r| (*r).to_owned()).collect(),
    }];
    let mut found = std::collections::BTreeMap::<&str, (i64, i64)>::new();
    for year in 2012..=2018 {
        let count = |m| count(held, m, Period::year(year), &regions);
        let (events, heads) = (count(Measure::Activities), count(Measure::Attendances));
        for ((region, events), heads) in dimension::REGIONS.iter().zip(events).zip(heads) {
            let sums = found.entry(region).or_default();
            sums.0 += events.value.unwrap_or(0);
            sums.1 += heads.value.unwrap_or(0);
            unknown += heads.uncounted;
        }
    }
    assert_eq!(unknown, 63);
    for (name, expected) in totals["by_m49_region"].as_object().expect("regions") {
        let region = match name.as_str() {
            "(not ISO: W3)" => "online".to_owned(),
            "(none: Antarctica)" => "other".to_owned(),
            named => named.to_lowercase(),
        };
        let expected = ["events", "attendance"].map(|n| expected[n].as_i64().expect("a number"));
        assert_eq!(found[region.as_str()], expected.into(), "{name}");
    }
}

#[test]
fn one_letter_in_two_languages_has_each_signatory_once() {
    let Some(folder) = crate::shared::path("samples/openletter") else {
        return;
    };
    let map = "kind = \"advocacy_action\"\n[columns]\nname = \"organisation\"\n\
               [constants]\ntype = \"organisation\"\n\
               [values.scope]\ninternational_or_regional = \"international\"\n\
               [rows]\nheader = 1\n";
    let plane = Plane::new("inpud");
    let letter = plane.add(
        Kind::AdvocacyAction,
        &[("title", "Open letter"), ("start", "2020-04-30")],
    );
    let read = |name: &str| {
        let file = std::fs::read_to_string(folder.join(name)).expect("can be read");
        // The spellings of countries that need a human are another matter, below.
        file.replacen("country", "country as written", 1)
    };
    let into = |file: &str| ImportRequest {
        target: Target::List(letter.id, List::Signatories),
        ..records_of(Kind::AdvocacyAction, file.as_bytes(), map)
    };
    let outcome = plane.import(into(&read("2020-04-30_letter_en_signatories.csv")));
    assert_eq!(counts(&outcome), (400, 0, 0, 0));
    assert_eq!(outcome.dropped_columns, ["no", "country as written"]);
    let outcome = plane.import(into(&read("2020-04-30_letter_fr_signatories.csv")));
    assert_eq!(counts(&outcome), (0, 0, 400, 0));
    let quarter = "2020Q2".parse().expect("a period");
    let records = plane.records(Kind::AdvocacyAction);
    let held = (records.as_slice(), &plane.member);
    let count = |axes: &[Axis]| count(held, Measure::Signatories, quarter, axes);
    assert_eq!(count(&[])[0].value, Some(400));
    let scopes = [Axis {
        dimension: Dimension::Scope,
        codes: dimension::SCOPES.iter().map(|s| (*s).to_owned()).collect(),
    }];
    let by_scope: Vec<_> = count(&scopes)
        .iter()
        .filter_map(|tally| tally.value)
        .collect();
    assert_eq!(by_scope, [85, 0, 315, 0]);
}

#[test]
fn a_country_that_is_not_in_m49_needs_a_human() {
    let Some(path) = crate::shared::path("samples/openletter") else {
        return;
    };
    let file = std::fs::read(path.join("2020-04-30_letter_en_signatories.csv")).expect("a file");
    let plane = Plane::new("inpud");
    let letter = plane.add(
        Kind::AdvocacyAction,
        &[("title", "Open letter"), ("start", "2020-04-30")],
    );
    let map = "[columns]\nname = \"organisation\"\n[values.scope]\n\
               international_or_regional = \"international\"\n";
    let mut request = ImportRequest {
        target: Target::List(letter.id, List::Signatories),
        ..records_of(Kind::AdvocacyAction, &file, map)
    };
    let outcome = plane.import(request);
    // Of 315 spellings 283 are M49's own.
    assert_eq!(counts(&outcome), (0, 0, 0, 315 - 283));
    assert!(outcome.rejected.iter().all(|r| r.column == "country"));
    request.keep_good = true;
    let outcome = plane.import(request);
    assert_eq!(counts(&outcome), (400 - 32, 0, 0, 32));
}

#[test]
fn submissions_with_old_line_ends_are_read_whole() {
    let Some(path) = crate::shared::path("samples/consultation-fds") else {
        return;
    };
    let file = std::fs::read(path.join("responses_bom_cr_line_endings.csv")).expect("a file");
    let plane = Plane::new("inpud");
    let settings = [("title", "Data strategy"), ("start", "2018-07-02")];
    let consultation = plane.add(Kind::Consultation, &settings);
    let map = "[columns]\ntext = \"summary\"\n[constants]\nmade = \"2018-07-27\"\n";
    let request = ImportRequest {
        target: Target::List(consultation.id, List::Suggestions),
        ..records_of(Kind::Consultation, &file, map)
    };
    assert_eq!(counts(&plane.import(request)), (185, 0, 0, 0));
    assert_eq!(counts(&plane.import(request)), (0, 0, 185, 0));
}

#[test]
fn a_letter_of_two_members_is_counted_by_its_lead_alone() {
    let planes = [Plane::new("inpud"), Plane::new("anpud")];
    let rows: String = (0..188)
        .map(|n| format!("Organisation {n},international\n"))
        .collect();
    let file = format!("name,scope\n{rows}");
    let plain = [
        ("title", "Open letter"),
        ("start", "2018-02-01"),
        ("lead", "inpud"),
    ];
    let mut code = "new".to_owned();
    for plane in &planes {
        let settings = [&plain[..], &[("joint_id", code.as_str())]].concat();
        let letter = plane.add(Kind::AdvocacyAction, &settings);
        code = letter.to_json()["fields"]["joint_id"]
            .as_str()
            .expect("a code")
            .to_owned();
        let request = ImportRequest {
            target: Target::List(letter.id, List::Signatories),
            map: None,
            ..records_of(Kind::AdvocacyAction, file.as_bytes(), "")
        };
        assert_eq!(plane.import(request).created, 188);
    }
    let sum = |measure| {
        let of = |plane: &Plane| {
            let records = plane.records(Kind::AdvocacyAction);
            let held = (records.as_slice(), &plane.member);
            count(held, measure, Period::year(2018), &[])[0]
                .value
                .expect("is known")
        };
        planes.iter().map(of).sum::<i64>()
    };
    assert_eq!(sum(Measure::Signatories), 188);
    assert_eq!(sum(Measure::Activities), 1);
    assert_eq!(sum(Measure::ActivitiesJoined), 1);
}

/// Returns whether any file below a folder holds the bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .any(|path| {
            if path.is_dir() {
                return holds(&path, bytes);
            }
            let held = std::fs::read(&path).expect("a file");
            held.windows(bytes.len()).any(|window| window == bytes)
        })
}

#[test]
fn markers_of_persons_and_dropped_columns_are_on_no_disk() {
    let plane = Plane::new("inpud");
    let training = plane.add(
        Kind::Training,
        &[
            ("title", "MARKER-title"),
            ("start", "2018-01-09"),
            ("notes", "MARKER-notes"),
        ],
    );
    let file = b"person,name,gender\nMARKER-person,MARKER-name,woman\n";
    let request = ImportRequest {
        target: Target::List(training.id, List::Participants),
        map: None,
        ..records_of(Kind::Training, file, "")
    };
    let outcome = plane.import(request);
    assert_eq!(
        (outcome.created, outcome.dropped_columns),
        (1, vec!["name".to_owned()])
    );
    let shown = counterfoil::record::show(&plane.book, training.id).expect("is there");
    let shown = shown.to_json_in_full().to_string();
    assert!(shown.contains("MARKER-title") && shown.contains("woman"));
    assert!(!shown.contains("MARKER-person") && !shown.contains("MARKER-name"));
    assert!(!holds(plane.dir.path(), b"MARKER"));
    // The search itself finds what is there.
    std::fs::write(plane.dir.path().join("control"), "a MARKER").expect("can be written");
    assert!(holds(plane.dir.path(), b"MARKER"));
}

#[test]
fn records_outlive_the_program() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = DataKey::generate(os_entropy).expect("a key");
    let open = || PrivateStore::open(&dir.path().join("private"), &key, os_entropy);
    let mut plane = Plane::new("inpud");
    plane.book = open().expect("opens");
    let id: Uuid = plane
        .add(Kind::Training, &[("title", "A"), ("start", "2018-01-09")])
        .id;
    plane.book = Plane::new("other").book;
    plane.book = open().expect("opens again");
    let found = counterfoil::record::show(&plane.book, id).expect("is there");
    assert_eq!(found.id, id);
}
