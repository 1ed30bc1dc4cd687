//! `tidings journal …`: the journal's files, with the server stopped.

use clap::Subcommand;

use super::Invocation;
use super::failure::Outcome;

mod export;
mod import;
mod ls;
mod tail;

pub(super) use tail::readable;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Which journal it is, how far it goes, and its segments
    Ls,
    /// Write all events as NDJSON, with their sequences and a closing digest
    Export(export::Arguments),
    /// Read an export into an empty journal, or go on with an import that was cut short
    Import(import::Arguments),
    /// The last events, a line of JSON each
    Tail(tail::Arguments),
}

pub(super) async fn run(action: Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    match action {
        Action::Ls => ls::run(invocation).await,
        Action::Export(arguments) => export::run(arguments, invocation).await,
        Action::Import(arguments) => import::run(arguments, invocation).await,
        Action::Tail(arguments) => tail::run(&arguments, invocation).await,
    }
}
