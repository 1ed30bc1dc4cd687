//! Bluesky: posts from Jetstream, older posts from searches, profiles and metrics from the app
//! view.
//!
//! ```text
//! Jetstream ─► feed ─► protocol (v1, v2) ─► mapping ─► records ─► collector
//! account's server ─► search ─────────────────┘            profiles ◄──┘ posts that match
//! app view ◄──────────────────────────────── engagement, profiles
//! ```
//!
//! A connection itself sends what was missed, as far back as Jetstream keeps events (36 hours).
//! Older posts are searched for, which needs an account.

mod address;
mod engagement;
mod hosts;
mod jetstream;
mod mapping;
mod profile_cache;
mod profiles;
mod protocol;
mod search;
mod session;
mod start;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;
mod xrpc;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use self::jetstream::Jetstream;
use self::profiles::Profiles;
use self::protocol::{MIN_TIME_CURSOR, of_micros};
use self::session::Account;
use self::xrpc::Xrpc;
use super::{
    ConnectError, Connection, Cost, Estimate, FetchError, FetchedPage, Post, Purpose, Requests,
    Resume, Slice, Source, SourceKind, SourceRecord, StreamName, Upkeep, WatchedKeywords,
};
use crate::events::{Clock, Event, Timestamp, TweetId};
use crate::settings::BlueskySettings;

/// The name of the one stream.
const STREAM: &str = "posts";
/// Time without a post after which a connection is given up: Bluesky has some posts every second.
const MAX_QUIET: Duration = Duration::from_secs(900);
/// How much more than Jetstream keeps may be asked of it, in milliseconds: as much as a first event
/// may be late.
const LOOKBACK_TOLERANCE_MS: i64 = 60_000;
/// How much less than Jetstream keeps a back-fill asks of it when the older part is searched for,
/// in milliseconds.
const REPLAY_MARGIN_MS: i64 = 10 * Timestamp::MINUTE;
/// How long the search and the replay overlap, in milliseconds.
const OVERLAP_MS: i64 = 10 * Timestamp::MINUTE;

/// The source Bluesky.
#[derive(Debug)]
pub struct BlueskySource {
    settings: BlueskySettings,
    clock: Clock,
    jetstream: Jetstream,
    app_view: Xrpc,
    profiles: Profiles,
    account: Option<Account>,
}

impl BlueskySource {
    /// The source that the settings describe. Its requests are counted in `requests`.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when an address may not be used or a secret not be read.
    pub fn new(
        settings: BlueskySettings,
        clock: Clock,
        requests: Requests,
    ) -> Result<Self, ConnectError> {
        let (appview, insecure) = (&settings.appview, settings.insecure);
        let counted = requests.clone();
        let app_view = Xrpc::new("sources.bluesky.appview", appview, insecure, counted)?;
        Ok(Self {
            jetstream: Jetstream::new(&settings, requests.clone())?,
            profiles: Profiles::new(app_view.clone(), clock.clone()),
            account: Account::new(&settings, requests)?,
            app_view,
            clock,
            settings,
        })
    }

    /// The earliest time that a connection can be asked for; `None` when it sends nothing of the
    /// past.
    fn kept_from(&self, now: Timestamp) -> Option<Timestamp> {
        let lookback = i64::try_from(self.settings.lookback.as_millis()).ok()?;
        let is_kept = lookback > 0 && self.jetstream.replays_times();
        is_kept.then(|| now.plus(lookback.saturating_neg()))
    }

    /// The account.
    ///
    /// # Errors
    /// [`FetchError::Unavailable`] names the settings that are missing.
    fn account(&self) -> Result<&Account, FetchError> {
        self.account.as_ref().ok_or_else(|| {
            let hours = self.settings.lookback.as_secs() / 3_600;
            FetchError::Unavailable(format!(
                "posts older than {hours} h are searched for, and a search needs an account: set \
                sources.bluesky.handle, and sources.bluesky.password (an app password) or \
                sources.bluesky.password_file"
            ))
        })
    }
}

#[async_trait]
impl Source for BlueskySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Bluesky
    }

    fn stall(&self) -> Duration {
        self.settings.stall
    }

    fn quiet(&self) -> Option<Duration> {
        Some(MAX_QUIET)
    }

    async fn watch(
        &self,
        keywords: &WatchedKeywords,
        _packing: Option<&serde_json::Value>,
    ) -> Result<Upkeep, ConnectError> {
        let stream = (!keywords.is_empty()).then(|| StreamName(STREAM.to_owned()));
        Ok(Upkeep {
            streams: stream.into_iter().collect(),
            ..Upkeep::default()
        })
    }

    async fn connect(
        &self,
        _stream: &StreamName,
        resume: Resume,
    ) -> Result<Box<dyn Connection>, ConnectError> {
        Ok(Box::new(self.jetstream.connect(resume).await?))
    }

    fn replays(&self) -> bool {
        true
    }

    fn replays_from(&self, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let kept_from = self.kept_from(now)?;
        if from >= kept_from.plus(-LOOKBACK_TOLERANCE_MS) {
            return Some(from);
        }
        Some(kept_from.plus(REPLAY_MARGIN_MS))
    }

    async fn plan(
        &self,
        purpose: Purpose,
        from: Timestamp,
        until: Timestamp,
        keywords: &WatchedKeywords,
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        if purpose == Purpose::Gap {
            return Err(FetchError::Unavailable(
                "Jetstream no longer has the posts of this time".to_owned(),
            ));
        }
        let to = match self.replays_from(from, self.clock.now()) {
            Some(replayed) if replayed == from => return Ok((Vec::new(), Estimate::default())),
            Some(replayed) => until.min(replayed.plus(OVERLAP_MS)),
            None => until,
        };
        if to <= from {
            return Ok((Vec::new(), Estimate::default()));
        }
        self.account()?;
        Ok((search::slices(from, to, keywords), Estimate::default()))
    }

    async fn fetch(&self, slice: &Slice) -> Result<FetchedPage, FetchError> {
        search::fetch(self.account()?, slice).await
    }

    fn seam(&self) -> Duration {
        self.settings.rewind
    }

    /// The time at which Jetstream saw the event: the author's own time may be years off.
    fn time_of(&self, record: &SourceRecord) -> Option<Timestamp> {
        let micros = record.cursor.filter(|cursor| *cursor >= MIN_TIME_CURSOR);
        micros.and_then(of_micros).or_else(|| record.posted_at())
    }

    fn map_again(&self, raw: &Bytes, _now: Timestamp) -> SourceRecord {
        self.jetstream.map_again(raw)
    }

    async fn complete(&self, posts: &mut [&mut Post], keywords: &WatchedKeywords) {
        self.profiles.complete(posts, keywords).await;
    }

    fn refresh_every(&self) -> Option<Duration> {
        Some(self.settings.refresh).filter(|every| !every.is_zero())
    }

    async fn refresh(
        &self,
        ids: &[TweetId],
        now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<TweetId>, Cost), ConnectError> {
        let (events, gone) = engagement::refresh(&self.app_view, ids, now).await?;
        Ok((events, gone, Cost::default()))
    }
}
