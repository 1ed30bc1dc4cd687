//! Reads the stream as envelopes.
//!
//! The reader owns its position. It drops its consumer as soon as anything looks wrong: silence, a
//! gap in the deliveries, a new connection, or a lag that does not shrink. Then it checks that the
//! stream still has the last record that was read, and opens another consumer after the position. A
//! message that no consumer can deliver, because its subject or headers break the parser of the
//! client library, is requested by itself.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::Link;
use super::message::{hash_of, open_delivered};
use super::pull::{Got, Pull};
use super::standing::{Keeper, StreamStanding};
use crate::events::{Envelope, Keyword, RecordHash, Sequence, ShardCount, Token};
use crate::journal::tokens::Tokens;
use crate::journal::{Batch, FIRST, JournalError, JournalReader, Selection};

mod reopen;

use reopen::{FRUITLESS, USELESS};

/// Maximum size in bytes of the payloads that wait to be handed out.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// A consumer is replaced when the reader is behind and has received no message for this long.
const WATCHDOG: Duration = Duration::from_secs(3);
/// After this time without messages, a reader of one keyword checks whether its consumer has any
/// left.
const QUIET: Duration = Duration::from_millis(50);

/// A reader of the stream.
#[derive(Debug)]
pub(super) struct JetStreamReader {
    keeper: Arc<Keeper>,
    link: Link,
    filter: Option<String>,
    /// The known state of the stream when this reader began.
    bound: StreamStanding,
    changes: watch::Receiver<StreamStanding>,
    /// The position through which records were handed out.
    after: Sequence,
    /// The position through which records were received.
    read: Sequence,
    /// The hash of the record at `after`, if it is known.
    after_hash: Option<RecordHash>,
    /// Records that were received and not handed out yet, up to `read`.
    waiting: VecDeque<Envelope>,
    waiting_bytes: usize,
    missing: VecDeque<RangeInclusive<u64>>,
    tokens: Tokens,
    pull: Option<Pull>,
    /// Number of consumers that failed to open, or were dropped, since reading last worked.
    fruitless: u32,
    progress: Instant,
}

impl JetStreamReader {
    /// Opens a reader of the records after `after`.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the record at `after` cannot be requested from the stream.
    pub(super) async fn open(
        keeper: Arc<Keeper>,
        link: Link,
        after: Sequence,
        selection: &Selection,
    ) -> Result<Self, JournalError> {
        let bound = keeper.standing();
        // The last record of a keyword may have been removed since. `views verify` checks this.
        let (filter, after_hash) = match selection {
            Selection::Keyword(keyword) => (Some(subject_of(keyword)), None),
            Selection::All if after < FIRST => (None, None),
            Selection::All => {
                let message = keeper.api.at(after.get()).await?;
                (None, message.as_ref().map(hash_of))
            }
        };
        Ok(Self {
            changes: keeper.changes(),
            keeper,
            link,
            filter,
            bound,
            after,
            read: after,
            after_hash,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            missing: VecDeque::new(),
            tokens: Tokens::default(),
            pull: None,
            fruitless: 0,
            progress: Instant::now(),
        })
    }

    /// Checks that the stream is still the one with which this reader began.
    fn check(&mut self) -> Result<(), JournalError> {
        if self.keeper.is_closed() {
            return Err(JournalError::Closed);
        }
        let now = *self.changes.borrow_and_update();
        if now.turn != self.bound.turn || now.incarnation != self.bound.incarnation {
            return Err(self.keeper.changed());
        }
        if self.filter.is_none() && self.read >= FIRST && now.first > self.read {
            let what = format!(
                "the stream begins at sequence {} now, after {}, which was read",
                now.first, self.read
            );
            return Err(self.keeper.turn(what));
        }
        Ok(())
    }

    /// The hash of the record at `read`, if it is known.
    fn read_hash(&self) -> Option<RecordHash> {
        let taken_in = self.waiting.back().map(RecordHash::of);
        taken_in.or(self.after_hash)
    }

    fn take(&mut self, max: usize) -> Option<Batch> {
        let count = self.waiting.len().min(max.max(1));
        let envelopes: Vec<_> = self.waiting.drain(..count).collect();
        let last = envelopes.last()?;
        let (end, end_hash) = (last.sequence, RecordHash::of(last));
        self.after_hash = Some(end_hash);
        if self.waiting.is_empty() {
            self.waiting_bytes = 0;
        }
        let mut missing = Vec::new();
        while let Some(range) = self.missing.pop_front_if(|range| *range.end() < end.get()) {
            missing.push(range);
        }
        self.after = end;
        // The stream has the record that was read, even if its last known state is older.
        self.keeper.appended(self.bound.incarnation, end);
        Some(Batch {
            envelopes,
            end,
            end_hash,
            missing,
        })
    }

    /// Handles a delivery of the consumer.
    fn on(&mut self, got: Got) {
        match got {
            Got::Message(position, message) => {
                let bytes = message.payload.len();
                let envelope = open_delivered(position, &message, &mut self.tokens);
                self.push(envelope, bytes);
            }
            Got::Nothing => self.hear(),
            Got::Lost(reason) => self.lose(&reason),
        }
    }

    /// Handles a heartbeat of the consumer. If nothing is left to read, the consumer works even
    /// without a message.
    fn hear(&mut self) {
        if !self.is_behind() {
            self.works();
        }
    }

    /// Notes that reading works, and withdraws the report that nothing can be read.
    fn works(&mut self) {
        if self.fruitless > FRUITLESS {
            tracing::info!(through = %self.read, "reading the journal goes on");
        }
        if self.fruitless >= USELESS {
            self.link.answers();
            self.tell(None);
        }
        self.fruitless = 0;
    }

    fn push(&mut self, envelope: Envelope, bytes: usize) {
        let sequence = envelope.sequence;
        if sequence <= self.read {
            return;
        }
        let from = self.read.next().get();
        // Messages that were removed before the first one are not a gap: the stream begins there.
        let begins_here = self.read < FIRST;
        if self.filter.is_none() && sequence.get() > from && !begins_here {
            self.missing
                .push_back(from..=sequence.get().saturating_sub(1));
        }
        self.read = sequence;
        self.waiting.push_back(envelope);
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
        self.works();
        self.progress = Instant::now();
    }

    /// Reports why nothing can be read. A reader of one keyword reports nothing, because the report
    /// is about folding as a whole.
    fn tell(&self, reason: Option<&str>) {
        if self.filter.is_none() {
            let reason = reason.map(|reason| self.link.with_complaint(reason));
            self.keeper.set_unread(reason);
        }
    }

    /// Whether the journal has more records than were read, as far as this reader knows.
    fn is_behind(&self) -> bool {
        *self.keeper.head().borrow() > self.read
    }

    fn lose(&mut self, reason: &str) {
        if self.pull.take().is_some() {
            if self.fruitless >= USELESS && self.is_behind() {
                self.tell(Some(reason));
            }
            tracing::debug!(reason, after = %self.read, "dropping a consumer");
            self.fruitless = self.fruitless.saturating_add(1);
        }
    }

    /// Receives the messages that have arrived, up to a batch.
    fn gather(&mut self, max: usize) {
        while self.waiting.len() < max
            && self.waiting_bytes < WAITING_BYTES
            && let Some(got) = self.pull.as_mut().and_then(Pull::ready)
        {
            self.on(got);
        }
    }

    /// The batch without envelopes that moves a reader of one keyword to the journal head, when the
    /// stream has no more messages of the keyword. `None` otherwise.
    async fn idle_end(&mut self) -> Option<Batch> {
        let head = *self.keeper.head().borrow();
        if self.filter.is_none() || head <= self.read || !self.waiting.is_empty() {
            return None;
        }
        if self.pull.as_ref()?.undelivered().await? > 0 {
            return None;
        }
        let message = self.keeper.api.at(head.get()).await.ok()?;
        let hash = message.as_ref().map(hash_of);
        self.read = head;
        self.after = head;
        self.after_hash = hash;
        Some(Batch {
            envelopes: Vec::new(),
            end: head,
            end_hash: hash.unwrap_or_default(),
            missing: Vec::new(),
        })
    }

    /// Whether the reader is below the journal head, and has received nothing for [`WATCHDOG`].
    fn is_stuck(&self) -> bool {
        self.filter.is_none() && self.is_behind() && self.progress.elapsed() > WATCHDOG
    }
}

impl Drop for JetStreamReader {
    /// Withdraws the report that nothing can be read. The next reader makes its own report.
    fn drop(&mut self) {
        if self.fruitless >= USELESS {
            self.tell(None);
        }
    }
}

#[async_trait]
impl JournalReader for JetStreamReader {
    async fn next(&mut self, max: usize) -> Result<Batch, JournalError> {
        self.next_batch(max).await.map_err(|error| match error {
            JournalError::Changed { what, .. } => JournalError::Changed {
                what,
                read: self.read_hash().map(|hash| (self.read, hash)),
            },
            other => other,
        })
    }
}

impl JetStreamReader {
    async fn next_batch(&mut self, max: usize) -> Result<Batch, JournalError> {
        loop {
            self.check()?;
            self.gather(max);
            if let Some(batch) = self.take(max) {
                return Ok(batch);
            }
            if self.link.turns.has_changed().unwrap_or(false) {
                self.lose("the connection was made again");
            }
            if self.is_stuck() {
                self.lose("the lag does not shrink");
            }
            let Some(pull) = self.pull.as_mut() else {
                self.reopen().await?;
                continue;
            };
            let quiet = if self.filter.is_some() {
                QUIET
            } else {
                WATCHDOG
            };
            tokio::select! {
                biased;
                got = pull.next() => self.on(got),
                _ = self.changes.changed() => {}
                _ = self.link.turns.changed() => self.lose("the connection was made again"),
                () = tokio::time::sleep(quiet) => {
                    if let Some(batch) = self.idle_end().await {
                        return Ok(batch);
                    }
                }
            }
        }
    }
}

/// The subject of the messages of a keyword in the stream.
fn subject_of(keyword: &Keyword) -> String {
    let token = Token::of(keyword);
    let shard = ShardCount::DEFAULT.shard_of(token.as_str().as_bytes());
    format!("tweets.{shard}.{token}")
}
