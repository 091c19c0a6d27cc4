//! What stands before every call: the protocol, who may call what, silence, and panics.
//!
//! tonic by itself answers any method and any content type, which would let a browser that holds
//! a certificate be made to call us; and its timeout covers the head of an answer only.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::{Code, Status};
use tracing::Instrument as _;

use super::caller::Caller;
use super::hits::{Hits, Limit};
use super::limits::Limits;
use super::share::{Held, Messages, Turn};
use super::status::status;
use crate::identity::{Peer, Role};

/// Puts a [`Guard`] before a service.
#[derive(Clone, Debug)]
pub(super) struct GuardLayer {
    /// What a call may use.
    pub(super) limits: Arc<Limits>,
}

impl<S> tower::Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            inner,
            limits: Arc::clone(&self.limits),
        }
    }
}

/// A service with a guard before it.
#[derive(Clone, Debug)]
pub(super) struct Guard<S> {
    inner: S,
    limits: Arc<Limits>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> tower::Service<Request<Body>> for Guard<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let id = next_id();
        let span = span(id, &request);
        let (caller, turn) = match span.in_scope(|| admit(&request, &self.limits)) {
            Ok(admitted) => admitted,
            Err(refused) => {
                record_code(&span, refused.headers());
                return Box::pin(std::future::ready(Ok(*refused)));
            }
        };
        let call = Call {
            id,
            caller,
            silence: self.limits.silence,
            last_frame: Arc::new(Mutex::new(Instant::now())),
            turn: turn.map(Arc::new),
            span: span.clone(),
        };
        let request = request.map(|body| Body::new(call.watch(body, Direction::Request)));
        // Making the future runs handler code too.
        let made = catch_unwind(AssertUnwindSafe(|| {
            span.in_scope(|| self.inner.call(request))
        }));
        let Ok(answer) = made else {
            return Box::pin(std::future::ready(Ok(panicked(id).into_http())));
        };
        let head = Head::begin(&self.limits);
        let answer = async move {
            let answered = CatchPanic(Box::pin(answer), id);
            let response = tokio::select! {
                biased;
                reason = call.ended() => call.refuse(reason),
                answered = answered => match answered {
                    Ok(Ok(response)) => blame(response)
                        .map(|body| Body::new(call.watch(body, Direction::Response))),
                    Err(status) => status.into_http(),
                },
            };
            head.end();
            record_code(&call.span, response.headers());
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

/// The library calls bytes it cannot read an error of ours; they are the caller's. What they were
/// is not said again.
fn blame(response: Response<Body>) -> Response<Body> {
    const MALFORMED: [&str; 4] = [
        "failed to decode Protobuf message",
        "protocol error: received message",
        "Missing request message",
        "Unexpected EOF decoding stream",
    ];
    let said = Status::from_header_map(response.headers());
    let malformed = said.is_some_and(|said| {
        let message = said.message();
        said.code() == Code::Internal && MALFORMED.iter().any(|m| message.starts_with(m))
    });
    match malformed {
        true => status("invalid", "the message is not one this call takes", "").into_http(),
        false => response,
    }
}

/// Numbers calls, so that lines of the log that belong together can be found.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns the span of a call: its number, what was called, and who called.
fn span(id: u64, request: &Request<Body>) -> tracing::Span {
    let path: String = request.uri().path().chars().take(100).collect();
    let caller: Option<&Caller> = request.extensions().get();
    let peer = caller
        .filter(|caller| caller.is_peer())
        .map(|caller| match caller.peer() {
            Some(peer) => peer.spiffe.member.to_string(),
            None => "stranger".to_owned(),
        });
    let code = tracing::field::Empty;
    tracing::info_span!("call", request_id = id, method = path, peer, code)
}

/// Notes how a call ended, where these headers or trailers say it.
fn record_code(span: &tracing::Span, headers: &HeaderMap) {
    if let Some(said) = Status::from_header_map(headers) {
        span.record("code", u64::from(said.code() as u32));
    }
}

/// Waits for the head of an answer; dropped before, because it took too long, it counts that.
struct Head {
    begun: Instant,
    limit: Option<Duration>,
    hits: Arc<Hits>,
}

impl Head {
    fn begin(limits: &Limits) -> Self {
        Self {
            begun: Instant::now(),
            limit: limits.request,
            hits: Arc::clone(&limits.hits),
        }
    }

    fn end(mut self) {
        self.limit = None;
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        if self
            .limit
            .is_some_and(|limit| self.begun.elapsed() >= limit)
        {
            self.hits.hit(Limit::RequestTime);
        }
    }
}

/// Returns who makes the call if it may, with its place in its member's share; otherwise the
/// answer.
fn admit(
    request: &Request<Body>,
    limits: &Limits,
) -> Result<(Caller, Option<Turn>), Box<Response<Body>>> {
    check_protocol(request).inspect_err(|_| limits.hits.hit(Limit::Protocol))?;
    let caller: Option<&Caller> = request.extensions().get();
    let refused = |status: Status| Box::new(status.into_http());
    match caller {
        None => Err(refused(Status::internal("the connection has no caller"))),
        Some(Caller::Local) => Ok((Caller::Local, None)),
        Some(Caller::Peer(identity)) => {
            let peer = identity.check().map_err(|reason| {
                identity.mark_told();
                refused(reason)
            })?;
            check_permission(peer, request.uri().path()).map_err(refused)?;
            let turn = identity
                .share()
                .map(|share| share.begin(limits.calls_per_peer));
            let turn = turn.transpose().map_err(|limit| refused(busy(limit)))?;
            Ok((Caller::Peer(identity.clone()), turn))
        }
    }
}

/// Says that a limit was met.
fn busy(limit: Limit) -> Status {
    let message = match limit {
        Limit::CallsPerPeer => "too many calls of this member are open at once",
        Limit::HeldBytes => {
            "answers this member has not read yet, or messages it has not \
                             finished, take up all it may"
        }
        _ => "the node has no memory left for this",
    };
    status("busy", message, "let open calls end, then try again")
}

/// Refuses what is not gRPC: method, content type, a deadline that cannot be read.
fn check_protocol(request: &Request<Body>) -> Result<(), Box<Response<Body>>> {
    let refused = |code: StatusCode, status: Status| {
        let mut response = status.into_http();
        *response.status_mut() = code;
        Err(Box::new(response))
    };
    if request.method() != Method::POST {
        return refused(
            StatusCode::METHOD_NOT_ALLOWED,
            Status::unimplemented("this is gRPC; only POST is served"),
        );
    }
    if !is_grpc(request.headers()) {
        return refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Status::invalid_argument("this is gRPC; set content-type to application/grpc"),
        );
    }
    match request.headers().get("grpc-timeout") {
        Some(value) if !is_timeout(value.as_bytes()) => refused(
            StatusCode::OK,
            Status::invalid_argument("grpc-timeout must be up to 8 digits and one of H M S m u n"),
        ),
        _ => Ok(()),
    }
}

/// `application/grpc` with `+proto` or parameters, but not `application/grpc-web`.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("application/grpc"))
        .is_some_and(|rest| matches!(rest.split(';').next(), Some("" | "+proto")))
}

/// gRPC over HTTP/2, "Timeout".
fn is_timeout(value: &[u8]) -> bool {
    match value.split_last() {
        Some((unit, digits)) => {
            b"HMSmun".contains(unit)
                && (1..=8).contains(&digits.len())
                && digits.iter().all(u8::is_ascii_digit)
        }
        None => false,
    }
}

/// Decides who may call what on the listener for peers.
fn check_permission(peer: &Peer, path: &str) -> Result<(), Status> {
    let role = &peer.spiffe.role;
    let (service, method) = path
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .unwrap_or_default();
    let allowed = match (service, role) {
        ("grpc.health.v1.Health", _) => method == "Check",
        ("counterfoil.v1.Federation" | "counterfoil.v1.Charters", Role::Node) => true,
        ("counterfoil.v1.Charters", Role::Coordinator(_)) => method.starts_with("Get"),
        ("counterfoil.v1.Reports", Role::Coordinator(_) | Role::Auditor(_)) => true,
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    let (who, what) = match role {
        Role::Node => ("a node", "Federation, Charters"),
        Role::Coordinator(_) => ("a coordinator", "Reports, Charters.Get"),
        Role::Auditor(_) => ("an auditor", "Reports"),
    };
    let path: String = path.chars().take(100).collect();
    Err(Status::permission_denied(format!(
        "{who} may call {what} and Health.Check here, not {path}"
    )))
}

/// One admitted call.
#[derive(Clone)]
struct Call {
    id: u64,
    caller: Caller,
    silence: Option<Duration>,
    /// When either side last said something.
    last_frame: Arc<Mutex<Instant>>,
    /// Its place in its member's share, until both directions have ended; none for local callers.
    turn: Option<Arc<Turn>>,
    span: tracing::Span,
}

impl Call {
    async fn ended(&self) -> Status {
        match &self.caller {
            Caller::Local => std::future::pending().await,
            Caller::Peer(identity) => identity.ended().await,
        }
    }

    /// Answers with the reason the caller's calls must end.
    fn refuse(&self, reason: Status) -> Response<Body> {
        if let Caller::Peer(identity) = &self.caller {
            identity.mark_told();
        }
        reason.into_http()
    }

    fn watch(&self, inner: Body, direction: Direction) -> Watched {
        let call = self.clone();
        Watched {
            inner,
            direction,
            ended: Box::pin(async move { call.ended().await }),
            alarm: self
                .silence
                .map(|after| Box::pin(tokio::time::sleep(after))),
            received: self
                .turn
                .as_ref()
                .filter(|_| direction == Direction::Request)
                .map(|turn| (Messages::default(), turn.hold())),
            call: self.clone(),
            over: false,
        }
    }

    fn spoke(&self) {
        *self.last_frame() = Instant::now();
    }

    fn last_frame(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last_frame
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

/// One direction of a call: ended in words when the caller's time is up, when both sides have
/// been silent too long, or when the handler panics in the middle of a stream.
struct Watched {
    inner: Body,
    direction: Direction,
    call: Call,
    ended: Pin<Box<dyn Future<Output = Status> + Send>>,
    alarm: Option<Pin<Box<Sleep>>>,
    /// What is here of a peer's unfinished message.
    received: Option<(Messages, Held)>,
    over: bool,
}

impl Watched {
    fn poll_interruption(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        if let Poll::Ready(reason) = self.ended.as_mut().poll(cx) {
            if let Caller::Peer(identity) = &self.call.caller {
                identity.mark_told();
            }
            return Poll::Ready(reason);
        }
        let (Some(alarm), Some(silence)) = (&mut self.alarm, self.call.silence) else {
            return Poll::Pending;
        };
        loop {
            ready!(alarm.as_mut().poll(cx));
            let due = *self.call.last_frame() + silence;
            if due <= Instant::now() {
                if let Some(turn) = &self.call.turn {
                    turn.hit(Limit::Silence);
                }
                return Poll::Ready(Status::deadline_exceeded(format!(
                    "nothing was said on this stream for {} s; call again",
                    silence.as_secs()
                )));
            }
            alarm.as_mut().reset(due);
        }
    }

    /// Counts a frame against the member's share.
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Limit> {
        let Some(turn) = &self.call.turn else {
            return Ok(frame);
        };
        match (&mut self.received, frame.into_data()) {
            (Some((messages, held)), Ok(data)) => {
                let was_too_long = messages.is_too_long();
                held.set(messages.take(&data))?;
                if messages.is_too_long() && !was_too_long {
                    turn.hit(Limit::MessageBytes);
                }
                Ok(Frame::data(data))
            }
            (None, Ok(data)) => turn.count(data).map(Frame::data),
            (_, Err(trailers)) => Ok(trailers),
        }
    }

    fn interrupt(&mut self, reason: Status) -> Option<Result<Frame<Bytes>, Status>> {
        self.over = true;
        match self.direction {
            Direction::Request => Some(Err(reason)),
            Direction::Response => {
                let mut trailers = HeaderMap::new();
                Some(match reason.add_header(&mut trailers) {
                    Ok(()) => {
                        record_code(&self.call.span, &trailers);
                        Ok(Frame::trailers(trailers))
                    }
                    Err(status) => Err(status),
                })
            }
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let inner = Pin::new(&mut this.inner);
            this.call.span.in_scope(|| inner.poll_frame(cx))
        }));
        match polled {
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                self.call.spoke();
                if let Some(trailers) = frame.trailers_ref() {
                    record_code(&self.call.span, trailers);
                }
                Poll::Ready(match self.count(frame) {
                    Ok(frame) => Some(Ok(frame)),
                    Err(limit) => self.interrupt(busy(limit)),
                })
            }
            Ok(Poll::Ready(ended)) => {
                self.call.spoke();
                Poll::Ready(ended)
            }
            Ok(Poll::Pending) => {
                let reason = ready!(self.poll_interruption(cx));
                Poll::Ready(self.interrupt(reason))
            }
            Err(_) => {
                let reason = panicked(self.call.id);
                Poll::Ready(self.interrupt(reason))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// A future whose panic becomes `INTERNAL`.
struct CatchPanic<F>(Pin<Box<F>>, u64);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(panicked(self.1))),
        }
    }
}

/// The panic hook has already said where; the message may hold what must not leave.
fn panicked(id: u64) -> Status {
    tracing::error!(request_id = id, "a call panicked");
    Status::internal(format!(
        "the node failed on this call; its own log says where, under request_id {id}"
    ))
}
