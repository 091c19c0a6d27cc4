//! `record retention`, `record holdings`: whose time is over, and what is held about people.

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, count, table};
use crate::model::Kind;
use crate::wire;

/// Arguments of `record retention`.
#[derive(Debug, clap::Args)]
pub(super) struct RetentionArgs {
    /// Only of this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// Only say how many rows would go
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `record holdings`.
#[derive(Debug, clap::Args)]
pub(super) struct HoldingsArgs {
    /// Only of this kind
    #[arg(long)]
    kind: Option<Kind>,
}

fn named(kind: Option<Kind>) -> String {
    kind.map(|kind| kind.to_string()).unwrap_or_default()
}

pub(super) async fn retention<H: Host>(
    args: RetentionArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let dry_run = args.dry_run;
    let request = wire::RetainRequest {
        kind: named(args.kind),
        dry_run,
    };
    let gone = context
        .with_node(Plane::Private, async |node| node.retain(request).await)
        .await?;
    let holdings: Vec<Holding> = gone.holdings.into_iter().map(Holding::from).collect();
    context.answer(&RetentionReply {
        records: gone.records,
        rows: gone.rows,
        kept: holdings
            .iter()
            .map(|holding| holding.rows - holding.due)
            .sum(),
        holdings,
        dry_run,
    })
}

pub(super) async fn holdings<H: Host>(
    args: HoldingsArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let request = wire::HoldingsRequest {
        kind: named(args.kind),
    };
    let held = context
        .with_node(Plane::Private, async |node| node.holdings(request).await)
        .await?;
    context.answer(&HoldingsReply {
        holdings: held.holdings.into_iter().map(Holding::from).collect(),
    })
}

/// What is held about persons of one kind of activity in one year.
#[derive(Debug, Serialize)]
struct Holding {
    kind: String,
    year: String,
    records: u64,
    rows: u64,
    let_go: u64,
    since: Option<String>,
    due: u64,
    keeps: Vec<Keeper>,
}

#[derive(Debug, Serialize)]
struct Keeper {
    code: String,
    rows: u64,
    until: Option<String>,
    message: String,
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<wire::Holding> for Holding {
    fn from(held: wire::Holding) -> Self {
        let keeper = |keeper: wire::Keeper| Keeper {
            code: keeper.code,
            rows: keeper.rows,
            until: given(keeper.until),
            message: keeper.message,
        };
        Self {
            kind: held.kind,
            year: held.year,
            records: held.records,
            rows: held.rows,
            let_go: held.let_go,
            since: given(held.since),
            due: held.due,
            keeps: held.keeps.into_iter().map(keeper).collect(),
        }
    }
}

impl Holding {
    fn row(&self) -> [String; 6] {
        let keeps = self.keeps.iter();
        let mut why: Vec<String> = keeps
            .map(|keeper| format!("{}: {}", keeper.rows, keeper.message))
            .collect();
        if self.due > 0 {
            why.push(format!(
                "{}: nothing; `record retention` lets them go",
                self.due
            ));
        }
        let number = |number: u64| match number {
            0 => String::new(),
            number => number.to_string(),
        };
        [
            self.kind.clone(),
            self.year.clone(),
            self.rows.to_string(),
            self.since.clone().unwrap_or_default(),
            why.join("; "),
            number(self.let_go),
        ]
    }
}

#[derive(Debug, Serialize)]
struct HoldingsReply {
    holdings: Vec<Holding>,
}

impl Reply for HoldingsReply {
    fn human(&self) -> String {
        let rows: Vec<[String; 6]> = self.holdings.iter().map(Holding::row).collect();
        let all = self.holdings.iter().map(|holding| holding.rows).sum();
        let all = count(all, "row", "rows");
        let mut text = format!("{all} about persons in the book.\n");
        if !rows.is_empty() {
            let header = ["kind", "year", "rows", "since", "what keeps them", "let go"];
            text = format!("{}\n{text}", table(header, &rows));
        }
        text.push_str(
            "A person stands there as a code, with what a list says of them. Titles and notes are \
             not looked through.\n",
        );
        text
    }
}

#[derive(Debug, Serialize)]
struct RetentionReply {
    records: u64,
    rows: u64,
    /// Rows about persons that stay.
    kept: u64,
    /// As it stood before.
    holdings: Vec<Holding>,
    #[serde(skip)]
    dry_run: bool,
}

impl Reply for RetentionReply {
    fn human(&self) -> String {
        let rows = count(self.rows, "row", "rows");
        let records = count(self.records, "record", "records");
        let kept = match self.kept {
            0 => String::new(),
            kept => format!(
                "{} about persons stay; `counterfoil record holdings` says what keeps them.\n",
                count(kept, "row", "rows")
            ),
        };
        match (self.dry_run, self.rows) {
            (_, 0) => format!("Nobody's time is over; nothing was changed.\n{kept}"),
            (true, _) => {
                format!("{rows} of {records} would be removed; nothing was changed.\n{kept}")
            }
            (false, _) => format!(
                "Removed {rows} of {records}; every count stays.\nWhat was published stays as it \
                 is, also when its period is published again.\nThe node's files are free of them \
                 once it is next opened: lock it, then unlock it.\nA sheet that still names them \
                 would bring them back: delete them there too.\n{kept}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(rows: u64, due: u64) -> Holding {
        let keeper = Keeper {
            code: "off".to_owned(),
            rows: rows - due,
            until: None,
            message: "the settings".to_owned(),
        };
        Holding {
            kind: "training".to_owned(),
            year: "2018".to_owned(),
            records: 1,
            rows,
            let_go: 0,
            since: Some("2018-02-01".to_owned()),
            due,
            keeps: if rows > due { vec![keeper] } else { Vec::new() },
        }
    }

    #[test]
    fn people_read_what_keeps_rows() {
        let text = HoldingsReply {
            holdings: vec![holding(5, 2)],
        }
        .human();
        assert!(text.contains("3: the settings; 2: nothing"), "{text}");
        assert!(text.contains("5 rows about persons"), "{text}");
    }

    #[test]
    fn a_dry_run_says_so() {
        let reply = |dry_run, rows| RetentionReply {
            records: 1,
            rows,
            kept: 1,
            holdings: Vec::new(),
            dry_run,
        };
        assert!(reply(true, 2).human().contains("would be removed"));
        assert!(reply(false, 2).human().starts_with("Removed 2 rows"));
        assert!(reply(false, 0).human().starts_with("Nobody's time"));
    }
}
