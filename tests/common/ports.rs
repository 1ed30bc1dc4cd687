//! Ports reserved for one test, also while nothing listens on them.
//!
//! A restarted server needs its earlier port, and some programs need a port before they run. The
//! system may assign a port that it chose (port 0) to another socket in between. The ports of this
//! module are below the range that Linux assigns. A UDP socket with the same number reserves each
//! port against other test processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// Ports below the range that Linux assigns by default, 32768 to 60999.
const PORTS: std::ops::Range<u16> = 10_000..32_768;

/// The reservations of this process, held until it ends.
static MARKS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// An address of the loopback whose port no other test gets.
pub fn own_address() -> SocketAddr {
    let mut marks = MARKS.lock().unwrap();
    // Different processes start at different ports.
    let begin = usize::try_from(std::process::id()).unwrap() * 7_919 + marks.len();
    for port in PORTS.cycle().skip(begin % PORTS.len()).take(PORTS.len()) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(mark) = UdpSocket::bind(address) else {
            continue;
        };
        if TcpListener::bind(address).is_ok() {
            marks.push(mark);
            return address;
        }
    }
    panic!("no port is left");
}
