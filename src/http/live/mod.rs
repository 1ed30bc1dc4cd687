//! Live: the protocol over WebSocket, and its twin over server-sent events.
//!
//! - [`decode`]: what clients say; [`topics`]: the topics and their parameters.
//! - [`mod@encode`]: what they are told.
//! - [`socket`]: the WebSocket's way in; [`frames`]: its way out.
//! - [`sse`]: server-sent events.

mod chunking;
mod decode;
mod encode;
mod frames;
mod rate_limit;
pub(super) mod socket;
pub(super) mod sse;
mod topics;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use crate::actors::engine::Tidings;
use crate::actors::live::Encoder;

/// The shapes of live messages, for [`Live::start`](crate::actors::live::Live::start).
pub fn json_encoder(tidings: &Tidings) -> Arc<dyn Encoder> {
    Arc::new(encode::JsonEncoder::new(tidings.clone()))
}

/// What clients may do on the wire.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// After so long without a word a client is asked for a sign of life; after twice as long it is
    /// taken for gone.
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
