//! The session of one client: its subscriptions, and what it has received.
//!
//! [`handle`] is the access for transports and feeds. [`actor`] dispatches messages to [`state`],
//! which writes due messages to the transport. [`subscriptions`] adds and removes subscriptions;
//! [`subscription`] pulls one keyword's channels from its feed.

pub(super) mod actor;
mod handle;
mod opening;
pub(super) mod state;
mod subscription;
mod subscriptions;

pub use handle::SessionHandle;
