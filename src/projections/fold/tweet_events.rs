//! The effects of the events about tweets.

use super::{FoldOutcome, KeywordView};
use crate::events::{KeywordEnvelope, TweetDeleted, TweetEngaged, TweetPosted};
use crate::projections::ids::{IdHash, IdState};
use crate::projections::projection::{FoldedTweet, MetricsChange};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::StoredTweet;
use crate::projections::tweet_key::TweetKey;

impl KeywordView {
    /// A tweet was posted: counts it, unless its id was seen before.
    pub(super) fn fold_posted(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
        tweet: &TweetPosted,
        hash: IdHash,
    ) -> Result<FoldOutcome, RowsError> {
        if self.ids.find(rows, hash)?.is_some() {
            return Ok(FoldOutcome::Duplicate);
        }
        let KeywordEnvelope {
            sequence,
            received_at,
            ..
        } = *envelope;
        self.ids
            .set(rows, hash, IdState::Present(tweet.at), sequence)?;
        let folded = FoldedTweet::new(
            sequence,
            received_at,
            TweetKey::of(tweet),
            tweet,
            rows.context().analyser()?,
        );
        self.projections.posted(rows, &folded)?;
        self.summary.add_tweet(tweet.at);
        self.touched.add(tweet.at);
        if let Some(recorder) = &mut self.recorder {
            recorder.added(tweet);
        }
        Ok(FoldOutcome::Folded)
    }

    /// A tweet has new metrics: sets them, unless the tweet is unknown or has newer ones.
    pub(super) fn fold_engaged(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
        engaged: &TweetEngaged,
        hash: IdHash,
    ) -> Result<FoldOutcome, RowsError> {
        let Some(IdState::Present(posted_at)) = self.ids.find(rows, hash)? else {
            return Ok(FoldOutcome::Ignored);
        };
        let key = TweetKey::new(posted_at, &engaged.id);
        let StoredTweet {
            tweet, metrics_at, ..
        } = self.projections.timeline.stored(rows, &key)?;
        if engaged.at < metrics_at {
            return Ok(FoldOutcome::Ignored);
        }
        let change = MetricsChange {
            at: engaged.at,
            before: tweet.metrics,
            after: engaged.metrics.applied_to(tweet.metrics),
        };
        let folded = FoldedTweet::new(
            envelope.sequence,
            envelope.received_at,
            key,
            &tweet,
            rows.context().analyser()?,
        );
        self.projections.engaged(rows, &folded, &change)?;
        self.touched.add(posted_at);
        if let Some(recorder) = &mut self.recorder {
            recorder.engaged(folded.key, &engaged.id, change.after);
        }
        Ok(FoldOutcome::Folded)
    }

    /// A tweet was deleted: removes it from all views, and keeps a tombstone of its id.
    pub(super) fn fold_deleted(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
        deleted: &TweetDeleted,
        hash: IdHash,
    ) -> Result<FoldOutcome, RowsError> {
        match self.ids.find(rows, hash)? {
            Some(IdState::Deleted) => return Ok(FoldOutcome::Ignored),
            Some(IdState::Present(posted_at)) => {
                let key = TweetKey::new(posted_at, &deleted.id);
                let stored = self.projections.timeline.stored(rows, &key)?;
                let folded = FoldedTweet::new(
                    envelope.sequence,
                    envelope.received_at,
                    key,
                    &stored.tweet,
                    rows.context().analyser()?,
                );
                self.projections.deleted(rows, &folded)?;
                self.span_is_stale |= self.summary.remove_tweet(posted_at);
                self.touched.add(posted_at);
                if let Some(recorder) = &mut self.recorder {
                    recorder.removed(&deleted.id, posted_at);
                }
            }
            None => {}
        }
        self.ids
            .set(rows, hash, IdState::Deleted, envelope.sequence)?;
        Ok(FoldOutcome::Folded)
    }
}
