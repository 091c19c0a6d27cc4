//! Directories and backups as earlier formats wrote them: each is still read, with every record
//! and leaf in it. `tests/it/fixtures/format-N.zip` is one node of format N, with what it said.
//!
//! `cargo test --test it formats::make -- --ignored` writes the file of the format as it is now;
//! run it once for a new format, and never again.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::damage::files;
use crate::world::World;
use crate::world::node::{A_TRAINING, bare};

/// Every format there ever was.
const FORMATS: &[u32] = &[1, 2];

const ASKED: [&[&str]; 4] = [
    &[
        "report",
        "training",
        "--measure",
        "activities",
        "--allow-partial",
        "--at",
        "2018-12-31",
    ],
    &["record", "list"],
    &["release", "list"],
    &["prove", "inpud", "0"],
];

fn fixture(format: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    folder.join(format!("format-{format}.zip"))
}

fn ask(world: &World, dir: &Path, asked: &[&str]) -> (i32, Value) {
    let passphrase = world.path("inpud.passphrase");
    let flags = ["--dir", dir.to_str().expect("UTF-8"), "--passphrase-file"];
    let flags = [&flags[..], &[passphrase.to_str().expect("UTF-8")], asked].concat();
    bare(world.root(), &flags)
}

#[test]
#[ignore = "makes the file the test below reads"]
fn make() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    for (start, period) in [("2018-02-03", "2018Q1"), ("2018-05-03", "2018Q2")] {
        let start = format!("start={start}");
        inpud.ok(&[&A_TRAINING[..], &["country=online", "attended=14", &start]].concat());
        inpud.publish(period, "training");
    }
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    let backup = world.path("backup.age");
    inpud.ok(&["backup", backup.to_str().expect("UTF-8")]);
    inpud.terminate();
    let said: Vec<Value> = ASKED.iter().map(|asked| inpud.ok(asked)).collect();
    let file = std::fs::File::create(fixture(counterfoil::store::dir::FORMAT)).expect("a file");
    let mut zip = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default();
    let mut put = |name: String, bytes: &[u8]| {
        zip.start_file(name, options).expect("a file in it");
        zip.write_all(bytes).expect("written");
    };
    for path in files(&inpud.dir) {
        let name = path.strip_prefix(world.root()).expect("below it");
        if !name.ends_with("lock") {
            put(
                name.display().to_string(),
                &std::fs::read(&path).expect("a file"),
            );
        }
    }
    for name in ["backup.age", "inpud.passphrase"] {
        put(
            name.to_owned(),
            &std::fs::read(world.path(name)).expect("a file"),
        );
    }
    put(
        "said.json".to_owned(),
        &serde_json::to_vec(&said).expect("JSON"),
    );
    zip.finish().expect("written");
}

fn unpack(format: u32, world: &World) {
    let file = std::fs::File::open(fixture(format)).expect("a fixture");
    let mut zip = zip::ZipArchive::new(file).expect("a fixture");
    for n in 0..zip.len() {
        let mut entry = zip.by_index(n).expect("a file in it");
        let name = entry.name().expect("a name").into_owned();
        let path = world.path(&name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("it can be read");
        std::fs::write(&path, bytes).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("a mode");
    }
}

#[test]
fn every_format_there_was_is_read_with_all_that_is_in_it() {
    let current = counterfoil::store::dir::FORMAT;
    for format in FORMATS {
        let world = World::new();
        unpack(*format, &world);
        let said = std::fs::read(world.path("said.json")).expect("what it said");
        let said: Vec<Value> = serde_json::from_slice(&said).expect("JSON");
        let node = world.path("inpud");
        // Before the upgrade and after it: nothing is damaged. The certificate has long expired.
        let looked = ask(&world, &node, &["doctor", "--deep"]).1;
        let whole = |check: &Value| check["name"] == "scrub" && check["state"] == "ok";
        let checks = looked["checks"].as_array().expect("checks");
        assert!(checks.iter().any(whole), "format {format}: {looked}");
        let restored = world.path("restored");
        let backup = world.path("backup.age");
        let restore = ["restore", backup.to_str().expect("UTF-8")];
        assert_eq!(ask(&world, &restored, &restore).0, 0, "format {format}");
        // What was there before is kept beside it, as it was.
        let copy = node.join(format!("before-format-{current}"));
        assert_eq!(copy.join("format").exists(), *format < current);
        for dir in [&node, &restored] {
            for (asked, said) in ASKED.iter().zip(&said) {
                let (code, now) = ask(&world, dir, asked);
                assert_eq!((code, &now), (0, said), "format {format}, {asked:?}");
            }
            let number = std::fs::read_to_string(dir.join("format")).expect("a number");
            assert_eq!(number, format!("{current}\n"), "format {format}");
        }
    }
}
