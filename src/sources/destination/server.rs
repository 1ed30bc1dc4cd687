//! A server over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Client, Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Destination, DestinationError, Published};
use crate::events::{Event, Keyword, KeywordRules, RuleTexts, Token, TweetId, encode_fitting};
use crate::settings::SecretText;
use crate::sources::report::Report;
use crate::sources::web::{self, Answer};
use crate::sources::{Requests, WatchedKeyword, WatchedKeywords};

/// The code of a line that the server could not decide in time.
const TRY_AGAIN: &str = "try_again";
/// Number of tweets of a ranking that are refreshed.
const RANKED: usize = 100;
/// Statuses of answers to requests that may succeed later.
const PASSING: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// A server of tidings.
#[derive(Debug)]
pub struct ServerDestination {
    http: Client,
    base: String,
    token: Option<SecretText>,
    requests: Requests,
    seen: Mutex<Seen>,
}

/// The answers about keywords that were seen last.
#[derive(Debug, Default)]
struct Seen {
    names: Option<(String, Vec<String>)>,
    rules: Option<(String, Vec<ListedRules>)>,
    listed: Arc<Vec<WatchedKeyword>>,
}

#[derive(Debug, Deserialize)]
struct Names {
    keywords: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct NamesWithRules {
    rules: Vec<ListedRules>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ListedRules {
    keyword: String,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Taken {
    unmatched: u64,
    rejected: Vec<RejectedLine>,
}

#[derive(Debug, Deserialize)]
struct RejectedLine {
    line: usize,
    #[serde(default)]
    code: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Ranking {
    items: Vec<Ranked>,
}

#[derive(Debug, Deserialize)]
struct Ranked {
    tweet: RankedTweet,
}

#[derive(Debug, Deserialize)]
struct RankedTweet {
    id: TweetId,
}

impl Seen {
    fn tags(&self) -> (Option<String>, Option<String>) {
        let names = self.names.as_ref().map(|(tag, _)| tag.clone());
        (names, self.rules.as_ref().map(|(tag, _)| tag.clone()))
    }
}

impl ServerDestination {
    /// The server at `base`, such as `http://127.0.0.1:4820`. The token is sent with every request.
    ///
    /// # Errors
    /// [`DestinationError::Refused`] when the address is none.
    pub fn new(base: &str, token: Option<SecretText>) -> Result<Self, DestinationError> {
        let base = base.trim_end_matches('/');
        let url = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                DestinationError::Refused(format!(
                    "{base:?} is not the address of a server, such as http://127.0.0.1:4820"
                ))
            })?;
        let http = web::client(&url).map_err(|error| refused(&error))?;
        Ok(Self {
            http,
            base: base.to_owned(),
            token,
            requests: Requests::default(),
            seen: Mutex::default(),
        })
    }

    /// The address of the server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// True when the server answers.
    pub async fn answers(&self) -> bool {
        let asked = self.ask(Method::GET, "/healthz", None, None);
        let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
        matches!(answered, Ok(Ok(_)))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
        etag: Option<&str>,
    ) -> Result<Answer, DestinationError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some((content_type, bytes)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(bytes);
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = web::ask(request, "tidings", &self.requests).await;
        let answer = answer.map_err(|error| {
            let base = &self.base;
            DestinationError::Away(format!("no answer from the tidings server {base}: {error}"))
        })?;
        if (200..300).contains(&answer.status) || answer.status == 304 {
            return Ok(answer);
        }
        let reason = format!(
            "the tidings server {} answered {}: {}",
            self.base,
            answer.status,
            web::detail(&answer.body)
        );
        Err(if PASSING.contains(&answer.status) {
            DestinationError::Away(reason)
        } else {
            DestinationError::Refused(reason)
        })
    }

    /// Asks for a list with the tag of the last answer. `None`: it has not changed.
    async fn changed<T: DeserializeOwned>(
        &self,
        path: &str,
        etag: Option<&str>,
    ) -> Result<Option<(String, T)>, DestinationError> {
        let answer = self.ask(Method::GET, path, None, etag).await?;
        if answer.status == 304 {
            return Ok(None);
        }
        let etag = answer.headers.get(ETAG);
        let etag = etag.and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        Ok(Some((etag.to_owned(), self.decode(&answer)?)))
    }

    fn decode<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, DestinationError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let base = &self.base;
            DestinationError::Refused(format!(
                "{base} does not answer like a tidings server: {error}"
            ))
        })
    }
}

#[async_trait]
impl Destination for ServerDestination {
    async fn publish(
        &self,
        events: &[Event],
        _: &WatchedKeywords,
    ) -> Result<Published, DestinationError> {
        let mut body = Vec::new();
        for event in events {
            body.extend_from_slice(&encode_fitting(event));
            body.push(b'\n');
        }
        let body = Some(("application/x-ndjson", body));
        let answer = self.ask(Method::POST, "/api/v1/tweets", body, None).await?;
        let taken: Taken = self.decode(&answer)?;
        let mut published = Published {
            unmatched: taken.unmatched,
            ..Published::default()
        };
        for line in taken.rejected {
            let index = line.line.saturating_sub(1);
            if line.code == TRY_AGAIN {
                published.undecided.push(index);
            } else {
                published.rejected.push((index, line.reason));
            }
        }
        Ok(published)
    }

    async fn keywords(&self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError> {
        let (names_tag, rules_tag) = self.seen.lock().tags();
        let names: Option<(String, Names)> = self
            .changed("/api/v1/keywords?names=true", names_tag.as_deref())
            .await?;
        let rules: Option<(String, NamesWithRules)> = match self
            .changed(
                "/api/v1/keywords?names=true&rules=true",
                rules_tag.as_deref(),
            )
            .await
        {
            // A server of an earlier version does not list rules.
            Err(DestinationError::Refused(_)) => None,
            other => other?,
        };
        let mut seen = self.seen.lock();
        let mut has_changed = false;
        if let Some((tag, names)) = names {
            has_changed |= seen
                .names
                .as_ref()
                .is_none_or(|(_, old)| *old != names.keywords);
            seen.names = Some((tag, names.keywords));
        }
        if let Some((tag, listed)) = rules {
            has_changed |= seen
                .rules
                .as_ref()
                .is_none_or(|(_, old)| *old != listed.rules);
            seen.rules = Some((tag, listed.rules));
        }
        if has_changed {
            seen.listed = Arc::new(watched(&seen));
        }
        Ok(Arc::clone(&seen.listed))
    }

    async fn track(&self, keyword: &Keyword) -> Result<(), DestinationError> {
        let body = serde_json::json!({"keyword": keyword.as_str()}).to_string();
        let body = Some(("application/json", body.into_bytes()));
        self.ask(Method::POST, "/api/v1/keywords", body, None)
            .await?;
        Ok(())
    }

    async fn ranked(&self, keyword: &Keyword) -> Result<Vec<TweetId>, DestinationError> {
        let token = Token::of(keyword);
        let path = format!("/api/v1/keywords/{token}/ranking?by=tweet&window=24h&limit={RANKED}");
        let answer = self.ask(Method::GET, &path, None, None).await?;
        let ranking: Ranking = self.decode(&answer)?;
        Ok(ranking
            .items
            .into_iter()
            .map(|item| item.tweet.id)
            .collect())
    }

    async fn report(&self, report: &Report) -> Result<(), DestinationError> {
        let body = serde_json::to_vec(report).unwrap_or_default();
        let path = format!("/api/v1/sources/{}", report.name);
        let body = Some(("application/json", body));
        self.ask(Method::PUT, &path, body, None).await?;
        Ok(())
    }
}

/// The keywords with their rules. A keyword that this version does not accept is left out.
fn watched(seen: &Seen) -> Vec<WatchedKeyword> {
    let names = seen.names.iter().flat_map(|(_, names)| names);
    let rules: std::collections::HashMap<&str, &ListedRules> = seen
        .rules
        .iter()
        .flat_map(|(_, rules)| rules)
        .map(|rules| (rules.keyword.as_str(), rules))
        .collect();
    names
        .filter_map(|name| {
            let keyword = Keyword::new(name).ok()?;
            let texts = |texts: &[String]| RuleTexts::new(texts.iter().map(String::as_str)).ok();
            let rules = rules.get(name.as_str()).and_then(|listed| {
                Some(KeywordRules::new(texts(&listed.any)?, texts(&listed.none)?))
            });
            Some(WatchedKeyword {
                keyword,
                rules: rules.unwrap_or_default(),
            })
        })
        .collect()
}

fn refused(error: &crate::sources::ConnectError) -> DestinationError {
    DestinationError::Refused(error.to_string())
}
