//! Timelines of a Mastodon server: the slices of a gap or a back-fill, and their pages.
//!
//! A gap is read upwards, from an id made of its start, to the newest status or the end of the gap.
//! A status of another server that arrives late has an id of the time at which it was posted, below
//! ids that were seen before; so the start is set back by `overlap_ms`. A back-fill is read
//! downwards, from its end. Further pages are those that the server links to. A timeline whose
//! answers have no links at all is continued by the ids on the page.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::{self, has_links};
use super::hashtags::Hashtags;
use super::status::Status;
use super::{MastodonSource, SEAM};
use crate::events::Timestamp;
use crate::settings::MastodonStream;
use crate::sources::web::{self, Answer};
use crate::sources::{
    ConnectError, Cost, FetchError, FetchedPage, Purpose, Rejection, Slice, SourceRecord,
    WatchedKeywords,
};

/// The number of statuses on a page, the most that a server gives.
const PAGE: usize = 40;
/// The bits of an id below its time.
const ID_TIME_SHIFT: u32 = 16;

/// What a slice asks for. It is kept in [`Slice::query`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TimelineQuery {
    direction: Direction,
    /// The hashtag; `None` for the public timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    /// From the start of the slice to newer statuses.
    Up,
    /// From the end of the slice to older statuses.
    Down,
}

/// A status of a page.
struct Item {
    raw: Bytes,
    status: Result<Status, Rejection>,
}

impl MastodonSource {
    /// The slices of a time.
    pub(super) fn slices(
        &self,
        purpose: Purpose,
        from: Timestamp,
        until: Timestamp,
        keywords: &WatchedKeywords,
    ) -> Vec<Slice> {
        let is_by_hashtag = self.settings.stream == MastodonStream::Hashtag;
        let direction = match purpose {
            Purpose::Gap => Direction::Up,
            Purpose::Backfill => Direction::Down,
        };
        let mut timelines = Vec::new();
        if is_by_hashtag || purpose == Purpose::Backfill {
            let tags = Hashtags::of(keywords).tags.into_iter();
            timelines.extend(tags.map(Some));
        }
        if !is_by_hashtag && !keywords.is_empty() {
            timelines.push(None);
        }
        let slices = timelines.into_iter().map(|tag| Slice {
            query: TimelineQuery { direction, tag }.text(),
            from,
            to: until,
            token: None,
            not_before: None,
            expected: None,
        });
        slices.collect()
    }

    /// The next page of a slice.
    pub(super) async fn page(&self, slice: &Slice) -> Result<FetchedPage, FetchError> {
        let query = TimelineQuery::read(&slice.query)?;
        let path = query.path();
        let request = self.api.get(&path, &self.parameters(&query, slice));
        let answer = web::ask(request, query.endpoint(), &self.requests).await?;
        let rate = api::rate(&answer.headers);
        if rate.is_some() {
            *self.rate.lock() = rate;
        }
        let items = match answer.status {
            400 | 404 | 410 if query.tag.is_some() => Vec::new(),
            _ => {
                refuse(&answer, &query)?;
                items(&answer.body)?
            }
        };
        if items.is_empty() && slice.token.is_none() {
            tracing::info!(
                timeline = query.name(),
                from = %slice.from,
                until = %slice.to,
                "the timeline has no status in this time; a server can have it switched off"
            );
        }
        let rest = self.rest(&query, slice, &answer, &items);
        let records = items.iter().filter(|item| query.wants(slice, item));
        Ok(FetchedPage {
            records: records.map(|item| self.record(item)).collect(),
            rest,
            rate,
            cost: Cost::default(),
        })
    }

    /// The time between two requests: none while most of the rate limit remains; then what remains
    /// is spread over the time to its reset, so that refreshes and gaps find a share.
    pub(super) fn page_interval(&self) -> Duration {
        let Some(rate) = *self.rate.lock() else {
            return Duration::ZERO;
        };
        if rate.remaining > rate.limit / 2 {
            return Duration::ZERO;
        }
        let left = rate
            .reset
            .millis()
            .saturating_sub(self.clock.now().millis());
        let left = u64::try_from(left).unwrap_or(0);
        Duration::from_millis(left / rate.remaining.max(1))
    }

    fn record(&self, item: &Item) -> SourceRecord {
        self.mapping.status(item.raw.clone(), &item.status)
    }

    fn parameters(&self, query: &TimelineQuery, slice: &Slice) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut fixed = vec![pair("limit", &PAGE.to_string())];
        match self.settings.stream {
            MastodonStream::Local => fixed.push(pair("local", "true")),
            MastodonStream::Remote => fixed.push(pair("remote", "true")),
            MastodonStream::Public | MastodonStream::Hashtag => {}
        }
        let (name, id) = match query.direction {
            Direction::Up => {
                // The slice of a gap begins a seam before the newest status that was acknowledged.
                let newest = slice.from.plus(millis(SEAM));
                let start = newest.plus(millis(self.settings.overlap).saturating_neg());
                ("min_id", first_id(start))
            }
            Direction::Down => ("max_id", first_id(slice.to)),
        };
        let Some(token) = &slice.token else {
            fixed.push(pair(name, &id.to_string()));
            return fixed;
        };
        let mut linked: Vec<(String, String)> = pairs_of(token);
        fixed.retain(|(name, _)| linked.iter().all(|(other, _)| other != name));
        linked.extend(fixed);
        linked
    }

    /// The slice behind a page; `None` when the page is the last one.
    fn rest(
        &self,
        query: &TimelineQuery,
        slice: &Slice,
        answer: &Answer,
        items: &[Item],
    ) -> Option<Slice> {
        if items.is_empty() || query.is_past(slice, items) {
            return None;
        }
        let token = if has_links(&answer.headers) {
            self.api.linked_query(&answer.headers, query.relation())?
        } else {
            query.token_behind(items)?
        };
        let is_progress = slice.token.as_ref() != Some(&token);
        is_progress.then(|| Slice {
            token: Some(token),
            ..slice.clone()
        })
    }
}

impl TimelineQuery {
    fn text(&self) -> String {
        // Writing these members cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn read(text: &str) -> Result<Self, FetchError> {
        serde_json::from_str(text).map_err(|error| {
            FetchError::Unavailable(format!("{text:?} is no query of a timeline: {error}"))
        })
    }

    fn path(&self) -> Vec<&str> {
        let mut path = vec!["api", "v1", "timelines"];
        match &self.tag {
            Some(tag) => path.extend(["tag", tag]),
            None => path.push("public"),
        }
        path
    }

    const fn endpoint(&self) -> &'static str {
        match self.tag {
            Some(_) => "timelines/tag",
            None => "timelines/public",
        }
    }

    fn name(&self) -> String {
        match &self.tag {
            Some(tag) => format!("#{tag}"),
            None => "public".to_owned(),
        }
    }

    /// The relation of the link to the next page.
    const fn relation(&self) -> &'static str {
        match self.direction {
            Direction::Up => "prev",
            Direction::Down => "next",
        }
    }

    /// True when a status of the page belongs to the slice. What lies before or behind a gap is
    /// kept: it was read to find what arrived late.
    fn wants(&self, slice: &Slice, item: &Item) -> bool {
        let is_inside = |at: Timestamp| (slice.from..slice.to).contains(&at);
        self.direction == Direction::Up || item.at().is_none_or(is_inside)
    }

    /// True when all statuses of the page are beyond the slice. One status alone says nothing: some
    /// servers have ids that are not made of the time at which a status was posted.
    fn is_past(&self, slice: &Slice, items: &[Item]) -> bool {
        let mut times = items.iter().filter_map(Item::at).peekable();
        times.peek().is_some()
            && times.all(|at| match self.direction {
                Direction::Up => at >= slice.to,
                Direction::Down => at < slice.from,
            })
    }

    /// The token of the next page, made of the ids on this one, which is in the order of ids.
    fn token_behind(&self, items: &[Item]) -> Option<String> {
        let ids = items.iter().filter_map(|item| item.status.as_ref().ok());
        let mut ids = ids.map(|status| status.id.0.as_str());
        match self.direction {
            Direction::Up => Some(format!("min_id={}", ids.next()?)),
            Direction::Down => Some(format!("max_id={}", ids.next_back()?)),
        }
    }
}

impl Item {
    /// When the status was posted.
    fn at(&self) -> Option<Timestamp> {
        self.status.as_ref().ok()?.created_at().ok()
    }
}

/// The first id of a time.
fn first_id(at: Timestamp) -> u64 {
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    millis.checked_shl(ID_TIME_SHIFT).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The pairs of a query.
fn pairs_of(query: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse("query:").ok().map(|mut url| {
        url.set_query(Some(query));
        url.query_pairs().into_owned().collect()
    });
    url.unwrap_or_default()
}

/// The statuses of a page.
fn items(body: &Bytes) -> Result<Vec<Item>, FetchError> {
    let page: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| ConnectError::Form(format!("no array of statuses: {error}")))?;
    let items = page.into_iter().map(|status| Item {
        raw: Bytes::copy_from_slice(status.get().as_bytes()),
        status: Status::read(status.get().as_bytes()),
    });
    Ok(items.collect())
}

/// Tells an answer without success. A timeline that the server does not show is not asked again.
fn refuse(answer: &Answer, query: &TimelineQuery) -> Result<(), FetchError> {
    let name = query.name();
    let detail = || web::detail(&answer.body);
    match answer.status {
        200..=299 => Ok(()),
        401 | 403 | 422 => Err(FetchError::Unavailable(format!(
            "the server does not show the timeline {name} (status {}: {}); it may need a user \
            token with the scope read:statuses in sources.mastodon.token",
            answer.status,
            detail()
        ))),
        400 | 404 | 410 => Err(FetchError::Unavailable(format!(
            "the server does not have the timeline {name} (status {}: {})",
            answer.status,
            detail()
        ))),
        _ => Err(web::refusal(answer).into()),
    }
}
