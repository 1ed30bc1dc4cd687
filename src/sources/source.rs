//! The port of a source: what the collector asks of every kind of feed.
//!
//! A source connects ([`Source::connect`]), fetches older posts page by page
//! ([`Source::plan`], [`Source::fetch`]), and keeps its own side in step with the keywords
//! ([`Source::watch`]). It never waits before a retry, never writes a file and never publishes: the
//! collector does.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Post, SourceKind, SourceRecord, WatchedKeywords};
use crate::events::{Event, Timestamp, TweetId};

/// The name of one stream of a source. Most sources have one stream; Mastodon has one for each
/// hashtag in the mode `hashtag`, X has further ones for compliance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(pub String);

/// Where a connection continues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume {
    /// The cursor of the newest acknowledged record of the source.
    pub cursor: Option<u64>,
    /// The time from which records are wanted: the time of the newest acknowledged record, or that
    /// of the first connection; `None` before it.
    pub since: Option<Timestamp>,
}

/// An open connection of a stream. Dropping it closes it.
#[async_trait]
pub trait Connection: Send {
    /// Waits for the next bytes. The caller ends the connection when this takes longer than
    /// [`Source::stall`].
    ///
    /// # Errors
    /// [`ConnectionEnd`] when nothing follows.
    async fn next(&mut self) -> Result<Arrival, ConnectionEnd>;

    /// What was read since this was last called; nothing for a source that is free.
    fn take_cost(&mut self) -> Cost {
        Cost::default()
    }
}

/// What arrived on a connection.
#[derive(Debug)]
pub enum Arrival {
    /// Bytes that complete no record, such as a keep-alive.
    KeepAlive,
    /// Complete records, in order.
    Records(Vec<SourceRecord>),
    /// The source continues at this time and not at the requested one, which is further back than
    /// it keeps: what lies between is not sent.
    Clamped {
        /// The requested time.
        requested: Timestamp,
        /// The time of the first record.
        first: Timestamp,
    },
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// The source closed it.
    #[error("the source closed the connection")]
    Closed,
    /// The network failed.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// The source said in the stream that it ends.
    #[error("the source ended the stream: {0}")]
    Ended(String),
    /// The source refused to go on, as it refuses a request.
    #[error(transparent)]
    Refused(#[from] ConnectError),
}

/// Why a connection could not be opened, or a request not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No connection, or no answer.
    #[error("no answer: {0}")]
    Network(String),
    /// The answer has an error status.
    #[error("the source answered {status}: {detail}")]
    Status {
        /// The status of HTTP.
        status: u16,
        /// The source's own words.
        detail: String,
        /// The earliest time for another try, if the source names one.
        retry_at: Option<Timestamp>,
    },
    /// The answer does not have the form that is documented for the source.
    #[error("the source answered in an unknown form: {0}")]
    Form(String),
    /// A setting or a secret is missing; another try is of no use.
    #[error("{0}")]
    Unusable(String),
}

/// Why a page could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The request failed; it can be repeated.
    #[error(transparent)]
    Request(#[from] ConnectError),
    /// The page token is not accepted: the slice starts again without it.
    #[error("the page token was refused: {0}")]
    Token(String),
    /// The source does not have records of this time, or needs something that is not configured.
    #[error("{0}")]
    Unavailable(String),
}

/// What older posts are fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A time in which the collector was not connected.
    Gap,
    /// The time before the first connection that the user asked for.
    Backfill,
}

/// A part of the past that is fetched page by page. The checkpoint keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// What is asked for, in the words of the source. Only the source reads it.
    pub query: String,
    /// The start, inclusive.
    pub from: Timestamp,
    /// The end, exclusive.
    pub to: Timestamp,
    /// The token of the next page; `None` for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The earliest time at which the slice may be asked for, if it is not over yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The number of posts that the source announced for the slice, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// A page of older posts.
#[derive(Debug)]
pub struct FetchedPage {
    /// The records, in the order of the page.
    pub records: Vec<SourceRecord>,
    /// The slice as it continues; `None` when it is complete.
    pub rest: Option<Slice>,
    /// The state of the rate limit after the request.
    pub rate: Option<RateLimit>,
    /// What the page cost.
    pub cost: Cost,
}

/// The state of a rate limit, as the source's headers state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests in a period.
    pub limit: u64,
    /// The number of requests that remain in this period.
    pub remaining: u64,
    /// The end of this period.
    pub reset: Timestamp,
}

/// What was read from a source that charges for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The number of posts.
    pub posts: u64,
    /// The number of users.
    pub users: u64,
    /// Further costs, such as those of counts, in millionths of a US dollar.
    pub micro_usd: u64,
}

/// The size of a back-fill, before it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The number of posts, if the source can count them.
    pub posts: Option<u64>,
    /// The number of requests, if the number of posts is known.
    pub requests: Option<u64>,
    /// The duration at the source's rate limit, if the number of posts is known.
    pub duration: Option<Duration>,
    /// The cost in millionths of a US dollar; 0 for a source that is free.
    pub micro_usd: u64,
    /// The end of the part that the source does not have any more, if it lacks the beginning. The
    /// slices begin there.
    pub lost_until: Option<Timestamp>,
}

/// The state of the source's own side after it was brought in step with the keywords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// The streams to connect.
    pub streams: Vec<StreamName>,
    /// The number of rules at the source.
    pub rules: u64,
    /// Keywords that the source has no room for.
    pub pending: Vec<String>,
    /// Keywords that the source refused, each with its words.
    pub refused: Vec<(String, String)>,
    /// Keywords that the source finds only in part.
    pub narrow: Vec<String>,
    /// Keeps the packing of rules between runs; only the source reads it.
    pub packing: Option<serde_json::Value>,
}

/// One kind of feed, with its settings.
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug + 'static {
    /// The kind.
    fn kind(&self) -> SourceKind;

    /// The time without any byte after which a connection is given up.
    fn stall(&self) -> Duration;

    /// The time without a post after which a connection with keep-alives is given up.
    fn quiet(&self) -> Option<Duration> {
        None
    }

    /// The time without a post after which a connection of this stream is given up, by default
    /// [`Self::quiet`].
    fn quiet_of(&self, _stream: &StreamName) -> Option<Duration> {
        self.quiet()
    }

    /// Brings the source's side in step with the keywords, and names the streams to connect. It is
    /// called before the first connection and after each change of the keywords, and does not
    /// disturb open connections. Without streams the source is idle.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn watch(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&serde_json::Value>,
    ) -> Result<Upkeep, ConnectError>;

    /// What [`Self::watch`] returns, for a run that only fetches older posts: nothing is changed at
    /// the source. By default it is the same, for sources whose own side has nothing to change.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn watch_past(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&serde_json::Value>,
    ) -> Result<Upkeep, ConnectError> {
        self.watch(keywords, packing).await
    }

    /// What [`Self::watch`] would change at the source, as a document for people and programs.
    /// Nothing is changed.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn preview(
        &self,
        _keywords: &WatchedKeywords,
        _packing: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, ConnectError> {
        Ok(serde_json::json!({}))
    }

    /// Removes everything that [`Self::watch`] has left at the source. Returns the number of
    /// removed things.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn clean(&self) -> Result<u64, ConnectError> {
        Ok(0)
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn connect(
        &self,
        stream: &StreamName,
        resume: Resume,
    ) -> Result<Box<dyn Connection>, ConnectError>;

    /// True when a new connection itself sends what was missed, from [`Resume`] on.
    fn replays(&self) -> bool {
        false
    }

    /// The time by which a gap is extended on both sides, because records arrive late and out of
    /// order.
    fn seam(&self) -> Duration {
        Duration::ZERO
    }

    /// The time of a record in the order of the source; `None` when it has none.
    fn time_of(&self, record: &SourceRecord) -> Option<Timestamp> {
        record.posted_at()
    }

    /// The price of what was read, in millionths of a US dollar.
    fn price(&self, cost: Cost) -> u64 {
        cost.micro_usd
    }

    /// The most that a calendar month may cost, in millionths of a US dollar; 0: no limit.
    fn month_limit(&self) -> u64 {
        0
    }

    /// The time from which a new connection sends what a back-fill from `from` asks for: `from`, or
    /// a later time when the source keeps less. [`Self::plan`] returns slices for what is older.
    /// `None` when a connection sends nothing of the past.
    fn replays_from(&self, _from: Timestamp, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// The slices of a time, in the order in which they are fetched, with the estimate of the
    /// whole.
    /// `until` is the end, exclusive.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn plan(
        &self,
        purpose: Purpose,
        from: Timestamp,
        until: Timestamp,
        keywords: &WatchedKeywords,
    ) -> Result<(Vec<Slice>, Estimate), FetchError>;

    /// Fetches the next page of a slice.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn fetch(&self, slice: &Slice) -> Result<FetchedPage, FetchError>;

    /// The least time between two requests of [`Self::fetch`] for this slice.
    fn pace(&self, _slice: &Slice) -> Duration {
        Duration::ZERO
    }

    /// Completes posts with what their records lack, such as the profiles of authors. Waits a
    /// limited time; posts without an answer stay as they are.
    async fn complete(&self, _posts: &mut [&mut Post], _keywords: &WatchedKeywords) {}

    /// The time between two refreshes of metrics; `None` when they are off.
    fn refresh_every(&self) -> Option<Duration> {
        None
    }

    /// Maps a record as it stands in the rejected log, so that it can be sent again.
    fn map_again(&self, raw: &bytes::Bytes, now: Timestamp) -> SourceRecord;

    /// Asks for the current metrics of tweets of this source. Returns `tweet.engaged` events for
    /// those that exist, and the ids of those that the source no longer has.
    ///
    /// # Errors
    /// [`ConnectError`].
    async fn refresh(
        &self,
        _ids: &[TweetId],
        _now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<TweetId>, Cost), ConnectError> {
        Ok((Vec::new(), Vec::new(), Cost::default()))
    }
}
