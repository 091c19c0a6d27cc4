//! A client against a book that only knows how to list and to take in files.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::import::CHUNK_LEN;
use super::*;
use crate::rpc::generated::records_server::{Records, RecordsServer};
use crate::rpc::status;
use crate::wire::{import_request, import_response};
use hyper_util::rt::TokioIo;
use tonic::{Request, Response, Status};

type Pages = tokio_stream::Iter<std::vec::IntoIter<Result<wire::ListRecordsResponse, Status>>>;
type Answers = ReceiverStream<Result<wire::ImportResponse, Status>>;

/// A book that only knows how to list and to take in files; it tells whether each file came
/// whole.
struct Book {
    ended: mpsc::UnboundedSender<bool>,
}

#[tonic::async_trait]
impl Records for Book {
    type ListStream = Pages;
    type ImportStream = Answers;

    async fn list(&self, _: Request<wire::ListRecordsRequest>) -> Result<Response<Pages>, Status> {
        let page = |id: &str| {
            let record = wire::Record {
                id: id.to_owned(),
                ..wire::Record::default()
            };
            let records = vec![record];
            Ok(wire::ListRecordsResponse { records })
        };
        let pages = vec![page("a"), page("b")];
        Ok(Response::new(tokio_stream::iter(pages)))
    }

    async fn import(
        &self,
        request: Request<tonic::Streaming<wire::ImportRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let mut parts = request.into_inner();
        let (answers, queue) = mpsc::channel(1);
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let (mut read, mut whole) = (0, false);
            while let Ok(Some(part)) = parts.message().await {
                match part.part {
                    Some(import_request::Part::Data(data)) => read += data.len() as u64,
                    Some(import_request::Part::End(len)) => whole = len == read,
                    _ => {}
                }
            }
            let outcome = wire::ImportOutcome {
                read,
                ..wire::ImportOutcome::default()
            };
            let part = Some(import_response::Part::Outcome(outcome));
            // Whoever broke the call off hears no answer.
            let _unheard = answers.send(Ok(wire::ImportResponse { part })).await;
            ended.send(whole).expect("the test listens");
        });
        Ok(Response::new(ReceiverStream::new(queue)))
    }

    async fn add(
        &self,
        _: Request<wire::AddRecordRequest>,
    ) -> Result<Response<wire::AddRecordResponse>, Status> {
        Err(status::status("locked", "the node is locked", ""))
    }

    async fn edit(
        &self,
        _: Request<wire::EditRecordRequest>,
    ) -> Result<Response<wire::EditRecordResponse>, Status> {
        Err(Status::unimplemented("edit"))
    }

    async fn delete(
        &self,
        _: Request<wire::DeleteRecordRequest>,
    ) -> Result<Response<wire::DeleteRecordResponse>, Status> {
        Err(Status::unimplemented("delete"))
    }

    async fn forget(
        &self,
        _: Request<wire::ForgetRequest>,
    ) -> Result<Response<wire::ForgetResponse>, Status> {
        Err(Status::unimplemented("forget"))
    }

    async fn retain(
        &self,
        _: Request<wire::RetainRequest>,
    ) -> Result<Response<wire::RetainResponse>, Status> {
        Err(Status::unimplemented("retain"))
    }

    async fn holdings(
        &self,
        _: Request<wire::HoldingsRequest>,
    ) -> Result<Response<wire::HoldingsResponse>, Status> {
        Err(Status::unimplemented("holdings"))
    }

    async fn remove_person(
        &self,
        _: Request<wire::RemovePersonRequest>,
    ) -> Result<Response<wire::RemovePersonResponse>, Status> {
        Err(Status::unimplemented("remove_person"))
    }

    async fn show(
        &self,
        _: Request<wire::ShowRecordRequest>,
    ) -> Result<Response<wire::ShowRecordResponse>, Status> {
        Err(Status::unimplemented("show"))
    }

    async fn template(
        &self,
        _: Request<wire::TemplateRequest>,
    ) -> Result<Response<wire::TemplateResponse>, Status> {
        Err(Status::unimplemented("template"))
    }
}

/// Returns a client of a book in this process, and how its imports end.
async fn book() -> (Client, mpsc::UnboundedReceiver<bool>) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (ended, endings) = mpsc::unbounded_channel();
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(RecordsServer::new(Book { ended }))
            .serve_with_incoming(tokio_stream::once(io::Result::Ok(far))),
    );
    let mut near = Some(TokioIo::new(near));
    let connect = move |_: http::Uri| {
        let near = near.take().ok_or(io::ErrorKind::NotConnected);
        std::future::ready(near.map_err(io::Error::from))
    };
    let channel = tonic::transport::Endpoint::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(connect))
        .await
        .expect("it listens");
    (Client::new(channel), endings)
}

#[tokio::test]
async fn a_file_arrives_whole_with_progress() {
    let (client, mut endings) = book().await;
    let file = vec![7; 3 * CHUNK_LEN + 1];
    let mut last = None;
    let outcome = client
        .import_records(wire::ImportHeader::default(), &file[..], |step| {
            last = Some(step)
        })
        .await
        .expect("it is taken in");
    assert_eq!(outcome.read, file.len() as u64);
    assert_eq!(last, Some(ImportProgress::Sent(file.len() as u64)));
    assert_eq!(endings.recv().await, Some(true));
}

#[tokio::test]
async fn a_file_that_breaks_off_is_never_taken_for_whole() {
    let (client, mut endings) = book().await;
    // Longer than the queue, so that the call has begun.
    let broken = breaks_after(64 * CHUNK_LEN);
    let error = client
        .import_records(wire::ImportHeader::default(), broken, |_| {})
        .await
        .expect_err("it cannot be read");
    assert_eq!(error.code, "file");
    assert_eq!(endings.recv().await, Some(false));
}

/// A file with `len` bytes that can be read, then an error.
fn breaks_after(len: usize) -> impl AsyncRead + Unpin {
    struct Broken;

    impl AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Err(io::Error::other("the disk is gone")))
        }
    }

    tokio::io::repeat(7).take(len as u64).chain(Broken)
}

#[tokio::test]
async fn lists_come_in_pages_and_errors_keep_their_word() {
    let (client, _endings) = book().await;
    let records = client
        .list_records(wire::ListRecordsRequest::default())
        .await;
    let ids: Vec<String> = records
        .expect("two pages")
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(ids, ["a", "b"]);
    let error = client.add_record(wire::AddRecordRequest::default()).await;
    assert_eq!(error.expect_err("locked").code, "locked");
}
