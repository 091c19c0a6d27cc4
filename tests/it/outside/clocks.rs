//! A clock that is wrong and is set right, a year either way, under a node that runs and under one
//! that starts: its log stays one history, callers are refused in words, and once the clock is right
//! everything goes on by itself. The clock is the test's; the peer is a process with the true one.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil::clock::Clock;
use counterfoil::config::{Config, Passphrase};
use counterfoil::node::open::Node as OpenedNode;
use counterfoil::node::serve::Running;
use counterfoil::rpc::Client;
use counterfoil::store::os_entropy;
use counterfoil::wire;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::world::{self, Node, World};

/// The clock of the node below, Unix seconds.
static NOW: AtomicU64 = AtomicU64::new(0);

const CLOCK: Clock = Clock {
    now: || NOW.load(Ordering::Relaxed),
    today,
};

/// Somewhat more than a year, so that every certificate and every term is over.
const LONG: u64 = 400 * 86_400;

fn today() -> Date {
    let now = i64::try_from(CLOCK.now()).expect("a time");
    let now = Timestamp::from_second(now).expect("a time");
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn set_clock(true_time: u64, ahead: bool) -> Date {
    let time = match ahead {
        true => true_time + LONG,
        false => true_time - LONG,
    };
    NOW.store(time, Ordering::Relaxed);
    today()
}

/// Opens the node by its passphrase file and serves.
async fn start(node: &Node) -> (Running, Client) {
    let config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        ..Config::default()
    };
    world::released(&node.dir).await;
    let passphrase = Passphrase::read(&node.passphrase()).expect("a passphrase");
    let opened = OpenedNode::open(&node.dir, config, Some(passphrase), CLOCK, os_entropy).await;
    let running = Running::start(opened.expect("it opens")).await;
    let running = running.expect("it serves");
    let client = running.client().expect("a client");
    (running, client)
}

/// Publishes a training held in `quarter` of 2018, and returns how long the log is.
async fn publish(client: &Client, quarter: u8) -> u64 {
    let set = |field: &str, value: String| wire::Setting {
        field: field.to_owned(),
        value,
    };
    let settings = vec![
        set("title", "A day".to_owned()),
        set("start", format!("2018-{:02}-03", quarter * 3)),
    ];
    let kind = "training".to_owned();
    let request = wire::AddRecordRequest { kind, settings };
    client.add_record(request).await.expect("added");
    let request = wire::PreviewRequest {
        period: format!("2018Q{quarter}"),
        kinds: vec!["training".to_owned()],
    };
    let digest = client.preview(request).await.expect("a draft").digest;
    let request = wire::PublishRequest {
        digest,
        hold_seconds: 0,
    };
    client.publish(request).await.expect("published").tree_size
}

/// Syncs with the one peer; returns what went wrong.
async fn sync(client: &Client) -> Option<String> {
    let all = wire::SyncPeersRequest::default();
    let synced = client.sync_peers(all).await.expect("an answer");
    let peer = synced.peers.first().expect("a peer");
    (!peer.ok).then(|| peer.error.clone())
}

async fn unlock(client: &Client, node: &Node) {
    let text = std::fs::read_to_string(node.passphrase()).expect("a passphrase");
    let request = wire::UnlockRequest {
        passphrase: text.trim().to_owned(),
    };
    client.unlock(request).await.expect("unlocked");
}

async fn troubles(client: &Client) -> Vec<String> {
    let health = client.health(wire::HealthRequest {}).await.expect("health");
    let codes = health.problems.into_iter().map(|problem| problem.code);
    codes.collect()
}

/// Returns the day a leaf of the node's log says, as the peer holds it.
fn day(peer: &Node, index: usize) -> String {
    let proof = peer.ok(&["prove", "inpud", &index.to_string()]);
    let document = proof["text"].as_str().expect("a proof");
    let leaf = document
        .lines()
        .find_map(|line| line.strip_prefix("extra "));
    let leaf = STANDARD.decode(leaf.expect("a leaf")).expect("base64");
    let text = String::from_utf8_lossy(&leaf);
    let date = text.lines().find_map(|line| line.strip_prefix("date "));
    date.expect("a day").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_a_year_either_way_forks_nothing_and_all_goes_on_once_it_is_right() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success());
    let true_time = Timestamp::now().as_second().cast_unsigned();
    NOW.store(true_time, Ordering::Relaxed);
    let (mut node, mut client) = start(&inpud).await;
    let peer = wire::AddPeerRequest {
        member: "anpud".to_owned(),
        url: anpud.url(),
    };
    client.add_peer(peer).await.expect("a peer");
    assert_eq!(publish(&client, 1).await, 1);
    let mut days = vec![today().to_string()];
    assert_eq!(sync(&client).await, None);

    for (ahead, quarter, refused) in [(true, 2, "expired"), (false, 3, "not valid before")] {
        // Under a node that runs: it signs on, with the day its clock says, and believes no peer.
        days.push(set_clock(true_time, ahead).to_string());
        assert_eq!(publish(&client, quarter).await, u64::from(quarter));
        let said = sync(&client)
            .await
            .expect("the peer's certificate is not of this day");
        assert!(said.contains(refused), "{said}");
        // Under one that starts, which makes its certificate anew.
        drop(client);
        node.stop().await;
        (node, client) = start(&inpud).await;
        unlock(&client, &inpud).await;
        assert!(sync(&client).await.is_some());

        // Set right: what the wrong clock made is named and made anew.
        NOW.store(true_time, Ordering::Relaxed);
        let code = match ahead {
            true => "certificate_early",
            false => "certificate_expired",
        };
        let found = troubles(&client).await;
        assert!(found.iter().any(|found| found == code), "{found:?}");
        let said = sync(&client).await.expect("our certificate is refused");
        assert!(said.contains("certificate"), "{said}");
        unlock(&client, &inpud).await;
        let found = troubles(&client).await;
        assert!(
            !found.iter().any(|found| found.contains("certificate")),
            "{found:?}"
        );
        assert_eq!(sync(&client).await, None);
        // One history, in the order of signing, whatever the days say.
        for (index, signed) in days.iter().enumerate() {
            assert_eq!(day(&anpud, index), *signed);
        }
        let doctor = client.doctor(wire::DoctorRequest::default()).await;
        let checks = doctor.expect("a look").checks;
        let clock = checks.iter().find(|check| check.name == "clock");
        let said = &clock.expect("it looks at the clock").message;
        let later = said.contains("has a leaf of a later day");
        assert_eq!(later, ahead, "{said}");
    }
    drop(client);
    node.stop().await;
    assert_eq!(anpud.ok(&["health"])["problems"], serde_json::json!([]));
}
