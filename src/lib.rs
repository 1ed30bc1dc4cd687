//! tidings turns a stream of tweets into live, per-keyword knowledge.
//!
//! Data flows one way: [`journal`] → [`actors::engine`] → [`projections`] → [`store`] →
//! [`queries`] → [`http`].
//! The modules below are listed from the innermost to the outermost: none imports one below it, but
//! that [`settings`] and [`telemetry`] may be imported by all. `docs/architecture.md` follows one
//! tweet and one query through them; `docs/glossary.md` says what each word means.

pub mod telemetry;

pub mod settings;

pub mod access;

pub mod events;

pub mod text;

pub mod projections;

pub mod journal;

pub mod store;

pub mod queries;

pub mod actors;

pub mod ingest;

pub mod maintenance;

pub mod http;

pub mod app;

pub mod cli;
