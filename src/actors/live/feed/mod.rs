//! The feed of one keyword, or of all keywords: from deltas of folds to encoded updates.
//!
//! ```text
//! fold ─► registry ─► shared (pending deltas) ─► actor (throttle, coalesce, encode) ─► channel
//!                                                  └─ snapshots, polled topics, volumes ─►
//! ```
//!
//! [`registry`] finds the feed of a keyword. [`shared`] is the state that the keyword actor, the
//! feed actor and the sessions share. Only [`actor`] encodes and writes to channels; [`context`] is
//! its access to the views. Sessions pull from channels.

pub(super) mod actor;
pub(super) mod channel;
pub(super) mod channel_cursor;
pub(super) mod context;
pub(super) mod handle;
mod joins;
pub(super) mod message_batch;
mod pending_deltas;
pub(super) mod phase;
mod poll;
mod polled_topics;
pub(super) mod registry;
mod replay_buffer;
mod roll_timer;
pub(super) mod shared;
mod signal;
mod snapshot_cache;
mod snapshots;
mod throttle;
mod volume_grid;
mod volume_windows;
mod window_span;
