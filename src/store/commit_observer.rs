//! The port for observing commits. An observer can keep other data in step with the committed rows.

use std::fmt;

use super::CheckpointRow;

/// Receives the rows of every commit of a store, from the thread that writes the commit. Copying a
/// store writes nothing new, so it is not observed.
pub trait CommitObserver: fmt::Debug + Send + Sync + 'static {
    /// The current commit writes a row in this shard, or removes it (`None`). Keys and rows are as
    /// sled stores them. After a failed commit the same rows come again.
    fn row(&self, shard: usize, key: &[u8], row: Option<&[u8]>);

    /// The rows of this shard since the last call are written, with this checkpoint.
    fn committed(&self, shard: usize, record: &CheckpointRow);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::events::{Checkpoint, Keyword, Sequence, Timestamp};
    use crate::projections::RowChanges;
    use crate::store::Store;

    /// The number of rows of each commit. The last number is that of the current commit.
    #[derive(Debug)]
    struct Counts(Mutex<Vec<usize>>);

    impl CommitObserver for Counts {
        fn row(&self, _: usize, _: &[u8], _: Option<&[u8]>) {
            if let Some(last) = self.0.lock().last_mut() {
                *last += 1;
            }
        }

        fn committed(&self, _: usize, _: &CheckpointRow) {
            self.0.lock().push(0);
        }
    }

    #[tokio::test]
    async fn commits_of_the_caller_and_of_the_commit_thread_are_observed() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::of_test(data.path());
        let counts = Arc::new(Counts(Mutex::new(vec![0])));
        assert!(store.observe(counts.clone()));
        assert!(!store.observe(counts.clone()));
        let keyword = Keyword::new("a").unwrap();
        let rows = store.rows_of(&keyword).unwrap();
        let checkpoint = Checkpoint::start_of(store.parts().incarnation, Sequence::new(1));
        let record = store.record_at(checkpoint, Timestamp::EARLIEST);
        let put = || rows.put(&keyword, RowChanges::existing().unwrap()).unwrap();
        put();
        let first = rows.commit(&record).unwrap();
        put();
        let committed = store.commit(store.shard_of(&keyword), record).unwrap();
        let second = committed.await.unwrap().unwrap();
        let [first, second] = [first, second].map(|figures| usize::try_from(figures.rows).unwrap());
        assert!(first > 0 && second > 0);
        assert_eq!(*counts.0.lock(), [first, second, 0]);
    }
}
