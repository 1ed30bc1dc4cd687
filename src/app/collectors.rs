//! The collectors inside the server: one for each kind of source that the settings enable.

use std::path::Path;
use std::sync::Arc;

use super::sources::InProcess;
use crate::events::{Clock, Timestamp};
use crate::journal::SourcesBucket;
use crate::settings::Settings;
use crate::sources::{RunCollector, ServedCollector, SharedSource, SourceKind, SourceName};

/// The collectors that the settings enable.
pub(super) fn enabled(
    settings: &Settings,
    data: &Path,
    destination: &Arc<InProcess>,
    bucket: Option<&Arc<SourcesBucket>>,
) -> Vec<Arc<dyn RunCollector>> {
    let sources = &settings.sources;
    let instance = instance();
    let kinds = [
        (SourceKind::X, sources.x.enabled),
        (SourceKind::Bluesky, sources.bluesky.enabled),
        (SourceKind::Mastodon, sources.mastodon.enabled),
    ];
    let enabled = kinds.into_iter().filter(|(_, enabled)| *enabled);
    let named = enabled.filter_map(|(kind, _)| Some((kind, SourceName::parse(kind.name()).ok()?)));
    named
        .map(|(kind, name)| -> Arc<dyn RunCollector> {
            Arc::new(ServedCollector {
                kind,
                folder: data.join("sources").join(name.as_str()),
                shared: bucket.map(|bucket| {
                    SharedSource::new(bucket.clone(), name.clone(), instance.clone())
                }),
                instance: instance.clone(),
                name,
                settings: sources.clone(),
                destination: destination.clone(),
                clock: Clock::of(Timestamp::now),
            })
        })
        .collect()
}

/// Identifies this process among all servers.
fn instance() -> String {
    let random = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    format!("{random:016x}")
}
