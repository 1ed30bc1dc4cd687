//! `tidings bench attack`: what hostile requests cost a server, and how they affect good clients.
//!
//! The server is a child process, started with its defaults and filled over HTTP. There are three
//! parts; each can be run alone:
//!
//! - [`reads`]: the most expensive GET and subscription of every route, one after the other.
//! - [`posts`]: the processor time per posted line, for many kinds of lines.
//! - [`together`]: abandoned requests, clients that never read, half uploads and greedy live
//!   clients, all at the same time, with [`good`] clients alone and beside them.
//!
//! [`scene`] fills the server, [`cost`] measures it, [`figures`] prints the results. Every loop
//! is bounded.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use super::server::{BenchServer, Start};
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use figures::AttackFigures;
use scene::Scene;

mod cost;
mod figures;
mod good;
mod posts;
mod reads;
mod scene;
mod siege;
mod together;

#[derive(Debug, Args)]
pub(in crate::cli) struct AttackBenchArguments {
    /// Number of ordinary tweets on the server
    #[arg(
        long,
        default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1_000..)
    )]
    tweets: u64,
    /// Number of keywords over which the ordinary tweets are spread
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1_000..=99_000)
    )]
    keywords: u32,
    /// Number of additional tweets of 10,000 × U+FDFA
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(0..=100_000)
    )]
    heavy: u64,
    /// Lines posted of each kind; fewer for kinds whose lines are very expensive
    #[arg(
        long,
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u64).range(1_000..=1_000_000)
    )]
    lines: u64,
    /// Seconds that good clients are measured, without and beside the attack
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Seconds after the attack until memory is measured again
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    after: u32,
    /// Parts to run; default: all
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// The server's program; default: this program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The server's data folder, which is kept, and reused when it is filled already; default: a
    /// scratch folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// A setting for the server, such as live.flush_ms=5; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
}

/// The parts of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The most expensive GET and subscription of every route
    Reads,
    /// Posted lines of many kinds
    Posts,
    /// All attacks at once, beside good clients
    Together,
}

impl AttackBenchArguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

pub(in crate::cli) async fn run(
    arguments: AttackBenchArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of file handles could not be raised");
    }
    if let Some(folder) = &arguments.folder {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be created", folder.display()))?;
    }
    let mut server = BenchServer::start(Start {
        program: arguments.program.clone(),
        data: arguments.folder.clone(),
        settings: arguments.with.clone(),
        ..Start::default()
    })
    .await?;
    let mut figures = AttackFigures::default();
    let measured = measure(&mut server, &arguments, invocation, &mut figures).await;
    figures.server_survived = server.is_running();
    // A server that is still busy with the requests is killed after the time limit.
    let pid = server.pid();
    if let Err(error) = server.stop().await {
        tracing::warn!(%error, ?pid, "the server did not stop on SIGTERM and was killed");
        figures.stopped_by_itself = false;
    }
    if let Err(error) = &measured {
        tracing::error!("the measurement stopped early: {error:#}");
    }
    invocation.output.show(&figures, AttackFigures::text)?;
    measured?;
    ensure!(figures.server_survived, "the server ended under the attack");
    Ok(CommandOutcome::Done)
}

async fn measure(
    server: &mut BenchServer,
    arguments: &AttackBenchArguments,
    invocation: &Invocation,
    figures: &mut AttackFigures,
) -> anyhow::Result<()> {
    let scene = Scene::of(server, arguments, invocation)?;
    scene.fill().await?;
    let idle = cost::Idle::of(server).await?;
    figures.begin(arguments, idle);
    if arguments.wants(Part::Reads) {
        reads::measure(server, &scene, idle, &mut figures.reads).await?;
    }
    if arguments.wants(Part::Posts) {
        posts::measure(server, &scene, idle, arguments.lines, &mut figures.posts).await?;
    }
    if arguments.wants(Part::Together) {
        figures.together = Some(together::measure(server, &scene, arguments).await?);
    }
    Ok(())
}
