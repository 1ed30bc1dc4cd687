//! The key of a feed, and its views.

use crate::actors::engine::progress::FoldProgress;
use crate::events::{Clock, Keyword};
use crate::projections::Meter;
use crate::store::Views;

/// The views that a feed shows. Positions of different sources are not comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum ViewSource {
    /// The views that the engine folds while the journal grows.
    #[default]
    Live,
}

/// The key of a feed. Together with a [`Topic`](super::topic::Topic) it identifies a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FeedKey {
    pub(super) source: ViewSource,
    /// The keyword; `None` for the feed of all keywords.
    pub(super) keyword: Option<Keyword>,
}

impl FeedKey {
    /// The key of a keyword's feed, or of the feed of all keywords, over the engine's views.
    pub(super) const fn live(keyword: Option<Keyword>) -> Self {
        Self {
            source: ViewSource::Live,
            keyword,
        }
    }
}

/// The views of a feed, their progress, and the clock that moves their windows.
#[derive(Debug, Clone)]
pub(super) struct FeedViews {
    pub(super) views: Views,
    pub(super) progress: FoldProgress,
    pub(super) clock: Clock,
}

impl FeedViews {
    /// Returns the views with `meter`, which counts what is read through them and can end a query.
    pub(super) fn metered(&self, meter: Meter) -> Self {
        Self {
            views: self.views.metered(meter),
            ..self.clone()
        }
    }
}
