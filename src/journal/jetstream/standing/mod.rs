//! The known state of the stream. Requests and own appends keep it current.
//!
//! All other files use this state and not what a consumer reports. It has the journal head, from
//! which the lag is computed, and shows whether the stream is still the one that was read. A *turn*
//! is counted whenever the stream was created again, was emptied, lost its end, or no longer has a
//! record that was read.

mod end;
mod requests;

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
use end::End;

/// A stream counts as unreadable when it has given no answer for this long.
const SILENCE: Duration = Duration::from_secs(5);

/// The known state of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamStanding {
    /// The incarnation of the journal.
    pub(super) incarnation: Incarnation,
    /// Number of turns: how often the stream may have lost or changed records that were read.
    pub(super) turn: u64,
    /// The sequence of the first message of the stream.
    pub(super) first: Sequence,
    /// The last sequence of the stream; 0 when the stream has no messages.
    pub(super) last: Sequence,
    pub(super) durability: Durability,
    /// Whether the stream answered the last request.
    pub(super) answers: bool,
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

    /// Notes that the server has acknowledged an append. This is not an answer to a request for the
    /// state.
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
