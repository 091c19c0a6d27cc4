//! A member's node that turned against another: HTTP/2 floods, hoarded streams, handshakes that never
//! end, messages that lie about their length, answers nobody reads. The node attacked stays within
//! its memory, and another caller is served as before.
//!
//! Everything is bounded in count and time and goes over loopback. In a release build the figures
//! mean something:
//!
//! ```text
//! COUNTERFOIL_FLOOD_SECONDS=5 cargo test --release --test it outside::floods -- --show-output
//! ```
//!
//! Attackers, nodes and callers share the processors here, as they would not elsewhere. So each
//! attack is then made on a neighbour first: what another caller loses by that is the machine's,
//! and what it loses beyond is the node's.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;

use crate::listener::check_health;
use crate::world::caller::{client_config, dial_with_file, read_granted};
use crate::world::node::read;
use crate::world::{Node, World, wait_for};

/// The memory a locked node is given, and one that serves with everything open.
const LOCKED: u64 = 64 << 20;
const OPEN: u64 = 128 << 20;

/// Bytes written at once.
const WRITE: usize = 16 << 10;

/// One way to cost a node much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    RapidReset,
    Continuation,
    EmptyData,
    OpenStreams,
    Ping,
    Settings,
    ClosedStreams,
    IdleHandshakes,
    HalfHellos,
    Hellos,
    LyingLengths,
    LongMessages,
    UnreadAnswers,
    Calls,
}

const ATTACKS: [Attack; 14] = [
    Attack::RapidReset,
    Attack::Continuation,
    Attack::EmptyData,
    Attack::Ping,
    Attack::Settings,
    Attack::ClosedStreams,
    Attack::IdleHandshakes,
    Attack::HalfHellos,
    Attack::Hellos,
    Attack::LyingLengths,
    Attack::LongMessages,
    Attack::UnreadAnswers,
    Attack::Calls,
    Attack::OpenStreams,
];

/// Whoever made one of the first is cut off, and waits from then on: each is made by somebody of its
/// own. So is at times whoever opens streams without end, but it takes a node to open the longest,
/// so that comes last.
const CUT_OFF: [Attack; 6] = *ATTACKS.first_chunk().expect("more than six");

/// The limit that shows an attack was met; none where nobody is refused for it.
const fn counted(attack: Attack) -> Option<&'static str> {
    match attack {
        Attack::RapidReset | Attack::Continuation | Attack::EmptyData => Some("http2"),
        Attack::Ping | Attack::Settings => Some("control_frames"),
        Attack::IdleHandshakes | Attack::HalfHellos | Attack::Hellos => Some("handshake"),
        Attack::LyingLengths => Some("message_bytes"),
        Attack::LongMessages => Some("held_bytes"),
        _ => None,
    }
}

/// Returns one HTTP/2 frame. RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("short").to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Returns the headers of a call, as HPACK literals. RFC 7541, section 6.2.2 and appendix A.
fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87]; // POST, https
    let mut literal = |name: &[u8], value: &str| {
        block.extend(name);
        block.push(u8::try_from(value.len()).expect("short"));
        block.extend(value.as_bytes());
    };
    literal(&[0x04], path);
    literal(&[0x01], "localhost");
    literal(&[0x0f, 0x10], "application/grpc"); // content-type
    literal(&[0x00, 2, b't', b'e'], "trailers");
    block
}

const SYNC: &str = "/counterfoil.v1.Federation/Sync";
const CHARTER: &str = "/counterfoil.v1.Charters/Get";
const SUBMIT: &str = "/counterfoil.v1.Charters/Submit";

/// Where callers come from and nodes are, and where whoever attacks comes from.
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// Says when an attack is over.
#[derive(Clone)]
struct Stop(watch::Sender<bool>);

impl Stop {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    fn now(&self) {
        self.0.send_replace(true);
    }

    fn is_said(&self) -> bool {
        *self.0.borrow()
    }

    async fn said(&self) {
        let mut told = self.0.subscribe();
        told.wait_for(|stop| *stop).await.expect("it is held here");
    }
}

/// Somebody with a key and certificate that the node believes.
#[derive(Clone)]
struct Dialler {
    to: SocketAddr,
    /// The network they come from.
    from: Ipv4Addr,
    tls: Arc<rustls::ClientConfig>,
}

impl Dialler {
    fn of(node: &Node, target: &Node, charter: &str) -> Self {
        let text = String::from_utf8(read(&node.dir.join("node.cert"))).expect("UTF-8");
        let parts: Vec<Vec<u8>> = text
            .lines()
            .map(|line| STANDARD.decode(line).expect("base64"))
            .collect();
        Self::with(target, charter, &parts[0], &parts[1])
    }

    /// The same with a file that was granted.
    fn granted(file: &str, target: &Node, charter: &str) -> Self {
        let (cert, key) = read_granted(file);
        Self::with(target, charter, &cert, &key)
    }

    fn with(target: &Node, charter: &str, cert: &[u8], key: &[u8]) -> Self {
        Self {
            to: target.address().parse().expect("an address"),
            from: ELSEWHERE,
            tls: client_config(target, charter, cert, key),
        }
    }

    /// Sends nearly 4 MiB on each of many streams, as fast as they are taken, and never the end.
    async fn hoard(&self, stop: &Stop) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let stream = self.shake().await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        let mut connection = tokio::spawn(connection);
        let mut client = client.ready().await?;
        let mut held = Vec::new();
        for _ in 0..30 {
            let request = http::Request::post(format!("https://localhost{SUBMIT}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .expect("a request");
            let Ok((answer, mut say)) = client.send_request(request, false) else {
                break;
            };
            let mut message = vec![0, 0, 0x3f, 0xff, 0xff];
            message.resize(4 << 20, 7);
            say.send_data(message.into(), false)?;
            held.push((answer, say));
            client = client.ready().await?;
        }
        tokio::select! {
            () = stop.said() => connection.abort(),
            _ended = &mut connection => {}
        }
        Ok(())
    }

    async fn dial(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        socket.connect(self.to).await
    }

    async fn shake(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = self.dial().await?;
        let name = localhost();
        let tls = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls));
        tls.connect(name, tcp).await
    }

    /// Connects and says hello.
    async fn connect(&self, settings: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut stream = self.shake().await?;
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await?;
        stream.write_all(&frame(SETTINGS, 0, 0, settings)).await?;
        Ok(stream)
    }

    /// Returns how long it takes from dialling until the node speaks HTTP/2.
    async fn connection_takes(&self) -> std::io::Result<Duration> {
        let begun = Instant::now();
        let mut stream = self.connect(&[]).await?;
        stream.read_exact(&mut [0; 9]).await?;
        Ok(begun.elapsed())
    }

    /// Returns what a handshake begins with, where it is one of these attacks.
    fn begins_with(&self, attack: Attack) -> Option<Vec<u8>> {
        match attack {
            Attack::IdleHandshakes => Some(Vec::new()),
            Attack::HalfHellos => Some(vec![22]),
            Attack::Hellos => {
                let mut hello = Vec::new();
                let client = rustls::ClientConnection::new(Arc::clone(&self.tls), localhost());
                let mut client = client.expect("a client");
                client.write_tls(&mut hello).expect("written to memory");
                Some(hello)
            }
            _ => None,
        }
    }

    /// Begins handshakes that do not end, hundreds at once.
    async fn begin(&self, said: &[u8], stop: &Stop) {
        let mut held = Vec::new();
        while !stop.is_said() {
            if held.len() >= 500 {
                held.clear();
            }
            let Ok(mut tcp) = self.dial().await else {
                continue;
            };
            let _gone = tcp.write_all(said).await;
            held.push(tcp);
        }
    }

    /// Attacks over one connection after another until told to stop.
    async fn attack(self, attack: Attack, stop: Stop) {
        let over = || stop.is_said();
        if let Some(said) = self.begins_with(attack) {
            return self.begin(&said, &stop).await;
        }
        while !over() {
            if attack == Attack::LongMessages {
                let _broken = self.hoard(&stop).await;
                continue;
            }
            // No window for answers, where they are not to be read.
            let settings: &[u8] = match attack {
                Attack::UnreadAnswers => &[0, 4, 0, 0, 0, 0],
                _ => &[],
            };
            let Ok(stream) = self.connect(settings).await else {
                // Refused: it comes back after a moment, and for as long as the attack lasts.
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let (mut hear, mut say) = tokio::io::split(stream);
            let deaf = matches!(attack, Attack::UnreadAnswers | Attack::ClosedStreams);
            let listening = async {
                let mut heard = vec![0; 64 << 10];
                while !deaf && hear.read(&mut heard).await.is_ok_and(|count| count > 0) {}
                if deaf {
                    std::future::pending::<()>().await;
                }
            };
            let speaking = async {
                let mut flood = Flood::new(attack);
                while !over() {
                    let bytes = flood.next();
                    if bytes.is_empty() {
                        // It has said all; what it holds it holds.
                        stop.said().await;
                    } else if say.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = listening => {}
                () = speaking => {}
            }
        }
    }
}

/// A node that is attacked, and whoever attacks it.
struct Front<'node> {
    node: &'node Node,
    /// A member's node.
    enemy: &'node Node,
    charter: &'node str,
    /// Files of those it vouches for, for [`CUT_OFF`].
    enemies: &'node [String; CUT_OFF.len()],
}

impl Front<'_> {
    fn making(&self, attack: Attack) -> Dialler {
        let enemies = CUT_OFF.iter().zip(self.enemies);
        match enemies.into_iter().find(|(made, _)| **made == attack) {
            Some((_, file)) => Dialler::granted(file, self.node, self.charter),
            None => Dialler::of(self.enemy, self.node, self.charter),
        }
    }
}

/// What is said on one connection.
struct Flood {
    attack: Attack,
    stream: u32,
    sent: usize,
}

impl Flood {
    const fn new(attack: Attack) -> Self {
        Self {
            attack,
            stream: 1,
            sent: 0,
        }
    }

    /// Returns some more; empty once there is nothing more to say.
    fn next(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * WRITE);
        while bytes.len() < WRITE {
            let before = bytes.len();
            self.add(&mut bytes);
            if bytes.len() == before {
                break;
            }
        }
        bytes
    }

    fn add(&mut self, bytes: &mut Vec<u8>) {
        let first = self.sent == 0;
        self.sent += 1;
        match self.attack {
            Attack::RapidReset => {
                bytes.extend(frame(HEADERS, END_HEADERS, self.stream, &headers(CHARTER)));
                bytes.extend(frame(RST_STREAM, 0, self.stream, &[0, 0, 0, 8]));
                self.stream += 2;
            }
            Attack::Continuation if first => bytes.extend(frame(HEADERS, 0, 1, &headers(SYNC))),
            // A header of its own in each.
            Attack::Continuation => bytes.extend(frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y'])),
            Attack::EmptyData if first => {
                bytes.extend(frame(HEADERS, END_HEADERS, 1, &headers(CHARTER)));
            }
            Attack::EmptyData => bytes.extend(frame(DATA, 0, 1, &[])),
            Attack::OpenStreams if self.stream < 20_000 => {
                bytes.extend(frame(HEADERS, END_HEADERS, self.stream, &headers(SYNC)));
                bytes.extend(frame(DATA, 0, self.stream, &[0, 0, 0, 1, 0, 7]));
                self.stream += 2;
            }
            // All lower streams are closed by that; each frame on one is answered with a reset.
            Attack::ClosedStreams if first => {
                let last = 0x7fff_ffff;
                bytes.extend(frame(HEADERS, END_HEADERS, last, &headers(CHARTER)));
            }
            Attack::ClosedStreams => {
                bytes.extend(frame(DATA, 0, self.stream, &[]));
                self.stream += 2;
            }
            Attack::Calls => {
                let kind = END_HEADERS | END_STREAM;
                bytes.extend(frame(HEADERS, kind, self.stream, &headers("/nothing")));
                self.stream += 2;
            }
            Attack::Ping => bytes.extend(frame(PING, 0, 0, &[7; 8])),
            Attack::Settings => bytes.extend(frame(SETTINGS, 0, 0, &[])),
            Attack::LyingLengths if self.stream < 128 => {
                bytes.extend(frame(HEADERS, END_HEADERS, self.stream, &headers(SUBMIT)));
                let length = if self.stream % 4 == 1 {
                    [0xff; 4]
                } else {
                    [0, 0x3f, 0xff, 0xff]
                };
                let lie = [&[0][..], &length].concat();
                bytes.extend(frame(DATA, 0, self.stream, &lie));
                self.stream += 2;
            }
            Attack::UnreadAnswers if self.stream < 400 => {
                bytes.extend(frame(HEADERS, END_HEADERS, self.stream, &headers(CHARTER)));
                bytes.extend(frame(DATA, END_STREAM, self.stream, &[0; 5]));
                self.stream += 2;
            }
            _ => {}
        }
    }
}

/// How long others may be refused at most.
const MOST_REFUSED: Duration = Duration::from_secs(5);

/// How long each attack lasts, where somebody wants figures.
const SECONDS: &str = "COUNTERFOIL_FLOOD_SECONDS";

fn is_measured() -> bool {
    std::env::var_os(SECONDS).is_some()
}

/// How long each attack lasts.
fn lasting() -> Duration {
    let seconds = std::env::var(SECONDS).ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(1.0);
    Duration::from_secs_f64(seconds)
}

/// Begins an attack by four at once.
fn set_upon(
    crowd: &tokio::runtime::Runtime,
    enemy: &Dialler,
    attack: Attack,
) -> (Stop, Vec<tokio::task::JoinHandle<()>>) {
    let stop = Stop::new();
    let begin = |_| crowd.spawn(enemy.clone().attack(attack, stop.clone()));
    let attackers = (0..4).map(begin).collect();
    (stop, attackers)
}

/// Somebody who wants to be served.
struct Caller {
    runtime: tokio::runtime::Runtime,
    channel: tonic::transport::Channel,
    dialler: Dialler,
}

/// How long each call took, and each new connection.
#[derive(Default)]
struct Served {
    calls: Vec<Duration>,
    connections: Vec<Duration>,
}

impl Caller {
    fn new(front: &Front<'_>, file: &str) -> Self {
        let runtime = one_thread();
        Self {
            channel: runtime.block_on(dial_with_file(front.node, front.charter, file)),
            dialler: Dialler {
                from: HERE,
                ..Dialler::granted(file, front.node, front.charter)
            },
            runtime,
        }
    }

    /// Calls again and again for a while, and connects anew at times.
    fn calls(&self) -> Served {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut served = Served::default();
            while begun.elapsed() < lasting() {
                for _ in 0..10 {
                    served.calls.push(self.call_takes().await);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let took = self.dialler.connection_takes().await;
                served.connections.push(took.expect("connected"));
            }
            served.calls.sort();
            served.connections.sort();
            served
        })
    }

    async fn call_takes(&self) -> Duration {
        let begun = Instant::now();
        // Near its limit of memory a node refuses rather than be killed: they try again, and
        // wait as long.
        while let Err(refused) = check_health(&self.channel).await {
            let is_full = refused.code() == tonic::Code::ResourceExhausted;
            assert!(is_full && begun.elapsed() < MOST_REFUSED, "{refused}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        begun.elapsed()
    }
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("threads")
}

impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p99 = |took: &[Duration]| took[took.len() * 99 / 100].as_secs_f64() * 1e3;
        let (calls, connections) = (p99(&self.calls), p99(&self.connections));
        write!(
            f,
            "p99 of another's calls {calls:.1} ms, of new connections {connections:.1} ms"
        )
    }
}

/// Returns what only a process uses, in bytes.
fn own_memory(pid: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("a size") << 10
}

#[test]
fn floods_cost_a_locked_node_and_an_open_one_little_and_others_nothing() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    let charter = world.path("charter");
    let charter = charter.to_str().expect("UTF-8");
    let pem = |by: &Node, name: &str| {
        let file = world.path(&format!("{}-{name}.pem", by.id));
        let file = file.to_str().expect("UTF-8").to_owned();
        let grant = ["access", "grant", "--role", "coordinator", "--name"];
        by.ok(&[&grant[..], &[name, "--out", &file]].concat());
        file
    };
    let callers = ["Ana", "Bo"].map(|name| pem(&inpud, name));
    let attackers = |by: &Node| CUT_OFF.map(|attack| pem(by, &format!("{attack:?}")));
    let (theirs, ours) = (attackers(&anpud), attackers(&inpud));
    for (limit, locked) in [(LOCKED, true), (OPEN, false)] {
        assert!(inpud.terminate().success());
        let mut command = inpud.command(&["serve", "--metrics", "127.0.0.1:0"]);
        command.env("COUNTERFOIL_MAX_MEMORY", limit.to_string());
        command.env("COUNTERFOIL_LOG_LEVEL", "info");
        if locked {
            command.env_remove("COUNTERFOIL_PASSPHRASE_FILE");
        }
        inpud.start(command);
        let attack = Front {
            node: &inpud,
            enemy: &anpud,
            charter,
            enemies: &theirs,
        };
        let beside = Front {
            node: &anpud,
            enemy: &inpud,
            charter,
            enemies: &ours,
        };
        attacked(&attack, &beside, &callers, limit);
    }
}

#[expect(clippy::print_stdout, reason = "figures, for whoever asks to see them")]
fn attacked(front: &Front<'_>, beside: &Front<'_>, callers: &[String; 2], limit: u64) {
    let node = front.node;
    let pid = node.ready()["pid"].as_u64().expect("a process");
    let crowd = one_thread();
    let caller = Caller::new(front, &callers[0]);
    println!("{} MiB, at rest {}", limit >> 20, caller.calls());
    for attack in ATTACKS {
        let beside = is_measured().then(|| {
            let (stop, attackers) = set_upon(&crowd, &beside.making(attack), attack);
            let served = caller.calls();
            stop.now();
            for attacker in attackers {
                crowd.block_on(attacker).expect("it attacked");
            }
            served
        });
        let most = Arc::new(AtomicU64::new(0));
        let before = counted(attack).map(|limit| hits(node, limit));
        let (stop, attackers) = set_upon(&crowd, &front.making(attack), attack);
        let watching = {
            let (stop, most) = (stop.clone(), Arc::clone(&most));
            std::thread::spawn(move || {
                while !stop.is_said() {
                    most.fetch_max(own_memory(pid), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        };
        let served = caller.calls();
        // However busy this machine is, it goes on until it was noticed.
        if let (Some(limit), Some(before)) = (counted(attack), before) {
            wait_for(&format!("{attack:?} to be counted as {limit}"), || {
                (hits(node, limit) > before).then_some(())
            });
        }
        stop.now();
        watching.join().expect("it watched");
        let most = most.load(Ordering::Relaxed);
        println!(
            "{attack:?}: {served}{}, most memory {:.1} MiB; limits met so far: {}",
            beside.map_or_else(String::new, |beside| format!(
                " ({beside} while a neighbour is attacked)"
            )),
            most as f64 / f64::from(1 << 20),
            met(node)
        );
        assert!(most < limit, "{attack:?} took {most} bytes of {limit}");
        // The next one is to meet its own limit, and not what this one still holds.
        for attacker in attackers {
            crowd.block_on(attacker).expect("it attacked");
        }
        wait_for("the calls of an attack to end", || {
            let calls = super::watched::page(node)["counterfoil_calls"];
            (calls == 0.0).then_some(())
        });
    }
    // Whoever comes only now is served too.
    let late = Caller::new(front, &callers[1]);
    late.runtime.block_on(late.call_takes());
    assert_eq!(node.ok(&["health"])["ready"], true);
}

/// Returns every limit that was met, and how often.
fn met(node: &Node) -> String {
    let page = super::watched::page(node);
    let met = page.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("counterfoil_limit_hits_total{limit=")?;
        (*value > 0.0).then(|| format!("{} {value}", name.trim_matches(['"', '}'])))
    });
    met.collect::<Vec<_>>().join(", ")
}

/// Returns how often limits whose names begin so were met.
fn hits(node: &Node, limit: &str) -> f64 {
    let page = super::watched::page(node);
    let begins = format!("counterfoil_limit_hits_total{{limit=\"{limit}");
    page.iter()
        .filter(|(name, _)| name.starts_with(&begins))
        .map(|(_, value)| value)
        .sum()
}
