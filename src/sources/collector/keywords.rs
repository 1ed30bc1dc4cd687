//! The task that watches the tracked keywords and keeps the source in step with them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::super::destination::{Destination, DestinationError};
use super::super::reconnect::{Failure, NextTry, Reconnect, random};
use super::super::{Source, Upkeep, WatchedKeyword, WatchedKeywords};
use crate::events::{Clock, Keyword, KeywordRules, Timestamp};

/// Time in which changes of the keywords are collected.
const GATHER: Duration = Duration::from_millis(500);
/// The wait after a denial inside a server.
const DENIED_WAIT: Duration = Duration::from_secs(15 * 60);

/// What the task tells the collector.
#[derive(Debug)]
pub(super) enum KeywordEvent {
    /// The keywords changed. Posts are matched by them from now on.
    Changed(WatchedKeywords),
    /// The destination answers about keywords again, and they have not changed.
    Known,
    /// The source is in step with these keywords.
    InStep(Upkeep),
    /// The source could not be brought in step, and is asked again at this time; never when `None`.
    Failed {
        detail: String,
        retry_at: Option<Timestamp>,
    },
    /// The destination does not answer about keywords.
    Unknown(DestinationError),
}

/// What the task needs to run.
#[derive(Debug)]
pub(super) struct KeywordTask {
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    /// The keywords that the command line names; `None`: those that are tracked.
    pub(super) fixed: Option<Vec<Keyword>>,
    /// True when only the past is fetched.
    pub(super) without_live: bool,
    /// True once the fixed keywords are tracked.
    pub(super) are_tracked: bool,
    /// The keywords in their order of tracking, as far as they are known.
    pub(super) order: Vec<String>,
    pub(super) packing: Option<serde_json::Value>,
    pub(super) poll: Duration,
    pub(super) reconnect: Reconnect,
    pub(super) events: mpsc::Sender<KeywordEvent>,
    pub(super) clock: Clock,
    /// True inside a server: a refusal is tried again after a long wait.
    pub(super) stays: bool,
}

impl KeywordTask {
    /// Runs until the collector is gone, or the source refuses for good.
    pub(super) async fn run(mut self) {
        let mut generation = 0_u64;
        let mut keywords = WatchedKeywords::new(Vec::new(), 0);
        let mut known: Option<Arc<Vec<WatchedKeyword>>> = None;
        let mut was_unknown = false;
        // When the source is asked next; `None` while it is in step.
        let mut due: Option<Instant> = None;
        loop {
            match self.look().await {
                Ok(listed) if known.as_ref() == Some(&listed) => {
                    if std::mem::take(&mut was_unknown) && !self.tell(KeywordEvent::Known).await {
                        return;
                    }
                }
                Ok(listed) => {
                    generation = generation.saturating_add(1);
                    keywords = WatchedKeywords::new(self.ordered(&listed), generation);
                    known = Some(listed);
                    // Changes are collected from the first one on. A pending wait stays.
                    due.get_or_insert_with(|| Instant::now() + GATHER);
                    if !self.tell(KeywordEvent::Changed(keywords.clone())).await {
                        return;
                    }
                }
                Err(error) => {
                    was_unknown = true;
                    if !self.tell(KeywordEvent::Unknown(error)).await {
                        return;
                    }
                }
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                due = match self.bring_in_step(&keywords).await {
                    Some(Duration::ZERO) => None,
                    Some(wait) => Some(Instant::now() + wait),
                    None => std::future::pending().await,
                };
            }
            let next_look = Instant::now() + self.poll;
            sleep_until(due.map_or(next_look, |due| due.min(next_look))).await;
        }
    }

    async fn tell(&self, event: KeywordEvent) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// The keywords that are collected for. Fixed keywords are tracked first.
    async fn look(&mut self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError> {
        let Some(fixed) = self.fixed.clone() else {
            return self.destination.keywords().await;
        };
        if !self.are_tracked {
            for keyword in &fixed {
                self.destination.track(keyword).await?;
            }
            self.are_tracked = true;
        }
        let listed = match self.destination.keywords().await {
            // Without a server, the named keywords have no rules.
            Err(DestinationError::Refused(_)) => Arc::default(),
            other => other?,
        };
        let known: HashMap<&Keyword, &KeywordRules> = listed
            .iter()
            .map(|watched| (&watched.keyword, &watched.rules))
            .collect();
        let watched = fixed.iter().map(|keyword| WatchedKeyword {
            keyword: keyword.clone(),
            rules: known.get(keyword).copied().cloned().unwrap_or_default(),
        });
        Ok(Arc::new(watched.collect()))
    }

    /// Puts keywords into their order of tracking: known ones first, then the others as listed.
    fn ordered(&mut self, listed: &[WatchedKeyword]) -> Vec<WatchedKeyword> {
        let tracked: HashSet<&str> = listed.iter().map(|each| each.keyword.as_str()).collect();
        self.order
            .retain(|keyword| tracked.contains(keyword.as_str()));
        let known: HashSet<String> = self.order.iter().cloned().collect();
        let new = listed.iter().map(|each| each.keyword.as_str().to_owned());
        self.order
            .extend(new.filter(|keyword| !known.contains(keyword)));
        let places: HashMap<&str, usize> = self
            .order
            .iter()
            .enumerate()
            .map(|(place, keyword)| (keyword.as_str(), place))
            .collect();
        let mut listed = listed.to_vec();
        listed.sort_by_key(|each| places.get(each.keyword.as_str()).copied());
        listed
    }

    /// Asks the source. Returns zero when it is in step, else the wait before another try; `None`
    /// when there is none.
    async fn bring_in_step(&mut self, keywords: &WatchedKeywords) -> Option<Duration> {
        let now = self.clock.now();
        let packing = self.packing.as_ref();
        let watched = if self.without_live {
            self.source.watch_past(keywords, packing).await
        } else {
            self.source.watch(keywords, packing).await
        };
        let error = match watched {
            Ok(upkeep) => {
                self.reconnect.answered();
                self.packing.clone_from(&upkeep.packing);
                let told = self.tell(KeywordEvent::InStep(upkeep)).await;
                return told.then_some(Duration::ZERO);
            }
            Err(error) => error,
        };
        let next = self.reconnect.failed(Failure::of(&error), now, random());
        let (retry_at, wait) = match next {
            NextTry::After(wait) => {
                let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                (Some(now.plus(millis)), Some(wait))
            }
            NextTry::Never => (None, self.stays.then_some(DENIED_WAIT)),
        };
        let detail = error.to_string();
        let told = self.tell(KeywordEvent::Failed { detail, retry_at }).await;
        wait.filter(|_| told)
            .map(|wait| wait.max(Duration::from_millis(1)))
    }
}
