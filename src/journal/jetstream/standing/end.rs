//! The end of a stream from which messages were removed.

use std::sync::PoisonError;

use async_nats::jetstream::stream::Info;

use super::Keeper;
use crate::events::Sequence;
use crate::journal::JournalError;

/// The end of a stream from which messages were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct End {
    /// The last sequence of the stream when it was searched.
    last: Sequence,
    /// Number of missing messages when the stream was searched.
    deleted: u64,
    /// The sequence of the last existing message.
    message: Sequence,
}

impl Keeper {
    /// Finds the last existing message, if the stream reports that messages were removed.
    pub(super) async fn look_for_end(&self, info: &Info) -> Result<(), JournalError> {
        let deleted = info.state.deleted_count.unwrap_or_default();
        let known = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.last.get() == info.state.last_sequence && known.deleted == deleted;
        if deleted == 0 || info.state.messages == 0 || is_known {
            return Ok(());
        }
        self.search_end(info).await
    }

    /// Finds the last existing message even if the stream reports no missing messages. A message
    /// whose bytes are damaged on disk is not delivered, but it is counted.
    ///
    /// # Errors
    /// [`JournalError::Broker`] when the stream does not answer.
    pub(in crate::journal::jetstream) async fn find_end(&self) -> Result<(), JournalError> {
        let info = self.ask().await?;
        if info.state.messages == 0 {
            return Ok(());
        }
        if self.api.at(info.state.last_sequence).await?.is_none() {
            self.search_end(&info).await?;
            self.move_head();
        }
        Ok(())
    }

    /// Searches the last sequence that has a message. This sequence counts as the end, because no
    /// reader can reach a sequence without a message.
    async fn search_end(&self, info: &Info) -> Result<(), JournalError> {
        let deleted = info.state.deleted_count.unwrap_or_default();
        let last = info.state.last_sequence;
        // The first message exists. A binary search finds the last one.
        let (mut there, mut max) = (info.state.first_sequence, last);
        let mut middle = last;
        while there < max {
            match self.api.next(middle, ">").await? {
                Some(message) => there = there.max(message.sequence),
                None => max = middle.saturating_sub(1),
            }
            middle = there.midpoint(max.saturating_add(1));
        }
        if there < last {
            tracing::error!(
                from = there.saturating_add(1),
                to = last,
                "the journal holds nothing at these positions at its end"
            );
        }
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = End {
            last: Sequence::new(last),
            deleted,
            message: Sequence::new(there),
        };
        Ok(())
    }

    pub(super) fn move_head(&self) {
        let last = self.standing().last;
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let head = if end.last == last { end.message } else { last };
        self.head.send_if_modified(|known| {
            let moved = *known != head;
            *known = head;
            moved
        });
    }
}
