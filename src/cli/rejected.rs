//! `tidings rejected …`: the log of what could not be folded, with the server stopped.

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::Invocation;
use super::data_folder::DataFolder;
use super::failure::Outcome;
use super::journal::readable;
use super::output::table;
use super::system::{look_at_journal, open_journal};
use crate::events::{Record, Timestamp, Token, wire};
use crate::journal::{Journal, RejectedEntry};

/// How many entries are appended to the journal at once.
const GROUP: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// All entries, oldest first
    Ls,
    /// One entry with its payload
    Show {
        /// Its sequence in the journal
        sequence: u64,
    },
    /// Append payloads anew that can be decoded by now; entries stay in the log
    Redrive {
        /// Their sequences in the journal
        #[arg(required_unless_present = "all", value_name = "SEQUENCE")]
        sequences: Vec<u64>,
        /// Every entry
        #[arg(long, conflicts_with = "sequences")]
        all: bool,
    },
}

/// An entry as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    sequence: u64,
    received_at: String,
    token: String,
    addressed: bool,
    reason: String,
    length: u64,
}

/// What became of an entry that was to be re-driven.
#[derive(Debug, Serialize)]
struct Redriven {
    sequence: u64,
    redriven: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) async fn run(action: Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let folder = DataFolder::take_existing(&invocation.settings.data)?;
    match action {
        Action::Ls => ls(&entries_in(&folder, invocation).await?, invocation),
        Action::Show { sequence } => show(
            &entries_in(&folder, invocation).await?,
            sequence,
            invocation,
        ),
        Action::Redrive { sequences, all } => {
            let journal = open_journal(&invocation.settings, &folder).await?;
            let entries = journal.rejected().entries().await?;
            let chosen = choose(&entries, &sequences, all)?;
            let outcome = redrive(&*journal, &chosen, invocation).await;
            journal.close().await?;
            outcome
        }
    }
}

async fn entries_in(
    folder: &DataFolder,
    invocation: &Invocation,
) -> anyhow::Result<Vec<RejectedEntry>> {
    let journal = look_at_journal(&invocation.settings, folder).await?;
    Ok(journal.rejected().entries().await?)
}

fn shown(entry: &RejectedEntry) -> Shown {
    Shown {
        sequence: entry.sequence.get(),
        received_at: entry.received_at.to_string(),
        token: String::from_utf8_lossy(&entry.token).into_owned(),
        addressed: entry.addressed,
        reason: entry.reason.clone(),
        length: entry.length,
    }
}

fn ls(entries: &[RejectedEntry], invocation: &Invocation) -> anyhow::Result<Outcome> {
    let entries: Vec<Shown> = entries.iter().map(shown).collect();
    invocation.output.show(&entries, |entries| {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                [
                    entry.sequence.to_string(),
                    entry.received_at.clone(),
                    entry.token.clone(),
                    entry.reason.clone(),
                ]
            })
            .collect();
        table(["sequence", "received", "token", "reason"], &rows)
    })?;
    Ok(Outcome::Done)
}

fn show(
    entries: &[RejectedEntry],
    sequence: u64,
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
    let entry = entries
        .iter()
        .find(|entry| entry.sequence.get() == sequence)
        .with_context(|| unknown(sequence))?;
    let mut value = serde_json::to_value(shown(entry))?;
    let (name, payload) = readable("payload", &entry.payload);
    if let Value::Object(object) = &mut value {
        object.insert(name, payload);
        object.insert(
            "incarnation".to_owned(),
            json!(entry.incarnation.to_string()),
        );
    }
    invocation.output.show(&value, |value| {
        serde_json::to_string_pretty(value).unwrap_or_default()
    })?;
    Ok(Outcome::Done)
}

fn unknown(sequence: u64) -> String {
    format!("no entry has the sequence {sequence}; `tidings rejected ls` lists them all")
}

fn choose<'a>(
    entries: &'a [RejectedEntry],
    sequences: &[u64],
    all: bool,
) -> anyhow::Result<Vec<&'a RejectedEntry>> {
    if all {
        return Ok(entries.iter().collect());
    }
    sequences
        .iter()
        .map(|sequence| {
            entries
                .iter()
                .find(|entry| entry.sequence.get() == *sequence)
                .ok_or_else(|| anyhow!(unknown(*sequence)))
        })
        .collect()
}

async fn redrive(
    journal: &dyn Journal,
    entries: &[&RejectedEntry],
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
    let now = Timestamp::now();
    let mut done = Vec::new();
    for group in entries.chunks(GROUP) {
        let mut records = Vec::new();
        for entry in group {
            let record = decoded(entry, now);
            done.push(Redriven {
                sequence: entry.sequence.get(),
                redriven: record.is_ok(),
                reason: record.as_ref().err().map(ToString::to_string),
            });
            records.extend(record);
        }
        journal.append(records).await?;
    }
    let left = done.iter().filter(|one| !one.redriven).count();
    invocation.output.show(&done, |done| {
        let mut lines: Vec<String> = done
            .iter()
            .filter_map(|one| {
                let reason = one.reason.as_ref()?;
                Some(format!("{} is still rejected: {reason}", one.sequence))
            })
            .collect();
        lines.push(format!(
            "{} re-driven, {left} still rejected",
            done.len().saturating_sub(left)
        ));
        lines.join("\n")
    })?;
    Ok(if left == 0 {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

/// The record that an entry makes today. A token in another spelling goes to the right one.
fn decoded(entry: &RejectedEntry, now: Timestamp) -> anyhow::Result<Record> {
    let kept = u64::try_from(entry.payload.len())?;
    if kept < entry.length {
        bail!(
            "only the first {kept} of its {} bytes were kept",
            entry.length
        );
    }
    let keyword = Token::decode_lenient(&entry.token)?;
    let event = wire::decode(&entry.payload, now)?;
    Ok(Record::of_event(&keyword, &event, now)?)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::events::{Incarnation, Sequence};

    fn entry(token: &str, payload: &str) -> RejectedEntry {
        RejectedEntry {
            incarnation: Incarnation(1),
            sequence: Sequence::new(5),
            received_at: Timestamp::EARLIEST,
            token: Bytes::copy_from_slice(token.as_bytes()),
            addressed: true,
            code: None,
            reason: "then".to_owned(),
            length: u64::try_from(payload.len()).unwrap(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    #[test]
    fn what_can_be_decoded_by_now_goes_to_the_right_token() {
        let payload = r#"{"type":"tweet.deleted","id":"1","at":"2020-01-01T00:00:00Z"}"#;
        let record = decoded(&entry("AI", payload), Timestamp::now()).unwrap();
        assert_eq!(&record.token[..], b"ai");
    }

    #[test]
    fn what_cannot_stays_and_says_why() {
        let reason = |entry| decoded(&entry, Timestamp::now()).unwrap_err().to_string();
        assert!(reason(entry("a", "nonsense")).contains("not JSON"));
        let mut cut = entry("a", "{}");
        cut.length = 70_000;
        assert!(reason(cut).contains("first 2 of its 70000"));
        assert!(reason(entry("%FF", "{}")).contains("token"));
    }
}
