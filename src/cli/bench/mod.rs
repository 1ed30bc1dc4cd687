//! `tidings bench …`: the commands that measure performance on this machine.

use clap::Subcommand;

use super::Invocation;
use super::failure::CommandOutcome;

mod attack;
mod events;
mod filling;
mod frames;
mod ingest;
mod latency;
mod live;
mod queries;
mod raw;
mod server;

#[derive(Debug, Subcommand)]
pub(super) enum BenchAction {
    /// Events per second from the journal to committed views, compared with a bare read
    Ingest(ingest::IngestBenchArguments),
    /// Deliveries per second to live clients, their latency, and what clients cost the server
    Live(live::LiveBenchArguments),
    /// Cost of hostile requests, and the waiting times of good clients during an attack
    Attack(attack::AttackBenchArguments),
    /// Waiting times of rankings, related words, spikes and overviews, alone and beside the fold
    Queries(queries::QueriesBenchArguments),
}

pub(super) async fn run(
    action: BenchAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        BenchAction::Ingest(arguments) => ingest::run(arguments, invocation).await,
        BenchAction::Live(arguments) => live::run(arguments, invocation).await,
        BenchAction::Attack(arguments) => attack::run(arguments, invocation).await,
        BenchAction::Queries(arguments) => queries::run(arguments, invocation).await,
    }
}
