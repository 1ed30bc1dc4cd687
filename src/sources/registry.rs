//! The table of sources: builds the source of a kind.

use std::sync::Arc;

use super::bluesky::BlueskySource;
use super::mastodon::MastodonSource;
use super::x::XSource;
use super::{ConnectError, Requests, Source, SourceKind, SourceName};
use crate::events::Clock;
use crate::settings::SourcesSettings;

/// Builds the source of a kind from the settings.
///
/// # Errors
/// [`ConnectError::Unusable`] when a setting or a secret is missing or wrong.
pub fn build(
    kind: SourceKind,
    settings: &SourcesSettings,
    name: &SourceName,
    clock: &Clock,
    requests: &Requests,
) -> Result<Arc<dyn Source>, ConnectError> {
    let (clock, requests) = (clock.clone(), requests.timed_by(clock));
    Ok(match kind {
        SourceKind::Mastodon => Arc::new(MastodonSource::new(
            settings.mastodon.clone(),
            clock,
            requests,
        )?),
        SourceKind::Bluesky => Arc::new(BlueskySource::new(
            settings.bluesky.clone(),
            clock,
            requests,
        )?),
        SourceKind::X => {
            let settings = settings.x.clone();
            Arc::new(XSource::new(settings, name.as_str(), clock, requests)?)
        }
        SourceKind::File => {
            return Err(ConnectError::Unusable(
                "files have no connection".to_owned(),
            ));
        }
    })
}
