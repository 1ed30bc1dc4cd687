//! A bad network between tidings and nats-server: a proxy that delays, limits, cuts or holds
//! connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The state of the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The delay in each direction.
    pub delay: Duration,
    /// Bytes per second and connection in each direction; 0 is no limit.
    pub bytes_per_second: u32,
    /// A partition: nothing passes, and no connection is closed.
    pub partition: bool,
}

/// Forwards connections to a server; closes all of them when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    weather: Weather,
    /// The two ends of every connection.
    open: Vec<TcpStream>,
    over: bool,
}

/// Bytes and the time of their arrival.
type Piece = (Instant, Vec<u8>);

impl Proxy {
    pub fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                // A connection made during a partition is served after it.
                if !accepting.wait_until_through() {
                    return;
                }
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(upstream)) {
                    accepting.join(&client, &server);
                }
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub fn set(&self, weather: Weather) {
        self.shared.state.lock().unwrap().weather = weather;
        self.shared.changed.notify_all();
    }

    /// Cuts all connections and returns their number.
    pub fn cut(&self) -> usize {
        let open = std::mem::take(&mut self.shared.state.lock().unwrap().open);
        for stream in &open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        open.len() / 2
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().over = true;
        self.shared.changed.notify_all();
        self.cut();
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Waits while there is a partition. Returns false when the proxy is dropped.
    fn wait_until_through(&self) -> bool {
        let state = self.state.lock().unwrap();
        let blocked = |state: &mut State| state.weather.partition && !state.over;
        let state = self.changed.wait_while(state, blocked).unwrap();
        !state.over
    }

    /// Waits until bytes that arrived at this time are due. Returns false when the proxy is
    /// dropped.
    fn wait_until_due(&self, came: Instant) -> bool {
        let mut state = self.state.lock().unwrap();
        loop {
            let due = came + state.weather.delay;
            let now = Instant::now();
            if state.over {
                return false;
            }
            state = if state.weather.partition {
                self.changed.wait(state).unwrap()
            } else if now < due {
                self.changed.wait_timeout(state, due - now).unwrap().0
            } else {
                return true;
            };
        }
    }

    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) {
        let both = || [client.try_clone().unwrap(), server.try_clone().unwrap()];
        self.state.lock().unwrap().open.extend(both());
        for [from, to] in [both(), {
            let [client, server] = both();
            [server, client]
        }] {
            let (send, receive) = channel();
            std::thread::spawn(move || take_in(from, &send));
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.give_out(&receive, to));
        }
    }

    fn give_out(&self, receive: &Receiver<Piece>, mut to: TcpStream) {
        for (came, bytes) in receive {
            if !self.wait_until_due(came) {
                break;
            }
            let narrow = self.state.lock().unwrap().weather.bytes_per_second;
            if narrow > 0 {
                // The next piece waits until this one is sent.
                let takes = Duration::from_secs(1) * u32::try_from(bytes.len()).unwrap() / narrow;
                let began = Instant::now();
                let state = self.state.lock().unwrap();
                let still = |state: &mut State| {
                    state.weather.bytes_per_second == narrow && began.elapsed() < takes
                };
                drop(
                    self.changed
                        .wait_timeout_while(state, takes, still)
                        .unwrap(),
                );
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn take_in(mut from: TcpStream, send: &Sender<Piece>) {
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if send
            .send((Instant::now(), piece[..length].to_vec()))
            .is_err()
        {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
}
