//! Current metrics of posts, and which posts are gone.

use serde_json::Value;

use super::api::XApi;
use super::mapping::{id_of, metrics_of, reposted_id, tweet_id};
use crate::events::{Event, Timestamp, TweetEngaged, TweetId};
use crate::sources::{ConnectError, Cost};

/// Maximum number of posts in a request.
const MAX_IDS: usize = 100;
/// The beginning of the ids of tweets from X.
const PREFIX: &str = "x:";
/// The end of the `type` of an error about a post that does not exist.
const NOT_FOUND: &str = "resource-not-found";

/// What X knows of posts.
#[derive(Debug, Default)]
pub(super) struct Refreshed {
    /// `tweet.engaged` for the posts that exist.
    pub(super) engaged: Vec<Event>,
    /// The posts that do not exist any more.
    pub(super) gone: Vec<TweetId>,
    /// What the requests cost.
    pub(super) cost: Cost,
}

/// Asks for posts by id. Ids of other sources are left out. When a request fails, what the requests
/// before it found and cost is returned.
///
/// # Errors
/// [`ConnectError`] when the first request fails.
pub(super) async fn refresh(
    api: &XApi,
    ids: &[TweetId],
    now: Timestamp,
) -> Result<Refreshed, ConnectError> {
    let numbers = ids.iter().filter_map(|id| id.as_str().strip_prefix(PREFIX));
    let numbers: Vec<&str> = numbers.collect();
    let mut refreshed = Refreshed::default();
    for (asked_before, asked) in numbers.chunks(MAX_IDS).enumerate() {
        let query = [
            ("ids", asked.join(",")),
            (
                "tweet.fields",
                "id,public_metrics,referenced_tweets".to_owned(),
            ),
        ];
        match posts(api, &query).await {
            Ok(answer) => refreshed.read(&answer, now),
            Err(error) if asked_before == 0 => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "metrics of some posts of X are missing");
                break;
            }
        }
    }
    Ok(refreshed)
}

async fn posts(api: &XApi, query: &[(&str, String)]) -> Result<Value, ConnectError> {
    let answer = api.get("tweets", "/2/tweets", query).await?;
    serde_json::from_slice(&answer.body)
        .map_err(|error| ConnectError::Form(format!("posts by id: {error}")))
}

impl Refreshed {
    fn read(&mut self, answer: &Value, now: Timestamp) {
        let list = |name: &str| answer.get(name).and_then(Value::as_array);
        for post in list("data").into_iter().flatten() {
            self.cost.posts = self.cost.posts.saturating_add(1);
            let id = id_of(post).and_then(|number| tweet_id(number).ok());
            let metrics = metrics_of(post);
            // X states the metrics of the original for a repost.
            if let Some(id) = id
                && reposted_id(post).is_none()
                && !metrics.is_empty()
            {
                let engaged = TweetEngaged {
                    id,
                    at: now,
                    metrics,
                };
                self.engaged.push(Event::TweetEngaged(engaged));
            }
        }
        for error in list("errors").into_iter().flatten() {
            let text = |name: &str| error.get(name).and_then(Value::as_str);
            let is_gone = text("type").is_some_and(|name| name.ends_with(NOT_FOUND));
            let number = text("resource_id").or_else(|| text("value"));
            if is_gone && let Some(id) = number.and_then(|number| tweet_id(number).ok()) {
                self.gone.push(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::json;
    use crate::sources::x::stub::{Stub, api};

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    fn ids(range: std::ops::Range<u64>) -> Vec<TweetId> {
        let ids = range.map(|number| TweetId::new(&format!("x:{number}")).unwrap());
        ids.collect()
    }

    #[tokio::test]
    async fn metrics_and_gone_posts_are_told_apart() {
        let body = r#"{"data":[
            {"id":"1","text":"가","public_metrics":{"like_count":7,"retweet_count":2,
                "reply_count":1,"quote_count":0}},
            {"id":"2","text":"나","public_metrics":{"repost_count":3}},
            {"id":"3","text":"RT","public_metrics":{"retweet_count":9},
                "referenced_tweets":[{"type":"retweeted","id":"1"}]},
            {"id":"4","text":"다"}],
            "errors":[
            {"resource_id":"5","resource_type":"tweet","parameter":"ids","title":"Not Found Error",
                "type":"https://api.x.com/2/problems/resource-not-found"},
            {"value":"6","type":"https://api.x.com/2/problems/resource-not-found"},
            {"resource_id":"7","title":"Authorization Error",
                "type":"https://api.x.com/2/problems/not-authorized-for-resource"}]}"#;
        let mut stub = Stub::answering([Stub::json(200, body)]).await;
        let refreshed = refresh(&api(&stub), &ids(1..8), NOW).await.unwrap();
        let engaged = refreshed.engaged.iter().map(|event| {
            let json = json::encode(event);
            String::from_utf8(json).unwrap()
        });
        assert_eq!(
            engaged.collect::<Vec<_>>(),
            [
                r#"{"type":"tweet.engaged","id":"x:1","at":"2026-11-23T07:00:00.000Z","metrics":{"likes":7,"reposts":2,"replies":1,"quotes":0}}"#,
                r#"{"type":"tweet.engaged","id":"x:2","at":"2026-11-23T07:00:00.000Z","metrics":{"reposts":3}}"#,
            ]
        );
        assert_eq!(refreshed.gone, ids(5..7));
        assert_eq!((refreshed.cost.posts, refreshed.cost.users), (4, 0));
        let request = stub.request().await;
        assert!(
            request.starts_with("GET /2/tweets?ids=1%2C2%2C3%2C4%2C5%2C6%2C7&tweet.fields=id%2C"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn more_than_100_posts_are_asked_for_in_several_requests() {
        let empty = || Stub::json(200, r#"{"data":[]}"#);
        let mut stub = Stub::answering([empty(), empty(), empty()]).await;
        let mut asked = ids(1_000..1_201);
        asked.push(TweetId::new("bsky:did:plc:a/1").unwrap());
        refresh(&api(&stub), &asked, NOW).await.unwrap();
        for (first, count) in [("1000", 100), ("1100", 100), ("1200", 1)] {
            let request = stub.request().await;
            let (ids, _) = request.split_once("&tweet.fields").unwrap();
            let ids = ids.strip_prefix("GET /2/tweets?ids=").unwrap();
            assert_eq!(ids.split("%2C").next(), Some(first));
            assert_eq!(ids.split("%2C").count(), count);
        }
    }

    #[tokio::test]
    async fn results_before_a_failed_request_are_kept() {
        let first = r#"{"data":[{"id":"1","public_metrics":{"like_count":7}}]}"#;
        let second = r#"{"title":"Too Many Requests"}"#;
        let stub = Stub::answering([Stub::json(200, first), Stub::json(429, second)]).await;
        let refreshed = refresh(&api(&stub), &ids(1..202), NOW).await.unwrap();
        assert_eq!((refreshed.engaged.len(), refreshed.cost.posts), (1, 1));
    }

    #[tokio::test]
    async fn refusal_is_an_error_with_the_words_of_x() {
        let body = r#"{"title":"Too Many Requests","detail":"slow down"}"#;
        let stub = Stub::answering([Stub::json(429, body)]).await;
        let error = refresh(&api(&stub), &ids(1..2), NOW).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the source answered 429: Too Many Requests: slow down"
        );
    }
}
