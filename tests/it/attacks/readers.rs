//! Attacks on what goes with figures: ratios and hashes of them, and how much room they take.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil::charter::Size;
use counterfoil::charter::policy::Audience;
use counterfoil::log::{Hash, Leaf, commitment};
use counterfoil::model::Figure;
use counterfoil::report::{coverage, render, story};
use counterfoil::store::{Entry, Payload, SaltedPayload, os_entropy};
use counterfoil::wire::{self, payload};

use crate::federation::world::{Node, Wire, sync_over, well};
use crate::release::Office;
use crate::report::book::{Book, member};

/// Returns the fractions that are shown as so many tenths of a percent.
fn fractions(permille: u32, most: u32) -> Vec<(u32, u32)> {
    let all = (1..=most).flat_map(|n| (0..=n).map(move |part| (part, n)));
    // Rounded to the nearest, halves upward.
    all.filter(|(part, n)| (2000 * part + n) / (2 * n) == permille)
        .collect()
}

/// Publishes a quarter and its year with one training, and returns everything a reader can get of
/// them: payloads, answers in every form, coverage, and the story.
fn told(attended: &str, completed: &str) -> Vec<String> {
    let office = Office::new();
    let counts = [("attended", attended), ("completed", completed)];
    let when = ("start", "2018-02-01");
    office.write(None, &[&[when][..], &counts].concat());
    let mut book = Book::of(vec![member("anpud", Size::Large, &[])]);
    let mut told = Vec::new();
    for period in ["2018Q1", "2018"] {
        let draft = office.draft(period).summaries.remove(0);
        office.publish(period);
        let index = book.announce(&draft.summary, "2019-01-31", Audience::Everybody);
        let taken = book
            .columns
            .ingest_payload(&draft.summary.member, index, &draft.summary);
        taken.expect("a payload that fits its leaf");
        told.push(format!("{:?}", draft.payload));
    }
    for measure in ["attendances", "completions", "people", "activities"] {
        for by in ["period", "member,period", "gender3,period", "age2,period"] {
            let Ok(answer) = book.ask(&format!("training {measure} by={by} partial")) else {
                continue;
            };
            told.push(render::json::report(&answer).to_string());
            told.push(render::csv::report(&answer));
            told.push(render::text::report(&answer));
            told.push(format!("{answer:?}"));
        }
    }
    let (from, to) = ("2018".to_owned(), "2018".to_owned());
    let request = wire::CoverageRequest {
        from: from.clone(),
        to: to.clone(),
        ..Default::default()
    };
    let covered = coverage(&book.columns, &book.consortium, &book.asker, &request);
    let covered = covered.expect("coverage");
    told.push(render::json::coverage(&covered).to_string());
    told.push(render::text::coverage(&covered));
    let request = wire::StoryRequest {
        from,
        to,
        ..Default::default()
    };
    let tale = story(&book.columns, &book.consortium, &book.asker, &request).expect("a story");
    told.push(render::json::story(&tale).to_string());
    told.push(render::text::story(&tale));
    told
}

#[test]
fn a17_a_percentage_gives_away_its_two_counts() {
    assert_eq!(fractions(429, 13), [(3, 7)]);
    assert_eq!(fractions(333, 12), [(1, 3), (2, 6), (3, 9), (4, 12)]);
    // 3 of 7 and 1 of 9 are told alike, to the byte: no ratio of theirs is in anything we say.
    let three_of_seven = told("7", "3");
    assert!(three_of_seven.len() > 30, "{}", three_of_seven.len());
    assert_eq!(three_of_seven, told("9", "1"));
    assert_ne!(three_of_seven, told("70", "30"));
    for said in told("70", "30").iter().chain(&three_of_seven) {
        for ratio in ["%", "percent", "42.9", "42.8", "0.42", "0.43"] {
            assert!(!said.contains(ratio), "{ratio}: {said}");
        }
    }
}

#[test]
fn a17_no_message_has_room_for_a_ratio() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/counterfoil/v1");
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let fields = text.lines().map(str::trim_start);
        for field in fields.filter(|line| !line.starts_with("//")) {
            let is_fraction = field
                .split(' ')
                .any(|word| matches!(word, "float" | "double"));
            // Days may be a fraction: how long a certificate lasts says nothing of figures.
            let is_days = field.contains(" days = ");
            assert!(!is_fraction || is_days, "{}: {field}", path.display());
        }
        files += 1;
    }
    assert!(files > 4, "{files} files");
}

/// Publishes a year in which so many attended, and returns the leaf as it is in the log.
fn leaf_of(attended: i64) -> (Leaf, SaltedPayload) {
    let office = Office::new();
    office.train("2018-02-01", &attended.to_string());
    office.publish("2018");
    let entry = office.public.entry("pwud/anpud", 0).expect("it is read");
    let Some(Entry {
        leaf,
        payload: Payload::Here(salted),
    }) = entry
    else {
        panic!("a leaf with its payload");
    };
    (Leaf::parse(&leaf).expect("a leaf"), salted)
}

fn commit_of(leaf: &Leaf) -> Hash {
    match leaf {
        Leaf::Summary { commit, .. } => *commit,
        other => panic!("a summary, not {other:?}"),
    }
}

/// Returns the payload as it would be, had so many attended.
fn had_there_been(attended: i64, payload: &[u8]) -> Vec<u8> {
    let mut summary = payload::decode(payload).expect("a summary");
    let total = summary
        .tables
        .iter_mut()
        .find(|table| table.id == "training.attendances");
    total.expect("the total").cells[0].figure = Figure::Exact(attended);
    payload::encode(&summary).expect("small")
}

#[test]
fn a22_a_hash_without_a_salt_is_searched() {
    const TOTAL: i64 = 137;
    let naive = Hash::of(TOTAL.to_string().as_bytes());
    let found: Vec<i64> = (0..=200)
        .filter(|total| Hash::of(total.to_string().as_bytes()) == naive)
        .collect();
    assert_eq!(found, [TOTAL]);

    let (leaf, SaltedPayload { salt, payload }) = leaf_of(TOTAL);
    let commit = commit_of(&leaf);
    let search = |hash: &dyn Fn(&[u8]) -> Hash| -> Vec<i64> {
        let totals = 0..=200;
        totals
            .filter(|total| hash(&had_there_been(*total, &payload)) == commit)
            .collect()
    };
    // Whoever has the salt has the payload too; for them the search does find it.
    assert_eq!(search(&|payload| commitment(&salt, payload)), [TOTAL]);
    let tagged = |payload: &[u8]| Hash::of(&[&b"counterfoil/commit/v1\n"[..], payload].concat());
    let plain = |payload: &[u8]| Hash::of(payload);
    let unsalted = |payload: &[u8]| commitment(&[0; 32], payload);
    let other = |payload: &[u8]| {
        let mut guess = [0; 32];
        os_entropy(&mut guess).expect("randomness");
        commitment(&guess, payload)
    };
    for hash in [&plain as &dyn Fn(&[u8]) -> Hash, &tagged, &unsalted, &other] {
        assert_eq!(search(hash), [0; 0]);
    }
    assert!(salt.iter().collect::<std::collections::BTreeSet<_>>().len() > 8);
}

#[test]
fn a22_two_releases_that_say_the_same_look_different() {
    let [(one, first), (other, second)] = [leaf_of(137), leaf_of(137)];
    assert_eq!(first.payload, second.payload);
    assert_ne!(first.salt, second.salt);
    assert_ne!(commit_of(&one), commit_of(&other));
    // But for the commitment, nothing in a leaf is of the figures.
    let without = |leaf: &Leaf| {
        let text = leaf.encode().expect("a leaf");
        text.replace(&commit_of(leaf).to_string(), "")
    };
    assert_eq!(without(&one), without(&leaf_of(4).0));
}

/// Publishes a quarter, the empty one after it and the year, sends them to a peer, and returns the
/// bytes sent, and the lengths of the leaves.
async fn sent(attended: &str, completed: &str) -> (usize, Vec<usize>) {
    let office = Office::new();
    let counts = [("attended", attended), ("completed", completed)];
    office.write(None, &[&[("start", "2018-02-01")][..], &counts].concat());
    for period in ["2018Q1", "2018Q2", "2018"] {
        office.publish(period);
    }
    let members = ["anpud", "inpud"];
    let [anpud, inpud] = members.map(|member| Node::start(member, &members));
    let entries = office.public.entries("pwud/anpud", 0..u64::MAX);
    let entries = entries.expect("a log").map(|row| row.expect("an entry").1);
    anpud.append(entries.collect());
    let wire: Arc<Wire> = Arc::default();
    well(&sync_over(&anpud, &inpud, &wire).await);
    let entries = inpud.entries("anpud");
    let leaves = entries.iter().map(|entry| entry.leaf.len()).collect();
    (wire.bytes.load(Ordering::SeqCst), leaves)
}

#[tokio::test]
async fn a25_what_is_sent_has_one_size_for_any_count() {
    let few = sent("3", "1").await;
    assert!(few.0 > 3 * 1024 && few.1.len() == 3, "{few:?}");
    assert_eq!(few, sent("300", "120").await);
    assert_eq!(few, sent("90000000", "").await);
}
