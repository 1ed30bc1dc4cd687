//! Views that an older version made answer until this version's have caught up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    missing_docs
)]

#[path = "../http/support.rs"]
mod support;
#[path = "../system/mod.rs"]
mod system;

mod answering;
mod publishing;
mod scene;
mod subscribing;
