//! The commit thread of the journal. It joins waiting appends into one group, makes the group
//! durable, and answers all appends.
//!
//! In: appends of records, from any task. Out: frames in the segment log, the new journal head, and
//! the results of the appends.
//!
//! While a failed write stalls the log, appends are refused at once. The thread tries to repair the
//! log, with a pause that grows between attempts.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::body;
use crate::events::{Record, Sequence};
use crate::journal::segments::{FrameBuilder, Writer};
use crate::journal::{Appended, JournalError};
use crate::telemetry::whole;

/// Pause after the first attempt to repair a stalled log. The first attempt is made at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Maximum pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why the journal accepts no records at present; `None` while it does.
pub(super) type Obstacle = Option<Arc<str>>;

/// Records of one append, with their size in a frame.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
}

#[derive(Debug)]
enum Message {
    Append(Append, oneshot::Sender<Result<Appended, JournalError>>),
    Close(oneshot::Sender<Result<(), JournalError>>),
}

/// The handle of the thread. When it is dropped, waiting appends are written and the thread ends
/// without an end mark, as if the process had ended.
#[derive(Debug)]
pub(super) struct GroupCommitter {
    queue: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl GroupCommitter {
    /// Starts the thread. A group is closed when it reaches `group_bytes`; an append is never
    /// split.
    ///
    /// # Errors
    /// The error of the operating system when no thread can be started.
    pub(super) fn start(
        writer: Writer,
        group_bytes: usize,
        head: watch::Sender<Sequence>,
        obstacle: watch::Sender<Obstacle>,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = channel();
        let worker = Worker {
            writer,
            waiting,
            head,
            obstacle,
            repairs: None,
            group_bytes,
            frame: FrameBuilder::new(),
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Appends records. Returns when they are durable.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, JournalError> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Append(append, answer))?;
        answered.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Writes the waiting appends, then the end mark.
    pub(super) async fn close(&self) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Close(answer))?;
        answered.await.unwrap_or(Err(JournalError::Closed))
    }

    fn send(&self, message: Message) -> Result<(), JournalError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue
            .as_ref()
            .and_then(|queue| queue.send(message).ok())
            .ok_or(JournalError::Closed)
    }
}

impl Drop for GroupCommitter {
    fn drop(&mut self) {
        drop(
            self.queue
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The thread writes the waiting appends and ends. After that nothing is written to the
        // files.
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the commit thread of the journal panicked");
        }
    }
}

struct Worker {
    writer: Writer,
    waiting: Receiver<Message>,
    head: watch::Sender<Sequence>,
    obstacle: watch::Sender<Obstacle>,
    /// The time of the next repair, while the log is stalled.
    repairs: Option<Repairs>,
    group_bytes: usize,
    frame: FrameBuilder,
}

#[derive(Debug, Clone, Copy)]
struct Repairs {
    next: Instant,
    pause: Duration,
}

type Answer = (oneshot::Sender<Result<Appended, JournalError>>, Appended);

impl Worker {
    fn run(mut self) {
        let mut carried = None;
        while let Some(message) = carried.take().or_else(|| self.next_message()) {
            self.repair_if_due();
            match message {
                Message::Append(append, answer) => carried = self.commit(append, answer),
                Message::Close(answer) => {
                    let finished = self.writer.repair().and_then(|()| self.writer.finish());
                    // Readers at the end of the journal learn that no records follow, before
                    // `close` returns.
                    drop(self);
                    let _ = answer.send(finished);
                    return;
                }
            }
        }
    }

    /// Returns the next message. Repairs a stalled log while no message comes. `None` when the
    /// handle was dropped.
    fn next_message(&mut self) -> Option<Message> {
        loop {
            let Some(repairs) = self.repairs else {
                return self.waiting.recv().ok();
            };
            let left = repairs.next.saturating_duration_since(Instant::now());
            match self.waiting.recv_timeout(left) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => self.repair_if_due(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn repair_if_due(&mut self) {
        let Some(repairs) = self.repairs else {
            return;
        };
        if Instant::now() < repairs.next {
            return;
        }
        if self.writer.repair().is_err() {
            self.repairs = Some(Repairs {
                next: Instant::now() + repairs.pause,
                pause: repairs.pause.saturating_mul(2).min(LONGEST_PAUSE),
            });
        }
        self.show_obstacle();
    }

    /// Publishes whether the log is stalled, and why.
    fn show_obstacle(&mut self) {
        let stalled = self.writer.stalled();
        self.repairs = stalled.map(|_| {
            self.repairs.unwrap_or_else(|| Repairs {
                next: Instant::now(),
                pause: FIRST_PAUSE,
            })
        });
        self.obstacle.send_if_modified(|shown| {
            let news = shown.as_deref() != stalled;
            if news {
                *shown = stalled.map(Arc::from);
            }
            news
        });
    }

    /// Commits a group that begins with this append. Returns the message after the group, if it was
    /// received: an append that did not fit, or a request to close.
    fn commit(
        &mut self,
        first: Append,
        answer: oneshot::Sender<Result<Appended, JournalError>>,
    ) -> Option<Message> {
        self.frame
            .restart(self.writer.next(), self.group_bytes.saturating_mul(2));
        let mut answers = vec![(answer, self.push(&first.records))];
        drop(first);
        let carried = loop {
            match self.waiting.try_recv() {
                Ok(Message::Append(append, answer))
                    if self.frame.len().saturating_add(append.bytes) <= self.group_bytes =>
                {
                    answers.push((answer, self.push(&append.records)));
                }
                Ok(other) => break Some(other),
                Err(_) => break None,
            }
        };
        let written = self.writer.write(&mut self.frame);
        if written.is_err() || self.repairs.is_some() {
            self.show_obstacle();
        }
        self.answer(answers, written);
        carried
    }

    fn push(&mut self, records: &[Record]) -> Appended {
        for record in records {
            body::push(record, &mut self.frame);
        }
        Appended {
            count: records.len() as u64,
            last: Sequence::new(self.frame.next().get().saturating_sub(1)),
        }
    }

    fn answer(&self, answers: Vec<Answer>, written: Result<Sequence, JournalError>) {
        match written {
            Ok(head) => {
                // The journal head moves before the answers are sent, so that a publisher can read
                // its records as soon as it has the answer.
                self.head.send_replace(head);
                for (answer, appended) in answers {
                    let _ = answer.send(Ok(appended));
                }
            }
            Err(error) => {
                for (answer, _) in answers {
                    let _ = answer.send(Err(same(&error)));
                }
            }
        }
    }
}

/// A copy of the error, for the next append of the group.
fn same(error: &JournalError) -> JournalError {
    match error {
        JournalError::Io {
            action,
            path,
            source,
        } => JournalError::Io {
            action,
            path: path.clone(),
            source: match source.raw_os_error() {
                Some(code) => std::io::Error::from_raw_os_error(code),
                None => std::io::Error::new(source.kind(), source.to_string()),
            },
        },
        JournalError::Stalled { reason } => JournalError::Stalled {
            reason: reason.clone(),
        },
        JournalError::Uncertain { reason } => JournalError::Uncertain {
            reason: reason.clone(),
        },
        other => JournalError::Uncertain {
            reason: whole(other).to_string(),
        },
    }
}
