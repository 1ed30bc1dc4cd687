//! Live updates: what clients receive while events are folded.
//!
//! ```text
//! fold ─► feed ─► feed actor ─► replay buffer ─► session actor ─► transport ─► client
//!         (one per keyword)     (of a channel)  (one per client)
//! ```
//!
//! A fold hands its change to its feed and goes on; it never waits. The feed actor joins the
//! changes of some milliseconds into one update per channel, encodes it once, and keeps it in a
//! bounded replay buffer. Session actors take what is due from the buffers at the pace of their
//! clients. A subscriber that has fallen out of a buffer gets a new snapshot, never a gap.
//!
//! A *channel* is a [`Topic`] of one keyword, or of all keywords, with its parameters. The wire
//! format is not known here: [`Encoder`] encodes, a [`Transport`] writes.

mod budget;
mod context;
mod encoder;
mod feed;
mod marks;
mod message;
mod registry;
mod request;
mod session;
mod subscriber;
mod supervisor;
mod topic;
mod transport;

pub use encoder::{Encoder, KeywordPosition, PolledAnswer};
pub use message::{Message, MessageKind, Position};
pub use request::{ErrorCode, Incoming, Request, RequestId, Since, Subscribe, Unsubscribe};
pub use session::SessionHandle;
pub use supervisor::{Live, LiveOptions, LiveStartError, OpenError};
pub use topic::{DEFAULT_LIMIT, Topic};
pub use transport::{Close, Gone, Transport};
