//! The settings file of a node.
#![no_main]

use std::path::Path;

use counterfoil::config::Written;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(written) = Written::parse_file(Path::new("counterfoil.toml"), text) {
        let _ = written.check();
    }
});
