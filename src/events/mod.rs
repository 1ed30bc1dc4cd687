//! Events as typed facts: keywords, events, records and envelopes, and the two encodings of events.
//!
//! In: JSON from publishers ([`json`]), and stored bytes ([`binary`]), which the journal and the
//! views keep. Out: [`Event`], [`Envelope`] and [`Record`]. All of it is pure and imports no other
//! folder.

pub mod binary;
mod checkpoint;
mod clock;
mod codec;
mod earlier_form;
mod envelope;
mod fitting;
mod given_texts;
mod hollow;
mod invisible;
pub mod json;
mod keyword;
mod keyword_rules;
mod lone_form;
mod members;
mod metrics;
mod normal_form;
mod ready_text;
mod sequence;
mod shard;
mod timestamp;
mod token;
mod tweet_id;
mod types;

pub use checkpoint::{Checkpoint, Incarnation, RecordHash, RecordHashError, RecordIdentity};
pub use clock::Clock;
pub use earlier_form::CarriedToken;
pub use envelope::{Content, Envelope, Form, KeywordEnvelope, KeywordRecord, Record, RecordError};
pub use fitting::{encode_fitting, shortened};
pub use given_texts::GivenTexts;
pub use hollow::Hollow;
pub use keyword::{Keyword, KeywordError};
pub use keyword_rules::{KeywordRules, ListedTexts, RuleTexts, RuleTextsError};
pub use metrics::{MetricsPatch, TweetMetrics};
pub use normal_form::{NORMAL_FORM_VERSION, normal_form, normalise_into};
pub use sequence::Sequence;
pub use shard::{ShardCount, ShardId, UnsupportedShardCount};
pub use timestamp::{Timestamp, TimestampError};
pub use token::{Token, TokenError};
pub use tweet_id::{TweetId, TweetIdError};
pub use types::*;
