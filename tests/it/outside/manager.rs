//! A node under a service manager: it says when it is ready and when it stops, and takes its
//! passphrase as a credential.

use std::fs::Permissions;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::process::Signal;

use crate::world::{Node, World};

/// Returns the first line of the next datagram.
fn heard(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let length = manager.recv(&mut bytes).expect("the manager is told");
    let text = std::str::from_utf8(&bytes[..length]).expect("UTF-8");
    text.lines().next().unwrap_or_default().to_owned()
}

fn listening(manager: std::io::Result<UnixDatagram>) -> UnixDatagram {
    let manager = manager.expect("a free name");
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    manager
}

/// A credential as systemd hands it out: mode 0400, or 0440 where an access list lets the service's
/// user in (systemd.exec(5), `LoadCredential=`).
#[track_caller]
fn check(node: &mut Node, notify: &str, manager: &UnixDatagram, mode: u32) {
    let credential = node.dir.with_extension(format!("credential-{mode:o}"));
    std::fs::copy(node.passphrase(), &credential).expect("copied");
    std::fs::set_permissions(&credential, Permissions::from_mode(mode)).expect("a mode");
    node.serve_managed(notify, &credential);
    assert_eq!(heard(manager), "READY=1");
    assert_eq!(node.run(&["health"]).1["locked"], false);
    // Not ready for want of a charter, and alive: nobody is to restart it for that.
    assert_eq!(node.ok(&["health", "--live"])["ready"], false);
    node.signal(Signal::HUP);
    assert_eq!(heard(manager), "RELOADING=1");
    assert_eq!(heard(manager), "READY=1");
    assert!(node.terminate().success());
    assert_eq!(heard(manager), "STOPPING=1");
    node.refused(&["health", "--live"], "not_running");
}

#[test]
fn the_manager_is_told_and_its_credential_opens_the_node() {
    let world = World::new();
    let mut node = world.member("inpud", &[]);

    let path = world.path("notify");
    let manager = listening(UnixDatagram::bind(&path));
    check(&mut node, path.to_str().expect("UTF-8"), &manager, 0o400);

    let name = format!("counterfoil-manager-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let manager = listening(UnixDatagram::bind_addr(&address));
    check(&mut node, &format!("@{name}"), &manager, 0o440);
}

#[test]
fn a_manager_that_is_not_there_stops_no_node() {
    let world = World::new();
    let mut node = world.member("inpud", &[]);
    let nobody = world.path("nobody-listens");
    let passphrase = node.passphrase();
    node.serve_managed(nobody.to_str().expect("UTF-8"), &passphrase);
    assert_eq!(node.run(&["health"]).1["locked"], false);
    assert!(node.terminate().success());
}
