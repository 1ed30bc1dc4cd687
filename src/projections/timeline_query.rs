//! Reading a timeline: newest first, page by page, filtered.
//!
//! An unfiltered query reads as many tweets as it answers. A filtered one may look at far more, so
//! a [`TimelineScan`] bounds it by the bytes of text that it looks at, and then answers what it
//! found with the place where to go on.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::late_metrics::LateMetrics;
use super::rows::{RowKey, Rows, RowsError, Seek};
use super::tweet_key::TweetKey;
use super::tweet_page::{PageEntry, TweetPage};
use crate::events::{Timestamp, TweetPosted, normal_form};

/// A filtered query looks at no more bytes of text than this.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// No text is longer in normal form, in bytes: 10,000 code points, of which NFKC makes 33 bytes
/// each at most.
const MAX_BYTES_OF_ONE_TEXT: usize = 330_000;

/// A tweet counts as at least this part of what it takes in its page, so that tweets of little text
/// and much else are bounded too.
const MIN_PART_OF_ENTRY: usize = 4;

/// Which tweets of a timeline to read, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelineQuery {
    /// How many at most.
    pub limit: usize,
    /// Only tweets strictly older than this one.
    pub before: Option<TweetKey>,
    /// Only tweets at or after this moment.
    pub from: Option<Timestamp>,
    /// Only tweets before this moment.
    pub to: Option<Timestamp>,
    /// Only tweets in this language (whole, without case).
    pub lang: Option<String>,
    /// Only tweets of this author's handle (whole, without case).
    pub author: Option<String>,
    /// Only tweets whose text, in normal form, contains this text, in normal form.
    pub text: Option<String>,
}

impl TimelineQuery {
    /// Whether tweets have to be looked at to know if they belong to the answer. The span of time
    /// alone is no such filter: it says where to begin and to end.
    pub const fn is_filtered(&self) -> bool {
        self.lang.is_some() || self.author.is_some() || self.text.is_some()
    }

    /// The first key that is out of reach, if any.
    fn upper(&self) -> Option<TweetKey> {
        match (&self.before, self.to.map(TweetKey::start_of)) {
            (Some(before), Some(to)) => Some(before.clone().min(to)),
            (before, to) => before.clone().or(to),
        }
    }
}

/// Tweets, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelinePage {
    /// The tweets with their latest metrics.
    pub items: Vec<TweetPosted>,
    /// Where to go on (`before`), when there may be more. Fewer items than asked for, even none,
    /// with more to come is what a filter that matches seldom gives.
    pub next: Option<TweetKey>,
}

/// Reads a timeline.
///
/// # Errors
/// [`RowsError`].
pub fn query(rows: &dyn Rows, query: &TimelineQuery) -> Result<TimelinePage, RowsError> {
    TimelineScan::new(query.clone()).run(rows)
}

/// Hands every tweet, with its latest metrics, to `visit`, newest first.
///
/// # Errors
/// [`RowsError`].
pub fn for_each_tweet(
    rows: &dyn Rows,
    mut visit: impl FnMut(TweetPosted),
) -> Result<(), RowsError> {
    newest_first(rows, None, &mut |found| {
        let page = found.page()?;
        let mut late = None;
        for index in (0..page.len()).rev() {
            if let Some(entry) = page.entry(index) {
                visit(with_latest(rows, &found.key, &page, &entry, &mut late)?);
            }
        }
        Ok(Flow::Go)
    })
}

/// A timeline query that can be run again, when the timeline has changed meanwhile. What its filter
/// said of a page that is the same is not asked twice. Each run looks at half as much as the one
/// before, so that a run which keeps the timeline from changing is short.
#[derive(Debug)]
pub struct TimelineScan {
    query: TimelineQuery,
    filter: Filter,
    /// Once it has looked at so many bytes of text, the next run of a filtered query stops.
    budget: usize,
    known: BTreeMap<TweetKey, Verdicts>,
}

impl TimelineScan {
    /// A query that looks at no more than [`MAX_TEXT_BYTES`].
    pub fn new(query: TimelineQuery) -> Self {
        Self::within(query, MAX_TEXT_BYTES - MAX_BYTES_OF_ONE_TEXT)
    }

    /// A query that stops with the text at which it has looked at `budget` bytes, if it is
    /// filtered.
    pub fn within(query: TimelineQuery, budget: usize) -> Self {
        Self {
            filter: Filter::of(&query),
            query,
            budget,
            known: BTreeMap::new(),
        }
    }

    /// Reads the timeline.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn run(&mut self, rows: &dyn Rows) -> Result<TimelinePage, RowsError> {
        let mut answer = TimelinePage::default();
        let upper = self.query.upper();
        let reaches_nothing = |upper: &TweetKey| *upper <= TweetKey::first();
        if upper.as_ref().is_some_and(reaches_nothing) {
            return Ok(answer);
        }
        let mut left = self.budget;
        self.budget /= 2;
        newest_first(rows, upper.as_ref(), &mut |found| {
            if self.query.is_filtered() {
                self.visit_filtered(rows, found, upper.as_ref(), &mut left, &mut answer)
            } else {
                self.visit(rows, found, upper.as_ref(), &mut answer)
            }
        })?;
        Ok(answer)
    }

    fn visit(
        &self,
        rows: &dyn Rows,
        found: &Found,
        upper: Option<&TweetKey>,
        answer: &mut TimelinePage,
    ) -> Result<Flow, RowsError> {
        let page = found.page()?;
        let mut late = None;
        for index in (0..count_below(&page, upper)).rev() {
            let Some(entry) = page.entry(index) else {
                continue;
            };
            if self.is_too_old(&entry) {
                return Ok(Flow::Stop);
            }
            if self.is_full(answer) {
                answer.next = answer.items.last().map(TweetKey::of);
                return Ok(Flow::Stop);
            }
            rows.look(entry.len())?;
            let tweet = with_latest(rows, &found.key, &page, &entry, &mut late)?;
            answer.items.push(tweet);
        }
        Ok(Flow::Go)
    }

    fn visit_filtered(
        &mut self,
        rows: &dyn Rows,
        found: &Found,
        upper: Option<&TweetKey>,
        left: &mut usize,
        answer: &mut TimelinePage,
    ) -> Result<Flow, RowsError> {
        let mut verdicts = self.known.remove(&found.lower).unwrap_or_default();
        verdicts.keep_if_of(&found.row);
        if let Some(cost) = verdicts.cost_when_none_passes()
            && cost < *left
        {
            *left = left.saturating_sub(cost);
            self.known.insert(found.lower.clone(), verdicts);
            return Ok(Flow::Go);
        }
        let page = found.page()?;
        verdicts.of_tweets.resize(page.len(), None);
        let mut late = None;
        let mut flow = Flow::Go;
        for index in (0..count_below(&page, upper)).rev() {
            let (Some(entry), Some(known)) = (page.entry(index), verdicts.of_tweets.get_mut(index))
            else {
                continue;
            };
            flow = Flow::Stop;
            if self.is_too_old(&entry) {
                break;
            }
            let verdict = match *known {
                Some(verdict) => verdict,
                None => *known.insert(self.filter.judge(rows, &found.key, &entry)?),
            };
            if verdict.passes {
                if self.is_full(answer) {
                    answer.next = answer.items.last().map(TweetKey::of);
                    break;
                }
                let tweet = with_latest(rows, &found.key, &page, &entry, &mut late)?;
                answer.items.push(tweet);
            }
            *left = left.saturating_sub(verdict.cost());
            if *left == 0 {
                answer.next = Some(entry.key());
                break;
            }
            flow = Flow::Go;
        }
        self.known.insert(found.lower.clone(), verdicts);
        Ok(flow)
    }

    fn is_too_old(&self, entry: &PageEntry<'_>) -> bool {
        self.query.from.is_some_and(|from| entry.at < from)
    }

    /// Whether there is no room for one more tweet that passes.
    fn is_full(&self, answer: &TimelinePage) -> bool {
        answer.items.len() >= self.query.limit
    }
}

enum Flow {
    Go,
    Stop,
}

/// A page of the timeline, as its row.
struct Found {
    key: RowKey,
    lower: TweetKey,
    row: Bytes,
}

impl Found {
    fn page(&self) -> Result<TweetPage, RowsError> {
        TweetPage::decode(&self.key, &self.row)
    }
}

type Visit<'v> = dyn FnMut(&Found) -> Result<Flow, RowsError> + 'v;

/// Visits the pages that may hold tweets strictly below `upper`, newest first.
fn newest_first(
    rows: &dyn Rows,
    upper: Option<&TweetKey>,
    visit: &mut Visit<'_>,
) -> Result<(), RowsError> {
    let key = TweetPage::open_key();
    let Some(row) = rows.get(&key)? else {
        return Ok(());
    };
    let lower = TweetPage::decode(&key, &row)?.lower().clone();
    let open = Found { key, lower, row };
    let mut at = match upper {
        Some(upper) if *upper < open.lower => upper.clone(),
        _ => {
            if let Flow::Stop = visit(&open)? {
                return Ok(());
            }
            open.lower
        }
    };
    while let Some((lower, row)) = TweetPage::seek(rows, Seek::Before(&at))? {
        let key = TweetPage::key(&lower);
        let closed = Found { key, lower, row };
        if let Flow::Stop = visit(&closed)? {
            return Ok(());
        }
        at = closed.lower;
    }
    Ok(())
}

/// How many tweets of a page are below a key.
fn count_below(page: &TweetPage, upper: Option<&TweetKey>) -> usize {
    upper.map_or(page.len(), |upper| {
        page.position(upper).unwrap_or_else(|index| index)
    })
}

/// A tweet with its latest metrics. `late` holds those of its page once they were read.
fn with_latest(
    rows: &dyn Rows,
    key: &RowKey,
    page: &TweetPage,
    entry: &PageEntry<'_>,
    late: &mut Option<LateMetrics>,
) -> Result<TweetPosted, RowsError> {
    let late = match late {
        Some(late) => late,
        None => late.insert(LateMetrics::read(rows, page.lower())?),
    };
    let mut tweet = tweet_of(key, entry)?;
    if !late.is_empty()
        && let Some((_, metrics)) = late.get(&entry.key())
    {
        tweet.metrics = metrics;
    }
    Ok(tweet)
}

fn tweet_of(key: &RowKey, entry: &PageEntry<'_>) -> Result<TweetPosted, RowsError> {
    entry.tweet().map_err(|what| RowsError::damaged(key, what))
}

/// What a filter says of one tweet.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    passes: bool,
    /// Bytes of text that were looked at for it.
    bytes: u32,
}

impl Verdict {
    fn cost(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

/// What a filter has said of the tweets of a page so far.
#[derive(Debug, Default)]
struct Verdicts {
    /// The hash of the page's row.
    of_row: Option<blake3::Hash>,
    /// By the place of a tweet in its page.
    of_tweets: Vec<Option<Verdict>>,
}

impl Verdicts {
    /// Forgets what was said of another content.
    fn keep_if_of(&mut self, row: &[u8]) {
        let hash = Some(blake3::hash(row));
        if self.of_row != hash {
            self.of_row = hash;
            self.of_tweets.clear();
        }
    }

    /// What looking at the whole page costs, when it is known that none of its tweets passes.
    fn cost_when_none_passes(&self) -> Option<usize> {
        if self.of_tweets.is_empty() {
            return None;
        }
        self.of_tweets.iter().try_fold(0_usize, |sum, verdict| {
            let verdict = verdict.filter(|verdict| !verdict.passes)?;
            Some(sum.saturating_add(verdict.cost()))
        })
    }
}

/// The filters of a query, made ready once.
#[derive(Debug)]
struct Filter {
    lang: Option<String>,
    author: Option<String>,
    text: Option<String>,
}

impl Filter {
    fn of(query: &TimelineQuery) -> Self {
        let ready = |text: &String| without_case(text).collect();
        Self {
            lang: query.lang.as_ref().map(ready),
            author: query.author.as_ref().map(ready),
            text: query.text.clone(),
        }
    }

    fn judge(
        &self,
        rows: &dyn Rows,
        key: &RowKey,
        entry: &PageEntry<'_>,
    ) -> Result<Verdict, RowsError> {
        let tweet = tweet_of(key, entry)?;
        let mut bytes = tweet.text.len().max(entry.len() / MIN_PART_OF_ENTRY);
        rows.look(bytes)?;
        let is_wanted = |wanted: &Option<String>, own: Option<&str>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| own.is_some_and(|own| without_case(own).eq(wanted.chars())))
        };
        let mut passes = is_wanted(&self.lang, tweet.lang.as_deref())
            && is_wanted(&self.author, Some(&tweet.author.handle));
        if passes && let Some(wanted) = &self.text {
            let normal = normal_form(&tweet.text);
            bytes = bytes.max(normal.len());
            passes = normal.contains(wanted.as_str());
        }
        Ok(Verdict {
            passes,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        })
    }
}

/// A text in which case makes no difference: character by character, since lower case alone depends
/// on what stands beside a sigma.
fn without_case(text: &str) -> impl Iterator<Item = char> {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests;
