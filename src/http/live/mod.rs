//! The live protocol, over WebSocket and over server-sent events.
//!
//! Requests of clients go in, and reach the session in [`crate::actors::live`]. Messages of the
//! session come out.
//!
//! - [`decode`]: decodes requests; [`topics`]: reads topics and their parameters.
//! - [`mod@encode`]: encodes messages; [`chunking`]: splits long messages into parts;
//!   [`polled`]: encodes the answers of polled topics; [`channel_name`]: begins a message.
//! - [`upgrade`]: the handshake of a WebSocket; [`socket`]: reads from a WebSocket, within
//!   [`rate_limit`]; [`frames`]: writes to it.
//! - [`sse`]: streams of server-sent events.

mod channel_name;
mod chunking;
mod decode;
mod encode;
mod frames;
mod polled;
mod rate_limit;
pub(super) mod socket;
pub(super) mod sse;
mod topics;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use crate::actors::live::Encoder;

pub use topics::topic;

/// The encoder of the JSON protocol, for [`Live::start`](crate::actors::live::Live::start).
pub fn json_encoder() -> Arc<dyn Encoder> {
    Arc::new(encode::JsonEncoder)
}

/// Limits on what live clients send.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// Time without a byte from the client after which it is pinged. After twice this time its
    /// session ends.
    pub silence: Duration,
    /// Messages that a client may send in one burst.
    pub burst: u32,
    /// Messages per second that a client may send in the long run.
    pub rate: u32,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            burst: 2_000,
            rate: 200,
        }
    }
}
