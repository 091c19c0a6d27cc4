//! Two nodes with a poor line between them: slow, far, and broken again and again.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::watched::page;
use crate::world::{Node, World};

/// What a poor line carries in each direction.
const BYTES_A_SECOND: usize = 24 << 10;

/// How long a byte is under way: a satellite's.
const FAR: Duration = Duration::from_millis(300);

/// Carries bytes to one address as a poor line does, and breaks each connection after so many.
struct Line {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Line {
    fn to(target: String, breaks_after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let Ok(far) = TcpStream::connect(&target) else {
                    return;
                };
                let left = Arc::new(AtomicUsize::new(breaks_after));
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let from = from.try_clone().expect("a socket");
                    let to = to.try_clone().expect("a socket");
                    let left = Arc::clone(&left);
                    std::thread::spawn(move || carry(from, to, &left));
                }
            }
        });
        Self {
            address,
            connections,
        }
    }
}

/// Carries one direction until it ends or the line breaks. The pauses are what the line is.
fn carry(mut from: TcpStream, mut to: TcpStream, left: &AtomicUsize) {
    let mut bytes = [0; 2048];
    let mut is_first = true;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let pace = Duration::from_secs_f64(count as f64 / BYTES_A_SECOND as f64);
        std::thread::sleep(if is_first { pace + FAR } else { pace });
        // What is read in one go was sent together; what comes after an answer is under way anew.
        is_first = count < bytes.len();
        let within = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(count)
        });
        if within.is_err() || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Both ends learn of it as of a connection that was reset.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn leaves_of_inpud(node: &Node) -> u64 {
    let seen = page(node);
    seen.get("counterfoil_tree_size{log=\"inpud\"}")
        .map_or(0, |leaves| *leaves as u64)
}

#[test]
fn a_slow_line_that_breaks_again_and_again_still_brings_everything() {
    let world = World::new();
    let flags = ["--size", "large", "--countries", "TH,ID,VN,NP"];
    let [inpud, mut anpud] = world.pair(&flags);
    for day in ["2018-02-01", "2018-05-02", "2018-08-03", "2018-11-04"] {
        let start = format!("start={day}");
        let set = ["--set", "title=T", &start, "attended=40", "country=TH"];
        inpud.ok(&[&["record", "add", "--kind", "training"][..], &set].concat());
    }
    for period in ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"] {
        inpud.publish(period, "training");
    }
    let leaves = inpud.ok(&["health"])["tree_size"].as_u64().expect("a size");
    assert!(anpud.terminate().success());
    let command = anpud.command(&["serve", "--metrics", "127.0.0.1:0"]);
    anpud.start(command);

    let line = Line::to(inpud.address(), 40 << 10);
    let url = format!("https://{}", line.address);
    anpud.ok(&["peer", "add", "inpud", &url]);
    let mut rounds = 0;
    let mut held = 0;
    while held < leaves {
        rounds += 1;
        assert!(rounds < 40, "{held} of {leaves} leaves came");
        let (_, said) = anpud.run(&["peer", "sync", "--peer", "inpud"]);
        let now = leaves_of_inpud(&anpud);
        assert!(now >= held, "what had come stays: {now}, {held}: {said}");
        held = now;
    }
    let broke = line.connections.load(Ordering::Relaxed);
    assert!(broke > 1, "the line broke on the way");
    let ask = "report training --measure attendances --from 2018 --to 2018 --allow-partial";
    let ask: Vec<&str> = ask.split(' ').collect();
    assert_eq!(inpud.ok(&ask)["rows"], anpud.ok(&ask)["rows"]);
}
