//! `tidings bench …`: measures this machine.

use clap::Subcommand;

use super::Invocation;
use super::failure::Outcome;

mod events;
mod ingest;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Events a second from the journal through the fold to committed views, beside a bare read
    Ingest(ingest::Arguments),
}

pub(super) async fn run(action: Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    match action {
        Action::Ingest(arguments) => ingest::run(arguments, invocation).await,
    }
}
