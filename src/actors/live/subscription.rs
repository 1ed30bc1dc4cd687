//! What one session follows of one keyword, or of all of them.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::chain::{Ask, Cursor, Pulled, Resume};
use super::feed::{Feed, Life};
use super::follower::Follower;
use super::line::{Line, Position};
use super::marks::Verdict;
use super::parts::LiveParts;
use super::request::{ErrorCode, RequestId, Since};
use super::topic::Topic;
use crate::actors::progress::KeywordStatus;
use crate::events::{Keyword, RecordHash, Sequence};

/// One subscription of a session.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Names it within its session.
    pub(super) slot: u64,
    pub(super) keyword: Option<Keyword>,
    id: RequestId,
    /// There may be something to take.
    pub(super) is_due: bool,
    /// Some of its chains are to ask for a snapshot when the session waits for fewer.
    pub(super) is_queued: bool,
    /// When it is looked at again though nothing came, if that is on its way.
    next_look: Option<Instant>,
    /// What the client has asked for and was not answered, in order.
    openings: VecDeque<Opening>,
    chains: Vec<Followed>,
    feed: Arc<Feed>,
    follower: Arc<Follower>,
    number: u64,
}

/// A request to follow that hasn't been answered.
#[derive(Debug)]
struct Opening {
    id: RequestId,
    topics: Vec<Topic>,
    since: Option<Result<Since, ()>>,
    /// Whether the mark of `since` is this journal's, once it was asked.
    verdict: Option<Verdict>,
    /// When it came.
    asked_at: Instant,
}

/// Whether a request to follow goes on where its client was.
enum Recovery {
    /// At this cursor of the timeline.
    At(Cursor),
    /// With a snapshot.
    Snapshot,
    /// The views have to catch up with what the client has seen.
    Later,
    /// The journal was asked, and will answer.
    Asked,
}

#[derive(Debug)]
struct Followed {
    topic: Topic,
    cursor: Cursor,
    /// What its updates of a timeline are to name.
    parameters: Option<Box<str>>,
}

/// What came of taking what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// All there is.
    All,
    /// As much as was asked for; there is more.
    Part,
    /// The views have to catch up with what the client has seen; ask again in a moment.
    Later,
    /// The subscription is over; its last line is taken.
    Over,
}

impl Subscription {
    pub(super) fn new(
        slot: u64,
        keyword: Option<Keyword>,
        (feed, number): (Arc<Feed>, u64),
        follower: Arc<Follower>,
    ) -> Self {
        Self {
            slot,
            keyword,
            id: RequestId::default(),
            is_due: true,
            is_queued: false,
            next_look: None,
            openings: VecDeque::new(),
            chains: Vec::new(),
            feed,
            follower,
            number,
        }
    }

    /// Follows these topics from now on; those that were followed already begin anew.
    pub(super) fn open(
        &mut self,
        parts: &LiveParts,
        id: RequestId,
        topics: Vec<Topic>,
        since: Option<Result<Since, ()>>,
    ) {
        self.is_due = true;
        for topic in &topics {
            let held = self.chains.iter_mut().find(|chain| chain.topic == *topic);
            if let Some(held) = held {
                self.feed.end_wait(topic, held.cursor);
                held.cursor = Cursor::BEGIN;
                continue;
            }
            self.feed.join(topic);
            let parameters = match topic {
                Topic::Timeline { limit } => parts.shapes.timeline_parameters(*limit),
                Topic::Volume(_) | Topic::Ledger | Topic::Overview(_) => None,
            };
            self.chains.push(Followed {
                topic: topic.clone(),
                cursor: Cursor::BEGIN,
                parameters: parameters.map(String::into_boxed_str),
            });
        }
        self.openings.push_back(Opening {
            id,
            topics,
            since,
            verdict: None,
            asked_at: Instant::now(),
        });
    }

    /// Follows these topics no longer; `None` is all of them. True when none is left and nothing is
    /// to be answered.
    pub(super) fn close(&mut self, topics: Option<&[Topic]>) -> bool {
        let feed = &self.feed;
        self.chains.retain(|chain| {
            let goes = topics.is_none_or(|topics| topics.contains(&chain.topic));
            if goes {
                feed.leave(&chain.topic, chain.cursor);
            }
            !goes
        });
        self.is_over()
    }

    fn is_over(&self) -> bool {
        self.chains.is_empty() && self.openings.is_empty()
    }

    /// It hasn't been answered, or a snapshot of it is still to come.
    pub(super) fn is_opening(&self) -> bool {
        let begins = |chain: &Followed| matches!(chain.cursor, Cursor::Start { .. });
        !self.openings.is_empty() || self.chains.iter().any(begins)
    }

    /// It is to be looked at again then; false when it is anyway before.
    pub(super) fn looks_again(&mut self, now: Instant, then: Instant) -> bool {
        let is_on_its_way = self.next_look.is_some_and(|next| now < next);
        if !is_on_its_way {
            self.next_look = Some(then);
        }
        !is_on_its_way
    }

    /// How many requests have not been answered.
    pub(super) fn unanswered(&self) -> usize {
        self.openings.len()
    }

    /// How many of its chains wait for a snapshot.
    pub(super) fn waiting(&self) -> usize {
        let chains = self.chains.iter();
        chains.filter(|chain| chain.cursor.is_waiting()).count()
    }

    /// How many chains it follows.
    pub(super) fn len(&self) -> usize {
        self.chains.len()
    }

    pub(super) fn follows(&self, topic: &Topic) -> bool {
        self.chains.iter().any(|chain| chain.topic == *topic)
    }

    /// Takes what is due, until `budget` bytes are reached. So many chains more as `may_wait` may wait
    /// for a snapshot.
    pub(super) fn take(
        &mut self,
        parts: &LiveParts,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
        may_wait: &mut usize,
    ) -> Taken {
        self.follower.arm();
        self.is_queued = false;
        let standing = self.feed.standing();
        let position = match standing.life {
            Life::Cold => return Taken::All,
            Life::Ended => {
                let mut ended: Vec<_> = self.openings.drain(..).map(|one| one.id).collect();
                if ended.is_empty() {
                    ended.push(self.id.clone());
                }
                out.extend(ended.iter().map(|id| {
                    let (keyword, code) = (self.keyword.as_ref(), ErrorCode::NotTracked);
                    let message = "the keyword is not tracked";
                    parts.shapes.error(id, keyword, code, message)
                }));
                return Taken::Over;
            }
            Life::Hot(position) => position,
        };
        while !self.openings.is_empty() {
            let mut recovered = false;
            match self.recovery(parts, position, standing.as_of) {
                Recovery::Later => return Taken::Later,
                Recovery::Asked => return Taken::All,
                Recovery::Snapshot => {}
                Recovery::At(cursor) => recovered = self.resume_at(cursor, may_wait),
            }
            if let Some(answered) = self.openings.pop_front() {
                self.id = answered.id;
            }
            let keyword = self.keyword.as_ref();
            out.push_back(parts.shapes.subscribed(&self.id, keyword, recovered));
        }
        if self.is_over() {
            return Taken::Over;
        }
        for chain in &mut self.chains {
            let ask = Ask {
                topic: &chain.topic,
                parameters: chain.parameters.as_deref(),
                may_wait: *may_wait > 0,
                clock: &parts.clock,
            };
            let was_waiting = chain.cursor.is_waiting();
            let pulled = self.feed.pull(&ask, &mut chain.cursor, out, budget);
            match (was_waiting, chain.cursor.is_waiting()) {
                (false, true) => *may_wait -= 1,
                (true, false) => *may_wait += 1,
                _ => {}
            }
            match pulled {
                Pulled::Part => return Taken::Part,
                Pulled::Queued => self.is_queued = true,
                Pulled::All | Pulled::Waits(_) => {}
            }
        }
        Taken::All
    }

    /// What becomes of the first request that is not answered. The feed stands at `position`, and the
    /// fold has handed over what is up to `as_of`.
    fn recovery(&mut self, parts: &LiveParts, position: Position, as_of: Sequence) -> Recovery {
        let Some(opening) = self.openings.front() else {
            return Recovery::Snapshot;
        };
        let since = match opening.since {
            Some(Ok(since)) if since.epoch == position.epoch => since,
            _ => return Recovery::Snapshot,
        };
        if since.seq > as_of {
            return if self.may_still_come(parts, since, opening.asked_at) {
                Recovery::Later
            } else {
                Recovery::Snapshot
            };
        }
        match self.feed.resume(since) {
            Resume::At(cursor) => Recovery::At(cursor),
            Resume::No => Recovery::Snapshot,
            Resume::IfOurs(mark) => self.ask_mark(parts, since, mark),
        }
    }

    /// Lets the journal say whether a position has this mark.
    fn ask_mark(&mut self, parts: &LiveParts, since: Since, mark: RecordHash) -> Recovery {
        let Some(opening) = self.openings.front_mut() else {
            return Recovery::Snapshot;
        };
        let verdict = opening
            .verdict
            .get_or_insert_with(|| parts.marks.ask(since.seq, mark, &self.follower));
        match verdict.get() {
            None => Recovery::Asked,
            Some(false) => Recovery::Snapshot,
            Some(true) => match self.feed.resume(Since {
                mark: None,
                ..since
            }) {
                Resume::At(cursor) => Recovery::At(cursor),
                Resume::No | Resume::IfOurs(_) => Recovery::Snapshot,
            },
        }
    }

    /// Lets the timelines of the first request go on from here; false when it has none.
    fn resume_at(&mut self, cursor: Cursor, may_wait: &mut usize) -> bool {
        let Some(opening) = self.openings.front() else {
            return false;
        };
        let mut recovered = false;
        for chain in &mut self.chains {
            if matches!(chain.topic, Topic::Timeline { .. })
                && opening.topics.contains(&chain.topic)
            {
                if chain.cursor.is_waiting() {
                    self.feed.end_wait(&chain.topic, chain.cursor);
                    *may_wait += 1;
                }
                chain.cursor = cursor;
                recovered = true;
            }
        }
        recovered
    }

    /// The views are on their way to what the client has seen. It may come from another server on the
    /// same stream, which knew of a position a moment before this one.
    fn may_still_come(&self, parts: &LiveParts, since: Since, asked_at: Instant) -> bool {
        let Some(keyword) = &self.keyword else {
            return false;
        };
        if since.seq > parts.head() {
            return asked_at.elapsed() < parts.head_known_within();
        }
        let shard = parts.shard_of(keyword);
        parts.progress.status(keyword, shard) != KeywordStatus::Quarantined
            && !parts.progress.has_folded(keyword, shard, since.seq)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.unfollow(self.number);
        self.close(None);
    }
}
