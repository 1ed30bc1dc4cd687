//! tidings turns a stream of tweets into live, per-keyword knowledge.
//!
//! Data flows one way: [`journal`] → [`actors`] → [`projections`] → [`store`] → [`http`]. The
//! modules below are listed from the innermost, which knows nothing, to the outermost;
//! `docs/architecture.md` follows one tweet and one query through them.

pub mod actors;
pub mod cli;
pub mod events;
pub mod http;
pub mod journal;
pub mod projections;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod text;
