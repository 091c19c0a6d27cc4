//! Drafts that leave later: not before their time, once, and only as they were held.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil::clock::Clock;
use counterfoil::config::{Config, Passphrase};
use counterfoil::node::open::Node as OpenedNode;
use counterfoil::node::serve::Running;
use counterfoil::rpc::Client;
use counterfoil::store::os_entropy;
use counterfoil::wire;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::world::node::refusal;
use crate::world::{self, Node, World};

fn add(node: &Node, title: &str) -> String {
    let title = format!("title={title}");
    let add = ["record", "add", "--kind", "training", "--set", &title];
    let added = node.ok(&[&add[..], &["start=2018-02-01", "attended=20"]].concat());
    added["id"].as_str().expect("an id").to_owned()
}

fn preview(node: &Node) -> String {
    let draft = node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
    draft["digest"].as_str().expect("a digest").to_owned()
}

fn releases(node: &Node) -> usize {
    let listed = node.ok(&["release", "list"]);
    listed["releases"].as_array().expect("releases").len()
}

#[test]
fn a_held_draft_is_listed_survives_a_power_cut_and_is_taken_back() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    add(&inpud, "one");
    let digest = preview(&inpud);
    let publish = ["release", "publish", digest.as_str()];
    let hold = |time| [&publish[..], &["--hold", time]].concat();
    for time in ["59s", "0m", "31d", "soon", ""] {
        refusal(inpud.run(&hold(time)), 2, "misuse");
    }
    let held = inpud.ok(&hold("24h"));
    let until = held["until"].as_str().expect("a time").to_owned();
    let until_then: jiff::Timestamp = until.parse().expect("RFC 3339");
    assert!(until.ends_with('Z') && until_then > jiff::Timestamp::now());
    assert_eq!(
        (&held["held"], &held["published"], &held["tree_size"]),
        (&json!(true), &json!([]), &json!(0))
    );
    let listed = json!({"holds": [{
        "digest": digest, "period": "2018Q1", "until": until, "kinds": ["training"],
        "state": "waiting",
    }]});
    assert_eq!(inpud.ok(&["release", "holds"]), listed);
    inpud.refused(&publish, "held");
    inpud.refused(&hold("1h"), "held");

    inpud.kill();
    assert_eq!(inpud.ok(&["release", "holds"]), listed, "no node runs");
    inpud.serve();
    assert_eq!(inpud.ok(&["release", "holds"]), listed);
    assert_eq!(releases(&inpud), 0);
    // When it leaves is nobody else's business.
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    assert!(!anpud.ok(&["health"]).to_string().contains(&until));

    let cancel = ["release", "cancel", digest.as_str()];
    assert_eq!(
        inpud.ok(&cancel),
        json!({"digest": digest, "cancelled": true, "period": "2018Q1"})
    );
    inpud.refused(&cancel, "not_found");
    assert_eq!(inpud.ok(&["release", "holds"]), json!({"holds": []}));
    let published = inpud.ok(&publish);
    assert_eq!((&published["tree_size"], releases(&inpud)), (&json!(1), 1));
    assert_eq!(published["held"], Value::Null);
    // Where nothing would leave, there is nothing to hold.
    assert_eq!(inpud.ok(&hold("24h"))["published"], json!([]));
    assert_eq!(inpud.ok(&["release", "holds"]), json!({"holds": []}));
}

/// The clock of the nodes below, Unix seconds.
static NOW: AtomicU64 = AtomicU64::new(0);

const CLOCK: Clock = Clock {
    now: || NOW.load(Ordering::Relaxed),
    today,
};

fn today() -> Date {
    date(2019, 1, 31)
}

fn turn_clock(by: u64) {
    NOW.fetch_add(by, Ordering::Relaxed);
}

/// Opens the node of a directory in this process, by the clock above.
async fn open(node: &Node, approvals: u32) -> OpenedNode {
    let config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        approvals: approvals.try_into().expect("not zero"),
        ..Config::default()
    };
    world::released(&node.dir).await;
    let passphrase = Passphrase::read(Path::new(&node.passphrase())).expect("a passphrase");
    let opened = OpenedNode::open(&node.dir, config, Some(passphrase), CLOCK, os_entropy).await;
    opened.expect("it opens")
}

/// Asks a node in this process.
struct Asked<'a>(&'a Client, &'a str);

impl Asked<'_> {
    async fn hold(&self, digest: &str) -> wire::Hold {
        let request = wire::PublishRequest {
            digest: digest.to_owned(),
            hold_seconds: 86_400,
        };
        let held = self.0.publish(request).await.expect("held").held;
        held.expect("nothing has left")
    }

    async fn holds(&self) -> Vec<wire::Hold> {
        let request = wire::ListHoldsRequest {};
        self.0.list_holds(request).await.expect("a list").holds
    }

    async fn releases(&self) -> usize {
        let request = wire::ListReleasesRequest {};
        let listed = self.0.list_releases(request).await;
        listed.expect("a list").releases.len()
    }

    async fn preview(&self) -> String {
        let request = wire::PreviewRequest {
            period: "2018Q1".to_owned(),
            kinds: vec!["training".to_owned()],
        };
        self.0.preview(request).await.expect("a draft").digest
    }

    async fn edit(&self, id: &str, attended: &str) {
        let setting = wire::Setting {
            field: "attended".to_owned(),
            value: attended.to_owned(),
        };
        let request = wire::EditRecordRequest {
            id: id.to_owned(),
            settings: vec![setting],
        };
        self.0.edit_record(request).await.expect("edited");
    }

    /// Locks and unlocks, after which the node looks at the clock.
    async fn wake(&self) {
        self.0.lock(wire::LockRequest {}).await.expect("locked");
        let passphrase = self.1.to_owned();
        let request = wire::UnlockRequest { passphrase };
        self.0.unlock(request).await.expect("unlocked");
    }

    async fn problems(&self) -> Vec<String> {
        let health = self.0.health(wire::HealthRequest {}).await;
        let problems = health.expect("an answer").problems.into_iter();
        problems.map(|problem| problem.code).collect()
    }
}

/// Waits until a question has the answer it should.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = std::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed().as_secs() < 60, "waited in vain: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// One test, as there is one clock.
#[test]
fn what_is_held_leaves_by_itself_when_its_time_has_come() {
    let world = World::new();
    let [mut inpud, _anpud] = world.pair(&["--size", "large"]);
    let id = add(&inpud, "one");
    assert!(inpud.terminate().success());
    let real = jiff::Timestamp::now().as_second();
    NOW.store(real.try_into().expect("after 1970"), Ordering::Relaxed);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        by_itself(&inpud).await;
        unless_something_changed(&inpud, &id).await;
        when_next_opened(&inpud, &id).await;
        unless_approval_is_missing(&inpud, &id).await;
    });
}

async fn by_itself(node: &Node) {
    let running = Running::start(open(node, 1).await).await.expect("it runs");
    let client = running.client().expect("a client");
    let asked = Asked(&client, "the passphrase of inpud");
    let digest = asked.preview().await;
    let hold = asked.hold(&digest).await;
    turn_clock(86_399);
    asked.wake().await;
    assert_eq!(asked.holds().await, [hold], "a second is left");
    assert_eq!(asked.releases().await, 0);
    // Nobody asks for anything: the timer alone is at work.
    turn_clock(1);
    until("it leaves", async || asked.releases().await == 1).await;
    until("no hold is left", async || asked.holds().await.is_empty()).await;
    asked.wake().await;
    assert_eq!(asked.releases().await, 1, "once");
    drop(client);
    running.stop().await;
}

async fn unless_something_changed(node: &Node, id: &str) {
    let running = Running::start(open(node, 1).await).await.expect("it runs");
    let client = running.client().expect("a client");
    let asked = Asked(&client, "the passphrase of inpud");
    asked.edit(id, "40").await;
    let digest = asked.preview().await;
    asked.hold(&digest).await;
    asked.edit(id, "60").await;
    assert_eq!(asked.holds().await[0].state, "waiting");
    assert_eq!(asked.problems().await, [] as [&str; 0]);
    turn_clock(86_400);
    asked.wake().await;
    until("it is stale", async || {
        asked.holds().await[0].state == "stale"
    })
    .await;
    assert!(asked.holds().await[0].reason.contains("changed"));
    assert_eq!(asked.problems().await, ["hold_stale"]);
    assert_eq!(asked.releases().await, 1);
    let request = wire::CancelHoldRequest { digest };
    client.cancel_hold(request).await.expect("taken back");
    assert_eq!(asked.problems().await, [] as [&str; 0]);
    drop(client);
    running.stop().await;
}

async fn when_next_opened(node: &Node, id: &str) {
    let opened = open(node, 1).await;
    let client = opened.client().expect("a client");
    let asked = Asked(&client, "");
    asked.edit(id, "80").await;
    let digest = asked.preview().await;
    asked.hold(&digest).await;
    opened.let_out_held().await.expect("something waits");
    assert_eq!(asked.releases().await, 1);
    drop(client);
    opened.close();
    drop(opened);
    turn_clock(86_400);
    let opened = open(node, 1).await;
    let client = opened.client().expect("a client");
    let asked = Asked(&client, "");
    assert_eq!(asked.holds().await[0].state, "due");
    assert_eq!(
        opened.let_out_held().await,
        None,
        "nothing is left to wait for"
    );
    assert_eq!((asked.releases().await, asked.holds().await.len()), (2, 0));
    drop(client);
    opened.close();
}

async fn unless_approval_is_missing(node: &Node, id: &str) {
    let opened = open(node, 1).await;
    let client = opened.client().expect("a client");
    let asked = Asked(&client, "");
    asked.edit(id, "100").await;
    let digest = asked.preview().await;
    asked.hold(&digest).await;
    drop(client);
    opened.close();
    drop(opened);
    turn_clock(86_400);
    // Meanwhile the node came to ask for two persons.
    let opened = open(node, 2).await;
    let client = opened.client().expect("a client");
    let asked = Asked(&client, "");
    opened.let_out_held().await;
    let held = asked.holds().await.remove(0);
    assert_eq!(held.state, "stale");
    assert!(held.reason.contains("approved"), "{}", held.reason);
    assert_eq!(asked.releases().await, 2);
    drop(client);
    opened.close();
}
