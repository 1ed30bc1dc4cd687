//! Live updates: what clients receive while events are folded.
//!
//! ```text
//! fold ──delta──► feed ──► feed actor ──update──► replay buffer ──► session ──message──► client
//!               (one per keyword)               (one per channel)  (one per client)
//! ```
//!
//! A fold publishes its delta to its feed and continues without waiting. The feed actor joins the
//! deltas of some milliseconds into one update per channel, encodes it once, and keeps it in a
//! bounded replay buffer. Sessions take updates from the buffers at the pace of their clients. A
//! subscriber that needs an update that is no longer in the buffer gets a new snapshot, so there is
//! never a gap.
//!
//! A *channel* is a [`Topic`] of one keyword, or of all keywords, with its parameters. The wire
//! format is not known here: an [`Encoder`] encodes messages, a [`Transport`] writes them.
//!
//! - `feed`: the feed of each keyword, and its channels.
//! - `session`: the clients; `subscriber`: the interface between feeds and sessions.
//! - `supervisor`: starts and restarts both; `context`: the state that they share.

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
    AcrossQuery, EncodedAnswer, JoinedQuery, KeywordQuery, PolledAnswer, PolledQuery, PolledTopic,
};
pub use request::{ErrorCode, Incoming, Request, RequestId, Subscribe, Unsubscribe};
pub use session::SessionHandle;
pub use supervisor::{Live, LiveStartError, OpenError};
pub use topic::{DEFAULT_LIMIT, Topic};
pub use transport::{Close, Gone, Transport};
