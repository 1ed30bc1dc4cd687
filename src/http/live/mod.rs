//! Live: the protocol over WebSocket, and its twin over server-sent events.
//!
//! - [`decode`]: what clients send; [`topics`]: the topics and their parameters.
//! - [`mod@encode`]: what they receive; [`chunking`]: long messages in parts;
//!   [`polled`]: the answers of polled topics.
//! - [`upgrade`]: the handshake of a WebSocket; [`socket`]: what clients send on it, within
//!   [`rate_limit`]; [`frames`]: what is written to it.
//! - [`sse`]: server-sent events.

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

/// Limits of what live clients send.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// A client that sends nothing for this long is asked for a sign of life; after twice as long
    /// it counts as gone.
    pub silence: Duration,
    /// Messages that a client may send at once.
    pub burst: u32,
    /// Messages that it may send each second in the long run.
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
