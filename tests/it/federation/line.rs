//! Nodes that dial each other over TCP and mutual TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::federation::{Awaited, HeadSense, Pace, Peers};
use counterfoil::identity::{Authority, Handle, Role};
use counterfoil::rpc::serve::{Door, serve};
use counterfoil::rpc::services::PeerBook as _;
use counterfoil::rpc::services::federation::{Peering, TlsDial};
use counterfoil::rpc::services::{Routes, sync_service};
use counterfoil::rpc::{Limits, tls};
use counterfoil::store::os_entropy;
use tokio::net::TcpListener;

use super::world::{NOW, Node, id, pwud};
use crate::listener::{Trust, own_cert};

const THREE: [&str; 3] = ["anpud", "inpud", "relay"];

/// A node with an address and peers.
struct Station {
    node: Node,
    peers: Arc<Peers>,
    url: String,
}

/// Waits far longer than these tests take: only what happens makes a node dial.
fn pace() -> Pace {
    Pace {
        interval: Duration::from_secs(3600),
        first_retry: Duration::from_millis(20),
        last_retry: Duration::from_millis(50),
    }
}

async fn stations() -> Vec<Station> {
    let authorities = THREE.map(|own| Authority::generate(&id(own), NOW).expect("a key"));
    let pinned: Vec<&Authority> = authorities.iter().collect();
    let mut stations = Vec::new();
    for (own, authority) in THREE.iter().zip(&authorities) {
        let trust = Trust::of(&pinned, &THREE);
        let shown = own_cert(&authority.issue_node(&pwud(), &[], NOW).expect("issues"));
        let node = Node::start(own, &THREE);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let door = Door {
            tls: tls::server_config(Arc::clone(&shown)).expect("TLS 1.3"),
            trust: trust.clone(),
            routes: Routes::new(sync_service(&node.federation)),
            limits: Limits::default(),
        };
        tokio::spawn(serve(listener, door, std::future::pending()));
        let dial = TlsDial { own: shown, trust };
        let federation = Arc::clone(&node.federation);
        let peers = Peers::new(federation, Arc::new(dial), pace(), os_entropy);
        let peers = Arc::new(peers);
        stations.push(Station { node, peers, url });
    }
    stations
}

impl Station {
    fn knows(&self, other: &Self) {
        self.peers
            .add(&other.node.id, &other.url)
            .expect("a member");
    }

    /// Waits until this node holds so many leaves of a log.
    async fn holds(&self, member: &str, size: u64) {
        let mut news = self.node.federation.news();
        let held = async {
            while self.node.size(member) < size {
                // Any news will do, and so will having missed some.
                let _ = news.recv().await;
            }
        };
        let held = tokio::time::timeout(Duration::from_secs(20), held).await;
        held.unwrap_or_else(|_| panic!("{} never held {member} {size}", self.node.id));
    }
}

#[tokio::test]
async fn one_stream_over_tls_levels_both() {
    let all = stations().await;
    let [anpud, inpud, _] = &all[..] else {
        panic!("three");
    };
    anpud.node.publish(1500);
    inpud.node.publish(2500);
    inpud.knows(anpud);
    let done = inpud.peers.sync_now(None).await.expect("a charter");
    assert_eq!(done.len(), 1);
    assert!(done[0].ok, "{done:?}");
    assert_eq!((done[0].received, done[0].sent), (1500, 2500));
    for member in ["inpud", "anpud"] {
        assert_eq!(inpud.node.entries(member), anpud.node.entries(member));
    }
    assert_eq!(inpud.node.cosigned_by("inpud"), ["anpud"]);
    assert_eq!(inpud.node.federation.sense.sense(), HeadSense::Sure);
    // Both know how it went.
    for (one, other) in [(inpud, anpud), (anpud, inpud)] {
        let status = one.node.federation.status(&other.node.id);
        assert_eq!((status.last_sync, status.error), (Some(NOW), None));
    }
}

#[tokio::test]
async fn a_peer_that_is_not_up_yet_is_no_trouble_at_first() {
    let all = stations().await;
    let [anpud, inpud, _] = &all[..] else {
        panic!("three");
    };
    // A port that was free a moment ago, and where nobody listens now.
    let free = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("https://{}", free.local_addr().expect("bound"));
    drop(free);
    let (peers, other) = (&inpud.peers, &anpud.node.id);
    let told = || {
        let book = Peering(Arc::clone(peers));
        let words = |told: Vec<counterfoil::wire::Problem>| -> Vec<String> {
            told.into_iter().map(|problem| problem.code).collect()
        };
        (words(book.problems()), words(book.waiting()))
    };
    peers.add(other, &url).expect("a member");
    let running = tokio::spawn(Arc::clone(peers).run());
    let silent = async {
        while !matches!(peers.awaited(other), Some(Awaited::Silent(_))) {
            tokio::task::yield_now().await;
        }
    };
    let silent = tokio::time::timeout(Duration::from_secs(20), silent).await;
    silent.expect("it is dialled");
    let waiting = vec!["not_yet_reached".to_owned()];
    assert_eq!(told(), (vec![], waiting), "just started");
    inpud.node.clock.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(told(), (vec!["peer".to_owned()], vec![]), "an hour later");
    // Somebody who was heard is missed at once.
    running.abort();
    inpud.knows(anpud);
    assert!(peers.sync_now(Some(other)).await.expect("a charter")[0].ok);
    assert_eq!(told(), (vec![], vec![]));
    peers.add(other, &url).expect("a member");
    peers.sync_now(Some(other)).await.expect("a charter");
    assert_eq!(told(), (vec!["peer".to_owned()], vec![]));
}

#[tokio::test]
async fn what_is_published_reaches_those_who_never_meet() {
    let all = stations().await;
    let [anpud, inpud, relay] = &all[..] else {
        panic!("three");
    };
    // Both dial the relay; the relay passes on to ANPUD.
    inpud.knows(relay);
    relay.knows(anpud);
    let mut running = tokio::task::JoinSet::new();
    for station in &all {
        running.spawn(Arc::clone(&station.peers).run());
    }
    let mut sense = inpud.node.federation.sense.changes();
    sense
        .wait_for(|sense| *sense == HeadSense::Sure)
        .await
        .expect("lives");
    for size in [3, 5] {
        inpud.node.publish(size - inpud.node.size("inpud"));
        inpud.node.federation.published();
        anpud.holds("inpud", size).await;
    }
    assert_eq!(inpud.node.entries("inpud"), anpud.node.entries("inpud"));
}

#[tokio::test]
async fn two_that_dial_each_other_at_once_are_both_served() {
    for _ in 0..5 {
        let all = stations().await;
        let [anpud, inpud, _] = &all[..] else {
            panic!("three");
        };
        anpud.node.publish(300);
        inpud.node.publish(400);
        inpud.knows(anpud);
        anpud.knows(inpud);
        let (one, other) = tokio::join!(anpud.peers.sync_now(None), inpud.peers.sync_now(None));
        let done = [one.expect("a charter"), other.expect("a charter")].concat();
        assert!(done.iter().all(|sync| sync.ok), "{done:?}");
        assert_eq!(inpud.node.size("anpud") + anpud.node.size("inpud"), 700);
    }
}

#[tokio::test]
async fn whoever_cannot_be_reached_is_named_and_does_not_stop_us() {
    let all = stations().await;
    let [anpud, inpud, relay] = &all[..] else {
        panic!("three");
    };
    // The relay's address, but not ANPUD's node.
    let wrong = inpud.peers.add(&anpud.node.id, &relay.url);
    assert!(wrong.expect("a member").overridden);
    let done = inpud.peers.sync_now(None).await.expect("a charter");
    let words = "shows a wrong certificate: expected spiffe://anpud.pwud/node";
    assert!(done[0].error.contains(words), "{done:?}");
    assert_eq!(inpud.node.federation.sense.sense(), HeadSense::Sure);
    for (url, words) in [
        ("https://127.0.0.1:1", "127.0.0.1:1 cannot be reached"),
        ("nonsense", "is not a node's address"),
    ] {
        inpud.peers.add(&anpud.node.id, url).expect("a member");
        let done = inpud.peers.sync_now(Some(&anpud.node.id)).await;
        let done = done.expect("a charter");
        assert!(done[0].error.contains(words), "{done:?}");
    }
    let stranger = inpud.peers.add(&id("stranger"), &relay.url);
    assert!(stranger.is_err());
    assert!(inpud.peers.add(&inpud.node.id, &relay.url).is_err());
    assert!(inpud.peers.sync_now(Some(&relay.node.id)).await.is_err());
}

#[tokio::test]
async fn another_charter_is_refused_on_both_sides_in_words() {
    let all = stations().await;
    let [anpud, inpud, _] = &all[..] else {
        panic!("three");
    };
    inpud.knows(anpud);
    let without = b"2 anpud relay";
    anpud.node.federation.charters.accept(without);
    inpud.node.publish(3);
    let done = inpud.peers.sync_now(None).await.expect("a charter");
    let words = "anpud ended the sync: inpud is not a member in version 2 of the charter";
    assert_eq!(done[0].error, words);
    assert_eq!(anpud.node.size("inpud"), 0);
}

#[tokio::test]
async fn a_coordinator_may_not_sync() {
    let authority = Authority::generate(&id("inpud"), NOW).expect("a key");
    let trust = Trust::of(&[&authority], &["inpud"]);
    let node = Node::start("inpud", &["inpud"]);
    let shown = own_cert(&authority.issue_node(&pwud(), &[], NOW).expect("issues"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let door = Door {
        tls: tls::server_config(shown).expect("TLS 1.3"),
        trust: trust.clone(),
        routes: Routes::new(sync_service(&node.federation)),
        limits: Limits::default(),
    };
    tokio::spawn(serve(listener, door, std::future::pending()));
    let role = Role::Coordinator(Handle::from_entropy([7; 10]));
    let grant = authority.issue_grant(&pwud(), role, 1.0, NOW);
    let dial = TlsDial {
        own: own_cert(&grant.expect("issues")),
        trust,
    };
    let line = counterfoil::federation::Dial::dial(&dial, &id("inpud"), &url).await;
    let error = line.expect_err("refused").to_string();
    assert!(error.contains("a coordinator may call Reports"), "{error}");
}
