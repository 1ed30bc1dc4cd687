//! Pages of posts, taken apart into lines as a stream would send them.
//!
//! A line holds one post with the users and posts that it refers to, in X's own JSON, so that it
//! can be mapped again without its page.

use std::collections::HashMap;
use std::fmt::Display;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json::{REFERENCED, either, id_of, list, text};
use super::record_of_line;
use crate::sources::{ConnectError, Cost, SourceRecord};

/// The parts of a page that are taken apart. What else it has is ignored.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    includes: Option<PageIncludes<'a>>,
}

#[derive(Deserialize)]
struct PageIncludes<'a> {
    #[serde(borrow, default)]
    users: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    tweets: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    posts: Option<Vec<&'a RawValue>>,
}

/// The objects beside the data, by id, with their own JSON.
#[derive(Default)]
struct ById<'a>(HashMap<String, (Value, &'a str)>);

impl<'a> ById<'a> {
    fn new(objects: Option<Vec<&'a RawValue>>) -> Self {
        let parsed = objects.unwrap_or_default().into_iter().filter_map(|raw| {
            let value: Value = serde_json::from_str(raw.get()).ok()?;
            let id = id_of(&value)?.to_owned();
            Some((id, (value, raw.get())))
        });
        Self(parsed.collect())
    }
}

/// The lines of a page, in its order.
///
/// # Errors
/// [`ConnectError::Form`] when the body is not a page.
fn lines_of_page(body: &[u8]) -> Result<(Vec<Bytes>, Cost), ConnectError> {
    let form = |error: &dyn Display| ConnectError::Form(format!("a page of posts: {error}"));
    // An array would be read as the members of a page in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(form(&"not a JSON object"));
    }
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| form(&error))?;
    let data = page.data.unwrap_or_default();
    let (users, posts) = match page.includes {
        Some(includes) => {
            let posts = includes.tweets.or(includes.posts);
            (ById::new(includes.users), ById::new(posts))
        }
        None => (ById::default(), ById::default()),
    };
    let cost = Cost {
        posts: u64::try_from(data.len()).unwrap_or(u64::MAX),
        users: u64::try_from(users.0.len()).unwrap_or(u64::MAX),
        micro_usd: 0,
    };
    let lines = data.into_iter().map(|raw| line_of(raw, &users, &posts));
    Ok((lines.collect(), cost))
}

/// The records of a page, in its order, and what X charges for the page.
///
/// # Errors
/// [`ConnectError::Form`] when the body is not a page.
pub(in crate::sources) fn records_of_page(
    body: &[u8],
) -> Result<(Vec<SourceRecord>, Cost), ConnectError> {
    let (lines, cost) = lines_of_page(body)?;
    Ok((lines.iter().map(record_of_line).collect(), cost))
}

fn line_of(raw: &RawValue, users: &ById<'_>, posts: &ById<'_>) -> Bytes {
    let post: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let references = list(either(&post, REFERENCED)).iter().filter_map(id_of);
    let referenced: Vec<&(Value, &str)> = references.filter_map(|id| posts.0.get(id)).collect();
    let of_posts = std::iter::once(&post).chain(referenced.iter().map(|(value, _)| value));
    let mut authors: Vec<&str> = Vec::new();
    for author in of_posts.filter_map(|post| text(post, "author_id")) {
        if !authors.contains(&author) {
            authors.push(author);
        }
    }
    let authors = authors.iter().filter_map(|id| users.0.get(*id));
    let users: Vec<&str> = authors.map(|(_, raw)| *raw).collect();
    let posts: Vec<&str> = referenced.iter().map(|(_, raw)| *raw).collect();
    let line = format!(
        r#"{{"data":{},"includes":{{"users":[{}],"tweets":[{}]}}}}"#,
        raw.get(),
        users.join(","),
        posts.join(",")
    );
    line.into()
}
