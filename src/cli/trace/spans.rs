//! Spans for whoever traces the node: calls, and the long steps inside them, with how long they took.
//!
//! A span is taken if it is a call's or a sync's or has the target `step`, and of its fields only
//! those of [`CallFields`]: a field somebody adds to a span later goes nowhere by itself. Who called is not
//! among them. Finished spans wait in a queue with an end: where nobody takes them they are
//! counted and dropped, and no call waits.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Spans that may wait to be taken.
const QUEUE: usize = 2048;

/// The name of a call's span.
pub const CALL: &str = "call";

/// The name of the span of a sync, from the first word to the last.
pub const SYNC: &str = "sync";

/// The target of spans that say which step of the work took how long.
const STEP: &str = "step";

static TAKEN: OnceLock<Mutex<Option<mpsc::Receiver<Finished>>>> = OnceLock::new();

static LOST: AtomicU64 = AtomicU64::new(0);

/// A span that ended: W3C Trace Context ids, and what else may be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The same for a call and every step inside it.
    pub trace: [u8; 16],
    /// Its own.
    pub id: [u8; 8],
    /// The span around it.
    pub parent: Option<[u8; 8]>,
    /// What it was: [`CALL`], or a step.
    pub name: &'static str,
    /// When it began, by the system's clock.
    pub begun: SystemTime,
    /// How long it took, by a clock nobody sets.
    pub took: Duration,
    /// What is known of a call.
    pub call: CallFields,
}

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFields {
    /// The number its log lines have.
    pub request_id: Option<u64>,
    /// Service and method, as the caller wrote them.
    pub method: Option<String>,
    /// The gRPC status code.
    pub code: Option<u64>,
}

impl Visit for CallFields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "request_id" => self.request_id = Some(value),
            "code" => self.code = Some(value),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "method" {
            self.method = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Has spans collected from now on; [`take`] hands them out.
pub(super) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    let (queue, taken) = mpsc::channel(QUEUE);
    // A second start, as in tests, leaves the first queue in place.
    let _already_started = TAKEN.set(Mutex::new(Some(taken)));
    Collector { queue }.with_filter(filter_fn(is_wanted))
}

/// Returns where finished spans arrive, to whoever asks first; none where none are collected.
pub fn take() -> Option<mpsc::Receiver<Finished>> {
    let taken = TAKEN.get()?;
    taken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Counts spans that reached nobody.
pub fn lose(count: usize) {
    LOST.fetch_add(count as u64, Ordering::Relaxed);
}

/// Returns how many spans reached nobody.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    let is_ours = metadata.target().starts_with("counterfoil::");
    let is_named = is_ours && [CALL, SYNC].contains(&metadata.name());
    metadata.is_span() && (is_named || metadata.target() == STEP)
}

struct Collector {
    queue: mpsc::Sender<Finished>,
}

/// A span that has not ended.
struct Open {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    begun: SystemTime,
    since: Instant,
    call: CallFields,
}

impl Open {
    /// Begins a span; none without randomness for its ids.
    fn begin(parent: Option<([u8; 16], [u8; 8])>, call: CallFields) -> Option<Self> {
        let (mut trace, mut id) = ([0; 16], [0; 8]);
        getrandom::fill(&mut id).ok()?;
        match parent {
            Some((around, _)) => trace = around,
            None => getrandom::fill(&mut trace).ok()?,
        }
        Some(Self {
            trace,
            id,
            parent: parent.map(|(_, id)| id),
            begun: SystemTime::now(),
            since: Instant::now(),
            call,
        })
    }

    fn end(self, name: &'static str) -> Finished {
        Finished {
            trace: self.trace,
            id: self.id,
            parent: self.parent,
            name,
            begun: self.begun,
            took: self.since.elapsed(),
            call: self.call,
        }
    }
}

impl<S> Layer<S> for Collector
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let around = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            let open: &Open = extensions.get()?;
            Some((open.trace, open.id))
        });
        let mut call = CallFields::default();
        attributes.record(&mut call);
        if let Some(open) = Open::begin(around, call) {
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.call);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let open: Option<Open> = span.extensions_mut().remove();
        let Some(open) = open else { return };
        if self.queue.try_send(open.end(span.name())).is_err() {
            lose(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry::Registry;

    /// Runs something that makes spans, and returns those that ended, in that order.
    fn spans_of(work: impl FnOnce(), queue: usize) -> Vec<Finished> {
        let (sender, mut taken) = mpsc::channel(queue);
        let collector = Collector { queue: sender }.with_filter(filter_fn(is_wanted));
        tracing::subscriber::with_default(Registry::default().with(collector), work);
        std::iter::from_fn(|| taken.try_recv().ok()).collect()
    }

    #[test]
    fn a_step_stands_in_its_call_and_fields_that_are_not_listed_go_nowhere() {
        let work = || {
            let call = tracing::info_span!(
                "call",
                request_id = 7_u64,
                method = "/a/B",
                peer = "anpud",
                code = tracing::field::Empty
            );
            call.record("code", 5_u64);
            let _call = call.entered();
            // Between them a span of somebody else's, which is not traced.
            let _other = tracing::info_span!("other", title = "Secret title").entered();
            let _step = tracing::info_span!(target: "step", "protect", title = "Secret").entered();
        };
        let spans = spans_of(work, 8);
        let [step, call] = spans.as_slice() else {
            panic!("{spans:?}");
        };
        assert_eq!((step.name, call.name), ("protect", CALL));
        assert_eq!((step.trace, step.parent), (call.trace, Some(call.id)));
        assert_eq!(call.parent, None);
        assert_eq!(step.call, CallFields::default());
        let said = CallFields {
            request_id: Some(7),
            method: Some("/a/B".to_owned()),
            code: Some(5),
        };
        assert_eq!(call.call, said);
        assert_ne!((call.trace, call.id), ([0; 16], [0; 8]));
        assert!(!format!("{spans:?}").contains("Secret"));
    }

    #[test]
    fn a_queue_nobody_empties_loses_spans_and_holds_up_nobody() {
        let before = lost();
        let work = || {
            for _ in 0..5 {
                let _step = tracing::info_span!(target: "step", "tabulate").entered();
            }
        };
        assert_eq!(spans_of(work, 2).len(), 2);
        assert_eq!(lost() - before, 3);
    }
}
