//! `tidings bench live`: how fast tweets reach clients, and what clients cost.
//!
//! The clients are in this process, the server in another one, so that what the server takes can be
//! told apart. A delivery is one tweet that reached one client. Every loop is bounded.
//!
//! - [`clients`]: the clients; [`tally`]: what they have seen.
//! - [`load`]: what all measures do with clients and server.
//! - [`measures`], [`stuck`], [`fold`]: what is measured; [`figures`]: what is told of it.

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

mod clients;
pub(super) mod figures;
mod fold;
mod load;
mod measures;
mod stuck;
mod tally;

#[derive(Debug, Args)]
pub(in crate::cli) struct LiveBenchArguments {
    /// What to measure
    #[arg(value_enum, default_value_t = Measure::Burst)]
    measure: Measure,
    /// How many clients
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Over how many keywords, one for each client
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keywords: u32,
    /// With burst: tweets of each keyword in a round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    burst: u32,
    /// With burst: rounds on their way at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// With rate and stuck: tweets a second in sum
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// With stuck: clients that never read
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stuck: u32,
    /// With stuck and fold: how often to measure without and with; the figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pairs: u32,
    /// How long to measure; with stuck and fold each half of a pair
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Characters of a tweet's text; with 128 of them a tweet is some 300 bytes of JSON
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    text: u32,
    /// With reconnect: the server is killed (SIGKILL) instead of asked to stop
    #[arg(long)]
    kill: bool,
    /// A server that runs already; default: one of its own
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The process of that server, to tell what it takes; more than one where several servers are
    /// behind the address
    #[arg(long, value_name = "PID", requires = "server")]
    pid: Vec<u32>,
    /// The server on the first processor, the clients on the second, by taskset
    #[arg(long)]
    pin: bool,
    /// A setting of the server of its own, such as live.flush_ms=5; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Deliveries a second: rounds of tweets, the next as soon as one has reached all clients
    Burst,
    /// Latency at a steady rate
    Rate,
    /// Memory of clients that only listen
    Idle,
    /// How soon all clients are back after the server restarted
    Reconnect,
    /// Good clients without and beside ones that never read
    Stuck,
    /// How fast tweets are folded without and with clients
    Fold,
}

/// Connections that a server has to spare besides those of the clients.
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
        "{} updates did not follow on what the client held",
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

/// The settings of a server of its own: room for all clients, then what was given.
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

/// Moves this process, which runs nothing of note yet, to the second processor.
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
