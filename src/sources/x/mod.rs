//! X API v2.
//!
//! ```text
//! keywords ─► clause ─► packing ─► rule_sync ─► rules at X
//!                          └─► search, counts ─► pages ─┐
//! stream ─► lines ───────────────────────────────────────┴─► mapping ─► records
//! ```
//!
//! In: the stream of posts that match the rules of this source, streams of deletions, and searches
//! for what a stream did not send. Out: records. Rules stay at X when the collector ends.

mod api;
mod clause;
mod connect_limit;
mod counts;
mod lines;
pub(in crate::sources) mod mapping;
mod packing;
mod page_request;
mod reach;
mod refresh;
mod rule_api;
mod rule_sync;
#[cfg(test)]
mod scripted;
mod search;
mod stream;
#[cfg(test)]
mod stub;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::api::XApi;
use self::connect_limit::ConnectLimit;
use self::mapping::{fields, record_of_line, records_of_page};
use self::rule_sync::RuleSync;
use self::search::{PageForm, Search, Wanted};
use self::stream::XStream;
use super::{
    ConnectError, Connection, Cost, Estimate, FetchError, FetchedPage, Purpose, Requests, Resume,
    Slice, Source, SourceKind, SourceRecord, StreamName, Upkeep, WatchedKeywords,
};
use crate::events::{Clock, Event, Timestamp, TweetId};
use crate::settings::XSettings;

/// X API v2 as a source.
#[derive(Debug)]
pub struct XSource {
    settings: XSettings,
    api: XApi,
    rules: RuleSync,
    search: Search,
    clock: Clock,
    /// Connects of the stream of posts, and those of all compliance streams. X limits each
    /// endpoint.
    post_connects: ConnectLimit,
    compliance_connects: ConnectLimit,
    /// The keywords that X refused at the last sync. Searches leave them out.
    refused: Mutex<Vec<String>>,
}

impl XSource {
    /// The source `name`, which is part of the tags of its rules. Requests are counted in
    /// `requests`.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] names the setting that is missing or cannot be used.
    pub fn new(
        settings: XSettings,
        name: &str,
        clock: Clock,
        requests: Requests,
    ) -> Result<Self, ConnectError> {
        let api = XApi::new(&settings, requests)?;
        let pages = PageForm {
            fields: fields(),
            read: records_of_page,
        };
        Ok(Self {
            rules: RuleSync::new(api.clone(), &settings, name),
            search: Search::new(api.clone(), &settings, pages),
            post_connects: ConnectLimit::new(settings.connects, clock.clone()),
            compliance_connects: ConnectLimit::new(settings.connects, clock.clone()),
            refused: Mutex::default(),
            api,
            clock,
            settings,
        })
    }

    /// True when the stream itself sends everything since `from` after a reconnect.
    fn is_sent_again(&self, from: Timestamp) -> bool {
        let minutes = i64::from(self.settings.backfill_minutes);
        minutes > 0
            && from
                >= self
                    .clock
                    .now()
                    .plus(-minutes.saturating_mul(Timestamp::MINUTE))
    }
}

#[async_trait]
impl Source for XSource {
    fn kind(&self) -> SourceKind {
        SourceKind::X
    }

    fn stall(&self) -> Duration {
        self.settings.stall
    }

    fn quiet(&self) -> Option<Duration> {
        Some(self.settings.quiet)
    }

    /// A compliance stream can be without events for hours.
    fn quiet_of(&self, stream: &StreamName) -> Option<Duration> {
        match XStream::named(stream) {
            Ok(XStream::Compliance(_)) => None,
            Ok(XStream::Posts) | Err(_) => self.quiet(),
        }
    }

    /// Without a rule of this source there is no stream: X would send the posts of other sources'
    /// rules alone, or answer 409.
    async fn watch(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<Upkeep, ConnectError> {
        let mut upkeep = self.rules.sync(keywords, packing).await?;
        if upkeep.rules > 0 {
            upkeep.streams = XStream::all(self.settings.compliance);
        }
        let refused = upkeep.refused.iter().map(|(keyword, _)| keyword.clone());
        *self.refused.lock() = refused.collect();
        Ok(upkeep)
    }

    /// Searches need no rules, so those at X stay as they are.
    async fn watch_past(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<Upkeep, ConnectError> {
        let (narrow, refused) = self.rules.judged(keywords);
        Ok(Upkeep {
            narrow,
            refused,
            packing: packing.cloned(),
            ..Upkeep::default()
        })
    }

    async fn preview(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<Value, ConnectError> {
        let diff = self.rules.dry_run(keywords, packing).await?;
        let added = diff.add.iter();
        let added = added.map(|rule| json!({ "value": rule.value, "tag": rule.tag }));
        let shown = |rules: &[rule_api::Rule]| {
            let rules = rules.iter();
            let rules =
                rules.map(|rule| json!({ "id": rule.id, "value": rule.value, "tag": rule.tag }));
            rules.collect::<Value>()
        };
        let refused = diff.refused.iter();
        let refused =
            refused.map(|(keyword, reason)| json!({ "keyword": keyword, "reason": reason }));
        Ok(json!({
            "add": added.collect::<Value>(),
            "delete": shown(&diff.delete),
            "keep": shown(&diff.keep),
            "foreign": shown(&diff.foreign),
            "pending": diff.pending,
            "refused": refused.collect::<Value>(),
        }))
    }

    async fn clean(&self) -> Result<u64, ConnectError> {
        self.rules.remove_rules().await
    }

    async fn connect(
        &self,
        stream: &StreamName,
        resume: Resume,
    ) -> Result<Box<dyn Connection>, ConnectError> {
        let stream = XStream::named(stream)?;
        match stream {
            XStream::Posts => self.post_connects.count()?,
            XStream::Compliance(_) => self.compliance_connects.count()?,
        }
        // Before the first connection nothing was missed.
        let minutes = match resume.since {
            Some(_) => self.settings.backfill_minutes,
            None => 0,
        };
        Ok(Box::new(stream.open(&self.api, minutes).await?))
    }

    fn seam(&self) -> Duration {
        self.settings.seam
    }

    fn price(&self, cost: Cost) -> u64 {
        let posts = cost.posts.saturating_mul(self.settings.price_post);
        let users = cost.users.saturating_mul(self.settings.price_user);
        posts.saturating_add(users).saturating_add(cost.micro_usd)
    }

    fn month_limit(&self) -> u64 {
        self.settings.month_usd
    }

    async fn plan(
        &self,
        purpose: Purpose,
        from: Timestamp,
        until: Timestamp,
        keywords: &WatchedKeywords,
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        if purpose == Purpose::Gap && self.is_sent_again(from) {
            return Ok((Vec::new(), Estimate::default()));
        }
        let wanted = Wanted {
            purpose,
            from,
            until,
            now: self.clock.now(),
        };
        let refused = self.refused.lock().clone();
        self.search.plan(&wanted, keywords, &refused).await
    }

    async fn fetch(&self, slice: &Slice) -> Result<FetchedPage, FetchError> {
        self.search.fetch(slice, self.clock.now()).await
    }

    fn pace(&self, slice: &Slice) -> Duration {
        self.search.pace(slice)
    }

    fn map_again(&self, raw: &Bytes, _now: Timestamp) -> SourceRecord {
        record_of_line(raw)
    }

    fn refresh_every(&self) -> Option<Duration> {
        Some(self.settings.refresh).filter(|interval| !interval.is_zero())
    }

    async fn refresh(
        &self,
        ids: &[TweetId],
        now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<TweetId>, Cost), ConnectError> {
        let refreshed = refresh::refresh(&self.api, ids, now).await?;
        Ok((refreshed.engaged, refreshed.gone, refreshed.cost))
    }
}

#[cfg(test)]
mod tests;
