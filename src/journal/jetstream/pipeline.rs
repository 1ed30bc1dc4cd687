//! Publishing many messages at a time, and hearing what became of each of them.
//!
//! The messages of one run are answered to one inbox, each to a subject that ends with its place in
//! the run. An inbox, a timer and an entry in a map for each message, as the client library keeps
//! them, would cost as much as all the rest of publishing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So many answers of one run are waited for at a time …
const MOST_OF_A_RUN: usize = 1_024;
/// … and so many of all runs together.
const MOST_IN_FLIGHT: usize = 4 * MOST_OF_A_RUN;

/// A message ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
}

/// What became of a message: the sequence that it was given, or why it isn't known to be there.
pub(super) type Answer = Result<u64, String>;

/// Publishes for everybody over one connection.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    client: Client,
    /// How long nothing at all may be heard.
    patience: Duration,
    room: Arc<Semaphore>,
    /// Inboxes that no run uses now.
    inboxes: Arc<Mutex<Vec<Inbox>>>,
}

/// Where the answers of one run at a time come in.
#[derive(Debug)]
struct Inbox {
    subject: String,
    answers: Subscriber,
    /// Runs so far: who comes too late for its own run is not taken for another's.
    runs: u64,
}

/// What has been heard of the messages of one run.
struct Run {
    /// What the subjects of its answers begin with.
    prefix: String,
    /// Of those that were sent, in order.
    answers: Vec<Option<Answer>>,
    waiting: usize,
    failed: bool,
}

/// What JetStream answers to a message.
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
            room: Arc::new(Semaphore::new(MOST_IN_FLIGHT)),
            inboxes: Arc::default(),
        }
    }

    /// Publishes in order, and answers in the same order. Nothing more is sent behind a failure
    /// that is known of. `turn` is given back when all is sent, before the last answers are there.
    pub(super) async fn send<T: Send>(&self, outgoing: Vec<Outgoing>, turn: T) -> Vec<Answer> {
        let all = outgoing.len();
        let room = u32::try_from(all.min(MOST_OF_A_RUN)).unwrap_or(u32::MAX);
        let (Ok(_room), Ok(mut inbox)) = (self.room.acquire_many(room).await, self.inbox().await)
        else {
            return vec![Err("the connection is closed".to_owned()); all];
        };
        inbox.runs += 1;
        let mut run = Run::new(format!("{}.{}.", inbox.subject, inbox.runs), all);
        for (index, message) in outgoing.into_iter().enumerate() {
            while run.waiting >= MOST_OF_A_RUN {
                run.hear(&mut inbox, self.patience).await;
            }
            if run.failed {
                break;
            }
            let reply = format!("{}{index}", run.prefix);
            match soon(self.publish(message, reply), self.patience).await {
                Some(Ok(())) => run.sent(),
                Some(Err(error)) => run.not_sent(error.to_string()),
                None => run.not_sent("not sent: the connection takes nothing".to_owned()),
            }
        }
        drop(turn);
        while run.waiting > 0 {
            run.hear(&mut inbox, self.patience).await;
        }
        if !run.failed {
            self.idle().push(inbox);
        }
        run.finish(all, self.patience)
    }

    async fn publish(
        &self,
        message: Outgoing,
        reply: String,
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
        let answers = self.client.subscribe(format!("{subject}.*.*")).await?;
        Ok(Inbox {
            subject,
            answers,
            runs: 0,
        })
    }
}

impl Run {
    fn new(prefix: String, all: usize) -> Self {
        Self {
            prefix,
            answers: Vec::with_capacity(all),
            waiting: 0,
            failed: false,
        }
    }

    fn sent(&mut self) {
        self.answers.push(None);
        self.waiting += 1;
    }

    fn not_sent(&mut self, why: String) {
        self.answers.push(Some(Err(why)));
        self.failed = true;
    }

    /// Takes the next answer; when none comes for too long, what is waited for is given up.
    async fn hear(&mut self, inbox: &mut Inbox, patience: Duration) {
        if let Some(Some(message)) = soon(inbox.answers.next(), patience).await {
            self.take(&message);
        } else {
            self.waiting = 0;
            self.failed = true;
        }
    }

    fn take(&mut self, message: &Message) {
        let index = message.subject.strip_prefix(self.prefix.as_str());
        let index = index.and_then(|index| index.parse::<usize>().ok());
        if let Some(place @ None) = index.and_then(|index| self.answers.get_mut(index)) {
            let answer = answer_of(message);
            self.failed |= answer.is_err();
            *place = Some(answer);
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    fn finish(self, all: usize, patience: Duration) -> Vec<Answer> {
        let unanswered = || {
            let seconds = patience.as_secs();
            Err(format!("no acknowledgement came within {seconds} seconds"))
        };
        let unsent = || Err("not sent, because an earlier one failed".to_owned());
        let answered = self.answers.into_iter();
        let mut answers: Vec<_> = answered
            .map(|answer| answer.unwrap_or_else(unanswered))
            .collect();
        answers.resize_with(all, unsent);
        answers
    }
}

/// What a future gives within a time. Mostly it is there already, and needs no timer.
async fn soon<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().now_or_never() {
        Some(there) => Some(there),
        None => timeout(patience, future).await.ok(),
    }
}

fn answer_of(message: &Message) -> Answer {
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
        }) => Ok(sequence),
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
    fn answers_find_their_messages_in_any_order() {
        let mut run = Run::new("i.2.".to_owned(), 4);
        (0..3).for_each(|_| run.sent());
        for (subject, payload) in [
            ("i.1.0", r#"{"stream":"TWEETS","seq":7}"#),
            ("i.2.1", r#"{"stream":"TWEETS","seq":9,"domain":"hub"}"#),
            ("i.2.0", r#"{"stream":"TWEETS","seq":8}"#),
            ("i.2.0", r#"{"stream":"TWEETS","seq":10}"#),
            ("i.2.3", r#"{"stream":"TWEETS","seq":11}"#),
        ] {
            run.take(&message(subject, payload));
        }
        assert_eq!((run.waiting, run.failed), (1, false));
        run.take(&message(
            "i.2.2",
            r#"{"error":{"code":503,"err_code":10077,"description":"full"},"stream":"TWEETS"}"#,
        ));
        assert_eq!((run.waiting, run.failed), (0, true));
        assert_eq!(
            run.finish(4, Duration::from_secs(5)),
            [
                Ok(8),
                Ok(9),
                Err("full".to_owned()),
                Err("not sent, because an earlier one failed".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_no_acknowledgement_is_no_success() {
        let nobody = Message {
            status: Some(StatusCode::NO_RESPONDERS),
            ..message("i.1.0", "")
        };
        assert!(answer_of(&nobody).unwrap_err().starts_with("no stream"));
        for payload in ["", "{}", "[]", r#"{"seq":-1}"#, r#"{"error":{}}"#] {
            assert!(answer_of(&message("i.1.0", payload)).is_err(), "{payload}");
        }
    }
}
