//! The words that a keyword brings into its tweets.

use std::collections::BTreeSet;

use crate::events::Keyword;
use crate::projections::KeywordSummary;
use crate::text::{Analyser, TweetKeys};

/// The words that explain nothing about the tweets of a keyword: the keyword, the other texts that
/// match it, and the words in these texts.
pub fn own_words(
    analyser: &Analyser,
    keyword: &Keyword,
    summary: &KeywordSummary,
) -> BTreeSet<String> {
    let mut keys = TweetKeys::new();
    let mut own = BTreeSet::new();
    for text in
        std::iter::once(keyword.as_str()).chain(summary.rules.any().iter().map(String::as_str))
    {
        analyser.keys(text, &mut keys);
        own.extend(keys.words().map(str::to_owned));
        own.insert(text.to_owned());
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::KeywordRules;

    #[test]
    fn own_words_are_the_texts_of_a_keyword_and_their_words() {
        let keyword = Keyword::new("US Airways").unwrap();
        let summary = KeywordSummary {
            rules: KeywordRules::of_test(&["전기차는"], &[]),
            ..KeywordSummary::default()
        };
        let own = own_words(&Analyser::default(), &keyword, &summary);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        assert_eq!(own, ["airways", "us airways", "전기차", "전기차는"]);
    }
}
