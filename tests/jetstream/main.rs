//! The journal in NATS JetStream: the built binary against real nats-server processes.
//!
//! [`nats`] starts, kills and asks nats-server with a client of its own, which can also say what
//! a polite one cannot. The rest of the rig is that of the black-box tests.

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
#[path = "../model/histories.rs"]
mod histories;
#[path = "../black_box/http.rs"]
mod http;
#[path = "../live/client.rs"]
mod live_client;
#[path = "../live/state.rs"]
mod live_state;
#[path = "../black_box/posts.rs"]
mod posts;
#[path = "../black_box/server.rs"]
mod server;
#[path = "../black_box/views.rs"]
mod views;

mod nats;
mod proxy;

mod access;
mod another_stream;
mod balancer;
mod cluster;
mod configuration;
mod earlier_tokens;
mod equal_journals;
mod guide;
mod holes;
mod hostile_publishers;
mod micro;
mod network;
mod outages;
mod permissions;
mod port;
mod publishers;
mod replicas;
mod same_views;
mod stopping;
