//! The known state of the stream. Requests and own appends keep it current.
//!
//! All other files use this state and not what a consumer reports. It has the head from which the
//! lag is computed, and says whether the stream is still the one that was read. A *turn* is counted
//! whenever the stream was created again, was emptied, or lost its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::stream::{Config, Info};
use tokio::sync::watch;
use tokio::time::Instant;

use super::api::StreamApi;
use super::connection::Link;
use super::streams;
use crate::events::{Incarnation, Sequence};
use crate::journal::{Durability, JournalError};
use crate::telemetry::whole;

/// A stream without an answer for this long cannot be read.
const SILENCE: Duration = Duration::from_secs(5);
/// Maximum number of times that a request is repeated after a new connection cut it off.
const MAX_ASKED_AGAIN: u32 = 3;

/// The known state of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamStanding {
    /// The incarnation of the journal.
    pub(super) incarnation: Incarnation,
    /// Number of turns: how often the read records may have become wrong.
    pub(super) turn: u64,
    /// The first message of the stream.
    pub(super) first: Sequence,
    /// The last sequence of the stream; 0 when it never had a message.
    pub(super) last: Sequence,
    pub(super) durability: Durability,
    /// Whether the stream answered the last request.
    pub(super) answers: bool,
}

/// The end of a stream from which messages were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct End {
    /// The last sequence of the stream when it was searched.
    last: Sequence,
    /// Number of missing messages when the stream was searched.
    deleted: u64,
    /// The sequence of the last existing message.
    message: Sequence,
}

/// Whether the stream answers and can be read.
#[derive(Debug)]
struct Hearing {
    /// The time of the last answer.
    answered: Instant,
    /// The error of the last request, if it failed.
    failure: Option<String>,
    /// Why messages cannot be read although the stream answers.
    unread: Option<String>,
}

/// Keeps the known state of the stream. There is one for each journal.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) api: StreamApi,
    link: Link,
    wanted: Config,
    replicas: Option<usize>,
    standing: watch::Sender<StreamStanding>,
    /// The sequence of the last existing message. It differs from [`StreamStanding::last`] only
    /// when messages were removed at the end.
    head: watch::Sender<Sequence>,
    /// The end of the stream, if messages were removed.
    end: Mutex<End>,
    /// The cause of the last turn.
    reason: Mutex<String>,
    hearing: Mutex<Hearing>,
    closed: watch::Sender<bool>,
}

impl Keeper {
    /// Starts with a stream that was checked.
    pub(super) fn new(
        api: StreamApi,
        link: Link,
        (wanted, replicas): (Config, Option<usize>),
        info: &Info,
    ) -> Arc<Self> {
        let standing = standing_of(info, 0);
        Arc::new(Self {
            api,
            link,
            wanted,
            replicas,
            standing: watch::Sender::new(standing),
            head: watch::Sender::new(standing.last),
            end: Mutex::default(),
            reason: Mutex::default(),
            hearing: Mutex::new(Hearing {
                answered: Instant::now(),
                failure: None,
                unread: None,
            }),
            closed: watch::Sender::new(false),
        })
    }

    pub(super) fn standing(&self) -> StreamStanding {
        *self.standing.borrow()
    }

    pub(super) fn changes(&self) -> watch::Receiver<StreamStanding> {
        self.standing.subscribe()
    }

    pub(super) fn head(&self) -> watch::Receiver<Sequence> {
        self.head.subscribe()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Closes the journal: nothing is appended or read any more. Returns false when it was closed
    /// already.
    pub(super) fn close(&self) -> bool {
        let first = !self.closed.send_replace(true);
        // Wakes the tasks that wait for a change.
        self.standing.send_modify(|_| {});
        first
    }

    /// Why the stream cannot be read at present; `None` while it can.
    pub(super) fn unreadable(&self) -> Option<Arc<str>> {
        let hearing = self.hearing();
        let silent = hearing.answered.elapsed() >= SILENCE;
        match (&hearing.failure, &hearing.unread) {
            (Some(failure), _) if silent => Some(self.link.with_complaint(failure).into()),
            (_, Some(unread)) => Some(unread.as_str().into()),
            _ => None,
        }
    }

    /// Notes a message of the server that is not an answer to a request for the state.
    pub(super) fn hears(&self) {
        self.link.hears();
    }

    /// Sets why the messages of the stream cannot be read; `None` when they can.
    pub(super) fn set_unread(&self, reason: Option<String>) {
        self.hearing().unread = reason;
    }

    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error for readers that began before the last turn.
    pub(super) fn changed(&self) -> JournalError {
        let what = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        JournalError::Changed {
            what: what.clone(),
            read: None,
        }
    }

    /// Notes that the stream has records through this sequence. An append or a read has shown it.
    pub(super) fn appended(&self, incarnation: Incarnation, last: Sequence) {
        self.standing.send_if_modified(|standing| {
            let further = standing.incarnation == incarnation && last > standing.last;
            if further {
                standing.last = last;
            }
            further
        });
        self.move_head();
    }

    /// Finds the last existing message, if the stream reports that messages were removed.
    async fn look_for_end(&self, info: &Info) -> Result<(), JournalError> {
        let deleted = info.state.deleted_count.unwrap_or_default();
        let known = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.last.get() == info.state.last_sequence && known.deleted == deleted;
        if deleted == 0 || info.state.messages == 0 || is_known {
            return Ok(());
        }
        self.search_end(info).await
    }

    /// Finds the last existing message even if the stream reports no missing messages. A message
    /// whose bytes are damaged on disk is not delivered, but it is counted.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the stream does not answer.
    pub(super) async fn find_end(&self) -> Result<(), JournalError> {
        let info = self.ask().await?;
        if info.state.messages == 0 {
            return Ok(());
        }
        if self.api.at(info.state.last_sequence).await?.is_none() {
            self.search_end(&info).await?;
            self.move_head();
        }
        Ok(())
    }

    /// Searches the last sequence that has a message. It counts as the end, because no reader can
    /// reach a sequence without a message.
    async fn search_end(&self, info: &Info) -> Result<(), JournalError> {
        let deleted = info.state.deleted_count.unwrap_or_default();
        let last = info.state.last_sequence;
        // The first message exists. A binary search finds the last one.
        let (mut there, mut max) = (info.state.first_sequence, last);
        let mut middle = last;
        while there < max {
            match self.api.next(middle, ">").await? {
                Some(message) => there = there.max(message.sequence),
                None => max = middle.saturating_sub(1),
            }
            middle = there.midpoint(max.saturating_add(1));
        }
        if there < last {
            tracing::error!(
                from = there.saturating_add(1),
                to = last,
                "the journal holds nothing at these positions at its end"
            );
        }
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = End {
            last: Sequence::new(last),
            deleted,
            message: Sequence::new(there),
        };
        Ok(())
    }

    /// Requests the state of the stream and publishes it to all tasks.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the stream does not answer or does not exist, and
    /// [`JournalError::Misconfigured`] when it was created again with a wrong configuration.
    pub(super) async fn look(&self) -> Result<StreamStanding, JournalError> {
        // The state to compare with is read before the request, because an append can overtake the
        // answer.
        let before = self.standing().last;
        let seen = self.ask_over_turns().await;
        match seen {
            Ok(info) => {
                {
                    let mut hearing = self.hearing();
                    hearing.answered = Instant::now();
                    hearing.failure = None;
                }
                self.link.answers();
                self.look_for_end(&info).await?;
                Ok(self.note(before, &info))
            }
            Err(error) => {
                self.hearing().failure = Some(whole(&error).to_string());
                if matches!(error, JournalError::Silent { .. }) {
                    self.link.is_silent().await;
                }
                self.standing
                    .send_if_modified(|standing| std::mem::take(&mut standing.answers));
                Err(error)
            }
        }
    }

    /// Requests the state. Repeats the request at once after a new connection, because the answer
    /// went to the old one.
    async fn ask_over_turns(&self) -> Result<Info, JournalError> {
        let mut turns = self.link.turns.clone();
        for _ in 0..MAX_ASKED_AGAIN {
            turns.mark_unchanged();
            tokio::select! {
                biased;
                seen = self.ask() => return seen,
                turned = turns.changed() => if turned.is_err() { break; },
            }
        }
        self.ask().await
    }

    async fn ask(&self) -> Result<Info, JournalError> {
        let info = self.api.describe().await?;
        let info = info.ok_or_else(|| JournalError::Broker {
            action: "find its stream",
            reason: format!(
                "there is no stream {} any more. Restore it from a backup; or restart tidings, \
                which creates an empty one",
                self.api.name
            ),
        })?;
        streams::check(info, &self.wanted, self.replicas)
    }

    fn note(&self, before: Sequence, info: &Info) -> StreamStanding {
        let known = self.standing();
        let mut seen = standing_of(info, known.turn);
        let turned = if seen.incarnation != known.incarnation {
            Some(format!(
                "the stream {} was created again at {}",
                self.api.name, info.created
            ))
        } else if seen.last == Sequence::ZERO && before > Sequence::ZERO {
            Some(format!("the stream {} was emptied", self.api.name))
        } else if seen.last < before {
            Some(format!(
                "the stream {} ended at sequence {before} and ends at {} now",
                self.api.name, seen.last
            ))
        } else {
            None
        };
        if let Some(what) = turned {
            tracing::error!("{what}: what was folded is no longer what the journal holds");
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = what;
            seen.turn = seen.turn.wrapping_add(1);
        } else {
            seen.last = seen.last.max(known.last);
        }
        self.standing.send_if_modified(|standing| {
            let news = *standing != seen;
            *standing = seen;
            news
        });
        self.move_head();
        seen
    }

    /// Counts a turn: a reader found that the stream no longer has a record that was read.
    pub(super) fn turn(&self, what: String) -> JournalError {
        tracing::error!("{what}: what was folded is no longer what the journal holds");
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&what);
        self.standing
            .send_modify(|standing| standing.turn = standing.turn.wrapping_add(1));
        JournalError::Changed { what, read: None }
    }

    fn move_head(&self) {
        let last = self.standing().last;
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let head = if end.last == last { end.message } else { last };
        self.head.send_if_modified(|known| {
            let moved = *known != head;
            *known = head;
            moved
        });
    }
}

fn standing_of(info: &Info, turn: u64) -> StreamStanding {
    let last = if info.state.messages == 0 {
        0
    } else {
        info.state.last_sequence
    };
    StreamStanding {
        incarnation: streams::incarnation_of(info),
        turn,
        first: Sequence::new(info.state.first_sequence),
        last: Sequence::new(last),
        durability: if info.config.num_replicas > 1 {
            Durability::Replicated
        } else {
            Durability::Buffered
        },
        answers: true,
    }
}
