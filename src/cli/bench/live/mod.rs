//! `tidings bench live`: how fast tweets reach clients, and what clients cost.
//!
//! The clients run in this process and the server in another one, so that their costs can be told
//! apart. A delivery is one tweet that reached one client. Every loop is bounded.
//!
//! - [`clients`]: the clients; [`tally`]: the counters that they share.
//! - [`load`]: the steps shared by all measures.
//! - [`measures`], [`stuck`], [`fold`]: the measures; [`figures`]: the figures as JSON and text.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use figures::LiveFigures;
use load::Load;
use tally::Tally;

use super::server::{self, BenchServer};
use crate::cli::Invocation;
use crate::cli::client::ServerClient;
use crate::cli::failure::CommandOutcome;
use crate::telemetry::whole;

mod client;
mod clients;
pub(super) mod figures;
mod fold;
mod load;
mod measures;
mod received;
mod stuck;
mod tally;

#[derive(Debug, Args)]
pub(in crate::cli) struct LiveBenchArguments {
    /// The measure to take
    #[arg(value_enum, default_value_t = Measure::Burst)]
    measure: Measure,
    /// Number of clients
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Number of keywords; each client subscribes to one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keywords: u32,
    /// With burst: tweets per keyword and round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    burst: u32,
    /// With burst: maximum number of rounds in flight
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// With rate and stuck: tweets per second, over all keywords
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// With stuck: number of clients that never read
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stuck: u32,
    /// With stuck and fold: number of pairs (without and with clients); the figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pairs: u32,
    /// Seconds to measure; with stuck and fold, of each half of a pair
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Characters of a tweet's text; with 128 characters a tweet is about 300 bytes of JSON
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    text: u32,
    /// With reconnect: kill the server (SIGKILL) instead of asking it to stop
    #[arg(long)]
    kill: bool,
    /// URL of a running server; default: start one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Process id of that server, to measure its cost; repeat it when several servers share the
    /// address
    #[arg(long, value_name = "PID", requires = "server")]
    pid: Vec<u32>,
    /// Run the server on the first processor and the clients on the second (needs taskset)
    #[arg(long)]
    pin: bool,
    /// A setting for the server that is started, such as live.flush_ms=5; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
}

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Deliveries per second: rounds of tweets, each started when the one before has reached all
    /// clients
    Burst,
    /// Latency at a steady rate
    Rate,
    /// Memory of clients that receive nothing
    Idle,
    /// Time until all clients are back after a restart of the server
    Reconnect,
    /// Latency of good clients, without and with clients that never read
    Stuck,
    /// Tweets folded per second, without and with clients
    Fold,
}

/// Connections that the server allows beyond those of the clients.
const SPARE_CONNECTIONS: u32 = 1000;

pub(in crate::cli) async fn run(
    arguments: LiveBenchArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(error = %whole(&error), "the limit of file handles could not be raised");
    }
    if arguments.pin {
        pin_to_second().await?;
    }
    let server = match &arguments.server {
        Some(url) => BenchServer::running(url, arguments.pid.clone()).await?,
        None => {
            let start = server::Start {
                pinned: arguments.pin,
                settings: settings(&arguments),
                ..server::Start::default()
            };
            BenchServer::start(start).await?
        }
    };
    let keywords: Arc<[String]> = (0..arguments.keywords)
        .map(|number| format!("bench{number}"))
        .collect();
    let mut load = Load {
        client: ServerClient::new(Some(&server.url()), &invocation.settings)?,
        server,
        keywords,
        tally: Tally::new(),
        arguments,
    };
    let figures = measure(&mut load).await;
    let stopped = load.server.stop().await;
    let figures = figures?;
    stopped?;
    invocation.output.show(&figures, LiveFigures::text)?;
    ensure!(
        figures.gaps == 0,
        "{} updates did not continue the state of the client",
        figures.gaps
    );
    Ok(CommandOutcome::Done)
}

async fn measure(load: &mut Load) -> anyhow::Result<LiveFigures> {
    load.track().await?;
    match load.arguments.measure {
        Measure::Burst => measures::burst(load).await,
        Measure::Rate => measures::rate(load).await,
        Measure::Idle => measures::idle(load).await,
        Measure::Reconnect => measures::reconnect(load).await,
        Measure::Stuck => stuck::stuck(load).await,
        Measure::Fold => fold::fold(load).await,
    }
}

/// Settings of the server that is started: limits that fit all clients, then the `--with` settings.
fn settings(arguments: &LiveBenchArguments) -> Vec<String> {
    let connections = arguments
        .clients
        .saturating_add(arguments.stuck)
        .saturating_add(SPARE_CONNECTIONS);
    let mut settings = vec![
        format!("http.connections={connections}"),
        format!("live.sessions={connections}"),
    ];
    settings.extend(arguments.with.iter().cloned());
    settings
}

/// Moves this process to the second processor, before it starts any work.
async fn pin_to_second() -> anyhow::Result<()> {
    let own = std::process::id().to_string();
    let moved = tokio::process::Command::new("taskset")
        .args(["-a", "-c", "-p", "1", &own])
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .context("taskset, which --pin needs, cannot be run")?;
    ensure!(moved.success(), "this machine has no second processor");
    Ok(())
}
