//! Spikes with their reasons: those of one keyword, and the strongest of all keywords.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::events::{Keyword, Timestamp};
use crate::projections::keys::own_words;
use crate::projections::spikes::{Explainer, Reasons, Spike, spikes};
use crate::projections::statistics::Decimal;
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::store::{StoreError, Views};

/// A spike and its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSpike {
    /// The spike.
    pub spike: Spike,
    /// The reasons: words, tweets and authors.
    pub reasons: Reasons,
}

/// A spike, with the keyword whose tweets make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordSpike {
    /// The keyword.
    pub keyword: Keyword,
    /// The spike.
    pub explained: ExplainedSpike,
}

/// Returns the spikes of a keyword that overlap `[from, to)`, each as a whole, in the order of
/// their starts.
///
/// # Errors
/// [`RowsError`] when the rows cannot be read.
pub fn explained_spikes(
    keyword: &Keyword,
    summary: &KeywordSummary,
    rows: &dyn Rows,
    span: (Timestamp, Timestamp),
) -> Result<Vec<ExplainedSpike>, RowsError> {
    let found = found_spikes(summary, rows, span)?;
    explained(keyword, summary, rows, found)
}

/// The spikes of a keyword that overlap `[from, to)`, without their reasons.
pub(super) fn found_spikes(
    summary: &KeywordSummary,
    rows: &dyn Rows,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Spike>, RowsError> {
    let settings = rows.context().spikes()?;
    let has_enough = summary.tweets >= u64::from(settings.minimum);
    match summary.first_at.filter(|_| has_enough) {
        Some(first_at) => spikes(rows, first_at, from, to, settings),
        None => Ok(Vec::new()),
    }
}

fn explained(
    keyword: &Keyword,
    summary: &KeywordSummary,
    rows: &dyn Rows,
    found: Vec<Spike>,
) -> Result<Vec<ExplainedSpike>, RowsError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let own_words = own_words(rows.context().analyser()?, keyword, summary);
    let explainer = Explainer::new(rows, own_words);
    let explained = found.into_iter().map(|spike| {
        let reasons = Reasons::clone(&*explainer.explain(&spike)?);
        Ok(ExplainedSpike { spike, reasons })
    });
    explained.collect()
}

/// The order of spikes of several keywords: by score (descending), start and keyword.
type Rank = (Reverse<Decimal<3>>, Timestamp, Keyword);

fn rank(keyword: &Keyword, spike: &Spike) -> Rank {
    (Reverse(spike.score), spike.start, keyword.clone())
}

/// The spikes with the highest scores among those offered, up to a maximum number.
pub(super) struct StrongestSpikes {
    limit: usize,
    held: BTreeMap<Rank, Spike>,
}

impl StrongestSpikes {
    /// An empty list for up to `limit` spikes.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            held: BTreeMap::new(),
        }
    }

    /// Takes a spike if it is one of the strongest so far.
    pub(super) fn offer(&mut self, keyword: &Keyword, spike: Spike) {
        self.held.insert(rank(keyword, &spike), spike);
        if self.held.len() > self.limit {
            self.held.pop_last();
        }
    }

    /// Returns the strongest spikes that overlap `[from, to)`, strongest first, with their reasons.
    ///
    /// Each keyword is read again, and its spikes are searched again in the same version as their
    /// reasons. A spike is left out if it no longer exists or its keyword is no longer tracked. It
    /// is not replaced by a weaker one.
    ///
    /// # Errors
    /// [`StoreError`] when the views cannot be read.
    pub(super) fn explained(
        self,
        views: &Views,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<KeywordSpike>, StoreError> {
        let mut spans: BTreeMap<Keyword, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
        for ((.., keyword), spike) in self.held {
            let span = (spike.start.max(from), spike.end.min(to));
            spans.entry(keyword).or_default().push(span);
        }
        let mut strongest = BTreeMap::new();
        for (keyword, spans) in spans {
            let answer = views.read(&keyword, |summary, rows| {
                if !summary.tracked {
                    return Ok(Vec::new());
                }
                let mut found = BTreeMap::new();
                for span in &spans {
                    let spikes = found_spikes(summary, rows, *span)?;
                    // Two spikes may have become one.
                    found.extend(spikes.into_iter().map(|spike| (spike.start, spike)));
                }
                explained(&keyword, summary, rows, found.into_values().collect())
            })?;
            for explained in answer.into_iter().flat_map(|answer| answer.value) {
                let rank = rank(&keyword, &explained.spike);
                let keyword = keyword.clone();
                strongest.insert(rank, KeywordSpike { keyword, explained });
            }
        }
        Ok(strongest.into_values().take(self.limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::projections::RowChanges;
    use crate::store::Store;

    fn spike(start: i64, score: i64) -> Spike {
        let start = Timestamp::from_millis(start * Timestamp::HOUR);
        Spike {
            start,
            end: start.plus(Timestamp::HOUR),
            peak_at: start,
            count: 30,
            expected: Decimal::default(),
            score: Decimal::of_units(score),
        }
    }

    #[test]
    fn strongest_spikes_are_kept_up_to_the_limit() {
        let [a, b] = ["a", "b"].map(|text| Keyword::new(text).unwrap());
        let mut strongest = StrongestSpikes::new(3);
        let offered = [
            (&a, 1, 10),
            (&b, 5, 30),
            (&b, 2, 20),
            (&a, 2, 20),
            (&a, 9, 20),
            (&b, 0, 5),
        ];
        for (keyword, start, score) in offered {
            strongest.offer(keyword, spike(start, score));
            assert!(strongest.held.len() <= 3);
        }
        let held = strongest.held.into_iter();
        let held: Vec<_> = held
            .map(|((.., keyword), spike)| (keyword, spike.start.millis() / Timestamp::HOUR))
            .collect();
        assert_eq!(held, [(b.clone(), 5), (a, 2), (b, 2)]);
    }

    #[test]
    fn spike_that_is_gone_before_it_is_explained_is_left_out() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let views = Views::default();
        views.show(&store);
        let mut strongest = StrongestSpikes::new(20);
        for (text, tracked) in [("untracked", false), ("deleted", true)] {
            let keyword = Keyword::new(text).unwrap();
            let summary = KeywordSummary {
                tracked,
                ..KeywordSummary::default()
            };
            let changes = RowChanges {
                rows: vec![(KeywordSummary::key(), Some(summary.encode().unwrap()))],
                ..RowChanges::default()
            };
            store
                .rows_of(&keyword)
                .unwrap()
                .put(&keyword, changes)
                .unwrap();
            strongest.offer(&keyword, spike(400_000, 20));
        }
        strongest.offer(&Keyword::new("unknown").unwrap(), spike(400_000, 20));
        let span = (Timestamp::EARLIEST, Timestamp::LATEST);
        let explained = strongest.explained(&views, span).unwrap();
        assert!(explained.is_empty(), "{explained:?}");
    }
}
