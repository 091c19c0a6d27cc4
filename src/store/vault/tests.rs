//! What opens a vault, what does not, and that nobody can tell from the file.

use super::slots::{ALL_NAMES, SLOT};
use super::*;
use crate::store::os_entropy;
use crate::store::vault::slot::ParseError;

fn vault(passphrase: &[u8]) -> (Vault, DataKey) {
    Vault::create(passphrase, Cost::LEAST, os_entropy).unwrap()
}

#[track_caller]
fn check_same(a: &DataKey, b: &DataKey) {
    assert_eq!(*a.to_bytes(), *b.to_bytes());
}

#[track_caller]
fn check_shut(vault: &Vault, passphrase: &[u8]) {
    let opened = vault.unlock(passphrase);
    assert!(
        matches!(opened, Err(StoreError::WrongPassphrase)),
        "{opened:?}"
    );
}

fn names(vault: &Vault, key: &DataKey) -> Vec<String> {
    let mut names: Vec<String> = vault
        .list(key)
        .unwrap()
        .into_iter()
        .map(|named| named.name)
        .collect();
    names.sort();
    names
}

#[test]
fn the_passphrase_opens_what_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.toml");
    assert!(Vault::read(&path).unwrap().is_none());
    let (vault, key) = vault(b"correct horse");
    vault.write(&path).unwrap();
    let read = Vault::read(&path).unwrap().unwrap();
    assert_eq!(read, vault);
    check_same(&read.unlock(b"correct horse").unwrap(), &key);
}

#[test]
fn a_wrong_passphrase_and_a_changed_file_say_the_same() {
    let (mut vault, _) = vault(b"correct horse");
    let wrong = vault.unlock(b"battery staple").unwrap_err().to_string();
    let Form::Slots(slots) = &mut vault.0 else {
        panic!("a new vault has slots");
    };
    for slot in &mut slots.slots {
        slot.0[SLOT - 1] ^= 1;
    }
    assert_eq!(
        vault.unlock(b"correct horse").unwrap_err().to_string(),
        wrong
    );
}

#[test]
fn several_people_each_have_their_own() {
    let (mut vault, key) = vault(b"first");
    vault.add(&key, "desk", b"second", os_entropy).unwrap();
    vault.add(&key, "ครัว", b"third", os_entropy).unwrap();
    for passphrase in [&b"first"[..], b"second", b"third"] {
        check_same(&vault.unlock(passphrase).unwrap(), &key);
    }
    assert_eq!(names(&vault, &key), ["desk", FIRST, "ครัว"]);
    vault.change(b"second", b"another", os_entropy).unwrap();
    check_shut(&vault, b"second");
    check_same(&vault.unlock(b"another").unwrap(), &key);
    vault.remove(&key, FIRST, os_entropy).unwrap();
    check_shut(&vault, b"first");
    vault.remove(&key, "desk", os_entropy).unwrap();
    let last = vault.remove(&key, "ครัว", os_entropy);
    assert!(matches!(last, Err(StoreError::LastSlot)), "{last:?}");
    check_same(&vault.unlock(b"third").unwrap(), &key);
}

#[test]
fn names_and_passphrases_that_will_not_do_are_refused() {
    let (mut vault, key) = vault(b"first");
    let long = "x".repeat(LONGEST_NAME + 1);
    for name in ["", " a", "a ", "a\u{7}", long.as_str()] {
        let refused = vault.add(&key, name, b"second", os_entropy);
        assert!(matches!(refused, Err(StoreError::BadSlotName)), "{name:?}");
    }
    for name in [FIRST, RECOVERY] {
        let refused = vault.add(&key, name, b"second", os_entropy);
        assert!(matches!(refused, Err(StoreError::SlotTaken(_))), "{name}");
    }
    let refused = vault.add(&key, "desk", b"first", os_entropy);
    assert!(matches!(refused, Err(StoreError::PassphraseTaken)));
    assert!(vault.add(&key, "desk", b"", os_entropy).is_err());
    assert!(matches!(
        vault.remove(&key, "desk", os_entropy),
        Err(StoreError::NoSlot(_))
    ));
    for n in 1..SLOTS - 1 {
        let name = n.to_string();
        vault.add(&key, &name, name.as_bytes(), os_entropy).unwrap();
    }
    let full = vault.add(&key, "more", b"one too many", os_entropy);
    assert!(matches!(full, Err(StoreError::NoFreeSlot)), "{full:?}");
    assert!(Vault::create(b"", Cost::LEAST, os_entropy).is_err());
}

#[test]
fn the_recovery_code_opens_it_and_gives_back_the_first_slot() {
    let (mut vault, key) = vault(b"forgotten");
    vault.set_recovery(&key, b"code one", os_entropy).unwrap();
    vault.set_recovery(&key, b"code two", os_entropy).unwrap();
    check_shut(&vault, b"code one");
    check_same(&vault.unlock(b"code two").unwrap(), &key);
    vault
        .change(b"code two", b"chosen anew", os_entropy)
        .unwrap();
    check_shut(&vault, b"forgotten");
    check_same(&vault.unlock(b"chosen anew").unwrap(), &key);
    check_same(&vault.unlock(b"code two").unwrap(), &key);
    assert_eq!(names(&vault, &key), [FIRST, RECOVERY]);
}

#[test]
fn no_name_is_taken_by_what_no_list_shows() {
    let (mut vault, key) = vault(b"first");
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
    vault.add(&key, "desk", b"second", os_entropy).unwrap();
    vault.remove(&key, FIRST, os_entropy).unwrap();
    vault.add(&key, FIRST, b"third", os_entropy).unwrap();
    assert_eq!(names(&vault, &key), ["desk", FIRST]);
    vault.remove(&key, FIRST, os_entropy).unwrap();
    check_shut(&vault, b"third");
    assert!(vault.unlock(b"plain").unwrap().is_plain());
}

#[test]
fn the_plain_passphrase_leaves_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.toml");
    let (mut vault, key) = vault(b"first");
    vault.add(&key, "desk", b"second", os_entropy).unwrap();
    vault.set_recovery(&key, b"code", os_entropy).unwrap();
    vault.set_plain(&key, Some(b"old"), os_entropy).unwrap();
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
    check_shut(&vault, b"old");
    let taken = vault.add(&key, "more", b"plain", os_entropy);
    assert!(matches!(taken, Err(StoreError::PassphraseTaken)));
    let taken = vault.set_plain(&key, Some(b"second"), os_entropy);
    assert!(matches!(taken, Err(StoreError::PassphraseTaken)));
    assert_eq!(names(&vault, &key), ["desk", FIRST, RECOVERY]);
    vault.write(&path).unwrap();

    let plain = vault.unlock(b"plain").unwrap();
    assert!(plain.is_plain() && !key.is_plain());
    vault
        .leave_only(b"plain", os_entropy)
        .unwrap()
        .write_over(&path)
        .unwrap();
    let mut left = Vault::read(&path).unwrap().unwrap();
    for passphrase in [&b"first"[..], b"second", b"code"] {
        check_shut(&left, passphrase);
    }
    // Cut short here, it is still the plain one; then it is like any other.
    assert!(left.unlock(b"plain").unwrap().is_plain());
    let settled = left.settle_plain(b"plain", os_entropy).unwrap();
    let opened = left.unlock(b"plain").unwrap();
    check_same(&opened, &settled);
    assert!(!opened.is_plain());
    // As a node that was just made.
    assert_eq!(names(&left, &opened), [FIRST, RECOVERY]);
    for purpose in [Purpose::Pseudonym, Purpose::SealPersons] {
        assert_ne!(
            opened.derive(purpose).as_bytes(),
            key.derive(purpose).as_bytes()
        );
    }
    assert_eq!(
        opened.derive(Purpose::Seal).as_bytes(),
        key.derive(Purpose::Seal).as_bytes()
    );
}

#[test]
fn a_vault_that_somebody_lengthened_is_overwritten_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.toml");
    let (mut vault, key) = vault(b"first");
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
    std::fs::write(&path, format!("{}# a note\n", vault.to_text())).unwrap();
    let read = Vault::read(&path).unwrap().unwrap();
    let alone = read.leave_only(b"plain", os_entropy).unwrap();
    alone.write_over(&path).unwrap();
    let left = Vault::read(&path).unwrap().unwrap();
    check_shut(&left, b"first");
    assert!(left.unlock(b"plain").unwrap().is_plain());
}

#[test]
fn the_file_does_not_tell_how_many_passphrases_there_are() {
    let (mut vault, key) = vault(b"first");
    let before = vault.to_text();
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
    vault.set_recovery(&key, b"code", os_entropy).unwrap();
    vault.add(&key, "desk", b"second", os_entropy).unwrap();
    let after = vault.to_text();
    assert_eq!(before.len(), after.len());
    let shape = |text: &str| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { 'x' } else { c };
        let text = text.replace(['+', '/'], "x");
        text.chars().map(letter).collect()
    };
    assert_eq!(shape(&before), shape(&after));
    assert_eq!(after.matches("desk").count(), 0);
    assert_eq!((SLOT, ALL_NAMES), (230, 1032));
    let cleared = {
        vault.set_plain(&key, None, os_entropy).unwrap();
        vault.to_text()
    };
    assert_eq!(shape(&cleared), shape(&before));
    check_shut(&vault, b"plain");
}

#[test]
fn as_many_passphrases_fit_beside_a_plain_book_as_without_one() {
    let fit = |with_plain: bool| {
        let (mut vault, key) = vault(b"first");
        vault.set_recovery(&key, b"code", os_entropy).unwrap();
        if with_plain {
            vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
        }
        (0..SLOTS)
            .take_while(|nth| {
                let name = nth.to_string();
                vault.add(&key, &name, name.as_bytes(), os_entropy).is_ok()
            })
            .count()
    };
    assert_eq!(fit(true), fit(false));
    assert_eq!(fit(false), SLOTS - 3);
    // The one that was kept is there for it.
    let (mut vault, key) = vault(b"first");
    (0..SLOTS - 2).for_each(|nth| {
        let name = nth.to_string();
        vault.add(&key, &name, name.as_bytes(), os_entropy).unwrap();
    });
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
}

#[test]
fn a_destroyed_vault_opens_for_nobody_and_is_as_long() {
    let (mut new, key) = vault(b"first");
    new.add(&key, "desk", b"second", os_entropy).unwrap();
    for vault in [new, Vault::parse(OLD).unwrap()] {
        let destroyed = vault.destroyed(os_entropy).unwrap();
        assert_eq!(destroyed.to_text().len(), vault.to_text().len());
        for passphrase in [&b"first"[..], b"second", b"six plain words"] {
            check_shut(&destroyed, passphrase);
        }
    }
}

/// A vault as the version before this one wrote it.
const OLD: &str = include_str!("../../../tests/it/samples/files/vault-format-1.toml");

#[test]
fn a_vault_of_the_format_before_opens_and_is_upgraded() {
    let mut vault = Vault::parse(OLD).unwrap();
    assert_eq!(vault.to_text(), OLD);
    let old = vault.unlock(b"six plain words").unwrap();
    assert!(!old.is_parted());
    assert_eq!(names(&vault, &old), [FIRST]);
    assert!(matches!(
        vault.add(&old, "desk", b"second", os_entropy),
        Err(StoreError::PassphraseNeeded)
    ));
    assert!(vault.upgrade(b"five plain words", os_entropy).is_err());
    let key = vault.upgrade(b"six plain words", os_entropy).unwrap();
    assert!(key.is_parted() && !vault.is_old());
    check_same(&vault.unlock(b"six plain words").unwrap(), &key);
    for purpose in [Purpose::Pseudonym, Purpose::SourceId, Purpose::TieBreak] {
        assert_eq!(
            key.derive(purpose).as_bytes(),
            old.derive(purpose).as_bytes()
        );
    }
    vault.add(&key, "desk", b"second", os_entropy).unwrap();
    check_same(&vault.unlock(b"second").unwrap(), &key);
}

#[test]
fn a_cost_out_of_bounds_is_refused_before_it_is_paid() {
    let (vault, _) = vault(b"passphrase");
    let text = vault.to_text();
    for (from, to) in [
        ("memory_kib = 8", "memory_kib = 4000000000"),
        ("memory_kib = 8", "memory_kib = 7"),
        ("passes = 1", "passes = 4000000000"),
        ("passes = 1", "passes = 0"),
        ("lanes = 1", "lanes = 2"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(
            matches!(Vault::parse(&changed), Err(ParseError::Bounds(_))),
            "{to}"
        );
    }
    let fewer = text.replacen("format = 2", "format = 3", 1);
    assert!(matches!(Vault::parse(&fewer), Err(ParseError::Syntax(_))));
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_is_read_or_refused(text: String) {
        assert!(Vault::parse(&text).is_err());
    }

    #[test]
    fn a_cut_vault_is_refused(cut: proptest::sample::Index) {
        let (vault, _) = vault(b"passphrase");
        let text = vault.to_text();
        let cut = cut.index(text.len() - 2);
        assert!(Vault::parse(&text[..cut]).is_err(), "{cut}");
    }
}
