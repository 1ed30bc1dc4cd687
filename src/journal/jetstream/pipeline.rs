//! The publishing pipeline: sends many messages at a time and collects their acknowledgements.
//!
//! In: the messages of a run. Out: how many of them are in the stream, and the first failure.
//!
//! All messages of a run have the same reply subject. The client library uses a reply subject, a
//! timer and a map entry for each message. That would cost this process as much as all other work
//! of publishing. It would also cost nats-server a search among its subscriptions for each answer,
//! while it caches the results for the last thousand subjects. The price is that an answer does not
//! say which message it is for, so after a failure only the number of stored messages is known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::events::Sequence;
use crate::journal::{Appended, JournalError};

/// Maximum number of messages of one run that wait for their answers.
const MAX_MESSAGES_PER_RUN: usize = 1_024;
/// Maximum number of messages of all runs together that wait for their answers.
const MAX_MESSAGES_IN_FLIGHT: usize = 4 * MAX_MESSAGES_PER_RUN;

/// A message ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
}

/// The result of publishing the messages of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublishOutcome {
    /// Number of messages in the run.
    pub(super) messages: usize,
    /// Number of messages that are known to be in the stream.
    pub(super) acknowledged: usize,
    /// The highest sequence of an acknowledged message.
    pub(super) last: Sequence,
    /// Why the other messages are not known to be in the stream; `None` when all are.
    pub(super) failure: Option<String>,
}

impl PublishOutcome {
    fn failed(messages: usize, why: &str) -> Self {
        Self {
            messages,
            acknowledged: 0,
            last: Sequence::ZERO,
            failure: Some(why.to_owned()),
        }
    }

    /// Returns success only if all messages are in the stream.
    ///
    /// # Errors
    /// [`JournalError::Unacknowledged`].
    pub(super) fn appended(self) -> Result<Appended, JournalError> {
        let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
        match self.failure {
            None => Ok(Appended {
                count: count(self.messages),
                last: self.last,
            }),
            Some(reason) => Err(JournalError::Unacknowledged {
                acknowledged: count(self.acknowledged),
                records: count(self.messages),
                reason,
            }),
        }
    }
}

/// Publishes the messages of all callers over one connection.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    client: Client,
    /// Maximum time without any answer.
    patience: Duration,
    room: Arc<Semaphore>,
    /// Inboxes that no run uses at present.
    inboxes: Arc<Mutex<Vec<Inbox>>>,
}

/// Receives the answers of one run at a time.
#[derive(Debug)]
struct Inbox {
    subject: String,
    answers: Subscriber,
    /// Number of runs so far. It is part of the subject, so that a late answer is not counted for
    /// another run.
    runs: u64,
}

/// The state of one run.
struct Run {
    /// The reply subject of the run's messages.
    subject: Subject,
    waiting: usize,
    outcome: PublishOutcome,
}

/// The answer of JetStream to a message.
#[derive(Deserialize)]
struct Acknowledgement {
    seq: Option<u64>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    description: Option<String>,
}

impl Pipeline {
    pub(super) fn new(client: Client, patience: Duration) -> Self {
        Self {
            client,
            patience,
            room: Arc::new(Semaphore::new(MAX_MESSAGES_IN_FLIGHT)),
            inboxes: Arc::default(),
        }
    }

    /// Publishes the messages in order. Answers are received when many are in flight, and at the
    /// end. After a failed answer no more messages are sent. `turn` is released when all messages
    /// are sent, before the last answers arrive.
    pub(super) async fn send<T: Send>(&self, outgoing: Vec<Outgoing>, turn: T) -> PublishOutcome {
        let messages = outgoing.len();
        let room = u32::try_from(messages.min(MAX_MESSAGES_PER_RUN)).unwrap_or(u32::MAX);
        let Ok(_room) = self.room.acquire_many(room).await else {
            return PublishOutcome::failed(messages, "the connection is closed");
        };
        let Some(Ok(mut inbox)) = soon(self.inbox(), self.patience).await else {
            return PublishOutcome::failed(
                messages,
                "not sent: the connection accepts no messages",
            );
        };
        inbox.runs += 1;
        let subject = format!("{}.{}", inbox.subject, inbox.runs);
        let mut run = Run::new(subject.into(), messages);
        for message in outgoing {
            while run.waiting >= MAX_MESSAGES_PER_RUN {
                run.hear(&mut inbox, self.patience).await;
            }
            if run.outcome.failure.is_some() {
                break;
            }
            let reply = run.subject.clone();
            match soon(self.publish(message, reply), self.patience).await {
                Some(Ok(())) => run.waiting += 1,
                Some(Err(error)) => run.fail(error.to_string()),
                None => run.fail("not sent: the connection accepts no messages".to_owned()),
            }
        }
        drop(turn);
        while run.waiting > 0 {
            run.hear(&mut inbox, self.patience).await;
        }
        if run.outcome.failure.is_none() {
            self.idle().push(inbox);
        }
        run.outcome
    }

    async fn publish(
        &self,
        message: Outgoing,
        reply: Subject,
    ) -> Result<(), async_nats::client::PublishError> {
        let Outgoing {
            subject,
            headers,
            payload,
        } = message;
        match headers {
            None => {
                self.client
                    .publish_with_reply(subject, reply, payload)
                    .await
            }
            Some(headers) => {
                self.client
                    .publish_with_reply_and_headers(subject, reply, headers, payload)
                    .await
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Inbox>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn inbox(&self) -> Result<Inbox, async_nats::client::SubscribeError> {
        let idle = self.idle().pop();
        if let Some(inbox) = idle {
            return Ok(inbox);
        }
        let subject = self.client.new_inbox();
        let answers = self.client.subscribe(format!("{subject}.*")).await?;
        Ok(Inbox {
            subject,
            answers,
            runs: 0,
        })
    }
}

impl Run {
    fn new(subject: Subject, messages: usize) -> Self {
        Self {
            subject,
            waiting: 0,
            outcome: PublishOutcome {
                messages,
                acknowledged: 0,
                last: Sequence::ZERO,
                failure: None,
            },
        }
    }

    /// Notes that the run has failed. Only the first reason is kept.
    fn fail(&mut self, why: String) {
        self.outcome.failure.get_or_insert(why);
    }

    /// Receives the next answer. When none comes in time, the run fails.
    async fn hear(&mut self, inbox: &mut Inbox, patience: Duration) {
        match soon(inbox.answers.next(), patience).await {
            Some(Some(message)) => return self.take(&message),
            Some(None) => self.fail("the connection is closed".to_owned()),
            None => {
                let seconds = patience.as_secs();
                self.fail(format!("no acknowledgement came within {seconds} seconds"));
            }
        }
        self.waiting = 0;
    }

    fn take(&mut self, message: &Message) {
        if message.subject != self.subject {
            return;
        }
        self.waiting = self.waiting.saturating_sub(1);
        match answer_of(message) {
            Ok(sequence) => {
                self.outcome.acknowledged += 1;
                self.outcome.last = self.outcome.last.max(sequence);
            }
            Err(why) => self.fail(why),
        }
    }
}

/// Returns the result of a future within a time. Mostly it is ready at once and needs no timer.
async fn soon<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().now_or_never() {
        Some(there) => Some(there),
        None => timeout(patience, future).await.ok(),
    }
}

/// Returns the sequence of a message, or why it is not known to be in the stream.
fn answer_of(message: &Message) -> Result<Sequence, String> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err("no stream takes the subject, or JetStream is not ready".to_owned());
    }
    match serde_json::from_slice::<Acknowledgement>(&message.payload) {
        Ok(Acknowledgement {
            error: Some(refusal),
            ..
        }) => Err(refusal.description.unwrap_or_else(|| "refused".to_owned())),
        Ok(Acknowledgement {
            seq: Some(sequence),
            ..
        }) => Ok(Sequence::new(sequence)),
        Ok(_) => Err("the answer has no sequence".to_owned()),
        Err(error) => Err(format!("the answer is not understood: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, payload: &str) -> Message {
        Message {
            subject: subject.into(),
            reply: None,
            payload: Bytes::from(payload.to_owned()),
            headers: None,
            status: None,
            description: None,
            length: payload.len(),
        }
    }

    #[test]
    fn run_counts_only_its_own_answers_and_keeps_the_first_failure() {
        let mut run = Run::new("i.2".into(), 4);
        run.waiting = 3;
        for (subject, payload) in [
            ("i.1", r#"{"stream":"TWEETS","seq":70}"#),
            ("i.2", r#"{"stream":"TWEETS","seq":9,"domain":"hub"}"#),
            ("i.2", r#"{"stream":"TWEETS","seq":8}"#),
        ] {
            run.take(&message(subject, payload));
        }
        assert_eq!((run.waiting, &run.outcome.failure), (1, &None));
        for reason in ["full", "full again"] {
            run.take(&message(
                "i.2",
                &format!(
                    r#"{{"error":{{"code":503,"description":"{reason}"}},"stream":"TWEETS"}}"#
                ),
            ));
        }
        let expected = PublishOutcome {
            messages: 4,
            acknowledged: 2,
            last: Sequence::new(9),
            failure: Some("full".to_owned()),
        };
        assert_eq!((run.waiting, run.outcome), (0, expected));
    }

    #[test]
    fn malformed_acknowledgement_is_a_failure() {
        let no_responders = Message {
            status: Some(StatusCode::NO_RESPONDERS),
            ..message("i.1", "")
        };
        assert!(
            answer_of(&no_responders)
                .unwrap_err()
                .starts_with("no stream")
        );
        for payload in ["", "{}", "[]", r#"{"seq":-1}"#, r#"{"error":{}}"#] {
            assert!(answer_of(&message("i.1", payload)).is_err(), "{payload}");
        }
    }
}
