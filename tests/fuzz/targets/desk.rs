//! An import that keeps nothing.

use counterfoil::model::{Kind, MemberId};
use counterfoil::record::book::{Change, Each, Space};
use counterfoil::record::{
    Book, CodeLists, Desk, ImportRequest, RecordError, RecordKeys, Target, import as import_into,
};

/// A book with nothing in it.
struct Empty;

impl Book for Empty {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        Ok(None)
    }

    fn scan(&self, _: Space, _: &[u8], _: &mut Each<'_>) -> Result<(), RecordError> {
        Ok(())
    }

    fn apply(&self, _: Vec<Change>) -> Result<(), RecordError> {
        Ok(())
    }
}

/// Imports a file into it.
pub(crate) fn import(file: &[u8], map: Option<&str>) {
    let member: MemberId = "anpud".parse().expect("an id");
    let codes = CodeLists::default();
    let keys = RecordKeys::new([1; 32], [2; 32]);
    let mut desk = Desk {
        member: &member,
        codes: &codes,
        keys: &keys,
        now: jiff::Timestamp::UNIX_EPOCH,
        random: &mut |buffer| buffer.fill(3),
    };
    let request = ImportRequest {
        name: "sheet",
        file,
        sheet: None,
        kind: Kind::Training,
        target: Target::Records,
        map,
        dry_run: true,
        keep_good: false,
    };
    let _ = import_into(&Empty, &mut desk, request, &mut |_| {});
}
