//! A small book of summaries, shaped by the default plan.

use std::collections::BTreeMap;

use counterfoil::charter::policy::Audience;
use counterfoil::charter::{Policy, Size};
use counterfoil::model::table::{cell_count, index_of};
use counterfoil::model::{Cell, Figure, Kind, Measure, MemberId, Series, Summary, Table};
use counterfoil::report::{Asker, Columns, Consortium, Entry, Member, ReportError, Status, query};
use counterfoil::wire;
use jiff::civil::Date;

pub(crate) const fn exact(value: i64) -> Figure {
    Figure::Exact(value)
}

pub(crate) const fn between(lower: i64, upper: i64) -> Figure {
    Figure::Interval { lower, upper }
}

/// A cell to set: table, codes, figure.
pub(crate) type Set<'a> = (&'a str, &'a [&'a str], Figure);

/// Members' logs as one node holds them.
pub(crate) struct Book {
    pub(crate) consortium: Consortium,
    pub(crate) columns: Columns,
    pub(crate) asker: Asker,
    next: BTreeMap<MemberId, u64>,
    revisions: BTreeMap<(MemberId, Series), u32>,
}

impl Book {
    /// INPUD (large, TH and GB), ANPUD (medium, TH and VN) and a relay.
    pub(crate) fn new() -> Self {
        Self::of(vec![
            member("inpud", Size::Large, &["TH", "GB"]),
            member("anpud", Size::Medium, &["TH", "VN"]),
            Member {
                relay: true,
                ..member("relay", Size::Small, &[])
            },
        ])
    }

    pub(crate) fn of(members: Vec<Member>) -> Self {
        Self {
            consortium: Consortium {
                id: "inpud-anpud".parse().expect("an id"),
                version: 1,
                since: "2018Q1".parse().expect("a period"),
                policy: Policy::default_plan(),
                members,
            },
            columns: Columns::new(),
            asker: Asker {
                today: day("2019-03-01"),
                reader: None,
            },
            next: BTreeMap::new(),
            revisions: BTreeMap::new(),
        }
    }

    /// Publishes a series: these cells, and in all others 0 or what hides it.
    pub(crate) fn publish(&mut self, who: &str, series: &str, date: &str, sets: &[Set<'_>]) -> u64 {
        let summary = self.summary(who, series, sets);
        let index = self.announce(&summary, date, Audience::Everybody);
        self.columns
            .ingest_payload(&summary.member, index, &summary)
            .expect("a payload that fits its leaf");
        index
    }

    /// Takes in the leaf of a summary without its payload.
    pub(crate) fn announce(&mut self, summary: &Summary, date: &str, audience: Audience) -> u64 {
        let entry = Entry::Summary {
            series: summary.series,
            revision: summary.revision,
            date: day(date),
            audience,
        };
        self.leaf(summary.member.as_str(), &entry)
    }

    pub(crate) fn status(&mut self, who: &str, series: &str, status: Status, date: &str) -> u64 {
        let entry = Entry::Status {
            series: series.parse().expect("a series"),
            status,
            date: day(date),
        };
        self.leaf(who, &entry)
    }

    pub(crate) fn recall(&mut self, who: &str, index: u64) {
        self.leaf(who, &Entry::Recall { index });
    }

    fn leaf(&mut self, who: &str, entry: &Entry) -> u64 {
        let who: MemberId = who.parse().expect("a member id");
        let next = self.next.entry(who.clone()).or_insert(0);
        let index = *next;
        *next += 1;
        self.columns
            .ingest(&who, index, entry, None)
            .expect("leaves come in order");
        index
    }

    /// Makes the next revision of a series in the shape the plan gives it.
    pub(crate) fn summary(&mut self, who: &str, series: &str, sets: &[Set<'_>]) -> Summary {
        let series: Series = series.parse().expect("a series");
        let mut summary = self.blank(who, series);
        for (id, codes, figure) in sets {
            let table = summary.tables.iter_mut().find(|table| table.id == *id);
            let table = table.unwrap_or_else(|| panic!("{who} has no table {id} in {series}"));
            let at = index_of(&table.axes, codes).expect("codes of the table");
            table.cells[at].figure = *figure;
        }
        summary
    }

    /// Makes the next revision of a series with nothing in it.
    pub(crate) fn blank(&mut self, who: &str, series: Series) -> Summary {
        let policy = &self.consortium.policy;
        let members = &self.consortium.members;
        let member = members.iter().find(|m| m.id.as_str() == who);
        let member = member.expect("a member");
        let tables = policy
            .tables(series.kind, series.period.grain(), member.size)
            .map(|table| {
                let axes = policy.axes(table, &member.countries);
                let figure = match table.measure {
                    _ if table.personal => between(0, 9),
                    // Some may have joined others' trainings, so that nobody is known to be none.
                    Measure::ActivitiesJoined if series.kind == Kind::Training => Figure::Absent,
                    _ => exact(0),
                };
                let cell = Cell {
                    figure,
                    uncounted: 0,
                };
                Table {
                    id: table.id.clone(),
                    measure: table.measure,
                    cells: vec![cell; cell_count(&axes)],
                    axes,
                }
            })
            .collect();
        let key = (member.id.clone(), series);
        let revision = self.revisions.entry(key).or_insert(0);
        *revision += 1;
        Summary {
            member: member.id.clone(),
            series,
            revision: *revision,
            charter_version: 1,
            tables,
            statements: Vec::new(),
        }
    }

    /// Asks as on the command line: `training activities by=topic,period from=2018 partial`.
    pub(crate) fn ask(&self, text: &str) -> Result<wire::QueryResponse, ReportError> {
        query(&self.columns, &self.consortium, &self.asker, &request(text))
    }

    /// Returns the rows of an answer as `group value lower..upper`, or the error's code.
    #[track_caller]
    pub(crate) fn check(&self, text: &str, expected: &[&str]) {
        let rows = match self.ask(text) {
            Ok(answer) => {
                let by = answer.query.expect("the query").by;
                answer.rows.iter().map(|row| spell(&by, row)).collect()
            }
            Err(error) => vec![format!("{}: {error}", error.code())],
        };
        let shown: Vec<&str> = rows.iter().map(String::as_str).collect();
        let code = |text: &str| text.split(':').next().map(str::to_owned);
        if let ([one], [row]) = (expected, &shown[..])
            && code(one) == code(row)
            && row.contains(one.split(": ").nth(1).unwrap_or_default())
        {
            return;
        }
        assert_eq!(shown, expected, "{text}");
    }
}

/// Spells a row: its group, its bounds, and who is in it.
pub(crate) fn spell(by: &[String], row: &wire::Row) -> String {
    let mut words: Vec<&str> = by.iter().map(|name| row.group[name].as_str()).collect();
    let bounds = match (row.value, row.upper) {
        (Some(value), _) => {
            assert_eq!((row.lower, row.upper), (value, Some(value)));
            value.to_string()
        }
        (None, Some(upper)) => format!("{}..{upper}", row.lower),
        (None, None) => format!("{}..", row.lower),
    };
    words.push(&bounds);
    words.extend(row.members.iter().map(String::as_str));
    words.join(" ")
}

pub(crate) fn request(text: &str) -> wire::QueryRequest {
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or_default().to_owned();
    let mut request = wire::QueryRequest {
        kind: next(),
        measure: next(),
        ..Default::default()
    };
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    for word in words {
        match word.split_once('=') {
            Some(("by", names)) => request.by = list(names),
            Some(("from", period)) => period.clone_into(&mut request.from),
            Some(("to", period)) => period.clone_into(&mut request.to),
            Some(("in", period)) => {
                period.clone_into(&mut request.from);
                period.clone_into(&mut request.to);
            }
            Some(("grain", grain)) => grain.clone_into(&mut request.grain),
            Some(("members", names)) => request.members = list(names),
            Some(("at", date)) => date.clone_into(&mut request.at),
            Some((dimension, codes)) => request.r#where.push(wire::Filter {
                dimension: dimension.to_owned(),
                codes: list(codes),
            }),
            None if word == "partial" => request.allow_partial = true,
            None => panic!("{word} means nothing"),
        }
    }
    request
}

pub(crate) fn member(id: &str, size: Size, countries: &[&str]) -> Member {
    Member {
        id: id.parse().expect("a member id"),
        name: id.to_uppercase(),
        size,
        countries: countries.iter().map(|c| (*c).to_owned()).collect(),
        relay: false,
        joined: None,
        left: None,
    }
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().expect("a date")
}
