//! A grouped sum over ten million cells, beside a plain loop over the same numbers.

use counterfoil::charter::policy::{Audience, TableSpec};
use counterfoil::charter::{Policy, Size};
use counterfoil::model::dimension::{AGE_BANDS, GENDERS, PLACES};
use counterfoil::model::{
    Cell, Dimension, Figure, Grain, Kind, Measure, MemberId, Period, Series, Summary, Table,
};
use counterfoil::report::{Asker, Columns, Consortium, Entry, Member, query};
use counterfoil::wire;
use jiff::civil::date;

use crate::measure::{Took, in_turns, say_mib, say_ms, say_ratio};
use crate::memory::{self, Resident};

/// 100 places, 8 genders and 8 age bands; 52 quarters of 31 members: 10.3 million cells.
const COUNTRIES: usize = 100 - PLACES.len();
const MEMBERS: usize = 31;
const QUARTERS: usize = 52;
const CELLS: usize = MEMBERS * QUARTERS * 100 * GENDERS.len() * AGE_BANDS.len();

const ROUNDS: usize = 7;
const TIMES: u32 = 10;

/// What the cells are.
#[derive(Clone, Copy)]
enum Fill {
    /// Every one exact: the best case.
    Exact,
    /// One in four only known to lie within bounds.
    Bounded,
}

pub(crate) fn run() {
    let exact = Book::of(Fill::Exact);
    let bounded = Book::of(Fill::Bounded);
    let plain = Plain::of(&exact.consortium);
    let lower = exact
        .ask()
        .rows
        .iter()
        .map(|row| row.lower)
        .collect::<Vec<_>>();
    assert_eq!(lower, plain.sums(), "both count the same");
    let [of_exact, of_bounded, of_plain] = in_turns(
        ROUNDS,
        [
            &mut || Took::each(TIMES, || exact.ask()),
            &mut || Took::each(TIMES, || bounded.ask()),
            &mut || Took::each(TIMES, || plain.sums()),
        ],
    );
    say_ms("10.3M cells by country and quarter, all exact", of_exact);
    say_ms("- a quarter of them bounded", of_bounded);
    say_ms("- a plain loop over three columns", of_plain);
    say_ratio(
        "report against the loop, all exact",
        of_exact.cpu / of_plain.cpu,
        "3 or less",
    );
    say_ratio(
        "report against the loop, bounded",
        of_bounded.cpu / of_plain.cpu,
        "3 or less",
    );
    drop((exact, bounded, plain));
    say_mib(
        "memory of the cells, all exact",
        memory::within("within-exact-cells"),
        "250 or less",
    );
    say_mib(
        "memory of the cells, bounded",
        memory::within("within-bounded-cells"),
        "250 or less",
    );
}

pub(crate) fn within_exact() {
    within(Fill::Exact);
}

pub(crate) fn within_bounded() {
    within(Fill::Bounded);
}

/// Holds the cells in this process, and answers with the memory that takes.
fn within(fill: Fill) {
    let before = Resident::of("self").now;
    let book = Book::of(fill);
    memory::answer(Resident::of("self").now.saturating_sub(before));
    drop(book);
}

/// Every member's summaries, and who asks for them.
struct Book {
    columns: Columns,
    consortium: Consortium,
    asker: Asker,
    request: wire::QueryRequest,
}

impl Book {
    fn of(fill: Fill) -> Self {
        let consortium = consortium();
        let mut columns = Columns::new();
        for member in &consortium.members {
            let mut summary = blank(&consortium, &member.id);
            for (index, quarter) in quarters().enumerate() {
                summary.series.period = quarter;
                let cells = &mut summary.tables[0].cells;
                for (at, cell) in cells.iter_mut().enumerate() {
                    cell.figure = figure(fill, at, index);
                }
                let entry = Entry::Summary {
                    series: summary.series,
                    revision: 1,
                    date: date(2019, 1, 1),
                    audience: Audience::Everybody,
                };
                let taken = columns.ingest(&member.id, index as u64, &entry, Some(&summary));
                taken.expect("a summary that fits its leaf");
            }
        }
        assert_eq!(columns.cells(), CELLS);
        Self {
            columns,
            consortium,
            asker: Asker {
                today: date(2020, 1, 1),
                reader: None,
            },
            request: wire::QueryRequest {
                kind: Kind::Training.to_string(),
                measure: Measure::Attendances.to_string(),
                by: vec!["country".to_owned(), "period".to_owned()],
                ..wire::QueryRequest::default()
            },
        }
    }

    fn ask(&self) -> wire::QueryResponse {
        let answer = query(&self.columns, &self.consortium, &self.asker, &self.request);
        answer.expect("an answer")
    }
}

/// The same numbers as somebody in a hurry would keep them.
struct Plain {
    place: Vec<u16>,
    quarter: Vec<u16>,
    value: Vec<i32>,
}

impl Plain {
    fn of(consortium: &Consortium) -> Self {
        let cells = CELLS / MEMBERS / QUARTERS;
        let persons = GENDERS.len() * AGE_BANDS.len();
        let mut plain = Self {
            place: Vec::new(),
            quarter: Vec::new(),
            value: Vec::new(),
        };
        for _ in &consortium.members {
            for quarter in 0..QUARTERS {
                plain
                    .place
                    .extend((0..cells).map(|at| (at / persons) as u16));
                plain.quarter.extend((0..cells).map(|_| quarter as u16));
                plain.value.extend((0..cells).map(|at| value(at, quarter)));
            }
        }
        plain
    }

    fn sums(&self) -> Vec<i64> {
        let mut sums = vec![0i64; 100 * QUARTERS];
        let groups = self.place.iter().zip(&self.quarter);
        for ((place, quarter), value) in groups.zip(&self.value) {
            sums[usize::from(*place) * QUARTERS + usize::from(*quarter)] += i64::from(*value);
        }
        sums
    }
}

const fn value(cell: usize, quarter: usize) -> i32 {
    (10 + (cell * 7 + quarter * 13) % 990) as i32
}

fn figure(fill: Fill, cell: usize, quarter: usize) -> Figure {
    match fill {
        Fill::Bounded if cell.is_multiple_of(4) => Figure::Interval { lower: 0, upper: 9 },
        _ => Figure::Exact(i64::from(value(cell, quarter))),
    }
}

fn quarters() -> impl Iterator<Item = Period> {
    let first = Period::quarter(2006, 1).expect("a quarter");
    std::iter::successors(Some(first), |quarter| Some(quarter.next())).take(QUARTERS)
}

fn consortium() -> Consortium {
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let countries: Vec<String> = codes
        .take(COUNTRIES)
        .map(|code| code.iter().map(|letter| char::from(*letter)).collect())
        .collect();
    let member = |number| Member {
        id: format!("network-{number}").parse().expect("an id"),
        name: format!("Network {number}"),
        size: Size::Large,
        countries: countries.clone(),
        relay: false,
        joined: None,
        left: None,
    };
    Consortium {
        id: "consortium".parse().expect("an id"),
        version: 1,
        since: quarters().next().expect("a quarter"),
        policy: Policy {
            table: vec![table()],
            ..Policy::default_plan()
        },
        members: (0..MEMBERS).map(member).collect(),
    }
}

fn table() -> TableSpec {
    TableSpec {
        id: "training.attendances.by_country_gender_age".to_owned(),
        kind: Kind::Training,
        measure: Measure::Attendances,
        by: vec![Dimension::Country, Dimension::Gender, Dimension::AgeBand],
        period: vec![Grain::Quarter],
        personal: true,
        sizes: Size::ALL.to_vec(),
        attributes: vec![Dimension::Gender, Dimension::AgeBand],
        of: None,
    }
}

/// Makes a summary in the plan's shape.
fn blank(consortium: &Consortium, member: &MemberId) -> Summary {
    let table = &consortium.policy.table[0];
    let axes = consortium
        .policy
        .axes(table, &consortium.members[0].countries);
    let nothing = Cell {
        figure: Figure::Absent,
        uncounted: 0,
    };
    Summary {
        member: member.clone(),
        series: Series {
            kind: table.kind,
            period: quarters().next().expect("a quarter"),
        },
        revision: 1,
        charter_version: 1,
        tables: vec![Table {
            id: table.id.clone(),
            measure: table.measure,
            cells: vec![nothing; axes.iter().map(|axis| axis.codes.len()).product()],
            axes,
        }],
        statements: Vec::new(),
    }
}
