//! The keywords that a collector collects.

use std::sync::Arc;

use crate::events::{Keyword, KeywordRules};
use crate::text::Matcher;

/// A keyword with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedKeyword {
    /// The keyword.
    pub keyword: Keyword,
    /// Its rules. A source uses `any`; `none` is left to the matcher of the server.
    pub rules: KeywordRules,
}

/// The keywords of a collector at one time, in the order of tracking. A clone is cheap.
#[derive(Debug, Clone)]
pub struct WatchedKeywords(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    keywords: Vec<WatchedKeyword>,
    matcher: Matcher,
    generation: u64,
}

impl WatchedKeywords {
    /// The keywords, oldest tracked first. `generation` grows with every change, so that a post
    /// that matched nothing before can be sent once more.
    pub fn new(keywords: Vec<WatchedKeyword>, generation: u64) -> Self {
        let pairs = keywords.iter();
        let matcher =
            Matcher::with_rules(pairs.map(|each| (each.keyword.clone(), each.rules.clone())));
        Self(Arc::new(Watched {
            keywords,
            matcher,
            generation,
        }))
    }

    /// The keywords, oldest tracked first.
    pub fn keywords(&self) -> &[WatchedKeyword] {
        &self.0.keywords
    }

    /// True when there is nothing to collect.
    pub fn is_empty(&self) -> bool {
        self.0.keywords.is_empty()
    }

    /// The number of changes so far.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// Identifies the set of keywords that a text matches, within this process.
    pub fn fingerprint(&self, text: &str) -> u64 {
        use std::hash::{BuildHasher as _, Hasher as _};
        let mut hasher = foldhash::fast::FixedState::default().build_hasher();
        for keyword in self.matched_by(text) {
            hasher.write(keyword.as_str().as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// The keywords that a text matches.
    pub fn matched_by(&self, text: &str) -> Vec<&Keyword> {
        self.0.matcher.keywords_in(text)
    }
}

#[cfg(test)]
impl WatchedKeywords {
    /// Keywords without rules.
    pub(crate) fn of_test(keywords: &[&str]) -> Self {
        let watched = keywords.iter().map(|keyword| WatchedKeyword {
            keyword: Keyword::new(keyword).unwrap(),
            rules: KeywordRules::default(),
        });
        Self::new(watched.collect(), 1)
    }
}
