//! What happened, as typed facts: keywords, events, envelopes and their two encodings.
//!
//! Everything here is pure and knows nothing of the other layers. JSON is spoken by publishers
//! ([`json`]); the journal and the views keep the compact [`binary`] form.

pub mod binary;
mod checkpoint;
mod earlier_form;
mod envelope;
mod event;
mod fitting;
mod hollow;
mod invisible;
pub mod json;
mod keyword;
mod lone_form;
mod normal_form;
mod sequence;
mod shard;
mod timestamp;
mod token;

pub use checkpoint::{Checkpoint, Incarnation, RecordHash, RecordHashError, RecordIdentity};
pub use earlier_form::CarriedToken;
pub use envelope::{Content, Envelope, Form, KeywordEnvelope, KeywordRecord, Record, RecordError};
pub use event::{
    Author, Event, MetricsPatch, TweetDeleted, TweetEngaged, TweetId, TweetIdError, TweetMetrics,
    TweetPosted,
};
pub use fitting::{encode_fitting, shortened};
pub use hollow::{Hollow, HollowKind};
pub use keyword::{Keyword, KeywordError};
pub use normal_form::{NORMAL_FORM_VERSION, normal_form, normalise_into};
pub use sequence::Sequence;
pub use shard::{ShardCount, ShardId, UnsupportedShardCount};
pub use timestamp::{Timestamp, TimestampError};
pub use token::{Token, TokenError};
