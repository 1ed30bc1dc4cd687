//! Live updates: what clients receive while events are folded.
//!
//! ```text
//! fold ──delta──► feed ──► feed actor ──update──► replay buffer ──► session ──message──► client
//!               (one per keyword)               (one per channel)  (one per client)
//! ```
//!
//! A fold publishes its delta to its feed and continues; it never waits. The feed actor joins the
//! deltas of some milliseconds into one update per channel, encodes it once, and keeps it in a
//! bounded replay buffer. Sessions take what is due from the buffers at the pace of their clients.
//! A subscriber that has fallen out of a buffer gets a new snapshot, never a gap.
//!
//! A *channel* is a [`Topic`] of one keyword, or of all keywords, with its parameters. The wire
//! format is not known here: an [`Encoder`] encodes, a [`Transport`] writes.
//!
//! - `feed`: the feed of each keyword, and its channels.
//! - `session`: clients; `subscriber`: how feeds reach them.
//! - `supervisor`: starts and restarts both; `context`: what all of them share.

mod budget;
mod context;
mod encoder;
mod feed;
mod feed_key;
mod marks;
mod message;
mod options;
mod polled;
mod request;
mod session;
mod subscriber;
mod supervisor;
mod topic;
mod transport;

pub use encoder::{Encoder, KeywordPosition, VolumePart};
pub use message::{Message, MessageKind, Position};
pub use options::LiveOptions;
pub use polled::{
    AcrossQuestion, EncodedAnswer, KeywordQuestion, PolledAnswer, PolledQuestion, PolledTopic,
};
pub use request::{ErrorCode, Incoming, Request, RequestId, Subscribe, Unsubscribe};
pub use session::SessionHandle;
pub use supervisor::{Live, LiveStartError, OpenError};
pub use topic::{DEFAULT_LIMIT, Topic};
pub use transport::{Close, Gone, Transport};
