//! Generates the messages and services of `proto/`, with no `protoc`.
//!
//! Messages come first and alone, so that quiet rooms can use them; services refer to them.

use std::error::Error;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &[
    "admin",
    "approvals",
    "charters",
    "federation",
    "records",
    "releases",
    "reports",
    "summary",
    "upkeep",
    "vault",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let root = Path::new("proto");
    let files: Vec<PathBuf> = FILES
        .iter()
        .map(|name| root.join(format!("counterfoil/v1/{name}.proto")))
        .collect();
    let descriptors = protox::compile(&files, [root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), prost_encode(&descriptors))?;

    let messages = out.join("messages");
    std::fs::create_dir_all(&messages)?;
    prost_build::Config::new()
        .out_dir(&messages)
        .btree_map(["."])
        .compile_fds(descriptors.clone())?;

    tonic_prost_build::configure()
        .extern_path(".counterfoil.v1", "crate::wire")
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}

fn prost_encode(descriptors: &impl prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
