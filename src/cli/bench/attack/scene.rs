//! The content of the attacked server.
//!
//! - `kw00000` and so on: nine tenths of the ordinary tweets, spread evenly.
//! - `big`: one tenth of the ordinary tweets.
//! - `heavy`: tweets of 10,000 × U+FDFA. The normal form turns each U+FDFA into eighteen
//!   characters.
//! - `good`: the tweets of the good clients.
//!
//! The times of ordinary tweets are spread evenly over the last 29 days.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use reqwest::Method;
use serde_json::{Value, json};

use super::AttackBenchArguments;
use crate::cli::Invocation;
use crate::cli::bench::filling::{self, BODY_BYTES, FOLDED_WITHIN, Posted};
use crate::cli::bench::server::BenchServer;
use crate::cli::client::{ClientError, ServerClient};
use crate::cli::progress;
use crate::events::Timestamp;

/// Length of a heavy text: the maximum length of a text, in code points.
pub(super) const HEAVY_CHARACTERS: usize = 10_000;
/// U+FDFA, the character that NFKC expands most.
pub(super) const HEAVY: &str = "\u{fdfa}";

/// A server with its content.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) address: SocketAddr,
    pub(super) client: ServerClient,
    pub(super) keywords: u64,
    /// Start time of the run. In a new folder, it is also the start time of the filling.
    pub(super) now: Timestamp,
    tweets: u64,
    heavy: u64,
}

impl Scene {
    pub(super) fn of(
        server: &BenchServer,
        arguments: &AttackBenchArguments,
        invocation: &Invocation,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            address: server.address(),
            client: ServerClient::new(Some(&server.url()), &invocation.settings)?,
            keywords: arguments.keywords.into(),
            now: Timestamp::now(),
            tweets: arguments.tweets,
            heavy: arguments.heavy,
        })
    }

    /// Fills the server, unless an earlier run filled it.
    pub(super) async fn fill(&self) -> anyhow::Result<()> {
        if self.is_filled().await? {
            return Ok(());
        }
        let all = self.tweets.saturating_add(self.heavy);
        let bar = progress::bar("filling the server", Some(all));
        let lines = (0..self.tweets).map(|number| self.ordinary(number));
        let heavy = HEAVY.repeat(HEAVY_CHARACTERS);
        let heavy = (0..self.heavy).map(|number| {
            let at = self.now.plus(-i64::try_from(number).unwrap_or_default());
            posted(&format!("h:{number}"), at, &heavy, Some("heavy"))
        });
        let last = posted("g:0", self.now, "the last one", Some("good"));
        let mut body = String::with_capacity(BODY_BYTES + 64 * 1024);
        for line in lines.chain(heavy).chain([last]) {
            body.push_str(&line);
            bar.inc(1);
            if body.len() >= BODY_BYTES {
                self.post(std::mem::take(&mut body)).await?;
                // Each body is folded before the next is posted, so that filling needs no more
                // memory than serving.
                self.folded().await?;
            }
        }
        if !body.is_empty() {
            self.post(body).await?;
        }
        bar.finish_and_clear();
        self.folded().await
    }

    async fn is_filled(&self) -> anyhow::Result<bool> {
        let began = Instant::now();
        loop {
            let asked: Result<Value, _> = self
                .client
                .ask(Method::GET, "/api/v1/keywords/good/ledger", None)
                .await;
            match asked {
                Ok(_) => return Ok(true),
                Err(ClientError::Refused { status, .. }) if status.as_u16() == 404 => {
                    return Ok(false);
                }
                Err(error) if error.is_passing() && began.elapsed() < FOLDED_WITHIN => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ordinary(&self, number: u64) -> String {
        let age = 29 * Timestamp::DAY.unsigned_abs() / self.tweets.max(1) * (self.tweets - number);
        let at = self.now.plus(-i64::try_from(age).unwrap_or_default());
        let keyword = match number % 10 {
            0 => "big".to_owned(),
            _ => keyword(number / 10 * 9 + number % 10, self.keywords),
        };
        posted(&format!("o:{number}"), at, &text(number), Some(&keyword))
    }

    /// Posts lines; returns how many there were and how many events were journaled.
    pub(super) async fn post(&self, body: String) -> anyhow::Result<Posted> {
        filling::post(&self.client, body).await
    }

    /// Waits until all posted lines are folded.
    pub(super) async fn folded(&self) -> anyhow::Result<()> {
        filling::folded(&self.client).await
    }

    /// The parameters of a query for the 10,000 minutes up to the start of the run, in buckets of a
    /// minute: 10,000 points.
    pub(super) fn widest_minutes(&self) -> String {
        let to = self.now;
        let from = to.plus(-9_999 * 60_000);
        format!("step=minute&from={from}&to={to}")
    }

    /// Fails when the server no longer answers small requests.
    pub(super) async fn answers(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < FOLDED_WITHIN {
            let asked: Result<Value, _> = self.client.ask(Method::GET, "/readyz", None).await;
            if asked.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("the server was not ready again within {FOLDED_WITHIN:?}")
    }
}

/// The name of an ordinary keyword.
pub(super) fn keyword(number: u64, keywords: u64) -> String {
    format!("kw{:05}", number % keywords.max(1))
}

/// A line that posts a tweet.
pub(super) fn posted(id: &str, at: Timestamp, text: &str, keyword: Option<&str>) -> String {
    let mut line = json!({
        "type": "tweet.posted", "id": id, "source": "x", "at": at.to_string(),
        "author": { "handle": "attacker" }, "text": text, "lang": "en",
    });
    if let (Some(keyword), Some(line)) = (keyword, line.as_object_mut()) {
        line.insert("keyword".into(), keyword.into());
    }
    format!("{line}\n")
}

/// A text of about 270 characters that contains no keyword; each number gives another text.
pub(super) fn text(number: u64) -> String {
    const WORDS: [&str; 16] = [
        "morning",
        "coffee",
        "station",
        "weather",
        "concert",
        "ticket",
        "library",
        "window",
        "garden",
        "mountain",
        "river",
        "camera",
        "letter",
        "market",
        "holiday",
        "orchestra",
    ];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(300);
    while text.len() < 270 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = usize::try_from(state >> 60).unwrap_or_default();
        text.push_str(WORDS.get(word).unwrap_or(&"word"));
        text.push(' ');
    }
    text
}
