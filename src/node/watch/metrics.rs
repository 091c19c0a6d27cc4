//! What stands on the page of metrics. Names are a contract: others write alerts against them.
//!
//! Everything is read when it is asked for, but for what takes a walk over files or a log, which is
//! remembered: a scrape takes a few milliseconds whatever the node holds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::page::Page;
use super::{Watch, disk, traces};
use crate::charter::Charter;
use crate::cli::trace::{panics, spans};
use crate::federation::Federation;
use crate::log::SignedCheckpoint;
use crate::model::MemberId;
use crate::release::listing::listing;
use crate::rpc::hits::Limit;
use crate::rpc::memory;
use crate::store::Change;
use crate::wire;

/// How old the sizes of the stores may be.
const SIZES_FRESH: Duration = Duration::from_secs(60);

/// Arrivals read at once, and at most, to tell how far a peer is behind.
const PAGE: usize = 1024;
const MOST_PAGES: usize = 64;

/// States a release can be in, so that each has a value from the start.
const STATES: [&str; 6] = [
    "current",
    "superseded",
    "recalled",
    "nil",
    "excused",
    "withheld",
];

/// What takes long to find out, with what it was found out of.
#[derive(Debug, Default)]
pub(super) struct Cached {
    sizes: Option<(Instant, [(&'static str, u64); 2])>,
    /// Own releases by state, at a tree size.
    releases: Option<(u64, BTreeMap<&'static str, u64>)>,
    /// Leaves a peer lacks, between two arrivals.
    lags: HashMap<MemberId, ((u64, u64), u64)>,
}

impl Watch {
    /// Returns the page. Reads the disk.
    pub(super) fn metrics(&self) -> String {
        let mut page = Page::default();
        let health = self.health();
        self.state(&mut page, &health);
        self.consortium(&mut page);
        self.disk(&mut page);
        self.callers(&mut page);
        self.process(&mut page);
        page.text()
    }

    fn state(&self, page: &mut Page, health: &wire::HealthResponse) {
        let office = &self.node.office;
        page.gauge("counterfoil_build_info", "Version that runs; always 1.")
            .values("version", [(env!("CARGO_PKG_VERSION"), 1)]);
        let ready = health.ready && !self.is_draining();
        page.gauge(
            "counterfoil_ready",
            "Whether it serves and nothing it needs is broken.",
        )
        .value(Some(u8::from(ready)));
        page.gauge("counterfoil_locked", "Whether its private plane is closed.")
            .value(Some(u8::from(health.locked)));
        let mut problems = BTreeMap::<&str, u64>::new();
        for problem in &health.problems {
            *problems.entry(&problem.code).or_default() += 1;
        }
        page.gauge("counterfoil_problems", "What health names, by code.")
            .values("code", problems);
        page.gauge(
            "counterfoil_charter_version",
            "Charter in force; 0 for none.",
        )
        .value(Some(health.charter_version));
        page.gauge(
            "counterfoil_certificate_expiry_timestamp_seconds",
            "When the node certificate in use ends.",
        )
        .value(office.certificate_end());
        page.gauge(
            "counterfoil_holds",
            "Drafts that wait to be let out; only while unlocked.",
        )
        .value(office.holds_waiting());
        page.counter(
            "counterfoil_notifications_total",
            "Times the notify command was run.",
        )
        .values(
            "result",
            [("sent", &self.sent), ("failed", &self.failed)]
                .map(|(result, count)| (result, count.load(std::sync::atomic::Ordering::Relaxed))),
        );
    }

    /// What there is once there is a charter.
    fn consortium(&self, page: &mut Page) {
        let public = &self.node.office.public;
        let charter = public.charter().ok();
        let charter = charter.as_deref();
        page.gauge(
            "counterfoil_charter_expiry_timestamp_seconds",
            "When the day after the charter's last begins, UTC.",
        )
        .value(charter.and_then(expiry));
        page.gauge("counterfoil_tree_size", "Leaves held of each member's log.")
            .values(
                "log",
                charter.map_or_else(Vec::new, |charter| self.tree_sizes(charter)),
            );
        page.gauge(
            "counterfoil_cosignature_age_seconds",
            "How long ago another member last cosigned this node's own log.",
        )
        .value(self.cosignature_age());
        let federation = self.node.peers.node();
        let peers = self.peers();
        let kept = self.kept();
        let last_sync = |peer: &MemberId| {
            let last = federation.status(peer).last_sync;
            last.or_else(|| kept.last(peer.as_str())).unwrap_or(0)
        };
        page.gauge(
            "counterfoil_peer_last_sync_timestamp_seconds",
            "When a sync with each peer last ended well; 0 for never.",
        )
        .values(
            "peer",
            peers.iter().map(|peer| (peer.as_str(), last_sync(peer))),
        );
        drop(kept);
        let lags = peers
            .iter()
            .filter_map(|peer| Some((peer.as_str(), self.lag(peer)?)));
        page.gauge(
            "counterfoil_peer_lag_leaves",
            "Leaves held here that each peer has not said it holds; since it was heard.",
        )
        .values("peer", lags);
        page.gauge(
            "counterfoil_missing_payloads",
            "Payloads still to come from peers.",
        )
        .value(Some(public.store.missing_payloads().take(10_000).count()));
        page.gauge(
            "counterfoil_releases",
            "Own releases and statuses, by what became of them.",
        )
        .values("state", self.releases(charter));
    }

    fn disk(&self, page: &mut Page) {
        page.gauge(
            "counterfoil_store_bytes",
            "Bytes of the files of each plane.",
        )
        .values("plane", self.sizes());
        page.gauge(
            "counterfoil_disk_free_bytes",
            "Bytes left on the node's disk.",
        )
        .value(disk::free(self.node.dir.path()));
    }

    fn callers(&self, page: &mut Page) {
        page.gauge(
            "counterfoil_connections",
            "Connections of peers and coordinators now.",
        )
        .value(Some(self.hits.connections()));
        page.gauge(
            "counterfoil_calls",
            "Calls of peers and coordinators going on now.",
        )
        .value(Some(self.hits.calls()));
        page.counter(
            "counterfoil_calls_total",
            "Calls of peers and coordinators let in.",
        )
        .value(Some(self.hits.admitted()));
        page.counter(
            "counterfoil_limit_hits_total",
            "How often each limit was met.",
        )
        .values(
            "limit",
            Limit::ALL
                .iter()
                .map(|limit| (limit.as_str(), self.hits.of(*limit))),
        );
        let memory = &self.node.office.memory;
        page.gauge(
            "counterfoil_held_bytes",
            "Bytes held for peers: unfinished and unread messages.",
        )
        .value(Some(memory.held()));
        page.gauge(
            "counterfoil_memory_limit_bytes",
            "Memory to stay within; absent for no limit.",
        )
        .value(memory.limit());
    }

    fn process(&self, page: &mut Page) {
        page.counter(
            "counterfoil_panics_total",
            "Panics, each contained in its call or task.",
        )
        .value(Some(panics()));
        if self.node.config.traces.is_some() {
            page.counter(
                "counterfoil_spans_total",
                "Spans a collector took, and spans that reached nobody.",
            )
            .values(
                "result",
                [("sent", traces::sent()), ("lost", spans::lost())],
            );
        }
        page.gauge(
            "process_resident_memory_bytes",
            "Memory only this process uses.",
        )
        .value(memory::own_bytes());
        let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
        page.gauge("process_open_fds", "Open files and connections.")
            .value(open.ok());
        page.gauge("process_start_time_seconds", "When it started.")
            .value(Some(self.started));
    }

    fn peers(&self) -> Vec<MemberId> {
        let Some(roll) = self.node.peers.node().roll() else {
            return Vec::new();
        };
        let others = roll.members().filter(|m| m.active && m.id != *roll.own());
        others.map(|member| member.id.clone()).collect()
    }

    fn tree_sizes(&self, charter: &Charter) -> Vec<(String, u64)> {
        let store = &self.node.office.public.store;
        let with_log = charter
            .members()
            .iter()
            .filter(|member| member.log_key.is_some());
        let sizes = with_log.map(|member| {
            let log = store.log(&charter.origin(&member.id)).ok().flatten();
            (member.id.to_string(), log.map_or(0, |log| log.size))
        });
        sizes.collect()
    }

    /// Returns how old the newest cosignature on the own log is; `None` where there is none.
    fn cosignature_age(&self) -> Option<u64> {
        let federation: &Federation = self.node.peers.node();
        let roll = federation.roll()?;
        let origin = roll.own_origin()?;
        let head = federation.store.log(origin.as_str()).ok()??.head?;
        let signed = SignedCheckpoint::parse(head.note.as_bytes()).ok()?;
        let witnesses = roll.witnesses_in(roll.own(), signed.note());
        let newest = signed.cosignatures(&witnesses).ok()?;
        let newest = newest.iter().map(|cosignature| cosignature.time).max()?;
        Some(self.node.clock.now().saturating_sub(newest))
    }

    /// Returns how many leaves that arrived here a peer has not said it holds; `None` before it
    /// has said anything. Its own log is not counted.
    fn lag(&self, peer: &MemberId) -> Option<u64> {
        let federation = self.node.peers.node();
        let follows = federation.status(peer).follows?;
        let last = federation.store.last_arrival();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((between, lag)) = cached.lags.get(peer)
            && *between == (follows, last)
        {
            return Some(*lag);
        }
        let roll = federation.roll()?;
        let (mut after, mut lag) = (follows, 0);
        for _ in 0..MOST_PAGES {
            let arrivals = federation.store.arrivals_after(after, PAGE).ok()?;
            let Some(newest) = arrivals.last() else { break };
            after = newest.number;
            for arrival in arrivals {
                if let Change::Leaves { origin, from, to } = arrival.change
                    && roll
                        .owner_of(&origin)
                        .is_some_and(|owner| owner.id != *peer)
                {
                    lag += to.saturating_sub(from);
                }
            }
        }
        cached.lags.insert(peer.clone(), ((follows, last), lag));
        Some(lag)
    }

    fn releases(&self, charter: Option<&Charter>) -> Vec<(&'static str, u64)> {
        let mut counts: BTreeMap<_, _> = STATES.map(|state| (state, 0)).into();
        let public = &self.node.office.public;
        let own = charter.map(|charter| charter.origin(&public.me.id));
        let Some(origin) = own.filter(|_| !public.me.relay) else {
            return counts.into_iter().collect();
        };
        let size = public
            .store
            .log(&origin)
            .ok()
            .flatten()
            .map_or(0, |log| log.size);
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = &cached.releases
            && *at == size
        {
            return known.clone().into_iter().collect();
        }
        for listed in listing(&public.store, &origin).unwrap_or_default() {
            *counts.entry(listed.state).or_default() += 1;
        }
        cached.releases = Some((size, counts.clone()));
        counts.into_iter().collect()
    }

    fn sizes(&self) -> [(&'static str, u64); 2] {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, sizes)) = &cached.sizes
            && at.elapsed() < SIZES_FRESH
        {
            return *sizes;
        }
        let dir: &Path = self.node.dir.path();
        let sizes = ["public", "private"].map(|plane| (plane, disk::used(&dir.join(plane))));
        cached.sizes = Some((Instant::now(), sizes));
        sizes
    }
}

fn expiry(charter: &Charter) -> Option<i64> {
    let after = charter.expires().tomorrow().ok()?;
    let after = after.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(after.timestamp().as_second())
}
