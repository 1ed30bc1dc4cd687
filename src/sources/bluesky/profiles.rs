//! Profiles of authors: the handle, the name and the number of followers, which the records of
//! posts do not have.
//!
//! In: posts. Out: the same posts with the profiles of their authors, as far as they are known or
//! answered in time. Only the authors of posts that match a keyword are asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;

use super::address::did_of_url;
use super::mapping::valid_handle;
use super::profile_cache::{Profile, ProfileCache};
use super::xrpc::{MAX_ITEMS, Method, Xrpc, parsed};
use crate::events::{Clock, Timestamp};
use crate::sources::{ConnectError, Post, WatchedKeywords};

const GET_PROFILES: Method = Method {
    name: "app.bsky.actor.getProfiles",
    endpoint: "getProfiles",
};
/// Time limit for all requests of a batch of posts.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Maximum number of requests at the same time.
const MAX_REQUESTS: usize = 4;
/// Time without requests after a batch whose answers did not come in time, in milliseconds.
const PAUSE_MS: i64 = 10_000;

/// Asks for profiles, and keeps them.
#[derive(Debug)]
pub(super) struct Profiles {
    server: Xrpc,
    clock: Clock,
    cache: Mutex<ProfileCache>,
    /// No request is sent before this time.
    paused_until: Mutex<Option<Timestamp>>,
}

#[derive(Deserialize)]
struct Answered {
    profiles: Vec<AnsweredProfile>,
}

#[derive(Deserialize)]
struct AnsweredProfile {
    did: String,
    handle: Option<String>,
    #[serde(rename = "displayName")]
    name: Option<String>,
    #[serde(rename = "followersCount")]
    followers: Option<u64>,
}

impl Profiles {
    /// The profiles that `server` knows.
    pub(super) fn new(server: Xrpc, clock: Clock) -> Self {
        Self {
            server,
            clock,
            cache: Mutex::default(),
            paused_until: Mutex::default(),
        }
    }

    /// Sets the authors of the posts that match a keyword. Waits at most two seconds.
    pub(super) async fn complete(&self, posts: &mut [&mut Post], keywords: &WatchedKeywords) {
        let mut matching: Vec<(String, &mut Post)> = posts
            .iter_mut()
            .filter(|post| !keywords.matched_by(&post.tweet.text).is_empty())
            .filter_map(|post| {
                let did = post.tweet.url.as_deref().and_then(did_of_url)?.to_owned();
                Some((did, &mut **post))
            })
            .collect();
        let now = self.clock.now();
        let missing: BTreeSet<String> = {
            let mut cache = self.cache.lock();
            let missing = matching
                .iter()
                .filter(|(did, _)| cache.get(did, now).is_none());
            missing.map(|(did, _)| did.clone()).collect()
        };
        self.ask(&missing.into_iter().collect::<Vec<_>>(), now)
            .await;
        let mut cache = self.cache.lock();
        for (did, post) in &mut matching {
            if let Some(Some(profile)) = cache.get(did, now) {
                profile.write_to(&mut post.tweet.author);
            }
        }
    }

    async fn ask(&self, dids: &[String], now: Timestamp) {
        let is_paused = self.paused_until.lock().is_some_and(|until| now < until);
        if dids.is_empty() || is_paused {
            return;
        }
        let deadline = Instant::now() + MAX_WAIT;
        let asked = dids.chunks(MAX_ITEMS).map(<[String]>::to_vec);
        let requests = asked.map(|dids| self.request(dids));
        let mut answers = stream::iter(requests).buffer_unordered(MAX_REQUESTS);
        loop {
            match tokio::time::timeout_at(deadline, answers.next()).await {
                Ok(Some(Ok((dids, profiles)))) => self.keep(&dids, profiles, now),
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "profiles of Bluesky are missing");
                    if let ConnectError::Status { retry_at, .. } = error {
                        self.pause(retry_at);
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    tracing::debug!("profiles of Bluesky did not come in time");
                    self.pause(Some(now.plus(PAUSE_MS)));
                    return;
                }
            }
        }
    }

    async fn request(
        &self,
        dids: Vec<String>,
    ) -> Result<(Vec<String>, Vec<AnsweredProfile>), ConnectError> {
        let actors: Vec<(&str, &str)> = dids.iter().map(|did| ("actors", did.as_str())).collect();
        let answer = self.server.get(GET_PROFILES, &actors, None).await?;
        let answered: Answered = parsed(&answer)?;
        Ok((dids, answered.profiles))
    }

    fn keep(&self, dids: &[String], profiles: Vec<AnsweredProfile>, now: Timestamp) {
        let mut cache = self.cache.lock();
        let mut unknown: BTreeSet<&str> = dids.iter().map(String::as_str).collect();
        for profile in profiles {
            unknown.remove(profile.did.as_str());
            let kept = Profile {
                handle: valid_handle(profile.handle.as_deref()),
                name: profile.name.filter(|name| !name.is_empty()),
                followers: profile.followers,
            };
            cache.insert(profile.did, Some(kept), now);
        }
        for did in unknown {
            cache.insert(did.to_owned(), None, now);
        }
    }

    fn pause(&self, until: Option<Timestamp>) {
        let mut paused_until = self.paused_until.lock();
        *paused_until = (*paused_until).max(until);
    }
}
