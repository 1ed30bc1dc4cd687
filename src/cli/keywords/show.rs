//! `tidings keywords show`: one keyword with its totals, rules, rankings and latest spikes.
//!
//! In: the answers of a running server. Out: tables, or one JSON object.

use anyhow::bail;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{LISTED_PATH, Listed, Listing, rule_lists};
use crate::cli::client::{ClientError, ServerClient};
use crate::cli::output::plain;
use crate::cli::table::{Column, aligned};
use crate::events::{Keyword, Timestamp, Token};

/// Maximum number of words shown for each window.
const TOP_WORDS: usize = 10;
/// Maximum number of authors shown.
const TOP_AUTHORS: usize = 5;
/// Maximum number of spikes shown.
const LATEST_SPIKES: usize = 5;

/// A keyword with what its views say.
#[derive(Debug, Serialize)]
pub(super) struct ShownKeyword {
    #[serde(flatten)]
    listed: Listed,
    ledger: Ledger,
    words: TopWords,
    /// The most frequent authors of the last 7 days.
    authors: Ranking,
    /// The latest spikes of the last 30 days, newest first.
    spikes: Vec<Spike>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ledger {
    journaled: u64,
    folded: u64,
    duplicate: u64,
    ignored: u64,
    rejected: u64,
    deleted: u64,
}

/// The words of two windows.
#[derive(Debug, Serialize)]
struct TopWords {
    #[serde(rename = "24h")]
    day: Ranking,
    #[serde(rename = "7d")]
    week: Ranking,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ranking {
    total: u64,
    distinct: u64,
    items: Vec<Ranked>,
    until: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ranked {
    rank: u64,
    key: String,
    count: u64,
    previous_rank: Option<u64>,
    change: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Spikes {
    spikes: Vec<Spike>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Spike {
    start: String,
    end: String,
    peak_at: String,
    count: u64,
    expected: f64,
    score: f64,
    words: Vec<String>,
    tweets: Vec<String>,
    authors: Vec<String>,
}

/// Asks a server about a keyword.
pub(super) async fn ask(client: &ServerClient, keyword: &Keyword) -> anyhow::Result<ShownKeyword> {
    let of_keyword = format!("/api/v1/keywords/{}", Token::of(keyword));
    let words = |window: &str| format!("ranking?by=word&window={window}&limit={TOP_WORDS}");
    let authors = format!("ranking?by=author&window=7d&limit={TOP_AUTHORS}");
    let (ledger, day, week, authors, Spikes { mut spikes }, listing) = tokio::try_join!(
        get(client, format!("{of_keyword}/ledger")),
        get(client, format!("{of_keyword}/{}", words("24h"))),
        get(client, format!("{of_keyword}/{}", words("7d"))),
        get(client, format!("{of_keyword}/{authors}")),
        get(client, format!("{of_keyword}/spikes")),
        get::<Listing>(client, LISTED_PATH.to_owned()),
    )?;
    let mut listed = listing.keywords.into_iter();
    let Some(listed) = listed.find(|listed| listed.keyword == keyword.as_str()) else {
        bail!("the keyword {keyword} is not tracked");
    };
    // The server answers the spikes in the order of their starts.
    spikes.reverse();
    spikes.truncate(LATEST_SPIKES);
    Ok(ShownKeyword {
        listed,
        ledger,
        words: TopWords { day, week },
        authors,
        spikes,
    })
}

async fn get<T: DeserializeOwned>(client: &ServerClient, path: String) -> Result<T, ClientError> {
    client.ask(Method::GET, &path, None).await
}

/// The keyword in tables, for people.
pub(super) fn text_of(shown: &ShownKeyword) -> String {
    let sections = [
        name_and_rules(&shown.listed),
        totals(&shown.listed),
        ledger(&shown.ledger),
        words(&shown.words),
        authors(&shown.authors),
        spikes(&shown.spikes),
    ];
    sections.join("\n\n")
}

fn name_and_rules(listed: &Listed) -> String {
    let mut lines = vec![plain(&listed.keyword).into_owned()];
    for (name, texts) in rule_lists(&listed.any, &listed.none) {
        lines.push(plain(&format!("{name}: {}", texts.join(", "))).into_owned());
    }
    lines.join("\n")
}

fn totals(listed: &Listed) -> String {
    let time = |at: &Option<String>| at.as_deref().map_or_else(|| "-".to_owned(), minute);
    aligned(
        [
            Column::right("tweets"),
            Column::left("first (UTC)"),
            Column::left("last (UTC)"),
            Column::right("lag"),
            Column::left("status"),
        ],
        &[[
            listed.tweets.to_string(),
            time(&listed.first_at),
            time(&listed.last_at),
            listed.lag.to_string(),
            listed.status.clone(),
        ]],
    )
}

fn ledger(ledger: &Ledger) -> String {
    let columns = [
        ("journaled", ledger.journaled),
        ("folded", ledger.folded),
        ("duplicate", ledger.duplicate),
        ("ignored", ledger.ignored),
        ("rejected", ledger.rejected),
        ("deleted", ledger.deleted),
    ];
    aligned(
        columns.map(|(name, _)| Column::right(name)),
        &[columns.map(|(_, count)| count.to_string())],
    )
}

fn words(words: &TopWords) -> String {
    let (day, week) = (&words.day, &words.week);
    let indexes = 0..day.items.len().max(week.items.len());
    if indexes.is_empty() {
        return "No words in 7 days".to_owned();
    }
    let rows: Vec<_> = indexes
        .map(|index| {
            let (day, week) = (day.items.get(index), week.items.get(index));
            let rank = day.or(week).map(|item| item.rank.to_string());
            let [word, count, change] = cells(day);
            let [week_word, week_count, week_change] = cells(week);
            let rank = rank.unwrap_or_default();
            [
                rank,
                word,
                count,
                change,
                week_word,
                week_count,
                week_change,
            ]
        })
        .collect();
    let table = aligned(
        [
            Column::right("rank"),
            Column::left("24 hours"),
            Column::right("tweets"),
            Column::right("change"),
            Column::left("7 days"),
            Column::right("tweets"),
            Column::right("change"),
        ],
        &rows,
    );
    let (in_day, in_week) = (day.total, week.total);
    format!("Top words of {in_day} tweets in 24 hours, and of {in_week} in 7 days\n{table}")
}

fn authors(authors: &Ranking) -> String {
    if authors.items.is_empty() {
        return "No authors in 7 days".to_owned();
    }
    let rows: Vec<_> = authors
        .items
        .iter()
        .map(|item| {
            let [author, count, change] = cells(Some(item));
            [item.rank.to_string(), author, count, change]
        })
        .collect();
    let table = aligned(
        [
            Column::right("rank"),
            Column::left("author"),
            Column::right("tweets"),
            Column::right("change"),
        ],
        &rows,
    );
    format!("Top authors of {} in 7 days\n{table}", authors.distinct)
}

fn spikes(spikes: &[Spike]) -> String {
    if spikes.is_empty() {
        return "No spikes in 30 days".to_owned();
    }
    let rows: Vec<_> = spikes
        .iter()
        .map(|spike| {
            [
                minute(&spike.start),
                hours(spike),
                spike.count.to_string(),
                format!("{:.1}", spike.expected),
                format!("{:.3}", spike.score),
                spike.words.join(", "),
                spike.authors.join(", "),
            ]
        })
        .collect();
    let table = aligned(
        [
            Column::left("start (UTC)"),
            Column::right("hours"),
            Column::right("tweets"),
            Column::right("expected"),
            Column::right("score"),
            Column::left("words"),
            Column::left("authors"),
        ],
        &rows,
    );
    format!("Latest spikes in 30 days\n{table}")
}

/// The key of a ranked item, its count, and the change of its rank; empty cells for no item.
fn cells(item: Option<&Ranked>) -> [String; 3] {
    let Some(item) = item else {
        return Default::default();
    };
    let change = match item.change {
        None => "new".to_owned(),
        Some(0) => "=".to_owned(),
        Some(change) => format!("{change:+}"),
    };
    [item.key.clone(), item.count.to_string(), change]
}

/// A time cut off after the minute; unchanged if the text is not a time.
fn minute(text: &str) -> String {
    match Timestamp::parse(text) {
        Ok(at) => {
            let text = at.to_string().replacen('T', " ", 1);
            text.chars().take("2026-11-23 07:00".len()).collect()
        }
        Err(_) => text.to_owned(),
    }
}

/// The length of a spike in hours.
fn hours(spike: &Spike) -> String {
    match (Timestamp::parse(&spike.start), Timestamp::parse(&spike.end)) {
        (Ok(start), Ok(end)) => {
            let millis = end.millis().saturating_sub(start.millis());
            (millis / Timestamp::HOUR).to_string()
        }
        _ => "-".to_owned(),
    }
}
