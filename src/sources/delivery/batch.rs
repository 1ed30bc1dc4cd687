//! A batch: records that are sent together, and what each of them leads to.

use std::collections::HashSet;

use super::super::recent_ids::{RecentIds, SentKind};
use super::super::versions::{PostPlan, Versions};
use super::super::{Mapped, Post, SourceRecord, WatchedKeywords};
use super::sending::{Answers, Parts, Sending};
use super::{Outcome, Settled};
use crate::events::{Event, TweetDeleted, TweetId};

/// Maximum number of records in a batch.
const MAX_RECORDS: usize = 500;
/// A batch whose records have this many bytes takes no further one.
const FULL_BYTES: usize = 1024 * 1024;

/// What a record leads to.
#[derive(Debug)]
pub(super) enum Item {
    /// Nothing is sent.
    Settled(Outcome),
    /// The record is sent as one event.
    One(Sending),
    /// The deletions are sent first and by themselves; then the event.
    Alone {
        deletions: Vec<Event>,
        then: Option<Sending>,
    },
}

/// Records that are sent together.
#[derive(Debug)]
pub(super) struct Batch<T> {
    records: Vec<(T, SourceRecord, Item)>,
    bytes: usize,
    ids: HashSet<(TweetId, SentKind)>,
    /// Events that stem from no record; sent first.
    events: Vec<Event>,
}

/// What is known when a batch is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) versions: &'a Versions,
    pub(super) recent: &'a RecentIds,
    pub(super) keywords: &'a WatchedKeywords,
}

impl Item {
    /// What a record leads to after the records that are settled, and those of the batch.
    pub(super) fn of<T>(record: &SourceRecord, known: &Known<'_>, batch: &Batch<T>) -> Self {
        let versions = known.versions;
        let was_sent = |id: &TweetId, kind, matched| {
            known.recent.contains(id, kind, matched) || batch.ids.contains(&(id.clone(), kind))
        };
        let was_posted = |post: &Post| {
            let id = &post.tweet.id;
            // Most posts are new: the keywords are looked for only in those that are not.
            (known.recent.has(id, SentKind::Posted)
                || batch.ids.contains(&(id.clone(), SentKind::Posted)))
                && was_sent(id, SentKind::Posted, known.matched(post))
        };
        match &record.content {
            Err(rejection) => Self::Settled(Outcome::Rejected(rejection.reason.clone())),
            Ok(Mapped::Control) => Self::Settled(Outcome::Control),
            Ok(Mapped::Unmatchable) => Self::Settled(Outcome::Unmatched),
            Ok(Mapped::Engaged(engaged)) => {
                Self::One(Sending::Event(Event::TweetEngaged(engaged.clone())))
            }
            Ok(Mapped::Post(post)) if was_posted(post) => Self::Settled(Outcome::Duplicate),
            Ok(Mapped::Post(post)) => match versions.plan(post) {
                PostPlan::Known => Self::Settled(Outcome::Duplicate),
                PostPlan::Publish { replaces } if replaces.is_empty() => {
                    Self::One(Sending::Post(post.clone()))
                }
                PostPlan::Publish { replaces } => Self::Alone {
                    deletions: deletions(&replaces, post.tweet.at),
                    then: Some(Sending::Post(post.clone())),
                },
            },
            Ok(Mapped::Deleted(deletion)) if was_sent(&deletion.id, SentKind::Deleted, 0) => {
                Self::Settled(Outcome::Duplicate)
            }
            Ok(Mapped::Deleted(deletion)) => {
                let mut events = deletions(&versions.all_of(&deletion.id), deletion.at);
                match events.pop() {
                    Some(last) if events.is_empty() => Self::One(Sending::Event(last)),
                    last => Self::Alone {
                        deletions: events,
                        then: last.map(Sending::Event),
                    },
                }
            }
        }
    }

    /// True when the batch ends with this item.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(self, Self::Alone { .. })
    }
}

impl<T> Batch<T> {
    /// An empty batch.
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            ids: HashSet::new(),
            events: Vec::new(),
        }
    }

    /// Adds events that stem from no record.
    pub(super) fn add_events(&mut self, events: Vec<Event>) {
        self.events.extend(events);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &SourceRecord> {
        self.records.iter().map(|(_, record, _)| record)
    }

    /// True when the batch takes the item too.
    pub(super) fn has_room_for(&self, item: &Item) -> bool {
        let is_full = self.records.len() >= MAX_RECORDS || self.bytes >= FULL_BYTES;
        self.records.is_empty() || !(is_full || item.is_alone())
    }

    /// Adds a record with what it leads to.
    pub(super) fn push(&mut self, tag: T, record: SourceRecord, item: Item) {
        if !matches!(item, Item::Settled(_))
            && let Some(sent) = sent_of(&record)
        {
            self.ids.insert(sent);
        }
        self.bytes = self.bytes.saturating_add(record.raw.len());
        self.records.push((tag, record, item));
    }

    /// True when nothing has to be sent.
    pub(super) fn is_settled(&self) -> bool {
        let mut records = self.records.iter();
        self.events.is_empty() && records.all(|(_, _, item)| matches!(item, Item::Settled(_)))
    }

    /// What has to be sent. The index is that of the record.
    pub(super) fn parts(&self) -> Parts {
        let mut parts = Parts {
            deletions: self.events.clone(),
            events: Vec::new(),
        };
        for (index, (_, _, item)) in self.records.iter().enumerate() {
            match item {
                Item::Settled(_) => {}
                Item::One(sending) => parts.events.push((index, sending.clone())),
                Item::Alone { deletions, then } => {
                    parts.deletions.extend(deletions.iter().cloned());
                    parts.events.extend(then.clone().map(|then| (index, then)));
                }
            }
        }
        parts
    }

    /// The outcomes. What was sent is noted.
    pub(super) fn settle(
        self,
        answers: Answers,
        recent: &mut RecentIds,
        versions: &mut Versions,
        keywords: &WatchedKeywords,
    ) -> Settled<T> {
        let mut rejected = answers.rejected;
        let mut records = Vec::with_capacity(self.records.len());
        for (index, (tag, record, item)) in self.records.into_iter().enumerate() {
            let outcome = match item {
                Item::Settled(outcome) => outcome,
                _ => match rejected.remove(&index) {
                    Some(reason) => Outcome::Rejected(reason),
                    None => {
                        if let Some((id, kind)) = sent_of(&record) {
                            let matched = match &record.content {
                                Ok(Mapped::Post(post)) => keywords.fingerprint(&post.tweet.text),
                                _ => 0,
                            };
                            recent.insert(&id, kind, matched);
                        }
                        if let Ok(Mapped::Post(post)) = &record.content {
                            let known = Versions::versions_of(post).into_iter();
                            known.for_each(|known| versions.note(known));
                        }
                        Outcome::Sent
                    }
                },
            };
            records.push((tag, record, outcome));
        }
        Settled {
            records,
            unmatched: answers.unmatched,
        }
    }
}

impl Known<'_> {
    /// Identifies the keywords that a post matches now.
    fn matched(&self, post: &Post) -> u64 {
        self.keywords.fingerprint(&post.tweet.text)
    }
}

/// What is remembered about a record once it was sent.
fn sent_of(record: &SourceRecord) -> Option<(TweetId, SentKind)> {
    match &record.content {
        Ok(Mapped::Post(post)) => Some((post.tweet.id.clone(), SentKind::Posted)),
        Ok(Mapped::Deleted(deletion)) => Some((deletion.id.clone(), SentKind::Deleted)),
        _ => None,
    }
}

fn deletions(ids: &[TweetId], at: crate::events::Timestamp) -> Vec<Event> {
    let ids = ids.iter();
    ids.map(|id| Event::TweetDeleted(TweetDeleted { id: id.clone(), at }))
        .collect()
}
