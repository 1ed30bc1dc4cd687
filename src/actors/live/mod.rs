//! What clients are sent while it happens.
//!
//! ```text
//! keyword actor ─► feed ─► feed actor (merges, encodes once) ─► ring ─► session actor ─► outlet ─► client
//!                  (per followed keyword)                                (one per client)
//! ```
//!
//! A fold hands its change to its feed and goes on; it never waits. The feed actor joins the
//! changes of some milliseconds into one update per chain, encodes it once, and keeps it in a
//! bounded ring. Session actors take what is due from the rings at the pace of their clients; who
//! has fallen out of a ring gets a fresh snapshot, never a gap.
//!
//! A *chain* is what one client follows of one keyword: a [`Topic`] with its parameters. The wire
//! is not known here: [`Shapes`] encodes, an [`Outlet`] writes.

mod answers;
mod beat;
mod budget;
mod chain;
mod deltas;
mod feed;
mod feed_actor;
mod feeds;
mod follower;
mod line;
mod marks;
mod merge;
mod outlet;
mod parts;
mod reading;
mod request;
mod ring;
mod serving;
mod session;
mod session_state;
mod shapes;
mod span;
mod subscribing;
mod subscription;
mod supervisor;
mod topic;
mod volumes;

pub(super) use feeds::Feeds;
pub use line::{Line, LineKind, Position};
pub use outlet::{Close, Gone, Outlet};
pub(super) use parts::LiveSources;
pub use request::{ErrorCode, Incoming, Request, RequestId, Since, Subscribe, Unsubscribe};
pub use session::SessionHandle;
pub use shapes::{At, Shapes, Whole};
pub use supervisor::{Live, LiveOptions, OpenError};
pub use topic::{DEFAULT_LIMIT, Topic};
