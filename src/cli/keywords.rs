//! `tidings keywords …`: the keywords of a running server.

use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Invocation;
use super::client::{Client, ClientError};
use super::failure::{Outcome, Usage};
use super::output::table;
use crate::events::{Keyword, Token};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// All tracked keywords
    Ls {
        #[command(flatten)]
        server: Server,
    },
    /// Track keywords; one that is tracked already stays as it is
    Track(Named),
    /// Untrack keywords: their views are dropped, their ledgers stay
    Untrack(Named),
    /// Let quarantined keywords go on
    Release(Named),
}

#[derive(Debug, Args)]
pub(super) struct Server {
    /// The server to ask; default: the local one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// In any spelling; they are normalised
    #[arg(required = true, value_name = "KEYWORD")]
    keywords: Vec<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    keywords: Vec<Listed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    keyword: String,
    token: String,
    tweets: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    as_of: u64,
    lag: u64,
    status: String,
}

/// What became of one keyword.
#[derive(Debug, Serialize)]
struct Done {
    keyword: String,
    done: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Track,
    Untrack,
    Release,
}

pub(super) async fn run(action: Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    match action {
        Action::Ls { server } => list(&server, invocation).await,
        Action::Track(named) => each(Verb::Track, named, invocation).await,
        Action::Untrack(named) => each(Verb::Untrack, named, invocation).await,
        Action::Release(named) => each(Verb::Release, named, invocation).await,
    }
}

async fn list(server: &Server, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let client = Client::new(server.server.as_deref(), &invocation.settings)?;
    let listing: Listing = client.ask(Method::GET, "/api/v1/keywords", None).await?;
    invocation.output.show(&listing, |listing| {
        let rows: Vec<_> = listing.keywords.iter().map(row).collect();
        table(
            ["keyword", "tweets", "first", "last", "lag", "status"],
            &rows,
        )
    })?;
    Ok(Outcome::Done)
}

fn row(listed: &Listed) -> [String; 6] {
    let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
    [
        listed.keyword.clone(),
        listed.tweets.to_string(),
        time(&listed.first_at),
        time(&listed.last_at),
        listed.lag.to_string(),
        listed.status.clone(),
    ]
}

async fn each(verb: Verb, named: Named, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let client = Client::new(named.server.server.as_deref(), &invocation.settings)?;
    // All are checked before the first is asked for.
    let keywords = named
        .keywords
        .iter()
        .map(|text| Keyword::new(text).map_err(|error| Usage::new(format!("{text:?}: {error}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut done = Vec::new();
    for keyword in &keywords {
        done.push(Done {
            keyword: keyword.to_string(),
            done: ask(&client, verb, keyword).await?,
        });
    }
    invocation.output.show(&done, |done| {
        let lines = done
            .iter()
            .map(|one| format!("{}: {}", one.keyword, one.done));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}

async fn ask(client: &Client, verb: Verb, keyword: &Keyword) -> Result<&'static str, ClientError> {
    let path = format!("/api/v1/keywords/{}", Token::of(keyword));
    match verb {
        Verb::Track => track(client, keyword).await.map(|()| "tracked"),
        Verb::Untrack => match client.ask::<Value>(Method::DELETE, &path, None).await {
            Ok(_) => Ok("untracked"),
            Err(ClientError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
                Ok("not tracked")
            }
            Err(error) => Err(error),
        },
        Verb::Release => client
            .ask::<Value>(Method::POST, &format!("{path}/release"), None)
            .await
            .map(|_| "released"),
    }
}

/// Tracks one keyword; no harm when it is tracked already.
pub(super) async fn track(client: &Client, keyword: &Keyword) -> Result<(), ClientError> {
    let body = json!({ "keyword": keyword.as_str() }).to_string();
    let body = Some(("application/json", body.into_bytes()));
    client
        .ask::<Value>(Method::POST, "/api/v1/keywords", body)
        .await
        .map(|_| ())
}
