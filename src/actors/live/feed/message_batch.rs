//! Messages that a session takes together.

use std::collections::VecDeque;

use crate::actors::live::message::Message;

/// Messages that are taken together, up to a number of bytes.
#[derive(Debug)]
pub(in crate::actors::live) struct MessageBatch<'a> {
    messages: &'a mut VecDeque<Message>,
    /// Bytes that may still be taken; the last message may exceed this.
    room: usize,
}

impl<'a> MessageBatch<'a> {
    pub(in crate::actors::live) const fn new(
        messages: &'a mut VecDeque<Message>,
        room: usize,
    ) -> Self {
        Self { messages, room }
    }

    pub(in crate::actors::live) const fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Adds a message of a channel.
    pub(super) fn take(&mut self, message: Message) {
        self.room = self.room.saturating_sub(message.len());
        self.messages.push_back(message);
    }

    /// Adds an answer to a request of the client. Answers do not count against the limit.
    pub(in crate::actors::live) fn answer(&mut self, message: Message) {
        self.messages.push_back(message);
    }
}
