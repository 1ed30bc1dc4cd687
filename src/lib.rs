//! tidings turns a stream of tweets into live, per-keyword knowledge.
//!
//! Data flows one way: [`journal`] → [`actors::engine`] → [`projections`] → [`store`] →
//! [`queries`] → [`http`].
//! The modules below are listed from the innermost to the outermost. None imports a module listed
//! below it, except that all may import [`settings`] and [`telemetry`]. `docs/architecture.md`
//! follows one tweet and one query through them; `docs/glossary.md` defines the terms.

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

pub mod demo;

pub mod sources;

pub mod http;

pub mod app;

pub mod cli;
