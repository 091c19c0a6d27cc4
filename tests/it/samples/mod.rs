//! Real files: each comes in whole with the totals somebody else counted, or is refused with the
//! reason it should be.
//!
//! - [`shelf`]: a book in memory, and how files are brought to it.
//! - [`mutated`]: the same files with bytes changed, cut and swollen.

mod mutated;
pub(crate) mod shelf;

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::model::Kind;
use counterfoil::record::{
    Field, ImportOutcome, ImportRequest, List, Record, RecordError, Target, Values, suggest,
};
use serde_json::Value;

use crate::shared;
use shelf::{Shelf, records_of, sum};

/// Every file that is a list of ours: its name, its MAP, the list its rows belong to, how many
/// rows it has and how many records or rows they make. Presence rows make a project for each
/// organisation and cluster.
const SAMPLES: &str = "\
carpentries/workshops.csv workshops - 1467 1467
carpentries/attendance_by_day_ragged.csv attendance_by_day - 298 298
carpentries/instructor_training_events.csv instructor_training - 191 191
carpentries/carpentrycon2022_session_attendance.csv carpentrycon sessions 70 70
carpentries/longterm_survey_2020_gender.csv longterm_gender participants 87 87
consultation-fds/responses_bom_cr_line_endings.csv responses suggestions 185 185
consultation-fds/draft_practices_under_review.csv draft_practices suggestions 47 47
capacity-fds/governance_published_2020_09.csv governance - 24 24
capacity-fds/governance_published_2020_09.csv governance_ignore - 24 24
capacity-fds/governance_published_small_agencies.csv small_agencies - 33 33
capacity-fds/maturity_model_selected_2020_10.csv maturity - 24 24
hdx-3w/lebanon_2024_hxlated.csv lebanon - 13599 124
hdx-3w/chad_2025_04_hxl_fr.xlsx chad - 1556 572
hdx-3w/somalia_2025_01_04.xlsx somalia - 4146 425
hdx-3w/somalia_2025_01_04.xlsx somalia_months - 4146 4146
hdx-3w/burundi_2023_02.ods burundi - 320 79
hdx-3w/hapi_operational_presence_global.csv hapi - 4999 1600
hxl/input-valid.csv hxl - 4 4
hxl/input-valid-latin1.csv hxl - 4 4
hxl/input-valid.xlsx hxl - 4 4
hxl/input-merged.xlsx hxl_dates - 4 4
hxl/input-multiple-headers.csv hxl_org - 2 2
openletter/2020-04-30_letter_en_signatories.csv letter signatories 400 400
openletter/2020-04-30_letter_fr_signatories.csv letter signatories 400 400
openletter/2021_trips_ldc_extension_signatories_raw.csv trips signatories 112 112
kobo/dietary_needs.xml_both.csv kobo_dietary - 3 3
kobo/dietary_needs.xml_both.xlsx kobo_dietary - 3 3
kobo/dietary_needs.label_both.csv kobo_dietary_labels - 3 3
kobo/grouped_translated.xml_both.csv kobo_translated - 3 3
kobo/grouped_translated.xml_both.xlsx kobo_translated - 3 3
kobo/grouped_translated.xml_summary.csv kobo_translated - 3 3
kobo/kpi_default_labels_hxl_en.csv kobo_kpi - 3 3
kobo/or_other.xml_both.csv kobo_emperors - 3 3
kobo/or_other.xml_summary.csv kobo_emperors - 3 3
kobo/hxl_grouped_repeatable.xml_both.csv kobo_households - 6 6
kobo/hxl_grouped_repeatable.xml_both.xlsx kobo_households - 6 6
kobo/grouped_repeatable.xml_both.xlsx kobo_households - 6 6
kobo/quotes_newlines_and_long_urls.xml_both.csv kobo_quotes - 5 5
kobo/restaurant_profile.xml_both.csv kobo_restaurants - 8 8
kobo/field_position_with_multiple_versions.xml_both.csv kobo_city - 0 0
kobo/literacy_test.xml_both.xlsx kobo_literacy - 3 3
odk/submissions.csv odk_submissions - 2 2
";

/// A file, and how it comes in.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) file: &'static str,
    pub(crate) kind: Kind,
    pub(crate) map: String,
    pub(crate) list: Option<List>,
    read: u64,
    created: u64,
}

/// Returns every sample.
pub(crate) fn samples() -> Vec<Sample> {
    SAMPLES.lines().map(Sample::parse).collect()
}

/// Reads a MAP by its name.
fn map(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/samples/maps");
    std::fs::read_to_string(format!("{folder}/{name}.toml")).expect("a MAP is there")
}

/// A sample as it lies in a book.
struct Taken {
    shelf: Shelf,
    outcome: ImportOutcome,
    kind: Kind,
    list: Option<List>,
}

impl Sample {
    fn parse(line: &'static str) -> Self {
        let [file, name, list, read, created] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("no sample: {line}");
        };
        let map = map(name);
        let kind = map.split('"').nth(1).and_then(|kind| kind.parse().ok());
        Self {
            file,
            kind: kind.expect("a MAP names its kind first"),
            map,
            list: (list != "-").then(|| list.parse().expect("a list")),
            read: read.parse().expect("a number"),
            created: created.parse().expect("a number"),
        }
    }

    /// Reads the file, or nothing where there is no shared data.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let path = shared::path(&format!("samples/{}", self.file))?;
        Some(std::fs::read(path).expect("a shared file can be read"))
    }

    /// Returns the request that brings a file to a book.
    pub(crate) fn request<'a>(&'a self, shelf: &Shelf, file: &'a [u8]) -> ImportRequest<'a> {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        let target = match self.list {
            None => Target::Records,
            Some(list) => match shelf.records(self.kind).first() {
                Some(record) => Target::List(record.id, list),
                None => Target::List(shelf.add(self.kind).id, list),
            },
        };
        ImportRequest {
            target,
            ..records_of(name, file, self.kind, &self.map)
        }
    }

    /// Imports the file twice; the second time says nothing new.
    fn take(&self, file: &[u8]) -> Taken {
        let shelf = Shelf::default();
        let request = self.request(&shelf, file);
        let outcome = shelf
            .import(request)
            .unwrap_or_else(|e| panic!("{}: {e}", self.file));
        assert!(
            outcome.rejected.is_empty(),
            "{}: {:?}",
            self.file,
            outcome.rejected
        );
        assert_eq!(outcome.read, self.read, "{}", self.file);
        assert_eq!(
            outcome.created + outcome.unchanged,
            self.read,
            "{}",
            self.file
        );
        assert_eq!(outcome.created, self.created, "{}", self.file);
        let held = shelf.book.rows();
        let again = shelf
            .import(self.request(&shelf, file))
            .expect("was read before");
        assert_eq!((again.created, again.updated), (0, 0), "{}", self.file);
        assert_eq!(shelf.book.rows(), held, "{}", self.file);
        Taken {
            shelf,
            outcome,
            kind: self.kind,
            list: self.list,
        }
    }
}

impl Taken {
    fn records(&self) -> Vec<Record> {
        self.shelf.records(self.kind)
    }

    /// Adds up a count, over the list where the file was one.
    fn sum(&self, field: Field) -> (u64, u64) {
        let records = self.records();
        match self.list {
            None => sum(&records, field),
            Some(list) => sum(records.iter().flat_map(|r| r.rows(list)), field),
        }
    }

    /// Counts records, or rows of the list, by a field.
    fn by(&self, field: Field) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let mut count = |fields: &counterfoil::record::Fields| {
            let value = fields.get(&field).map(ToString::to_string);
            *counts.entry(value.unwrap_or_default()).or_default() += 1;
        };
        for record in self.records() {
            match self.list {
                None => count(record.fields()),
                Some(list) => record.rows(list).iter().for_each(|row| count(row.fields())),
            }
        }
        counts
    }
}

/// Takes a sample by the name of its MAP; nothing where there is no shared data.
fn taken(map: &str, file: &str) -> Option<Taken> {
    let sample = samples()
        .into_iter()
        .find(|s| s.file.ends_with(file) && s.map.contains(map))
        .unwrap_or_else(|| panic!("no sample {file}"));
    Some(sample.take(&sample.bytes()?))
}

fn totals() -> Option<Value> {
    shared::json("samples/domain_totals.json")
}

#[test]
fn every_sample_comes_in_whole_and_only_once() {
    for sample in samples() {
        let Some(file) = sample.bytes() else { return };
        sample.take(&file);
    }
}

#[test]
fn trainings_add_up() {
    let Some(totals) = totals() else { return };
    let of = |file: &str| &totals[format!("carpentries/{file}")];
    let taken = |file| taken("training", file).expect("is there with the totals");

    let workshops = taken("workshops.csv");
    let attended = of("workshops.csv")["attendance_total"].as_u64();
    assert_eq!(attended, Some(workshops.sum(Field::Attended).0));
    assert_eq!(workshops.sum(Field::Attended).1, 1467 - 63);
    let countries = workshops.by(Field::Country);
    assert_eq!((countries["online"], countries["NA"]), (74, 2));

    let days = taken("attendance_by_day_ragged.csv");
    assert_eq!(days.sum(Field::Registered), (7654, 237 - 2));
    let records = days.records();
    for (day, date) in [
        "2015-08-01",
        "2015-08-02",
        "2015-08-03",
        "2015-08-04",
        "2015-08-05",
    ]
    .iter()
    .enumerate()
    {
        let date = date.parse().expect("a date");
        let rows = records
            .iter()
            .flat_map(|record| record.rows(List::Sessions));
        let rows = rows.filter(|row| row.day(Field::Date) == Some(date));
        let truth = &of("attendance_by_day_ragged.csv")[format!("Day{}", day + 1)];
        let (people, filled) = sum(rows, Field::Attended);
        assert_eq!(truth["sum"].as_u64(), Some(people), "{truth}");
        assert_eq!(truth["filled"].as_u64(), Some(filled), "{truth}");
    }

    let events = taken("instructor_training_events.csv");
    assert_eq!(events.sum(Field::Attended).0, 3836);
    assert_eq!(events.sum(Field::Completed).0, 1859);
    let countries = events.by(Field::Country);
    assert_eq!((countries["online"], countries[""]), (93, 2));

    let sessions = taken("carpentrycon2022_session_attendance.csv");
    assert_eq!(sessions.sum(Field::Attended), (1627, 70));
    assert_eq!(sessions.by(Field::Date)["2022-08-04"], 7);

    let survey = taken("longterm_survey_2020_gender.csv");
    let genders = survey.by(Field::Gender);
    let truth = of("longterm_survey_2020_gender.csv");
    for (theirs, ours) in [
        ("Female", "woman"),
        ("Male", "man"),
        ("Prefer not to answer", "not_said"),
        ("Gender variant/non-conforming", "non_binary"),
        ("NA", "not_recorded"),
    ] {
        assert_eq!(truth[theirs].as_u64(), Some(genders[ours]), "{theirs}");
    }
}

#[test]
fn policies_stand_for_each_column_that_says_yes() {
    let Some(totals) = totals() else { return };
    for (file, map, codes) in [
        (
            "governance_published_2020_09.csv",
            "stop_at_blank",
            &["governance", "membership", "charter", "meetings"][..],
        ),
        (
            "governance_published_small_agencies.csv",
            "AGENCY",
            &["governance", "membership", "charter", "meetings"],
        ),
        (
            "maturity_model_selected_2020_10.csv",
            "maturity",
            &["maturity_model"],
        ),
    ] {
        let taken = taken(map, file).expect("is there with the totals");
        let truth = &totals[format!("capacity-fds/{file}")];
        assert_eq!(
            truth["organisations"].as_u64(),
            Some(taken.records().len() as u64)
        );
        let mut policies: BTreeMap<String, u64> = BTreeMap::new();
        for record in taken.records() {
            for row in record.rows(List::Policies) {
                *policies
                    .entry(row.code(Field::Code).expect("a code").to_owned())
                    .or_default() += 1;
            }
        }
        let counted: BTreeSet<u64> = codes.iter().map(|code| policies[*code]).collect();
        let columns = truth["columns"].as_object().expect("columns");
        let yes = columns
            .values()
            .map(|c| c["Y"].as_u64().or_else(|| c["Selected"].as_u64()));
        assert_eq!(yes.flatten().collect::<BTreeSet<_>>(), counted, "{file}");
        assert!(
            taken.outcome.dropped_columns.is_empty(),
            "{:?}",
            taken.outcome
        );
    }
}

#[test]
fn presence_rows_are_one_project_per_organisation_and_cluster() {
    let Some(totals) = totals() else { return };
    let lebanon = taken("LB", "lebanon_2024_hxlated.csv").expect("is there with the totals");
    let said = lebanon.outcome.warnings.join("; ");
    assert!(said.contains("HXL"), "{said}");
    let partners = lebanon.by(Field::Partners);
    // 85 as spelled; blanks at the end say nothing.
    let truth = totals["hdx-3w/lebanon_2024_hxlated.csv"]["distinct_org_acronym"].as_u64();
    assert!(truth >= Some(partners.len() as u64) && partners.len() >= 81);
    assert!(
        lebanon
            .records()
            .iter()
            .all(|r| r.count(Field::Attended).is_none())
    );

    let chad = taken("TD", "chad_2025_04_hxl_fr.xlsx").expect("is there");
    assert_eq!(chad.outcome.sheet.as_deref(), Some("3W Opérationnelle"));
    let titles = chad.by(Field::Title);
    assert!(
        titles
            .keys()
            .any(|title| title.ends_with("/ Securité alimentaire"))
    );

    let months = taken("January", "somalia_2025_01_04.xlsx").expect("is there");
    let truth = totals["hdx-3w/somalia_2025_01_04.xlsx"]["by_month"].clone();
    let starts = months.by(Field::Start);
    for (month, start) in [
        ("January", "2025-01-01"),
        ("February", "2025-02-01"),
        ("March", "2025-03-01"),
        ("April", "2025-04-01"),
    ] {
        assert_eq!(truth[month].as_u64(), Some(starts[start]), "{month}");
    }
    let organisations = totals["hdx-3w/somalia_2025_01_04.xlsx"]["distinct_orgs"].as_u64();
    assert!(organisations >= Some(months.by(Field::Title).len() as u64));

    let burundi = taken("BI", "burundi_2023_02.ods").expect("is there");
    assert!(burundi.records().len() >= 51);
    let global = taken("location_code", "hapi_operational_presence_global.csv").expect("is there");
    assert_eq!(global.by(Field::Country).len(), 4);
}

#[test]
fn one_table_in_several_formats_is_the_same_records() {
    let mut seen: Vec<Vec<String>> = Vec::new();
    for file in [
        "input-valid.csv",
        "input-valid-latin1.csv",
        "input-valid.xlsx",
    ] {
        let Some(taken) = taken("Registro", file) else {
            return;
        };
        let said = taken.outcome.warnings.join("; ");
        assert!(said.contains("row 2") && said.contains("row 3"), "{said}");
        assert_eq!(
            said.contains("windows-1252"),
            file.contains("latin1"),
            "{said}"
        );
        let records = taken.records();
        let mut shown: Vec<String> = records
            .iter()
            .map(|r| r.to_json()["fields"].to_string())
            .collect();
        shown.sort();
        assert!(
            shown[2].contains("Higiene") && shown[2].contains("\"PA\""),
            "{shown:?}"
        );
        seen.push(shown);
    }
    assert!(seen.iter().all(|one| *one == seen[0]));

    let merged = taken("#date+reported", "input-merged.xlsx").expect("is there");
    // The date is written once, over four rows.
    assert_eq!(merged.by(Field::Start)["2015-03-01"], 4);
    assert_eq!(merged.by(Field::Partners)["UNICEF"], 2);
}

#[test]
fn files_without_the_tags_that_are_asked_for_are_refused_with_what_is_there() {
    for file in ["hxl/input-untagged.csv", "hxl/input-invalid.csv"] {
        let Some(path) = shared::path(&format!("samples/{file}")) else {
            return;
        };
        let bytes = std::fs::read(path).expect("can be read");
        let map = &map("hxl");
        let request = records_of("input.csv", &bytes, Kind::JointProject, map);
        let refused = Shelf::default()
            .import(request)
            .expect_err("has no tags")
            .to_string();
        assert!(
            refused.starts_with("input.csv: ") && refused.contains("Registro"),
            "{refused}"
        );
    }
}

/// Files of other kinds: figures, code lists, exchange formats. None is taken for a list of ours.
#[test]
fn files_of_other_kinds_are_refused_with_a_reason() {
    for (file, part) in [
        ("iati/switzerland_CH-4.xml", "XML"),
        ("dhis2/dataValues_bulk.json", "JSON"),
        ("dhis2/dataValueSetB.csv", "[columns]"),
        ("datim/test-data.csv", "[columns]"),
        ("datim/test-data-bad-boolean-value.csv", ""),
        ("unaids-aidsinfo/AIDSinfo_2015_en_extract.csv", "[columns]"),
        ("hdx-3w/organisation_types.csv", "[columns]"),
        ("codelists/UNSD-M49-ru.csv", "[columns]"),
        ("hxl/wide-tagging-test.csv", "[columns]"),
    ] {
        let Some(path) = shared::path(&format!("samples/{file}")) else {
            return;
        };
        let bytes = std::fs::read(path).expect("can be read");
        for kind in Kind::ALL {
            let request = ImportRequest {
                map: None,
                ..records_of(file, &bytes, *kind, "")
            };
            let refused = Shelf::default().import(request);
            let refused = refused.expect_err(file).to_string();
            assert!(
                refused.starts_with(file) && refused.contains(part),
                "{refused}"
            );
        }
    }
}

#[test]
fn consultations_and_letters_add_up() {
    let Some(responses) = taken("summary", "responses_bom_cr_line_endings.csv") else {
        return;
    };
    let texts = responses.by(Field::Text);
    assert_eq!(texts.len(), 185);
    assert_eq!(texts.keys().filter(|t| t.contains("Anonymous")).count(), 7);
    let practices = taken("practice", "draft_practices_under_review.csv").expect("is there");
    let mut sections: Vec<u64> = practices.by(Field::Section).into_values().collect();
    sections.sort_unstable();
    assert_eq!(sections, [6, 8, 8, 10, 15]);
    let letter = taken("organisation", "2020-04-30_letter_en_signatories.csv").expect("is there");
    let scopes = letter.by(Field::Scope);
    assert_eq!((scopes["international"], scopes["national"]), (85, 315));
    assert_eq!(
        letter.by(Field::Country).len(),
        89 - 1 + 1,
        "Colomba is Colombia"
    );
    let trips = taken(
        "signatory_line",
        "2021_trips_ldc_extension_signatories_raw.csv",
    );
    let scopes = trips.expect("is there").by(Field::Scope);
    assert_eq!(scopes.into_values().collect::<Vec<_>>(), [12, 91, 9]);
}

#[test]
fn repeats_go_to_the_records_they_name() {
    for (file, sheet) in [
        ("grouped_repeatable.xml_both.xlsx", "houshold_member_repeat"),
        ("hxl_grouped_repeatable.xml_both.xlsx", ""),
    ] {
        let Some(taken) = taken("household_visit", file) else {
            return;
        };
        let bytes = std::fs::read(shared::path(&format!("samples/kobo/{file}")).expect("is there"));
        let bytes = bytes.expect("can be read");
        let members = map("kobo_members");
        let request = ImportRequest {
            sheet: Some(sheet).filter(|sheet| !sheet.is_empty()),
            target: Target::ListOfEach(List::Participants),
            ..records_of(file, &bytes, Kind::Training, &members)
        };
        let outcome = taken.shelf.import(request).expect("can be read");
        assert_eq!(
            (outcome.created, outcome.rejected.len()),
            (13, 0),
            "{outcome:?}"
        );
        let again = taken.shelf.import(request).expect("can be read");
        assert_eq!((again.created, again.updated), (0, 0));
        let listed: Vec<usize> = taken
            .records()
            .iter()
            .map(|r| r.rows(List::Participants).len())
            .collect();
        assert_eq!(listed.iter().sum::<usize>(), 13, "{listed:?}");
    }
    let Some(taken) = taken("KEY", "odk/submissions.csv") else {
        return;
    };
    let path = shared::path("samples/odk/submissions-taxon_encounter.csv").expect("is there");
    let bytes = std::fs::read(path).expect("can be read");
    let map = &map("odk_encounters");
    let request = ImportRequest {
        target: Target::ListOfEach(List::Participants),
        ..records_of("encounters.csv", &bytes, Kind::Training, map)
    };
    let outcome = taken.shelf.import(request).expect("can be read");
    assert_eq!((outcome.read, outcome.created), (7, 7), "{outcome:?}");
    let strange = String::from_utf8(bytes.clone())
        .expect("UTF-8")
        .replace("uuid:d5e78a78", "uuid:00000000");
    let request = ImportRequest {
        file: strange.as_bytes(),
        ..request
    };
    let outcome = taken.shelf.import(request).expect("can be read");
    let rejected: Vec<_> = outcome
        .rejected
        .iter()
        .map(|r| (r.line, r.column.as_str()))
        .collect();
    assert_eq!(rejected, [(2, "PARENT_KEY"), (3, "PARENT_KEY")]);
}

#[test]
fn what_is_proposed_for_a_sample_is_a_map() {
    for sample in samples() {
        let Some(file) = sample.bytes() else { return };
        let shelf = Shelf::default();
        let mut request = sample.request(&shelf, &file);
        // Without a MAP, nothing says which of its two sheets is meant.
        if sample.file.contains("chad") {
            let refused = shelf.work(|desk| suggest(desk, request)).expect_err("asks");
            assert!(refused.to_string().contains("--sheet"), "{refused}");
            request.sheet = Some("3W Opérationnelle");
        }
        let proposed = shelf
            .work(|desk| suggest(desk, request))
            .expect("can be read");
        let request = ImportRequest {
            map: Some(&proposed),
            dry_run: true,
            ..request
        };
        if let Err(RecordError::Map(error)) = shelf.import(request) {
            panic!("{}: {error}\n{proposed}", sample.file);
        }
        if sample.file.ends_with("workshops.csv") {
            for entry in [
                "start = \"start_date\"",
                "attended = \"attendance\"",
                "country = \"country\"",
                "\"W3\" = \"online\"",
            ] {
                assert!(proposed.contains(entry), "{proposed}");
            }
            let guessed = |line: &&str| line.contains(" = ") && !line.starts_with('#');
            let marked = proposed
                .lines()
                .filter(guessed)
                .filter(|line| !line.contains("# "));
            assert_eq!(marked.collect::<Vec<_>>(), ["kind = \"training\""]);
            let outcome = shelf.import(request).expect("is a MAP");
            assert_eq!((outcome.read, outcome.created), (1467, 1467), "{proposed}");
        }
    }
}

/// A workbook of the old format: a title, dates, a cell merged over three rows, and a formula.
const OLD: &[u8] = include_bytes!("files/trainings.xls");

#[test]
fn a_workbook_of_the_old_format_is_read_or_refused() {
    let shelf = Shelf::default();
    let request = ImportRequest {
        map: None,
        ..records_of("trainings.xls", OLD, Kind::Training, "")
    };
    // What wrote it left one formula without a result.
    let good = ImportRequest {
        keep_good: true,
        ..request
    };
    let outcome = shelf.import(good).expect("can be read");
    assert_eq!(
        (outcome.created, outcome.rejected.len()),
        (3, 1),
        "{outcome:?}"
    );
    let refused = &outcome.rejected[0];
    assert_eq!((refused.line, refused.column.as_str()), (7, "attended"));
    assert_eq!(outcome.sheet.as_deref(), Some("Trainings"));
    let records = shelf.records(Kind::Training);
    let thai = records
        .iter()
        .filter(|r| r.code(Field::Country) == Some("TH"));
    assert_eq!(thai.count(), 3);
    let march = "2018-03-09".parse().ok();
    assert!(records.iter().any(|r| r.day(Field::Start) == march));
    assert!(
        records
            .iter()
            .any(|r| r.fields()[&Field::Title].to_string() == "Formación 2")
    );
    for at in (0..OLD.len()).step_by(7) {
        for byte in [0, 0x7f, 0xff] {
            let mut broken = OLD.to_vec();
            broken[at] = byte;
            let shelf = Shelf::default();
            let request = ImportRequest {
                file: &broken,
                ..request
            };
            let stored = shelf.import(request).is_ok_and(|o| o.rejected.is_empty());
            assert!(stored || shelf.book.rows().is_empty(), "byte {at}");
        }
    }
}
