//! Keeps the rules at X in step with the keywords.
//!
//! In: the keywords, and the packing of the last run. Out: rules at X that ask for these keywords,
//! the keywords without a rule, and the packing. Rules without the tag prefix of this source are
//! never changed: they belong to others. Nothing is retried here: after an error the caller calls
//! again, and the list of rules shows what was done.

mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use sha2::{Digest, Sha256};

use self::work::{Kept, Refusal, Work};
use super::api::XApi;
use super::clause::{Clause, ValueForm};
use super::rule_api::{NewRule, Rule, RuleApi, Verdict};
use crate::settings::XSettings;
use crate::sources::{ConnectError, Upkeep, WatchedKeywords};

/// Maximum number of additions in one sync. Each one settles a refusal or a lack of room.
const MAX_ROUNDS: usize = 16;
/// Maximum number of times that refused values are halved: 2^16 keywords do not fit into a rule.
const MAX_HALVINGS: usize = 16;

/// Brings the rules at X in step with the keywords.
#[derive(Debug)]
pub(super) struct RuleSync {
    rules: RuleApi,
    /// The beginning of the tags of this source: `tidings:<name>:`.
    prefix: String,
    form: ValueForm,
    max_rules: usize,
    /// Whether a sync has succeeded since the start.
    is_settled: AtomicBool,
}

/// The difference between the rules at X and those that the keywords need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RuleDiff {
    /// Rules that would be added.
    pub(super) add: Vec<NewRule>,
    /// Rules of this source that would be deleted.
    pub(super) delete: Vec<Rule>,
    /// Rules of this source that would stay.
    pub(super) keep: Vec<Rule>,
    /// Rules of others, which are never changed.
    pub(super) foreign: Vec<Rule>,
    /// Keywords without room for a rule.
    pub(super) pending: Vec<String>,
    /// Keywords that X refuses, each with its words.
    pub(super) refused: Vec<(String, String)>,
}

impl RuleSync {
    /// The rules of the source `name`.
    pub(super) fn new(api: XApi, settings: &XSettings, name: &str) -> Self {
        Self {
            rules: RuleApi::new(api),
            prefix: format!("tidings:{name}:"),
            form: ValueForm::new(settings, settings.rule_chars),
            max_rules: settings.rules_max,
            is_settled: AtomicBool::new(false),
        }
    }

    /// Adds the rules that are missing, and deletes those of this source that are not needed.
    /// [`Upkeep::streams`] is left empty.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn sync(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<Upkeep, ConnectError> {
        let mut work = self.begin(keywords, packing).await?;
        self.settle(&mut work, false).await?;
        let diff = self.diff(&work);
        self.delete(&mut work, &diff.delete).await?;
        self.is_settled.store(true, Ordering::Relaxed);
        let narrow = work.clauses.iter().filter(|clause| clause.narrow);
        Ok(Upkeep {
            streams: Vec::new(),
            rules: u64::try_from(work.kept.rules.rules().len()).unwrap_or(u64::MAX),
            narrow: narrow.map(|clause| clause.keyword.clone()).collect(),
            refused: work.refused(),
            pending: work.pending,
            packing: serde_json::to_value(&work.kept).ok(),
        })
    }

    /// What [`Self::sync`] would do. X validates new rules, and nothing is changed.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn dry_run(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<RuleDiff, ConnectError> {
        let mut work = self.begin(keywords, packing).await?;
        self.settle(&mut work, true).await?;
        work.present.clear();
        Ok(self.diff(&work))
    }

    /// Deletes all rules of this source. Returns their number.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn remove_rules(&self) -> Result<u64, ConnectError> {
        let rules = self.rules.list().await?.into_iter();
        let ids: Vec<String> = rules
            .filter(|rule| self.is_own(rule))
            .map(|rule| rule.id)
            .collect();
        self.rules.delete(&ids).await?;
        Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
    }

    /// What is known of the keywords without X: those that are found only in part, and those that
    /// no rule can ask for, each with the reason.
    pub(super) fn judged(
        &self,
        keywords: &WatchedKeywords,
    ) -> (Vec<String>, Vec<(String, String)>) {
        let mut narrow = Vec::new();
        let mut unaskable = Vec::new();
        for watched in keywords.keywords() {
            match self.form.clause(watched) {
                Ok(clause) if clause.narrow => narrow.push(clause.keyword),
                Ok(_) => {}
                Err(reason) => unaskable.push((watched.keyword.to_string(), reason)),
            }
        }
        (narrow, unaskable)
    }

    fn is_own(&self, rule: &Rule) -> bool {
        rule.tag.starts_with(&self.prefix)
    }

    /// Lists the rules at X and packs the keywords. Keywords that were refused in an earlier run
    /// are tried again, because another plan may accept them.
    async fn begin(
        &self,
        keywords: &WatchedKeywords,
        packing: Option<&Value>,
    ) -> Result<Work, ConnectError> {
        let listed = self.rules.list().await?;
        let mut kept = Kept::restored(packing);
        if !self.is_settled.load(Ordering::Relaxed) {
            kept.refused.clear();
        }
        let mut clauses = Vec::new();
        let mut unaskable = Vec::new();
        for watched in keywords.keywords() {
            match self.form.clause(watched) {
                Ok(clause) => clauses.push(clause),
                Err(reason) => unaskable.push((watched.keyword.to_string(), reason)),
            }
        }
        let alone: BTreeMap<&str, String> = clauses
            .iter()
            .map(|clause| (clause.keyword.as_str(), hash(&self.form.value(&[clause]))))
            .collect();
        kept.refused
            .retain(|keyword, refusal| alone.get(keyword.as_str()) == Some(&refusal.value));
        let mut work = Work {
            clauses,
            unaskable,
            kept,
            pending: Vec::new(),
            count: listed.len(),
            listed,
            present: BTreeSet::new(),
            cap: self.max_rules,
        };
        self.place(&mut work);
        Ok(work)
    }

    fn place(&self, work: &mut Work) {
        let refused = &work.kept.refused;
        let asked: Vec<Clause> = work
            .clauses
            .iter()
            .filter(|clause| !refused.contains_key(&clause.keyword))
            .cloned()
            .collect();
        let foreign = work.listed.iter().filter(|rule| !self.is_own(rule)).count();
        let max_rules = work.cap.saturating_sub(foreign);
        work.pending = work.kept.rules.place(&asked, &self.form, max_rules);
    }

    fn diff(&self, work: &Work) -> RuleDiff {
        let values = work.kept.rules.values(&work.clauses, &self.form);
        let mut missing: BTreeSet<&str> = values.iter().map(String::as_str).collect();
        let mut diff = RuleDiff {
            pending: work.pending.clone(),
            refused: work.refused(),
            ..RuleDiff::default()
        };
        for rule in &work.listed {
            let list = if !self.is_own(rule) {
                &mut diff.foreign
            } else if missing.remove(rule.value.as_str()) {
                &mut diff.keep
            } else {
                &mut diff.delete
            };
            list.push(rule.clone());
        }
        missing.retain(|value| !work.present.contains(*value));
        diff.add = values
            .iter()
            .filter(|value| missing.remove(value.as_str()))
            .map(|value| self.new_rule(value))
            .collect();
        diff
    }

    /// Adds rules until none is missing. A refused keyword is left out, and keywords wait when X
    /// has no room. With `dry_run` X only validates the rules.
    async fn settle(&self, work: &mut Work, dry_run: bool) -> Result<(), ConnectError> {
        for _ in 0..MAX_ROUNDS {
            let diff = self.diff(work);
            if diff.add.is_empty() {
                return Ok(());
            }
            if !dry_run && work.count + diff.add.len() > work.cap {
                self.delete(work, &diff.delete).await?;
            }
            let verdicts = self.rules.add(&diff.add, dry_run).await?;
            let refused = work.note(&diff.add, verdicts, dry_run);
            self.leave_out(work, &refused).await?;
            self.place(work);
        }
        Err(ConnectError::Form(format!(
            "rules are still missing after {MAX_ROUNDS} additions"
        )))
    }

    /// Finds the keywords for which X refuses values, and leaves them out. A rule whose halves X
    /// accepts is divided.
    async fn leave_out(
        &self,
        work: &mut Work,
        refused: &BTreeMap<String, String>,
    ) -> Result<(), ConnectError> {
        if refused.is_empty() {
            return Ok(());
        }
        let rules = work.rules_with_clauses(&self.form);
        let rules = rules.into_iter().enumerate();
        let suspects: Vec<(usize, Vec<Clause>)> = rules
            .filter(|(_, (value, _))| refused.contains_key(value))
            .map(|(index, (_, clauses))| (index, clauses))
            .collect();
        let values = suspects.iter().map(|(_, clauses)| clauses.clone());
        let found = self.refused_among(values.collect(), refused).await?;
        for (index, clauses) in suspects {
            if !clauses
                .iter()
                .any(|clause| found.contains_key(&clause.keyword))
            {
                work.kept.rules.divide(index);
            }
        }
        work.kept.refused.extend(found);
        Ok(())
    }

    /// The keywords of refused values that X refuses alone. The values are halved and validated,
    /// all in one request, until each refused keyword stands alone.
    async fn refused_among(
        &self,
        mut suspects: Vec<Vec<Clause>>,
        refused: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Refusal>, ConnectError> {
        let mut words = refused.clone();
        let mut found = BTreeMap::new();
        for _ in 0..MAX_HALVINGS {
            for clauses in &suspects {
                if let [one] = clauses.as_slice() {
                    let reason = words.get(&self.value(clauses)).cloned();
                    let refusal = Refusal {
                        value: hash(&self.value(clauses)),
                        reason: reason.unwrap_or_default(),
                    };
                    found.insert(one.keyword.clone(), refusal);
                }
            }
            suspects.retain(|clauses| clauses.len() > 1);
            if suspects.is_empty() {
                break;
            }
            let halves: Vec<Vec<Clause>> = suspects.drain(..).flat_map(halves).collect();
            let values: Vec<String> = halves.iter().map(|half| self.value(half)).collect();
            let rules: Vec<NewRule> = values.iter().map(|value| self.new_rule(value)).collect();
            let verdicts = self.rules.add(&rules, true).await?;
            for ((half, value), verdict) in halves.into_iter().zip(values).zip(verdicts) {
                if let Verdict::Refused(reason) = verdict {
                    words.insert(value, reason);
                    suspects.push(half);
                }
            }
        }
        Ok(found)
    }

    fn value(&self, clauses: &[Clause]) -> String {
        let clauses: Vec<&Clause> = clauses.iter().collect();
        self.form.value(&clauses)
    }

    fn new_rule(&self, value: &str) -> NewRule {
        NewRule {
            value: value.to_owned(),
            tag: format!("{}{}", self.prefix, hash(value)),
        }
    }

    async fn delete(&self, work: &mut Work, rules: &[Rule]) -> Result<(), ConnectError> {
        let ids: Vec<String> = rules.iter().map(|rule| rule.id.clone()).collect();
        self.rules.delete(&ids).await?;
        work.listed.retain(|rule| !rules.contains(rule));
        work.count = work.count.saturating_sub(rules.len());
        Ok(())
    }
}

/// The halves of at least two clauses.
fn halves(clauses: Vec<Clause>) -> [Vec<Clause>; 2] {
    let mut first = clauses;
    let second = first.split_off(first.len().div_ceil(2));
    [first, second]
}

/// The first 8 hexadecimal digits of the SHA-256 of a value.
fn hash(value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    let first = digest.iter().take(4);
    first.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
