//! A person is told when something needs them: once, when it holds for more than a moment, and when
//! it is over. The clock is the test's, and the program that tells writes a file.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil::clock::Clock;
use counterfoil::config::Config;
use counterfoil::node::open::Node as OpenedNode;
use counterfoil::node::serve::Running;
use counterfoil::node::watch::Looks;
use counterfoil::store::os_entropy;
use counterfoil::wire;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::world::{self, Node, World};

/// The clock of the nodes below, Unix seconds.
static NOW: AtomicU64 = AtomicU64::new(0);

const CLOCK: Clock = Clock {
    now: || NOW.load(Ordering::Relaxed),
    today,
};

const DAY: u64 = 86_400;

fn today() -> Date {
    let now = i64::try_from(CLOCK.now()).expect("a time");
    let now = Timestamp::from_second(now).expect("a time");
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A node that runs here, watched by hand.
struct Watched {
    running: Running,
    looks: Looks,
    told: PathBuf,
}

impl Watched {
    async fn start(node: &Node, command: &str) -> Self {
        let config = Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            notify_command: shlex::split(command).expect("a command"),
            ..Config::default()
        };
        world::released(&node.dir).await;
        let opened = OpenedNode::open(&node.dir, config, None, CLOCK, os_entropy).await;
        let opened = opened.expect("it opens");
        Self {
            running: Running::start(opened).await.expect("it serves"),
            looks: Looks::default(),
            told: node.dir.with_extension("told"),
        }
    }

    /// Looks twice, as after a minute: what holds for a moment is not told.
    async fn look(&mut self) -> Vec<String> {
        let watch = &self.running.watch;
        watch.look(&mut self.looks).await;
        watch.look(&mut self.looks).await;
        self.said()
    }

    /// Returns what was told since the last time.
    fn said(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.told).unwrap_or_default();
        let _none = std::fs::remove_file(&self.told);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_once_and_again_when_it_is_over() {
    NOW.store(
        jiff::Timestamp::now().as_second().cast_unsigned(),
        Ordering::Relaxed,
    );
    let world = World::new();
    let [mut inpud, mut anpud] = world.pair(&["--size", "small"]);
    assert!(inpud.terminate().success() && anpud.terminate().success());
    let script = world.write("tell.sh", "echo \"$@\" >> \"$0.out\"\n");
    let told = inpud.dir.with_extension("told");
    std::os::unix::fs::symlink(&told, format!("{script}.out")).expect("a link");
    let command = format!("sh {script} --to 'the office'");

    let mut node = Watched::start(&inpud, &command).await;
    node.running.watch.look(&mut node.looks).await;
    assert!(node.said().is_empty(), "a moment needs nobody");
    let locked = "--to the office locked node inpud: locked since it started; unlock it (locked)";
    assert_eq!(node.look().await, [locked]);
    assert!(node.look().await.is_empty(), "they know");
    node.running.stop().await;

    // They know after a restart too.
    let mut node = Watched::start(&inpud, &command).await;
    assert!(node.look().await.is_empty());
    let passphrase = std::fs::read_to_string(inpud.passphrase()).expect("a passphrase");
    let client = node.running.client().expect("a client");
    let request = wire::UnlockRequest {
        passphrase: passphrase.trim().to_owned(),
    };
    client.unlock(request).await.expect("unlocked");
    let over =
        "--to the office locked node inpud: over: locked since it started; unlock it (locked)";
    assert_eq!(node.look().await, [over]);
    // Whoever locks it by hand knows.
    client.lock(wire::LockRequest {}).await.expect("locked");
    assert!(node.look().await.is_empty());

    // Two days without a peer are a weekend.
    NOW.fetch_add(2 * DAY, Ordering::Relaxed);
    assert!(node.look().await.is_empty());
    NOW.fetch_add(DAY, Ordering::Relaxed);
    let silent =
        "--to the office peer_silent node inpud: anpud has not been heard for 3 days (peer_silent)";
    assert_eq!(node.look().await, [silent]);
    let health = client.health(wire::HealthRequest {}).await.expect("health");
    assert!(
        health
            .problems
            .iter()
            .any(|problem| problem.code == "peer_silent")
    );

    // The certificate lasts 90 days, and 30 before that is time to say so.
    NOW.fetch_add(60 * DAY, Ordering::Relaxed);
    let expires = "--to the office certificate_expires node inpud: its certificate ends within 30 days; unlock it (certificate_expires)";
    assert_eq!(node.look().await, [expires]);
    NOW.fetch_add(30 * DAY, Ordering::Relaxed);
    let said = node.look().await;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains("certificate_expired node inpud: its certificate has expired"),
        "{said:?}"
    );
    assert!(
        said[1].contains("certificate_expires node inpud: over: "),
        "{said:?}"
    );
    // Three years on, the charter ends too.
    NOW.fetch_add(950 * DAY, Ordering::Relaxed);
    let said = node.look().await;
    assert!(
        said[0].contains("charter_expires_soon node inpud: the charter expires soon"),
        "{said:?}"
    );
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_tried_again_and_shows_in_health() {
    let world = World::new();
    let inpud = world.member("inpud", &["--size", "small"]);
    let mut node = Watched::start(&inpud, "/nowhere/tell").await;
    assert!(node.look().await.is_empty());
    let client = node.running.client().expect("a client");
    let health = client.health(wire::HealthRequest {}).await.expect("health");
    let failed = health
        .problems
        .iter()
        .find(|problem| problem.code == "notify_failed");
    let message = &failed.expect("health says so").message;
    assert!(
        message.contains("/nowhere/tell cannot be started"),
        "{message}"
    );
    drop(client);
    node.running.stop().await;

    // Mended, both are told: that there is no charter, and that it is locked.
    let script = world.write("tell.sh", "echo \"$1\" >> \"$0.out\"\n");
    let told = inpud.dir.with_extension("told");
    std::os::unix::fs::symlink(&told, format!("{script}.out")).expect("a link");
    let mut node = Watched::start(&inpud, &format!("sh {script}")).await;
    assert_eq!(node.look().await, ["locked", "no_charter"]);
    node.running.stop().await;
}
