//! A text and the results of its analysis.
//!
//! In: the text of a tweet. Out: its normal form and its keys, each computed once when it is first
//! needed.

use std::cell::OnceCell;

use super::{Analyser, TweetKeys};
use crate::events::normal_form;

/// A text that is analysed at most once, when the result is first needed.
#[derive(Debug, Clone)]
pub struct AnalysedText<'t> {
    text: &'t str,
    normal_form: OnceCell<String>,
    keys: OnceCell<TweetKeys>,
}

impl<'t> AnalysedText<'t> {
    /// Makes a value for a text that is not analysed yet.
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            normal_form: OnceCell::new(),
            keys: OnceCell::new(),
        }
    }

    /// The text as it was written.
    pub const fn as_str(&self) -> &'t str {
        self.text
    }

    /// The text in normal form.
    pub fn normal_form(&self) -> &str {
        self.normal_form.get_or_init(|| normal_form(self.text))
    }

    /// The words, hashtags and mentions of the text. The first call analyses the text, so all calls
    /// for one text have to pass the same analyser.
    pub fn keys(&self, analyser: &Analyser) -> &TweetKeys {
        self.keys.get_or_init(|| {
            let mut keys = TweetKeys::new();
            analyser.keys(self.text, &mut keys);
            keys
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_form_is_that_of_the_text() {
        let text = AnalysedText::new("  The ＡＩ  Phone");
        assert_eq!(text.normal_form(), "the ai phone");
        assert_eq!(text.as_str(), "  The ＡＩ  Phone");
    }

    #[test]
    fn keys_are_those_of_the_text() {
        let text = AnalysedText::new("The ＡＩ  Phone #New @lumi");
        let keys = text.keys(&Analyser::default());
        assert!(keys.words().eq(["ai", "phone"]));
        assert!(keys.hashtags().eq(["new"]));
        assert!(keys.mentions().eq(["lumi"]));
    }
}
