//! `tidings journal …`: the journal's files, with the server stopped.

use clap::Subcommand;

use super::Invocation;
use super::failure::CommandOutcome;

mod export;
mod import;
mod ls;
mod tail;

pub(super) use tail::readable;

#[derive(Debug, Subcommand)]
pub(super) enum JournalAction {
    /// The journal's identity and last sequence, and its segments
    Ls,
    /// Write all events as NDJSON, with their sequences and a closing digest
    Export(export::ExportArguments),
    /// Read an export into an empty journal, or continue an interrupted import
    Import(import::ImportArguments),
    /// The last events, one line of JSON each
    Tail(tail::TailArguments),
}

pub(super) async fn run(
    action: JournalAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        JournalAction::Ls => ls::run(invocation).await,
        JournalAction::Export(arguments) => export::run(arguments, invocation).await,
        JournalAction::Import(arguments) => import::run(arguments, invocation).await,
        JournalAction::Tail(arguments) => tail::run(&arguments, invocation).await,
    }
}
