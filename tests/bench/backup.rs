//! A backup of a book of 100,000 records: every row read, opened, and sealed for whoever restores it.

use counterfoil::store::backup::{Recipients, make_identity};

use crate::import::ROWS;
use crate::measure::{Took, in_turns, say, say_ratio};
use crate::plane::{Plane, trainings};

const ROUNDS: usize = 5;

/// Bytes a second that are to be reached.
const WANTED: f64 = 50e6;

pub(crate) fn run() {
    let plane = Plane::new();
    plane.import(trainings(ROWS).as_bytes());
    let (_, recipient) = make_identity();
    let to = Recipients::keys(&[recipient]).expect("a key");
    let whole = plane.back_up(&to);
    let mut copy = vec![0; whole.len()];
    let [taken, copied] = in_turns(
        ROUNDS,
        [
            &mut || {
                let (took, again) = Took::of(|| plane.back_up(&to));
                // age puts a line of chance into each header.
                assert!(again.len().abs_diff(whole.len()) < 1024);
                took
            },
            &mut || Took::of(|| copy.copy_from_slice(&whole)).0,
        ],
    );
    let speed = whole.len() as f64 / taken.wall;
    say(
        "backup of 100,000 records",
        format!(
            "{:.0} MB/s of {:.0} MB; {:.0} MB for a second of processor time",
            speed / 1e6,
            whole.len() as f64 / 1e6,
            whole.len() as f64 / taken.cpu / 1e6
        ),
    );
    say_ratio("backup against 50 MB/s", speed / WANTED, "1 or more");
    say_ratio(
        "backup against copying the file in memory",
        taken.wall / copied.wall,
        "no target",
    );
}
