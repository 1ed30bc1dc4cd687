//! Live: the protocol over WebSocket, and its twin over server-sent events.
//!
//! - [`decode`]: what clients say; [`topics`]: the topics and their parameters.
//! - [`mod@shapes`]: what they are told.
//! - [`socket`]: the WebSocket's way in; [`frames`]: its way out.
//! - [`events`]: server-sent events.

mod decode;
pub(super) mod events;
mod frames;
mod lines;
mod rate;
mod shapes;
pub(super) mod socket;
mod topics;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use crate::actors::Tidings;
use crate::actors::live::Shapes;

/// The shapes of live messages, for [`Tidings::go_live`].
pub fn shapes(tidings: &Tidings) -> Arc<dyn Shapes> {
    Arc::new(shapes::WireShapes::new(tidings.clone()))
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
