//! The server that is queried, and its content.
//!
//! The keyword `big` has many tweets, spread evenly over some days up to now. The other keywords
//! have tweets that are spread over the last two days.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::QueriesBenchArguments;
use super::query::Query;
use crate::cli::Invocation;
use crate::cli::bench::events::Made;
use crate::cli::bench::filling::{BODY_BYTES, folded, post};
use crate::cli::bench::server::BenchServer;
use crate::cli::client::{ClientError, ServerClient};
use crate::cli::progress;
use crate::events::{self, Event, Timestamp, TweetId};

/// Size of a tweet's JSON, in bytes.
const EVENT_BYTES: u32 = 572;
/// Number of days over which the tweets of the other keywords are spread.
const OTHER_DAYS: i64 = 2;
/// Number of bodies per second that are posted during the queries.
const BODIES_PER_SECOND: u32 = 10;

/// The keyword of the tweet that is posted last, which marks a folder as filled.
const MARK: &str = "filled";

/// A server and its content.
#[derive(Debug)]
pub(super) struct Scene {
    client: ServerClient,
    /// The events of `big`.
    big: Mutex<Made>,
    /// The events of the other keywords.
    other: Mutex<Made>,
    /// The time at which the scene was made. In a new folder, filling begins then.
    now: Timestamp,
    /// Number of tweets of `big`.
    tweets: u64,
    /// Number of tweets of the other keywords together.
    others: u64,
    /// Number of days over which the tweets of `big` are spread.
    days: i64,
}

impl Scene {
    pub(super) fn new(
        server: &BenchServer,
        arguments: &QueriesBenchArguments,
        invocation: &Invocation,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            client: ServerClient::new(Some(&server.url()), &invocation.settings)?,
            big: Mutex::new(Made::new(1, EVENT_BYTES)?),
            other: Mutex::new(Made::new(arguments.keywords, EVENT_BYTES)?),
            now: Timestamp::now(),
            tweets: arguments.tweets,
            others: arguments.others,
            days: arguments.days.into(),
        })
    }

    pub(super) const fn client(&self) -> &ServerClient {
        &self.client
    }

    /// Fills the server, unless an earlier run filled it less than a day ago. Fails if an earlier
    /// run filled it before that.
    pub(super) async fn fill(&self) -> anyhow::Result<()> {
        if let Some(ready) = self.filled_at().await? {
            ensure!(
                self.now.millis() - ready.millis() < Timestamp::DAY,
                "the folder was filled at {ready}, more than a day ago, so its newest windows are \
                empty; name an empty folder"
            );
            return Ok(());
        }
        let bar = progress::bar("filling the server", Some(self.tweets + self.others));
        let mut body = String::with_capacity(BODY_BYTES + 64 * 1024);
        let big = (0..self.tweets).map(|number| (true, age(number, self.tweets, self.days)));
        let other = (0..self.others).map(|number| (false, age(number, self.others, OTHER_DAYS)));
        for (is_big, age) in other.chain(big) {
            body.push_str(&self.line(is_big, self.now.plus(-age))?);
            bar.inc(1);
            if body.len() >= BODY_BYTES {
                post(&self.client, std::mem::take(&mut body)).await?;
                folded(&self.client).await?;
            }
        }
        body.push_str(&marking_line(self.now));
        post(&self.client, body).await?;
        folded(&self.client).await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// The time at which the filling of the folder began, if it was completed. It is the time of
    /// the tweet of [`MARK`].
    async fn filled_at(&self) -> anyhow::Result<Option<Timestamp>> {
        let path = format!("/api/v1/keywords/{MARK}/timeline?limit=1");
        let answer: Value = match self.client.ask(Method::GET, &path, None).await {
            Ok(answer) => answer,
            Err(ClientError::Refused { status, .. }) if status.as_u16() == 404 => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let at = answer.pointer("/items/0/at").and_then(Value::as_str);
        Ok(Some(Timestamp::parse(
            at.context("the marking tweet has no time")?,
        )?))
    }

    /// The path of the `number`th request of a query.
    pub(super) fn path(&self, query: &Query, number: u32) -> String {
        let Query { path, is_past, .. } = query;
        if !is_past {
            return format!("/api/v1{path}");
        }
        // Steps of seven hours and a minute reach all hours of the day, within the newer half of
        // the days.
        let hours = i64::from(number) * 7 % (self.days * 24 / 2).max(1);
        let at = self
            .now
            .plus(-hours * Timestamp::HOUR - i64::from(number) * Timestamp::MINUTE);
        format!("/api/v1{path}&at={at}")
    }

    /// Posts tweets with the current time until `ends` is set, at most `rate` per second. Waits
    /// until they are folded, and returns their number.
    pub(super) async fn publish_until(&self, ends: &AtomicBool, rate: u32) -> anyhow::Result<u64> {
        let (mut posted, mut body_number) = (0, 0);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / BODIES_PER_SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ends.load(Ordering::Relaxed) {
            ticks.tick().await;
            let mut body = String::new();
            for number in tweets_of_body(body_number, rate) {
                body.push_str(&self.line(number % 2 == 0, Timestamp::now())?);
            }
            body_number += 1;
            match post(&self.client, body).await {
                Ok(answer) => posted += answer.journaled,
                Err(error) => tracing::debug!("a body was refused: {error:#}"),
            }
        }
        folded(&self.client).await?;
        Ok(posted)
    }

    /// A line that posts the next tweet of `big` or of another keyword.
    fn line(&self, is_big: bool, at: Timestamp) -> anyhow::Result<String> {
        let made = if is_big { &self.big } else { &self.other };
        let (keyword, event) = made.lock().next().context("no more tweets")?;
        let Event::TweetPosted(mut tweet) = event else {
            anyhow::bail!("an event that posts no tweet");
        };
        tweet.at = at;
        // Ids contain the time of the run, because a folder that an earlier run filled has the ids
        // of that run.
        tweet.id = TweetId::new(&format!("{:x}-{}", self.now.millis(), tweet.id))?;
        let keyword = if is_big { "big" } else { keyword.as_str() };
        let event = String::from_utf8(events::json::encode(&Event::TweetPosted(tweet)))?;
        let rest = event.strip_prefix('{').context("an event is an object")?;
        Ok(format!("{{\"keyword\":\"{keyword}\",{rest}\n"))
    }
}

/// The numbers of the tweets in a body, if [`BODIES_PER_SECOND`] bodies a second have `rate` tweets
/// a second on average. Bodies and tweets are numbered from 0.
fn tweets_of_body(number: u64, rate: u32) -> Range<u64> {
    let before = |number: u64| number.saturating_mul(rate.into()) / u64::from(BODIES_PER_SECOND);
    before(number)..before(number.saturating_add(1))
}

/// The line with the tweet of [`MARK`], which is posted last.
fn marking_line(now: Timestamp) -> String {
    let line = json!({
        "type": "tweet.posted", "id": MARK, "at": now.to_string(), "text": MARK,
        "author": { "handle": MARK }, "keyword": MARK,
    });
    format!("{line}\n")
}

/// The age in milliseconds of the tweet with this number, if this number of tweets is spread evenly
/// over `days`, the oldest first.
fn age(number: u64, tweets: u64, days: i64) -> i64 {
    let step = days.saturating_mul(Timestamp::DAY) / i64::try_from(tweets.max(1)).unwrap_or(1);
    step.saturating_mul(i64::try_from(tweets.saturating_sub(number)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_a_second_have_as_many_tweets_as_the_rate() {
        let bodies = |rate| (0..10).map(move |number| tweets_of_body(number, rate));
        let lengths = |rate| bodies(rate).map(|body| body.end - body.start);
        assert_eq!(lengths(10).collect::<Vec<_>>(), [1; 10]);
        assert_eq!(
            lengths(11).collect::<Vec<_>>(),
            [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
        );
        assert_eq!(
            lengths(25).collect::<Vec<_>>(),
            [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]
        );
        assert_eq!(lengths(2_000).collect::<Vec<_>>(), [200; 10]);
        assert_eq!(
            bodies(11).flatten().collect::<Vec<_>>(),
            (0..11).collect::<Vec<_>>()
        );
        assert_eq!(tweets_of_body(10, 11), 11..12);
    }
}
