//! `tidings bench …`: measures this machine.

use clap::Subcommand;

use super::Invocation;
use super::failure::CommandOutcome;

mod attack;
mod events;
mod frames;
mod ingest;
mod live;
mod raw;
mod server;

#[derive(Debug, Subcommand)]
pub(super) enum BenchAction {
    /// Events a second from the journal through the fold to committed views, beside a bare read
    Ingest(ingest::IngestBenchArguments),
    /// Deliveries a second to live clients, their latency, and what clients cost the server
    Live(live::LiveBenchArguments),
    /// What hostile requests cost, and good clients beside many of them at once
    Attack(attack::AttackBenchArguments),
}

pub(super) async fn run(
    action: BenchAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        BenchAction::Ingest(arguments) => ingest::run(arguments, invocation).await,
        BenchAction::Live(arguments) => live::run(arguments, invocation).await,
        BenchAction::Attack(arguments) => attack::run(arguments, invocation).await,
    }
}
