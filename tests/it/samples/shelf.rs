//! A private book in memory, and files brought to it.

use std::cell::RefCell;

use counterfoil::model::Kind;
use counterfoil::record::{
    CodeLists, Desk, Field, ImportOutcome, ImportRequest, Record, RecordError, RecordKeys, Target,
    add, each, import,
};

use crate::memory::MemoryBook;

/// A book that forgets.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) book: MemoryBook,
    counter: RefCell<u64>,
}

impl Shelf {
    /// Lets `work` sit at the desk of a member whose charter has no code lists.
    pub(crate) fn work<T>(&self, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let member = "inpud".parse().expect("a member");
        let codes = CodeLists::default();
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let mut counter = self.counter.borrow_mut();
        let mut random = |out: &mut [u8]| {
            for byte in out {
                // Knuth's generator of 64 bits; its upper ones are the good ones.
                *counter = counter
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *byte = (*counter >> 56) as u8;
            }
        };
        work(&mut Desk {
            member: &member,
            codes: &codes,
            keys: &keys,
            now: "2026-02-03T04:05:06Z".parse().expect("a time"),
            random: &mut random,
        })
    }

    /// Imports a file.
    pub(crate) fn import(&self, request: ImportRequest<'_>) -> Result<ImportOutcome, RecordError> {
        self.work(|desk| import(&self.book, desk, request, &mut |_| {}))
    }

    /// Adds a record with a title for lists to hang on.
    pub(crate) fn add(&self, kind: Kind) -> Record {
        let settings = [("title", "Anything"), ("start", "2018-01-02")];
        self.work(|desk| add(&self.book, desk, kind, &settings))
            .expect("is added")
    }

    /// Returns every record of a kind.
    pub(crate) fn records(&self, kind: Kind) -> Vec<Record> {
        let mut records = Vec::new();
        each(&self.book, kind, &mut |record| {
            records.push(record);
            Ok(())
        })
        .expect("the book can be read");
        records
    }
}

/// Returns the request for a file whose rows are records.
pub(crate) const fn records_of<'a>(
    name: &'a str,
    file: &'a [u8],
    kind: Kind,
    map: &'a str,
) -> ImportRequest<'a> {
    ImportRequest {
        name,
        file,
        sheet: None,
        kind,
        target: Target::Records,
        map: Some(map),
        dry_run: false,
        keep_good: false,
    }
}

/// Adds up a count over rows that know it, and says how many do.
pub(crate) fn sum<'r, R: counterfoil::record::Values + 'r>(
    rows: impl IntoIterator<Item = &'r R>,
    field: Field,
) -> (u64, u64) {
    let known = rows.into_iter().filter_map(|row| row.count(field));
    known.fold((0, 0), |(sum, rows), count| {
        (sum + u64::from(count), rows + 1)
    })
}
