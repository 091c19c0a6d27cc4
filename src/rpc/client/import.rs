//! Files handed to the node, a chunk at a time.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{CallError, Client};
use crate::wire::{self, import_request, import_response};

/// Bytes of a file in one message of an import.
pub(super) const CHUNK_LEN: usize = 64 << 10;

/// How an import goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// Bytes of the file handed over so far.
    Sent(u64),
    /// Rows the node has read so far.
    Rows(u64),
}

impl Client {
    /// Hands a file to the node, a chunk at a time, and returns what became of it.
    ///
    /// # Errors
    /// What the node answered, or that the file could not be read to its end; then the node never
    /// hears of the end, and does not take the first part for the whole.
    pub async fn import_records(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
        progress: impl FnMut(ImportProgress),
    ) -> Result<wire::ImportOutcome, CallError> {
        match self.send_file(header, file, progress).await? {
            import_response::Part::Outcome(outcome) => Ok(outcome),
            _ => Err(unanswered()),
        }
    }

    /// Sends a file and returns the MAP that is proposed for it.
    ///
    /// # Errors
    /// As [`Self::import_records`].
    pub async fn suggest_map(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
    ) -> Result<String, CallError> {
        match self.send_file(header, file, |_| {}).await? {
            import_response::Part::SuggestedMap(text) => Ok(text),
            _ => Err(unanswered()),
        }
    }

    async fn send_file(
        &self,
        header: wire::ImportHeader,
        file: impl AsyncRead + Unpin,
        mut progress: impl FnMut(ImportProgress),
    ) -> Result<import_response::Part, CallError> {
        let (parts, queue) = mpsc::channel(4);
        let sent = AtomicU64::new(0);
        let feed = feed(parts, header, file, &sent);
        let answer = async {
            let mut records = self.records.clone();
            let mut answers = records
                .import(ReceiverStream::new(queue))
                .await?
                .into_inner();
            while let Some(answer) = answers.message().await? {
                progress(ImportProgress::Sent(sent.load(Ordering::Relaxed)));
                match answer.part {
                    Some(import_response::Part::Rows(rows)) => progress(ImportProgress::Rows(rows)),
                    Some(last) => return Ok(last),
                    None => {}
                }
            }
            Err(unanswered())
        };
        tokio::select! {
            last = answer => last,
            error = feed => Err(CallError::file(&error)),
        }
    }
}

fn unanswered() -> CallError {
    CallError::from(tonic::Status::internal(
        "the node ended the import without saying what became of it",
    ))
}

/// Sends the header, the file and its end. Only a failure to read ends it: after the end it rests,
/// and the node has the last word.
async fn feed(
    parts: mpsc::Sender<wire::ImportRequest>,
    header: wire::ImportHeader,
    mut file: impl AsyncRead + Unpin,
    sent: &AtomicU64,
) -> io::Error {
    let mut next = import_request::Part::Header(header);
    loop {
        let is_end = matches!(next, import_request::Part::End(_));
        let part = Some(next);
        if parts.send(wire::ImportRequest { part }).await.is_err() || is_end {
            break;
        }
        let mut chunk = vec![0; CHUNK_LEN];
        next = match file.read(&mut chunk).await {
            Ok(0) => import_request::Part::End(sent.load(Ordering::Relaxed)),
            Ok(len) => {
                chunk.truncate(len);
                sent.fetch_add(len as u64, Ordering::Relaxed);
                import_request::Part::Data(chunk)
            }
            Err(error) => return error,
        };
    }
    drop(parts);
    std::future::pending().await
}
