//! `record template`: an empty table, with the codes of the charter to choose from.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::files;
use super::host::Host;
use super::output::{Reply, TextReply, print_file};
use crate::model::Kind;
use crate::rpc::{Client, record_template};
use crate::wire;

/// Arguments of `record template`.
#[derive(Debug, clap::Args)]
pub(super) struct TemplateArgs {
    /// Kind of record.
    #[arg(long, help = super::args::KIND_HELP)]
    kind: Kind,
    /// A list of the kind, such as participants
    #[arg(long)]
    list: Option<String>,
    /// csv, or xlsx with drop-downs
    #[arg(long, value_enum, default_value = "csv")]
    format: TemplateFormat,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What a template is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TemplateFormat {
    /// A text.
    Csv,
    /// A spreadsheet.
    Xlsx,
}

pub(super) async fn run<H: Host>(
    args: TemplateArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let is_shown = args.out.is_none() && !context.output.json;
    if args.format == TemplateFormat::Xlsx && is_shown && std::io::stdout().is_terminal() {
        let hint = "name a file with --out, or send the output into one";
        return Err(Failure::misuse(
            "a terminal cannot show a spreadsheet",
            hint,
        ));
    }
    let request = wire::TemplateRequest {
        kind: args.kind.to_string(),
        list: args.list.unwrap_or_default(),
        xlsx: args.format == TemplateFormat::Xlsx,
    };
    let file = whole(request, context).await?;
    if let Some(out) = args.out {
        files::replace("the template", &out, &file)?;
        let file = out.display().to_string();
        return context.answer(&FileReply { file });
    }
    match args.format {
        TemplateFormat::Csv => context.answer(&TextReply {
            text: String::from_utf8_lossy(&file).into_owned(),
        }),
        TemplateFormat::Xlsx if context.output.json => context.answer(&BytesReply {
            base64: BASE64_STANDARD.encode(&file),
        }),
        TemplateFormat::Xlsx => print_file(&file).map(|()| 0),
    }
}

/// Asks the node for a template, so that the charter's codes are in it; where there is no node
/// yet, the columns are the same and the codes are those that never change.
async fn whole<H: Host>(
    request: wire::TemplateRequest,
    context: &Context<'_, H>,
) -> Result<Vec<u8>, Failure> {
    let asked = request.clone();
    let call = async |node: &Client| node.record_template(asked).await;
    match context.with_node(Plane::Public, call).await {
        Ok(response) => Ok(response.file),
        Err(failure) if failure.code == "no_node" => Ok(record_template(&request)?),
        Err(failure) => Err(failure),
    }
}

/// A file that was written.
#[derive(Debug, Serialize)]
struct FileReply {
    file: String,
}

impl Reply for FileReply {
    fn human(&self) -> String {
        format!("Written to {}.\n", super::output::printable(&self.file))
    }
}

/// A file that is no text, for programs.
#[derive(Debug, Serialize)]
struct BytesReply {
    base64: String,
}

impl Reply for BytesReply {
    fn human(&self) -> String {
        format!("{}\n", self.base64)
    }
}
