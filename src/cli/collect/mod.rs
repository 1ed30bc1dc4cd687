//! `tidings collect`: collects posts from X, Bluesky, Mastodon or files, and publishes them.
//!
//! [`live`] runs the collector of a source as a process of its own; `serve` runs the same one when
//! a setting says so. [`mod@file`] publishes files. [`status`] shows reports, and [`redrive`] sends
//! rejected records again.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::Invocation;
use super::client::local;
use super::failure::{CommandOutcome, UsageError};
use super::signals::StopSignals;
use crate::app::jetstream_options;
use crate::events::{Clock, Keyword, Timestamp};
use crate::journal::JetStreamPublisher;
use crate::sources::{
    ConnectError, Destination, NatsDestination, ServerDestination, SourceKind, SourceName,
    StateFolder,
};

mod file;
mod live;
mod redrive;
mod reporting;
mod shown;
mod status;

#[derive(Debug, Subcommand)]
pub(super) enum CollectAction {
    /// Collect from X (API v2)
    X(XArguments),
    /// Collect from Bluesky (Jetstream)
    Bluesky(LiveArguments),
    /// Collect from a Mastodon server
    Mastodon(LiveArguments),
    /// Publish files of posts: events, twarc, X archives, CSV
    File(file::CollectFileArguments),
    /// Show the reports of the sources
    Status(StatusArguments),
    /// Send the rejected records of a source again; default: the only source of the data folder
    Redrive(RedriveArguments),
}

#[derive(Debug, Args)]
pub(super) struct XArguments {
    #[command(flatten)]
    live: LiveArguments,
    /// Remove the rules of this source at X, and end
    #[arg(long)]
    remove_rules: bool,
}

#[derive(Debug, Args)]
pub(super) struct LiveArguments {
    /// Fetch older posts too, from this time on: 3d, 1w, 1m, 3m, a date, or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// The end of the back-fill; default: the first connection
    #[arg(long, value_name = "WHEN", requires = "since")]
    until: Option<String>,
    /// End when the back-fill is done
    #[arg(long, requires = "since")]
    no_live: bool,
    /// Fetch without asking, whatever it costs
    #[arg(long)]
    yes: bool,
    /// Say what would be done and what it would cost, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// End after this many posts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_posts: Option<u64>,
    /// Collect for this keyword, and not for those that are tracked; may be repeated
    #[arg(long, value_name = "KEYWORD")]
    keyword: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
}

/// The source's name and state, and where it publishes.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// The name of the source everywhere; default: its kind
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The folder of checkpoint, logs and report; default: sources/NAME in the data folder
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// The server to publish to; default: the local one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The server to ask; default: the local one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The state folder to read instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "server")]
    state: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RedriveArguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub(super) async fn run(
    action: CollectAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        CollectAction::X(arguments) if arguments.remove_rules => {
            live::remove_rules(&arguments.live.target, invocation).await
        }
        CollectAction::X(arguments) => live::run(SourceKind::X, arguments.live, invocation).await,
        CollectAction::Bluesky(arguments) => {
            live::run(SourceKind::Bluesky, arguments, invocation).await
        }
        CollectAction::Mastodon(arguments) => {
            live::run(SourceKind::Mastodon, arguments, invocation).await
        }
        CollectAction::File(arguments) => file::run(arguments, invocation).await,
        CollectAction::Status(arguments) => status::run(&arguments, invocation).await,
        CollectAction::Redrive(arguments) => redrive::run(&arguments, invocation).await,
    }
}

impl TargetArguments {
    /// The name of the source.
    fn name(&self, kind: &str) -> anyhow::Result<SourceName> {
        let name = self.name.as_deref().unwrap_or(kind);
        Ok(SourceName::parse(name)
            .map_err(|error| UsageError::new(format!("--name {name:?}: {error}")))?)
    }

    /// The state folder.
    fn folder(&self, name: &SourceName, invocation: &Invocation) -> PathBuf {
        match &self.state {
            Some(folder) => folder.clone(),
            None => folder_of_sources(invocation).join(name.as_str()),
        }
    }

    /// Takes the state folder.
    fn take_state(
        &self,
        name: &SourceName,
        invocation: &Invocation,
    ) -> anyhow::Result<StateFolder> {
        Ok(StateFolder::take(&self.folder(name, invocation))?)
    }

    /// Where posts are published. The second value is true when a server answers.
    async fn destination(
        &self,
        invocation: &Invocation,
    ) -> anyhow::Result<(Arc<dyn Destination>, bool)> {
        let base = match &self.server {
            Some(server) => server.clone(),
            None => local(&invocation.settings),
        };
        let server = ServerDestination::new(&base, None)
            .map_err(|error| UsageError::new(format!("--server: {error}")))?;
        let answers = server.answers().await;
        let Some(nats) = invocation.nats_asked_for() else {
            return Ok((Arc::new(server), answers));
        };
        let publisher = JetStreamPublisher::connect(&jetstream_options(nats)?).await?;
        let server = answers.then(|| Arc::new(server));
        let nats = NatsDestination::new(publisher, server, clock());
        Ok((Arc::new(nats), answers))
    }
}

/// The folder that has a state folder for each source.
fn folder_of_sources(invocation: &Invocation) -> PathBuf {
    invocation.settings.data.join("sources")
}

/// Waits for the end of a preparation; `None` when a signal ends it before.
async fn unless_stopped<T>(
    signals: &mut StopSignals,
    preparing: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        prepared = preparing => Some(prepared),
        signal = signals.next() => {
            tracing::info!(signal, "stopped before the first record");
            None
        }
    }
}

/// The keywords of the command line.
fn keywords_of(texts: &[String]) -> anyhow::Result<Option<Vec<Keyword>>> {
    let mut keywords = Vec::new();
    for text in texts {
        let keyword = Keyword::new(text)
            .map_err(|error| UsageError::new(format!("--keyword {text:?}: {error}")))?;
        if !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    Ok((!keywords.is_empty()).then_some(keywords))
}

/// An error of a source that cannot be used as it is configured is one of usage.
fn usage_or(error: ConnectError) -> anyhow::Error {
    match error {
        ConnectError::Unusable(reason) => UsageError::new(reason).into(),
        other => other.into(),
    }
}

fn clock() -> Clock {
    Clock::of(Timestamp::now)
}

/// Without a server, only named keywords can be collected for.
fn check_answers(answers: bool, keywords: Option<&[Keyword]>) -> anyhow::Result<()> {
    if answers || keywords.is_some() {
        return Ok(());
    }
    bail!(UsageError::new(
        "no tidings server answers, so the tracked keywords are unknown: start it with `tidings \
        serve`, name it with --server URL, or name the keywords with --keyword"
    ))
}
