//! `tidings keywords …`: the keywords of a running server.

use anyhow::bail;
use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Invocation;
use super::client::{ClientError, ServerClient};
use super::failure::{CommandOutcome, UsageError};
use super::table::table;
use crate::events::{Keyword, KeywordRules, RuleTexts, Token};

mod show;

#[derive(Debug, Subcommand)]
pub(super) enum KeywordsAction {
    /// All tracked keywords
    Ls {
        #[command(flatten)]
        server: ServerOption,
    },
    /// One keyword: totals, rules, top words and authors, latest spikes
    Show {
        /// The keyword in any spelling; it is brought into normal form
        keyword: String,
        #[command(flatten)]
        server: ServerOption,
    },
    /// Track keywords; a keyword that is tracked already is left as it is, unless rules are given
    #[command(visible_alias = "add")]
    Track(TrackedKeywords),
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

#[derive(Debug, Args)]
pub(super) struct TrackedKeywords {
    #[command(flatten)]
    named: NamedKeywords,
    #[command(flatten)]
    rules: RuleOptions,
}

/// The rules of one keyword. `--any` and `--none` together replace all rules that it has.
#[derive(Debug, Args)]
struct RuleOptions {
    /// A tweet with this text matches as if it had the keyword; can be repeated. Replaces the rules
    #[arg(long, value_name = "TEXT")]
    any: Vec<String>,
    /// A tweet with this text does not match; can be repeated. Replaces the rules
    #[arg(long, value_name = "TEXT")]
    none: Vec<String>,
    /// Remove the rules
    #[arg(long, conflicts_with_all = ["any", "none"])]
    no_rules: bool,
}

impl RuleOptions {
    /// The rules to send; `None` without options, so that the keyword keeps its rules.
    fn read(&self) -> Result<Option<KeywordRules>, UsageError> {
        if self.any.is_empty() && self.none.is_empty() {
            return Ok(self.no_rules.then(KeywordRules::default));
        }
        let texts = |option: &str, texts: &[String]| {
            RuleTexts::new(texts.iter().map(String::as_str))
                .map_err(|error| UsageError::new(format!("{option} {error}")))
        };
        Ok(Some(KeywordRules::new(
            texts("--any", &self.any)?,
            texts("--none", &self.none)?,
        )))
    }
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    any: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    none: Vec<String>,
}

/// The outcome for one keyword.
#[derive(Debug, Serialize)]
struct Done {
    keyword: String,
    done: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    /// Tracks a keyword with the given rules; with `None`, the keyword keeps its rules.
    Track(Option<KeywordRules>),
    Untrack,
    Release,
}

pub(super) async fn run(
    action: KeywordsAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        KeywordsAction::Ls { server } => list(&server, invocation).await,
        KeywordsAction::Show { keyword, server } => show(&keyword, &server, invocation).await,
        KeywordsAction::Track(TrackedKeywords { named, rules }) => {
            let rules = rules.read()?;
            if rules.is_some() && named.keywords.len() > 1 {
                bail!(UsageError::new(
                    "--any, --none and --no-rules need exactly one keyword"
                ));
            }
            each(&Verb::Track(rules), named, invocation).await
        }
        KeywordsAction::Untrack(named) => each(&Verb::Untrack, named, invocation).await,
        KeywordsAction::Release(named) => each(&Verb::Release, named, invocation).await,
    }
}

/// The path of the list of tracked keywords.
const LISTED_PATH: &str = "/api/v1/keywords";

async fn list(server: &ServerOption, invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let client = ServerClient::new(server.server.as_deref(), &invocation.settings)?;
    let listing: Listing = client.ask(Method::GET, LISTED_PATH, None).await?;
    invocation.output.show(&listing, |listing| {
        let rows: Vec<_> = listing.keywords.iter().map(row).collect();
        table(
            [
                "keyword", "tweets", "first", "last", "lag", "status", "rules",
            ],
            &rows,
        )
    })?;
    Ok(CommandOutcome::Done)
}

fn row(listed: &Listed) -> [String; 7] {
    let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
    [
        listed.keyword.clone(),
        listed.tweets.to_string(),
        time(&listed.first_at),
        time(&listed.last_at),
        listed.lag.to_string(),
        listed.status.clone(),
        rules_in_words(&listed.any, &listed.none),
    ]
}

/// The rules in one line; empty when there are none.
fn rules_in_words(any: &[String], none: &[String]) -> String {
    let lists = rule_lists(any, none);
    let lists = lists.map(|(name, texts)| format!("{name}: {}", texts.join(", ")));
    lists.collect::<Vec<_>>().join("; ")
}

/// The lists of rules that are not empty, with their names.
fn rule_lists<'a>(
    any: &'a [String],
    none: &'a [String],
) -> impl Iterator<Item = (&'static str, &'a [String])> {
    let lists = [("any", any), ("none", none)].into_iter();
    lists.filter(|(_, texts)| !texts.is_empty())
}

async fn show(
    keyword: &str,
    server: &ServerOption,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let client = ServerClient::new(server.server.as_deref(), &invocation.settings)?;
    let keyword = read_keyword(keyword)?;
    let shown = show::ask(&client, &keyword).await?;
    invocation.output.show(&shown, show::text_of)?;
    Ok(CommandOutcome::Done)
}

fn read_keyword(text: &str) -> Result<Keyword, UsageError> {
    Keyword::new(text).map_err(|error| UsageError::new(format!("{text:?}: {error}")))
}

async fn each(
    verb: &Verb,
    named: NamedKeywords,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let client = ServerClient::new(named.server.server.as_deref(), &invocation.settings)?;
    // All keywords are checked before the first request is sent.
    let keywords = named
        .keywords
        .iter()
        .map(|text| read_keyword(text))
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
    verb: &Verb,
    keyword: &Keyword,
) -> Result<&'static str, ClientError> {
    let path = format!("/api/v1/keywords/{}", Token::of(keyword));
    match verb {
        Verb::Track(None) => track(client, keyword).await.map(|()| "tracked"),
        Verb::Track(Some(rules)) => {
            let body = json!({
                "keyword": keyword.as_str(),
                "any": rules.any(),
                "none": rules.none(),
            });
            let done = post_keyword(client, &body).await;
            done.map(|()| "tracked with these rules")
        }
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
    post_keyword(client, &json!({ "keyword": keyword.as_str() })).await
}

async fn post_keyword(client: &ServerClient, body: &Value) -> Result<(), ClientError> {
    let body = Some(("application/json", body.to_string().into_bytes()));
    client
        .ask::<Value>(Method::POST, LISTED_PATH, body)
        .await
        .map(|_| ())
}
