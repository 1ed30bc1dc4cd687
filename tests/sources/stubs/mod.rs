//! Servers that speak the protocols of X, Bluesky Jetstream and Mastodon, for tests of collectors.
//!
//! ```text
//! World (posts, edits, deletes) ─► feed of a stream ─► output (chunks or frames) ─► client
//!       └─► searches, timelines                           ▲
//! Faults (on streams), refusals (of requests) ────────────┘     Requests ◄─ what was asked, when
//! ```
//!
//! Each stub runs on threads of its own and listens on a port that the system chose. A [`World`]
//! holds the posts; [`Faults`] switches what goes wrong; [`Requests`] keeps every request with its
//! time. Dropping a stub closes all its connections.

pub mod bluesky;
mod faults;
pub mod generator;
mod http;
mod limits;
pub mod mastodon;
mod requests;
#[cfg(test)]
mod self_tests;
mod stream;
mod world;
pub mod x;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub use bluesky::Bluesky;
pub use faults::{Fault, Faults, Refusal, Script};
pub use generator::{Generator, Writer, fill};
pub use limits::Limit;
pub use mastodon::Mastodon;
pub use requests::Requests;
pub use world::{Draft, Post, World, now_ms};
pub use x::X;

/// What all stubs have.
#[derive(Debug, Clone)]
pub struct Base {
    pub address: SocketAddr,
    pub world: World,
    pub faults: Faults,
    pub requests: Requests,
}

impl Base {
    /// The base URL, with the scheme `http`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The threads of a stub; dropping them ends it.
#[derive(Debug)]
struct Running(Option<Runtime>);

impl Running {
    /// Starts a stub: `build` makes its site, and may start tasks.
    fn start<S: http::Site>(build: impl FnOnce(Base) -> Arc<S>) -> (Self, Arc<S>) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = Base {
            address: listener.local_addr().unwrap(),
            world: World::default(),
            faults: Faults::default(),
            requests: Requests::default(),
        };
        let entered = runtime.enter();
        let site = build(base);
        let listener = TcpListener::from_std(listener).unwrap();
        runtime.spawn(http::accept(listener, Arc::clone(&site)));
        drop(entered);
        (Self(Some(runtime)), site)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
