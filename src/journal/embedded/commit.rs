//! The thread that writes the journal: it joins the appends that wait into one group, makes it
//! durable, and answers them all.
//!
//! While the log is stalled by a failed write, appends are refused at once, and the thread tries to
//! repair the log with a pause that grows between tries.

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

/// The pause behind the second try to repair a stalled log; the first is made at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why nothing is taken in at present, for everybody to see; `None` while it is.
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

/// The way to the thread. When it is dropped, what waits is written, and the thread ended, as if
/// the process ended there: without an end mark.
#[derive(Debug)]
pub(super) struct GroupCommitter {
    queue: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl GroupCommitter {
    /// Starts the thread. Groups are closed at `group_bytes`; an append is never split.
    ///
    /// # Errors
    /// The system's answer when there is no thread to be had.
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

    /// Appends, and answers when it is durable.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, JournalError> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Append(append, answer))?;
        answered.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Writes what waits, then the end mark.
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
        // Waits for at most one group's sync, so that the files are not written to any more.
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }
}

struct Worker {
    writer: Writer,
    waiting: Receiver<Message>,
    head: watch::Sender<Sequence>,
    obstacle: watch::Sender<Obstacle>,
    /// When the log is repaired next, while it is stalled.
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
                    // Readers at the end learn that nothing more comes before the closer goes on.
                    drop(self);
                    let _ = answer.send(finished);
                    return;
                }
            }
        }
    }

    /// The next message; repairs a stalled log while none comes. `None` when none will come.
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

    /// Shows whether the log is stalled, and by what.
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

    /// Commits a group that begins with this append. Returns the message that did not fit in.
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
                // The journal head moves first, so that a publisher can read what it wrote when
                // it is answered.
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

/// The error once more, for the next one who waits.
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
