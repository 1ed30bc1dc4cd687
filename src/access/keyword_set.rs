//! [`KeywordSet`]: the keywords that an answer may count.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::events::Keyword;

/// A set of keywords. It is cheap to clone. Subscribers with equal sets share live channels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum KeywordSet {
    /// Every keyword, including those that are tracked later.
    #[default]
    All,
    /// The listed keywords, whether they are tracked or not.
    Only(Arc<BTreeSet<Keyword>>),
}

impl KeywordSet {
    /// Whether the keyword is in the set.
    pub fn contains(&self, keyword: &Keyword) -> bool {
        match self {
            Self::All => true,
            Self::Only(keywords) => keywords.contains(keyword),
        }
    }

    /// Whether the set holds every keyword.
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

impl FromIterator<Keyword> for KeywordSet {
    fn from_iter<T: IntoIterator<Item = Keyword>>(keywords: T) -> Self {
        Self::Only(Arc::new(keywords.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_contains_its_keywords_and_all_contains_every_keyword() {
        let [ai, other] = ["ai", "other"].map(|text| Keyword::new(text).unwrap());
        let only: KeywordSet = [ai.clone()].into_iter().collect();
        assert!(only.contains(&ai) && !only.contains(&other) && !only.is_all());
        assert!(KeywordSet::All.contains(&other) && KeywordSet::default().is_all());
        assert_eq!(only, [ai].into_iter().collect());
    }
}
