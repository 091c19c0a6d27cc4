//! Which handshakes begin, and which give way.
//!
//! A handshake takes the processor from those who are connected, so only so many begin in a
//! second, and only once the whole first message is there (the `ClientHello`; RFC 8446, section
//! 4.1.2): whoever says nothing, or a byte at a time, takes nobody's turn. Those that are ready
//! wait by the network they come from, and the networks take turns, so that nobody waits for a
//! flood from elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{Accepted, Acceptor};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::hits::Limit;
use super::limits::Limits;

/// Bytes in which the first message must end. Ours takes 1.6 kB, most of it the post-quantum key.
const HELLO_BYTES: u64 = 8_192;

/// A handshake as its own task sees it; the listener has the other end.
pub(super) struct Handshake {
    network: IpAddr,
    starts: Arc<Starts>,
    next: watch::Sender<Next>,
}

/// Who has to do something next; nobody knows once the handshake has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// They have to speak.
    They,
    /// We have to let them have their turn.
    We,
}

impl Handshake {
    /// Shakes hands. They have their time for each half of it; waiting for a turn takes none.
    pub(super) async fn shake(
        self,
        mut tcp: TcpStream,
        tls: Arc<ServerConfig>,
        limits: &Limits,
    ) -> io::Result<TlsStream<TcpStream>> {
        let accepted = in_time(limits, hello(&mut tcp)).await?;
        self.next.send_replace(Next::We);
        tokio::select! {
            () = self.starts.start(self.network) => {}
            () = hung_up(&tcp) => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        self.next.send_replace(Next::They);
        let start = StartHandshake::from_parts(accepted, tcp);
        in_time(limits, start.into_stream(tls)).await
    }
}

/// Waits for the other end to hang up. Whoever speaks again before they are answered is taken to
/// stay.
async fn hung_up(tcp: &TcpStream) {
    if let Ok(1) = tcp.peek(&mut [0]).await {
        std::future::pending().await
    }
}

async fn in_time<T>(limits: &Limits, half: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let half = tokio::time::timeout(limits.handshake, half).await;
    half.unwrap_or_else(|elapsed| {
        limits.hits.hit(Limit::HandshakeTime);
        Err(elapsed.into())
    })
}

/// Reads the first message.
async fn hello(tcp: &mut TcpStream) -> io::Result<Accepted> {
    // Whoever has said nothing yet costs no buffer either.
    tcp.readable().await?;
    let (read, write) = tcp.split();
    let line = tokio::io::join(read.take(HELLO_BYTES), write);
    let start = LazyConfigAcceptor::new(Acceptor::default(), line).await?;
    Ok(start.accepted)
}

/// Who may begin, and when.
pub(super) struct Starts {
    most: usize,
    every: Duration,
    state: Mutex<State>,
    used: Notify,
}

#[derive(Default)]
struct State {
    /// How many may begin at once.
    free: usize,
    /// Those that wait, by where they come from, the next to take a turn first. Only while none
    /// are free.
    waiting: VecDeque<(IpAddr, VecDeque<oneshot::Sender<()>>)>,
}

impl Starts {
    pub(super) fn new(limits: &Limits) -> Self {
        let per_second = limits.handshakes_per_second.max(1);
        let most = usize::try_from(per_second).unwrap_or(1).saturating_mul(2);
        let state = State {
            free: most,
            ..State::default()
        };
        Self {
            most,
            every: Duration::from_secs(1) / per_second,
            state: Mutex::new(state),
            used: Notify::new(),
        }
    }

    /// Returns when each further one may begin.
    pub(super) fn refill(&self) -> tokio::time::Interval {
        let mut refill = tokio::time::interval(self.every);
        // What was not needed meanwhile is not made up for.
        refill.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        refill
    }

    /// Waits until one more may begin; as long as all are free, for one to be used.
    pub(super) async fn due(&self, refill: &mut tokio::time::Interval) {
        while self.lock().free >= self.most {
            self.used.notified().await;
        }
        refill.tick().await;
    }

    /// Lets one more begin: of the networks in turn, of one network the first that still waits.
    pub(super) fn allow_one(&self) {
        let mut state = self.lock();
        while let Some((from, mut queue)) = state.waiting.pop_front() {
            let begins = std::iter::from_fn(|| queue.pop_front()).any(|next| next.send(()).is_ok());
            if !queue.is_empty() {
                state.waiting.push_back((from, queue));
            }
            if begins {
                return;
            }
        }
        state.free = self.most.min(state.free + 1);
    }

    /// Waits until one from `network` may begin.
    async fn start(&self, network: IpAddr) {
        if let Some(turn) = self.take(network) {
            // The other end stays until it is sent.
            let _ = turn.await;
        }
    }

    /// Begins at once, or returns what to wait for.
    fn take(&self, network: IpAddr) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free -= 1;
            self.used.notify_one();
            return None;
        }
        let (next, turn) = oneshot::channel();
        let found = state.waiting.iter().position(|(from, _)| *from == network);
        match found.and_then(|at| state.waiting.get_mut(at)) {
            Some((_, queue)) => {
                queue.retain(|next| !next.is_closed());
                queue.push_back(next);
            }
            None => state.waiting.push_back((network, VecDeque::from([next]))),
        }
        Some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The queues are consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handshakes going on, the oldest first.
#[derive(Default)]
pub(super) struct Handshakes(VecDeque<Begun>);

/// A handshake that may be going on.
struct Begun {
    network: IpAddr,
    next: watch::Receiver<Next>,
    task: AbortHandle,
}

impl Handshakes {
    /// Adds one from there, in the task that `spawn` begins; of too many, one gives way.
    pub(super) fn begin(
        &mut self,
        from: IpAddr,
        starts: &Arc<Starts>,
        limits: &Limits,
        spawn: impl FnOnce(Handshake) -> AbortHandle,
    ) {
        let (next, seen) = watch::channel(Next::They);
        let network = network(from);
        let task = spawn(Handshake {
            network,
            starts: Arc::clone(starts),
            next,
        });
        self.0.push_back(Begun {
            network,
            next: seen,
            task,
        });
        if self.0.len() <= limits.handshakes {
            return;
        }
        self.0.retain(|begun| begun.next.has_changed().is_ok());
        if self.0.len() > limits.handshakes
            && let Some(gives_way) = self.who_gives_way().and_then(|at| self.0.remove(at))
        {
            gives_way.task.abort();
            limits.hits.hit(Limit::Handshakes);
        }
    }

    /// Returns which one gives way: the oldest that has to speak of wherever most come from. Who
    /// floods the port crowds itself out first, and who waits for us is not blamed for it.
    fn who_gives_way(&self) -> Option<usize> {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for begun in &self.0 {
            *counts.entry(begun.network).or_default() += 1;
        }
        let most = counts.values().copied().max();
        let is_of_most = |begun: &&Begun| counts.get(&begun.network).copied() == most;
        let mut crowd = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, begun)| is_of_most(begun));
        let to_speak = crowd
            .clone()
            .find(|(_, begun)| *begun.next.borrow() == Next::They);
        to_speak.or_else(|| crowd.next()).map(|(at, _)| at)
    }
}

/// Returns what one subscriber has: an IPv4 address, or the /64 around an IPv6 one (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let upper = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(upper))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Turns of which none are free.
    fn all_taken() -> Starts {
        let starts = Starts::new(&Limits::default());
        while starts.lock().free > 0 {
            assert!(starts.take(HERE).is_none());
        }
        starts
    }

    fn wait(starts: &Starts, network: IpAddr) -> oneshot::Receiver<()> {
        starts.take(network).expect("none is free")
    }

    fn came(turn: &mut oneshot::Receiver<()>) -> bool {
        turn.try_recv().is_ok()
    }

    #[test]
    fn nobody_waits_for_a_flood_from_elsewhere() {
        let starts = all_taken();
        let mut flood: Vec<_> = (0..100).map(|_| wait(&starts, HERE)).collect();
        let mut other = wait(&starts, THERE);
        starts.allow_one();
        assert!(came(&mut flood[0]) && !came(&mut other));
        starts.allow_one();
        assert!(came(&mut other) && !came(&mut flood[1]));
        starts.allow_one();
        assert!(came(&mut flood[1]) && !came(&mut flood[2]));
    }

    #[test]
    fn who_has_left_takes_no_turn() {
        let starts = all_taken();
        drop((wait(&starts, HERE), wait(&starts, THERE)));
        let mut stays = wait(&starts, HERE);
        assert_eq!(starts.lock().waiting[0].1.len(), 1, "left without a trace");
        starts.allow_one();
        assert!(came(&mut stays));
        starts.allow_one();
        assert!(starts.lock().waiting.is_empty());
        assert!(starts.take(THERE).is_none(), "it is free");
        assert!(starts.take(THERE).is_some());
    }

    #[test]
    fn turns_that_nobody_needs_are_not_kept() {
        let starts = Starts::new(&Limits::default());
        starts.allow_one();
        assert_eq!(starts.lock().free, starts.most);
    }

    #[tokio::test]
    async fn a_turn_comes_back_once_one_was_used_and_not_before() {
        let starts = Starts::new(&Limits::default());
        let mut refill = starts.refill();
        let mut due = std::pin::pin!(starts.due(&mut refill));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(due.as_mut().poll(&mut cx).is_pending());
        assert!(starts.take(HERE).is_none());
        due.await;
    }

    /// Handshakes that never end, of which so many fit.
    struct Crowd {
        handshakes: Handshakes,
        starts: Arc<Starts>,
        limits: Limits,
        tasks: Vec<(Handshake, tokio::task::JoinHandle<()>)>,
    }

    impl Crowd {
        fn of(handshakes: usize) -> Self {
            let limits = Limits {
                handshakes,
                ..Limits::default()
            };
            Self {
                handshakes: Handshakes::default(),
                starts: Arc::new(Starts::new(&limits)),
                limits,
                tasks: Vec::new(),
            }
        }

        fn come(&mut self, network: IpAddr) {
            let (starts, tasks) = (&self.starts, &mut self.tasks);
            let begin = |handshake| {
                let task = tokio::spawn(std::future::pending());
                let handle = task.abort_handle();
                tasks.push((handshake, task));
                handle
            };
            self.handshakes.begin(network, starts, &self.limits, begin);
        }

        /// Returns the numbers of those that gave way.
        async fn gone(&self) -> Vec<usize> {
            // An aborted task ends when it is polled next.
            tokio::task::yield_now().await;
            let gone = |(_, task): &(_, tokio::task::JoinHandle<()>)| task.is_finished();
            let tasks = self.tasks.iter().enumerate();
            tasks
                .filter(|(_, task)| gone(task))
                .map(|(at, _)| at)
                .collect()
        }
    }

    #[tokio::test]
    async fn whoever_waits_for_us_stays_and_whoever_has_to_speak_gives_way() {
        let mut crowd = Crowd::of(3);
        for _ in 0..3 {
            crowd.come(HERE);
        }
        crowd.tasks[0].0.next.send_replace(Next::We);
        crowd.come(HERE);
        assert_eq!(crowd.gone().await, [1]);
    }

    #[tokio::test]
    async fn among_those_alone_the_oldest_gives_way_whatever_its_address() {
        for networks in [[HERE, THERE], [THERE, HERE]] {
            let mut crowd = Crowd::of(1);
            for network in networks {
                crowd.come(network);
            }
            assert_eq!(crowd.gone().await, [0]);
        }
    }

    #[test]
    fn a_subscriber_is_an_address_or_a_network_of_them() {
        let network_of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network_of("192.0.2.7"), "192.0.2.7");
        assert_eq!(network_of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
