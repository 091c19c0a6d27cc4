//! What honest nodes come to hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil::federation::{HeadSense, Mark, Side};
use counterfoil::log::Audience;
use counterfoil::store::{Head, Payload, Replica};

use super::world::{
    DAY, Node, Wire, direction, id, origin, recall, summary, sync, sync_over, well,
};

const TWO: [&str; 2] = ["inpud", "anpud"];
const THREE: [&str; 3] = ["anpud", "inpud", "relay"];

fn two() -> (Node, Node) {
    (Node::start("inpud", &TWO), Node::start("anpud", &TWO))
}

#[tokio::test]
async fn both_directions_go_over_one_stream() {
    let (inpud, anpud) = two();
    inpud.publish(700);
    anpud.publish(300);
    let done = sync(&inpud, &anpud).await;
    well(&done);
    assert_eq!((done.0.received, done.0.sent), (300, 700));
    assert_eq!((done.1.received, done.1.sent), (700, 300));
    for member in TWO {
        assert_eq!(inpud.entries(member), anpud.entries(member));
        assert_eq!(inpud.log(member).head_size(), inpud.size(member));
    }
    // Each head came back with the other's cosignature.
    assert_eq!(inpud.cosigned_by("inpud"), ["anpud"]);
    assert_eq!(anpud.cosigned_by("inpud"), ["anpud"]);
    assert_eq!(inpud.cosigned_by("anpud"), ["inpud"]);
    assert_eq!(anpud.cosigned_by("anpud"), ["inpud"]);
}

#[tokio::test]
async fn a_third_node_gets_everything_through_the_second() {
    let [anpud, inpud, relay] = THREE.map(|own| Node::start(own, &THREE));
    inpud.publish(300);
    anpud.publish(200);
    well(&sync(&inpud, &relay).await);
    well(&sync(&relay, &anpud).await);
    well(&sync(&inpud, &relay).await);
    for member in ["inpud", "anpud"] {
        assert_eq!(inpud.entries(member), anpud.entries(member));
        assert_eq!(inpud.entries(member), relay.entries(member));
        assert_eq!(
            inpud.entries(member).len(),
            if member == "inpud" { 300 } else { 200 }
        );
    }
    // INPUD's head was witnessed by ANPUD, which never spoke to it, and the word came back.
    well(&sync(&relay, &anpud).await);
    well(&sync(&relay, &inpud).await);
    assert_eq!(inpud.cosigned_by("inpud"), ["anpud", "relay"]);
    assert_eq!(inpud.cosigned_by("anpud"), ["inpud", "relay"]);
}

#[tokio::test]
async fn what_follows_comes_without_what_was_there() {
    let (inpud, anpud) = two();
    for round in 1..=3 {
        inpud.publish(100);
        let wire = Arc::new(Wire::default());
        well(&sync_over(&anpud, &inpud, &wire).await);
        assert_eq!(wire.leaves.load(Ordering::SeqCst), 100);
        assert_eq!(anpud.log("inpud").head_size(), round * 100);
    }
}

#[tokio::test]
async fn a_stream_broken_at_any_frame_is_taken_up_where_it_broke() {
    for cut_after in 1.. {
        let (inpud, anpud) = two();
        inpud.publish(1000);
        anpud.publish(900);
        let broken = Arc::new(Wire {
            cut_after,
            ..Wire::default()
        });
        let done = sync_over(&inpud, &anpud, &broken).await;
        let stored = anpud.size("inpud") + inpud.size("anpud");
        let again = Arc::new(Wire::default());
        well(&sync_over(&anpud, &inpud, &again).await);
        for member in TWO {
            assert_eq!(inpud.entries(member), anpud.entries(member));
            assert_eq!(anpud.log(member).head_size(), anpud.size(member));
        }
        // What was on the disk is not sent again.
        assert_eq!(again.leaves.load(Ordering::SeqCst), 1900 - stored);
        if done.0.ok && done.1.ok {
            assert!(cut_after > 10);
            return;
        }
    }
}

#[tokio::test]
async fn a_new_store_is_read_from_its_start() {
    let (inpud, anpud) = two();
    anpud.publish(50);
    well(&sync(&inpud, &anpud).await);
    let (_, rebuilt) = two();
    // All its own leaves come back to it, payloads too.
    well(&sync(&rebuilt, &inpud).await);
    assert_eq!(rebuilt.entries("anpud"), inpud.entries("anpud"));
    rebuilt.publish(10);
    well(&sync(&rebuilt, &inpud).await);
    assert_eq!(inpud.size("anpud"), 60);
}

#[tokio::test]
async fn a_payload_goes_only_to_its_audience() {
    let [anpud, inpud, relay] = THREE.map(|own| Node::start(own, &THREE));
    let only_anpud = Audience::of([id("anpud")]).expect("not empty");
    let entries = [
        summary("inpud", 0, Audience::ALL),
        summary("inpud", 1, only_anpud),
    ];
    inpud.append(entries.to_vec());
    well(&sync(&inpud, &relay).await);
    assert_eq!(relay.entries("inpud")[0], entries[0]);
    assert_eq!(relay.entries("inpud")[1].payload, Payload::Absent);
    // The relay passes the leaf on; the payload stays wanted until somebody has it.
    well(&sync(&relay, &anpud).await);
    assert_eq!(anpud.entries("inpud")[1].payload, Payload::Wanted);
    let done = sync(&anpud, &inpud).await;
    well(&done);
    assert_eq!(anpud.entries("inpud"), entries);
    assert_eq!(anpud.store.missing_payloads().count(), 0);
}

#[tokio::test]
async fn a_recalled_payload_is_gone_everywhere() {
    let (inpud, anpud) = two();
    inpud.publish(3);
    well(&sync(&inpud, &anpud).await);
    inpud
        .store
        .erase_payload(&inpud.origin(), 1)
        .expect("erases");
    // A recall of a later leaf, or of one that is no summary, recalls nothing.
    inpud.append(vec![recall(1), recall(3), recall(99)]);
    well(&sync(&anpud, &inpud).await);
    assert_eq!(anpud.entries("inpud")[1].payload, Payload::Erased);
    assert_eq!(anpud.entries("inpud"), inpud.entries("inpud"));

    // One that meets leaf and recall together never sees the payload.
    let late = Node::start("anpud", &TWO);
    well(&sync(&late, &inpud).await);
    assert_eq!(late.entries("inpud")[1].payload, Payload::Erased);
    assert_eq!(late.store.missing_payloads().count(), 0);
}

#[tokio::test]
async fn a_charter_comes_before_the_logs_of_those_it_names() {
    let inpud = Node::with_charter("inpud", "1 inpud anpud", None);
    let anpud = Node::with_charter("anpud", "1 inpud anpud", None);
    let next = "2 inpud anpud aidsfonds";
    inpud.federation.charters.accept(next.as_bytes());
    let aidsfonds = Node::with_charter("aidsfonds", next, None);
    inpud.store.commit().expect("commits");
    aidsfonds.publish(5);
    well(&sync(&inpud, &aidsfonds).await);
    well(&sync(&anpud, &inpud).await);
    assert_eq!(anpud.federation.roll().expect("a roll").version(), 2);
    assert_eq!(anpud.size("aidsfonds"), 5);
}

#[tokio::test]
async fn a_head_is_cosigned_anew_after_a_day() {
    let (inpud, anpud) = two();
    inpud.publish(1);
    well(&sync(&inpud, &anpud).await);
    let first = inpud.log("inpud").head;
    for (hours, renewed) in [(23, false), (25, true)] {
        for node in [&inpud, &anpud] {
            let then = super::world::NOW + hours * DAY / 24;
            node.clock.store(then, Ordering::SeqCst);
        }
        well(&sync(&inpud, &anpud).await);
        assert_eq!(inpud.log("inpud").head != first, renewed, "after {hours} h");
    }
    assert_eq!(inpud.cosigned_by("inpud"), ["anpud"]);
}

/// Frames of a sync with nothing new, among `count` logs that both hold.
async fn frames_of_an_empty_sync(count: usize) -> usize {
    let names: Vec<String> = (0..count).map(|n| format!("member-{n}")).collect();
    let mut all = TWO.to_vec();
    all.extend(names.iter().map(String::as_str));
    let (inpud, anpud) = (Node::start("inpud", &all), Node::start("anpud", &all));
    for name in &names {
        let member = Node::start_on(&inpud, name);
        member.publish(1);
    }
    inpud.store.commit().expect("commits");
    // Heads go over, come back cosigned, and are known from then on.
    for _ in 0..4 {
        well(&sync(&inpud, &anpud).await);
    }
    assert_eq!(anpud.store.logs().count(), count);
    let wire = Arc::new(Wire::default());
    well(&sync_over(&inpud, &anpud, &wire).await);
    wire.frames.load(Ordering::SeqCst)
}

#[tokio::test]
async fn an_empty_sync_costs_the_same_with_few_and_with_many_logs() {
    let few = frames_of_an_empty_sync(3).await;
    assert_eq!(few, 6, "hello, sent and acked from each");
    assert_eq!(frames_of_an_empty_sync(300).await, few);
}

#[tokio::test]
async fn a_restored_node_signs_nothing_until_a_peer_has_shown_its_head() {
    let (inpud, anpud) = two();
    inpud.publish(5);
    well(&sync(&inpud, &anpud).await);
    // The backup held three of the five.
    let mark = Mark {
        reason: "restored from a backup; sync with a peer".to_owned(),
        size: 3,
    };
    let restored = Node::with_charter("inpud", "1 inpud anpud", Some(mark));
    restored.publish(3);
    restored.federation.sense.first_round_ended();
    assert!(matches!(
        restored.federation.sense.sense(),
        HeadSense::Unsure(_)
    ));
    well(&sync(&restored, &anpud).await);
    assert_eq!(restored.federation.sense.sense(), HeadSense::Sure);
    assert_eq!(restored.entries("inpud"), inpud.entries("inpud"));
}

#[tokio::test]
async fn our_own_head_that_contradicts_ours_stops_us() {
    let (inpud, anpud) = two();
    inpud.publish(5);
    well(&sync(&inpud, &anpud).await);
    let forked = Node::start("inpud", &TWO);
    forked.append(
        (100..107)
            .map(|n| summary("inpud", n, Audience::ALL))
            .collect(),
    );
    forked.federation.sense.first_round_ended();
    let mut done = sync(&forked, &anpud).await;
    // The other side may refuse our leaves before we have looked at its head: a later round tells.
    for _ in 0..4 {
        if done.0.error.contains("do not belong") {
            done = sync(&forked, &anpud).await;
        }
    }
    assert!(done.0.error.contains("signed two histories"), "{done:?}");
    assert!(forked.log("inpud").frozen, "{done:?}");
    let sense = forked.federation.sense.sense();
    assert!(matches!(sense, HeadSense::Unsure(_)), "{sense:?}: {done:?}");
}

#[tokio::test]
async fn a_log_with_two_histories_is_frozen_wherever_the_proof_comes() {
    // The two halves of the consortium see different trees, of different sizes.
    for (here, there) in [(4, 4), (4, 7), (5, 9), (8, 13)] {
        let all = ["anpud", "inpud", "liar", "relay"];
        let [anpud, inpud, relay] = ["anpud", "inpud", "relay"].map(|own| Node::start(own, &all));
        let (one, other) = (Node::start("liar", &all), Node::start("liar", &all));
        one.publish(here);
        other.append(
            (50..50 + there)
                .map(|n| summary("liar", n, Audience::ALL))
                .collect(),
        );
        well(&sync(&one, &anpud).await);
        well(&sync(&other, &inpud).await);
        let before = (anpud.entries("liar"), inpud.entries("liar"));
        // Whoever holds the longer tree convicts; the other is told with proof.
        sync(&anpud, &inpud).await;
        sync(&anpud, &inpud).await;
        sync(&anpud, &relay).await;
        for node in [&anpud, &inpud, &relay] {
            assert!(
                node.log("liar").frozen,
                "{} with {here} and {there}",
                node.id
            );
        }
        assert_eq!((anpud.entries("liar"), inpud.entries("liar")), before);
        // Frozen once, it no longer stands in anybody's way.
        inpud.publish(1);
        well(&sync(&anpud, &inpud).await);
        assert_eq!(anpud.size("inpud"), 1);
    }
}

#[tokio::test]
async fn a_head_for_leaves_that_are_held_is_taken_without_fetching() {
    let (inpud, anpud) = two();
    inpud.publish(4);
    well(&sync(&inpud, &anpud).await);
    let origin = origin("inpud");
    let root = Replica::new(&anpud.store, &origin).root().expect("reads");
    let bare = inpud.sign(4, root);
    assert_eq!(bare.size, 4);
    // The same head without cosignatures takes none away.
    anpud
        .store
        .set_head(&origin, Head { size: 4, ..bare })
        .expect("stores");
    anpud.store.commit().expect("commits");
    let wire = Arc::new(Wire::default());
    well(&sync_over(&inpud, &anpud, &wire).await);
    assert_eq!(wire.leaves.load(Ordering::SeqCst), 0);
    assert_eq!(inpud.cosigned_by("inpud"), ["anpud"]);
}

#[tokio::test]
async fn a_peer_that_dials_again_has_given_the_first_stream_up() {
    let (inpud, anpud) = two();
    inpud.publish(3);
    // A stream over which nothing ever comes.
    let (to_anpud, silent) = direction(&Arc::default());
    let (to_inpud, heard) = direction(&Arc::default());
    let (node, peer) = (Arc::clone(&anpud.federation), inpud.id.clone());
    let first =
        tokio::spawn(async move { node.sync(&peer, Side::Accepted, silent, to_inpud).await });
    while !anpud.federation.is_syncing(&inpud.id) {
        tokio::task::yield_now().await;
    }
    well(&sync(&inpud, &anpud).await);
    drop((to_anpud, heard));
    assert_eq!(first.await.expect("ends").error, "inpud began a newer sync");
    // The one that gave way does not count as a failure.
    assert_eq!(anpud.federation.status(&inpud.id).error, None);
}
