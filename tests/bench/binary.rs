//! The program as it is shipped.

use std::path::Path;

use crate::measure::{say, say_mib};

pub(crate) fn run() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let program = target.map(|target| target.join("dist/counterfoil"));
    match program.and_then(|program| program.metadata().ok()) {
        Some(program) => say_mib("the program, stripped", program.len(), "15 or less"),
        None => say(
            "the program, stripped",
            "not built; cargo build --profile dist",
        ),
    }
}
