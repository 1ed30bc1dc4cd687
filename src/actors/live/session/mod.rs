//! The session of one client: what it subscribes to, and how far it has received it.
//!
//! [`actor`] takes requests of the client and wake-ups of the feeds. [`state`] holds the
//! subscriptions and writes what is due to the transport. [`subscribe`] begins and ends
//! subscriptions; [`subscription`] pulls one keyword's channels from its feed.

pub(super) mod actor;
pub(super) mod state;
mod subscribe;
mod subscription;

pub use actor::SessionHandle;
