//! `tidings demo`: a server with four months of a made-up world that end now, and new posts every
//! moment.
//!
//! The demo publishes to its own server over HTTP, as any client does.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::Invocation;
use super::client::ServerClient;
use super::failure::CommandOutcome;
use super::publish::sender::{MAX_LINES, PublishBody, Sender};
use super::serve;
use super::signals::StopSignals;
use super::{keywords, progress};
use crate::app::App;
use crate::demo::{Chronicle, Growth, KEYWORDS, Span, World};
use crate::events::{Keyword, Timestamp};
use crate::telemetry::whole;

/// Age of the demo's first post at the start, in milliseconds.
const PAST_MILLIS: i64 = 120 * Timestamp::DAY;
/// The mean time between two live posts, in milliseconds. With the default number of posts, the
/// posts at the end of the four months are a few seconds apart, too.
const PAUSE_MILLIS: u32 = 2_500;
/// Maximum delay of a live post, in milliseconds. After a longer delay, as after a sleep of the
/// machine, the live part begins again at the present time.
const MAX_BEHIND_MILLIS: i64 = Timestamp::MINUTE;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// How many posts the four months have
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    posts: u64,
    /// Which world: another seed gives other authors, other texts and other times
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(
    arguments: DemoArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let mut settings = invocation.settings.clone();
    // The temporary folder is held until the command ends, because dropping it removes it.
    let scratch = if invocation.layers.is_given("data") {
        None
    } else {
        let folder = tempfile::Builder::new()
            .prefix("tidings-demo-")
            .tempdir()
            .context("no scratch folder can be created; name one with --data")?;
        settings.data = folder.path().to_owned();
        Some(folder)
    };
    let app = App::start(&settings, &AtomicBool::new(false)).await?;
    serve::announce(&app, invocation)?;
    let client = ServerClient::new(Some(&format!("http://{}", app.address())), &settings)?;
    let showing = show(&client, &arguments, invocation, scratch.is_none());
    let shown = tokio::select! {
        ended = showing => ended,
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        fatal = app.ended() => Err(fatal.into()),
    };
    let stopped = serve::stop(app).await;
    shown?;
    stopped
}

/// Fills the server and keeps publishing; returns only with an error.
async fn show(
    client: &ServerClient,
    arguments: &DemoArguments,
    invocation: &Invocation,
    kept: bool,
) -> anyhow::Result<()> {
    for keyword in KEYWORDS {
        keywords::track(client, &Keyword::new(keyword)?).await?;
    }
    let world = World::new(arguments.seed);
    // A kept folder that was filled by an earlier run is not filled again.
    let is_new = tweets_at(client).await? == 0;
    if is_new {
        publish_past(&world, arguments.posts, client, invocation).await?;
    }
    if !invocation.output.is_json() {
        let folder = if kept {
            format!("kept in {}", invocation.settings.data.display())
        } else {
            "in a scratch folder that is removed at the end; --data FOLDER keeps it".to_owned()
        };
        let past = if is_new {
            format!(
                "{} made-up posts, four months that end now",
                arguments.posts
            )
        } else {
            "The posts of an earlier run".to_owned()
        };
        invocation.output.text(&format!(
            "{past}, and new ones every moment ({folder}).\nOpen {} and press Ctrl-C here to stop.",
            client.base(),
        ))?;
    }
    publish_live(&world, client).await
}

async fn tweets_at(client: &ServerClient) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Listing {
        keywords: Vec<Listed>,
    }
    #[derive(Deserialize)]
    struct Listed {
        tweets: u64,
    }
    let listing: Listing = client.ask(Method::GET, "/api/v1/keywords", None).await?;
    Ok(listing.keywords.iter().map(|listed| listed.tweets).sum())
}

/// Publishes the posts of the four months.
async fn publish_past(
    world: &World,
    posts: u64,
    client: &ServerClient,
    invocation: &Invocation,
) -> anyhow::Result<()> {
    let to = Timestamp::now();
    let span = Span {
        from: to.plus(-PAST_MILLIS),
        to,
        posts,
        growth: Growth::Rising,
    };
    let mut chronicle = Chronicle::of(world, &span);
    let bar = progress::bar("days", Some(PAST_MILLIS.unsigned_abs()));
    let mut sender = Sender::new(client, invocation.output, bar.clone());
    let mut body = PublishBody::default();
    let mut line = Vec::new();
    for number in 1.. {
        let arrives = chronicle.next_line(&mut line);
        if arrives.is_some() {
            body.push(number, &line);
        }
        if arrives.is_none() || body.lines() == MAX_LINES {
            sender.send(std::mem::take(&mut body)).await?;
        }
        let Some(arrives) = arrives else {
            break;
        };
        let passed = arrives.millis().saturating_sub(span.from.millis());
        bar.set_position(passed.unsigned_abs());
    }
    bar.finish_and_clear();
    Ok(())
}

/// Publishes each live post when it is due; returns only with an error.
async fn publish_live(world: &World, client: &ServerClient) -> anyhow::Result<()> {
    let mut chronicle = Chronicle::live(world, Timestamp::now(), PAUSE_MILLIS);
    let mut line = Vec::new();
    while let Some(arrives) = chronicle.next_line(&mut line) {
        let early = arrives.millis().saturating_sub(Timestamp::now().millis());
        if early < -MAX_BEHIND_MILLIS {
            chronicle = Chronicle::live(world, Timestamp::now(), PAUSE_MILLIS);
            continue;
        }
        sleep(Duration::from_millis(u64::try_from(early).unwrap_or(0))).await;
        let body = Some(("application/x-ndjson", line.clone()));
        let posted = client.ask::<Value>(Method::POST, "/api/v1/tweets", body);
        if let Err(error) = posted.await {
            if !error.is_passing() {
                return Err(error.into());
            }
            tracing::warn!(error = %whole(&error), "a made-up post was not taken");
        }
    }
    Ok(())
}
