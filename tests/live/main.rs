//! Live clients against the built binary: real processes, real sockets.
//!
//! [`client`] speaks the protocol, [`state`] holds what a client that follows the rules holds,
//! [`checker`] compares it with what a GET says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    dead_code,
    missing_docs
)]

#[path = "../black_box/chance.rs"]
mod chance;
#[path = "../black_box/command.rs"]
mod command;
#[path = "../black_box/http.rs"]
mod http;
#[path = "../http/schema.rs"]
mod schema;
#[path = "../black_box/server.rs"]
mod server;

mod client;
mod state;

mod bench;
mod checker;
mod clients;
mod clock;
mod described;
mod events;
mod greedy;
mod hostile;
mod protocol;
mod race;
mod restart;
mod restored;
mod streams;
mod wire;
