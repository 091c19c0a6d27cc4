use proptest::prelude::*;

use super::super::book::memory::MemoryBook;
use super::super::edit::bench::Bench;
use super::super::{book, each, show};
use super::*;
use crate::record::{Record, Values};

/// A bench with a book, and how files are brought to it.
struct Room {
    bench: Bench,
    book: MemoryBook,
}

impl Room {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            book: MemoryBook::default(),
        }
    }

    fn try_import(&mut self, request: ImportRequest<'_>) -> Result<ImportOutcome, RecordError> {
        let book = &self.book;
        self.bench
            .work(|desk| import(book, desk, request, &mut |_| {}))
    }

    fn import(&mut self, file: &str, map: Option<&str>) -> ImportOutcome {
        self.try_import(training(file, map)).expect("can be read")
    }

    fn records(&self, kind: Kind) -> Vec<Record> {
        let mut records = Vec::new();
        each(&self.book, kind, &mut |record| {
            records.push(record);
            Ok(())
        })
        .expect("the book can be read");
        records
    }

    fn held(&self) -> String {
        let held = self.book.0.borrow();
        let texts = held.iter().map(|((_, key), value)| {
            [key, value]
                .map(|b| String::from_utf8_lossy(b).into_owned())
                .concat()
        });
        texts.collect()
    }
}

const fn training<'a>(file: &'a str, map: Option<&'a str>) -> ImportRequest<'a> {
    ImportRequest {
        name: "file.csv",
        file: file.as_bytes(),
        sheet: None,
        kind: Kind::Training,
        target: Target::Records,
        map,
        dry_run: false,
        keep_good: false,
    }
}

#[track_caller]
fn check_counts(outcome: &ImportOutcome, created: u64, updated: u64, unchanged: u64) {
    let counts = (outcome.created, outcome.updated, outcome.unchanged);
    assert_eq!(counts, (created, updated, unchanged), "{outcome:?}");
}

const FILE: &str = "source_id,Title,start,attended,phone\n\
                    a,First,2018-01-09,12,0811\n\
                    b,Second,2018-02-09,,0812\n";

#[test]
fn headers_that_are_field_names_need_no_map() {
    let mut room = Room::new();
    let outcome = room.import(FILE, None);
    check_counts(&outcome, 2, 0, 0);
    assert_eq!(outcome.dropped_columns, ["phone"]);
    let records = room.records(Kind::Training);
    let counts: Vec<_> = records.iter().map(|r| r.count(Field::Attended)).collect();
    assert!(counts.contains(&Some(12)) && counts.contains(&None));
    assert!(!room.held().contains("081"));
}

#[test]
fn the_same_file_again_changes_nothing_and_a_changed_row_one_record() {
    let mut room = Room::new();
    room.import(FILE, None);
    let before = room.held();
    check_counts(&room.import(FILE, None), 0, 0, 2);
    assert_eq!(room.held(), before);
    let changed = FILE.replace(",12,", ",13,").replace("Second", "Renamed");
    check_counts(
        &room.import(&changed.replace("Renamed", "Second"), None),
        0,
        1,
        1,
    );
    check_counts(&room.import(&changed, None), 0, 1, 1);
    assert_eq!(room.records(Kind::Training).len(), 2);
}

#[test]
fn what_was_edited_by_hand_survives_the_same_file() {
    let mut room = Room::new();
    room.import(FILE, None);
    let id = room.records(Kind::Training)[0].id;
    let book = &room.book;
    let edited = room
        .bench
        .work(|desk| crate::record::edit(book, desk, id, &[("notes", "kept"), ("hours", "6")]));
    edited.expect("is edited");
    check_counts(&room.import(FILE, None), 0, 0, 2);
    check_counts(
        &room.import(&FILE.replace("2018-0", "2019-0"), None),
        0,
        2,
        0,
    );
    let record = show(&room.book, id).expect("is there");
    assert_eq!(record.hours(Field::Hours), Some(600));
}

#[test]
fn rows_without_a_source_id_are_known_by_all_they_say_and_how_often() {
    let file = "title,start\nA,2018-01-09\nA,2018-01-09\nB,2018-01-09\n";
    let mut room = Room::new();
    check_counts(&room.import(file, None), 3, 0, 0);
    check_counts(&room.import(file, None), 0, 0, 3);
    check_counts(
        &room.import(&format!("{file}A,2018-01-09\n"), None),
        1,
        0,
        3,
    );
    let record = &room.records(Kind::Training)[0];
    crate::record::delete(&room.book, record.id).expect("is deleted");
    check_counts(&room.import(file, None), 1, 0, 2);
}

#[test]
fn one_bad_row_stops_them_all_unless_the_good_are_kept() {
    let file = "title,start,attended,country\nA,2018-01-09,1,TH\nB,2018-01-09,many,W3\nC,,1,TH\n";
    let mut room = Room::new();
    let outcome = room.import(file, None);
    assert!(room.book.0.borrow().is_empty());
    let rejected: Vec<_> = outcome
        .rejected
        .iter()
        .map(|r| (r.line, r.column.as_str(), r.value.as_str()))
        .collect();
    let all = [
        (3, "country", "W3"),
        (3, "attended", "many"),
        (4, "start", ""),
    ];
    assert_eq!(rejected, all, "every mistake of a line is told");
    assert!(outcome.rejected[0].reason.contains("[values.country]"));
    let request = ImportRequest {
        keep_good: true,
        ..training(file, None)
    };
    let outcome = room.try_import(request).expect("can be read");
    assert_eq!((outcome.created, outcome.rejected.len()), (1, 3));
    assert_eq!(room.records(Kind::Training).len(), 1);
}

#[test]
fn what_cannot_be_read_is_blamed_once() {
    let file = "title,start,end,joint_id,lead\n,2018-02-30,2018-01-01,mango,inpud\n";
    let outcome = Room::new().import(file, None);
    let blamed: Vec<_> = outcome.rejected.iter().map(|r| r.column.as_str()).collect();
    assert_eq!(blamed, ["start", "joint_id", "title"]);
    let told = &outcome.rejected[0].reason;
    assert!(
        told.ends_with("write YYYY-MM-DD, such as 2018-03-31"),
        "{told}"
    );
}

#[test]
fn a_dry_run_only_says_what_would_happen() {
    let mut room = Room::new();
    let request = ImportRequest {
        dry_run: true,
        ..training(FILE, None)
    };
    check_counts(&room.try_import(request).expect("can be read"), 2, 0, 0);
    assert!(room.book.0.borrow().is_empty());
}

#[test]
fn a_map_says_what_columns_values_and_blanks_mean() {
    let map = "[columns]\ntitle = \"What\"\nstart = \"When\"\n\
               [constants]\ntopics = \"data_skills\"\n\
               [values.country]\nW3 = \"online\"\n\"Viet Nam!\" = \"VN\"\n\
               [missing]\nattended = [\"NA\"]\n";
    let file =
        "What;When;country;attended\nA;2018-01-09;W3;NA\nB;2018-01-10;NA;5\nC;2018-01-10;TH; 7 \n";
    let mut room = Room::new();
    check_counts(&room.import(file, Some(map)), 3, 0, 0);
    let mut records = room.records(Kind::Training);
    records.sort_by_key(|r| r.fields[&Field::Title].to_string());
    let shown: Vec<_> = records
        .iter()
        .map(|r| (r.code(Field::Country), r.count(Field::Attended)))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("online"), None),
            (Some("NA"), Some(5)),
            (Some("TH"), Some(7))
        ]
    );
    assert_eq!(records[0].code(Field::Topics), Some("data_skills"));
}

#[test]
fn a_column_nobody_can_tell_is_refused_once_with_the_question() {
    let file = "title,start\nA,2018-01-09\nB,03/04/2018\nC,04/03/2018\n";
    let mut room = Room::new();
    let outcome = room.import(file, None);
    assert_eq!(outcome.rejected.len(), 1);
    let rejection = &outcome.rejected[0];
    assert_eq!((rejection.line, rejection.column.as_str()), (3, "start"));
    assert!(rejection.reason.contains("%d/%m/%Y"));
    assert!(room.book.0.borrow().is_empty());
    let map = "[dates]\nformats = [\"%d/%m/%Y\", \"%Y-%m-%d\"]";
    check_counts(&room.import(file, Some(map)), 3, 0, 0);
    let thai = "title,start\nA,2561-01-10\n";
    assert!(
        room.import(thai, None).rejected[0]
            .reason
            .contains("Buddhist")
    );
    let map = "[dates]\ncalendar = \"buddhist\"";
    check_counts(&room.import(thai, Some(map)), 1, 0, 0);
}

#[test]
fn a_date_the_map_replaces_raises_no_question() {
    let file = "title,start\nA,13/01/2018\nB,spring\nC,01/02/2018\n";
    let map = "[values.start]\n\"spring\" = \"2018-03-20\"\n\"01/02/2018\" = \"2018-02-01\"";
    let mut room = Room::new();
    check_counts(&room.import(file, Some(map)), 3, 0, 0);
    let map = format!("{map}\n[dates]\nformats = [\"%d/%m/%Y\"]");
    check_counts(&room.import(file, Some(&map)), 0, 0, 3);
}

#[track_caller]
fn check_unusable(file: &str, map: Option<&str>, part: &str) {
    let mut room = Room::new();
    let refused = room
        .try_import(training(file, map))
        .expect_err("is refused");
    assert!(refused.to_string().contains(part), "{refused}");
    assert!(room.book.0.borrow().is_empty());
}

#[test]
fn a_file_that_cannot_be_used_says_what_to_do() {
    check_unusable("a,b\n1,2\n", None, "[columns]");
    check_unusable("title\nA\n", None, "[columns] start");
    check_unusable("title,title,start\nA,B,2018-01-09\n", None, "two columns");
    check_unusable(FILE, Some("[columns]\nnotes = \"Notes\""), "\"Notes\"");
    check_unusable(FILE, Some("[columns]\nnotes = 1"), "MAP line 2");
    check_unusable("", None, "header");
}

#[test]
fn one_source_id_cannot_say_two_things() {
    let mut room = Room::new();
    let outcome = room.import(&format!("{FILE}a,First,2018-01-09,99,\n"), None);
    assert!(outcome.rejected[0].reason.contains("line 2"));
    let mut room = Room::new();
    check_counts(
        &room.import(&format!("{FILE}a,First,2018-01-09,12,\n"), None),
        2,
        0,
        1,
    );
}

#[test]
fn a_stray_cell_is_refused_and_a_short_row_is_not() {
    let mut room = Room::new();
    let outcome = room.import(
        "title,start,attended\nA,2018-01-09\nB,2018-01-09,1,,Mai\n",
        None,
    );
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(
        (outcome.rejected[0].line, outcome.rejected[0].value.as_str()),
        (3, "(hidden)")
    );
    let numbers = room.import("title,start,attended\nA,2018-01-09,1,2,3\n", None);
    check_counts(&numbers, 1, 0, 0);
    assert!(numbers.warnings[0].contains("line 2"), "{numbers:?}");
    let decimal = room.import(
        "title,start,hours,attended\nA,2018-01-09,7,12\nB,2018-01-09,7,5,12\n",
        None,
    );
    let refused = &decimal.rejected[0];
    assert_eq!((refused.line, refused.column.as_str()), (3, "hours"));
    assert!(refused.reason.contains("7.5"), "{refused:?}");
    // Also of a column nothing is kept of, where it moves what is kept.
    let decimal = room.import("title,fee,start,attended\nC,7,5,2018-01-09,12\n", None);
    assert_eq!(decimal.rejected[0].column, "fee");
    // One number cut in two would put every other into the wrong column.
    let cut = room.import(
        "title,start,invited,attended\nB,2018-01-09,12,000,7\n",
        None,
    );
    assert_eq!(cut.rejected[0].column, "column 5");
}

const fn into(file: &str, kind: Kind, (id, list): (Uuid, List)) -> ImportRequest<'_> {
    ImportRequest {
        kind,
        target: Target::List(id, list),
        ..training(file, None)
    }
}

#[test]
fn a_row_that_contradicts_itself_is_kept_with_a_warning() {
    let mut room = Room::new();
    let file = "title,start,attended,completed\nA,2018-01-09,5,4\nB,2018-01-09,5,7\n";
    let outcome = room.import(file, None);
    check_counts(&outcome, 2, 0, 0);
    let said = "line 3: completed says 7 and only 5 attended";
    assert!(outcome.warnings[0].starts_with(said), "{outcome:?}");
    let many = format!(
        "title,start,attended,completed\n{}",
        "C,2018-01-09,1,2\n".repeat(50)
    );
    let outcome = room.import(&many, None);
    assert_eq!(outcome.warnings.len(), 21);
    assert!(outcome.warnings[20].starts_with("30 more"), "{outcome:?}");
}

#[test]
fn participants_become_pseudonyms_and_nothing_else_of_them_stays() {
    let mut room = Room::new();
    room.import(FILE, None);
    let id = room.records(Kind::Training)[0].id;
    let at = (id, List::Participants);
    let file = "person,name,email,birth date,gender,age_band,role,completed\n\
                mai@example.org,Mai Marker,x@marker,1990-01-01,woman,25-29,staff,yes\n\
                MAI@example.org ,Mai Marker,x@marker,1990-01-01,woman,25-29,staff,yes\n\
                +66 81 000 0000,Marker,,,,,absent,\n";
    let outcome = room
        .try_import(into(file, Kind::Training, at))
        .expect("can be read");
    check_counts(&outcome, 2, 0, 1);
    assert_eq!(outcome.dropped_columns, ["name", "email", "birth date"]);
    assert!(outcome.warnings.iter().any(|w| w.contains("kept once")));
    let record = show(&room.book, id).expect("is there");
    assert_eq!(record.rows(List::Participants).len(), 2);
    assert_eq!(record.present().count(), 1);
    let held = room.held().to_lowercase();
    for marker in ["mai", "marker", "1990", "example", "6681", "81 000"] {
        assert!(!held.contains(marker), "{marker}");
    }
    let again = room
        .try_import(into(file, Kind::Training, at))
        .expect("can be read");
    check_counts(&again, 0, 0, 3);
    let later = "person,gender\nmai@example.org,trans_woman\n";
    let later = room
        .try_import(into(later, Kind::Training, at))
        .expect("can be read");
    check_counts(&later, 0, 1, 0);
    let record = show(&room.book, id).expect("is there");
    let mai = record.present().next().expect("is listed");
    assert_eq!(
        (mai.code(Field::Gender), mai.code(Field::Role)),
        (Some("trans_woman"), Some("staff"))
    );
}

#[test]
fn one_person_cannot_be_two_things_in_one_file() {
    let mut room = Room::new();
    room.import(FILE, None);
    let at = (room.records(Kind::Training)[0].id, List::Participants);
    let file = "person,gender\nmai,woman\nlan,man\nMai,man\n";
    let outcome = room
        .try_import(into(file, Kind::Training, at))
        .expect("can be read");
    let refused = &outcome.rejected[..];
    assert_eq!((refused.len(), refused[0].line), (1, 4));
    assert!(refused[0].reason.starts_with("line 2 "), "{refused:?}");
    assert_eq!(refused[0].value, "(hidden)");
}

#[test]
fn a_word_for_nobody_is_no_person_unless_the_map_says_it_is_missing() {
    let mut room = Room::new();
    room.import(FILE, None);
    let at = (room.records(Kind::Training)[0].id, List::Participants);
    let file = "person,gender\nN/A,woman\nN/A,man\n,man\n";
    let request = into(file, Kind::Training, at);
    let outcome = room.try_import(request).expect("can be read");
    assert_eq!(outcome.rejected.len(), 2);
    assert!(outcome.rejected[0].reason.contains("[missing] person"));
    let map = Some("[missing]\nperson = [\"N/A\"]\n");
    let outcome = room.try_import(ImportRequest { map, ..request });
    // Three heads nobody can tell apart from others.
    check_counts(&outcome.expect("can be read"), 3, 0, 0);
}

#[test]
fn a_refused_person_is_hidden() {
    let mut room = Room::new();
    room.import(FILE, None);
    let id = room.records(Kind::Training)[0].id;
    let file = format!("person,gender\n{},woman\n", "marker ".repeat(4000));
    let request = into(&file, Kind::Training, (id, List::Participants));
    let outcome = room.try_import(request).expect("can be read");
    assert_eq!(outcome.rejected[0].value, "(hidden)");
    assert!(!format!("{outcome:?}").contains("marker"));
}

#[test]
fn an_individual_signatory_is_a_pseudonym_and_an_organisation_a_name() {
    let mut room = Room::new();
    let action = "title,start\nOpen letter,2018-02-01\n";
    let request = ImportRequest {
        kind: Kind::AdvocacyAction,
        ..training(action, None)
    };
    room.try_import(request).expect("can be read");
    let id = room.records(Kind::AdvocacyAction)[0].id;
    let at = (id, List::Signatories);
    let file = "name,type,scope\nNetwork A,organisation,national\nJane Marker,individual,\n";
    let outcome = room
        .try_import(into(file, Kind::AdvocacyAction, at))
        .expect("can be read");
    check_counts(&outcome, 2, 0, 0);
    assert!(room.held().contains("Network A") && !room.held().contains("Marker"));
    let outcome = room
        .try_import(into(file, Kind::AdvocacyAction, at))
        .expect("can be read");
    check_counts(&outcome, 0, 0, 2);
    let wrong = into(file, Kind::AdvocacyAction, (id, List::Sessions));
    let refused = room.try_import(wrong).expect_err("has no sessions");
    assert!(refused.to_string().contains("signatories"), "{refused}");
    let wrong = into(file, Kind::Training, (id, List::Participants));
    assert!(matches!(
        room.try_import(wrong),
        Err(RecordError::OtherKind { .. })
    ));
}

#[test]
fn a_signatory_without_a_type_has_no_name_here() {
    let mut room = Room::new();
    let request = ImportRequest {
        kind: Kind::AdvocacyAction,
        ..training("title,start\nOpen letter,2018-02-01\n", None)
    };
    room.try_import(request).expect("can be read");
    let at = (room.records(Kind::AdvocacyAction)[0].id, List::Signatories);
    let file = "name,type,scope\nNetwork A,organisation,national\nJane Marker,,national\n";
    let request = into(file, Kind::AdvocacyAction, at);
    let outcome = room.try_import(request).expect("can be read");
    check_counts(&outcome, 2, 0, 0);
    assert!(outcome.warnings[0].starts_with("1 signatories have no type"));
    assert!(room.held().contains("Network A") && !room.held().contains("Marker"));
}

#[test]
fn the_kind_is_that_of_the_record_or_the_one_the_map_names() {
    let mut room = Room::new();
    let map = "kind = \"training\"\n[columns]\ntitle = \"Title\"\n";
    assert_eq!(
        kind_of(&room.book, None, Some(map)).expect("named"),
        Kind::Training
    );
    for silent in [None, Some(""), Some("[columns]\n")] {
        let refused = kind_of(&room.book, None, silent).expect_err("not named");
        assert!(refused.to_string().contains("--kind"), "{refused}");
    }
    room.try_import(training(FILE, None)).expect("can be read");
    let id = room.records(Kind::Training)[0].id;
    let other = "kind = \"consultation\"\n";
    assert_eq!(
        kind_of(&room.book, Some(id), Some(other)).expect("stored"),
        Kind::Training
    );
}

#[test]
fn a_yes_no_matrix_fills_a_list() {
    let map = "[columns]\ntitle = \"Agency\"\n[constants]\nstart = \"2020-09-01\"\n\
               [wide.policies]\nyes = [\"Y\", \"Yes\"]\n\
               columns = { \"Posted Charter\" = \"governance\", \"Minutes\" = \"transparency\" }";
    let request = |file| ImportRequest {
        kind: Kind::CapacityMilestone,
        ..training(file, Some(map))
    };
    let mut room = Room::new();
    let file = "Agency,Posted Charter,Minutes\nA,Y,Yes\nB,N,\n";
    let outcome = room.try_import(request(file)).expect("can be read");
    check_counts(&outcome, 2, 0, 0);
    let policies = |room: &Room| {
        let records = room.records(Kind::CapacityMilestone);
        records
            .iter()
            .map(|r| r.rows(List::Policies).len())
            .sum::<usize>()
    };
    assert_eq!(policies(&room), 2);
    check_counts(
        &room.try_import(request(file)).expect("can be read"),
        0,
        0,
        2,
    );
}

#[test]
fn progress_is_told() {
    let rows: String = (0..2500).map(|n| format!("t{n},2018-01-09\n")).collect();
    let file = format!("title,start\n{rows}");
    let mut room = Room::new();
    let (mut told, book) = (Vec::new(), &room.book);
    let outcome = room.bench.work(|desk| {
        import(book, desk, training(&file, None), &mut |rows| {
            told.push(rows)
        })
    });
    assert_eq!(outcome.expect("can be read").created, 2500);
    assert_eq!(told, [1000, 2000, 2500]);
    let id = room.records(Kind::Training)[7].id;
    assert!(book::show(&room.book, id).is_ok());
}

proptest! {
    #[test]
    fn any_file_is_imported_twice_alike_or_refused(
        rows in proptest::collection::vec(
            "([a-c]|[\"a;\\r]{0,3}),(2018-0[1-3]-0[1-9]|[0-9]{2}/[0-9]{2}/2018|.{0,5}),(TH|W3|[0-9]{0,3})",
            0..6,
        ),
        keep_good in any::<bool>(),
    ) {
        let file = format!("title,start,country\n{}\n", rows.join("\n"));
        let request = ImportRequest { keep_good, ..training(&file, None) };
        let mut room = Room::new();
        if let Ok(first) = room.try_import(request) {
            let stored = keep_good || first.rejected.is_empty();
            prop_assert_eq!(room.records(Kind::Training).len() as u64, first.created);
            let again = room.try_import(request).expect("read once, read again");
            prop_assert_eq!(&again.rejected, &first.rejected);
            if stored {
                prop_assert_eq!((again.created, again.updated), (0, 0));
            }
        }
    }
}
