//! The session of one client: what it subscribes to, and how far it has received it.
//!
//! [`handle`] is how transports and feeds reach a session. [`actor`] dispatches messages to
//! [`state`], which writes what is due to the transport. [`subscriptions`] begins and ends
//! subscriptions; [`subscription`] pulls one keyword's channels from its feed.

pub(super) mod actor;
mod handle;
mod opening;
pub(super) mod state;
mod subscription;
mod subscriptions;

pub use handle::SessionHandle;
