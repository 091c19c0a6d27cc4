//! The private book over the local socket.

use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::office::Office;
use super::{blocking, invalid};
use crate::model::{Kind, Period};
use crate::record::{self, CodeLists, Desk, List, Shape, Target};
use crate::release::sent::Sent;
use crate::release::{Opened, forget};
use crate::rpc::client::CallError;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::records_server::Records;
use crate::wire::{self, import_request, import_response};

/// Longest file an import takes.
const MAX_FILE: usize = 256 << 20;

/// Records in one message of a listing.
const PAGE: usize = 100;

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct RecordsService {
    office: Arc<Office>,
}

impl RecordsService {
    pub(in crate::rpc) const fn new(office: Arc<Office>) -> Self {
        Self { office }
    }

    /// Runs `work` alone with the open book.
    async fn at_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Opened, &mut Desk<'_>) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || office.at_desk(work)).await
    }
}

fn settings(given: &[wire::Setting]) -> Vec<(&str, &str)> {
    given
        .iter()
        .map(|s| (s.field.as_str(), s.value.as_str()))
        .collect()
}

fn id(text: &str) -> Result<uuid::Uuid, Status> {
    text.parse().map_err(|_| {
        invalid(format!(
            "{:?} is no record id",
            text.chars().take(60).collect::<String>()
        ))
    })
}

fn kind(text: &str) -> Result<Kind, Status> {
    text.parse().map_err(invalid)
}

fn to_wire(record: &record::Record, sent: &Sent, in_full: bool) -> wire::Record {
    let json = if in_full {
        record.to_json_in_full()
    } else {
        record.to_json()
    };
    let standing = sent.standing(record);
    wire::Record {
        sent: standing.sent,
        changed_since_sent: standing.changed_since_sent,
        id: record.id.to_string(),
        kind: record.kind.to_string(),
        fields_json: json["fields"].to_string(),
        created: record.created.to_string(),
        updated: record.updated.to_string(),
        lists_json: json["lists"].to_string(),
        warnings: record::contradictions(record),
    }
}

fn sent(opened: &Opened, kind: Option<Kind>, fy_month: i8) -> Result<Sent, Status> {
    Sent::read(&opened.store, kind, fy_month).map_err(|error| error.told())
}

#[tonic::async_trait]
impl Records for RecordsService {
    async fn add(
        &self,
        request: Request<wire::AddRecordRequest>,
    ) -> Result<Response<wire::AddRecordResponse>, Status> {
        let (request, fy_month) = (request.into_inner(), self.office.fy_month());
        self.at_desk(move |opened, desk| {
            let settings = settings(&request.settings);
            let kind = kind(&request.kind)?;
            let sent = sent(opened, Some(kind), fy_month)?;
            let added =
                record::add(&opened.store, desk, kind, &settings).map_err(|error| error.told())?;
            Ok(wire::AddRecordResponse {
                record: Some(to_wire(&added, &sent, false)),
            })
        })
        .await
    }

    async fn edit(
        &self,
        request: Request<wire::EditRecordRequest>,
    ) -> Result<Response<wire::EditRecordResponse>, Status> {
        let (request, fy_month) = (request.into_inner(), self.office.fy_month());
        self.at_desk(move |opened, desk| {
            let settings = settings(&request.settings);
            let sent = sent(opened, None, fy_month)?;
            let edited = record::edit(&opened.store, desk, id(&request.id)?, &settings)
                .map_err(|error| error.told())?;
            Ok(wire::EditRecordResponse {
                record: Some(to_wire(&edited, &sent, false)),
            })
        })
        .await
    }

    async fn delete(
        &self,
        request: Request<wire::DeleteRecordRequest>,
    ) -> Result<Response<wire::DeleteRecordResponse>, Status> {
        let (request, fy_month) = (request.into_inner(), self.office.fy_month());
        self.at_desk(move |opened, _| {
            let sent = sent(opened, None, fy_month)?;
            let deleted =
                record::delete(&opened.store, id(&request.id)?).map_err(|error| error.told())?;
            // Deleted means gone from the file too, once the plane is opened again.
            let noted = opened.store.request_rewrite();
            noted.map_err(|error| error.told())?;
            Ok(wire::DeleteRecordResponse {
                record: Some(to_wire(&deleted, &sent, false)),
            })
        })
        .await
    }

    async fn forget(
        &self,
        request: Request<wire::ForgetRequest>,
    ) -> Result<Response<wire::ForgetResponse>, Status> {
        let request = request.into_inner();
        self.at_desk(move |opened, desk| {
            let person = request.person.as_str();
            let gone = forget::forget(&opened.store, desk, person, request.dry_run)
                .map_err(|error| error.told())?;
            Ok(wire::ForgetResponse {
                records: gone.records,
                rows: gone.rows,
                mentions: gone.mentions.iter().map(ToString::to_string).collect(),
            })
        })
        .await
    }

    async fn remove_person(
        &self,
        request: Request<wire::RemovePersonRequest>,
    ) -> Result<Response<wire::RemovePersonResponse>, Status> {
        let request = request.into_inner();
        self.at_desk(move |opened, desk| {
            let list = request.list.parse::<List>().map_err(invalid)?;
            let gone = forget::remove(&opened.store, desk, id(&request.id)?, list, &request.person)
                .map_err(|error| error.told())?;
            Ok(wire::RemovePersonResponse {
                records: gone.records,
                rows: gone.rows,
            })
        })
        .await
    }

    async fn retain(
        &self,
        request: Request<wire::RetainRequest>,
    ) -> Result<Response<wire::RetainResponse>, Status> {
        let (office, request) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || office.retain(&request)).await
    }

    async fn holdings(
        &self,
        request: Request<wire::HoldingsRequest>,
    ) -> Result<Response<wire::HoldingsResponse>, Status> {
        let (office, request) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || office.holdings(&request)).await
    }

    async fn show(
        &self,
        request: Request<wire::ShowRecordRequest>,
    ) -> Result<Response<wire::ShowRecordResponse>, Status> {
        let request = request.into_inner();
        let office = Arc::clone(&self.office);
        blocking(move || {
            let opened = office.opened()?;
            let shown =
                record::show(&opened.store, id(&request.id)?).map_err(|error| error.told())?;
            let sent = sent(&opened, Some(shown.kind), office.fy_month())?;
            Ok(wire::ShowRecordResponse {
                record: Some(to_wire(&shown, &sent, true)),
            })
        })
        .await
    }

    type ListStream = ReceiverStream<Result<wire::ListRecordsResponse, Status>>;

    async fn list(
        &self,
        request: Request<wire::ListRecordsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let request = request.into_inner();
        let office = Arc::clone(&self.office);
        let asked = match request.kind.as_str() {
            "" => None,
            text => Some(kind(text)?),
        };
        let period = match request.period.as_str() {
            "" => None,
            text => Some(text.parse::<Period>().map_err(invalid)?),
        };
        let (pages, stream) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            let listed = office.opened().and_then(|opened| {
                let sent = sent(&opened, asked, office.fy_month())?;
                let records = record::list(&opened.store, asked, period);
                Ok((records.map_err(|error| error.told())?, sent))
            });
            match listed {
                Ok((records, sent)) => {
                    for page in records.chunks(PAGE) {
                        let records = page
                            .iter()
                            .map(|record| to_wire(record, &sent, false))
                            .collect();
                        if pages
                            .blocking_send(Ok(wire::ListRecordsResponse { records }))
                            .is_err()
                        {
                            return;
                        }
                    }
                }
                Err(status) => {
                    // Where nobody listens any more, nobody need be told.
                    let _ = pages.blocking_send(Err(status));
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    type ImportStream = ReceiverStream<Result<wire::ImportResponse, Status>>;

    async fn import(
        &self,
        request: Request<Streaming<wire::ImportRequest>>,
    ) -> Result<Response<Self::ImportStream>, Status> {
        let (header, file) = receive(request.into_inner()).await?;
        let office = Arc::clone(&self.office);
        let (answers, stream) = mpsc::channel(16);
        tokio::task::spawn_blocking(move || {
            let part = office.at_desk(|opened, desk| {
                let request = import_request(&opened.store, &header, &file)?;
                if header.suggest_map {
                    let text = record::suggest(desk, request).map_err(|error| error.told())?;
                    return Ok(import_response::Part::SuggestedMap(text));
                }
                let mut progress = |rows| {
                    let part = Some(import_response::Part::Rows(rows));
                    // Progress that nobody takes in time is left out.
                    let _ = answers.try_send(Ok(wire::ImportResponse { part }));
                };
                let outcome = record::import(&opened.store, desk, request, &mut progress)
                    .map_err(|error| error.told())?;
                Ok(import_response::Part::Outcome(outcome_to_wire(outcome)))
            });
            let answer = part.map(|part| wire::ImportResponse { part: Some(part) });
            // The outcome stands in the book whether or not anybody still listens.
            let _ = answers.blocking_send(answer);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn template(
        &self,
        request: Request<wire::TemplateRequest>,
    ) -> Result<Response<wire::TemplateResponse>, Status> {
        let file = template(&request.into_inner(), &self.office.code_lists())?;
        Ok(Response::new(wire::TemplateResponse { file }))
    }
}

/// Returns a template where there is no node to ask for the charter's codes.
///
/// # Errors
/// Refuses a kind or a list there is not.
pub fn record_template(request: &wire::TemplateRequest) -> Result<Vec<u8>, CallError> {
    template(request, &CodeLists::default()).map_err(CallError::from)
}

fn template(request: &wire::TemplateRequest, codes: &CodeLists) -> Result<Vec<u8>, Status> {
    let shape = template_shape(request)?;
    match request.xlsx {
        true => record::template::xlsx(shape, codes)
            .map_err(|error| Status::internal(format!("no template: {error}"))),
        false => Ok(record::template::csv(shape, codes).into_bytes()),
    }
}

fn template_shape(request: &wire::TemplateRequest) -> Result<Shape, Status> {
    let kind = kind(&request.kind)?;
    if request.list.is_empty() {
        return Ok(Shape::Kind(kind));
    }
    let list = request.list.parse::<List>().map_err(invalid)?;
    match record::schema::lists_of(kind).contains(&list) {
        true => Ok(Shape::List(list)),
        false => Err(record::RecordError::NoSuchList { kind, list }.told()),
    }
}

async fn receive(
    mut parts: Streaming<wire::ImportRequest>,
) -> Result<(wire::ImportHeader, Vec<u8>), Status> {
    let first = parts
        .next()
        .await
        .transpose()?
        .and_then(|message| message.part);
    let Some(import_request::Part::Header(header)) = first else {
        return Err(invalid("an import begins with its header"));
    };
    let mut file = Vec::new();
    while let Some(message) = parts.next().await.transpose()? {
        match message.part {
            Some(import_request::Part::Data(data)) if file.len() + data.len() <= MAX_FILE => {
                file.extend_from_slice(&data);
            }
            Some(import_request::Part::Data(_)) => {
                return Err(invalid(format!(
                    "the file is longer than {MAX_FILE} bytes; split it"
                )));
            }
            Some(import_request::Part::End(len)) if len == file.len() as u64 => {
                return Ok((header, file));
            }
            _ => return Err(invalid("an import is one header, then data, then its end")),
        }
    }
    Err(invalid(
        "the file did not come to its end; nothing was stored",
    ))
}

fn import_request<'a>(
    book: &dyn record::Book,
    header: &'a wire::ImportHeader,
    file: &'a [u8],
) -> Result<record::ImportRequest<'a>, Status> {
    let target = target(header)?;
    let map = given(&header.map);
    let kind = match (header.kind.as_str(), target) {
        ("", Target::List(id, _)) => record::kind_of(book, Some(id), map),
        ("", _) => record::kind_of(book, None, map),
        (text, _) => Ok(kind(text)?),
    };
    Ok(record::ImportRequest {
        name: &header.name,
        file,
        sheet: given(&header.sheet),
        kind: kind.map_err(|error| error.told())?,
        target,
        map,
        dry_run: header.dry_run,
        keep_good: header.keep_good,
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn target(header: &wire::ImportHeader) -> Result<Target, Status> {
    let list = || header.list.parse::<List>().map_err(invalid);
    match (header.into.as_str(), header.list.as_str()) {
        ("", "") => Ok(Target::Records),
        ("", _) => Ok(Target::ListOfEach(list()?)),
        (_, "") => Err(invalid("--into needs --list")),
        (into, _) => Ok(Target::List(id(into)?, list()?)),
    }
}

fn outcome_to_wire(outcome: record::ImportOutcome) -> wire::ImportOutcome {
    wire::ImportOutcome {
        read: outcome.read,
        created: outcome.created,
        updated: outcome.updated,
        unchanged: outcome.unchanged,
        rejected: outcome
            .rejected
            .into_iter()
            .map(|row| wire::RejectedRow {
                line: row.line,
                column: row.column,
                value: row.value,
                reason: row.reason,
            })
            .collect(),
        dropped_columns: outcome.dropped_columns,
        warnings: outcome.warnings,
        sheet: outcome.sheet.unwrap_or_default(),
    }
}

impl Office {
    /// Runs `work` with the open book, while nothing else changes it.
    fn at_desk<T>(
        &self,
        work: impl FnOnce(&Opened, &mut Desk<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let opened = self.opened()?;
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let codes = self.code_lists();
        let mut no_chance = None;
        let entropy = self.entropy;
        let mut random = |out: &mut [u8]| {
            if let Err(error) = entropy(out) {
                no_chance = Some(error);
            }
        };
        let mut desk = Desk {
            member: &self.public.me.id,
            codes: &codes,
            keys: &opened.record_keys,
            now: self.public.clock.timestamp(),
            random: &mut random,
        };
        let done = work(&opened, &mut desk);
        match no_chance {
            Some(error) => Err(Status::internal(format!(
                "the system gave no randomness: {error}"
            ))),
            None => done,
        }
    }
}
