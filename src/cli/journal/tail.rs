//! `tidings journal tail`: the last events.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::look;
use crate::events::{Content, Envelope, KeywordRecord, Sequence, json};
use crate::journal::Selection;

/// Records per read.
const BATCH: usize = 1_000;

#[derive(Debug, Args)]
pub(in crate::cli) struct TailArguments {
    /// Number of events
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: u64,
}

pub(super) async fn run(
    arguments: &TailArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let look = look::journal(invocation).await?;
    let journal = &look.journal;
    let head = *journal.head().borrow();
    let position = Sequence::new(head.get().saturating_sub(arguments.lines));
    let mut position = position.max(journal.start().sequence);
    let mut reader = journal.read(position, Selection::All).await?;
    while position < head {
        let batch = reader.next(BATCH).await?;
        for envelope in &batch.envelopes {
            invocation.output.json(&line_of(envelope)?)?;
        }
        position = batch.end;
    }
    Ok(CommandOutcome::Done)
}

/// One record as JSON. The text format prints the same line, so that it leaves out no member.
fn line_of(envelope: &Envelope) -> anyhow::Result<String> {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("sequence", envelope.sequence.get().into());
    put("received_at", envelope.received_at.to_string().into());
    let rejected = |payload: &[u8], reason: &str| {
        let (name, text) = readable("payload", payload);
        json!({ "reason": reason, name: text })
    };
    match &envelope.content {
        Content::Keyword(keyword, record) => {
            put("keyword", keyword.as_str().into());
            match record {
                KeywordRecord::Event(event) => {
                    put("event", serde_json::from_slice(&json::encode(event))?)
                }
                KeywordRecord::Rejected { payload, reason } => {
                    put("rejected", rejected(payload, reason))
                }
                KeywordRecord::Hollow(hollow) => {
                    let at = hollow.at.to_string();
                    put("erased", json!({ "type": hollow.kind.name(), "at": at }))
                }
            };
        }
        Content::Unaddressed {
            token,
            payload,
            reason,
        } => {
            let (name, text) = readable("token", token);
            put(&name, text);
            put("rejected", rejected(payload, reason));
        }
    }
    Ok(Value::Object(line).to_string())
}

/// Bytes as a JSON member: as text, or in base64 under a name that ends in `_base64`.
pub(in crate::cli) fn readable(name: &str, bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.into()),
        Err(_) => (
            format!("{name}_base64"),
            BASE64_STANDARD.encode(bytes).into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::events::{Keyword, Timestamp};

    #[test]
    fn bytes_that_are_not_utf8_are_shown_in_base64() {
        let record = KeywordRecord::Rejected {
            payload: Bytes::from_static(b"\xff\x00"),
            reason: "not UTF-8".to_owned(),
        };
        let envelope = Envelope {
            sequence: Sequence::new(3),
            received_at: Timestamp::EARLIEST,
            content: Content::Keyword(Keyword::new("a").unwrap(), record),
            origin: None,
        };
        let line: Value = serde_json::from_str(&line_of(&envelope).unwrap()).unwrap();
        assert_eq!(line["rejected"]["payload_base64"], "/wA=");
        assert_eq!(line["keyword"], "a");
    }
}
