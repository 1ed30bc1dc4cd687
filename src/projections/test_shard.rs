//! Keywords of one shard with their background, for tests.

use bytes::Bytes;

use super::MemoryRows;
use super::keys::background::{Run, Settling};
use super::test_history::{NOON, TestKeyword};
use crate::events::{Event, KeywordEnvelope, KeywordRecord, Sequence};

/// Keywords of one shard, with the map and the runs of its background.
pub(crate) struct TestShard {
    pub(crate) keywords: Vec<TestKeyword>,
    pub(crate) map: MemoryRows,
    pub(crate) runs: Vec<Bytes>,
    pub(crate) sequence: Sequence,
}

impl TestShard {
    pub(crate) fn new(keywords: usize) -> Self {
        Self {
            keywords: (0..keywords).map(|_| TestKeyword::new()).collect(),
            map: MemoryRows::default(),
            runs: Vec::new(),
            sequence: Sequence::ZERO,
        }
    }

    /// Folds the next event of the shard's journal, which may take no effect.
    pub(crate) fn fold(&mut self, keyword: usize, event: Event) {
        self.sequence = self.sequence.next();
        let envelope = KeywordEnvelope {
            sequence: self.sequence,
            received_at: NOON,
            record: KeywordRecord::Event(event),
        };
        let folded = &mut self.keywords[keyword];
        folded.view.fold(&folded.rows, &envelope).unwrap();
    }

    /// Puts the changed rows of a keyword. The contribution of the put stays in a run. If the
    /// keyword was untracked, all that it has contributed is removed.
    pub(crate) fn put(&mut self, keyword: usize) {
        let folded = &mut self.keywords[keyword];
        let Some(changes) = folded.view.take_row_changes(&folded.rows).unwrap() else {
            return;
        };
        if changes.cleared {
            let mut settling = Settling::new(&self.map);
            settling.merge(self.sequence, &self.runs).unwrap();
            settling.remove(self.sequence, &folded.rows).unwrap();
            let changed = settling.into_row_changes();
            self.map.put(changed);
            self.runs.clear();
            folded.rows.clear();
        }
        if !changes.contribution.is_empty() {
            self.runs.push(Run::from(changes.contribution).records);
        }
        folded.rows.put(changes.rows);
    }

    /// Puts the changed rows of all keywords.
    pub(crate) fn put_all(&mut self) {
        (0..self.keywords.len()).for_each(|keyword| self.put(keyword));
    }

    /// Merges the runs into the map.
    pub(crate) fn merge(&mut self) {
        let mut settling = Settling::new(&self.map);
        settling.merge(self.sequence, &self.runs).unwrap();
        let changed = settling.into_row_changes();
        self.map.put(changed);
        self.runs.clear();
    }
}
