//! `tidings bench …`: measures this machine.

use clap::Subcommand;

use super::Invocation;
use super::failure::Outcome;

mod attack;
mod events;
mod frames;
mod ingest;
mod live;
mod raw;
mod server;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Events a second from the journal through the fold to committed views, beside a bare read
    Ingest(ingest::Arguments),
    /// Deliveries a second to live clients, their latency, and what clients cost the server
    Live(live::Arguments),
    /// What hostile requests cost, and good clients beside many of them at once
    Attack(attack::Arguments),
}

pub(super) async fn run(action: Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    match action {
        Action::Ingest(arguments) => ingest::run(arguments, invocation).await,
        Action::Live(arguments) => live::run(arguments, invocation).await,
        Action::Attack(arguments) => attack::run(arguments, invocation).await,
    }
}
