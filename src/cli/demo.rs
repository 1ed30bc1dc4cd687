//! `tidings demo`: a server with four months of sample tweets that end now, and a new tweet every
//! few hundred milliseconds.
//!
//! The demo publishes to its own server over HTTP, as any client does.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::Invocation;
use super::client::ServerClient;
use super::failure::CommandOutcome;
use super::publish::rewrite::{self, Rewrite};
use super::publish::sender::{MAX_LINES, PublishBody, Sender};
use super::publish::source::{Input, SourceRead};
use super::serve;
use super::signals::StopSignals;
use super::{keywords, progress};
use crate::app::App;
use crate::events::{Keyword, Timestamp};
use crate::telemetry::whole;

/// Real posts of four months, CC0; `assets/NOTICE.md` names their source.
const POSTS: &[u8] = include_bytes!("../../assets/posts-ko.ndjson.zst");
/// The keywords that the demo tracks.
pub(super) const KEYWORDS: [&str; 12] = [
    "재미",
    "연기",
    "스토리",
    "배우",
    "감동",
    "사랑",
    "감독",
    "액션",
    "결말",
    "반전",
    "영상",
    "음악",
];
/// The time between two new tweets.
const TRICKLE: Duration = Duration::from_millis(350);
/// After this many new tweets, one of them is liked.
const LIKED_EVERY: u64 = 3;

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let mut settings = invocation.settings.clone();
    // Held until the end: dropping it removes the folder.
    let scratch = if invocation.layers.is_given("data") {
        None
    } else {
        let folder = tempfile::Builder::new()
            .prefix("tidings-demo-")
            .tempdir()
            .context("no scratch folder can be created; name one with --data")?;
        settings.data = folder.path().to_owned();
        Some(folder)
    };
    let app = App::start(&settings, &AtomicBool::new(false)).await?;
    serve::announce(&app, invocation)?;
    let client = ServerClient::new(Some(&format!("http://{}", app.address())), &settings)?;
    let showing = show(&client, invocation, scratch.is_none());
    let shown = tokio::select! {
        ended = showing => ended,
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        fatal = app.ended() => Err(fatal.into()),
    };
    let stopped = serve::stop(app).await;
    shown?;
    stopped
}

/// Fills the server and keeps publishing; returns only with an error.
async fn show(client: &ServerClient, invocation: &Invocation, kept: bool) -> anyhow::Result<()> {
    for keyword in KEYWORDS {
        keywords::track(client, &Keyword::new(keyword)?).await?;
    }
    let posts = Posts::unpack()?;
    // A kept folder that was filled by an earlier run is not filled again.
    if tweets_at(client).await? == 0 {
        let bar = progress::bar("sample tweets", u64::try_from(posts.0.len()).ok());
        posts.publish(client, invocation, &bar).await?;
        bar.finish_and_clear();
    }
    if !invocation.output.is_json() {
        let place = if kept {
            format!("kept in {}", invocation.settings.data.display())
        } else {
            "in a scratch folder that is removed at the end; --data FOLDER keeps it".to_owned()
        };
        invocation.output.text(&format!(
            "{} sample tweets, four months that end now, and new ones every moment \
            ({place}).\nOpen {} and press Ctrl-C here to stop.",
            posts.0.len(),
            client.base(),
        ))?;
    }
    posts.trickle(client).await
}

async fn tweets_at(client: &ServerClient) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Listing {
        keywords: Vec<Listed>,
    }
    #[derive(Deserialize)]
    struct Listed {
        tweets: u64,
    }
    let listing: Listing = client.ask(Method::GET, "/api/v1/keywords", None).await?;
    Ok(listing.keywords.iter().map(|listed| listed.tweets).sum())
}

/// The sample tweets, one line each.
struct Posts(Vec<Vec<u8>>);

impl Posts {
    fn unpack() -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for read in Input::Bytes(POSTS.to_vec()).lines()? {
            if let SourceRead::Line { bytes, .. } = read? {
                lines.push(bytes);
            }
        }
        Ok(Self(lines))
    }

    async fn publish(
        &self,
        client: &ServerClient,
        invocation: &Invocation,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let lines = self.0.iter().zip(1..).map(|(bytes, number)| {
            let bytes = bytes.clone();
            Ok(SourceRead::Line { number, bytes })
        });
        let rewrite = Rewrite {
            keyword: None,
            shift_millis: rewrite::shift_to(Timestamp::now(), lines)?,
        };
        let mut sender = Sender::new(client, invocation.output, bar.clone());
        for chunk in self.0.chunks(MAX_LINES) {
            let mut body = PublishBody::default();
            for (line, number) in chunk.iter().zip(1..) {
                body.push(number, &rewrite.apply(line.clone()));
            }
            sender.send(body).await?;
            bar.inc(u64::try_from(chunk.len()).unwrap_or_default());
        }
        Ok(())
    }

    /// Posts the sample tweets again, one at a time, with new ids and the present time.
    async fn trickle(&self, client: &ServerClient) -> anyhow::Result<()> {
        // Part of each id, so that ids of an earlier run in the same folder are not used again.
        let run = Timestamp::now().millis();
        let mut ticks = interval(TRICKLE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for (line, number) in self.0.iter().rev().cycle().zip(1_u64..) {
            ticks.tick().await;
            let mut lines = renewed(line, &format!("demo:{run}-{number}"))?;
            if number.is_multiple_of(LIKED_EVERY) {
                let liked = number.saturating_sub(LIKED_EVERY.saturating_sub(1));
                lines.push('\n');
                lines.push_str(&json!({
                    "type": "tweet.engaged", "id": format!("demo:{run}-{liked}"), "at": Timestamp::now().to_string(),
                    "metrics": { "likes": number % 97, "reposts": number % 11 },
                }).to_string());
            }
            let body = Some(("application/x-ndjson", lines.into_bytes()));
            let posted = client.ask::<Value>(Method::POST, "/api/v1/tweets", body);
            if let Err(error) = posted.await {
                if !error.is_passing() {
                    return Err(error.into());
                }
                tracing::warn!(error = %whole(&error), "a sample tweet was not taken");
            }
        }
        Ok(())
    }
}

/// The tweet of a line with another id and the present time.
fn renewed(line: &[u8], id: &str) -> anyhow::Result<String> {
    let mut tweet: Map<String, Value> = serde_json::from_slice(line)?;
    tweet.insert("id".to_owned(), id.into());
    tweet.insert("at".to_owned(), Timestamp::now().to_string().into());
    Ok(serde_json::to_string(&tweet)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, json};

    #[test]
    fn every_sample_is_a_tweet_and_every_keyword_has_hundreds() {
        let posts = Posts::unpack().unwrap();
        let mut counts = KEYWORDS.map(|keyword| (keyword, 0));
        for line in &posts.0 {
            let line = json::decode_line(line, Timestamp::now()).unwrap();
            let Event::TweetPosted(tweet) = line.event else {
                panic!("not a tweet: {line:?}");
            };
            for (keyword, count) in &mut counts {
                *count += u32::from(tweet.text.contains(*keyword));
            }
        }
        assert!(posts.0.len() > 15_000);
        assert!(counts.iter().all(|(_, count)| *count > 500), "{counts:?}");
    }

    #[test]
    fn a_renewed_tweet_differs_in_id_and_time_only() {
        let line = br#"{"type":"tweet.posted","id":"1","at":"2015-01-01T00:00:00Z","text":"t"}"#;
        let renewed: Value = serde_json::from_str(&renewed(line, "demo:2").unwrap()).unwrap();
        assert_eq!(renewed["id"], "demo:2");
        assert_eq!(renewed["text"], "t");
        assert!(
            Timestamp::parse(renewed["at"].as_str().unwrap())
                .unwrap()
                .millis()
                > 1_700_000_000_000
        );
    }
}
