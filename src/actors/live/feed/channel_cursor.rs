//! The position of a subscriber in a channel, and the requests and outcomes of its pulls.

use crate::actors::live::topic::Topic;
use crate::events::{RecordHash, Sequence, Timestamp};

/// The position of one subscriber in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum ChannelCursor {
    /// The subscriber needs a snapshot. `asked` is the round of making snapshots in which it
    /// requested one; a snapshot of any later round includes everything folded before the request.
    Start { asked: Option<u64> },
    /// The subscriber has the channel's state at `seq`; the next update that it needs is `next`.
    At { next: u64, seq: Sequence },
}

impl ChannelCursor {
    /// Initial cursor: no snapshot requested yet.
    pub(in crate::actors::live) const BEGIN: Self = Self::Start { asked: None };

    /// True when the subscriber has requested a snapshot and has not taken it.
    pub(in crate::actors::live) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Start { asked: Some(_) })
    }
}

/// Whether a subscriber can resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum Resume {
    /// The subscriber can resume at this cursor.
    At(ChannelCursor),
    /// The subscriber can resume if the journal's record at its position has this mark.
    IfOurs(RecordHash),
    /// The subscriber cannot resume: an update in between is missing, or its state is of another
    /// journal.
    No,
}

/// Outcome of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum Pulled {
    /// All due messages were taken.
    All,
    /// The batch is full; more messages are due.
    Part,
    /// A snapshot has to be made first. True when this pull is the first to request it.
    Waits(bool),
    /// A snapshot is needed, but the session already waits for the maximum number of them.
    Queued,
}

/// The arguments of a pull.
#[derive(Debug, Clone, Copy)]
pub(in crate::actors::live) struct PullRequest<'a> {
    pub(in crate::actors::live) topic: &'a Topic,
    /// The parameters that timeline updates of the channel name.
    pub(in crate::actors::live) parameters: Option<&'a str>,
    /// True when the subscriber may request a snapshot.
    pub(in crate::actors::live) may_wait: bool,
    /// Reading of the wall clock.
    pub(in crate::actors::live) now: Timestamp,
}
