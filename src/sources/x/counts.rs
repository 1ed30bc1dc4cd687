//! The number of posts by day, which X tells before they are read.

use serde::Deserialize;

use super::api::XApi;
use super::page_request::time;
use super::reach::Reach;
use crate::events::Timestamp;
use crate::sources::ConnectError;

/// Maximum number of pages of counts for one query. A page has 31 days, and X begins in 2006.
const MAX_PAGES: usize = 600;

/// The counts of one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The number of posts by the start of the UTC day. Days without posts can be absent.
    pub(super) days: Vec<(Timestamp, u64)>,
    /// The number of requests that were needed.
    pub(super) requests: u64,
}

#[derive(Debug, Deserialize)]
struct CountsBody {
    #[serde(default)]
    data: Vec<Bucket>,
    #[serde(default)]
    meta: CountsMeta,
}

#[derive(Debug, Default, Deserialize)]
struct CountsMeta {
    #[serde(default)]
    next_token: Option<String>,
}

/// A bucket, in the older or the newer naming.
#[derive(Debug, Deserialize)]
struct Bucket {
    start: String,
    #[serde(default, alias = "post_count")]
    tweet_count: u64,
}

/// Asks for the counts of a query by day. `from` is absent when it is as old as X's index.
///
/// # Errors
/// [`ConnectError`].
pub(super) async fn counts_of(
    api: &XApi,
    reach: Reach,
    query: &str,
    from: Option<Timestamp>,
    until: Timestamp,
) -> Result<Counts, ConnectError> {
    let mut counts = Counts::default();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        if counts.requests > 0 {
            tokio::time::sleep(reach.pace()).await;
        }
        let mut parameters = vec![
            ("query", query.to_owned()),
            ("granularity", "day".to_owned()),
            ("end_time", time(until)),
        ];
        parameters.extend(from.map(|from| ("start_time", time(from))));
        parameters.extend(token.map(|token| ("next_token", token)));
        let answer = api
            .get(reach.counts_endpoint(), reach.counts_path(), &parameters)
            .await?;
        counts.requests += 1;
        let body: CountsBody = serde_json::from_slice(&answer.body).map_err(form)?;
        for bucket in body.data {
            let start = Timestamp::parse(&bucket.start).map_err(form)?;
            let day = start.floor_to(Timestamp::DAY);
            counts.days.push((day, bucket.tweet_count));
        }
        token = body.meta.next_token;
        if token.is_none() {
            return Ok(counts);
        }
    }
    Err(form(format!("more than {MAX_PAGES} pages")))
}

fn form(error: impl std::fmt::Display) -> ConnectError {
    ConnectError::Form(format!("the counts: {error}"))
}
