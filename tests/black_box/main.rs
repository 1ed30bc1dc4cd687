//! The built binary from outside: real processes, real files, HTTP over the loopback.
//!
//! [`server`] starts and ends servers, [`http`] asks them, [`command`] runs the other commands,
//! [`posts`] has the sample and counts it without the code under test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod backups;
mod chance;
mod command;
mod http;
mod posts;
mod server;
mod views;

mod commands;
mod crashes;
mod demo;
mod foreign_text;
mod hostile_input;
mod journal_damage;
mod open_files;
mod rejected;
mod settings;
mod stalls;
mod stopping;
mod system_calls;
mod totals;
mod views_damage;
