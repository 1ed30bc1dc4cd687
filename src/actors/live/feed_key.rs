//! What names a feed, and the views that it shows.

use crate::actors::engine::clock::Clock;
use crate::actors::engine::progress::FoldProgress;
use crate::events::Keyword;
use crate::store::Views;

/// Which views a feed shows. Positions of different sources are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum ViewSource {
    /// The views that the engine folds while the journal grows.
    #[default]
    Live,
}

/// Names a feed. With a [`Topic`](super::topic::Topic) it names a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FeedKey {
    pub(super) source: ViewSource,
    /// `None`: the feed of all keywords.
    pub(super) keyword: Option<Keyword>,
}

impl FeedKey {
    /// The feed of a keyword, or of all keywords, over the engine's views.
    pub(super) const fn live(keyword: Option<Keyword>) -> Self {
        Self {
            source: ViewSource::Live,
            keyword,
        }
    }
}

/// The views that a feed shows, how far they are folded, and the clock that moves their windows.
#[derive(Debug, Clone)]
pub(super) struct FeedViews {
    pub(super) views: Views,
    pub(super) progress: FoldProgress,
    pub(super) clock: Clock,
}
