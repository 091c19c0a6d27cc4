//! How much memory there is, and when to say no rather than be killed.
//!
//! Two bounds, for peers' work alone. What is held for them, messages half received and answers not
//! yet read, is counted to the byte and kept below a part of the limit. And while the process as a
//! whole is near its limit, nothing new of theirs is begun. What the node's own user asks for is
//! not refused here, but for unlocking, whose cost is known before.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old a look at the process may be.
const FRESH: Duration = Duration::from_millis(20);

/// What may be held for peers where nothing limits the process.
const MOST_HELD: u64 = 128 << 20;

/// The memory of this process.
#[derive(Debug)]
pub struct Memory {
    /// Bytes at which the system, or whoever set this up, wants no more; `None` for no limit.
    limit: Option<u64>,
    /// Bytes held for peers.
    held: AtomicU64,
    looked: Mutex<Option<(Instant, u64)>>,
}

impl Memory {
    /// Keeps within a limit, if there is one.
    pub fn within(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            held: AtomicU64::new(0),
            looked: Mutex::new(None),
        })
    }

    /// Returns the limit.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Returns the bytes held for peers now.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Returns how many bytes may be held for all peers together.
    pub(super) fn most_held(&self) -> u64 {
        self.limit
            .map_or(MOST_HELD, |limit| (limit / 4).min(MOST_HELD))
    }

    /// Returns whether nothing more should be begun: an eighth of the limit is all that is left.
    pub(super) fn is_short(&self) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        self.used() > limit - limit / 8
    }

    /// Returns whether this many bytes more would fit.
    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        let used = self.used();
        self.limit
            .is_none_or(|limit| used.saturating_add(bytes) <= limit)
    }

    /// Returns what this process has for itself, looked at not long ago.
    fn used(&self) -> u64 {
        // No statement between lock and unlock can panic.
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        match *looked {
            Some((at, used)) if at.elapsed() < FRESH => used,
            _ => {
                let used = own_bytes().unwrap_or(0);
                *looked = Some((Instant::now(), used));
                used
            }
        }
    }

    pub(super) fn take(&self, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Returns the bytes of memory that only this process uses: what counts against its limit and
/// cannot be taken back, unlike pages of files.
pub fn own_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(resident.saturating_sub(shared) * page)
}

/// Returns the limit the system sets this process's group, if it sets one (cgroups, v2 and v1).
pub fn system_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = limit_files(&groups).into_iter().filter_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        text.trim().parse::<u64>().ok()
    });
    // Version 1 spells "none" as a number near the largest there is.
    limits.filter(|limit| *limit < 1 << 50).min()
}

/// Returns where the limits of the groups in `/proc/self/cgroup` stand, those above them included.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(kinds), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (root, name) = match kinds {
            "" => ("/sys/fs/cgroup", "memory.max"),
            kinds if kinds.split(',').any(|kind| kind == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let inner = Path::new(path.trim_start_matches('/'));
        files.extend(
            inner
                .ancestors()
                .map(|group| Path::new(root).join(group).join(name)),
        );
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_limit_memory_is_never_short() {
        let memory = Memory::within(None);
        assert!(!memory.is_short() && memory.has_room_for(1 << 40));
        assert_eq!(memory.most_held(), MOST_HELD);
    }

    #[test]
    fn near_its_limit_memory_is_short() {
        let used = own_bytes().expect("a process");
        assert!(used > 0);
        assert!(Memory::within(Some(used)).is_short());
        let roomy = Memory::within(Some(used + (1 << 40)));
        assert!(!roomy.is_short() && !roomy.has_room_for(2 << 40));
    }

    #[test]
    fn limits_stand_in_every_group_up_to_the_root() {
        let two = limit_files("0::/a/b\n");
        let wanted = ["a/b/", "a/", ""].map(|g| format!("/sys/fs/cgroup/{g}memory.max"));
        assert_eq!(two, wanted.map(PathBuf::from));
        let one = limit_files("5:cpu,cpuacct:/x\n4:memory:/\n");
        let wanted = PathBuf::from("/sys/fs/cgroup/memory/memory.limit_in_bytes");
        assert_eq!(one, [wanted]);
        assert!(limit_files("nonsense").is_empty());
    }
}
