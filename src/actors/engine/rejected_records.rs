//! Writes unfoldable records to the rejected log, before a checkpoint passes them.

use std::time::Duration;

use tokio::time::Instant;

use crate::events::{Content, Envelope, Incarnation, KeywordRecord, Token};
use crate::journal::{Journal, JournalError, MAX_KEPT_BYTES, RejectedEntry};

/// Pauses between the tries of a command to write entries. The last try returns the error.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
];
/// First pause between the tries of a shard to write entries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes a shard's rejected records to the log, and schedules the retries.
#[derive(Debug, Default)]
pub(super) struct RejectedRecords {
    /// Deadline and pause of the next try, if the last one failed.
    retry: Option<(Instant, Duration)>,
}

impl RejectedRecords {
    /// Writes the entries to the journal's rejected log, durably. False when the last try failed
    /// and the next is not due.
    ///
    /// # Errors
    /// The error of the log; a later try may succeed.
    pub(crate) async fn keep(
        &mut self,
        journal: &dyn Journal,
        entries: Vec<RejectedEntry>,
    ) -> Result<bool, JournalError> {
        if self.retry.is_some_and(|(next, _)| Instant::now() < next) {
            return Ok(false);
        }
        let kept = if entries.is_empty() {
            Ok(0)
        } else {
            journal.rejected().append(entries).await
        };
        match kept {
            Ok(_) => {
                self.retry = None;
                Ok(true)
            }
            Err(error) => {
                let pause = self.retry.map_or(FIRST_PAUSE, |(_, pause)| {
                    pause.saturating_mul(2).min(LONGEST_PAUSE)
                });
                self.retry = Some((Instant::now() + pause, pause));
                Err(error)
            }
        }
    }
}

/// The rejected log's entry for an unfoldable record; `None` for a record that can be folded.
pub(crate) fn entry(incarnation: Incarnation, envelope: &Envelope) -> Option<RejectedEntry> {
    let (token, addressed, payload, reason) = match &envelope.content {
        Content::Keyword(_, KeywordRecord::Event(_) | KeywordRecord::Hollow(_)) => return None,
        Content::Keyword(keyword, KeywordRecord::Rejected { payload, reason }) => {
            let token = Token::of(keyword).as_str().as_bytes().to_vec().into();
            (token, true, payload, reason)
        }
        Content::Unaddressed {
            token,
            payload,
            reason,
        } => (token.clone(), false, payload, reason),
    };
    Some(RejectedEntry {
        incarnation,
        sequence: envelope.sequence,
        received_at: envelope.received_at,
        token,
        addressed,
        code: None,
        reason: reason.clone(),
        length: u64::try_from(payload.len()).unwrap_or(u64::MAX),
        payload: payload.slice(..payload.len().min(MAX_KEPT_BYTES)),
    })
}

/// Writes the entries to the journal's rejected log, durably; for a command. `failed` is called for
/// every failed try except the last.
pub(crate) async fn keep(
    journal: &dyn Journal,
    entries: Vec<RejectedEntry>,
    failed: impl Fn(&JournalError),
) -> Result<(), JournalError> {
    if entries.is_empty() {
        return Ok(());
    }
    let log = journal.rejected();
    for pause in PAUSES {
        match log.append(entries.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                failed(&error);
                tokio::time::sleep(pause).await;
            }
        }
    }
    log.append(entries).await.map(|_| ())
}
