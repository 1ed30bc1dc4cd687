//! A journal in memory, for tests. It behaves like the other journals, but nothing is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::rejected::LastPositions;
use super::{
    Appended, Batch, Durability, FIRST, Journal, JournalError, JournalReader, RejectedEntry,
    RejectedLog, RejectedPage, Selection, check_first,
};
use crate::events::{
    Envelope, Incarnation, Keyword, Record, RecordHash, Sequence, ShardCount, Token,
};

/// A journal in memory. Any [`Record`] can be appended, even one that cannot be made from an event.
#[derive(Debug)]
pub struct MemoryJournal {
    incarnation: Incarnation,
    shards: ShardCount,
    shelf: Arc<Mutex<Shelf>>,
    head: watch::Receiver<Sequence>,
    rejected: Arc<MemoryRejectedLog>,
}

#[derive(Debug)]
struct Shelf {
    /// The records by sequence, from 1; `None` where a record was removed.
    records: Vec<Option<Record>>,
    /// The first position of the journal.
    first: Sequence,
    /// The sender of the journal head; `None` when the journal is closed.
    moves: Option<watch::Sender<Sequence>>,
}

impl MemoryJournal {
    /// Makes an empty journal with 16 shards.
    pub fn new(incarnation: Incarnation) -> Self {
        Self::with_shards(incarnation, ShardCount::DEFAULT)
    }

    /// Makes an empty journal.
    pub fn with_shards(incarnation: Incarnation, shards: ShardCount) -> Self {
        let (moves, head) = watch::channel(Sequence::ZERO);
        let shelf = Shelf {
            records: Vec::new(),
            first: FIRST,
            moves: Some(moves),
        };
        Self {
            incarnation,
            shards,
            shelf: Arc::new(Mutex::new(shelf)),
            head,
            rejected: Arc::default(),
        }
    }

    /// Removes a record and leaves its position empty, like a damaged broker.
    pub fn forget(&self, sequence: Sequence) {
        if let Some(index) = index_of(sequence)
            && let Some(record) = lock(&self.shelf).records.get_mut(index)
        {
            *record = None;
        }
    }

    /// Removes all records before `first`, so that the journal begins there.
    pub fn trim(&self, first: Sequence) {
        let mut shelf = lock(&self.shelf);
        for record in shelf
            .records
            .iter_mut()
            .take(index_of(first).unwrap_or_default())
        {
            *record = None;
        }
        shelf.first = first;
    }

    /// Replaces a record by another one, like a broker that uses a sequence again.
    pub fn replace(&self, sequence: Sequence, other: Record) {
        if let Some(index) = index_of(sequence)
            && let Some(record) = lock(&self.shelf).records.get_mut(index)
        {
            *record = Some(other);
        }
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

fn index_of(sequence: Sequence) -> Option<usize> {
    usize::try_from(sequence.get()).ok()?.checked_sub(1)
}

fn open(record: &Record, sequence: Sequence) -> Envelope {
    let meaning = Token::decode_strict(&record.token).map_err(|error| error.to_string());
    record.open(sequence, &meaning)
}

#[async_trait]
impl Journal for MemoryJournal {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn durability(&self) -> Durability {
        Durability::Volatile
    }

    fn first(&self) -> Sequence {
        lock(&self.shelf).first
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.head.clone()
    }

    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        let count = records.len() as u64;
        let mut shelf = lock(&self.shelf);
        if count == 0 {
            return Ok(Appended {
                count,
                last: *self.head.borrow(),
            });
        }
        if shelf.moves.is_none() {
            return Err(JournalError::Closed);
        }
        shelf.records.extend(records.into_iter().map(Some));
        let last = Sequence::new(shelf.records.len() as u64);
        if let Some(moves) = &shelf.moves {
            moves.send_replace(last);
        }
        Ok(Appended { count, last })
    }

    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        check_first(self.first(), after)?;
        Ok(Box::new(MemoryReader {
            shelf: Arc::clone(&self.shelf),
            head: self.head.clone(),
            only: match selection {
                Selection::All => None,
                Selection::Keyword(keyword) => Some(keyword),
            },
            after,
        }))
    }

    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        let shelf = lock(&self.shelf);
        Ok(index_of(sequence)
            .and_then(|index| shelf.records.get(index)?.as_ref())
            .map(|record| RecordHash::of(&open(record, sequence))))
    }

    fn rejected(&self) -> Arc<dyn RejectedLog> {
        Arc::<MemoryRejectedLog>::clone(&self.rejected)
    }

    async fn close(&self) -> Result<(), JournalError> {
        let moves = lock(&self.shelf).moves.take();
        moves.map(drop).ok_or(JournalError::Closed)
    }
}

#[derive(Debug)]
struct MemoryReader {
    shelf: Arc<Mutex<Shelf>>,
    head: watch::Receiver<Sequence>,
    only: Option<Keyword>,
    after: Sequence,
}

#[async_trait]
impl JournalReader for MemoryReader {
    async fn next(&mut self, max: usize) -> Result<Batch, JournalError> {
        loop {
            let head = *self.head.borrow_and_update();
            if let Some(batch) = self.batch(head, max.max(1)) {
                self.after = batch.end;
                return Ok(batch);
            }
            let changed = self.head.changed().await;
            changed.map_err(|_| JournalError::Closed)?;
        }
    }
}

impl MemoryReader {
    /// Returns the records up to `head`. A batch ends with a record, because it needs the hash at
    /// its end. `None` when there is no record.
    fn batch(&self, head: Sequence, max: usize) -> Option<Batch> {
        let shelf = lock(&self.shelf);
        let mut batch = Batch {
            envelopes: Vec::new(),
            end: self.after,
            end_hash: RecordHash::default(),
            missing: Vec::new(),
        };
        let mut gap = None;
        let mut position = self.after.next();
        while position <= head && batch.envelopes.len() < max {
            match shelf.records.get(index_of(position)?)? {
                None => {
                    gap.get_or_insert(position.get());
                }
                Some(record) => {
                    let envelope = open(record, position);
                    if let Some(from) = gap.take() {
                        batch.missing.push(from..=position.get().saturating_sub(1));
                    }
                    batch.end = position;
                    batch.end_hash = RecordHash::of(&envelope);
                    if self.only.is_none() || envelope.keyword() == self.only.as_ref() {
                        batch.envelopes.push(envelope);
                    }
                }
            }
            position = position.next();
        }
        (batch.end > self.after).then_some(batch)
    }
}

/// A rejected log in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryRejectedLog {
    kept: Mutex<(Vec<RejectedEntry>, LastPositions)>,
}

#[async_trait]
impl RejectedLog for MemoryRejectedLog {
    async fn append(&self, entries: Vec<RejectedEntry>) -> Result<u64, JournalError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, last) = &mut *kept;
        let before = kept.len();
        for entry in entries {
            if !last.holds(&entry) {
                last.note(&entry);
                kept.push(entry);
            }
        }
        Ok(kept.len().saturating_sub(before) as u64)
    }

    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = RejectedPage::default();
        let behind = usize::try_from(after).unwrap_or(usize::MAX);
        for (entry, position) in kept.0.iter().zip(1..).skip(behind) {
            if !page.push(position, entry.clone()) {
                break;
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Keyword, Timestamp};

    #[tokio::test]
    async fn trimmed_journal_is_read_from_its_first_position_and_not_below() {
        let journal = MemoryJournal::new(Incarnation(1));
        let start = journal.start();
        assert_eq!((journal.first(), start.sequence), (FIRST, Sequence::ZERO));
        let keyword = Keyword::new("a").unwrap();
        let at = Timestamp::EARLIEST;
        let record = Record::of_event(&keyword, &Event::keyword_tracked(at), at).unwrap();
        journal.append(vec![record; 5]).await.unwrap();
        journal.trim(Sequence::new(4));
        assert_eq!(journal.hash_at(Sequence::new(3)).await.unwrap(), None);
        let below = journal.read(start.sequence, Selection::All).await;
        assert!(matches!(
            below.err(),
            Some(JournalError::BelowFirst { wanted, first })
                if (wanted.get(), first.get()) == (1, 4)
        ));
        let start = journal.start().sequence;
        let mut reader = journal.read(start, Selection::All).await.unwrap();
        let batch = reader.next(10).await.unwrap();
        let read: Vec<u64> = batch
            .envelopes
            .iter()
            .map(|one| one.sequence.get())
            .collect();
        assert_eq!((read, batch.missing), (vec![4, 5], Vec::new()));
    }
}
