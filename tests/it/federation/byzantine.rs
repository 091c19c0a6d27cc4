//! Peers that lie, err or rage: each is refused with a reason, and nothing of it is stored.

use std::sync::Arc;

use counterfoil::federation::give::Serving;
use counterfoil::federation::{Roll, Side};
use counterfoil::log::{Audience, Hash, VerifiedCheckpoint};
use counterfoil::store::Payload;
use counterfoil::wire::sync_frame::Frame;
use counterfoil::wire::{
    PeerSync, SyncAcked, SyncBatch, SyncCharter, SyncEvidence, SyncFetch, SyncFrame, SyncHello,
    SyncOffer, SyncPayload, SyncPayloads, SyncRefused, SyncSent, SyncWant,
};
use proptest::prelude::*;
use tokio_stream::StreamExt as _;

use super::world::{Node, direction, id, log_key, origin, pwud, summary, sync, well};

const ALL: [&str; 3] = ["anpud", "inpud", "liar"];

/// What a node made of a peer, and what it said to it.
struct Met {
    done: PeerSync,
    heard: Vec<Frame>,
}

impl Met {
    /// The reasons it was given for refusals.
    fn reasons(&self) -> Vec<&str> {
        let refused = self.heard.iter().filter_map(|frame| match frame {
            Frame::Refused(refused) => Some(refused.reason.as_str()),
            _ => None,
        });
        refused.collect()
    }
}

/// Dials `node` as the liar, who answers each frame with what `answer` makes of it.
async fn meet(node: &Node, mut answer: impl FnMut(&Frame) -> Vec<Frame>) -> Met {
    let (to_node, from_liar) = direction(&Arc::default());
    let (to_liar, mut from_node) = direction(&Arc::default());
    let federation = Arc::clone(&node.federation);
    let session = tokio::spawn(async move {
        federation
            .sync(&id("liar"), Side::Accepted, from_liar, to_liar)
            .await
    });
    let mut heard = Vec::new();
    let mut to_node = Some(to_node);
    while let Some(Ok(SyncFrame { frame: Some(frame) })) = from_node.next().await {
        for said in answer(&frame) {
            if let Some(to_node) = &to_node {
                // A node that hung up is what some of these are about.
                let _ = to_node.send(SyncFrame { frame: Some(said) }).await;
            }
        }
        let ends = matches!(&frame, Frame::Refused(refused) if refused.ends);
        heard.push(frame);
        if ends {
            to_node = None;
        }
        let acked = |frame: &Frame| matches!(frame, Frame::Acked(_));
        if heard.iter().any(acked) && heard.iter().any(|f| matches!(f, Frame::Sent(_))) {
            to_node = None;
        }
    }
    drop(to_node);
    let done = session.await.expect("no panic");
    Met { done, heard }
}

fn hello() -> SyncHello {
    SyncHello {
        protocol: 1,
        consortium: "pwud".to_owned(),
        member: "liar".to_owned(),
        store_id: vec![7; 16],
        charter_version: 1,
        ..SyncHello::default()
    }
}

fn offer(origin: &str, checkpoint: &str) -> Frame {
    Frame::Offer(SyncOffer {
        origin: origin.to_owned(),
        checkpoint: checkpoint.to_owned(),
    })
}

const SENT: Frame = Frame::Sent(SyncSent { arrival: 1 });

/// Says hello, offers, and answers whatever an honest peer would.
async fn offering(node: &Node, offers: Vec<Frame>, batches: Vec<SyncBatch>) -> Met {
    meet(node, |frame| match frame {
        Frame::Hello(_) => {
            let mut said = vec![Frame::Hello(hello())];
            said.extend(offers.clone());
            said.push(SENT);
            said
        }
        Frame::Fetch(fetch) => {
            let batches = batches.iter().filter(|batch| batch.origin == fetch.origin);
            batches.cloned().map(Frame::Batch).collect()
        }
        Frame::Sent(sent) => vec![Frame::Acked(SyncAcked {
            arrival: sent.arrival,
        })],
        _ => Vec::new(),
    })
    .await
}

/// Expects that all of it was refused with these words, on both sides, and that nothing changed.
async fn refused(node: &Node, offers: Vec<Frame>, batches: Vec<SyncBatch>, words: &str) {
    let before = stored(node);
    let met = offering(node, offers, batches).await;
    assert!(met.done.error.contains(words), "{:?}", met.done);
    assert!(!met.done.ok);
    let reasons = met.reasons();
    assert!(reasons.iter().any(|r| r.contains(words)), "{reasons:?}");
    assert_eq!(stored(node), before, "{words}");
    assert!(node.store.cursor("liar").expect("reads").is_none());
}

/// All leaves, payloads and heads; a pending head is none of these.
fn stored(node: &Node) -> Vec<(String, u64, String, Vec<counterfoil::store::Entry>)> {
    let all = node.everything().into_iter();
    let stored = all.map(|(origin, (log, entries))| {
        let head = log.head.map(|head| head.note).unwrap_or_default();
        (origin, log.size, head, entries)
    });
    stored.filter(|(_, size, ..)| *size > 0).collect()
}

/// INPUD's log as its owner would send it, from leaf `from` on.
fn honest(inpud: &Node, from: u64) -> SyncBatch {
    let roll = inpud.federation.roll().expect("a roll");
    let serving = Serving::begin(&inpud.store, &roll, &id("anpud"), &inpud.origin(), from);
    let batch = serving.expect("serves").next_batch(&inpud.store, 1 << 20);
    batch.expect("reads").expect("one batch")
}

struct World {
    anpud: Node,
    inpud: Node,
    head: String,
}

/// ANPUD holds 40 leaves of INPUD's 100.
async fn world() -> World {
    let [anpud, inpud] = ["anpud", "inpud"].map(|own| Node::start(own, &ALL));
    inpud.publish(40);
    well(&sync(&anpud, &inpud).await);
    inpud.publish(60);
    let head = inpud.log("inpud").head.expect("signed").note;
    World { anpud, inpud, head }
}

impl World {
    fn offers(&self) -> Vec<Frame> {
        vec![offer(&self.inpud.origin(), &self.head)]
    }

    /// Expects that the honest batch, changed so, is refused with these words, and that the
    /// unchanged one is then taken from the very same peer.
    async fn refuses(self, change: impl FnOnce(&mut SyncBatch), words: &str) {
        let honest = honest(&self.inpud, 40);
        let mut changed = honest.clone();
        change(&mut changed);
        assert_ne!(changed, honest);
        refused(&self.anpud, self.offers(), vec![changed], words).await;
        let met = offering(&self.anpud, self.offers(), vec![honest]).await;
        assert!(met.done.ok, "{:?}", met.done);
        assert_eq!(met.done.received, 60);
        assert_eq!(self.anpud.entries("inpud"), self.inpud.entries("inpud"));
    }
}

#[tokio::test]
async fn a_payload_with_one_bit_changed() {
    let words = "the payload of leaf 57 of inpud's log is refused: it is not what the leaf commits";
    let flip = |batch: &mut SyncBatch| batch.payloads[17].payload[300] ^= 4;
    world().await.refuses(flip, words).await;
    let flip = |batch: &mut SyncBatch| batch.payloads[17].salt[31] ^= 1;
    world().await.refuses(flip, words).await;
    let cut = |batch: &mut SyncBatch| batch.payloads[17].salt.truncate(31);
    world()
        .await
        .refuses(cut, "the salt does not have 32 bytes")
        .await;
}

#[tokio::test]
async fn a_leaf_out_of_order() {
    let skip = |batch: &mut SyncBatch| batch.from = 41;
    world()
        .await
        .refuses(
            skip,
            "leaf 41 of inpud's log is out of order; leaf 40 comes next",
        )
        .await;
    let back = |batch: &mut SyncBatch| batch.from = 39;
    world()
        .await
        .refuses(back, "leaf 39 of inpud's log is out of order")
        .await;
    let far = |batch: &mut SyncBatch| batch.from = u64::MAX;
    world().await.refuses(far, "out of order").await;
    let twice = |batch: &mut SyncBatch| batch.payloads.swap(3, 4);
    world().await.refuses(twice, "out of order, or twice").await;
    let two = |batch: &mut SyncBatch| batch.payloads[4] = batch.payloads[3].clone();
    world().await.refuses(two, "out of order, or twice").await;
}

#[tokio::test]
async fn leaves_that_were_never_signed() {
    let World { anpud, inpud, head } = world().await;
    let offers = vec![offer(&inpud.origin(), &head)];
    let not_in_tree = "do not belong to the tree of 100 leaves it signed";
    // The same leaves, two of them swapped.
    let other = Node::start("inpud", &ALL);
    let mut entries = inpud.entries("inpud");
    entries.swap(50, 51);
    other.append(entries);
    let mut swapped = honest(&other, 40);
    swapped.checkpoint.clone_from(&head);
    refused(&anpud, offers.clone(), vec![swapped], not_in_tree).await;

    // One leaf more than was signed.
    let mut longer = inpud.entries("inpud");
    longer.push(summary("inpud", 100, Audience::ALL));
    let other = Node::start("inpud", &ALL);
    other.append(longer);
    let mut longer = honest(&other, 40);
    longer.checkpoint.clone_from(&head);
    refused(&anpud, offers.clone(), vec![longer], not_in_tree).await;

    // No leaf at all.
    let empty = SyncBatch {
        payloads: Vec::new(),
        count: 0,
        ..honest(&inpud, 40)
    };
    refused(&anpud, offers, vec![empty], "a batch holds no leaves").await;
}

#[tokio::test]
async fn a_wrong_consistency_proof() {
    // Large enough for two batches, so that the first needs a proof.
    let [anpud, inpud] = ["anpud", "inpud"].map(|own| Node::start(own, &ALL));
    inpud.publish(1500);
    let head = inpud.log("inpud").head.expect("signed").note;
    let offers = vec![offer(&inpud.origin(), &head)];
    let honest = honest(&inpud, 0);
    assert!(!honest.consistency.is_empty());
    let words = "do not belong to the tree of 1500 leaves it signed";
    for change in [
        |batch: &mut SyncBatch| batch.consistency[0][0] ^= 1,
        |batch: &mut SyncBatch| batch.consistency.clear(),
        |batch: &mut SyncBatch| batch.consistency[1].truncate(31),
        |batch: &mut SyncBatch| batch.consistency.push(vec![0; 32]),
        |batch: &mut SyncBatch| batch.consistency = vec![vec![0; 32]; 10_000],
    ] {
        let mut batch = honest.clone();
        change(&mut batch);
        refused(&anpud, offers.clone(), vec![batch], words).await;
    }
}

#[tokio::test]
async fn a_checkpoint_by_another_key() {
    let World { anpud, inpud, head } = world().await;
    let root = inpud
        .store
        .log(&inpud.origin())
        .expect("reads")
        .expect("there");
    assert_eq!(root.size, 100);
    let forged = |size, root| {
        let liar = log_key("liar");
        VerifiedCheckpoint::sign(&pwud(), &id("inpud"), &liar, size, root).to_string()
    };
    let origin = inpud.origin();
    let by_another = forged(100, Hash([3; 32]));
    let words = "the checkpoint of inpud's log is refused: the note is signed by no known key";
    refused(&anpud, vec![offer(&origin, &by_another)], vec![], words).await;
    // The key of one log speaks for that log alone.
    let own = VerifiedCheckpoint::sign(&pwud(), &id("liar"), &log_key("liar"), 9, Hash([3; 32]));
    let words = "is of the log pwud/liar, not of pwud/inpud";
    refused(
        &anpud,
        vec![offer(&origin, &own.to_string())],
        vec![],
        words,
    )
    .await;
    let changed = head.replacen("\n100\n", "\n101\n", 1);
    let words = "the signature by pwud/inpud does not verify";
    refused(&anpud, vec![offer(&origin, &changed)], vec![], words).await;
    // Nor does an honest offer help a batch whose head is forged.
    let mut batch = honest(&inpud, 40);
    batch.checkpoint = by_another;
    let words = "signed by no known key";
    refused(&anpud, vec![offer(&origin, &head)], vec![batch], words).await;
    // A cosignature under a known name that does not verify spoils the note it stands on.
    let cosigned = inpud.log("inpud").head.expect("signed").note;
    let stray = cosigned.clone() + "\u{2014} pwud/anpud/witness AAAAAAAAAAAAAAAAAAAAAA==\n";
    let met = offering(
        &anpud,
        vec![offer(&origin, &stray)],
        vec![honest(&inpud, 40)],
    )
    .await;
    assert!(met.done.ok, "{:?}", met.done);
    assert_eq!(anpud.cosigned_by("inpud"), ["anpud"]);
}

#[tokio::test]
async fn a_log_of_nobody_in_the_charter() {
    let World { anpud, .. } = world().await;
    let stranger = Node::start("stranger", &["stranger"]);
    stranger.publish(3);
    let head = stranger.log("stranger").head.expect("signed").note;
    let words = "\"pwud/stranger\" is not the log of a member in version 1 of the charter";
    let offers = vec![offer(&stranger.origin(), &head)];
    refused(&anpud, offers, vec![], words).await;
    let name = "x".repeat(100_000);
    refused(
        &anpud,
        vec![offer(&name, &head)],
        vec![],
        "is not the log of a member",
    )
    .await;
}

#[tokio::test]
async fn a_batch_too_large_or_a_bomb() {
    let bomb = |batch: &mut SyncBatch| {
        batch.leaves_zstd = zstd::bulk::compress(&vec![0; 64 << 20], 1).expect("compresses");
    };
    let words = "a batch of leaves does not decompress to at most";
    world().await.refuses(bomb, words).await;
    let large = |batch: &mut SyncBatch| batch.payloads[0].payload = vec![0; 3 << 20];
    world().await.refuses(large, "a batch has 3").await;
    let many = |batch: &mut SyncBatch| batch.count = 1_000_000;
    world().await.refuses(many, "names 1000000 leaves").await;
    let fewer = |batch: &mut SyncBatch| batch.count = 59;
    world()
        .await
        .refuses(fewer, "does not hold the 59 leaves it names")
        .await;
    let junk = |batch: &mut SyncBatch| batch.leaves_zstd = b"junk".to_vec();
    world().await.refuses(junk, "does not decompress").await;
}

#[tokio::test]
async fn a_payload_for_somebody_else() {
    let World { anpud, .. } = world().await;
    let other = Node::start("inpud", &ALL);
    let only_liar = Audience::of([id("liar")]).expect("not empty");
    let mut entries = other_entries(40);
    entries.push(summary("inpud", 40, only_liar));
    other.append(entries);
    let roll = other.federation.roll().expect("a roll");
    let mut batch = Serving::begin(&other.store, &roll, &id("liar"), &other.origin(), 40)
        .and_then(|mut serving| serving.next_batch(&other.store, 1 << 20))
        .expect("serves")
        .expect("a batch");
    assert_eq!(batch.payloads.len(), 1);
    let offers = vec![offer(&other.origin(), &batch.checkpoint)];
    let words = "the payload of leaf 40 of inpud's log is refused: it is not for this member";
    refused(&anpud, offers.clone(), vec![batch.clone()], words).await;
    batch.payloads.clear();
    assert!(offering(&anpud, offers, vec![batch]).await.done.ok);
    assert_eq!(anpud.entries("inpud")[40].payload, Payload::Absent);
}

fn other_entries(count: u64) -> Vec<counterfoil::store::Entry> {
    (0..count)
        .map(|n| summary("inpud", n, Audience::ALL))
        .collect()
}

#[tokio::test]
async fn a_payload_that_speaks_of_something_else() {
    // Committed to by its own leaf, so only its contents give it away.
    let [anpud, inpud] = ["anpud", "inpud"].map(|own| Node::start(own, &ALL));
    inpud.append(vec![summary("liar", 0, Audience::ALL)]);
    let head = inpud.log("inpud").head.expect("signed").note;
    let words = "it speaks of another member, series or revision than its leaf";
    let offers = vec![offer(&inpud.origin(), &head)];
    refused(&anpud, offers, vec![honest(&inpud, 0)], words).await;
}

#[tokio::test]
async fn a_proof_of_two_histories_that_proves_nothing() {
    let World { anpud, inpud, head } = world().await;
    let earlier = anpud.log("inpud").head.expect("signed").note;
    let evidence = |second: &str, path: Vec<Vec<u8>>| {
        Frame::Evidence(SyncEvidence {
            origin: inpud.origin(),
            first: earlier.clone(),
            second: second.to_owned(),
            path,
        })
    };
    let words = "the proof that inpud's log signed two histories does not hold";
    for frame in [
        evidence(&earlier, vec![]),
        evidence(&head, vec![]),
        evidence(&head, vec![vec![9; 32]; 7]),
        evidence(&head, vec![vec![9; 3]]),
    ] {
        refused(&anpud, vec![frame], vec![], words).await;
        assert!(!anpud.log("inpud").frozen);
    }
}

/// Expects that the sync ends at once, with these words on both sides, and nothing stored.
async fn ends(node: &Node, words: &str, answer: impl FnMut(&Frame) -> Vec<Frame>) {
    let before = stored(node);
    let met = meet(node, answer).await;
    assert!(met.done.error.contains(words), "{:?}", met.done);
    let reasons = met.reasons();
    assert!(reasons.iter().any(|r| r.contains(words)), "{reasons:?}");
    assert_eq!(stored(node), before);
}

/// Answers the node's hello with these frames and nothing else with anything.
fn opening(frames: Vec<Frame>) -> impl FnMut(&Frame) -> Vec<Frame> {
    move |frame| match frame {
        Frame::Hello(_) => frames.clone(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_hello_that_is_not_right() {
    let World { anpud, .. } = world().await;
    let saying = |change: fn(&mut SyncHello)| {
        let mut hello = hello();
        change(&mut hello);
        opening(vec![Frame::Hello(hello)])
    };
    let words = "it belongs to the consortium other and we belong to pwud";
    ends(&anpud, words, saying(|h| h.consortium = "other".to_owned())).await;
    let words = "it says it is inpud, but its certificate does not";
    ends(&anpud, words, saying(|h| h.member = "inpud".to_owned())).await;
    let words = "it speaks version 2 of the protocol and we speak 1";
    ends(&anpud, words, saying(|h| h.protocol = 2)).await;
    let words = "the id of its store does not have 16 bytes";
    ends(&anpud, words, saying(|h| h.store_id.clear())).await;
    let words = "it wants more than 10000 payloads";
    let many = |h: &mut SyncHello| {
        let indices = (0..10_001).collect();
        h.wants = vec![SyncWant {
            origin: origin("inpud"),
            indices,
        }];
    };
    ends(&anpud, words, saying(many)).await;
    let twice = vec![Frame::Hello(hello()), Frame::Hello(hello())];
    ends(&anpud, "SyncHello a second time", opening(twice)).await;
}

#[tokio::test]
async fn frames_nobody_asked_for() {
    let World { anpud, inpud, head } = world().await;
    let after_hello = |frames: Vec<Frame>| {
        opening(
            std::iter::once(Frame::Hello(hello()))
                .chain(frames)
                .collect(),
        )
    };
    let fetch = |origin: &str, from| {
        Frame::Fetch(SyncFetch {
            origin: origin.to_owned(),
            from,
        })
    };
    ends(&anpud, "SyncSent before SyncHello", opening(vec![SENT])).await;
    let words = "leaves of a log that was not asked for";
    let batch = Frame::Batch(honest(&inpud, 40));
    ends(&anpud, words, after_hello(vec![batch.clone()])).await;
    let offered = vec![offer(&inpud.origin(), &head), SENT, SENT];
    ends(&anpud, "SyncSent after SyncSent", after_hello(offered)).await;
    let acked = Frame::Acked(SyncAcked { arrival: 77 });
    ends(&anpud, "SyncAcked at this point", after_hello(vec![acked])).await;
    let words = "asks for leaf 40 of inpud's log, which was not offered";
    ends(&anpud, words, after_hello(vec![fetch(&inpud.origin(), 40)])).await;
    let words = "is not the log of a member";
    ends(&anpud, words, after_hello(vec![fetch("pwud/stranger", 0)])).await;
    let payloads = Frame::Payloads(SyncPayloads {
        origin: inpud.origin(),
        payloads: vec![SyncPayload {
            index: 3,
            salt: vec![0; 32],
            payload: vec![0; 1024],
        }],
    });
    ends(
        &anpud,
        "a payload that was not asked for",
        after_hello(vec![payloads]),
    )
    .await;
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).expect("compresses");
    let bomb = Frame::Charter(SyncCharter {
        version: 2,
        note_zstd: bomb,
    });
    ends(
        &anpud,
        "a charter version does not decompress",
        after_hello(vec![bomb]),
    )
    .await;
    let offers = vec![offer(&inpud.origin(), &head); 200];
    ends(
        &anpud,
        "more offers than there are logs",
        after_hello(offers),
    )
    .await;
}

#[tokio::test]
async fn somebody_the_charter_does_not_name() {
    let anpud = Node::start("anpud", &["anpud", "inpud"]);
    let words = "liar is not a member in version 1 of the charter";
    ends(&anpud, words, |_| vec![Frame::Hello(hello())]).await;
}

#[tokio::test]
async fn a_forged_charter_is_refused_and_the_rest_taken() {
    let World { anpud, inpud, head } = world().await;
    let note = b"2 anpud inpud liar forged";
    let forged = Frame::Charter(SyncCharter {
        version: 2,
        note_zstd: zstd::bulk::compress(note, 1).expect("compresses"),
    });
    let offers = vec![forged, offer(&inpud.origin(), &head)];
    let met = offering(&anpud, offers, vec![honest(&inpud, 40)]).await;
    assert!(
        met.done
            .error
            .contains("version 2 of the charter is refused: too few")
    );
    assert_eq!(anpud.federation.roll().expect("a roll").version(), 1);
    assert_eq!(anpud.size("inpud"), 100);
}

#[tokio::test]
async fn what_a_peer_says_of_us_is_shown_as_one_line() {
    let World { anpud, .. } = world().await;
    let met = meet(&anpud, |frame| match frame {
        Frame::Hello(_) => vec![
            Frame::Hello(hello()),
            Frame::Refused(SyncRefused {
                origin: String::new(),
                reason: "no\nmore\u{1b}[2J".to_owned(),
                ends: true,
            }),
        ],
        _ => Vec::new(),
    })
    .await;
    assert_eq!(met.done.error, "liar ended the sync: no more [2J");
}

/// Frames of every kind that mean nothing, some with real names in them.
fn any_frames(real: &[(String, String)]) -> impl Strategy<Value = Vec<Frame>> + use<> {
    let real = real.to_vec();
    let named = proptest::sample::select(real);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    let payload = (any::<u64>(), bytes(), bytes()).prop_map(|(index, salt, payload)| SyncPayload {
        index,
        salt,
        payload,
    });
    let payloads = proptest::collection::vec(payload, 0..3);
    let batch = (
        named.clone(),
        any::<u64>(),
        0..5_u32,
        bytes(),
        payloads.clone(),
        0..6_usize,
    );
    let frame = prop_oneof![
        Just(Frame::Hello(hello())),
        named
            .clone()
            .prop_map(|(origin, note)| offer(&origin, &note)),
        (named.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |((origin, note), at, byte)| {
                let mut note = note.into_bytes();
                let at = at.index(note.len());
                note[at] = byte;
                offer(&origin, &String::from_utf8_lossy(&note))
            }
        ),
        (named.clone(), any::<u64>())
            .prop_map(|((origin, _), from)| Frame::Fetch(SyncFetch { origin, from })),
        batch.prop_map(
            |((origin, checkpoint), from, count, leaves_zstd, payloads, proof)| {
                Frame::Batch(SyncBatch {
                    origin,
                    from: from % 60,
                    count,
                    leaves_zstd,
                    payloads,
                    checkpoint,
                    consistency: vec![vec![0; 32]; proof],
                })
            }
        ),
        (named.clone(), payloads).prop_map(|((origin, _), payloads)| {
            Frame::Payloads(SyncPayloads { origin, payloads })
        }),
        (any::<u32>(), bytes())
            .prop_map(|(version, note_zstd)| Frame::Charter(SyncCharter { version, note_zstd })),
        any::<u64>().prop_map(|arrival| Frame::Sent(SyncSent { arrival })),
        any::<u64>().prop_map(|arrival| Frame::Acked(SyncAcked { arrival })),
        (named.clone(), named).prop_map(|((origin, first), (_, second))| {
            Frame::Evidence(SyncEvidence {
                origin,
                first,
                second,
                path: vec![vec![1; 32]; 3],
            })
        }),
        any::<bool>().prop_map(|ends| Frame::Refused(SyncRefused {
            origin: String::new(),
            reason: "why".to_owned(),
            ends,
        })),
    ];
    proptest::collection::vec(frame, 0..12)
}

#[test]
fn no_frames_panic_or_change_what_is_stored() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let World { anpud, inpud, head } = runtime.block_on(world());
    let small = anpud.log("inpud").head.expect("signed").note;
    let own = Roll::own(&anpud.federation.roll().expect("a roll")).to_string();
    let real = [
        (inpud.origin(), head),
        (inpud.origin(), small),
        (origin(&own), String::from("junk")),
        (origin("liar"), String::from("more junk")),
    ];
    let before = stored(&anpud);
    proptest!(ProptestConfig::with_cases(200), |(frames in any_frames(&real))| {
        runtime.block_on(async {
            let frames = std::iter::once(Frame::Hello(hello())).chain(frames.clone()).collect();
            let mut opening = opening(frames);
            let met = meet(&anpud, |frame| {
                let said = opening(frame);
                let ends = matches!(frame, Frame::Sent(_));
                // Ends the stream where an honest peer would go on.
                if ends { vec![SENT, Frame::Hello(hello())] } else { said }
            });
            met.await;
        });
        let after = stored(&anpud);
        let leaves = |all: &[(String, u64, String, Vec<_>)]| -> Vec<(String, u64)> {
            all.iter().map(|(origin, size, ..)| (origin.clone(), *size)).collect()
        };
        prop_assert_eq!(leaves(&after), leaves(&before));
        prop_assert!(after == before);
    });
}
