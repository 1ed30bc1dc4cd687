//! Filters of a timeline query: they decide which tweets pass, and keep these decisions for later
//! runs.

use super::entry::PageEntry;
use super::query::{TimelineQuery, tweet_of};
use crate::events::normal_form;
use crate::projections::{RowKey, Rows, RowsError};

/// Divides the encoded size of a tweet: the cost of reading the tweet is at least a quarter of this
/// size, in bytes. This bounds queries over tweets with little text and long other fields, too.
const MIN_PART_OF_ENTRY: usize = 4;

/// The decision of a filter about one tweet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) passes: bool,
    /// Number of bytes of text that the decision has read: the cost of the decision.
    bytes: u32,
}

impl Verdict {
    pub(super) fn cost(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

/// The decisions of a filter about the tweets of one page so far.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// The hash of the row of the page.
    of_row: Option<blake3::Hash>,
    /// The decisions by index of the tweet in its page; `None` for tweets without a decision.
    pub(super) of_tweets: Vec<Option<Verdict>>,
}

impl Verdicts {
    /// Drops the decisions when the row of the page has changed.
    pub(super) fn keep_if_of(&mut self, row: &[u8]) {
        let hash = Some(blake3::hash(row));
        if self.of_row != hash {
            self.of_row = hash;
            self.of_tweets.clear();
        }
    }

    /// The cost of all tweets of the page, if every one of them is known to fail the filter.
    pub(super) fn cost_when_none_passes(&self) -> Option<usize> {
        if self.of_tweets.is_empty() {
            return None;
        }
        self.of_tweets.iter().try_fold(0_usize, |sum, verdict| {
            let verdict = verdict.filter(|verdict| !verdict.passes)?;
            Some(sum.saturating_add(verdict.cost()))
        })
    }
}

/// The filters of a query, in the form in which texts are compared.
#[derive(Debug)]
pub(super) struct Filter {
    lang: Option<String>,
    author: Option<String>,
    text: Option<String>,
}

impl Filter {
    pub(super) fn of(query: &TimelineQuery) -> Self {
        let ready = |text: &String| without_case(text).collect();
        Self {
            lang: query.lang.as_ref().map(ready),
            author: query.author.as_ref().map(ready),
            text: query.text.clone(),
        }
    }

    pub(super) fn judge(
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

/// The characters of a text, without case. Each character goes through upper case and back, because
/// the lower case of a sigma depends on its neighbours.
pub(super) fn without_case(text: &str) -> impl Iterator<Item = char> {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase)
}
