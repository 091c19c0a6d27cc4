//! kill -9 at random moments: whatever was acknowledged is there, nothing is half there, and no
//! log forks.
//!
//! `COUNTERFOIL_KILLS=100` makes it a hundred kills; `COUNTERFOIL_SEED` says which moments.

use std::process::Stdio;
use std::time::{Duration, Instant};

use counterfoil::identity::VerifierKey;
use counterfoil::log::{
    Hash, MemoryTree, Origin, SignedCheckpoint, TlogProof, VerifiedCheckpoint, leaf_hash,
};
use serde_json::{Value, json};

use crate::world::{Node, World, number};

/// Rows of one import: more than one batch of the store.
const ROWS: usize = 1_500;

/// Kills of a normal run.
const KILLS: u64 = 6;

#[test]
fn nothing_acknowledged_is_lost_and_no_log_forks() {
    let kills = number("COUNTERFOIL_KILLS", KILLS);
    let seed = number("COUNTERFOIL_SEED", 0x5eed);
    let mut stage = Stage::set(seed);
    for round in 0..kills {
        match round % 4 {
            0 => stage.import(round),
            1 => stage.publish(round),
            2 => stage.sync(round),
            _ => stage.import_without_a_process(round),
        }
        stage.all_acknowledged_is_there(round);
    }
    stage.both_converge();
    let [cut_short, acknowledged] = stage.answers;
    assert!(
        kills < 40 || (cut_short > 0 && acknowledged > 0),
        "every kill came too early or too late: {cut_short} cut short, {acknowledged} not"
    );
}

const fn import(file: &str) -> [&str; 5] {
    ["record", "import", file, "--kind", "training"]
}

/// A generator anybody can run again: `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a moment from the beginning of something to well after its usual end.
    fn moment(&mut self, usual: Duration) -> Duration {
        usual.mul_f64((self.next() % 1_700) as f64 / 1_000.0)
    }
}

/// Two nodes, and what they acknowledged. The first is the one that is killed, mostly.
struct Stage {
    world: World,
    victim: Node,
    other: Node,
    chance: Chance,
    origin: Origin,
    log_key: VerifierKey,
    /// Tree sizes and root hashes the victim acknowledged.
    heads: Vec<(u64, String)>,
    /// Every leaf of the victim's log that was ever seen, by its index.
    leaves: Vec<String>,
    /// Commands that were cut short, and those that were acknowledged before the kill.
    answers: [u64; 2],
    usual: Usual,
}

/// How long things take undisturbed.
#[derive(Default)]
struct Usual {
    start: Duration,
    import: Duration,
    publish: Duration,
    sync: Duration,
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

impl Stage {
    fn set(seed: u64) -> Self {
        let world = World::new();
        let flags = ["--size", "small"];
        let mut victim = world.member("inpud", &flags);
        let mut other = world.member("anpud", &flags);
        victim.serve();
        other.serve();
        let charter = world.unite("2018", &[&victim, &other]);
        let note = crate::world::node::read(charter.as_ref());
        let note = counterfoil::charter::CharterNote::parse(&note).expect("a charter");
        let charter = note.charter();
        let member = "inpud".parse().expect("an id");
        let mut stage = Self {
            origin: Origin::of(charter.consortium(), &member),
            log_key: charter.log_vkey(&member).expect("a key"),
            world,
            victim,
            other,
            chance: Chance(seed),
            heads: Vec::new(),
            leaves: Vec::new(),
            answers: [0; 2],
            usual: Usual::default(),
        };
        stage.measure();
        stage
    }

    /// Does each thing undisturbed.
    fn measure(&mut self) {
        for round in 0..2 {
            let file = self.file("served", round);
            let (usual, outcome) = timed(|| self.victim.ok(&import(&file)));
            assert_eq!(outcome["unchanged"], 0, "{outcome}");
            self.usual.import = usual;
        }
        self.add_something(&self.victim, "2018Q1");
        let digest = self.preview(&self.victim, "2018Q1");
        let publish = ["release", "publish", &digest];
        let (usual, published) = timed(|| self.victim.ok(&publish));
        self.usual.publish = usual;
        self.acknowledged(&published);
        assert!(self.victim.terminate().success());
        self.usual.start = timed(|| self.victim.serve()).0;
        self.other.knows(&self.victim);
        self.usual.sync = timed(|| self.other.sync(&self.victim)).0;
    }

    /// Writes the file of a round: the rows of the rounds before, each with another count.
    fn file(&self, name: &str, round: u64) -> String {
        let mut text = String::from("source_id,title,start,attended\n");
        for row in 0..ROWS {
            text.push_str(&format!("{name}-{row},A day,2017-01-01,{}\n", 12 + round));
        }
        self.world.write(&format!("{name}.csv"), text)
    }

    /// Two kinds in one period: a publish of two leaves.
    fn add_something(&self, node: &Node, quarter: &str) {
        let (year, quarter) = quarter.split_once('Q').expect("a quarter");
        let month = (quarter.parse::<u32>().expect("a number") - 1) * 3 + 1;
        let start = format!("start={year}-{month:02}-05");
        for kind in ["training", "consultation"] {
            node.ok(&[
                "record",
                "add",
                "--kind",
                kind,
                "--set",
                "title=A day",
                "--set",
                &start,
            ]);
        }
    }

    fn preview(&self, node: &Node, quarter: &str) -> String {
        let draft = node.ok(&[
            "release",
            "preview",
            quarter,
            "--kind",
            "training,consultation",
        ]);
        draft["digest"].as_str().expect("a digest").to_owned()
    }

    fn acknowledged(&mut self, published: &Value) {
        let size = published["tree_size"].as_u64().expect("a size");
        let root = published["root_hash"].as_str().expect("a root hash");
        self.heads.push((size, root.to_owned()));
    }

    /// Kills the victim while it does this, and returns what it acknowledged before, if it did.
    fn killed_during(&mut self, command: &[&str], usual: Duration) -> Option<Value> {
        let moment = self.chance.moment(usual);
        let asker = self.victim.command(command).stdout(Stdio::piped()).spawn();
        let asker = asker.expect("it starts");
        std::thread::sleep(moment);
        self.victim.kill();
        let output = asker.wait_with_output().expect("it ends");
        self.victim.serve();
        self.answers[usize::from(output.status.success())] += 1;
        let answer = serde_json::from_slice(&output.stdout).ok();
        output.status.success().then(|| answer.expect("an answer"))
    }

    fn import(&mut self, round: u64) {
        let file = self.file("served", round + 2);
        let acknowledged = self.killed_during(&import(&file), self.usual.import);
        self.imported_whole(&file, acknowledged.is_some(), round);
    }

    /// The command opens the node itself, and is the process that is killed.
    fn import_without_a_process(&mut self, round: u64) {
        let file = self.file("alone", round + 1);
        assert!(self.victim.terminate().success());
        let mut command = self.victim.command(&import(&file));
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("it starts");
        // Opening the node comes first.
        std::thread::sleep(self.chance.moment(self.usual.start + self.usual.import));
        child.kill().expect("a process");
        let output = child.wait_with_output().expect("it ends");
        self.answers[usize::from(output.status.success())] += 1;
        self.victim.serve();
        self.imported_whole(&file, output.status.success(), round);
    }

    /// All of the file is there, or nothing of it; all of it, if that was acknowledged.
    fn imported_whole(&self, file: &str, acknowledged: bool, round: u64) {
        let again = self.victim.ok(&import(file));
        let rows = ["created", "updated", "unchanged"].map(|name| again[name].as_u64());
        let whole = rows == [0, 0, ROWS as u64].map(Some);
        let nothing = rows[2] == Some(0) && again["rejected"] == json!([]);
        assert!(
            whole || (nothing && !acknowledged),
            "round {round}: {again}"
        );
    }

    fn publish(&mut self, round: u64) {
        let quarter = format!("{}Q{}", 2019 + round / 4, round % 4 + 1);
        self.add_something(&self.victim, &quarter);
        let digest = self.preview(&self.victim, &quarter);
        let command = ["release", "publish", &digest];
        if let Some(published) = self.killed_during(&command, self.usual.publish) {
            assert_eq!(published["published"].as_array().map(Vec::len), Some(2));
            self.acknowledged(&published);
        }
        // Again: what was let out is not let out twice, and what was not is let out now.
        let digest = self.preview(&self.victim, &quarter);
        let published = self.victim.ok(&["release", "publish", &digest]);
        self.acknowledged(&published);
        let listed = self.victim.ok(&["release", "list"]);
        let releases = listed["releases"].as_array().expect("releases");
        let of_quarter = |release: &&Value| {
            let series = release["series"].as_str().unwrap_or_default();
            series.ends_with(&quarter)
        };
        assert_eq!(
            releases.iter().filter(of_quarter).count(),
            2,
            "round {round}: {listed}"
        );
    }

    /// Kills one of the two while one has something for the other.
    fn sync(&mut self, round: u64) {
        let quarter = format!("{}Q{}", 2019 + round / 4, round % 4 + 1);
        // The victim's come last: what the other publishes, it passes on at once.
        for node in [&self.other, &self.victim] {
            self.add_something(node, &quarter);
            let digest = self.preview(node, &quarter);
            node.ok(&["release", "publish", &digest]);
        }
        for kind in ["joint_project", "advocacy_action", "capacity_milestone"] {
            self.victim
                .ok(&["release", "status", &quarter, "nil", "--kind", kind]);
        }
        let nothing = self.preview(&self.victim, &quarter);
        let published = self.victim.ok(&["release", "publish", &nothing]);
        assert_eq!(published["published"], json!([]));
        self.acknowledged(&published);
        self.other.knows(&self.victim);
        let command = ["peer", "sync", "--peer", "inpud"];
        let asker = self.other.command(&command).stdout(Stdio::piped()).spawn();
        let asker = asker.expect("it starts");
        std::thread::sleep(self.chance.moment(self.usual.sync));
        let killed = match self.chance.next() % 2 {
            0 => &mut self.victim,
            _ => &mut self.other,
        };
        killed.kill();
        asker.wait_with_output().expect("it ends");
        killed.serve();
        self.other.knows(&self.victim);
        self.other.sync(&self.victim);
        let level = self.other.sync(&self.victim);
        assert_eq!(level, (0, 0), "round {round}: a sync leaves nothing over");
    }

    /// Every head ever acknowledged is a prefix of the log as it is now.
    fn all_acknowledged_is_there(&mut self, round: u64) {
        let health = self.victim.ok(&["health"]);
        let problems = health["problems"].as_array().expect("problems");
        // That a peer was cut off is no damage.
        let damage = problems.iter().find(|problem| problem["code"] != "peer");
        assert_eq!(damage, None, "round {round}");
        let size = health["tree_size"].as_u64().expect("a size");
        let mut head = None;
        for index in self.leaves.len() as u64..size {
            let (leaf, proven_under) = self.proven(index);
            self.leaves.push(leaf);
            head = Some(proven_under);
        }
        assert_eq!(
            self.leaves.len() as u64,
            size,
            "round {round}: a leaf is gone"
        );
        // One of all the leaves, whose proof also says what the log is now.
        let index = self.chance.next() % size;
        let (leaf, now) = self.proven(index);
        assert_eq!(
            leaf, self.leaves[index as usize],
            "round {round}: leaf {index}"
        );
        assert!(head.is_none_or(|head| head == now), "round {round}");

        let mut tree = MemoryTree::new();
        let mut roots: Vec<Hash> = vec![tree.root()];
        for leaf in &self.leaves {
            tree.extend([leaf_hash(leaf.as_bytes())]);
            roots.push(tree.root());
        }
        assert_eq!(
            now,
            (size, tree.root()),
            "round {round}: the log was rewritten"
        );
        for (size, root) in &self.heads {
            let now = roots.get(*size as usize).map(ToString::to_string);
            assert_eq!(now.as_ref(), Some(root), "round {round}: forked at {size}");
        }
        let kept = self.kept_checkpoint();
        let last = self.heads.iter().map(|(size, _)| *size).max();
        assert!(
            Some(kept.size()) >= last,
            "round {round}: the file fell behind"
        );
        assert_eq!(kept.root(), roots[kept.size() as usize], "round {round}");
    }

    /// Returns a leaf of the victim's log and the head it is in, once everything up to the
    /// signature was checked.
    fn proven(&self, index: u64) -> (String, (u64, Hash)) {
        let proof = self.victim.ok(&["prove", "inpud", &index.to_string()]);
        let text = proof["text"].as_str().expect("a proof");
        let proof = TlogProof::parse(text.as_bytes()).expect("a proof");
        let keys = std::slice::from_ref(&self.log_key);
        let proven = proof.verify(&self.origin, keys).expect("it holds");
        let head = (proven.checkpoint.size(), proven.checkpoint.root());
        (proven.leaf.encode().expect("a leaf"), head)
    }

    /// Returns the checkpoint kept outside the databases.
    fn kept_checkpoint(&self) -> VerifiedCheckpoint {
        let note = crate::world::node::read(&self.victim.dir.join("checkpoint"));
        let signed = SignedCheckpoint::parse(&note).expect("a checkpoint");
        let keys = std::slice::from_ref(&self.log_key);
        signed.verify(&self.origin, keys).expect("our own")
    }

    fn both_converge(&self) {
        self.other.knows(&self.victim);
        self.other.sync(&self.victim);
        let seen = [&self.victim, &self.other].map(|node| {
            let question = [
                "report",
                "training",
                "--measure",
                "activities",
                "--allow-partial",
            ];
            let question = [&question[..], &["--by", "member,period"]].concat();
            let mut answer = node.ok(&question);
            let heads = answer["as_of"]["checkpoints"].take();
            let plain = |head: &Value| {
                ["member", "tree_size", "root_hash"].map(|name| head[name].to_string())
            };
            let heads: Vec<_> = heads.as_array().expect("heads").iter().map(plain).collect();
            (heads, answer["rows"].take())
        });
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].0.len(), 2, "both logs");
        assert_eq!(self.other.ok(&["health"])["problems"], json!([]));
    }
}
