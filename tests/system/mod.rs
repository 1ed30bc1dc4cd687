//! What tests of the running whole are made of: tweets, journals, and how a system is set up.
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings::actors::engine::{Clock, Options, ShardOptions};
use tidings::events::{
    Author, Event, Incarnation, Keyword, Record, RecordHash, Sequence, ShardCount, Timestamp,
    TweetId, TweetMetrics, TweetPosted,
};
use tidings::journal::{
    Appended, Connection, Durability, EmbeddedJournal, EmbeddedOptions, Journal, JournalError,
    JournalHandle, JournalReader, MemoryJournal, RejectedLog, Selection,
};

pub const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

/// Small batches and frequent commits.
pub fn options(data: &Path) -> Options {
    Options {
        data: data.to_owned(),
        cache_bytes: 16 << 20,
        batch_records: 64,
        keywords_max: 100_000,
        keywords_resident: 20_000,
        shard: ShardOptions {
            commit_events: 100,
            commit_interval: Duration::from_millis(50),
            idle: Duration::from_secs(600),
        },
        clock: Clock::system(),
    }
}

pub fn keyword(text: &str) -> Keyword {
    Keyword::new(text).unwrap()
}

/// A tweet of now.
pub fn posted(id: usize) -> Event {
    posted_at(id, NOW)
}

pub fn posted_at(id: usize, at: Timestamp) -> Event {
    Event::TweetPosted(Box::new(TweetPosted {
        id: TweetId::new(&format!("t{id}")).unwrap(),
        at,
        source: None,
        author: Author {
            handle: "someone".into(),
            name: None,
            followers: None,
        },
        text: format!("tweet number {id}"),
        lang: Some("en".into()),
        url: None,
        reply_to: None,
        repost_of: None,
        metrics: TweetMetrics::default(),
    }))
}

pub fn record(of: &str, event: &Event) -> Record {
    Record::of_event(&keyword(of), event, NOW).unwrap()
}

pub async fn append(journal: &JournalHandle, records: Vec<Record>) -> Sequence {
    journal.append(records).await.unwrap().last
}

/// The embedded journal in a folder.
pub fn embedded(folder: &Path) -> JournalHandle {
    Arc::new(EmbeddedJournal::open(folder, &EmbeddedOptions::default()).unwrap())
}

/// A journal in memory that outlives the systems that close it, as a broker does.
pub fn memory() -> JournalHandle {
    outliving(
        Arc::new(MemoryJournal::new(Incarnation(7))),
        Connection::Local,
    )
}

/// A journal that others write to, too.
pub fn shared(journal: JournalHandle) -> JournalHandle {
    outliving(journal, Connection::Connected)
}

/// A journal that outlives the systems that close it, reached in this way.
pub fn outliving(journal: JournalHandle, connection: Connection) -> JournalHandle {
    Arc::new(Broker {
        journal,
        connection,
    })
}

/// A journal that nobody who uses it closes.
#[derive(Debug)]
struct Broker {
    journal: JournalHandle,
    connection: Connection,
}

#[async_trait::async_trait]
impl Journal for Broker {
    fn incarnation(&self) -> Incarnation {
        self.journal.incarnation()
    }
    fn shards(&self) -> ShardCount {
        self.journal.shards()
    }
    fn durability(&self) -> Durability {
        self.journal.durability()
    }
    fn connection(&self) -> Connection {
        self.connection
    }
    fn head(&self) -> tokio::sync::watch::Receiver<Sequence> {
        self.journal.head()
    }
    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        self.journal.append(records).await
    }
    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        self.journal.read(after, selection).await
    }
    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        self.journal.hash_at(sequence).await
    }
    fn rejected(&self) -> Arc<dyn RejectedLog> {
        self.journal.rejected()
    }
    async fn close(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
