//! `tidings rejected …`: reads and re-drives the rejected log, with the server stopped.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::Invocation;
use super::failure::CommandOutcome;
use super::journal::readable;
use super::look;
use super::output::{CappedList, Listing, plain};
use crate::app::{DataFolder, open_journal};
use crate::events::{Record, Timestamp, Token, json};
use crate::journal::{Journal, RejectedEntry, RejectedLog};

#[derive(Debug, Subcommand)]
pub(super) enum RejectedAction {
    /// All entries, oldest first
    Ls,
    /// One entry with its payload
    Show {
        /// Sequence of the rejected record in the journal
        sequence: u64,
    },
    /// Append the payloads again that can be decoded now; entries stay in the log
    Redrive {
        /// Sequences of the rejected records in the journal
        #[arg(required_unless_present = "all", value_name = "SEQUENCE")]
        sequences: Vec<u64>,
        /// Every entry
        #[arg(long, conflicts_with = "sequences")]
        all: bool,
    },
}

/// An entry as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    sequence: u64,
    received_at: String,
    token: String,
    addressed: bool,
    reason: String,
    length: u64,
}

pub(super) async fn run(
    action: RejectedAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    match action {
        RejectedAction::Ls => {
            let look = look::journal(invocation).await?;
            ls(&*look.journal.rejected(), invocation).await
        }
        RejectedAction::Show { sequence } => {
            let look = look::journal(invocation).await?;
            show(&*look.journal.rejected(), sequence, invocation).await
        }
        RejectedAction::Redrive { sequences, all } => {
            let folder = DataFolder::take_existing(&invocation.settings.data)?;
            let journal = open_journal(&invocation.settings, &folder).await?;
            let chosen = if all { None } else { Some(sequences) };
            let outcome = redrive(&*journal, chosen, invocation).await;
            journal.close().await?;
            outcome
        }
    }
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

async fn ls(log: &dyn RejectedLog, invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let headings = ["sequence", "received", "token", "reason"];
    let mut listing = Listing::new(invocation.output, headings);
    let mut after = Some(0);
    while let Some(position) = after {
        let page = log.page(position).await?;
        let entries: Vec<Shown> = page.entries.iter().map(shown).collect();
        listing.add(&entries, |entry| {
            [
                entry.sequence.to_string(),
                entry.received_at.clone(),
                entry.token.clone(),
                entry.reason.clone(),
            ]
        })?;
        after = page.end;
    }
    listing.finish()?;
    Ok(CommandOutcome::Done)
}

async fn show(
    log: &dyn RejectedLog,
    sequence: u64,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let found = choose(log, &[sequence]).await?;
    let entry = found.first().with_context(|| unknown(sequence))?;
    let mut value = serde_json::to_value(shown(entry))?;
    let (name, payload) = readable("payload", &entry.payload);
    if let Value::Object(object) = &mut value {
        object.insert(name, payload);
        object.insert(
            "incarnation".to_owned(),
            json!(entry.incarnation.to_string()),
        );
    }
    let json = if invocation.output.is_json() {
        serde_json::to_string(&value)?
    } else {
        serde_json::to_string_pretty(&value)?
    };
    invocation.output.json(&json)?;
    Ok(CommandOutcome::Done)
}

fn unknown(sequence: u64) -> String {
    format!("no entry has the sequence {sequence}; `tidings rejected ls` lists them all")
}

/// The entries with these sequences, in the order of the log; an error if one is missing.
async fn choose(log: &dyn RejectedLog, sequences: &[u64]) -> anyhow::Result<Vec<RejectedEntry>> {
    let mut missing: BTreeSet<u64> = sequences.iter().copied().collect();
    let mut chosen = Vec::new();
    let mut after = Some(0);
    while let Some(position) = after
        && !missing.is_empty()
    {
        let page = log.page(position).await?;
        let found = page.entries.into_iter();
        chosen.extend(found.filter(|entry| missing.remove(&entry.sequence.get())));
        after = page.end;
    }
    match missing.first() {
        Some(sequence) => bail!(unknown(*sequence)),
        None => Ok(chosen),
    }
}

/// Re-drives the entries with these sequences, or all.
async fn redrive(
    journal: &dyn Journal,
    sequences: Option<Vec<u64>>,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let log = journal.rejected();
    let mut done = Done::default();
    match sequences {
        Some(sequences) => {
            let chosen = choose(&*log, &sequences).await?;
            done.redrive(journal, chosen).await?;
        }
        None => {
            let mut after = Some(0);
            while let Some(position) = after {
                let page = log.page(position).await?;
                done.redrive(journal, page.entries).await?;
                after = page.end;
            }
        }
    }
    let outcome = if done.rejected.count() == 0 {
        CommandOutcome::Done
    } else {
        CommandOutcome::Failed
    };
    invocation.output.show(&done.listed(), |_| done.text())?;
    Ok(outcome)
}

/// The outcome of re-driving entries.
#[derive(Debug, Default)]
struct Done {
    redriven: CappedList<u64>,
    rejected: CappedList<(u64, String)>,
}

/// The outcome of one entry, or the number of entries that are left out.
#[derive(Debug, Serialize)]
struct Redriven {
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    redriven: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Number of entries left out; `sequence` is absent then.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<u64>,
}

impl Redriven {
    fn one(sequence: u64, reason: Option<String>) -> Self {
        Self {
            sequence: Some(sequence),
            redriven: reason.is_none(),
            reason,
            more: None,
        }
    }

    fn more(redriven: bool, more: u64) -> Option<Self> {
        (more > 0).then_some(Self {
            sequence: None,
            redriven,
            reason: None,
            more: Some(more),
        })
    }
}

impl Done {
    async fn redrive(
        &mut self,
        journal: &dyn Journal,
        entries: Vec<RejectedEntry>,
    ) -> anyhow::Result<()> {
        let now = Timestamp::now();
        let mut records = Vec::new();
        let mut redriven = Vec::new();
        for entry in entries {
            let sequence = entry.sequence.get();
            match decoded(&entry, now) {
                Ok(record) => {
                    records.push(record);
                    redriven.push(sequence);
                }
                Err(error) => self.rejected.push((sequence, error.to_string())),
            }
        }
        // Entries count as re-driven only after the journal has their records.
        journal.append(records).await?;
        redriven
            .into_iter()
            .for_each(|sequence| self.redriven.push(sequence));
        Ok(())
    }

    /// The re-driven and the rejected entries as the members of the JSON output.
    fn listed(&self) -> Vec<Redriven> {
        let redriven = self.redriven.named().iter();
        let rejected = self.rejected.named().iter();
        redriven
            .map(|sequence| Redriven::one(*sequence, None))
            .chain(Redriven::more(true, self.redriven.more()))
            .chain(rejected.map(|(sequence, why)| Redriven::one(*sequence, Some(why.clone()))))
            .chain(Redriven::more(false, self.rejected.more()))
            .collect()
    }

    fn text(&self) -> String {
        let still = self.rejected.named().iter();
        let mut lines: Vec<String> = still
            .map(|(sequence, why)| format!("{sequence} is still rejected: {}", plain(why)))
            .collect();
        if self.rejected.more() > 0 {
            lines.push(format!("{} more are still rejected", self.rejected.more()));
        }
        lines.push(format!(
            "{} re-driven, {} still rejected",
            self.redriven.count(),
            self.rejected.count()
        ));
        lines.join("\n")
    }
}

/// Decodes an entry to the record to append. The token's keyword is brought into normal form.
fn decoded(entry: &RejectedEntry, now: Timestamp) -> anyhow::Result<Record> {
    let kept = u64::try_from(entry.payload.len())?;
    if kept < entry.length {
        bail!(
            "only the first {kept} of its {} bytes were kept",
            entry.length
        );
    }
    let keyword = Token::decode_lenient(&entry.token)?;
    let event = json::decode(&entry.payload, now)?;
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
    fn decodable_entries_are_redriven_to_the_right_token() {
        let payload = r#"{"type":"tweet.deleted","id":"1","at":"2020-01-01T00:00:00Z"}"#;
        let record = decoded(&entry("AI", payload), Timestamp::now()).unwrap();
        assert_eq!(&record.token[..], b"ai");
    }

    #[test]
    fn many_entries_are_counted_and_the_first_of_each_kind_named() {
        let mut done = Done::default();
        for sequence in 1..=500 {
            done.redriven.push(sequence);
            done.rejected
                .push((sequence + 500, "still bad \u{7}".to_owned()));
        }
        let text = done.text();
        assert_eq!(text.lines().count(), 102);
        assert!(text.contains("501 is still rejected: still bad \\u{7}"));
        assert!(text.ends_with("400 more are still rejected\n500 re-driven, 500 still rejected"));
        let json = serde_json::to_value(done.listed()).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 202);
        assert_eq!(json[201], json!({"redriven": false, "more": 400}));
    }

    #[test]
    fn undecodable_entries_stay_with_their_reason() {
        let reason = |entry| decoded(&entry, Timestamp::now()).unwrap_err().to_string();
        assert!(reason(entry("a", "nonsense")).contains("not JSON"));
        let mut cut = entry("a", "{}");
        cut.length = 70_000;
        assert!(reason(cut).contains("first 2 of its 70000"));
        assert!(reason(entry("%FF", "{}")).contains("token"));
    }
}
