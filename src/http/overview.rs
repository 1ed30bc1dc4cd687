//! `GET /overview`: all keywords beside each other, and what was posted last.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::Http;
use super::access::Action;
use super::answer::{Moment, as_text};
use super::call::{Call, MIN_SEQ};
use super::keywords::Name;
use super::lanes::Lane;
use super::problem::Problem;
use super::tweet::Tweet;
use crate::actors::Scope;
use crate::events::{Keyword, Timestamp, TweetPosted};
use crate::projections::overview::{self, KeywordCounts, RankedKeyword, Window};
use crate::projections::{Head, TimelineQuery, TweetKey, timeline_query};
use crate::store::{StoreError, Views};

/// How many tweets are shown.
const LATEST: usize = 10;

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["window", "at", MIN_SEQ];

/// All keywords beside each other.
#[derive(Debug, Serialize)]
pub struct Overview {
    #[serde(serialize_with = "as_text")]
    window: Window,
    total: u64,
    previous: u64,
    keywords: Vec<Item>,
    latest: Vec<Latest>,
    until: Moment,
}

impl Overview {
    /// The end of its window, at which another begins.
    pub const fn until(&self) -> Timestamp {
        self.until.0
    }

    /// Its keywords.
    pub fn keywords(&self) -> &[impl Serialize + use<>] {
        &self.keywords
    }

    /// Its latest tweets.
    pub fn latest(&self) -> &[impl Serialize + use<>] {
        &self.latest
    }

    /// Its fields but for these lists, each as a name and its JSON.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("window", format!("\"{}\"", self.window)),
            ("total", self.total.to_string()),
            ("previous", self.previous.to_string()),
            ("until", format!("\"{}\"", self.until.0)),
        ]
    }
}

#[derive(Debug, Serialize)]
struct Item {
    #[serde(flatten)]
    name: Name,
    count: u64,
    previous: u64,
    share: f64,
    rank: u64,
    previous_rank: Option<u64>,
    change: Option<i64>,
    spark: [u64; overview::SPARK],
}

impl From<RankedKeyword> for Item {
    fn from(ranked: RankedKeyword) -> Self {
        Self {
            name: Name::of(ranked.keyword),
            count: ranked.counts.count,
            previous: ranked.counts.previous,
            share: f64::from(ranked.share) / 10_000.0,
            rank: ranked.rank,
            previous_rank: ranked.previous_rank,
            change: ranked.change,
            spark: ranked.counts.spark,
        }
    }
}

#[derive(Debug, Serialize)]
struct Latest {
    #[serde(serialize_with = "as_text")]
    keyword: Keyword,
    #[serde(flatten)]
    tweet: Tweet,
}

/// Answers `GET /overview`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = Call::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query(PARAMETERS)?;
    let window = query.one_of(
        "window",
        &Window::ALL.map(|window| (window.name(), window)),
        Window::Day,
    )?;
    let at = query.moment("at")?.unwrap_or_else(Timestamp::now);
    if overview::end(at) > Timestamp::LATEST {
        return Err(Problem::BadQuery(
            "the window ends after the year 9999; give an earlier at".to_owned(),
        ));
    }
    call.reach(Scope::All, query.min_seq()?).await?;
    call.answer_across(Lane::Scan, move |_, views| Ok(answer(views, window, at)?))
        .await
}

/// The overview at a moment.
///
/// # Errors
/// [`StoreError`].
pub fn answer(views: &Views, window: Window, at: Timestamp) -> Result<Overview, StoreError> {
    let mut heads = views.heads()?;
    heads.retain(|(_, head)| head.tracked);
    let end = overview::end(at);
    let latest = latest(views, &heads, end)?;
    let counted = heads
        .into_iter()
        .map(|(keyword, head)| {
            let counts = counts(views, &keyword, &head, window, at)?;
            Ok((keyword, counts))
        })
        .collect::<Result<_, StoreError>>()?;
    let ranked = overview::rank(counted);
    Ok(Overview {
        window,
        total: ranked.total,
        previous: ranked.previous,
        keywords: ranked.keywords.into_iter().map(Item::from).collect(),
        latest,
        until: Moment(end),
    })
}

/// The counts of one keyword; nothing is read for one that had no tweets in either span.
fn counts(
    views: &Views,
    keyword: &Keyword,
    head: &Head,
    window: Window,
    at: Timestamp,
) -> Result<KeywordCounts, StoreError> {
    let end = overview::end(at);
    let start = end.plus(-2 * window.length());
    let is_silent = head.last_at.is_none_or(|last| last < start)
        || head.first_at.is_none_or(|first| first >= end);
    if is_silent {
        return Ok(KeywordCounts::default());
    }
    let answer = views.read(keyword, |_, rows| overview::counts(rows, at, window))?;
    Ok(answer.map(|answer| answer.value).unwrap_or_default())
}

/// The newest tweets before `end`: by time ↓, id ↓, keyword ↑.
///
/// Keywords are looked at in the order of their newest tweet, until none of those left can have
/// one that belongs here.
fn latest(
    views: &Views,
    heads: &[(Keyword, Head)],
    end: Timestamp,
) -> Result<Vec<Latest>, StoreError> {
    let mut candidates: Vec<(Timestamp, &Keyword)> = heads
        .iter()
        .filter(|(_, head)| head.first_at.is_some_and(|first| first < end))
        .filter_map(|(keyword, head)| Some((head.last_at?, keyword)))
        .collect();
    candidates.sort_by(|(a, _), (b, _)| b.cmp(a));
    let wanted = TimelineQuery {
        limit: LATEST,
        to: Some(end),
        ..TimelineQuery::default()
    };
    let mut newest: Vec<(&Keyword, TweetPosted)> = Vec::new();
    for (last_at, keyword) in candidates {
        let oldest = newest.last().map(|(_, tweet)| tweet.at);
        if newest.len() == LATEST && oldest.is_some_and(|oldest| last_at < oldest) {
            break;
        }
        let page = views.read(keyword, |_, rows| timeline_query::query(rows, &wanted))?;
        let items = page.map(|page| page.value.items).unwrap_or_default();
        newest.extend(items.into_iter().map(|tweet| (keyword, tweet)));
        newest.sort_by(|(a_keyword, a), (b_keyword, b)| {
            let newest_first = TweetKey::of(b).cmp(&TweetKey::of(a));
            newest_first.then_with(|| a_keyword.cmp(b_keyword))
        });
        newest.truncate(LATEST);
    }
    Ok(newest
        .into_iter()
        .map(|(keyword, tweet)| Latest {
            keyword: keyword.clone(),
            tweet: tweet.into(),
        })
        .collect())
}
