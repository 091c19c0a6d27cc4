//! Random small books against plain loops over summaries.

use std::collections::BTreeMap;

use counterfoil::charter::policy::Audience;
use counterfoil::charter::{Size, TableSpec};
use counterfoil::model::measure::Adds;
use counterfoil::model::table::codes_at;
use counterfoil::model::{Dimension, Figure, Grain, Kind, Measure, Period, Series, Summary};
use counterfoil::report::{Consortium, Member, Status};
use counterfoil::wire;
use jiff::civil::Date;
use proptest::prelude::*;

use super::book::{Book, day, member, spell};

const QUARTERS: &[&str] = &["2017Q4", "2018Q1", "2018Q2", "2018Q3", "2018Q4"];
const YEARS: &[&str] = &["2017", "2018"];
const WHO: &[&str] = &["inpud", "anpud", "eurasia"];

/// What a member does next.
#[derive(Clone, Debug)]
enum Act {
    Publish { seed: u64, held: bool },
    Say(Status),
    RecallLast,
}

#[derive(Clone, Debug)]
struct Deed {
    who: usize,
    grain: Grain,
    period: usize,
    days: i16,
    act: Act,
}

/// A word as a reader of the logs would note it down.
#[derive(Clone, Debug)]
struct Noted {
    who: usize,
    series: Series,
    date: Date,
    leaf: u64,
    said: Option<Status>,
    /// `None` where the payload is not here.
    summary: Option<Summary>,
    recalled: bool,
}

#[derive(Clone, Debug)]
struct Question {
    kind: Kind,
    measure: Measure,
    by: Vec<String>,
    filters: BTreeMap<Dimension, Vec<String>>,
    grain: Grain,
    ends: (usize, usize),
    members: Vec<bool>,
    at: i16,
}

fn deeds() -> impl Strategy<Value = Deed> {
    let act = prop_oneof![
        6 => (any::<u64>(), prop::bool::weighted(0.9))
            .prop_map(|(seed, held)| Act::Publish { seed, held }),
        1 => prop::sample::select(Status::ALL).prop_map(Act::Say),
        1 => Just(Act::RecallLast),
    ];
    let grain = prop::sample::select(&[Grain::Quarter, Grain::Quarter, Grain::Year][..]);
    (0..WHO.len(), grain, 0usize..5, 0i16..800, act).prop_map(|(who, grain, period, days, act)| {
        Deed {
            who,
            grain,
            period,
            days,
            act,
        }
    })
}

prop_compose! {
    fn questions()(
        kind in prop::sample::select(Kind::ALL),
        measure in any::<prop::sample::Index>(),
        table in any::<prop::sample::Index>(),
        kept in proptest::collection::vec(prop::bool::weighted(0.6), 3),
        filtered in proptest::collection::vec(prop::bool::weighted(0.3), 3),
        codes in proptest::collection::vec(any::<prop::sample::Index>(), 1..3),
        split in (any::<bool>(), any::<bool>(), any::<bool>()),
        grain in prop::sample::select(&[Grain::Quarter, Grain::Year][..]),
        ends in (0usize..5, 0usize..5),
        members in proptest::collection::vec(prop::bool::weighted(0.8), WHO.len()),
        at in 100i16..800,
    ) -> Question {
        let consortium = book().consortium;
        let measures = Measure::of(kind);
        let measure = measures[measure.index(measures.len())];
        let tables: Vec<&TableSpec> = consortium
            .policy
            .table
            .iter()
            .filter(|spec| (spec.kind, spec.measure) == (kind, measure))
            .collect();
        let dimensions = if tables.is_empty() {
            Vec::new()
        } else {
            tables[table.index(tables.len())].by.clone()
        };
        let countries: Vec<String> = ["TH", "GB", "VN", "UA"].map(str::to_owned).into();
        let mut by: Vec<String> = Vec::new();
        let mut filters = BTreeMap::new();
        for (nth, dimension) in dimensions.iter().enumerate() {
            if kept[nth] {
                by.push(dimension.to_string());
            }
            if filtered[nth] {
                let all = consortium.policy.codes_along(*dimension, &countries);
                let mut some: Vec<String> =
                    codes.iter().map(|code| all[code.index(all.len())].clone()).collect();
                some.dedup();
                filters.insert(*dimension, some);
            }
        }
        let (by_member, by_period, first) = split;
        for (wanted, name) in [(by_member, "member"), (by_period, "period")] {
            if wanted {
                let at = if first { 0 } else { by.len() };
                by.insert(at, name.to_owned());
            }
        }
        let ends = match grain {
            Grain::Quarter => (ends.0.min(ends.1), ends.0.max(ends.1)),
            _ => (ends.0 % 2, (ends.0 % 2).max(ends.1 % 2)),
        };
        Question { kind, measure, by, filters, grain, ends, members, at }
    }
}

fn book() -> Book {
    Book::of(vec![
        member("inpud", Size::Large, &["TH", "GB"]),
        member("anpud", Size::Medium, &["VN", "TH"]),
        member("eurasia", Size::Small, &["UA"]),
    ])
}

fn spells(grain: Grain) -> &'static [&'static str] {
    match grain {
        Grain::Quarter => QUARTERS,
        _ => YEARS,
    }
}

/// Does the deeds, and notes them down on the side.
fn act_out(book: &mut Book, kind: Kind, deeds: &[Deed]) -> Vec<Noted> {
    let mut noted: Vec<Noted> = Vec::new();
    for deed in deeds {
        let names = spells(deed.grain);
        let series: Series = format!("{kind}/{}", names[deed.period % names.len()])
            .parse()
            .expect("a series");
        let date = day("2017-12-01") + jiff::Span::new().days(deed.days);
        let who = WHO[deed.who];
        let (leaf, said, summary) = match &deed.act {
            Act::Publish { seed, held } => {
                let mut summary = book.blank(who, series);
                scribble(&mut summary, *seed);
                let leaf = book.announce(&summary, &date.to_string(), Audience::Everybody);
                if *held {
                    book.columns
                        .ingest_payload(&summary.member, leaf, &summary)
                        .expect("its payload");
                }
                (leaf, None, held.then_some(summary))
            }
            Act::Say(status) => {
                let leaf = book.status(who, &series.to_string(), *status, &date.to_string());
                (leaf, Some(*status), None)
            }
            Act::RecallLast => {
                let mine = |note: &&mut Noted| note.who == deed.who && note.series == series;
                if let Some(last) = noted.iter_mut().rev().find(mine)
                    && last.said.is_none()
                {
                    book.recall(who, last.leaf);
                    last.recalled = true;
                }
                continue;
            }
        };
        noted.push(Noted {
            who: deed.who,
            series,
            date,
            leaf,
            said,
            summary,
            recalled: false,
        });
    }
    noted
}

/// Fills a summary with figures of every state.
fn scribble(summary: &mut Summary, seed: u64) {
    let mut state = seed;
    for table in &mut summary.tables {
        let networks = matches!(table.measure, Measure::StaffReach | Measure::NetworksWith);
        for cell in &mut table.cells {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let draw = i64::try_from(state >> 40).expect("24 bits");
            let value = if networks {
                draw & 1
            } else {
                (draw & 0xff) << ((draw >> 8) & 31)
            };
            cell.figure = match draw >> 18 & 15 {
                0 => Figure::Absent,
                1 | 2 => Figure::Interval {
                    lower: value,
                    upper: if networks { 1 } else { value + 9 },
                },
                _ => Figure::Exact(value),
            };
            cell.uncounted = if draw >> 22 == 3 { 2 } else { 0 };
        }
    }
}

/// Whether the cells along a dimension add up to the cell without it.
fn adds_up(question: &Question, dimension: Dimension) -> bool {
    let one = question
        .filters
        .get(&dimension)
        .is_some_and(|codes| codes.len() == 1);
    let persons = [
        Dimension::Gender,
        Dimension::Gender3,
        Dimension::AgeBand,
        Dimension::Age2,
    ];
    one || match question.measure {
        Measure::StaffReach | Measure::NetworksWith => true,
        Measure::People => persons.contains(&dimension),
        Measure::Budget | Measure::Spent => dimension != Dimension::Currency,
        _ => dimension != Dimension::Topic,
    }
}

fn choose<'a>(consortium: &'a Consortium, question: &Question) -> Option<&'a TableSpec> {
    let grouped = |d: &Dimension| question.by.contains(&d.to_string());
    let named = |d: &Dimension| grouped(d) || question.filters.contains_key(d);
    let asked = Dimension::ALL.iter().filter(|d| named(d));
    let fits = |table: &&TableSpec| {
        (table.kind, table.measure) == (question.kind, question.measure)
            && table.period.contains(&question.grain)
            && asked.clone().all(|d| table.by.contains(d))
            && table.by.iter().all(|d| grouped(d) || adds_up(question, *d))
    };
    let tables = consortium.policy.table.iter();
    tables.filter(fits).min_by_key(|table| table.by.len())
}

struct Naive<'a> {
    consortium: &'a Consortium,
    noted: &'a [Noted],
    question: &'a Question,
    table: &'a TableSpec,
    periods: Vec<Period>,
    at: Date,
}

/// Lower bound, upper bound, exact, uncounted.
type Sum = (i64, Option<i64>, bool, u64);

impl Naive<'_> {
    fn word(&self, who: usize, period: Period) -> Option<&Noted> {
        let here =
            |note: &&Noted| note.who == who && note.series.period == period && note.date <= self.at;
        self.noted.iter().rev().find(here)
    }

    /// The word whose figures count, which for levels may be of an earlier period.
    fn source(&self, who: usize, period: Period) -> Option<&Noted> {
        let speaks =
            |note: &&Noted| note.said == Some(Status::Nil) || note.said.is_none() && !note.recalled;
        if self.question.measure.adds() != Adds::Level {
            return self.word(who, period).filter(speaks);
        }
        let names = spells(self.question.grain).iter().rev();
        let earlier = names.map(|name| name.parse::<Period>().expect("a period"));
        let words: Vec<&Noted> = earlier
            .filter(|earlier| *earlier <= period)
            .filter_map(|period| self.word(who, period).filter(speaks))
            .collect();
        let summary = words.iter().find(|note| note.said.is_none());
        summary.or_else(|| words.first()).copied()
    }

    fn publishes(&self, who: usize) -> bool {
        self.table
            .sizes
            .contains(&self.consortium.members[who].size)
    }

    /// Whether the figure is here.
    fn is_here(&self, who: usize, period: Period) -> bool {
        self.source(who, period).is_some_and(|note| {
            note.said.is_some() && self.publishes(who)
                || note
                    .summary
                    .as_ref()
                    .is_some_and(|s| s.tables.iter().any(|t| t.id == self.table.id))
        })
    }

    fn is_lacking(&self, who: usize, period: Period) -> bool {
        if !self.publishes(who) {
            return false;
        }
        let since = self.consortium.since.first_day();
        let expected = period.first_day() >= since && self.at > period.last_day();
        match self.word(who, period) {
            None => expected,
            Some(note) => match note.said {
                Some(Status::Nil) => false,
                Some(_) => true,
                None => note.recalled || !self.is_here(who, period),
            },
        }
    }

    /// The sum of one member's cells in a group, and whether it has such cells.
    fn of_member(&self, who: usize, period: Period, group: &BTreeMap<&str, &str>) -> Option<Sum> {
        let note = self.source(who, period)?;
        if !self.is_here(who, period) {
            return None;
        }
        let policy = &self.consortium.policy;
        let axes = policy.axes(self.table, &self.consortium.members[who].countries);
        let cells = axes.iter().map(|axis| axis.codes.len()).product();
        let in_group = |at: &usize| {
            axes.iter().zip(codes_at(&axes, *at)).all(|(axis, code)| {
                let grouped = group.get(axis.dimension.as_str());
                let filter = self.question.filters.get(&axis.dimension);
                grouped.is_none_or(|wanted| *wanted == code)
                    && filter.is_none_or(|codes| codes.iter().any(|c| c == code))
            })
        };
        let members: Vec<usize> = (0..cells).filter(in_group).collect();
        if members.is_empty() {
            return None;
        }
        if note.said.is_some() {
            return Some(if self.table.personal {
                (0, Some(9), false, 0)
            } else {
                (0, Some(0), true, 0)
            });
        }
        let summary = note.summary.as_ref()?;
        let table = summary.tables.iter().find(|t| t.id == self.table.id)?;
        let figures = || members.iter().map(|at| table.cells[*at].figure);
        let lowers = figures().map(Figure::lower);
        let uppers = figures().map(Figure::upper).collect::<Option<Vec<i64>>>();
        let networks = matches!(
            self.question.measure,
            Measure::StaffReach | Measure::NetworksWith
        );
        let (lower, upper) = if networks {
            let upper = uppers.map(|uppers| uppers.into_iter().max().unwrap_or(0));
            (lowers.max().unwrap_or(0), upper)
        } else {
            (lowers.sum(), uppers.map(|uppers| uppers.iter().sum()))
        };
        let exact = figures().all(|figure| figure.value().is_some());
        let uncounted = members
            .iter()
            .map(|at| u64::from(table.cells[*at].uncounted))
            .sum();
        Some((lower, upper, exact, uncounted))
    }

    fn row(&self, whos: &[usize], periods: &[Period], group: &BTreeMap<&str, &str>) -> String {
        let mut inside: Vec<&str> = Vec::new();
        let mut sums: Vec<Sum> = Vec::new();
        let mut refs = 0;
        for who in whos {
            let mine: Vec<Sum> = periods
                .iter()
                .filter_map(|period| self.of_member(*who, *period, group))
                .collect();
            if mine.is_empty() {
                continue;
            }
            inside.push(WHO[*who]);
            refs += mine.len();
            let gap = periods
                .iter()
                .any(|p| self.is_lacking(*who, *p) && !self.is_here(*who, *p));
            sums.extend(mine);
            if gap {
                sums.push((0, None, false, 0));
            }
        }
        let distinct = self.question.measure == Measure::People;
        let lowers = sums.iter().map(|sum| sum.0);
        let lower = if distinct {
            lowers.max().unwrap_or(0)
        } else {
            lowers.sum()
        };
        let upper: Option<i64> = sums.iter().map(|sum| sum.1).sum::<Option<i64>>();
        let upper = upper.filter(|_| !inside.is_empty());
        let exact =
            !inside.is_empty() && sums.iter().all(|sum| sum.2) && !(distinct && inside.len() > 1);
        let uncounted: u64 = sums.iter().map(|sum| sum.3).sum();
        let bounds = match (exact, upper) {
            (true, _) => lower.to_string(),
            (false, Some(upper)) => format!("{lower}..{upper}"),
            (false, None) => format!("{lower}.."),
        };
        let mut words: Vec<&str> = self
            .question
            .by
            .iter()
            .map(|name| group[name.as_str()])
            .collect();
        words.push(&bounds);
        words.extend(inside);
        format!("{} uncounted {uncounted} from {refs}", words.join(" "))
    }

    fn rows(&self, whos: &[usize]) -> Vec<String> {
        let level = self.question.measure.adds() == Adds::Level;
        let by_period = self.question.by.iter().any(|name| name == "period");
        let by_member = self.question.by.iter().any(|name| name == "member");
        let needed = if level && !by_period {
            &self.periods[self.periods.len() - 1..]
        } else {
            &self.periods[..]
        };
        let period_names: Vec<String> = needed.iter().map(Period::to_string).collect();
        let mut groups: Vec<BTreeMap<&str, &str>> = vec![BTreeMap::new()];
        let codes = self.codes();
        for name in &self.question.by {
            let along: Vec<&str> = match name.as_str() {
                "member" => whos.iter().map(|who| WHO[*who]).collect(),
                "period" => period_names.iter().map(String::as_str).collect(),
                dimension => codes[dimension].iter().map(String::as_str).collect(),
            };
            groups = groups
                .into_iter()
                .flat_map(|group| {
                    along.iter().map(move |code| {
                        let mut group = group.clone();
                        group.insert(name.as_str(), *code);
                        group
                    })
                })
                .collect();
        }
        let mut rows = Vec::new();
        for group in &groups {
            let of: Vec<usize> = whos
                .iter()
                .copied()
                .filter(|who| !by_member || group["member"] == WHO[*who])
                .collect();
            let when: Vec<Period> = needed
                .iter()
                .copied()
                .filter(|period| !by_period || group["period"] == period.to_string())
                .collect();
            if of.iter().any(|who| self.is_plan_cell(*who, group)) {
                rows.push(self.row(&of, &when, group));
            }
        }
        rows
    }

    fn is_plan_cell(&self, who: usize, group: &BTreeMap<&str, &str>) -> bool {
        let policy = &self.consortium.policy;
        let axes = policy.axes(self.table, &self.consortium.members[who].countries);
        axes.iter().all(|axis| {
            let filter = self.question.filters.get(&axis.dimension);
            axis.codes.iter().any(|code| {
                let grouped = group.get(axis.dimension.as_str());
                grouped.is_none_or(|wanted| *wanted == code)
                    && filter.is_none_or(|codes| codes.contains(code))
            })
        })
    }

    /// Codes along each dimension, over the members asked about.
    fn codes(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for dimension in &self.table.by {
            let mut countries: Vec<String> = Vec::new();
            for who in asked(self.question) {
                for country in &self.consortium.members[who].countries {
                    if !countries.contains(country) {
                        countries.push(country.clone());
                    }
                }
            }
            let mut codes = self.consortium.policy.codes_along(*dimension, &countries);
            if let Some(filter) = self.question.filters.get(dimension) {
                codes.retain(|code| filter.contains(code));
            }
            all.insert(dimension.to_string(), codes);
        }
        all
    }
}

fn asked(question: &Question) -> Vec<usize> {
    let some: Vec<usize> = (0..WHO.len())
        .filter(|who| question.members[*who])
        .collect();
    if some.is_empty() {
        (0..WHO.len()).collect()
    } else {
        some
    }
}

fn request(question: &Question, partial: bool) -> wire::QueryRequest {
    let names = spells(question.grain);
    let members: Vec<String> = asked(question)
        .iter()
        .map(|who| WHO[*who].to_owned())
        .collect();
    let at = day("2017-12-01") + jiff::Span::new().days(question.at);
    let filters = question.filters.iter();
    wire::QueryRequest {
        kind: question.kind.to_string(),
        measure: question.measure.to_string(),
        by: question.by.clone(),
        from: names[question.ends.0].to_owned(),
        to: names[question.ends.1].to_owned(),
        grain: question.grain.to_string(),
        members,
        r#where: filters
            .map(|(dimension, codes)| wire::Filter {
                dimension: dimension.to_string(),
                codes: codes.clone(),
            })
            .collect(),
        at: at.to_string(),
        allow_partial: partial,
        provenance: true,
    }
}

fn ask(book: &Book, question: &Question, partial: bool) -> Result<Vec<String>, &'static str> {
    let request = request(question, partial);
    let answer = counterfoil::report::query(&book.columns, &book.consortium, &book.asker, &request)
        .map_err(|error| error.code())?;
    let rows = answer.rows.iter().map(|row| {
        assert_eq!(row.summaries.len() as u64, row.summaries_total);
        let (uncounted, total) = (row.uncounted, row.summaries_total);
        format!(
            "{} uncounted {uncounted} from {total}",
            spell(&question.by, row)
        )
    });
    Ok(rows.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_plain_loops(
        deeds in proptest::collection::vec(deeds(), 0..30),
        question in questions(),
    ) {
        let mut book = book();
        let noted = act_out(&mut book, question.kind, &deeds);
        let shown = ask(&book, &question, true);
        let by_currency = question.by.iter().any(|name| name == "currency")
            || question.filters.get(&Dimension::Currency).is_some_and(|codes| codes.len() == 1);
        if question.measure.adds() == Adds::Magnitude && !by_currency {
            prop_assert_eq!(shown, Err("currency_needed"));
            return Ok(());
        }
        let Some(table) = choose(&book.consortium, &question) else {
            prop_assert_eq!(shown, Err("no_such_table"));
            return Ok(());
        };
        let names = &spells(question.grain)[question.ends.0..=question.ends.1];
        let by_period = question.by.iter().any(|name| name == "period");
        if question.measure == Measure::People && names.len() > 1 && !by_period {
            prop_assert_eq!(shown, Err("distinct_over_periods"));
            return Ok(());
        }
        let naive = Naive {
            consortium: &book.consortium,
            noted: &noted,
            question: &question,
            table,
            periods: names.iter().map(|name| name.parse().expect("a period")).collect(),
            at: day("2017-12-01") + jiff::Span::new().days(question.at),
        };
        let whos = asked(&question);
        let countries: Vec<&Member> = whos.iter().map(|who| &book.consortium.members[*who]).collect();
        let unknown = question.filters.get(&Dimension::Country).is_some_and(|codes| {
            codes.iter().any(|code| {
                code.len() == 2 && !countries.iter().any(|m| m.countries.contains(code))
            })
        });
        if unknown {
            prop_assert_eq!(shown, Err("unknown_code"));
            return Ok(());
        }
        let expected = naive.rows(&whos);
        prop_assert_eq!(shown, Ok(expected));
        let level = question.measure.adds() == Adds::Level && !by_period;
        let needed = if level { &naive.periods[naive.periods.len() - 1..] } else { &naive.periods };
        let lacking = whos.iter().any(|who| needed.iter().any(|p| naive.is_lacking(*who, *p)));
        prop_assert_eq!(ask(&book, &question, false).err(), lacking.then_some("partial"));
    }
}
