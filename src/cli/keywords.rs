//! `tidings keywords …`: the keywords of a running server.

use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Invocation;
use super::client::{ClientError, ServerClient};
use super::failure::{CommandOutcome, UsageError};
use super::table::table;
use crate::events::{Keyword, Token};

#[derive(Debug, Subcommand)]
pub(super) enum KeywordsAction {
    /// All tracked keywords
    Ls {
        #[command(flatten)]
        server: ServerOption,
    },
    /// Track keywords; a keyword that is tracked already is left as it is
    Track(NamedKeywords),
    /// Untrack keywords: their views are dropped, their ledgers stay
    Untrack(NamedKeywords),
    /// Release quarantined keywords: they fold again
    Release(NamedKeywords),
}

#[derive(Debug, Args)]
pub(super) struct ServerOption {
    /// The server; default: the local one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct NamedKeywords {
    /// Keywords in any spelling; they are brought into normal form
    #[arg(required = true, value_name = "KEYWORD")]
    keywords: Vec<String>,
    #[command(flatten)]
    server: ServerOption,
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

/// The outcome for one keyword.
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

pub(super) async fn run(
    action: KeywordsAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        KeywordsAction::Ls { server } => list(&server, invocation).await,
        KeywordsAction::Track(named) => each(Verb::Track, named, invocation).await,
        KeywordsAction::Untrack(named) => each(Verb::Untrack, named, invocation).await,
        KeywordsAction::Release(named) => each(Verb::Release, named, invocation).await,
    }
}

async fn list(server: &ServerOption, invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let client = ServerClient::new(server.server.as_deref(), &invocation.settings)?;
    let listing: Listing = client.ask(Method::GET, "/api/v1/keywords", None).await?;
    invocation.output.show(&listing, |listing| {
        let rows: Vec<_> = listing.keywords.iter().map(row).collect();
        table(
            ["keyword", "tweets", "first", "last", "lag", "status"],
            &rows,
        )
    })?;
    Ok(CommandOutcome::Done)
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

async fn each(
    verb: Verb,
    named: NamedKeywords,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let client = ServerClient::new(named.server.server.as_deref(), &invocation.settings)?;
    // All keywords are checked before the first request is sent.
    let keywords = named
        .keywords
        .iter()
        .map(|text| {
            Keyword::new(text).map_err(|error| UsageError::new(format!("{text:?}: {error}")))
        })
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
    Ok(CommandOutcome::Done)
}

async fn ask(
    client: &ServerClient,
    verb: Verb,
    keyword: &Keyword,
) -> Result<&'static str, ClientError> {
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

/// Tracks one keyword. Succeeds also when it is tracked already.
pub(super) async fn track(client: &ServerClient, keyword: &Keyword) -> Result<(), ClientError> {
    let body = json!({ "keyword": keyword.as_str() }).to_string();
    let body = Some(("application/json", body.into_bytes()));
    client
        .ask::<Value>(Method::POST, "/api/v1/keywords", body)
        .await
        .map(|_| ())
}
