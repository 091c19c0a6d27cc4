//! The text Prometheus reads.
//!
//! Source: Prometheus, "Exposition formats", text-based format.

use std::fmt::{Display, Write as _};

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a metric that goes up and down.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.metric(name, help, "gauge")
    }

    /// Begins a metric that only goes up while the node runs.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.metric(name, help, "counter")
    }

    fn metric(&mut self, name: &'static str, help: &str, kind: &str) -> Metric<'_> {
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Metric { page: self, name }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.0.write_fmt(text);
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// One metric, whose values follow.
pub(super) struct Metric<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Metric<'_> {
    /// Adds a value without labels; none where it is not known.
    pub(super) fn value(self, value: Option<impl Display>) {
        let Self { page, name } = self;
        if let Some(value) = value {
            page.put(format_args!("{name} {value}\n"));
        }
    }

    /// Adds a value for each label.
    pub(super) fn values<L: AsRef<str>, V: Display>(
        self,
        label: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) {
        let Self { page, name } = self;
        for (of, value) in values {
            let of = escaped(of.as_ref());
            page.put(format_args!("{name}{{{label}=\"{of}\"}} {value}\n"));
        }
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_what_is_not_known_is_left_out() {
        let mut page = Page::default();
        page.gauge("a", "What a is.").values("of", [("x\"\\\n", 1)]);
        page.counter("b_total", "What b is.").value(None::<u64>);
        assert_eq!(
            page.text(),
            "# HELP a What a is.\n# TYPE a gauge\na{of=\"x\\\"\\\\\\n\"} 1\n\
             # HELP b_total What b is.\n# TYPE b_total counter\n"
        );
    }
}
