//! A world for tests that stand outside: real processes of the real program, one directory each,
//! and nothing of this machine in their environment.
//!
//! - [`World`]: a temporary folder with every node, file and socket in it.
//! - [`caller`]: somebody who calls a node over mutual TLS.
//! - [`node`]: one node: its commands, and its process while it serves.
//! - [`table`]: rows of a report, and small CSV files.

pub(crate) mod caller;
pub(crate) mod node;
pub(crate) mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) use node::Node;

/// A temporary folder with every node, file and socket of one test in it.
#[derive(Debug)]
pub(crate) struct World {
    dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().expect("a folder"),
        };
        std::fs::create_dir(world.path("run")).expect("a folder for sockets");
        world
    }

    /// Returns the path of a file or folder of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file and returns its path, as a command takes it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file only its owner can read, and returns its path.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.write(name, text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("a mode");
        path
    }

    /// Takes over the node that lies in the folder called `id`.
    pub(crate) fn adopt(&self, id: &str, passphrase: &str) -> Node {
        Node::adopt(self.root(), id, passphrase)
    }

    /// Makes a member's node: `init` with more flags, which may say its size and countries.
    pub(crate) fn member(&self, id: &str, flags: &[&str]) -> Node {
        Node::make(self.root(), id, flags)
    }

    /// Makes a relay.
    pub(crate) fn relay(&self, id: &str) -> Node {
        Node::make(self.root(), id, &["--relay"])
    }

    /// Makes INPUD and ANPUD, serving, under one charter since 2018.
    pub(crate) fn pair(&self, flags: &[&str]) -> [Node; 2] {
        let mut nodes = ["inpud", "anpud"].map(|id| self.member(id, flags));
        nodes.iter_mut().for_each(Node::serve);
        self.unite("2018", &[&nodes[0], &nodes[1]]);
        nodes
    }

    /// Gives every node one charter, signed by all its governors, in force since `since`.
    ///
    /// Nodes that serve unlocked need no passphrase again, so let them serve first.
    pub(crate) fn unite(&self, since: &str, nodes: &[&Node]) -> String {
        let draft = self.draft(since, nodes, &[]);
        let path = self.write("charter", draft);
        let governors = nodes.iter().filter(|node| !node.is_relay());
        for node in governors {
            node.ok(&["charter", "sign", &path]);
        }
        for node in nodes {
            let applied = node.ok(&["charter", "apply", &path]);
            assert_eq!(applied["valid"], true, "{applied}");
        }
        path
    }

    /// Drafts a charter for these nodes.
    pub(crate) fn draft(&self, since: &str, nodes: &[&Node], flags: &[&str]) -> String {
        let mut command = vec!["charter", "new", "--consortium", "joint"];
        command.extend(["--threshold", "2", "--since", since]);
        let cards: Vec<String> = nodes.iter().map(|node| self.card(node)).collect();
        command.extend(cards.iter().flat_map(|card| ["--card", card]));
        command.extend(flags);
        let drafted = node::ok(self.root(), &command);
        drafted["text"].as_str().expect("a draft").to_owned()
    }

    fn card(&self, node: &Node) -> String {
        let card = node.ok(&["charter", "card"]);
        let text = card["text"].as_str().expect("a card");
        self.write(&format!("{}.card", node.id), text)
    }
}

impl Drop for World {
    /// Leaves everything for whoever wants to know, where a test failed and `COUNTERFOIL_KEEP` is
    /// set.
    #[expect(clippy::print_stderr, reason = "says where to look")]
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("COUNTERFOIL_KEEP").is_some() {
            self.dir.disable_cleanup(true);
            eprintln!("kept: {}", self.root().display());
        }
    }
}

/// Copies a folder with everything in it to where nothing is yet.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}

/// The longest anything here may take; far beyond what it does take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the number that a variable of the environment says, if it does.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Waits until nobody holds a node's directory: what a node that ran in this process was still doing
/// when it stopped may hold it a moment longer.
pub(crate) async fn released(dir: &Path) {
    let lock = std::fs::File::open(dir.join("lock")).expect("a lock");
    // Let go again as the file is closed.
    let held = tokio::task::spawn_blocking(move || lock.lock());
    let held = tokio::time::timeout(PATIENCE, held).await;
    held.expect("let go in time")
        .expect("no panic")
        .expect("held");
}

/// Waits until `condition` gives something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
