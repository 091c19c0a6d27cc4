//! A file of 100,000 rows into the sealed book, beside what lies under it.

use counterfoil::store::{Changes, DataKey, os_entropy};

use crate::measure::{Took, in_turns, say, say_mib, say_rate, say_ratio};
use crate::network::{GIVER, Network};
use crate::place;
use crate::plane::{Plane, empty_store, trainings};
use crate::served::{Served, counterfoil};

/// Rows of the file.
pub(crate) const ROWS: usize = 100_000;

const ROUNDS: usize = 3;

/// The parts of the private database an import writes to.
const SPACES: [u8; 2] = [1, 2];

pub(crate) fn run() {
    let file = trainings(ROWS);
    let written = written_by(&file);
    let [whole, stored, parsed] = in_turns(
        ROUNDS,
        [
            &mut || {
                let plane = Plane::new();
                let (took, outcome) = Took::of(|| plane.import(file.as_bytes()));
                assert_eq!(outcome.created, ROWS as u64);
                took
            },
            &mut || store(&written),
            &mut || Took::of(|| parse(&file)).0,
        ],
    );
    say_rate(
        "100,000 rows imported: read, checked, sealed, on disk",
        ROWS,
        whole,
    );
    say_rate("- the same bytes put into the sealed store", ROWS, stored);
    say_rate("- the same file only parsed as CSV", ROWS, parsed);
    say_ratio(
        "import against the store alone, rows/s",
        stored.wall / whole.wall,
        "no target",
    );
    by_command(&file);
}

/// Imports as somebody would: by the command, into a node that runs.
fn by_command(file: &str) {
    let folder = place::folder();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let network = runtime.block_on(Network::found(folder.path(), 1));
    let table = folder.path().join("trainings.csv");
    std::fs::write(&table, file).expect("room on the disk");
    let served = Served::start(&network.dir(GIVER), Some(&network.passphrase_file()));
    served.forget_peak();
    let before = served.resident().now;
    let mut import = counterfoil(
        &network.dir(GIVER),
        &["record", "import", "--kind", "training"],
    );
    let (took, status) = Took::of(|| import.arg(&table).status());
    assert!(status.expect("the program starts").success());
    say(
        "the same by the command, into a running node",
        format!("{:>10.0}/s", ROWS as f64 / took.wall),
    );
    say_mib("memory of that node before", before, "no target");
    say_mib(
        "memory of that node at most",
        served.resident().peak,
        "no target",
    );
}

type Rows = Vec<(u8, Vec<u8>, Vec<u8>)>;

/// Returns every key and value an import of the file writes.
fn written_by(file: &str) -> Rows {
    let plane = Plane::new();
    plane.import(file.as_bytes());
    let rows = |space| {
        plane.store.scan(space, &[]).map(move |row| {
            let (key, value) = row.expect("a row");
            (space, key, value.to_vec())
        })
    };
    SPACES.into_iter().flat_map(rows).collect()
}

fn store(rows: &Rows) -> Took {
    let folder = place::folder();
    let key = DataKey::generate(os_entropy).expect("a key");
    let store = empty_store(folder.path(), &key);
    let mut changes = Changes::new();
    for (space, key, value) in rows {
        changes.put(*space, key, value.clone());
    }
    Took::of(|| store.apply(changes).expect("room on the disk")).0
}

fn parse(file: &str) -> usize {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut bytes = 0;
    while reader.read_record(&mut record).expect("CSV") {
        bytes += record.iter().map(str::len).sum::<usize>();
    }
    bytes
}
