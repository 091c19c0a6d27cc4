//! `audit`: how far anybody can bound what a member ever published.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, count, printable, table};
use crate::model::MemberId;
use crate::wire;

/// Arguments of `audit`.
#[derive(Debug, clap::Args)]
pub(super) struct AuditArgs {
    /// The member whose log is looked at; this node's own if not said
    #[arg(long, value_name = "ID")]
    member: Option<MemberId>,
}

pub(super) async fn run<H: Host>(args: AuditArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let request = wire::AuditRequest {
        member: args.member.map(|id| id.to_string()).unwrap_or_default(),
    };
    let audit = context
        .with_node(Plane::Public, async |node| node.audit(request).await)
        .await?;
    context.answer(&AuditReply::from(audit))
}

/// How far what a member published can be bounded.
#[derive(Debug, Serialize)]
struct AuditReply {
    member: String,
    functionals: u64,
    worst: Vec<Sum>,
    disclosed: Vec<Sum>,
}

#[derive(Debug, Serialize)]
struct Sum {
    kind: String,
    table: String,
    period: String,
    what: String,
    dims: BTreeMap<String, String>,
    minus: Option<Minus>,
    lower: Option<i64>,
    upper: Option<i64>,
    leaves: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Minus {
    table: String,
    dims: BTreeMap<String, String>,
}

impl From<wire::AuditResponse> for AuditReply {
    fn from(audit: wire::AuditResponse) -> Self {
        let sums = |sums: Vec<wire::AuditSum>| sums.into_iter().map(Sum::from).collect();
        Self {
            member: audit.member,
            functionals: audit.functionals,
            worst: sums(audit.worst),
            disclosed: sums(audit.disclosed),
        }
    }
}

impl From<wire::AuditSum> for Sum {
    fn from(sum: wire::AuditSum) -> Self {
        Self {
            kind: sum.kind,
            table: sum.table,
            period: sum.period,
            what: sum.what,
            dims: sum.dims,
            minus: sum.minus.map(|minus| Minus {
                table: minus.table,
                dims: minus.dims,
            }),
            lower: sum.lower,
            upper: sum.upper,
            leaves: sum.leaves,
        }
    }
}

impl Reply for AuditReply {
    fn human(&self) -> String {
        let looked = count(self.functionals, "sum", "sums");
        let who = printable(&self.member);
        if self.functionals == 0 {
            return format!("Nothing about persons that {who} published is here.\n");
        }
        let mut text = if self.disclosed.is_empty() {
            format!(
                "Nothing that {who} ever published lets anybody be told apart: {looked} looked at.\n"
            )
        } else {
            format!(
                "What {who} published tells more of few persons than the charter allows: \
                 {} of {looked}.\n\n{}",
                self.disclosed.len(),
                lines(&self.disclosed)
            )
        };
        if !self.worst.is_empty() {
            let _infallible = write!(
                text,
                "\nThe tightest of what stays hidden:\n{}",
                lines(&self.worst)
            );
        }
        text
    }

    fn is_done(&self) -> bool {
        self.disclosed.is_empty()
    }
}

fn lines(sums: &[Sum]) -> String {
    let rows: Vec<[String; 4]> = sums.iter().map(Sum::line).collect();
    table(["table", "period", "sum", "can be"], &rows)
}

impl Sum {
    fn line(&self) -> [String; 4] {
        [
            self.table.clone(),
            self.period.clone(),
            self.words(),
            range(self.lower, self.upper),
        ]
    }

    fn words(&self) -> String {
        let all = codes(&self.dims);
        let minus = || {
            let minus = self.minus.as_ref();
            minus.map_or_else(String::new, |minus| codes(&minus.dims))
        };
        let other = || self.minus.as_ref().map_or("", |minus| minus.table.as_str());
        match self.what.as_str() {
            "rest" => format!("{all} without {}", minus()),
            "beside" => format!("{all}, more than in {}", other()),
            "difference" => format!("{all} without {} of {}", minus(), other()),
            "change" => match self.leaves[..] {
                [before, after] => format!("{all}, changed from leaf {before} to {after}"),
                _ => format!("{all}, changed"),
            },
            _ => all,
        }
    }
}

fn codes(dims: &BTreeMap<String, String>) -> String {
    if dims.is_empty() {
        return "all".to_owned();
    }
    let codes: Vec<&str> = dims.values().map(String::as_str).collect();
    codes.join(", ")
}

fn range(lower: Option<i64>, upper: Option<i64>) -> String {
    match (lower, upper) {
        (Some(lower), Some(upper)) if lower == upper => format!("{lower} only"),
        (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (Some(lower), None) => format!("{lower} or more"),
        (None, Some(upper)) => format!("{upper} or less"),
        (None, None) => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(what: &str, lower: i64, upper: i64) -> wire::AuditSum {
        let dims = |code: &str| BTreeMap::from([("gender3".to_owned(), code.to_owned())]);
        wire::AuditSum {
            kind: "training".to_owned(),
            table: "training.attendances.by_gender3".to_owned(),
            period: "2018".to_owned(),
            what: what.to_owned(),
            dims: match what {
                "rest" => BTreeMap::new(),
                _ => dims("men"),
            },
            minus: (what == "rest").then(|| wire::AuditCell {
                table: String::new(),
                dims: dims("women"),
            }),
            lower: Some(lower),
            upper: Some(upper),
            leaves: vec![2],
        }
    }

    #[test]
    fn an_audit_is_told_in_words() {
        let audit = |disclosed| {
            AuditReply::from(wire::AuditResponse {
                member: "inpud".to_owned(),
                functionals: 412,
                worst: vec![sum("cell", 0, 9)],
                disclosed,
            })
        };
        let (safe, told) = (audit(vec![]), audit(vec![sum("rest", 1, 1)]));
        assert!(safe.is_done() && !told.is_done());
        let text = safe.human();
        assert!(
            text.starts_with(
                "Nothing that inpud ever published lets anybody be told apart: 412 sums looked at.\n"
            ),
            "{text}"
        );
        assert!(text.contains("men") && text.contains("0 to 9"), "{text}");
        let text = told.human();
        assert!(text.contains("1 of 412 sums."), "{text}");
        assert!(text.contains("all without women"), "{text}");
        assert!(text.contains("1 only"), "{text}");
    }
}
