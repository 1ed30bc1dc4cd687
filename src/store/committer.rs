//! One thread that writes the commits of all shards.
//!
//! sled frees what a thread has replaced when that thread comes back to it, so many threads that
//! commit now and then keep much memory. And commits that wait together share one flush.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::guard::guarded;
use super::{CommitFigures, ShardRecord, ShardRows, StoreError};

/// A commit that waits for its turn.
struct Request {
    rows: Arc<ShardRows>,
    record: ShardRecord,
    done: oneshot::Sender<Result<CommitFigures, StoreError>>,
}

/// The hold on the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Committer {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start(db: sled::Db) -> std::io::Result<Self> {
        let (requests, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || commit_all(&db, &waiting))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Commits a shard's rows; what is returned resolves when they are durable.
    pub(super) fn commit(
        &self,
        rows: Arc<ShardRows>,
        record: ShardRecord,
    ) -> oneshot::Receiver<Result<CommitFigures, StoreError>> {
        let (done, answer) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // When the thread is gone, so is `done`, and the receiver learns it.
            let _ = requests.send(Request { rows, record, done });
        }
        answer
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn commit_all(db: &sled::Db, waiting: &Receiver<Request>) {
    while let Ok(first) = waiting.recv() {
        let written: Vec<_> = std::iter::once(first)
            .chain(waiting.try_iter())
            .map(|request| (request.rows.commit(&request.record), request.done))
            .collect();
        let flushed = guarded("be flushed", || db.flush());
        for (written, done) in written {
            let outcome = match (written, &flushed) {
                (Ok(figures), Ok(_)) => Ok(figures),
                (Ok(_), Err(error)) => Err(error.repeated()),
                (Err(error), _) => Err(error),
            };
            let _ = done.send(outcome);
        }
    }
}
