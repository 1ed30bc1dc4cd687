//! The integration tests: one crate, so that they share [`common`] and are linked once.
//!
//! | folder | what is under test |
//! |---|---|
//! | [`projections`] | the folds and their queries, against a model |
//! | [`journal`] | the embedded journal: its bytes, crashes, export and import |
//! | [`engine`] | the running engine on a journal in memory or in a folder |
//! | [`http`] | the HTTP interface, served by this process |
//! | [`black_box`] | the built binary on the embedded journal |
//! | [`live`] | live clients of the built binary |
//! | [`jetstream`] | the built binary against nats-server |
//! | [`sources`] | collectors of the built binary against stubs of their sources |
//! | [`text`] | what the analyser makes of texts |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod common;

mod black_box;
mod engine;
mod http;
mod jetstream;
mod journal;
mod live;
mod projections;
mod sources;
mod text;
