//! Tests of live clients against the built binary, over real sockets.
//!
//! [`checker`] compares the state of a client that follows the protocol with the answer of a GET.

mod bench;
mod checker;
mod clients;
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
