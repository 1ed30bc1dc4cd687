//! Reading a timeline: newest first, page by page, filtered.

use super::late_metrics::LateMetrics;
use super::page::{Entry, Page};
use super::rows::{RowKey, Rows, RowsError, Seek};
use super::tweet_key::TweetKey;
use crate::events::{Timestamp, TweetPosted, normal_form};

/// How many tweets one query looks at before it answers with what it found and where to go on.
pub const MOST_EXAMINED: usize = 10_000;

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
    let filter = Filter::of(query);
    let mut answer = TimelinePage::default();
    let mut examined = 0_usize;
    let upper = match (&query.before, query.to.map(TweetKey::start_of)) {
        (Some(before), Some(to)) => Some(before.clone().min(to)),
        (before, to) => before.clone().or(to),
    };
    if upper
        .as_ref()
        .is_some_and(|upper| *upper <= TweetKey::first())
    {
        return Ok(answer);
    }
    newest_first(rows, upper.as_ref(), &mut |entry, row, late| {
        if query.from.is_some_and(|from| entry.at < from) {
            return Ok(Flow::Stop);
        }
        examined = examined.saturating_add(1);
        let tweet = with_latest(entry, row, late)?;
        if !filter.passes(&tweet) {
            if examined < MOST_EXAMINED {
                return Ok(Flow::Go);
            }
            answer.next = Some(entry.key());
            return Ok(Flow::Stop);
        }
        if answer.items.len() >= query.limit {
            answer.next = answer.items.last().map(TweetKey::of);
            return Ok(Flow::Stop);
        }
        answer.items.push(tweet);
        Ok(Flow::Go)
    })?;
    Ok(answer)
}

/// Hands every tweet, with its latest metrics, to `visit`, newest first.
///
/// # Errors
/// [`RowsError`].
pub fn for_each_tweet(
    rows: &dyn Rows,
    mut visit: impl FnMut(TweetPosted),
) -> Result<(), RowsError> {
    newest_first(rows, None, &mut |entry, row, late| {
        visit(with_latest(entry, row, late)?);
        Ok(Flow::Go)
    })
}

enum Flow {
    Go,
    Stop,
}

type Visit<'v> = dyn FnMut(&Entry<'_>, &RowKey, &LateMetrics) -> Result<Flow, RowsError> + 'v;

/// Visits the tweets strictly below `upper`, newest first.
fn newest_first(
    rows: &dyn Rows,
    upper: Option<&TweetKey>,
    visit: &mut Visit<'_>,
) -> Result<(), RowsError> {
    let Some(row) = rows.get(&RowKey::OpenPage)? else {
        return Ok(());
    };
    let open = Page::decode(&RowKey::OpenPage, &row)?;
    let mut at = match upper {
        Some(upper) if upper < open.lower() => upper.clone(),
        _ => {
            let lower = open.lower().clone();
            if let Flow::Stop = visit_page(rows, &RowKey::OpenPage, &open, upper, visit)? {
                return Ok(());
            }
            lower
        }
    };
    while let Some((lower, row)) = rows.page(Seek::Before(&at))? {
        let key = RowKey::Page(lower.clone());
        let page = Page::decode(&key, &row)?;
        if let Flow::Stop = visit_page(rows, &key, &page, upper, visit)? {
            return Ok(());
        }
        at = lower;
    }
    Ok(())
}

fn visit_page(
    rows: &dyn Rows,
    key: &RowKey,
    page: &Page,
    upper: Option<&TweetKey>,
    visit: &mut Visit<'_>,
) -> Result<Flow, RowsError> {
    let metrics_key = RowKey::Metrics(page.lower().clone());
    let late = match rows.get(&metrics_key)? {
        Some(row) => LateMetrics::decode(&metrics_key, &row)?,
        None => LateMetrics::default(),
    };
    let count = match upper {
        Some(upper) => page.position(upper).unwrap_or_else(|index| index),
        None => page.len(),
    };
    for index in (0..count).rev() {
        if let Some(entry) = page.entry(index)
            && let Flow::Stop = visit(&entry, key, &late)?
        {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Go)
}

fn with_latest(
    entry: &Entry<'_>,
    row: &RowKey,
    late: &LateMetrics,
) -> Result<TweetPosted, RowsError> {
    let mut tweet = entry
        .tweet()
        .map_err(|what| RowsError::damaged(row, what))?;
    if !late.is_empty()
        && let Some((_, metrics)) = late.get(&entry.key())
    {
        tweet.metrics = metrics;
    }
    Ok(tweet)
}

/// The filters of a query, made ready once.
struct Filter<'a> {
    lang: Option<String>,
    author: Option<String>,
    text: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn of(query: &'a TimelineQuery) -> Self {
        Self {
            lang: query.lang.as_deref().map(without_case),
            author: query.author.as_deref().map(without_case),
            text: query.text.as_deref(),
        }
    }

    fn passes(&self, tweet: &TweetPosted) -> bool {
        let lang_passes = self.lang.as_ref().is_none_or(|lang| {
            tweet
                .lang
                .as_ref()
                .is_some_and(|own| without_case(own) == *lang)
        });
        let author_passes = self
            .author
            .as_ref()
            .is_none_or(|author| without_case(&tweet.author.handle) == *author);
        lang_passes
            && author_passes
            && self
                .text
                .is_none_or(|text| normal_form(&tweet.text).contains(text))
    }
}

/// A text in which case makes no difference: character by character, since lower case alone depends
/// on what stands beside a sigma.
fn without_case(text: &str) -> String {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_makes_no_difference_wherever_a_letter_stands() {
        for (one, other) in [
            ("ΑΣ", "ας"),
            ("ασ", "ας"),
            ("Someone", "sOMEONE"),
            ("가", "가"),
        ] {
            assert_eq!(without_case(one), without_case(other));
        }
        assert_ne!(without_case("a"), without_case("b"));
    }
}
