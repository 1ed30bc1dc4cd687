//! The destination of collectors inside the server: they publish in the process, and read the
//! tracked keywords from the engine.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::actors::engine::Tidings;
use crate::events::{Event, Keyword, TweetId, encode_fitting};
use crate::ingest::{Intake, IntakeError, TRY_AGAIN};
use crate::projections::keys::window_times;
use crate::projections::overview::Window;
use crate::projections::timeline::rank_tweets;
use crate::sources::{
    Destination, DestinationError, Published, Report, ReportError, SourceReports, WatchedKeyword,
    WatchedKeywords,
};
use crate::telemetry::whole;
use crate::text::Matcher;

/// Number of tweets of a ranking whose metrics are refreshed.
const RANKED: usize = 100;

/// A matcher, and the keywords in it.
type SeenKeywords = (Arc<Matcher>, Arc<Vec<WatchedKeyword>>);

/// The engine of this process as a destination.
#[derive(Debug)]
pub(super) struct InProcess {
    tidings: Tidings,
    intake: Intake,
    reports: SourceReports,
    /// The keywords that were seen last.
    seen: Mutex<Option<SeenKeywords>>,
}

impl InProcess {
    pub(super) fn new(tidings: Tidings, auto_track: bool, reports: SourceReports) -> Self {
        Self {
            reports,
            intake: Intake::new(tidings.clone(), auto_track),
            tidings,
            seen: Mutex::new(None),
        }
    }
}

#[async_trait]
impl Destination for InProcess {
    async fn publish(
        &self,
        events: &[Event],
        _: &WatchedKeywords,
    ) -> Result<Published, DestinationError> {
        let mut body = Vec::new();
        for event in events {
            body.extend_from_slice(&encode_fitting(event));
            body.push(b'\n');
        }
        let report = self.intake.publish(Bytes::from(body)).await;
        let report = report.map_err(|error| match &error {
            IntakeError::Journal { source, .. } => {
                DestinationError::Away(whole(source).to_string())
            }
            _ => DestinationError::Away(whole(&error).to_string()),
        })?;
        let mut published = Published {
            unmatched: report.unmatched,
            ..Published::default()
        };
        for line in report.rejected {
            let index = usize::try_from(line.line.saturating_sub(1)).unwrap_or(usize::MAX);
            if line.code == TRY_AGAIN {
                published.undecided.push(index);
            } else {
                published.rejected.push((index, line.reason));
            }
        }
        Ok(published)
    }

    async fn keywords(&self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError> {
        if self.tidings.status().starting && !self.tidings.knows_tracked() {
            return Err(DestinationError::Away(
                "the views are still catching up with the journal".to_owned(),
            ));
        }
        let matcher = self.tidings.matcher();
        let mut seen = self.seen.lock();
        if let Some((known, listed)) = &*seen
            && Arc::ptr_eq(known, &matcher)
        {
            return Ok(Arc::clone(listed));
        }
        let listed = matcher
            .with_their_rules()
            .map(|(keyword, rules)| WatchedKeyword {
                keyword: keyword.clone(),
                rules: rules.clone(),
            });
        let listed = Arc::new(listed.collect());
        *seen = Some((matcher, Arc::clone(&listed)));
        Ok(listed)
    }

    async fn track(&self, keyword: &Keyword) -> Result<(), DestinationError> {
        let tracked = self.tidings.track(keyword, None).await;
        tracked
            .map(drop)
            .map_err(|error| DestinationError::Away(whole(&error).to_string()))
    }

    async fn ranked(&self, keyword: &Keyword) -> Result<Vec<TweetId>, DestinationError> {
        let (tidings, keyword) = (self.tidings.clone(), keyword.clone());
        let ranked = tokio::task::spawn_blocking(move || {
            let (times, _) = window_times(Window::Day, tidings.now());
            let read = tidings.views().read(&keyword, |_, rows| {
                rank_tweets(rows, times.start, times.end, RANKED)
            });
            read.map_err(|error| whole(&error).to_string())
        });
        let away = |reason| DestinationError::Away(reason);
        let ranked = ranked.await.map_err(|error| away(error.to_string()))?;
        let tweets = ranked
            .map_err(away)?
            .map(|answer| answer.value)
            .into_iter()
            .flatten();
        Ok(tweets.map(|ranked| ranked.tweet.id).collect())
    }

    async fn report(&self, report: &Report) -> Result<(), DestinationError> {
        match self.reports.take(report.clone()).await {
            Ok(()) => Ok(()),
            Err(error @ ReportError::Store(_)) => {
                Err(DestinationError::Away(whole(&error).to_string()))
            }
            Err(error) => Err(DestinationError::Refused(whole(&error).to_string())),
        }
    }
}
