//! What a running node does by itself to keep its data: backups, and reading everything again.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;

use super::open::Node;
use crate::config::{BackupPlan, Passphrase};
use crate::rpc::services::Office;
use crate::store::backup::{Planes, Recipients};
use crate::store::file;

/// How soon a backup that failed is tried again.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// How often a day is looked for on which everything is to be read again.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// The setting of the public plane that says when everything was last read.
const SCRUBBED: &str = "scrubbed";

/// The one that says to which folder a backup was last taken.
const BACKED_UP_TO: &str = "backed_up_to";

/// Takes a backup whenever one is due: after the time that was set, after something was let out,
/// and once the node is unlocked if the last one had no records.
pub(super) async fn back_up_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    let Some(plan) = node.config.backup.clone() else {
        // Whichever part of a node ends first stops the rest.
        return stopped.await;
    };
    let mut stopped = std::pin::pin!(stopped);
    let mut news = node.peers.node().news();
    let mut last = Last::default();
    let mut rest = due_in(&plan, node.office.public.me.id.as_str(), SystemTime::now());
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(rest) => {}
            () = let_out(&node.office, &mut news, &last) => {}
            () = node.office.unlocked.notified(), if last.without_records => {}
        }
        let (office, plan_now) = (Arc::clone(&node.office), plan.clone());
        let step = tracing::info_span!(target: "step", "backup");
        let work = move || step.in_scope(|| back_up(&office, &plan_now));
        let taken = tokio::task::spawn_blocking(work).await;
        let taken = taken.unwrap_or_else(|panicked| Err(panicked.to_string()));
        rest = match &taken {
            Ok(now) => {
                last = *now;
                plan.every
            }
            Err(_) => plan.every.min(AGAIN),
        };
        let trouble = match taken {
            Ok(_) => None,
            Err(reason) => {
                tracing::warn!(%reason, "no backup was taken");
                Some(format!("the last backup failed: {reason}"))
            }
        };
        node.office.troubles.set("backup", trouble);
        let locked = last.without_records.then(|| {
            "the node is locked, so records are not in its newest backup; unlock it".to_owned()
        });
        node.office.troubles.set("backup_locked", locked);
    }
}

/// What the last backup had in it.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    tree_size: u64,
    without_records: bool,
    taken: bool,
}

/// Sees to it that the folder for backups is there. One that backups went to before and is gone is
/// not made again: its disk is not there, and a folder made now would be on another.
fn stand_in(folder: &Path, office: &Office) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }
    let before = office.public.store.meta_get(BACKED_UP_TO);
    let before = before.map_err(|error| error.to_string())?;
    if before.as_deref() == Some(folder.as_os_str().as_encoded_bytes()) {
        return Err(format!(
            "{} is gone, and backups were there: mount its disk, or make it with `mkdir -m 700`",
            folder.display()
        ));
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))
}

/// Remembers where backups go.
fn note_folder(folder: &Path, office: &Office) {
    let store = &office.public.store;
    let name = folder.as_os_str().as_encoded_bytes();
    if store.meta_get(BACKED_UP_TO).ok().flatten().as_deref() == Some(name) {
        return;
    }
    let noted = store.meta_put(BACKED_UP_TO, name);
    if let Err(error) = noted.and_then(|()| store.commit()) {
        tracing::warn!(%error, "the folder for backups not noted");
    }
}

/// Returns once the own log has grown since the last backup.
async fn let_out(
    office: &Office,
    news: &mut tokio::sync::broadcast::Receiver<crate::federation::News>,
    last: &Last,
) {
    loop {
        if last.taken && own_size(office) > last.tree_size {
            return;
        }
        // Having missed some is news too; the sender lives as long as the node.
        let _news = news.recv().await;
        if !last.taken {
            return;
        }
    }
}

fn own_size(office: &Office) -> u64 {
    let Ok(charter) = office.public.charter() else {
        return 0;
    };
    let log = office
        .public
        .store
        .log(&charter.origin(&office.public.me.id));
    log.ok().flatten().map_or(0, |log| log.size)
}

/// Returns how long it is until a backup is due, by the newest that is there.
fn due_in(plan: &BackupPlan, member: &str, now: SystemTime) -> Duration {
    let newest = existing(&plan.dir, member)
        .into_iter()
        .filter_map(|path| path.metadata().ok()?.modified().ok())
        .max();
    let age = newest.and_then(|newest| now.duration_since(newest).ok());
    age.map_or(Duration::ZERO, |age| plan.every.saturating_sub(age))
}

fn back_up(office: &Office, plan: &BackupPlan) -> Result<Last, String> {
    let recipients = recipients(office, plan)?;
    let locked = office.private.is_locked() && !office.public.me.relay;
    let planes = match locked || office.public.me.relay {
        true => Planes::Public,
        false => Planes::Both,
    };
    let words = match planes {
        Planes::Both => "both",
        Planes::Public | Planes::Private => "public",
    };
    let member = office.public.me.id.as_str();
    stand_in(&plan.dir, office)?;
    let path = free_name(&plan.dir, member, office.public.clock.today(), words);
    let beside = path.with_extension("new");
    let taken = write(office, planes, &recipients, &beside, &path);
    if taken.is_err() {
        // The first failure is the one to report.
        let _gone = fs::remove_file(&beside);
    }
    let tree_size = taken?;
    tracing::info!(path = %path.display(), tree_size, "backup taken");
    note_folder(&plan.dir, office);
    forget_oldest(plan, member, words, &path);
    Ok(Last {
        tree_size,
        without_records: locked,
        taken: true,
    })
}

fn recipients(office: &Office, plan: &BackupPlan) -> Result<Recipients, String> {
    let passphrase = match (&plan.passphrase_file, plan.to.is_empty()) {
        (Some(path), true) => Some(Passphrase::read(path).map_err(|error| error.to_string())?),
        _ => None,
    };
    let passphrase = passphrase.as_ref().map_or("", Passphrase::as_str);
    let recipients = office.recipients(&plan.to, passphrase);
    recipients.map_err(|status| status.message().to_owned())
}

fn write(
    office: &Office,
    planes: Planes,
    recipients: &Recipients,
    beside: &Path,
    path: &Path,
) -> Result<u64, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let _old = fs::remove_file(beside);
    let mut out = file::create_private(beside).map_err(failed)?;
    let taken = office
        .back_up(planes, recipients, &mut out)
        .map_err(|status| status.message().to_owned())?;
    out.flush().and_then(|()| out.sync_all()).map_err(failed)?;
    fs::rename(beside, path).map_err(failed)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    file::sync_dir(folder).map_err(|error| error.to_string())?;
    Ok(taken.tree_size)
}

/// Returns a name that says whose, of which day, and what is in it; never the time of day.
fn free_name(dir: &Path, member: &str, today: Date, words: &str) -> PathBuf {
    let name = |n: u32| dir.join(format!("{member}-{today}-{n:04}-{words}.age"));
    let taken = |n: u32| {
        ["both", "public"].iter().any(|words| {
            dir.join(format!("{member}-{today}-{n:04}-{words}.age"))
                .exists()
        })
    };
    let last = (1..10_000).rev().find(|n| taken(*n)).unwrap_or(0);
    name(last + 1)
}

/// Returns the backups of a member in a folder, oldest first.
fn existing(dir: &Path, member: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            let rest = name.as_deref().and_then(|name| name.strip_prefix(member));
            rest.is_some_and(is_ours)
        })
        .collect();
    paths.sort();
    paths
}

/// Returns whether what follows the member's name is `-DATE-NUMBER-WORD.age`.
fn is_ours(rest: &str) -> bool {
    let Some((stem, _)) = rest
        .strip_prefix('-')
        .and_then(|rest| rest.strip_suffix(".age"))
        .and_then(|stem| stem.rsplit_once('-'))
    else {
        return false;
    };
    let Some((date, number)) = stem.rsplit_once('-') else {
        return false;
    };
    date.parse::<Date>().is_ok() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Removes the oldest backups beyond those to be kept, and never the one `just_taken`, whatever day
/// a clock that was ahead gave others. Those without records never crowd out those with.
fn forget_oldest(plan: &BackupPlan, member: &str, words: &str, just_taken: &Path) {
    let ending = format!("-{words}.age");
    let mut alike = existing(&plan.dir, member);
    alike.retain(|path| path != just_taken && path.to_string_lossy().ends_with(&ending));
    let others = usize::try_from(plan.keep.get() - 1).unwrap_or(usize::MAX);
    let surplus = alike.len().saturating_sub(others);
    for path in &alike[..surplus] {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "old backup not removed");
        }
    }
}

/// Reads and hashes everything again once the time has come, and has peers give back what is
/// damaged.
pub(super) async fn scrub_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    let mut look = tokio::time::interval(LOOK.min(node.config.scrub_every));
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = look.tick() => {}
        }
        let office = Arc::clone(&node.office);
        let every = node.config.scrub_every;
        let done = tokio::task::spawn_blocking(move || scrub_if_due(&office, every)).await;
        if let Ok(true) = done {
            node.book.nudge();
        }
    }
}

/// Returns whether it was due.
fn scrub_if_due(office: &Office, every: Duration) -> bool {
    let store = &office.public.store;
    let now = office.public.clock.now();
    let last = store.meta_get(SCRUBBED).ok().flatten();
    let last = last.and_then(|text| String::from_utf8(text).ok()?.parse::<u64>().ok());
    let note = || {
        let noted = store.meta_put(SCRUBBED, now.to_string().as_bytes());
        if let Err(error) = noted.and_then(|()| store.commit()) {
            tracing::warn!(%error, "scrub not noted");
        }
    };
    let Some(last) = last else {
        note();
        return false;
    };
    // A time to come was noted by a clock that was ahead.
    let age = now.checked_sub(last);
    if age.is_some_and(|age| age < every.as_secs()) {
        return false;
    }
    let found = tracing::info_span!(target: "step", "scrub")
        .in_scope(|| office.scrub(true, &mut Vec::new()));
    let (leaves, rows) = (found.leaves, found.rows);
    tracing::info!(
        leaves,
        rows,
        findings = found.findings.len(),
        "everything stored read again"
    );
    let trouble = found.findings.first().map(|first| {
        tracing::warn!(finding = %first, "damage in the store");
        format!("{first} ({} in all)", found.findings.len())
    });
    office.troubles.set("damage", trouble);
    note();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn plan(dir: &Path, keep: u32) -> BackupPlan {
        BackupPlan {
            dir: dir.to_owned(),
            every: Duration::from_secs(60),
            to: Vec::new(),
            passphrase_file: None,
            keep: NonZeroU32::new(keep).expect("not zero"),
        }
    }

    #[test]
    fn the_oldest_go_and_only_ones_own_of_one_kind() {
        let dir = tempfile::tempdir().expect("a folder");
        let names = [
            "inpud-2018-01-01-0001-both.age",
            "inpud-2018-01-02-0001-both.age",
            "inpud-2018-01-02-0002-both.age",
            "inpud-2018-01-01-0002-public.age",
            "inpud-asia-2018-01-01-0001-both.age",
            "inpud-notes.age",
        ];
        for name in names {
            fs::write(dir.path().join(name), "").expect("written");
        }
        let newest = dir.path().join(names[2]);
        forget_oldest(&plan(dir.path(), 2), "inpud", "both", &newest);
        let left = |name: &&str| dir.path().join(name).exists();
        let gone: Vec<_> = names.iter().filter(|name| !left(name)).collect();
        assert_eq!(gone, [&"inpud-2018-01-01-0001-both.age"]);
    }

    #[test]
    fn a_backup_dated_by_a_clock_that_was_ahead_does_not_push_out_the_newest() {
        let dir = tempfile::tempdir().expect("a folder");
        let ahead = dir.path().join("inpud-2019-01-01-0001-both.age");
        let newest = dir.path().join("inpud-2018-01-02-0001-both.age");
        for path in [&ahead, &newest] {
            fs::write(path, "").expect("written");
        }
        forget_oldest(&plan(dir.path(), 1), "inpud", "both", &newest);
        assert!(newest.exists() && !ahead.exists());
    }

    #[test]
    fn names_go_up_within_a_day_whatever_is_in_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let today = jiff::civil::date(2018, 5, 1);
        for words in ["both", "public", "both"] {
            let path = free_name(dir.path(), "inpud", today, words);
            fs::write(path, "").expect("written");
        }
        let last = dir.path().join("inpud-2018-05-01-0003-both.age");
        assert!(last.exists());
    }

    #[test]
    fn a_backup_is_due_when_the_newest_is_old_or_there_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = plan(dir.path(), 1);
        let now = SystemTime::now();
        assert_eq!(due_in(&plan, "inpud", now), Duration::ZERO);
        fs::write(dir.path().join("inpud-2018-05-01-0001-both.age"), "").expect("written");
        let later = now + Duration::from_secs(30);
        let due = due_in(&plan, "inpud", later);
        assert!(due > Duration::ZERO && due <= plan.every, "{due:?}");
        let much_later = now + Duration::from_secs(90);
        assert_eq!(due_in(&plan, "inpud", much_later), Duration::ZERO);
    }
}
