//! One thread that writes the commits of all shards.
//!
//! sled frees what a thread has replaced when that thread comes back to it, so many threads that
//! commit now and then keep much memory. And commits that wait together share one flush.
//!
//! After a failed commit its rows stay in memory. The commits behind it first have the database
//! opened again, and fail as it did when that was tried a moment ago.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::database::Database;
use super::{CheckpointRow, CommitFigures, ShardRows, StoreError};

/// A commit that waits for its turn.
struct Request {
    rows: Arc<ShardRows>,
    record: CheckpointRow,
    done: oneshot::Sender<Result<CommitFigures, StoreError>>,
}

/// The hold on the thread, which ends when this is dropped.
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

    /// Commits a shard's rows; what is returned resolves when they are durable.
    pub(super) fn commit(
        &self,
        rows: Arc<ShardRows>,
        record: CheckpointRow,
    ) -> oneshot::Receiver<Result<CommitFigures, StoreError>> {
        let (done, answer) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // When the thread is gone, so is `done`, and the receiver learns it.
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
