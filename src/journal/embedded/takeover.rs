//! Takes over a journal of an earlier version of the normal form.

use std::collections::HashSet;
use std::sync::Arc;

use super::body::GroupBody;
use crate::events::{NORMAL_FORM_VERSION, Sequence};
use crate::journal::JournalError;
use crate::journal::earlier_tokens::ChangedTokens;
use crate::journal::segments::{Log, SegmentCursor, Writer};

/// Maximum number of tokens that are remembered as checked. When it is reached, all are forgotten.
const MAX_REMEMBERED_TOKENS: usize = 200_000;

/// Checks that the tokens of the log name the same keywords in the current normal form, and then
/// marks the log with the current version. Reads the whole log if it is not marked yet.
///
/// # Errors
/// [`JournalError::EarlierTokens`] when tokens name another keyword now, or none, and errors of
/// reading and writing.
pub(super) fn take_over(
    log: &Arc<Log>,
    head: Sequence,
    writer: &mut Writer,
) -> Result<(), JournalError> {
    if log.normal_form() == NORMAL_FORM_VERSION {
        return Ok(());
    }
    check_tokens(log, head)?;
    tracing::info!(
        from = log.normal_form(),
        to = NORMAL_FORM_VERSION,
        "the journal was written under an earlier version of the normal form; all of its keywords \
        are the same under this one"
    );
    writer.begin_normal_form()
}

fn check_tokens(log: &Arc<Log>, head: Sequence) -> Result<(), JournalError> {
    let mut changed = ChangedTokens::default();
    if head > log.start() {
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let mut cursor = SegmentCursor::behind(log, log.start())?;
        while cursor.advance(head)? {
            let Some(body) = GroupBody::parse(cursor.record().body) else {
                continue;
            };
            if seen.contains(body.token) {
                continue;
            }
            if seen.len() >= MAX_REMEMBERED_TOKENS {
                seen.clear();
            }
            seen.insert(body.token.to_vec());
            changed.look_at(body.token);
        }
    }
    changed.refuse_any()
}
