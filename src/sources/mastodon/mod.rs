//! Mastodon: streams and timelines of one server.
//!
//! ```text
//! streaming ─► sse ─► mapping ─► records          timelines ─► mapping ─► records
//! (where, connect)    (status, html)              (slices, pages)
//! ```
//!
//! In: the streams of a server (`streaming`), cut into events (`sse`), its timelines (`timelines`),
//! and the metrics of single statuses (`refresh`). Out: records (`mapping`), whose statuses
//! (`status`) have their HTML content as text (`html`). Streams have no memory: what a server sent
//! while nothing was connected is read from its timelines. Deletions of that time are told to no
//! client; a refresh finds them.

mod api;
mod hashtags;
mod html;
mod mapping;
mod refresh;
mod sse;
mod status;
mod streaming;
mod timelines;

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::Url;

use self::api::Api;
use self::hashtags::Hashtags;
use self::mapping::Mapping;
use self::sse::EventDecoder;
use self::status::Status;
use super::{
    ConnectError, Connection, Cost, Estimate, FetchError, FetchedPage, Purpose, RateLimit,
    Rejection, Requests, Resume, Slice, Source, SourceKind, SourceRecord, StreamName, Upkeep,
    WatchedKeywords, web,
};
use crate::events::{Clock, Event, Timestamp, TweetId};
use crate::settings::{MastodonSettings, MastodonStream, SecretText};

/// Maximum length of the host in ids, in characters, so that ids have room for the rest.
const MAX_HOST_CHARS: usize = 100;
/// Time without a status after which a stream of a whole network counts as deaf: after a failure in
/// a server its streams can send keep-alives alone.
const QUIET: Duration = Duration::from_secs(900);

/// Time by which a gap and a back-fill overlap the connection behind them. It covers the difference
/// between the clocks of the server and of this machine.
const SEAM: Duration = Duration::from_secs(30);

/// A Mastodon server as a source.
#[derive(Debug)]
pub struct MastodonSource {
    settings: MastodonSettings,
    base: Url,
    token: Option<SecretText>,
    api: Api,
    mapping: Mapping,
    clock: Clock,
    requests: Requests,
    /// Where the streams are, once that is known.
    streaming: Mutex<Option<Api>>,
    /// The rate limit after the last page of a timeline.
    rate: Mutex<Option<RateLimit>>,
}

impl MastodonSource {
    /// The source of the server in `settings`. `clock` gives the time of arrival of records without
    /// one; requests are counted in `requests`.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] names the setting that is missing or cannot be used.
    pub fn new(
        settings: MastodonSettings,
        clock: Clock,
        requests: Requests,
    ) -> Result<Self, ConnectError> {
        let Some(url) = &settings.url else {
            return Err(ConnectError::Unusable(
                "sources.mastodon.url is not set: it is the address of the server, such as \
                https://mastodon.example"
                    .to_owned(),
            ));
        };
        let base = web::check_url("sources.mastodon.url", url, settings.insecure)?;
        if let Some(url) = &settings.streaming_url {
            web::check_url("sources.mastodon.streaming_url", url, settings.insecure)?;
        }
        let token = web::secret(settings.token.as_ref(), settings.token_file.as_deref())?;
        Ok(Self {
            mapping: Mapping::new(&host(&base)?),
            api: Api::new(base.clone(), token.clone())?,
            base,
            token,
            clock,
            requests,
            streaming: Mutex::new(None),
            rate: Mutex::new(None),
            settings,
        })
    }
}

/// The host of an address in lower case, with its port if it has one.
fn host(url: &Url) -> Result<String, ConnectError> {
    let name = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let host = match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name,
    };
    if host.len() > MAX_HOST_CHARS {
        return Err(ConnectError::Unusable(format!(
            "sources.mastodon.url has a host of {} characters; at most {MAX_HOST_CHARS} are \
            allowed",
            host.len()
        )));
    }
    Ok(host)
}

#[async_trait]
impl Source for MastodonSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Mastodon
    }

    fn stall(&self) -> Duration {
        self.settings.stall
    }

    /// The users of one server, or of one hashtag, can be silent for longer.
    fn quiet(&self) -> Option<Duration> {
        match self.settings.stream {
            MastodonStream::Public | MastodonStream::Remote => Some(QUIET),
            MastodonStream::Local | MastodonStream::Hashtag => None,
        }
    }

    fn seam(&self) -> Duration {
        SEAM
    }

    async fn watch(
        &self,
        keywords: &WatchedKeywords,
        _packing: Option<&serde_json::Value>,
    ) -> Result<Upkeep, ConnectError> {
        if keywords.is_empty() {
            return Ok(Upkeep::default());
        }
        let hashtags = match self.settings.stream {
            MastodonStream::Hashtag => Hashtags::of(keywords),
            _ => Hashtags::default(),
        };
        let refused = hashtags.without.into_iter();
        let refused = refused.map(|keyword| (keyword, "it cannot be a hashtag".to_owned()));
        Ok(Upkeep {
            streams: self.streams(hashtags.tags),
            refused: refused.collect(),
            ..Upkeep::default()
        })
    }

    async fn connect(
        &self,
        stream: &StreamName,
        _resume: Resume,
    ) -> Result<Box<dyn Connection>, ConnectError> {
        let connection = self.open_stream(stream).await?;
        Ok(Box::new(connection))
    }

    async fn plan(
        &self,
        purpose: Purpose,
        from: Timestamp,
        until: Timestamp,
        keywords: &WatchedKeywords,
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        let slices = self.slices(purpose, from, until, keywords);
        Ok((slices, Estimate::default()))
    }

    async fn fetch(&self, slice: &Slice) -> Result<FetchedPage, FetchError> {
        self.page(slice).await
    }

    fn pace(&self, _slice: &Slice) -> Duration {
        self.page_interval()
    }

    /// A record of a timeline is a status, one of a stream has the lines of its event.
    fn map_again(&self, raw: &Bytes, now: Timestamp) -> SourceRecord {
        if raw.trim_ascii_start().starts_with(b"{") {
            return self.mapping.status(raw.clone(), &Status::read(raw));
        }
        let mut decoder = EventDecoder::default();
        let mut events = decoder.decode(raw).into_iter();
        let event = events.next().or_else(|| decoder.decode(b"\n\n").pop());
        match event {
            Some(event) => self.mapping.event(event, now),
            None => SourceRecord {
                content: Err(Rejection::new("neither a status nor an event of a stream")),
                raw: raw.clone(),
                cursor: None,
            },
        }
    }

    fn refresh_every(&self) -> Option<Duration> {
        Some(self.settings.refresh).filter(|interval| !interval.is_zero())
    }

    async fn refresh(
        &self,
        ids: &[TweetId],
        now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<TweetId>, Cost), ConnectError> {
        let (events, gone) = self.current_metrics(ids, now).await?;
        Ok((events, gone, Cost::default()))
    }
}
