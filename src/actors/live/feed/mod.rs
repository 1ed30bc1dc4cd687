//! The feed of one keyword, or of all keywords: from changes of a fold to encoded updates.
//!
//! ```text
//! fold ─► shared (pending changes) ─► actor (throttle, coalesce, encode) ─► channel ─► session
//!                                       └─ snapshots, polled topics, volume windows ─►
//! ```
//!
//! [`shared`] is what the keyword actor, the feed actor and the sessions hold together; [`actor`]
//! is the only one that encodes and that writes to channels. Sessions pull from channels.

pub(super) mod actor;
pub(super) mod channel;
mod coalesce;
mod pending_changes;
mod polled_topics;
mod replay_buffer;
pub(super) mod shared;
mod snapshots;
mod throttle;
pub(super) mod view_reads;
mod volume_windows;
mod window_span;
