//! Spikes with what explains them: those of one keyword, and the strongest of all keywords.

use std::cmp::Reverse;

use crate::events::{Keyword, Timestamp};
use crate::projections::keys::own_words;
use crate::projections::spikes::{Explainer, Reasons, Spike, spikes};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::store::{StoreError, Views};

/// A spike and what explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSpike {
    /// The spike.
    pub spike: Spike,
    /// Its words, tweets and authors.
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

/// Returns the spikes of a keyword that overlap `[from, to)`, whole, by their starts.
///
/// # Errors
/// [`RowsError`] when the rows cannot be read.
pub fn explained_spikes(
    keyword: &Keyword,
    summary: &KeywordSummary,
    rows: &dyn Rows,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<ExplainedSpike>, RowsError> {
    let found = found_spikes(summary, rows, (from, to))?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let explainer = Explainer::new(
        rows,
        own_words(rows.context().analyser()?, keyword, summary),
    )?;
    let explained = found.into_iter().map(|spike| {
        let reasons = explainer.explain(&spike)?;
        Ok(ExplainedSpike { spike, reasons })
    });
    explained.collect()
}

/// The spikes of a keyword that overlap `[from, to)`, without what explains them.
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

/// Returns the first `limit` of these spikes by score (descending), start and keyword, with what
/// explains them. A keyword that is gone by now has none.
///
/// # Errors
/// [`StoreError`] when the views cannot be read.
pub(super) fn strongest_spikes(
    views: &Views,
    mut found: Vec<(Keyword, Spike)>,
    limit: usize,
) -> Result<Vec<KeywordSpike>, StoreError> {
    found.sort_unstable_by(|(keyword_a, a), (keyword_b, b)| {
        let by_score = (Reverse(a.score), a.start).cmp(&(Reverse(b.score), b.start));
        by_score.then_with(|| keyword_a.cmp(keyword_b))
    });
    found.truncate(limit);
    let mut strongest = Vec::with_capacity(found.len());
    for (keyword, spike) in found {
        let reasons = views.read(&keyword, |summary, rows| {
            Explainer::new(
                rows,
                own_words(rows.context().analyser()?, &keyword, summary),
            )?
            .explain(&spike)
        })?;
        if let Some(reasons) = reasons {
            let explained = ExplainedSpike {
                spike,
                reasons: reasons.value,
            };
            strongest.push(KeywordSpike { keyword, explained });
        }
    }
    Ok(strongest)
}
