//! Keeping what cannot be folded, before the checkpoint passes it.

use std::time::Duration;

use crate::events::{Content, Envelope, Incarnation, KeywordRecord, Token};
use crate::journal::{Journal, JournalError, MAX_KEPT_BYTES, RejectedEntry};

/// Pauses between tries; after the last the error goes up.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// The rejected log's entry for a record that cannot be folded.
pub(super) fn entry(incarnation: Incarnation, envelope: &Envelope) -> Option<RejectedEntry> {
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

/// Keeps the entries in the journal's rejected log, durably.
pub(super) async fn keep(
    journal: &dyn Journal,
    entries: Vec<RejectedEntry>,
) -> Result<(), JournalError> {
    if entries.is_empty() {
        return Ok(());
    }
    let log = journal.rejected();
    for pause in PAUSES {
        match log.append(entries.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::error!(%error, ?pause, "rejected records could not be kept; trying again");
                tokio::time::sleep(pause).await;
            }
        }
    }
    log.append(entries).await.map(|_| ())
}
