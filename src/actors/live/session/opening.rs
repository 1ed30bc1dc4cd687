//! An unanswered subscribe request, and whether its client can resume.

use std::sync::Arc;

use tokio::time::Instant;

use crate::actors::engine::progress::KeywordStatus;
use crate::actors::live::context::LiveContext;
use crate::actors::live::feed::channel_cursor::{ChannelCursor, Resume};
use crate::actors::live::feed::shared::Feed;
use crate::actors::live::marks::MarkAnswer;
use crate::actors::live::message::Position;
use crate::actors::live::request::RequestId;
use crate::actors::live::subscriber::SubscriberSlot;
use crate::actors::live::topic::Topic;
use crate::events::{RecordHash, Sequence};

/// An unanswered subscribe request.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) request: RequestId,
    pub(super) topics: Vec<Topic>,
    since: Option<Position>,
    /// The check of the mark in `since` with the journal, once it was started.
    mark_is_ours: Option<MarkAnswer>,
    asked_at: Instant,
}

/// How a subscription begins, or why this is not known yet.
#[derive(Debug)]
pub(super) enum Recovery {
    /// Resume: the timeline continues at this cursor.
    At(ChannelCursor),
    /// Start with a snapshot.
    Snapshot,
    /// No answer yet: the views have to catch up with the client's position.
    Later,
    /// No answer yet: the journal is checking the mark.
    Asked,
}

/// The feed of a subscribe request.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenedFeed<'a> {
    pub(super) feed: &'a Feed,
    /// The subscriber that is notified of the result of the check.
    pub(super) subscriber: &'a Arc<SubscriberSlot>,
    /// Position of the feed's channels.
    pub(super) position: Position,
    /// The last position that a fold has published.
    pub(super) as_of: Sequence,
}

impl Opening {
    pub(super) fn new(request: RequestId, topics: Vec<Topic>, since: Option<Position>) -> Self {
        Self {
            request,
            topics,
            since,
            mark_is_ours: None,
            asked_at: Instant::now(),
        }
    }

    /// The answer to the request.
    pub(super) fn recovery(&mut self, context: &LiveContext, opened: OpenedFeed<'_>) -> Recovery {
        let since = match self.since {
            Some(since) if since.epoch == opened.position.epoch => since,
            _ => return Recovery::Snapshot,
        };
        if since.seq > opened.as_of {
            return if self.may_still_come(context, opened.feed, since.seq) {
                Recovery::Later
            } else {
                Recovery::Snapshot
            };
        }
        match opened.feed.resume(since) {
            Resume::At(cursor) => Recovery::At(cursor),
            Resume::No => Recovery::Snapshot,
            Resume::IfOurs(mark) => self.ask_mark(context, opened, (since, mark)),
        }
    }

    /// Checks the mark of a position with the journal.
    fn ask_mark(
        &mut self,
        context: &LiveContext,
        opened: OpenedFeed<'_>,
        (since, mark): (Position, RecordHash),
    ) -> Recovery {
        let is_ours = self
            .mark_is_ours
            .get_or_insert_with(|| context.marks.ask(since.seq, mark, opened.subscriber));
        match is_ours.get() {
            None => Recovery::Asked,
            Some(false) => Recovery::Snapshot,
            Some(true) => match opened.feed.resume(since.without_mark()) {
                Resume::At(cursor) => Recovery::At(cursor),
                Resume::No | Resume::IfOurs(_) => Recovery::Snapshot,
            },
        }
    }

    /// True when the views may still reach a position that the client has seen. Another server over
    /// the same journal may have shown the position before this server knows of it.
    fn may_still_come(&self, context: &LiveContext, feed: &Feed, seq: Sequence) -> bool {
        let Some(keyword) = feed.keyword() else {
            return false;
        };
        if seq > context.head() {
            return self.asked_at.elapsed() < context.head_known_within();
        }
        let shard = context.shard_of(keyword);
        let progress = &context.views(feed.key().source).progress;
        progress.status(keyword, shard) != KeywordStatus::Quarantined
            && !progress.has_folded(keyword, shard, seq)
    }
}
