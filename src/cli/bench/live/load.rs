//! The steps shared by all measures: connect clients, publish, wait, and read the server's figures.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::LiveBenchArguments;
use super::clients::{Crowd, Running};
use super::figures::{LiveFigures, fraction, millis, per};
use super::tally::Tally;
use crate::cli::bench::server::{BenchServer, ServerUsage, own_cpu};
use crate::cli::client::ServerClient;
use crate::events::Timestamp;

/// Time limit of every wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and the state of its load clients.
pub(super) struct Load {
    pub(super) arguments: LiveBenchArguments,
    pub(super) client: ServerClient,
    pub(super) server: BenchServer,
    pub(super) keywords: Arc<[String]>,
    pub(super) tally: Arc<Tally>,
}

/// Counters at the start of a measurement.
pub(super) struct LoadMark {
    pub(super) at: Instant,
    pub(super) usage: Option<ServerUsage>,
    own_cpu: Option<Duration>,
    deliveries: u64,
    frames: u64,
    bytes: u64,
}

impl Load {
    /// Sends the commands that track the keywords.
    pub(super) async fn track(&self) -> anyhow::Result<()> {
        for keyword in self.keywords.iter() {
            let body = json!({ "keyword": keyword }).to_string();
            let body = Some(("application/json", body.into_bytes()));
            let _: Value = self
                .client
                .ask(Method::POST, "/api/v1/keywords", body)
                .await?;
        }
        Ok(())
    }

    pub(super) fn crowd(&self) -> Crowd {
        Crowd {
            address: self.server.address(),
            clients: usize::try_from(self.arguments.clients).unwrap_or(usize::MAX),
            keywords: Arc::clone(&self.keywords),
            are_stuck: false,
            come_back: false,
        }
    }

    pub(super) fn clients(&self) -> anyhow::Result<usize> {
        Ok(usize::try_from(self.arguments.clients)?)
    }

    pub(super) fn length(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds.into())
    }

    /// Starts clients and waits until each of them holds a snapshot.
    pub(super) async fn join(&self, crowd: Crowd) -> anyhow::Result<Running> {
        let clients = crowd.clients;
        let before = self.tally.subscribed.load(Ordering::Relaxed);
        let running = crowd.run(Arc::clone(&self.tally))?;
        self.wait("all clients hold a snapshot", &running, || {
            self.tally.subscribed.load(Ordering::Relaxed) >= before + clients
        })
        .await?;
        Ok(running)
    }

    /// Waits until the clients' progress reaches `progress`.
    pub(super) async fn reach(&self, running: &Running, progress: u64) -> anyhow::Result<()> {
        self.wait("all clients have all tweets", running, || {
            self.tally.progress.load(Ordering::Relaxed) >= progress
        })
        .await
    }

    pub(super) async fn wait(
        &self,
        what: &str,
        running: &Running,
        is_so: impl Fn() -> bool,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while !is_so() {
            if let Some(failure) = running.failure() {
                bail!("the clients failed: {failure}");
            }
            let tally = &self.tally;
            ensure!(
                began.elapsed() < PATIENCE,
                "waited a minute, but not yet: {what}; {} are subscribed, their progress is \
                {}",
                tally.subscribed.load(Ordering::Relaxed),
                tally.progress.load(Ordering::Relaxed),
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Compares the number of tweets that reached the clients with the number published.
    pub(super) fn check_all_came(&self) -> anyhow::Result<()> {
        let tally = &self.tally;
        let (came, due) = (
            tally.deliveries.load(Ordering::Relaxed),
            tally.progress.load(Ordering::Relaxed),
        );
        // A snapshot may contain tweets that no update brought.
        ensure!(
            came == due || tally.resyncs.load(Ordering::Relaxed) > 0,
            "{came} tweets came in updates, {due} were published to the clients"
        );
        Ok(())
    }

    /// The body of a round: `burst` tweets for each keyword.
    pub(super) fn round(&self, burst: usize) -> String {
        let length = usize::try_from(self.arguments.text).unwrap_or(usize::MAX);
        self.round_of(burst, length)
    }

    /// Like [`Self::round`], with a text of `length` characters.
    pub(super) fn round_of(&self, burst: usize, length: usize) -> String {
        let first = self.tally.publishing(burst);
        let at = Timestamp::now().to_string();
        let text = "x".repeat(length);
        let numbers = first..first + u64::try_from(burst).unwrap_or_default();
        let mut body = String::new();
        for number in numbers {
            for keyword in self.keywords.iter() {
                let line = json!({
                    "type": "tweet.posted", "id": format!("b:{number}"), "at": at,
                    "author": { "handle": "bench" }, "text": text, "keyword": keyword,
                });
                body.push_str(&line.to_string());
                body.push('\n');
            }
        }
        body
    }

    pub(super) async fn publish_round(&self, burst: usize) -> anyhow::Result<()> {
        publish(&self.client, self.round(burst)).await?;
        Ok(())
    }

    /// Publishes at the given rate for the measured time, then waits until all clients have all
    /// tweets.
    pub(super) async fn publish_steadily(&self, running: &Running) -> anyhow::Result<u64> {
        let began = Instant::now();
        let start = self.tally.progress.load(Ordering::Relaxed);
        let keywords = u64::try_from(self.keywords.len())?;
        // A longer interval would make the loop wait beyond the measured time.
        let interval = round_interval(keywords, self.arguments.rate).min(self.length());
        let mut ticks = tokio::time::interval(interval);
        let mut on_the_way = tokio::task::JoinSet::new();
        let mut rounds = 0_u64;
        while began.elapsed() < self.length() {
            ticks.tick().await;
            while let Some(published) = on_the_way.try_join_next() {
                published??;
            }
            let round = self.round(1);
            let client = self.client.clone();
            on_the_way.spawn(async move { publish(&client, round).await });
            rounds += 1;
        }
        while let Some(published) = on_the_way.join_next().await {
            published??;
        }
        let clients = u64::try_from(self.clients()?)?;
        self.reach(running, start + rounds * clients).await?;
        Ok(rounds * keywords)
    }

    pub(super) fn mark(&self) -> LoadMark {
        LoadMark {
            at: Instant::now(),
            usage: self.server.usage(),
            own_cpu: own_cpu(),
            deliveries: self.tally.deliveries.load(Ordering::Relaxed),
            frames: self.tally.frames.load(Ordering::Relaxed),
            bytes: self.tally.bytes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn figures(
        &self,
        measure: &'static str,
        before: &LoadMark,
    ) -> anyhow::Result<LiveFigures> {
        let after = self.mark();
        let seconds = (after.at - before.at).as_secs_f64();
        let deliveries = after.deliveries - before.deliveries;
        let seconds_between =
            |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64();
        let cpu = before
            .usage
            .zip(after.usage)
            .map(|(before, after)| seconds_between(before.cpu, after.cpu));
        let tally = &self.tally;
        Ok(LiveFigures {
            measure,
            clients: self.clients()?,
            keywords: self.keywords.len(),
            seconds,
            deliveries,
            deliveries_per_second: per(deliveries, seconds),
            deliveries_per_cpu_second: cpu.map(|cpu| per(deliveries, cpu)),
            server_cpu_seconds: cpu,
            client_cpu_seconds: before
                .own_cpu
                .zip(after.own_cpu)
                .map(|(before, after)| seconds_between(before, after)),
            frames: after.frames - before.frames,
            bytes_per_delivery: match deliveries {
                0 => 0.0,
                some => fraction(after.bytes - before.bytes, some),
            },
            latency_p50_ms: millis(tally.latency(500)),
            latency_p99_ms: millis(tally.latency(990)),
            latency_max_ms: millis(tally.latency(1000)),
            server_mib: after.usage.map(|usage| fraction(usage.resident_kib, 1024)),
            gaps: tally.gaps.load(Ordering::Relaxed),
            resyncs: tally.resyncs.load(Ordering::Relaxed),
            ..LiveFigures::default()
        })
    }
}

/// The time between two rounds of one tweet for each keyword, so that `rate` tweets a second are
/// published.
fn round_interval(keywords: u64, rate: u32) -> Duration {
    Duration::from_secs(keywords) / rate.max(1)
}

/// Publishes lines; returns the last sequence written.
pub(super) async fn publish(client: &ServerClient, body: String) -> anyhow::Result<u64> {
    let body = Some(("application/x-ndjson", body.into_bytes()));
    let answer: Value = client.ask(Method::POST, "/api/v1/tweets", body).await?;
    let rejected = answer
        .get("rejected")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    ensure!(rejected == 0, "the server refused tweets: {answer}");
    Ok(answer
        .get("seq")
        .and_then(Value::as_u64)
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_keep_the_rate_whether_or_not_the_keywords_divide_it() {
        assert_eq!(round_interval(10, 200), Duration::from_millis(50));
        assert_eq!(round_interval(3, 10), Duration::from_millis(300));
        assert_eq!(round_interval(100, 50), Duration::from_secs(2));
    }
}
