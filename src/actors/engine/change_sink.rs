//! The engine's output for the changes of its folds. The engine does not know the receiver.

use std::fmt;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock};

use crate::events::Keyword;
use crate::projections::ViewChange;
use crate::store::Epoch;

/// Receives the changes of folds. The engine calls it on the actors of the keywords, so both
/// methods return at once.
pub trait ChangeSink: fmt::Debug + Send + Sync + 'static {
    /// True when changes of the keyword are wanted. A fold records its changes only then.
    fn wants(&self, keyword: &Keyword) -> bool;

    /// Receives the change of one fold. The fold's rows, which are of this epoch, are in the store
    /// before the call.
    fn publish(&self, keyword: &Keyword, epoch: Epoch, change: ViewChange);
}

/// Holds the engine's sink once one is attached.
#[derive(Debug, Default)]
pub(in crate::actors) struct ChangeSinkSlot(OnceLock<Arc<dyn ChangeSink>>);

impl ChangeSinkSlot {
    /// Attaches the sink for the rest of the engine's life; false when there is one already.
    pub(in crate::actors) fn attach(&self, sink: Arc<dyn ChangeSink>) -> bool {
        self.0.set(sink).is_ok()
    }

    /// The sink, if it wants changes of the keyword.
    pub(super) fn wanting(&self, keyword: &Keyword) -> Option<&dyn ChangeSink> {
        // A fold puts its rows before this check, and a subscriber reads rows after the sink is
        // attached. So either the fold sees the sink, or the subscriber sees the rows.
        fence(Ordering::SeqCst);
        let sink = &**self.0.get()?;
        sink.wants(keyword).then_some(sink)
    }
}
