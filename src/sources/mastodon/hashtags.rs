//! The hashtags of keywords: the name of a keyword in hashtag streams and hashtag timelines.

use std::collections::HashSet;

use crate::sources::WatchedKeywords;

/// The hashtag of a keyword or of a text of its rules: the text without blanks. `None` when nothing
/// is left of it that can stand in an address.
fn hashtag(text: &str) -> Option<String> {
    let tag: String = text.split_whitespace().collect();
    let tag = tag.trim_start_matches(['#', '＃']);
    let has_name = tag.chars().any(|character| character != '.');
    has_name.then(|| tag.to_owned())
}

/// The hashtags of keywords.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hashtags {
    /// Each hashtag once: for each keyword its own, then those of the texts of `any`.
    pub(super) tags: Vec<String>,
    /// The keywords that have no hashtag.
    pub(super) without: Vec<String>,
}

impl Hashtags {
    /// The hashtags of `keywords`, in the order of tracking.
    pub(super) fn of(keywords: &WatchedKeywords) -> Self {
        let mut hashtags = Self::default();
        let mut seen = HashSet::new();
        for watched in keywords.keywords() {
            let keyword = watched.keyword.as_str();
            let any = watched.rules.any().iter().map(String::as_str);
            let texts = std::iter::once(keyword).chain(any);
            let tags: Vec<String> = texts.filter_map(hashtag).collect();
            if tags.is_empty() {
                hashtags.without.push(keyword.to_owned());
            }
            let new = tags.into_iter().filter(|tag| seen.insert(tag.clone()));
            hashtags.tags.extend(new);
        }
        hashtags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Keyword, KeywordRules};
    use crate::sources::WatchedKeyword;

    #[test]
    fn hashtags_are_the_keywords_without_blanks_each_once() {
        let watched = |keyword: &str, any: &[&str]| WatchedKeyword {
            keyword: Keyword::new(keyword).unwrap(),
            rules: KeywordRules::of_test(any, &["not this"]),
        };
        let keywords = vec![
            watched("아이폰", &["iPhone 17", "애플 폰"]),
            watched("US Airways", &[]),
            watched("usairways", &["#아이폰"]),
            watched("#", &[]),
            watched("..", &["점점"]),
        ];
        let hashtags = Hashtags::of(&WatchedKeywords::new(keywords, 1));
        let tags = ["아이폰", "iphone17", "애플폰", "usairways", "점점"];
        assert_eq!(hashtags.tags, tags);
        assert_eq!(hashtags.without, ["#"]);
    }
}
