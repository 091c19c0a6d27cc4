//! One network's private plane, and files to import into it.

use std::fmt::Write as _;
use std::path::Path;

use counterfoil::charter::Policy;
use counterfoil::charter::policy::CodeList;
use counterfoil::model::{Kind, MemberId};
use counterfoil::record::{
    CodeLists, Desk, ImportOutcome, ImportRequest, RecordKeys, Target, import,
};
use counterfoil::store::backup::{Moment, Recipients, Source};
use counterfoil::store::{DataKey, PrivateStore, Purpose, os_entropy};
use tempfile::TempDir;

use crate::place;

/// A private plane in a folder of its own.
pub(crate) struct Plane {
    pub(crate) store: PrivateStore,
    pub(crate) member: MemberId,
    keys: RecordKeys,
    codes: CodeLists,
    folder: TempDir,
}

impl Plane {
    pub(crate) fn new() -> Self {
        let folder = place::folder();
        // Always the same key, since it breaks ties: whoever measures again finds the same tables.
        let same = |buffer: &mut [u8]| {
            buffer.fill(7);
            Ok(())
        };
        let key = DataKey::generate(same).expect("a key");
        let sub_key = |purpose| *key.derive(purpose).as_bytes();
        let policy = Policy::default_plan();
        let lists = CodeList::ALL.iter();
        Self {
            store: empty_store(folder.path(), &key),
            member: "inpud".parse().expect("an id"),
            keys: RecordKeys::new(sub_key(Purpose::Pseudonym), sub_key(Purpose::SourceId)),
            codes: CodeLists::new(lists.map(|list| (list.as_str(), policy.codes(*list)))),
            folder,
        }
    }

    /// Returns a backup of it.
    pub(crate) fn back_up(&self, to: &Recipients) -> Vec<u8> {
        let source = Source {
            dir: self.folder.path(),
            public: None,
            private: Some(&self.store),
            member: self.member.as_str(),
            own_log: None,
            date: "2018-05-01".to_owned(),
        };
        let moment = Moment::take(&source).expect("room for a copy");
        let mut file = Vec::new();
        moment.write(None, to, &mut file).expect("written");
        file
    }

    /// Imports a file of trainings, whole.
    pub(crate) fn import(&self, file: &[u8]) -> ImportOutcome {
        self.take(Kind::Training, Target::Records, file)
    }

    /// Imports a file, whole; rows of a list name their record in the column `record`.
    pub(crate) fn take(&self, kind: Kind, target: Target, file: &[u8]) -> ImportOutcome {
        let mut random = |buffer: &mut [u8]| os_entropy(buffer).expect("randomness");
        let mut desk = Desk {
            member: &self.member,
            codes: &self.codes,
            keys: &self.keys,
            now: jiff::Timestamp::now(),
            random: &mut random,
        };
        let map = map_of(kind, target, file);
        let request = ImportRequest {
            name: "",
            file,
            sheet: None,
            kind,
            target,
            map: map.as_deref(),
            dry_run: false,
            keep_good: false,
        };
        let outcome = import(&self.store, &mut desk, request, &mut |_| {});
        let outcome = outcome.expect("the file is read");
        assert!(outcome.rejected.is_empty(), "{:?}", outcome.rejected);
        outcome
    }
}

/// Writes a MAP that takes every column for the field it is called by.
fn map_of(kind: Kind, target: Target, file: &[u8]) -> Option<String> {
    if target == Target::Records {
        return None;
    }
    let header = std::str::from_utf8(file).ok()?.lines().next()?;
    let mut map = format!("kind = \"{kind}\"\n[columns]\n");
    for column in header.split(',') {
        let _ = writeln!(map, "{column} = \"{column}\"");
    }
    Some(map)
}

/// Makes an empty private database in a folder.
pub(crate) fn empty_store(folder: &Path, key: &DataKey) -> PrivateStore {
    PrivateStore::open(&folder.join("private"), key, os_entropy).expect("a private plane")
}

/// Writes a file of trainings, all in the first quarter of 2018.
pub(crate) fn trainings(rows: usize) -> String {
    const COUNTRIES: [&str; 5] = ["TH", "VN", "ID", "online", "NP"];
    const TOPICS: [&str; 3] = ["accounting", "auditing", "financial_management"];
    let mut file = "source_id,title,start,country,topics,hours,attended,completed\n".to_owned();
    for row in 0..rows {
        let (country, topic) = (COUNTRIES[row % 5], TOPICS[row % 3]);
        let (month, day) = (1 + row % 3, 1 + row % 28);
        let attended = 5 + row % 40;
        let _ = writeln!(
            file,
            "t-{row:06},Training number {row},2018-{month:02}-{day:02},{country},{topic},{},{attended},{}",
            1 + row % 16,
            attended / 2,
        );
    }
    file
}
