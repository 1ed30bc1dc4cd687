//! `tidings bench live`: how fast tweets reach clients, and what clients cost.
//!
//! The clients are in this process, the server in another one, so that what the server takes can be
//! told apart. A delivery is one tweet that reached one client. Every loop is bounded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use clients::{Crowd, Running, Tally};
use server::{Server, Usage};

use crate::cli::Invocation;
use crate::cli::client::Client;
use crate::cli::failure::Outcome;
use crate::events::Timestamp;

mod clients;
mod frames;
mod server;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// What to measure
    #[arg(value_enum, default_value_t = Measure::Burst)]
    measure: Measure,
    /// How many clients
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Over how many keywords, one for each client
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keywords: u32,
    /// With burst: tweets of each keyword in a round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    burst: u32,
    /// With burst: rounds on their way at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// With rate and stuck: tweets a second in sum
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// With stuck: clients that never read
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stuck: u32,
    /// How long to measure
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Characters of a tweet's text
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    text: u32,
    /// A server that runs already; default: one of its own
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The process of that server, to tell what it takes
    #[arg(long, value_name = "PID", requires = "server")]
    pid: Option<u32>,
    /// The server on the first processor, the clients on the second, by taskset
    #[arg(long)]
    pin: bool,
    /// A setting of the server of its own, such as live.flush=5; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Deliveries a second: rounds of tweets, the next as soon as one has reached all clients
    Burst,
    /// Latency at a steady rate
    Rate,
    /// Memory of clients that only listen
    Idle,
    /// How soon all clients are back after the server restarted
    Reconnect,
    /// Good clients beside ones that never read
    Stuck,
}

pub(in crate::cli) async fn run(
    arguments: Arguments,
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of file handles could not be raised");
    }
    if arguments.pin {
        pin_to_second().await?;
    }
    let server = match &arguments.server {
        Some(url) => Server::running(url, arguments.pid).await?,
        None => Server::start(arguments.pin, &arguments.with).await?,
    };
    let keywords: Arc<[String]> = (0..arguments.keywords)
        .map(|number| format!("bench{number}"))
        .collect();
    let mut bench = Bench {
        client: Client::new(Some(&server.url()), &invocation.settings)?,
        server,
        keywords,
        tally: Tally::new(),
        arguments,
    };
    for keyword in bench.keywords.iter() {
        let body = json!({ "keyword": keyword }).to_string();
        bench
            .post("/api/v1/keywords", "application/json", body)
            .await?;
    }
    let figures = bench.measure().await;
    let stopped = bench.server.stop().await;
    let figures = figures?;
    stopped?;
    invocation.output.show(&figures, Figures::text)?;
    ensure!(
        figures.gaps == 0,
        "{} updates did not follow on what the client held",
        figures.gaps
    );
    Ok(Outcome::Done)
}

/// Moves this process, which runs nothing of note yet, to the second processor.
async fn pin_to_second() -> anyhow::Result<()> {
    let own = std::process::id().to_string();
    let moved = tokio::process::Command::new("taskset")
        .args(["-a", "-c", "-p", "1", &own])
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .context("taskset, which --pin needs, cannot be run")?;
    ensure!(moved.success(), "this machine has no second processor");
    Ok(())
}

/// What was measured. What doesn't belong to the measure is left out.
#[derive(Debug, Default, Serialize)]
struct Figures {
    measure: &'static str,
    clients: usize,
    keywords: usize,
    seconds: f64,
    tweets: u64,
    deliveries: u64,
    deliveries_per_second: f64,
    /// Deliveries for each second that a processor of the server worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries_per_cpu_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_seconds: Option<f64>,
    frames: u64,
    /// From just before publishing to receipt, in milliseconds.
    latency_p50_ms: f64,
    latency_p99_ms: f64,
    latency_max_ms: f64,
    /// Of the server, for each client, with its socket, actor and subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    kib_per_client: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_mib: Option<f64>,
    /// Until all clients were back, from the moment that the server was told to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    back_after_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<usize>,
    /// With clients that never read beside: p99 without them, and by how much memory grew.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_p99_alone_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grown_mib: Option<f64>,
    gaps: u64,
    resyncs: u64,
}

struct Bench {
    arguments: Arguments,
    client: Client,
    server: Server,
    keywords: Arc<[String]>,
    tally: Arc<Tally>,
}

impl Bench {
    async fn measure(&mut self) -> anyhow::Result<Figures> {
        match self.arguments.measure {
            Measure::Burst => self.burst().await,
            Measure::Rate => self.rate().await,
            Measure::Idle => self.idle().await,
            Measure::Reconnect => self.reconnect().await,
            Measure::Stuck => self.stuck().await,
        }
    }

    async fn burst(&self) -> anyhow::Result<Figures> {
        let running = self.join(self.crowd()).await?;
        let burst = usize::try_from(self.arguments.burst)?;
        let per_round = u64::try_from(self.clients()?)? * u64::from(self.arguments.burst);
        // A first round warms up what is made once.
        self.publish_round(burst).await?;
        self.reach(&running, per_round).await?;
        self.tally.count();
        let before = self.mark();
        let began = Instant::now();
        let length = Duration::from_secs(self.arguments.seconds.into());
        let mut rounds = 1_u64;
        let mut on_the_way = tokio::task::JoinSet::new();
        while began.elapsed() < length {
            let due = (rounds + 1).saturating_sub(self.arguments.rounds.into()) * per_round;
            self.reach(&running, due).await?;
            while let Some(published) = on_the_way.try_join_next() {
                published??;
            }
            let round = self.round(burst);
            let client = self.client.clone();
            on_the_way.spawn(async move { publish(&client, round).await });
            rounds += 1;
        }
        while let Some(published) = on_the_way.join_next().await {
            published??;
        }
        self.reach(&running, rounds * per_round).await?;
        let mut figures = self.figures("burst", &before)?;
        figures.tweets =
            rounds * u64::from(self.arguments.burst) * u64::from(self.arguments.keywords);
        running.stop().await?;
        Ok(figures)
    }

    async fn rate(&self) -> anyhow::Result<Figures> {
        let running = self.join(self.crowd()).await?;
        self.publish_round(1).await?;
        self.reach(&running, u64::try_from(self.clients()?)?)
            .await?;
        self.tally.count();
        let before = self.mark();
        let tweets = self.publish_steadily(&running).await?;
        let mut figures = self.figures("rate", &before)?;
        figures.tweets = tweets;
        running.stop().await?;
        Ok(figures)
    }

    async fn idle(&self) -> anyhow::Result<Figures> {
        // What the first client makes is not counted for each.
        let first = self
            .join(Crowd {
                clients: 1,
                ..self.crowd()
            })
            .await?;
        let before = self
            .server
            .usage()
            .context("the server's memory is not known")?;
        self.tally.subscribed.store(0, Ordering::Relaxed);
        let running = self.join(self.crowd()).await?;
        tokio::time::sleep(Duration::from_secs(self.arguments.seconds.into())).await;
        let after = self
            .server
            .usage()
            .context("the server's memory is not known")?;
        let grown = after.resident_kib.saturating_sub(before.resident_kib);
        running.stop().await?;
        first.stop().await?;
        Ok(Figures {
            measure: "idle",
            clients: self.clients()?,
            keywords: self.keywords.len(),
            kib_per_client: Some(fraction(grown, u64::from(self.arguments.clients))),
            server_mib: Some(fraction(after.resident_kib, 1024)),
            ..Figures::default()
        })
    }

    async fn reconnect(&mut self) -> anyhow::Result<Figures> {
        self.publish_round(1).await?;
        let running = self
            .join(Crowd {
                come_back: true,
                ..self.crowd()
            })
            .await?;
        let began = Instant::now();
        self.server.restart().await?;
        let clients = self.clients()?;
        let back = || self.tally.subscribed.load(Ordering::Relaxed) >= clients;
        let were_closed = || self.tally.closed.load(Ordering::Relaxed) >= clients;
        self.wait(&running, || were_closed() && back()).await?;
        let took = began.elapsed();
        let mut figures = self.figures("reconnect", &self.mark())?;
        figures.seconds = took.as_secs_f64();
        figures.back_after_seconds = Some(took.as_secs_f64());
        figures.recovered = Some(self.tally.recovered.load(Ordering::Relaxed));
        running.stop().await?;
        Ok(figures)
    }

    /// The same load alone and beside clients that never read.
    async fn stuck(&self) -> anyhow::Result<Figures> {
        let running = self.join(self.crowd()).await?;
        self.publish_round(1).await?;
        self.reach(&running, u64::try_from(self.clients()?)?)
            .await?;
        self.tally.count();
        self.publish_steadily(&running).await?;
        let alone = self.tally.latency(990);
        let before = self.mark();
        let stuck_tally = Tally::new();
        let stuck = Crowd {
            clients: usize::try_from(self.arguments.stuck)?,
            are_stuck: true,
            ..self.crowd()
        }
        .run(Arc::clone(&stuck_tally))?;
        let wanted = usize::try_from(self.arguments.stuck)?;
        self.wait(&stuck, || {
            stuck_tally.subscribed.load(Ordering::Relaxed) >= wanted
        })
        .await?;
        self.tally.count();
        let mut peak = before.usage.map_or(0, |usage| usage.resident_kib);
        let watching = async {
            loop {
                if let Some(usage) = self.server.usage() {
                    peak = peak.max(usage.resident_kib);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let tweets = tokio::select! {
            tweets = self.publish_steadily(&running) => tweets?,
            () = watching => bail!("watching ended"),
        };
        let mut figures = self.figures("stuck", &before)?;
        figures.tweets = tweets;
        figures.latency_p99_alone_ms = Some(millis(alone));
        let grown = peak.saturating_sub(before.usage.map_or(0, |usage| usage.resident_kib));
        figures.grown_mib = Some(fraction(grown, 1024));
        stuck.stop().await?;
        running.stop().await?;
        Ok(figures)
    }

    fn crowd(&self) -> Crowd {
        Crowd {
            address: self.server.address(),
            clients: usize::try_from(self.arguments.clients).unwrap_or(usize::MAX),
            keywords: Arc::clone(&self.keywords),
            are_stuck: false,
            come_back: false,
        }
    }

    fn clients(&self) -> anyhow::Result<usize> {
        Ok(usize::try_from(self.arguments.clients)?)
    }

    /// Starts clients, and waits until each holds a snapshot.
    async fn join(&self, crowd: Crowd) -> anyhow::Result<Running> {
        let clients = crowd.clients;
        let before = self.tally.subscribed.load(Ordering::Relaxed);
        let running = crowd.run(Arc::clone(&self.tally))?;
        self.wait(&running, || {
            self.tally.subscribed.load(Ordering::Relaxed) >= before + clients
        })
        .await?;
        Ok(running)
    }

    /// Waits until the clients' progress is this.
    async fn reach(&self, running: &Running, progress: u64) -> anyhow::Result<()> {
        self.wait(running, || {
            self.tally.progress.load(Ordering::Relaxed) >= progress
        })
        .await
    }

    async fn wait(&self, running: &Running, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !is_so() {
            ensure!(!running.has_ended(), "a client lost its connection");
            ensure!(
                began.elapsed() < Duration::from_secs(60),
                "the clients did not get on within a minute: {:?}",
                self.tally.subscribed.load(Ordering::Relaxed)
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// The body of a round: so many tweets of each keyword.
    fn round(&self, burst: usize) -> String {
        let first = self.tally.publishing(burst);
        let at = Timestamp::now().to_string();
        let text = "x".repeat(usize::try_from(self.arguments.text).unwrap_or(usize::MAX));
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

    async fn publish_round(&self, burst: usize) -> anyhow::Result<()> {
        publish(&self.client, self.round(burst)).await
    }

    /// Publishes at the rate for as long as is measured, and waits until all have it.
    async fn publish_steadily(&self, running: &Running) -> anyhow::Result<u64> {
        let length = Duration::from_secs(self.arguments.seconds.into());
        let began = Instant::now();
        let start = self.tally.progress.load(Ordering::Relaxed);
        let keywords = u64::try_from(self.keywords.len())?;
        let rounds_per_second = u64::from(self.arguments.rate).div_ceil(keywords).max(1);
        let mut ticks =
            tokio::time::interval(Duration::from_secs(1) / u32::try_from(rounds_per_second)?);
        let mut on_the_way = tokio::task::JoinSet::new();
        let mut rounds = 0_u64;
        while began.elapsed() < length {
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

    async fn post(&self, path: &str, kind: &'static str, body: String) -> anyhow::Result<Value> {
        let body = Some((kind, body.into_bytes()));
        Ok(self.client.ask(Method::POST, path, body).await?)
    }

    fn mark(&self) -> Mark {
        Mark {
            at: Instant::now(),
            usage: self.server.usage(),
            deliveries: self.tally.deliveries.load(Ordering::Relaxed),
            frames: self.tally.frames.load(Ordering::Relaxed),
        }
    }

    fn figures(&self, measure: &'static str, before: &Mark) -> anyhow::Result<Figures> {
        let after = self.mark();
        let seconds = (after.at - before.at).as_secs_f64();
        let deliveries = after.deliveries - before.deliveries;
        let cpu = before
            .usage
            .zip(after.usage)
            .map(|(before, after)| after.cpu.saturating_sub(before.cpu).as_secs_f64());
        let tally = &self.tally;
        Ok(Figures {
            measure,
            clients: self.clients()?,
            keywords: self.keywords.len(),
            seconds,
            deliveries,
            deliveries_per_second: per(deliveries, seconds),
            deliveries_per_cpu_second: cpu.map(|cpu| per(deliveries, cpu)),
            server_cpu_seconds: cpu,
            frames: after.frames - before.frames,
            latency_p50_ms: millis(tally.latency(500)),
            latency_p99_ms: millis(tally.latency(990)),
            latency_max_ms: millis(tally.latency(1000)),
            server_mib: after.usage.map(|usage| fraction(usage.resident_kib, 1024)),
            gaps: tally.gaps.load(Ordering::Relaxed),
            resyncs: tally.resyncs.load(Ordering::Relaxed),
            ..Figures::default()
        })
    }
}

async fn publish(client: &Client, body: String) -> anyhow::Result<()> {
    let body = Some(("application/x-ndjson", body.into_bytes()));
    let answer: Value = client.ask(Method::POST, "/api/v1/tweets", body).await?;
    let rejected = answer
        .get("rejected")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    ensure!(rejected == 0, "the server refused tweets: {answer}");
    Ok(())
}

/// Where a measurement begins.
struct Mark {
    at: Instant,
    usage: Option<Usage>,
    deliveries: u64,
    frames: u64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

impl Figures {
    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{:<22}{} over {} keywords",
            "clients", self.clients, self.keywords
        )];
        let mut line = |name: &str, text: String| lines.push(format!("{name:<22}{text}"));
        if self.deliveries > 0 {
            line(
                "deliveries",
                format!(
                    "{} in {:.1} s, {:.0} a second, {} frames",
                    self.deliveries, self.seconds, self.deliveries_per_second, self.frames
                ),
            );
            if let (Some(rate), Some(cpu)) =
                (self.deliveries_per_cpu_second, self.server_cpu_seconds)
            {
                line(
                    "by a server's core",
                    format!("{rate:.0} a second ({cpu:.2} s of processor time)"),
                );
            }
            line(
                "publish to receipt",
                format!(
                    "p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
                    self.latency_p50_ms, self.latency_p99_ms, self.latency_max_ms
                ),
            );
        }
        if let Some(alone) = self.latency_p99_alone_ms {
            line("p99 alone", format!("{alone:.1} ms"));
        }
        if let Some(grown) = self.grown_mib {
            line("memory grew by", format!("{grown:.1} MiB"));
        }
        if let Some(kib) = self.kib_per_client {
            line("memory of a client", format!("{kib:.1} KiB"));
        }
        if let Some(mib) = self.server_mib {
            line("memory of the server", format!("{mib:.0} MiB"));
        }
        if let Some(back) = self.back_after_seconds {
            line(
                "all were back after",
                format!(
                    "{back:.1} s, {} of them where they were",
                    self.recovered.unwrap_or_default()
                ),
            );
        }
        line(
            "gaps, snapshots anew",
            format!("{}, {}", self.gaps, self.resyncs),
        );
        lines.join("\n")
    }
}
