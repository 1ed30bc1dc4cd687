//! The seam between the back-fill, the stream and the gaps has no hole, whatever the order of
//! connections, acknowledgements, checkpoints and kills.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::progress::{Progress, Tag};
use crate::events::{Timestamp, TweetId, TweetPosted};
use crate::sources::{Checkpoint, Mapped, Outcome, Post, Settled, SourceRecord};

/// The time by which a post can arrive late, and by which gaps are extended.
const SEAM_MS: i64 = 3_000;
/// The time between two posts.
const EVERY_MS: i64 = 700;
/// When the world begins.
const START: i64 = 1_795_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// Time passes.
    Advance(i64),
    Connect,
    Disconnect,
    /// The destination acknowledges what arrived.
    Settle,
    /// The checkpoint is written.
    Save,
    /// The process is killed and started again.
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_i64..8_000).prop_map(Step::Advance),
        2 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        3 => Just(Step::Settle),
        2 => Just(Step::Save),
        1 => Just(Step::Kill),
    ]
}

/// A source with a post each [`EVERY_MS`], and a collector of it.
struct World {
    now: i64,
    progress: Progress,
    saved: Checkpoint,
    is_connected: bool,
    arrived: Vec<i64>,
    received: BTreeSet<i64>,
}

/// The delay with which a post arrives on the stream.
fn delay(time: i64) -> i64 {
    (time / EVERY_MS * 37) % SEAM_MS
}

fn post_at(time: i64) -> SourceRecord {
    let id = format!("x:{time}");
    let tweet = TweetPosted::of_test(&id, Timestamp::from_millis(time), "text");
    SourceRecord {
        content: Ok(Mapped::Post(Box::new(Post {
            family: TweetId::new(&id).unwrap(),
            tweet,
            version: 0,
            older: Vec::new(),
        }))),
        raw: Bytes::new(),
        cursor: None,
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: START,
            progress: progress_of(Checkpoint::default()),
            saved: Checkpoint::default(),
            is_connected: false,
            arrived: Vec::new(),
            received: BTreeSet::new(),
        };
        world.progress.started(world.time());
        world
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    /// The posts of `[from, to)` by their own times.
    fn posts(from: i64, to: i64) -> impl Iterator<Item = i64> {
        let first = from.max(START).div_euclid(EVERY_MS) * EVERY_MS;
        (0..)
            .map(move |count| first + count * EVERY_MS)
            .take_while(move |time| *time < to)
            .filter(move |time| *time >= from.max(START))
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Advance(millis) => {
                let until = self.now + millis;
                if self.is_connected {
                    let recent = Self::posts(self.now - SEAM_MS, until + 1);
                    let now = self.now;
                    let arrive = |time: &i64| (now + 1..=until).contains(&(time + delay(*time)));
                    self.arrived.extend(recent.filter(arrive));
                }
                self.now = until;
            }
            Step::Connect if !self.is_connected => {
                self.is_connected = true;
                self.progress.connected(self.time());
                let end = self.time().plus(SEAM_MS);
                let from = Timestamp::from_millis(START - 50_000);
                self.progress.begin_backfill("a", from, end);
            }
            Step::Disconnect if self.is_connected => {
                self.is_connected = false;
                let cause = crate::sources::GapCause::Network;
                let now = self.time();
                self.progress.disconnected(now, cause, "", Duration::ZERO);
            }
            Step::Connect | Step::Disconnect => {}
            Step::Settle => self.settle(),
            Step::Save => self.saved = self.progress.checkpoint.clone(),
            Step::Kill => {
                self.arrived.clear();
                self.is_connected = false;
                self.progress = progress_of(self.saved.clone());
                self.progress.started(self.time());
            }
        }
    }

    fn settle(&mut self) {
        let records = std::mem::take(&mut self.arrived).into_iter().map(|time| {
            self.received.insert(time);
            let tag = Tag {
                stream_time: Some(Timestamp::from_millis(time)),
                job: None,
                _permit: None,
            };
            (tag, post_at(time), Outcome::Sent)
        });
        let settled = Settled {
            records: records.collect(),
            unmatched: 0,
        };
        let now = self.time();
        self.progress.settled(&settled, now);
    }

    /// Fetches what is to be fetched: gaps, and the back-fill.
    fn fill(&mut self) {
        let mut ranges: Vec<(Timestamp, Timestamp)> = self
            .progress
            .checkpoint
            .gaps
            .filling()
            .map(|gap| (gap.from, gap.to.unwrap()))
            .collect();
        let backfill = self.progress.unfinished_backfill();
        ranges.extend(backfill.map(|backfill| (backfill.from, backfill.to)));
        for (from, to) in ranges {
            self.received
                .extend(Self::posts(from.millis(), to.millis()));
        }
    }
}

fn progress_of(checkpoint: Checkpoint) -> Progress {
    let seam = Duration::from_millis(SEAM_MS.unsigned_abs());
    Progress::new("x", checkpoint, seam, false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_post_is_received_at_any_order_of_events(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        for step in [Step::Connect, Step::Advance(4 * SEAM_MS), Step::Settle] {
            world.take(&step);
        }
        world.fill();
        let missing: Vec<i64> = World::posts(START, world.now)
            .filter(|time| time + delay(*time) <= world.now)
            .filter(|time| !world.received.contains(time))
            .map(|time| time - START)
            .collect();
        prop_assert!(missing.is_empty(), "{missing:?}");
        let open = world.progress.checkpoint.gaps.is_open();
        prop_assert!(!open);
    }
}
