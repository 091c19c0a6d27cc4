//! `report` and `coverage`.

use serde::Serialize;

use super::args;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, TextReply};
use crate::model::{Grain, Kind, MemberId};
use crate::report::render;
use crate::wire;

/// How an answer is written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For eyes
    Table,
    /// For spreadsheets
    Csv,
    /// For programs
    Json,
}

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Kind of record.
    #[arg(help = super::args::KIND_HELP)]
    kind: Kind,
    /// What is counted, such as activities, attendances or people
    #[arg(long, value_name = "M")]
    measure: String,
    /// What to split by: member, period, and dimensions such as topic, separated by commas
    #[arg(long, value_name = "D,…", value_delimiter = ',')]
    by: Vec<String>,
    /// First period
    #[arg(long, value_name = "P", value_parser = args::period)]
    from: Option<String>,
    /// Last period
    #[arg(long, value_name = "P", value_parser = args::period)]
    to: Option<String>,
    /// month, quarter, year or fy; the finest in the plan if not said
    #[arg(long)]
    grain: Option<Grain>,
    /// Only these members
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    member: Vec<MemberId>,
    /// Only cells with this code of a dimension; again for more codes
    #[arg(long = "where", value_name = "D=CODE", num_args = 1.., value_parser = args::pair)]
    filters: Vec<(String, String)>,
    /// As of this date instead of today
    #[arg(long, value_name = "DATE", value_parser = args::date)]
    at: Option<String>,
    /// Answer although members are missing
    #[arg(long)]
    allow_partial: bool,
    /// List every summary behind a row, not only the first hundred
    #[arg(long)]
    provenance: bool,
    /// How the answer is written
    #[arg(long, default_value = "table")]
    format: Format,
}

/// Arguments of `coverage`.
#[derive(Debug, clap::Args)]
pub(super) struct CoverageArgs {
    /// First period; its length is the one asked about
    #[arg(long, value_name = "P", value_parser = args::period)]
    from: String,
    /// Last period
    #[arg(long, value_name = "P", value_parser = args::period)]
    to: String,
    /// Only this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// How the answer is written
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) async fn run<H: Host>(
    args: ReportArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let format = args.format;
    let request = args.into_request();
    let answer = context
        .with_node(Plane::Public, async |node| node.query(request).await)
        .await?;
    match format {
        Format::Csv => context.answer(&TextReply {
            text: render::csv::report(&answer),
        }),
        Format::Json => context.as_json().answer(&QueryReply(answer)),
        Format::Table => context.answer(&QueryReply(answer)),
    }
}

pub(super) async fn run_coverage<H: Host>(
    args: CoverageArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let format = args.format;
    let request = wire::CoverageRequest {
        from: args.from,
        to: args.to,
        kind: args.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        ..wire::CoverageRequest::default()
    };
    let coverage = context
        .with_node(Plane::Public, async |node| node.coverage(request).await)
        .await?;
    match format {
        Format::Csv => context.answer(&TextReply {
            text: render::csv::coverage(&coverage),
        }),
        Format::Json => context.as_json().answer(&CoverageReply(coverage)),
        Format::Table => context.answer(&CoverageReply(coverage)),
    }
}

impl ReportArgs {
    fn into_request(self) -> wire::QueryRequest {
        wire::QueryRequest {
            kind: self.kind.to_string(),
            measure: self.measure,
            by: self.by,
            from: self.from.unwrap_or_default(),
            to: self.to.unwrap_or_default(),
            grain: self
                .grain
                .map(|grain| grain.to_string())
                .unwrap_or_default(),
            members: self.member.iter().map(ToString::to_string).collect(),
            r#where: filters(self.filters),
            at: self.at.unwrap_or_default(),
            allow_partial: self.allow_partial,
            provenance: self.provenance,
        }
    }
}

/// Gathers the codes of each dimension: codes of one are alternatives, dimensions narrow.
fn filters(pairs: Vec<(String, String)>) -> Vec<wire::Filter> {
    let mut filters: Vec<wire::Filter> = Vec::new();
    for (dimension, code) in pairs {
        match filters
            .iter_mut()
            .find(|filter| filter.dimension == dimension)
        {
            Some(filter) => filter.codes.push(code),
            None => filters.push(wire::Filter {
                dimension,
                codes: vec![code],
            }),
        }
    }
    filters
}

/// An answer to a query.
#[derive(Debug)]
pub(super) struct QueryReply(pub(super) wire::QueryResponse);

impl Serialize for QueryReply {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        render::json::report(&self.0).serialize(to)
    }
}

impl Reply for QueryReply {
    fn human(&self) -> String {
        render::text::report(&self.0)
    }
}

/// Who was expected to report, and did.
#[derive(Debug)]
struct CoverageReply(wire::CoverageResponse);

impl Serialize for CoverageReply {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        render::json::coverage(&self.0).serialize(to)
    }
}

impl Reply for CoverageReply {
    fn human(&self) -> String {
        render::text::coverage(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_dimension_are_alternatives() {
        let pair = |dimension: &str, code: &str| (dimension.to_owned(), code.to_owned());
        let filters = filters(vec![
            pair("topic", "accounting"),
            pair("country", "TH"),
            pair("topic", "auditing"),
        ]);
        assert_eq!(filters.len(), 2);
        assert_eq!(filters[0].codes, ["accounting", "auditing"]);
    }
}
