//! Takes over a stream of an earlier version of the normal form.

use async_nats::jetstream::stream::Info;

use super::api::StreamApi;
use super::message::token_of;
use super::streams::{NORMAL_FORM, normal_form_of};
use crate::events::NORMAL_FORM_VERSION;
use crate::journal::JournalError;
use crate::journal::earlier_tokens::ChangedTokens;

/// Checks that the tokens of the stream of events name the same keywords in the current normal
/// form, and then marks the metadata of the stream with the current version. If the metadata cannot
/// be changed, this is logged, and the next start checks the tokens again.
///
/// # Errors
/// [`JournalError::EarlierTokens`] when tokens name another keyword now, or none,
/// [`JournalError::Unsupported`] when the stream is of a later version, and
/// [`JournalError::Broker`].
pub(super) async fn take_over(events: &StreamApi, info: &Info) -> Result<(), JournalError> {
    let version = normal_form_of(&info.config);
    if version == NORMAL_FORM_VERSION {
        return Ok(());
    }
    if version > NORMAL_FORM_VERSION {
        return Err(JournalError::Unsupported {
            path: format!("stream {}", events.name).into(),
            what: format!(
                "its metadata {NORMAL_FORM} is {:?}, and this tidings knows up to \
                {NORMAL_FORM_VERSION}: use a newer one",
                info.config
                    .metadata
                    .get(NORMAL_FORM)
                    .map_or("", String::as_str)
            ),
        });
    }
    check_tokens(events).await?;
    let marked = events
        .set_metadata(NORMAL_FORM, &NORMAL_FORM_VERSION.to_string())
        .await;
    match marked {
        Ok(()) => tracing::info!(
            stream = events.name,
            from = version,
            to = NORMAL_FORM_VERSION,
            "the stream was written under an earlier version of the normal form; all of its \
            keywords are the same under this one"
        ),
        Err(error) => tracing::warn!(
            %error,
            "all keywords of the stream {} are the same in version {NORMAL_FORM_VERSION} of the \
            normal form, but its metadata could not be changed, so that each start looks at them \
            again: allow $JS.API.STREAM.UPDATE.{0} once, or run `nats stream edit {0} --metadata \
            {NORMAL_FORM}={NORMAL_FORM_VERSION}`",
            events.name
        ),
    }
    Ok(())
}

async fn check_tokens(events: &StreamApi) -> Result<(), JournalError> {
    let mut changed = ChangedTokens::default();
    let mut passed = 0;
    loop {
        let subjects = events.subjects(passed).await?;
        for subject in &subjects {
            changed.look_at(token_of(subject).as_bytes());
        }
        if subjects.is_empty() {
            return changed.refuse_any();
        }
        passed += subjects.len();
    }
}
