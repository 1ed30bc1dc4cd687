//! What happened, as typed facts: keywords, events, envelopes and their two encodings.
//!
//! Everything here is pure and knows nothing of the other layers. JSON is spoken by publishers
//! ([`wire`]); the journal and the views keep the compact [`stored`] form.

mod checkpoint;
mod envelope;
mod event;
mod keyword;
mod sequence;
mod shard;
pub mod stored;
mod timestamp;
mod token;
pub mod wire;

pub use checkpoint::{Checkpoint, Incarnation, RecordHash};
pub use envelope::{Content, Envelope, Form, KeywordRecord, Record};
pub use event::{
    Author, Event, Metrics, MetricsPatch, TweetDeleted, TweetEngaged, TweetId, TweetIdError,
    TweetPosted,
};
pub use keyword::{Keyword, KeywordError, normal_form};
pub use sequence::Sequence;
pub use shard::{ShardCount, ShardId, UnsupportedShardCount};
pub use timestamp::{Timestamp, TimestampError};
pub use token::{Token, TokenError};
