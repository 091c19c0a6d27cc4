//! Tells the service manager how the node stands: one datagram to the socket it named.
//!
//! systemd's notification protocol, `sd_notify(3)`. Without `NOTIFY_SOCKET` nobody asked, and
//! nothing is said; a manager that cannot be reached does not stop a node.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the manager listens.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// What a manager can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The node serves.
    Ready,
    /// It reads settings and certificate again; [`Self::Ready`] follows.
    Reloading,
    /// The node was told to stop, and lets open calls end.
    Stopping,
}

impl State {
    const fn text(self) -> &'static str {
        match self {
            Self::Ready => "READY=1\nSTATUS=serving",
            Self::Reloading => "RELOADING=1\nSTATUS=reading settings and certificate again",
            Self::Stopping => "STOPPING=1\nSTATUS=letting open calls end",
        }
    }
}

/// Tells the manager that started this process, if one asked for it.
pub(super) fn tell(state: State) {
    let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else {
        return;
    };
    if let Err(error) = send(&name, state.text()) {
        tracing::warn!(%error, ?state, "the service manager was not told");
    }
}

fn send(name: &OsStr, text: &str) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        // vsock:… is for whole virtual machines.
        _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold up a node that stops.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &OsStr, socket: &UnixDatagram) {
        send(name, State::Ready.text()).expect("sent");
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).expect("a datagram");
        assert!(bytes[..length].starts_with(b"READY=1\n"));
    }

    #[test]
    fn a_manager_is_found_by_path_and_by_abstract_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notify");
        check(path.as_os_str(), &UnixDatagram::bind(&path).expect("free"));
        let name = format!("counterfoil-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("free");
        check(format!("@{name}").as_ref(), &socket);
    }

    #[test]
    fn a_manager_that_is_not_there_is_an_error() {
        assert!(send("/nobody/listens".as_ref(), "READY=1").is_err());
        assert!(send("vsock:2:1234".as_ref(), "READY=1").is_err());
    }
}
