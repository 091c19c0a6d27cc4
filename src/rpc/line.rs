//! How a connection treats a slow line.
//!
//! What waits in the system's queue for a slow line waits before the sign of life that proves the
//! line alive: at 64 kbit/s the usual queue takes half a minute. So little may wait there, and a
//! sign of life may take as long as that little and the queues on the way do.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Bytes that may wait in the system's queue: 4 seconds at 64 kbit/s.
const QUEUE: u32 = 32 << 10;

/// How often whoever dialled asks for a sign of life, and how long that may take: a dead line is
/// noticed within 20 seconds.
pub(super) const DIALLED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(14));

/// The same for whoever was dialled, who has somebody to redial.
pub(super) const ACCEPTED: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(20));

/// Sends small frames at once, and keeps the system's queue short. Where the system refuses, the
/// line is only slower.
pub(super) fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_tcp_notsent_lowat(QUEUE);
}
