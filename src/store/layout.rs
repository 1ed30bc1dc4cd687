//! How the name of a row becomes a key of sled.
//!
//! A key is the row's kind (one byte), the keyword in normal form, a zero byte (which no keyword
//! holds), and what tells rows of one kind apart, in an order that bytes sort like numbers. The
//! kind comes first so that the rows which change all the time (headers, open pages, newest ids)
//! are neighbours: sled rewrites a leaf of sixteen neighbours at a time.

use crate::events::{Keyword, Timestamp};
use crate::projections::{RowKey, TweetKey};

/// The checkpoint and epoch of the shard.
pub(super) const SHARD: &[u8] = b"c";
/// How many records with invalid tokens the shard has seen.
pub(super) const UNADDRESSED: &[u8] = b"u";
const SUMMARY: u8 = b'h';
const OPEN_PAGE: u8 = b'o';
const PAGE: u8 = b'p';
const METRICS: u8 = b'e';
const MINUTES: u8 = b'm';
const SPAN: u8 = b'r';
const RECENT_IDS: u8 = b'i';
const ID_RUN: u8 = b'j';
const ID_FILTER: u8 = b'f';
/// Keywords whose rows are behind the checkpoint.
const BEHIND: u8 = b'b';
/// The log of which keywords are tracked.
pub(super) const TRACKED_LOG: u8 = b'l';

/// Every kind of row that belongs to a keyword's view.
const OF_KEYWORD: [u8; 9] = [
    SUMMARY, OPEN_PAGE, PAGE, METRICS, MINUTES, SPAN, RECENT_IDS, ID_RUN, ID_FILTER,
];

fn start(kind: u8, keyword: &Keyword) -> Vec<u8> {
    let text = keyword.as_str().as_bytes();
    let mut key = Vec::with_capacity(text.len().saturating_add(32));
    key.push(kind);
    key.extend_from_slice(text);
    key.push(0);
    key
}

fn push_tweet_key(key: &mut Vec<u8>, tweet: &TweetKey) {
    key.extend_from_slice(&tweet.at().millis().to_be_bytes());
    key.extend_from_slice(tweet.id());
}

fn push_part(key: &mut Vec<u8>, level: u8, run: u8, part: u32) {
    key.push(level);
    key.push(run);
    key.extend_from_slice(&part.to_be_bytes());
}

/// The key of a keyword's row.
pub(super) fn key(keyword: &Keyword, row: &RowKey) -> Vec<u8> {
    let kind = match row {
        RowKey::Summary => SUMMARY,
        RowKey::OpenPage => OPEN_PAGE,
        RowKey::Page(_) => PAGE,
        RowKey::Metrics(_) => METRICS,
        RowKey::Minutes(_) => MINUTES,
        RowKey::Span(_) => SPAN,
        RowKey::RecentIds => RECENT_IDS,
        RowKey::IdRun(..) => ID_RUN,
        RowKey::IdFilter(..) => ID_FILTER,
    };
    let mut key = start(kind, keyword);
    match row {
        RowKey::Summary | RowKey::OpenPage | RowKey::RecentIds => {}
        RowKey::Page(tweet) | RowKey::Metrics(tweet) => push_tweet_key(&mut key, tweet),
        RowKey::Minutes(block) | RowKey::Span(block) => {
            key.extend_from_slice(&block.to_be_bytes());
        }
        RowKey::IdRun(level, run, part) | RowKey::IdFilter(level, run, part) => {
            push_part(&mut key, *level, *run, *part);
        }
    }
    key
}

/// What all closed pages of a keyword start with.
pub(super) fn pages(keyword: &Keyword) -> Vec<u8> {
    start(PAGE, keyword)
}

/// It is the key of a closed page.
pub(super) fn is_page(key: &[u8]) -> bool {
    key.first() == Some(&PAGE)
}

/// The lower bound of the closed page behind a key that starts with `prefix`.
pub(super) fn page_lower(prefix: &[u8], key: &[u8]) -> Option<TweetKey> {
    let (at, id) = key.strip_prefix(prefix)?.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis(i64::from_be_bytes(*at));
    Some(TweetKey::from_parts(at, id))
}

/// What the rows of a keyword's view start with, kind by kind.
pub(super) fn all_of(keyword: &Keyword) -> impl Iterator<Item = Vec<u8>> + '_ {
    OF_KEYWORD.into_iter().map(|kind| start(kind, keyword))
}

/// The key of the mark that a keyword is behind.
pub(super) fn behind(keyword: &Keyword) -> Vec<u8> {
    start(BEHIND, keyword)
}

/// The key of a row of a log; that of the row which says how many there are is the kind alone.
pub(super) fn log_row(kind: u8, number: u32) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// What all marks of keywords that are behind start with.
pub(super) const ALL_BEHIND: &[u8] = &[BEHIND];
/// What all rows of newest ids start with.
pub(super) const ALL_RECENT_IDS: &[u8] = &[RECENT_IDS];
/// What all headers start with.
pub(super) const ALL_HEADS: &[u8] = &[SUMMARY];

/// The keyword in a key of one row per keyword.
pub(super) fn keyword_of(key: &[u8]) -> Option<Keyword> {
    let (_, rest) = key.split_first()?;
    let text = std::str::from_utf8(rest.strip_suffix(b"\0")?).ok()?;
    Keyword::new(text).ok()
}
