//! The commit thread, which writes the commits of all shards.
//!
//! In: frozen rows with their checkpoint row, from every shard. Out: one sled batch for each
//! commit, and its result.
//!
//! All shards share one thread, because sled frees the nodes that a thread has replaced when the
//! same thread calls it again. Many threads with few commits each would keep much memory. Commits
//! that wait at the same time share one flush.
//!
//! The rows of a failed commit stay in memory. The next commit first opens the database again. If
//! the last attempt to do so was less than [`RECOVER_EVERY`](super::RECOVER_EVERY) ago, the commit
//! fails with the same error.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::database::Database;
use super::{CheckpointRow, CommitFigures, ShardRows, StoreError};

/// A commit that waits for the thread.
struct Request {
    rows: Arc<ShardRows>,
    record: CheckpointRow,
    done: oneshot::Sender<Result<CommitFigures, StoreError>>,
}

/// The handle of the thread. The thread ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct CommitThread {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl CommitThread {
    pub(super) fn start(database: Arc<Database>) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || commit_all(&database, &waiting))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Commits the rows of a shard. The receiver resolves when they are durable.
    pub(super) fn commit(
        &self,
        rows: Arc<ShardRows>,
        record: CheckpointRow,
    ) -> oneshot::Receiver<Result<CommitFigures, StoreError>> {
        let (done, answer) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // If the thread has ended, `done` is dropped with the request, and the receiver fails.
            let _ = requests.send(Request { rows, record, done });
        }
        answer
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn commit_all(database: &Database, waiting: &Receiver<Request>) {
    while let Ok(first) = waiting.recv() {
        let requests: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let recovered = database.recover();
        let written: Vec<_> = requests
            .iter()
            .map(|request| match &recovered {
                Ok(()) => request.rows.write_frozen(&request.record),
                Err(error) => Err(error.repeated()),
            })
            .collect();
        let flushed = match &recovered {
            Ok(()) => database.flush(),
            Err(_) => Ok(()),
        };
        for (request, written) in requests.into_iter().zip(written) {
            let outcome = match (written, &flushed) {
                (Ok(figures), Ok(())) => {
                    request.rows.settle(&request.record);
                    Ok(figures)
                }
                (Ok(_), Err(error)) => Err(database.unwritten(error.repeated())),
                (Err(error), _) => Err(database.unwritten(error)),
            };
            let _ = request.done.send(outcome);
        }
    }
}
