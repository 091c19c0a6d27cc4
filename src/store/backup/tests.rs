use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::identity::LogKey;
use crate::log::VerifiedCheckpoint;
use crate::model::MemberId;
use crate::store::samples::entry;
use crate::store::{
    Changes, Cost, DataKey, Head, NodeDir, PrivateStore, PublicStore, Replica, os_entropy,
};

const ORIGIN: &str = "joint/inpud";
const PASSPHRASE: &str = "six plain words nobody else picks";
const RECORD: u8 = 1;

struct Made {
    node: NodeDir,
    key: DataKey,
    public: PublicStore,
    private: PrivateStore,
}

fn made(dir: &Path) -> Made {
    let new = NodeDir::create(dir).unwrap();
    let key = new
        .create_vault(PASSPHRASE.as_bytes(), Cost::LEAST, os_entropy)
        .unwrap();
    for name in ["card", "witness.key", "counterfoil.toml"] {
        std::fs::write(dir.join(name), name).unwrap();
    }
    let node = new.finish().unwrap();
    let public = node.public(os_entropy).unwrap();
    let private = node.private(&key, os_entropy).unwrap();
    public
        .meta_put("peers", b"anpud https://localhost:1\n")
        .unwrap();
    public.put_charter(1, b"a charter").unwrap();
    public.put_conflict(1, b"another").unwrap();
    Made {
        node,
        key,
        public,
        private,
    }
}

impl Made {
    /// Lets a leaf out as the door does: first what stood behind it, then the leaf, then the file.
    fn let_out(&self) {
        let mut growth = Replica::new(&self.public, ORIGIN).grow().unwrap();
        let index = growth.size();
        let mut changes = Changes::new();
        changes.put(RECORD, &index.to_be_bytes(), vec![index as u8; 100]);
        changes.put(RECORD, b"latest", index.to_be_bytes().to_vec());
        self.private.apply(changes).unwrap();
        growth.push(entry(index)).unwrap();
        let signed = VerifiedCheckpoint::sign(
            &"joint".parse().unwrap(),
            &"inpud".parse::<MemberId>().unwrap(),
            &LogKey::from_seed(&[3; 32]),
            growth.size(),
            growth.root(),
        );
        let note = signed.to_string();
        let size = signed.size();
        growth
            .store(
                Some(Head {
                    note: note.clone(),
                    size,
                }),
                None,
            )
            .unwrap();
        self.public.commit().unwrap();
        self.node.checkpoint().write(&note).unwrap();
    }

    fn source(&self, planes: Planes) -> Source<'_> {
        Source {
            dir: self.node.path(),
            public: planes.public().then_some(&self.public),
            private: planes.private().then_some(&self.private),
            member: "inpud",
            own_log: Some(ORIGIN),
            date: "2018-04-12".to_owned(),
        }
    }

    fn backup(&self, planes: Planes) -> (Vec<u8>, Taken) {
        let source = self.source(planes);
        let mut file = Vec::new();
        let taken = Moment::take(&source)
            .unwrap()
            .write(source.public, &quick(), &mut file)
            .unwrap();
        (file, taken)
    }
}

/// A key of a test is made once: scrypt takes its time.
fn identity() -> &'static (Recipients, Opener) {
    static KEY: std::sync::OnceLock<(Recipients, Opener)> = std::sync::OnceLock::new();
    KEY.get_or_init(|| {
        let (text, recipient) = make_identity();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, text.as_bytes()).unwrap();
        let opener = Opener::identity_file(&path).unwrap();
        (Recipients::keys(&[recipient]).unwrap(), opener)
    })
}

fn quick() -> Recipients {
    identity().0.clone()
}

fn put_back(files: &[&[u8]], dir: &Path) -> Result<Restored, BackupError> {
    let files = files.iter().map(Cursor::new).collect();
    restore(files, &identity().1, dir, os_entropy)
}

#[track_caller]
fn check_same(made: &Made, dir: &Path) {
    let node = NodeDir::open(dir).unwrap();
    let public = node.public(os_entropy).unwrap();
    let size = made.public.log(ORIGIN).unwrap().map_or(0, |log| log.size);
    let [ours, theirs] = [&made.public, &public].map(|store| store.log(ORIGIN).unwrap());
    assert_eq!(ours, theirs);
    for index in 0..size {
        assert_eq!(public.entry(ORIGIN, index).unwrap(), Some(entry(index)));
    }
    assert_eq!(public.settings().unwrap(), made.public.settings().unwrap());
    assert_eq!(public.charter(1).unwrap().unwrap(), b"a charter");
    assert_eq!(public.conflicts(None).unwrap().len(), 1);
    assert_ne!(public.store_id().unwrap(), made.public.store_id().unwrap());
    let key = node.unlock(PASSPHRASE.as_bytes()).unwrap().unwrap();
    let private = node.private(&key, os_entropy).unwrap();
    let rows = |store: &PrivateStore| {
        store
            .scan(RECORD, &[])
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&made.private), rows(&private));
    assert_eq!(
        node.checkpoint().read().unwrap(),
        made.node.checkpoint().read().unwrap()
    );
}

#[test]
fn a_header_that_does_not_end_is_read_no_further() {
    use std::io::Read as _;

    let opener = Opener::passphrase("six words");
    for first in [&b""[..], b"age-encryption.org/v1\n"] {
        let endless = first.chain(std::io::repeat(b'A'));
        let error = opener.open(endless).err().expect("no backup").to_string();
        assert_eq!(error, "the file is no backup: its header does not end");
    }
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    for _ in 0..700 {
        made.let_out();
    }
    let (file, taken) = made.backup(Planes::Both);
    assert_eq!((taken.tree_size, taken.leaves, taken.rows), (700, 700, 702));
    let found = inspect(&file[..], &identity().1).unwrap();
    assert_eq!(
        (found.tree_size, found.payloads, found.signed),
        (700, 700, 700)
    );
    assert_eq!(found.root_hash, taken.root_hash);

    let whole = dir.path().join("whole");
    put_back(&[&file], &whole).unwrap();
    check_same(&made, &whole);
    let mark = RestoreMark::read(&whole).unwrap().unwrap();
    let cause = Cause::Restored("2018-04-12".to_owned());
    assert_eq!(mark, RestoreMark { cause, size: 700 });
    RestoreMark::remove(&whole).unwrap();
    assert_eq!(RestoreMark::read(&whole).unwrap(), None);

    // Each plane by itself, in either order.
    let (public, private) = (
        made.backup(Planes::Public).0,
        made.backup(Planes::Private).0,
    );
    let apart = dir.path().join("apart");
    put_back(&[&private, &public], &apart).unwrap();
    check_same(&made, &apart);
    assert!(matches!(
        put_back(&[&file, &public], &dir.path().join("no")),
        Err(BackupError::Mixed(_))
    ));
    assert!(!dir.path().join("no").exists());
}

#[test]
fn everything_restored_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    fn walk(path: &Path) {
        let data = std::fs::metadata(path).unwrap();
        assert_eq!(data.permissions().mode() & 0o077, 0, "{}", path.display());
        if data.is_dir() {
            std::fs::read_dir(path)
                .unwrap()
                .for_each(|entry| walk(&entry.unwrap().path()));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    made.let_out();
    let restored = dir.path().join("deep/restored");
    put_back(&[&made.backup(Planes::Both).0], &restored).unwrap();
    walk(&restored);
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    made.let_out();
    let source = made.source(Planes::Both);
    let mut file = Vec::new();
    let moment = Moment::take(&source).unwrap();
    moment
        .write(
            source.public,
            &Recipients::passphrase(PASSPHRASE),
            &mut file,
        )
        .unwrap();
    inspect(&file[..], &Opener::passphrase(PASSPHRASE)).unwrap();
    let wrong = inspect(&file[..], &Opener::passphrase("another"));
    assert!(matches!(wrong, Err(BackupError::NotForUs)), "{wrong:?}");
    let wrong = inspect(&file[..], &identity().1);
    assert!(matches!(wrong, Err(BackupError::OtherLock(_))), "{wrong:?}");
    let (for_key, _) = made.backup(Planes::Both);
    let wrong = inspect(&for_key[..], &Opener::passphrase(PASSPHRASE));
    assert!(matches!(wrong, Err(BackupError::OtherLock(_))), "{wrong:?}");
    assert!(Recipients::keys(&["age1nobody".to_owned()]).is_err());
    assert!(Recipients::keys(&[]).is_err());
    let plain = [PASSPHRASE.as_bytes(), b"a charter", b"summary training"];
    for secret in plain {
        assert!(!file.windows(secret.len()).any(|window| window == secret));
    }
}

/// Every way into the book goes with it: each passphrase, the recovery code, the plain book.
#[test]
fn whatever_opened_the_book_opens_what_was_restored() {
    const NAMES: u8 = crate::store::private::PERSONS[1];
    const CODE: &[u8] = b"the code on the sheet";
    const PLAIN: &[u8] = b"the passphrase that is given up";
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    made.let_out();
    let mut changes = Changes::new();
    changes.put(NAMES, b"somebody", b"leads to a person".to_vec());
    made.private.apply(changes).unwrap();
    let mut vault = made.node.vault().unwrap().unwrap();
    vault
        .add(&made.key, "second", b"another person's", os_entropy)
        .unwrap();
    vault.set_recovery(&made.key, CODE, os_entropy).unwrap();
    vault.set_plain(&made.key, Some(PLAIN), os_entropy).unwrap();
    made.node.set_vault(&vault).unwrap();
    let (file, _) = made.backup(Planes::Both);

    let whole = dir.path().join("whole");
    put_back(&[&file], &whole).unwrap();
    let node = NodeDir::open(&whole).unwrap();
    for passphrase in [PASSPHRASE.as_bytes(), b"another person's", CODE] {
        let key = node.unlock(passphrase).unwrap().unwrap();
        let private = node.private(&key, os_entropy).unwrap();
        assert_eq!(private.len(), 3);
        assert!(private.get(NAMES, b"somebody").unwrap().is_some());
    }
    let key = node.unlock(PLAIN).unwrap().unwrap();
    assert!(node.unlock(CODE).is_err(), "it destroyed the others");
    for _ in 0..2 {
        let private = node.private(&key, os_entropy).unwrap();
        assert_eq!((private.len(), private.is_plain()), (2, true));
        assert!(private.get(NAMES, b"somebody").unwrap().is_none());
    }
}

#[test]
fn a_file_that_was_cut_or_changed_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    for _ in 0..60 {
        made.let_out();
    }
    let (file, _) = made.backup(Planes::Both);
    let target = dir.path().join("target");
    let refused = |bytes: &[u8]| {
        assert!(put_back(&[bytes], &target).is_err());
        assert!(!target.exists());
        assert!(inspect(bytes, &identity().1).is_err());
    };
    for step in 0..40 {
        let at = file.len() * step / 40;
        refused(&file[..at]);
        let mut changed = file.clone();
        changed[at] ^= 1 << (step % 8);
        refused(&changed);
    }
    refused(&[&file[..], b"x"].concat());
    // A folder that was there stays, with what is in it.
    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("notes"), "mine").unwrap();
    assert!(put_back(&[&file[..file.len() - 1]], &target).is_err());
    let left: Vec<_> = std::fs::read_dir(&target).unwrap().collect();
    assert_eq!(left.len(), 1);
    put_back(&[&file], &target).unwrap();
    check_same(&made, &target);
    // Now it holds a node.
    let error = put_back(&[&file], &target).unwrap_err();
    assert!(
        matches!(error, BackupError::Store(StoreError::HoldsNode { .. })),
        "{error}"
    );
    check_same(&made, &target);
}

#[test]
fn what_an_unfinished_restore_left_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    made.let_out();
    let (file, _) = made.backup(Planes::Both);
    let target = dir.path().join("target");
    // Killed between two moves: some is in place, and nothing says that it is a node.
    std::fs::create_dir_all(target.join(".restoring/public")).unwrap();
    std::fs::create_dir(target.join("private")).unwrap();
    std::fs::write(target.join("card"), "half").unwrap();
    put_back(&[&file], &target).unwrap();
    check_same(&made, &target);
    // Parts of a node that no restore left are nobody's to remove.
    let other = dir.path().join("other");
    std::fs::create_dir_all(other.join("private")).unwrap();
    let error = put_back(&[&file], &other).unwrap_err();
    assert!(matches!(error, BackupError::Occupied { .. }), "{error}");
    assert!(other.join("private").exists() && !other.join("lock").exists());
}

#[test]
fn a_newer_format_names_the_version_that_wrote_it() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    let source = made.source(Planes::Both);
    let mut moment = Moment::take(&source).unwrap();
    moment.as_if_written_by(crate::store::dir::FORMAT + 1, "9.8.7");
    let mut file = Vec::new();
    moment.write(source.public, &quick(), &mut file).unwrap();
    let target = dir.path().join("target");
    let error = put_back(&[&file], &target).unwrap_err().to_string();
    assert!(error.contains("9.8.7"), "{error}");
    assert!(!target.exists());
}

/// Leaves that are let out while a backup is taken are in it wholly, or not at all.
#[test]
fn a_backup_is_of_one_moment_while_the_node_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&dir.path().join("node"));
    let turn = std::sync::Mutex::new(());
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let _turn = turn.lock().unwrap();
                made.let_out();
            }
        });
        let mut sizes = Vec::new();
        for round in 0..6 {
            let source = made.source(Planes::Both);
            let moment = {
                let _turn = turn.lock().unwrap();
                Moment::take(&source).unwrap()
            };
            let mut file = Vec::new();
            let taken = moment.write(source.public, &quick(), &mut file).unwrap();
            let target = dir.path().join(format!("target-{round}"));
            put_back(&[&file], &target).unwrap();
            let node = NodeDir::open(&target).unwrap();
            let private = node.private(&made.key, os_entropy).unwrap();
            let latest = private.get(RECORD, b"latest").unwrap();
            let behind = latest.map_or(0, |n| {
                u64::from_be_bytes(n.as_slice().try_into().unwrap()) + 1
            });
            assert_eq!(behind, taken.tree_size, "both planes are of one moment");
            let checkpoint = node.checkpoint().read().unwrap().unwrap_or_default();
            let signed = checkpoint.lines().nth(1).map_or(0, |n| n.parse().unwrap());
            assert_eq!(signed, taken.tree_size);
            sizes.push(taken.tree_size);
        }
        stop.store(true, Ordering::SeqCst);
        assert!(sizes.windows(2).any(|pair| pair[0] < pair[1]), "{sizes:?}");
    });
}
