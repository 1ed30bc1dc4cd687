//! The state of a sync, and what of it is kept between runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sources::x::clause::{Clause, ValueForm};
use crate::sources::x::packing::Packing;
use crate::sources::x::rule_api::{NewRule, Rule, Verdict};

/// The version of the kept state.
const VERSION: u32 = 1;

/// What is kept between runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    /// The keywords of each rule.
    pub(super) rules: Packing,
    /// Refused keywords.
    #[serde(default)]
    pub(super) refused: BTreeMap<String, Refusal>,
}

/// Why X refuses a keyword.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// The hash of the value with this keyword alone. With another value it is tried again.
    pub(super) value: String,
    /// X's words.
    pub(super) reason: String,
}

/// A sync on its way.
#[derive(Debug)]
pub(super) struct Work {
    /// The clauses of all keywords that X can be asked for, in the order of tracking.
    pub(super) clauses: Vec<Clause>,
    /// Keywords that X cannot be asked for.
    pub(super) unaskable: Vec<(String, String)>,
    /// The packing, and refused keywords.
    pub(super) kept: Kept,
    /// Keywords without room for a rule, oldest tracked first.
    pub(super) pending: Vec<String>,
    /// The rules at X.
    pub(super) listed: Vec<Rule>,
    /// Values that are at X without being listed: added ones without an id, and duplicates.
    pub(super) present: BTreeSet<String>,
    /// The number of rules at X.
    pub(super) count: usize,
    /// Maximum number of rules at X, those of others included.
    pub(super) cap: usize,
}

impl Kept {
    /// The state of the last run. One that cannot be read is replaced: rules are compared by value,
    /// so that at most some are rewritten.
    pub(super) fn restored(packing: Option<&Value>) -> Self {
        let restored = packing.map(Self::deserialize);
        let kept = match restored {
            Some(Ok(kept)) if kept.version == VERSION => kept,
            Some(Ok(_)) | None => Self::default(),
            Some(Err(error)) => {
                tracing::warn!(%error, "the packing of rules cannot be read");
                Self::default()
            }
        };
        Self {
            version: VERSION,
            ..kept
        }
    }
}

impl Work {
    /// Notes what X said about rules that were to be added. Returns the refused values, each with
    /// X's words.
    pub(super) fn note(
        &mut self,
        added: &[NewRule],
        verdicts: Vec<Verdict>,
        dry_run: bool,
    ) -> BTreeMap<String, String> {
        let mut is_capped = false;
        let mut refused = BTreeMap::new();
        for (rule, verdict) in added.iter().zip(verdicts) {
            let value = rule.value.clone();
            match verdict {
                Verdict::Added(Some(id)) if !dry_run => {
                    self.count += 1;
                    let tag = rule.tag.clone();
                    self.listed.push(Rule { id, value, tag });
                }
                Verdict::Added(_) => {
                    self.count += usize::from(!dry_run);
                    self.present.insert(value);
                }
                Verdict::Duplicate => {
                    self.present.insert(value);
                }
                Verdict::Refused(words) => {
                    refused.insert(value, words);
                }
                Verdict::Capped => is_capped = true,
            }
        }
        if is_capped {
            self.cap = self.cap.min(self.count);
        }
        refused
    }

    /// The value of each rule, with its clauses.
    pub(super) fn rules_with_clauses(&self, form: &ValueForm) -> Vec<(String, Vec<Clause>)> {
        let by_keyword: BTreeMap<&str, &Clause> = self
            .clauses
            .iter()
            .map(|clause| (clause.keyword.as_str(), clause))
            .collect();
        let clauses = |keywords: &Vec<String>| {
            let keywords = keywords.iter();
            let clauses = keywords.filter_map(|keyword| by_keyword.get(keyword.as_str()));
            clauses.copied().cloned().collect()
        };
        let values = self.kept.rules.values(&self.clauses, form);
        let rules = self.kept.rules.rules().iter();
        values.into_iter().zip(rules.map(clauses)).collect()
    }

    /// The refused keywords, each with the reason.
    pub(super) fn refused(&self) -> Vec<(String, String)> {
        let refused = self.kept.refused.iter();
        let refused = refused.map(|(keyword, refusal)| (keyword.clone(), refusal.reason.clone()));
        self.unaskable.iter().cloned().chain(refused).collect()
    }
}
