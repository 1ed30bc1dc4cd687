//! The shared parts of the tests: one way to do each thing.
//!
//! A server runs on one of three levels: [`engine`] without HTTP, [`in_process`] with HTTP and
//! live, [`server`] as a process of the built binary. [`command`] runs the other commands of the
//! binary. Events come from [`events`] (typed) and [`lines`] (NDJSON), random numbers from
//! [`chance`].

pub mod chance;
pub mod command;
pub mod engine;
pub mod events;
pub mod files;
pub mod gate;
pub mod histories;
pub mod http;
pub mod in_process;
pub mod journal_double;
pub mod lines;
pub mod live_client;
pub mod live_state;
pub mod ports;
pub mod posts;
pub mod rows;
pub mod schema;
pub mod server;
pub mod views;
pub mod wait;
