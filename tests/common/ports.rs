//! Ports that belong to one test, also while nothing listens on them.
//!
//! A server that is stopped and started again has to come back on its port, and some programs must
//! be told their port before they run. A port that the system chose (port 0) may be given to
//! another socket in between. The ports of this module are below those that Linux gives away by
//! itself, and a UDP socket of the same number marks each as taken for other test processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// Linux gives away 32768 to 60999, unless it is configured otherwise.
const PORTS: std::ops::Range<u16> = 10_000..32_768;

/// The marks of this process, which are held until it ends.
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
