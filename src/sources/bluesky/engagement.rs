//! Current metrics of posts.
//!
//! In: ids. Out: `tweet.engaged` events, and the ids of the posts that no longer exist.

use std::collections::HashMap;

use serde::Deserialize;

use super::address::PostAddress;
use super::xrpc::{MAX_ITEMS, Method, Xrpc, parsed};
use crate::events::{Event, MetricsPatch, Timestamp, TweetEngaged, TweetId};
use crate::sources::ConnectError;

const GET_POSTS: Method = Method {
    name: "app.bsky.feed.getPosts",
    endpoint: "getPosts",
};
/// Maximum value of a metric in an event: 2^53−1.
const MAX_METRIC: u64 = (1 << 53) - 1;

/// The metrics of a post, as the servers name them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Counts {
    #[serde(rename = "likeCount")]
    likes: Option<u64>,
    #[serde(rename = "repostCount")]
    reposts: Option<u64>,
    #[serde(rename = "replyCount")]
    replies: Option<u64>,
    #[serde(rename = "quoteCount")]
    quotes: Option<u64>,
}

#[derive(Deserialize)]
struct Posts {
    posts: Vec<CountedPost>,
}

#[derive(Deserialize)]
struct CountedPost {
    uri: String,
    #[serde(flatten)]
    counts: Counts,
}

impl Counts {
    /// The metrics of an event.
    pub(super) fn patch(self) -> MetricsPatch {
        let metric = |count: Option<u64>| count.map(|count| count.min(MAX_METRIC));
        MetricsPatch {
            likes: metric(self.likes),
            reposts: metric(self.reposts),
            replies: metric(self.replies),
            quotes: metric(self.quotes),
        }
    }
}

/// The metrics at `now` of the posts `ids`, and the ids of the posts that the server left out. An
/// id that holds a hash cannot be asked for, and is in neither.
///
/// # Errors
/// [`ConnectError`].
pub(super) async fn refresh(
    server: &Xrpc,
    ids: &[TweetId],
    now: Timestamp,
) -> Result<(Vec<Event>, Vec<TweetId>), ConnectError> {
    let asked: Vec<(&TweetId, String)> = ids
        .iter()
        .filter_map(|id| Some((id, PostAddress::of_id(id)?.uri())))
        .collect();
    let (mut events, mut gone) = (Vec::new(), Vec::new());
    for asked in asked.chunks(MAX_ITEMS) {
        let uris: Vec<(&str, &str)> = asked
            .iter()
            .map(|(_, uri)| ("uris", uri.as_str()))
            .collect();
        let posts: Posts = parsed(&server.get(GET_POSTS, &uris, None).await?)?;
        let counts: HashMap<String, Counts> = posts
            .posts
            .into_iter()
            .map(|post| (post.uri, post.counts))
            .collect();
        for (id, uri) in asked {
            match counts.get(uri) {
                Some(counts) => events.extend(engaged(id, *counts, now)),
                None => gone.push((*id).clone()),
            }
        }
    }
    Ok((events, gone))
}

fn engaged(id: &TweetId, counts: Counts, at: Timestamp) -> Option<Event> {
    let metrics = counts.patch();
    (!metrics.is_empty()).then(|| {
        Event::TweetEngaged(TweetEngaged {
            id: id.clone(),
            at,
            metrics,
        })
    })
}
