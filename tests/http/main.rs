//! The HTTP interface, asked over real connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod edge;
mod holders;
mod live;
mod live_client;
mod openapi;
mod overviews;
mod pressure;
mod problems;
mod scans;
mod schema;
mod support;
mod texts;
mod tweets;
mod views;
