//! Searches for posts that are older than what Jetstream keeps.
//!
//! In: a time and the keywords. Out: slices, one for each text that is searched for, and their
//! pages. A search ends after some 10,000 posts; it then continues in a **window** that ends at the
//! oldest post so far.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::address::PostAddress;
use super::engagement::Counts;
use super::mapping::{first_version, posted_at, tweet, valid_handle};
use super::session::Account;
use super::xrpc::{Method, parsed, rate};
use crate::events::Timestamp;
use crate::sources::{
    ConnectError, Cost, FetchError, FetchedPage, Mapped, Rejection, Slice, SourceRecord,
    WatchedKeywords,
};

const SEARCH: Method = Method {
    name: "app.bsky.feed.searchPosts",
    endpoint: "searchPosts",
};
/// Number of posts in a page, as the server expects it.
const PAGE_POSTS: &str = "100";
/// Maximum number of posts of one millisecond that are recognised in the next window.
const MAX_KNOWN: usize = 1_000;

/// Where a slice continues; the token of the slice as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The cursor of the next page of this window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// The time of the oldest post of this window so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<Timestamp>,
    /// The URIs of the posts of that time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    at_oldest: Vec<String>,
    /// The URIs of posts at the end of this window that the window before had, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known: Vec<String>,
}

/// A page of a search.
#[derive(Deserialize)]
struct Page {
    cursor: Option<String>,
    posts: Vec<Box<RawValue>>,
}

/// A post as a search returns it.
#[derive(Deserialize)]
struct FoundPost {
    uri: String,
    author: FoundAuthor,
    record: Value,
    #[serde(rename = "indexedAt")]
    indexed_at: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Deserialize)]
struct FoundAuthor {
    handle: Option<String>,
    #[serde(rename = "displayName")]
    name: Option<String>,
}

/// The slices of a time: one for each text that is searched for.
pub(super) fn slices(from: Timestamp, to: Timestamp, keywords: &WatchedKeywords) -> Vec<Slice> {
    let mut slices: Vec<Slice> = Vec::new();
    for watched in keywords.keywords() {
        let keyword = std::iter::once(watched.keyword.as_str());
        for text in keyword.chain(watched.rules.any().iter().map(String::as_str)) {
            let query = phrase(text);
            if slices.iter().all(|slice| slice.query != query) {
                slices.push(Slice {
                    query,
                    from,
                    to,
                    token: None,
                    not_before: None,
                    expected: None,
                });
            }
        }
    }
    slices
}

/// A text as a phrase. Quotes and backslashes have a meaning of their own in a search.
fn phrase(text: &str) -> String {
    let text = text.replace(['"', '\\'], " ");
    format!("\"{}\"", text.trim())
}

/// Fetches the next page of a slice.
///
/// # Errors
/// [`FetchError`].
pub(super) async fn fetch(account: &Account, slice: &Slice) -> Result<FetchedPage, FetchError> {
    let place: Place = match &slice.token {
        Some(token) => serde_json::from_str(token)
            .map_err(|error| FetchError::Token(format!("{token:?}: {error}")))?,
        None => Place::default(),
    };
    let (since, until) = (slice.from.to_string(), slice.to.to_string());
    let mut parameters = vec![
        ("q", slice.query.as_str()),
        ("sort", "latest"),
        ("since", &since),
        ("until", &until),
        ("limit", PAGE_POSTS),
    ];
    if let Some(cursor) = &place.cursor {
        parameters.push(("cursor", cursor));
    }
    let answer = match account.get(SEARCH, &parameters).await {
        Ok(answer) => answer,
        Err(ConnectError::Status {
            status: 400,
            detail,
            ..
        }) if place.cursor.is_some() => return refused_cursor(slice, place, detail),
        Err(error) => return Err(error.into()),
    };
    let page: Page = parsed(&answer)?;
    let mut next = Place {
        cursor: None,
        ..place.clone()
    };
    let records = page.posts.into_iter();
    let records: Vec<SourceRecord> = records.filter_map(|post| next.take(&post)).collect();
    let cursor = page.cursor.filter(|cursor| !cursor.is_empty());
    let rest = match cursor {
        Some(cursor) if place.cursor.as_ref() != Some(&cursor) => {
            next.cursor = Some(cursor);
            Some(continued(slice, slice.to, &next)?)
        }
        _ => next_window(slice, next)?,
    };
    Ok(FetchedPage {
        records,
        rest,
        rate: rate(&answer.headers),
        cost: Cost::default(),
    })
}

/// A cursor near the limit of a search may be refused: the search goes on in the next window.
fn refused_cursor(slice: &Slice, place: Place, detail: String) -> Result<FetchedPage, FetchError> {
    match next_window(slice, place)? {
        Some(rest) => Ok(FetchedPage {
            records: Vec::new(),
            rest: Some(rest),
            rate: None,
            cost: Cost::default(),
        }),
        None => Err(FetchError::Token(detail)),
    }
}

/// The slice from its start to the oldest post so far; `None` when there is nothing older.
fn next_window(slice: &Slice, place: Place) -> Result<Option<Slice>, FetchError> {
    let Some(oldest) = place.oldest else {
        return Ok(None);
    };
    // The end is exclusive, and more posts may be of the same millisecond.
    let to = oldest.plus(1);
    if to >= slice.to || to <= slice.from {
        return Ok(None);
    }
    let window = Place {
        known: place.at_oldest,
        ..Place::default()
    };
    continued(slice, to, &window).map(Some)
}

fn continued(slice: &Slice, to: Timestamp, place: &Place) -> Result<Slice, FetchError> {
    let token =
        serde_json::to_string(place).map_err(|error| FetchError::Token(error.to_string()))?;
    Ok(Slice {
        to,
        token: Some(token),
        ..slice.clone()
    })
}

impl Place {
    /// The record of a post; `None` when the window before had it. Notes the post if it is the
    /// oldest.
    fn take(&mut self, raw: &RawValue) -> Option<SourceRecord> {
        let post = serde_json::from_str::<FoundPost>(raw.get());
        let content = match post {
            Ok(post) => {
                self.note(&post);
                if self.known.contains(&post.uri) {
                    return None;
                }
                post.mapped()
            }
            Err(error) => Err(Rejection::new(format!("not readable: {error}"))),
        };
        Some(SourceRecord {
            content,
            raw: Bytes::copy_from_slice(raw.get().as_bytes()),
            cursor: None,
        })
    }

    fn note(&mut self, post: &FoundPost) {
        let Ok(indexed_at) = Timestamp::parse(&post.indexed_at) else {
            return;
        };
        let at = posted_at(&post.record, indexed_at);
        if self.oldest.is_none_or(|oldest| at < oldest) {
            self.oldest = Some(at);
            self.at_oldest.clear();
        }
        if self.oldest == Some(at) && self.at_oldest.len() < MAX_KNOWN {
            self.at_oldest.push(post.uri.clone());
        }
    }
}

impl FoundPost {
    fn mapped(&self) -> Result<Mapped, Rejection> {
        let uri = &self.uri;
        let address = PostAddress::of_uri(uri)
            .ok_or_else(|| Rejection::new(format!("{uri:?} is no address of a post")))?;
        let indexed_at = Timestamp::parse(&self.indexed_at)
            .map_err(|error| Rejection::new(format!("`indexedAt`: {error}")))?;
        let Some(mut tweet) = tweet(&address, &self.record, indexed_at)? else {
            return Ok(Mapped::Unmatchable);
        };
        if let Some(handle) = valid_handle(self.author.handle.as_deref()) {
            tweet.author.handle = handle;
        }
        tweet.author.name = self.author.name.clone().filter(|name| !name.is_empty());
        tweet.metrics = self.counts.patch().applied_to(tweet.metrics);
        Ok(Mapped::Post(Box::new(first_version(tweet))))
    }
}
