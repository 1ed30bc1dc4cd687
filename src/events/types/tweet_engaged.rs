//! The event type `tweet.engaged`.

use serde::Serialize;

use super::{EventType, Subject};
use crate::events::members::{DecodeError, Field, Found, Id, Object, Rule, Time, members};
use crate::events::{MetricsPatch, Timestamp, TweetId};

members! {
    /// New metrics of a tweet.
    pub struct TweetEngaged {
        /// The tweet.
        id: TweetId as Id,
        /// When the metrics were read.
        at: Timestamp as Time,
        /// The metrics, at least one.
        metrics: MetricsPatch as AtLeastOneMetric,
    }
}

/// The rule for an object of metrics. At least one metric must be set.
struct AtLeastOneMetric;

impl Rule for AtLeastOneMetric {
    type Value = MetricsPatch;
    type Json<'de> = <Object<MetricsPatch> as Rule>::Json<'de>;

    fn diagnose<'a>(found: &Found<'a>) -> Result<Self::Json<'a>, DecodeError> {
        Object::<MetricsPatch>::diagnose(found)
    }

    fn check(
        json: Option<Self::Json<'_>>,
        field: Field,
        received_at: Timestamp,
    ) -> Result<MetricsPatch, DecodeError> {
        let metrics = Object::<MetricsPatch>::check(json, field, received_at)?;
        if metrics.is_empty() {
            let expected = "an object with at least one of likes, reposts, replies, quotes";
            return Err(field.missing(expected));
        }
        Ok(metrics)
    }

    fn written(value: &MetricsPatch) -> Option<impl Serialize> {
        Object::<MetricsPatch>::written(value)
    }
}

impl EventType for TweetEngaged {
    const NAME: &'static str = "tweet.engaged";
    const SUBJECT: Subject = Subject::Tweet;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        (
            "engaged-full",
            r#"{"type":"tweet.engaged","id":"x:1593","at":"2026-11-23T07:00:00.123Z","metrics":{"likes":10,"reposts":2,"replies":1,"quotes":0}}"#,
        ),
        (
            "engaged-bare",
            r#"{"type":"tweet.engaged","id":"x:1593","at":"2026-11-23T07:00:00.123Z","metrics":{"replies":300}}"#,
        ),
    ];

    fn tweet_id(&self) -> Option<&TweetId> {
        Some(&self.id)
    }

    fn metrics(&self) -> MetricsPatch {
        self.metrics
    }
}
