//! 1,467 real workshops, split between two networks that have never seen each other's records.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shared;
use crate::world::table::{Row, csv, rows};
use crate::world::{Node, World};

/// The MAP of the command line's contract.
const MAP: &str = r#"kind = "training"
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

/// What one network did in one period, counted here with nothing of the program.
#[derive(Clone, Copy, Debug, Default)]
struct Truth {
    activities: u64,
    attendances: u64,
    uncounted: u64,
}

/// The truth of one network: by period at year and quarter, and by country and year.
#[derive(Debug, Default)]
struct Book {
    lines: Vec<Vec<String>>,
    periods: BTreeMap<String, Truth>,
    countries: BTreeMap<(String, String), Truth>,
}

/// The least figure a personal table shows, as the default policy has it.
const FLOOR: u64 = 10;

/// Countries both networks name on their cards; every other workshop is in `other`.
const COUNTRIES: &str = "US,GB,CA,AU,ZA,NO,DE,NZ";

#[test]
fn two_networks_report_what_the_file_adds_up_to() {
    let Some(totals) = shared::json("samples/domain_totals.json") else {
        return;
    };
    let totals = &totals["carpentries/workshops.csv"];
    let books = halves();
    let world = World::new();
    let flags = ["--size", "large", "--countries", COUNTRIES];
    let mut even = world.member("inpud", &flags);
    let mut odd = world.member("anpud", &flags);
    even.serve();
    odd.serve();
    world.unite("2012", &[&even, &odd]);
    let map = world.write("workshops.map", MAP);

    std::thread::scope(|scope| {
        for (node, book) in [(&even, &books[0]), (&odd, &books[1])] {
            let (world, map) = (&world, &map);
            scope.spawn(move || {
                imported_once(world, node, book, map);
                published_once(node, book);
            });
        }
    });

    even.knows(&odd);
    even.sync(&odd);
    assert_eq!(even.sync(&odd), (0, 0), "nothing new");
    for node in [&even, &odd] {
        figures_are_the_files(node, &books, totals);
        small_countries_stay_hidden(node, &books);
    }
    let question = [
        "report",
        "training",
        "--measure",
        "attendances",
        "--by",
        "period",
    ];
    let answers = [&even, &odd].map(|node| node.ok(&question));
    assert_eq!(
        answers[0]["rows"], answers[1]["rows"],
        "both hold the same logs"
    );
    for answer in answers {
        for head in answer["as_of"]["checkpoints"].as_array().expect("heads") {
            assert_eq!(head["tree_size"], 32, "7 years and 25 quarters: {head}");
        }
    }
}

/// Splits the file by the parity of the byte length of `host_name`.
fn halves() -> [Book; 2] {
    let path = shared::path("samples/carpentries/workshops.csv").expect("beside the totals");
    let mut reader = csv::Reader::from_path(path).expect("a file");
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|column| column == name).expect(name);
    let (host, start, attended, country) = (
        at("host_name"),
        at("start_date"),
        at("attendance"),
        at("country"),
    );
    let mut books = [Book::default(), Book::default()];
    for book in &mut books {
        book.lines.push(header.iter().map(str::to_owned).collect());
    }
    for line in reader.records() {
        let line = line.expect("a line");
        let book = &mut books[line[host].len() % 2];
        let (year, month) = (&line[start][..4], &line[start][5..7]);
        let quarter = (month.parse::<u32>().expect("a month") - 1) / 3 + 1;
        let count = match &line[attended] {
            "" | "NA" => None,
            number => Some(number.parse().expect("a number")),
        };
        for period in [year.to_owned(), format!("{year}Q{quarter}")] {
            book.periods.entry(period).or_default().add(count);
        }
        let at = (country_code(&line[country]), year.to_owned());
        book.countries.entry(at).or_default().add(count);
        book.lines.push(line.iter().map(str::to_owned).collect());
    }
    books
}

fn country_code(written: &str) -> String {
    match written {
        "W3" => "online".to_owned(),
        code if COUNTRIES.split(',').any(|named| named == code) => code.to_owned(),
        _ => "other".to_owned(),
    }
}

impl Truth {
    fn add(&mut self, count: Option<u64>) {
        self.activities += 1;
        self.attendances += count.unwrap_or(0);
        self.uncounted += u64::from(count.is_none());
    }

    fn and(self, other: Self) -> Self {
        Self {
            activities: self.activities + other.activities,
            attendances: self.attendances + other.attendances,
            uncounted: self.uncounted + other.uncounted,
        }
    }
}

impl Book {
    fn in_period(&self, period: &str) -> Truth {
        self.periods.get(period).copied().unwrap_or_default()
    }
}

/// Imports a half twice: the second time everything is unchanged.
fn imported_once(world: &World, node: &Node, book: &Book, map: &str) {
    let file = world.write(&format!("{}.csv", node.id), csv(book.lines.clone()));
    let rows = book.lines.len() as u64 - 1;
    let import = || {
        node.ok(&[
            "record", "import", &file, "--kind", "training", "--map", map,
        ])
    };
    let counts = |answer: &Value| {
        ["read", "created", "updated", "unchanged"].map(|name| answer[name].as_u64())
    };
    let first = import();
    assert_eq!(counts(&first), [rows, rows, 0, 0].map(Some), "{first}");
    let dropped = first["dropped_columns"].as_array().expect("columns");
    assert!(dropped.contains(&"host_name".into()), "{first}");
    let again = import();
    assert_eq!(counts(&again), [rows, 0, 0, rows].map(Some), "{again}");
}

/// Publishes the seven years and 25 quarters; a second time there is nothing to publish.
fn published_once(node: &Node, book: &Book) {
    for period in book.periods.keys() {
        let published = node.publish(period, "training");
        let summary = &published["published"][0];
        assert_eq!(
            summary["series"],
            format!("training/{period}"),
            "{published}"
        );
        assert_eq!(summary["revision"], 1);
    }
    let nothing = node.publish("2015Q3", "training");
    assert_eq!(nothing["published"], serde_json::json!([]), "{nothing}");
    assert_eq!(nothing["tree_size"], 32);
}

/// Asks for a measure by period; no member is missing.
fn by_period(node: &Node, measure: &str, grain: &str) -> Vec<Row> {
    let (from, to) = match grain {
        "year" => ("2012", "2018"),
        _ => ("2012Q1", "2018Q1"),
    };
    let mut question = vec!["report", "training", "--measure", measure, "--by", "period"];
    question.extend(["--grain", grain, "--from", from, "--to", to]);
    let answer = node.ok(&question);
    let coverage = &answer["coverage"];
    assert_eq!(coverage["missing"], 0, "{coverage}");
    rows(&answer, &["period"])
}

fn figures_are_the_files(node: &Node, books: &[Book; 2], totals: &Value) {
    for (grain, list) in [("year", "by_year"), ("quarter", "by_quarter")] {
        let totals = totals[list].as_object().expect("totals");
        let activities = by_period(node, "activities", grain);
        let attendances = by_period(node, "attendances", grain);
        assert_eq!(
            (activities.len(), attendances.len()),
            (totals.len(), totals.len())
        );
        let mut uncounted = 0;
        for ((period, total), (events, people)) in
            totals.iter().zip(activities.iter().zip(&attendances))
        {
            assert_eq!((&events.group[0], &people.group[0]), (period, period));
            assert_eq!(events.value, total["events"].as_u64(), "{period}");
            let truth = total["attendance"].as_u64().expect("a number");
            let each = books.each_ref().map(|book| book.in_period(period));
            assert_eq!(truth, each[0].attendances + each[1].attendances);
            if each.iter().all(|truth| truth.attendances >= FLOOR) {
                assert_eq!(people.value, Some(truth), "{period}");
            }
            assert!(people.holds(truth), "{period}: {people:?} for {truth}");
            assert_eq!(people.uncounted, each[0].and(each[1]).uncounted, "{period}");
            uncounted += people.uncounted;
        }
        assert_eq!(uncounted, 63, "{grain}");
    }
}

/// Nothing by country may tell of fewer than ten people.
fn small_countries_stay_hidden(node: &Node, books: &[Book; 2]) {
    let mut question = vec!["report", "training", "--measure", "attendances"];
    question.extend(["--by", "country,period", "--grain", "year"]);
    question.extend(["--from", "2012", "--to", "2018"]);
    let by = ["country", "period"];
    let together = rows(&node.ok(&question), &by);
    let alone = ["inpud", "anpud"].map(|member| {
        let question = [&question[..], &["--member", member]].concat();
        rows(&node.ok(&question), &by)
    });
    for (row, books) in [
        (&together, &books[..]),
        (&alone[0], &books[..1]),
        (&alone[1], &books[1..]),
    ] {
        assert!(!row.is_empty());
        for row in row {
            assert!(
                !row.value.is_some_and(|value| (1..FLOOR).contains(&value)),
                "{row:?}"
            );
            let narrow = row
                .upper
                .is_some_and(|upper| (1..FLOOR - 1).contains(&upper));
            assert!(!narrow, "narrower than the fixed interval: {row:?}");
            let at = (row.group[0].clone(), row.group[1].clone());
            let truth = books.iter().filter_map(|book| book.countries.get(&at));
            let truth: u64 = truth.map(|truth| truth.attendances).sum();
            assert!(row.holds(truth), "{row:?} for {truth}");
        }
    }
}
