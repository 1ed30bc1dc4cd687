//! Tracked keywords with their rules, and the numbers that count under the limits.

use std::collections::BTreeMap;

use crate::events::{Keyword, KeywordRules};

/// Tracked keywords, each with its rules.
#[derive(Debug, Default)]
pub(super) struct RuledSet {
    rules: BTreeMap<Keyword, KeywordRules>,
    /// Number of texts of all rules.
    texts: usize,
    /// The length of the texts of all rules, in bytes.
    bytes: usize,
}

impl RuledSet {
    pub(super) const fn rules(&self) -> &BTreeMap<Keyword, KeywordRules> {
        &self.rules
    }

    /// Number of texts of all rules.
    pub(super) const fn texts(&self) -> usize {
        self.texts
    }

    /// The length of the texts of all rules, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets the rules of a keyword that is tracked; `None` when it is not tracked. Returns whether
    /// this changed anything.
    pub(super) fn set(&mut self, keyword: &Keyword, rules: Option<KeywordRules>) -> bool {
        if self.rules.get(keyword) == rules.as_ref() {
            return false;
        }
        if let Some(rules) = &rules {
            self.texts = self.texts.saturating_add(rules.count());
            self.bytes = self.bytes.saturating_add(rules.bytes());
        }
        let before = match rules {
            Some(rules) => self.rules.insert(keyword.clone(), rules),
            None => self.rules.remove(keyword),
        };
        if let Some(before) = before {
            self.texts = self.texts.saturating_sub(before.count());
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
        true
    }

    /// The part of the limits that the keyword uses.
    pub(super) fn usage(&self, keyword: &Keyword) -> Usage {
        let rules = self.rules.get(keyword);
        Usage {
            keywords: usize::from(rules.is_some()),
            texts: rules.map_or(0, KeywordRules::count),
        }
    }
}

impl FromIterator<(Keyword, KeywordRules)> for RuledSet {
    fn from_iter<I: IntoIterator<Item = (Keyword, KeywordRules)>>(keywords: I) -> Self {
        let rules: BTreeMap<Keyword, KeywordRules> = keywords.into_iter().collect();
        Self {
            texts: rules.values().map(KeywordRules::count).sum(),
            bytes: rules.values().map(KeywordRules::bytes).sum(),
            rules,
        }
    }
}

/// The numbers of keywords and of texts of rules that count under the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) keywords: usize,
    pub(super) texts: usize,
}
