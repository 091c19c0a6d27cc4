//! Log lines on standard error: for eyes on a terminal, JSON otherwise. They name no person.
//!
//! What others wrote, in names and addresses, is escaped: no line of the log is anybody's but ours. [`spans`] says to
//! whoever traces the node how long its work took.

pub mod spans;

use std::fmt::Debug;
use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, reload};

use crate::config::{Config, LogFormat, LogLevel};
use crate::model::steers_text;

/// Sets another filter on the log that was started.
type Turn = Box<dyn Fn(EnvFilter) + Send + Sync>;

static TURN: OnceLock<Turn> = OnceLock::new();

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Starts writing log lines, and collecting spans where somebody is to get them. `usual` is the
/// level where none is set.
pub(super) fn start(config: &Config, usual: LogLevel) {
    let level = config.log_level.unwrap_or(usual);
    let format = config.log_format.unwrap_or_else(|| {
        if std::io::stderr().is_terminal() {
            LogFormat::Human
        } else {
            LogFormat::Json
        }
    });
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Human => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .fmt_fields(escaped_fields())
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let spans = config.traces.map(|_| spans::layer().boxed());
    let layers: Vec<_> = [Some(lines), spans].into_iter().flatten().collect();
    turn_with(handle);
    // A second start, as in tests, leaves the first one in place.
    let _already_started = Registry::default().with(layers).try_init();
}

fn turn_with<S: 'static>(handle: reload::Handle<EnvFilter, S>) {
    let turn = move |filter| {
        // It fails only once the log itself is gone.
        let _ = handle.reload(filter);
    };
    let _already_started = TURN.set(Box::new(turn));
}

/// Writes lines of this weight and heavier from now on; a program whose log was not started by
/// [`super::Invocation::start_tracing`] goes on as it was.
pub fn set_level(level: LogLevel) {
    if let Some(turn) = TURN.get() {
        turn(filter(level));
    }
}

/// Has every panic from now on counted, and written as a line that says where and no more: the
/// message may hold what must not be written down.
pub fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let place = panic.location().map_or_else(
            || "unknown".to_owned(),
            |at| format!("{}:{}", at.file(), at.line()),
        );
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "panic");
    }));
}

/// Returns how many panics there were since [`watch_panics`].
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Libraries speak up only when something is wrong: what they trace may hold what callers sent.
fn filter(level: LogLevel) -> EnvFilter {
    let others = match level {
        LogLevel::Error => LogLevel::Error,
        _ => LogLevel::Warn,
    };
    EnvFilter::new(format!("{others},counterfoil={level}"))
}

/// Writes what fields and messages hold, which may be words of others, on one line: the only
/// colours on a terminal are the formatter's own.
fn escaped_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    let field = |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        let text = one_line(&format!("{value:?}"));
        match field.name() {
            "message" => writer.write_str(&text),
            name => write!(writer, "{name}={text}"),
        }
    };
    format::debug_fn(field).delimited(" ")
}

/// Escapes what ends a line, turns the text round or steers a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers_text(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn every_level_makes_a_filter() {
        for level in LogLevel::ALL {
            let text = filter(*level).to_string();
            assert!(text.contains(&format!("counterfoil={level}")), "{text}");
        }
    }

    /// Where a log under test writes.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A name somebody chose to write lines of their own into our log.
    const NAME: &str = "Ana\n{\"level\":\"ERROR\"}\r\u{1b}[31mred\u{7}\u{202e}drow";

    fn written(json: bool) -> String {
        let sink = Sink::default();
        let make = {
            let sink = sink.clone();
            move || sink.clone()
        };
        let say = || {
            let _span = tracing::info_span!("call", peer = %NAME).entered();
            tracing::warn!(%NAME, debug = ?NAME, "it happened: {NAME}");
        };
        let lines = tracing_subscriber::fmt().with_ansi(false);
        if json {
            let lines = lines.json().flatten_event(true).with_writer(make);
            tracing::subscriber::with_default(lines.finish(), say);
        } else {
            let lines = lines.fmt_fields(escaped_fields()).with_writer(make);
            tracing::subscriber::with_default(lines.finish(), say);
        }
        let bytes = sink.0.lock().expect("lock").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn what_others_wrote_stays_on_its_line_and_off_the_terminal() {
        for json in [false, true] {
            let text = written(json);
            assert_eq!(text.lines().count(), 1, "{text:?}");
            assert!(text.contains("it happened: Ana"), "{text:?}");
            let mut letters = text.trim_end_matches('\n').chars();
            // JSON takes letters that turn text round as they are: a program reads them.
            let steers = |letter| match json {
                true => char::is_control(letter),
                false => steers_text(letter),
            };
            assert!(!letters.any(steers), "{text:?}");
        }
        let line: serde_json::Value = serde_json::from_str(&written(true)).expect("JSON");
        assert_eq!(line["level"], "WARN");
    }
}
