//! Sends finished spans to a collector on this machine: OTLP 1.x over HTTP, in its JSON form.
//!
//! Of a call: service, method, status code and request id. Of everything: when it began and how
//! long it took. The path of a call is a caller's word, so one that is no service's is not repeated.
//! Spans a collector does not take are counted and gone; nothing of the node waits for it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::cli::trace::spans::{self, CALL, Finished, SYNC};
use crate::model::MemberId;

/// Spans sent at once.
const BATCH: usize = 512;

/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a node that stops waits for it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// The most of a service's or method's name that is repeated.
const LONGEST_NAME: usize = 64;

static SENT: AtomicU64 = AtomicU64::new(0);

/// Returns how many spans a collector took.
pub(super) fn sent() -> u64 {
    SENT.load(Ordering::Relaxed)
}

/// Sends what ends, for as long as the node runs.
#[derive(Debug)]
pub(in crate::node) struct Sending {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Sending {
    /// Begins to send one member's spans to a collector.
    pub(in crate::node) fn begin(
        collector: SocketAddr,
        member: MemberId,
        ended: mpsc::Receiver<Finished>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(send_until(collector, member, ended, stopped));
        Self { stop, task }
    }

    /// Sends what has ended by now, and no more; a collector that dawdles is not waited for.
    pub(in crate::node) async fn end(mut self) {
        // Where the task is gone there is nobody to tell, or to wait for.
        let _ = self.stop.send(());
        if tokio::time::timeout(LAST_WORD, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}

async fn send_until(
    collector: SocketAddr,
    member: MemberId,
    mut ended: mpsc::Receiver<Finished>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut is_silent = false;
    loop {
        let mut batch = Vec::new();
        let is_last = tokio::select! {
            _ = &mut stopped => true,
            () = gather(&mut ended, &mut batch) => false,
        };
        if is_last {
            ended.close();
            while let Ok(span) = ended.try_recv() {
                batch.push(span);
            }
        }
        if !batch.is_empty() {
            let failed = deliver(collector, &member, &batch).await.err();
            if let Some(reason) = failed.as_ref().filter(|_| !is_silent) {
                tracing::warn!(%collector, reason, "the collector takes no traces");
            }
            is_silent = failed.is_some();
        }
        if is_last {
            return;
        }
    }
}

/// Takes spans until there are enough, or the first of them has waited.
async fn gather(ended: &mut mpsc::Receiver<Finished>, batch: &mut Vec<Finished>) {
    if ended.recv_many(batch, BATCH).await == 0 {
        // The queue has no other end any more.
        return std::future::pending().await;
    }
    let more = async {
        while batch.len() < BATCH && ended.recv_many(batch, BATCH - batch.len()).await > 0 {}
    };
    // Time being up is what ends most batches.
    let _ = tokio::time::timeout(GATHER, more).await;
}

async fn deliver(
    collector: SocketAddr,
    member: &MemberId,
    batch: &[Finished],
) -> Result<(), String> {
    let body = export(member, batch).to_string();
    let done = match tokio::time::timeout(PATIENCE, post(collector, body)).await {
        Ok(done) => done,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    match &done {
        Ok(()) => {
            SENT.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        Err(_) => spans::lose(batch.len()),
    }
    done
}

/// One request on a connection of its own; nothing it is told to follow is followed.
async fn post(collector: SocketAddr, body: String) -> Result<(), String> {
    let tcp = TcpStream::connect(collector).await;
    let tcp = tcp.map_err(|error| error.to_string())?;
    let begun = http1::handshake(TokioIo::new(tcp)).await;
    let (mut sender, connection) = begun.map_err(|error| error.to_string())?;
    let request = Request::post("/v1/traces")
        .header(header::HOST, collector.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(body))
        .map_err(|error| error.to_string())?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    // A collector may keep the connection open; its head is all that is waited for.
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        _over = connection => answer.await,
    };
    match answer.map_err(|error| error.to_string())?.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("answered {status}")),
    }
}

/// Returns spans as an `ExportTraceServiceRequest`.
fn export(member: &MemberId, batch: &[Finished]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        text("service.name", "counterfoil"),
        text("service.version", version),
        text("service.instance.id", member.as_str()),
    ];
    let spans: Vec<Value> = batch
        .iter()
        .filter(|one| !is_hushed(one))
        .map(span)
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "counterfoil", "version": version}, "spans": spans}],
    }]})
}

/// Whether a span would tell that there is a book behind the plain one.
fn is_hushed(span: &Finished) -> bool {
    let method = span.call.method.as_deref();
    method.is_some_and(|method| method.ends_with("/SetPlain"))
}

/// Returns one span, named as OpenTelemetry's conventions for RPC have it.
fn span(span: &Finished) -> Value {
    let method = span.call.method.as_deref().map(known);
    let mut attributes = Vec::new();
    if let Some((service, method)) = method {
        attributes.push(text("rpc.system", "grpc"));
        attributes.push(text("rpc.service", service));
        attributes.push(text("rpc.method", method));
    }
    let code = span.call.code;
    attributes.extend(code.map(|code| whole("rpc.grpc.status_code", code)));
    let request = span.call.request_id;
    attributes.extend(request.map(|id| whole("counterfoil.request_id", id)));
    let name = match method {
        Some((service, method)) => format!("{service}/{method}"),
        None => span.name.to_owned(),
    };
    // SpanKind: 1 internal, 2 server, 3 client.
    let kind = match span.name {
        CALL => 2,
        SYNC if span.parent.is_none() => 3,
        _ => 1,
    };
    let parent = span.parent.map(hex).unwrap_or_default();
    json!({
        "traceId": hex(span.trace),
        "spanId": hex(span.id),
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(span.begun),
        "endTimeUnixNano": nanos(span.begun + span.took),
        "attributes": attributes,
        // Of these codes only those say that the node itself failed (2 error, 0 unset).
        "status": {"code": if code.is_some_and(is_ours) { 2 } else { 0 }},
    })
}

/// Splits a path into service and method, if they look like some.
fn known(path: &str) -> (&str, &str) {
    const OTHER: (&str, &str) = ("other", "other");
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        name.len() <= LONGEST_NAME && name.chars().all(is_letter)
    };
    let split = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let Some((service, method)) = split else {
        return OTHER;
    };
    let is_served = ["counterfoil.v1.", "grpc.health.v1.", "grpc.reflection."]
        .iter()
        .any(|package| service.starts_with(package));
    match is_served && is_name(service) && is_name(method) {
        true => (service, method),
        false => OTHER,
    }
}

/// Whether a status is the server's fault: UNKNOWN, `DEADLINE_EXCEEDED`, UNIMPLEMENTED, INTERNAL,
/// UNAVAILABLE, `DATA_LOSS`.
const fn is_ours(code: u64) -> bool {
    matches!(code, 2 | 4 | 12 | 13 | 14 | 15)
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// JSON has no 64 bits: OTLP writes them as text.
fn whole(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nanos(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_services_are_repeated() {
        let known_one = "/counterfoil.v1.Reports/Query";
        assert_eq!(known(known_one), ("counterfoil.v1.Reports", "Query"));
        let long = format!("/counterfoil.v1.{}/Query", "a".repeat(LONGEST_NAME));
        for wrong in [
            "",
            "/",
            "/Ana Example/Query",
            "/evil.v1.X/Y",
            "/counterfoil.v1.Reports/Ana%20Example",
            "/counterfoil.v1.Reports/a/b",
            &long,
        ] {
            assert_eq!(known(wrong), ("other", "other"), "{wrong}");
        }
    }
}
