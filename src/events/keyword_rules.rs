//! The rules of a keyword: other texts by which a tweet matches, and texts that exclude a tweet.
//!
//! In: lists of texts. Out: the lists in normal form, or what is wrong with a list.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::keyword::{Keyword, KeywordError};

/// The texts of one rule: up to 20, in normal form, each once, in the order given. A text of a rule
/// has the form of a keyword.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleTexts(Vec<String>);

/// The rules of a keyword; empty for most keywords. A tweet matches if its text contains the
/// keyword or a text of `any`, and no text of `none`. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeywordRules(Option<Arc<Lists>>);

/// The lists of a keyword. At least one of them has a text.
#[derive(Debug, PartialEq, Eq)]
struct Lists {
    any: RuleTexts,
    none: RuleTexts,
}

/// A list of texts as JSON has it. It keeps the first 21 texts, one more than are allowed, and the
/// number of all texts. So a list of any length takes little memory.
#[derive(Debug, Default)]
pub struct ListedTexts<'a> {
    first: Vec<Cow<'a, str>>,
    count: usize,
}

/// A text of a list. It is borrowed, unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct ListedText<'a>(#[serde(borrow)] Cow<'a, str>);

/// Why a list cannot be the texts of a rule. The error completes a sentence that begins with the
/// name of the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleTextsError {
    /// The list has more than [`RuleTexts::MAX`] texts.
    #[error("has {0} texts; at most 20 are allowed")]
    TooMany(usize),
    /// A text does not have the form of a keyword.
    #[error("has a text that cannot be searched for, at place {number}: {}", .error.about("it"))]
    Text {
        /// The position of the text in the list, from 1.
        number: usize,
        /// The rule that the text breaks.
        #[source]
        error: KeywordError,
    },
}

impl RuleTexts {
    /// Maximum number of texts.
    pub const MAX: usize = 20;

    /// Normalises `texts` and checks them. A text that equals an earlier one is left out.
    ///
    /// # Errors
    /// [`RuleTextsError`].
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RuleTextsError> {
        let mut listed = ListedTexts::default();
        texts
            .into_iter()
            .for_each(|text| listed.push(Cow::Borrowed(text)));
        listed.checked()
    }

    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the list has no texts.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl KeywordRules {
    /// The rules with the lists `any` and `none`.
    pub fn new(any: RuleTexts, none: RuleTexts) -> Self {
        let is_empty = any.is_empty() && none.is_empty();
        Self((!is_empty).then(|| Arc::new(Lists { any, none })))
    }

    /// The texts by which a tweet matches as if it had the keyword.
    pub fn any(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |lists| lists.any.as_slice())
    }

    /// The texts that exclude a tweet.
    pub fn none(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |lists| lists.none.as_slice())
    }

    /// The lists `any` and `none`.
    pub fn lists(&self) -> (RuleTexts, RuleTexts) {
        let lists = self.0.as_ref();
        lists
            .map(|lists| (lists.any.clone(), lists.none.clone()))
            .unwrap_or_default()
    }

    /// Whether both lists are empty.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Number of texts in both lists.
    pub fn count(&self) -> usize {
        self.any().len().saturating_add(self.none().len())
    }

    /// The length of all texts, in bytes.
    pub fn bytes(&self) -> usize {
        self.any().iter().chain(self.none()).map(String::len).sum()
    }
}

impl<'a> ListedTexts<'a> {
    /// Maximum number of texts that are kept. Further texts are only counted.
    pub(super) const MAX_KEPT: usize = RuleTexts::MAX + 1;

    /// Adds a text.
    pub(super) fn push(&mut self, text: Cow<'a, str>) {
        if self.first.len() < Self::MAX_KEPT {
            self.first.push(text);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Counts a text that is not read.
    pub(super) const fn count_one(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Brings the texts into normal form and checks them. A text that equals an earlier one is left
    /// out.
    ///
    /// # Errors
    /// [`RuleTextsError`].
    pub fn checked(self) -> Result<RuleTexts, RuleTextsError> {
        if self.count > RuleTexts::MAX {
            return Err(RuleTextsError::TooMany(self.count));
        }
        let mut texts: Vec<String> = Vec::with_capacity(self.first.len());
        for (text, number) in self.first.iter().zip(1_usize..) {
            let text =
                Keyword::new(text).map_err(|error| RuleTextsError::Text { number, error })?;
            if !texts.iter().any(|known| known == text.as_str()) {
                texts.push(text.as_str().to_owned());
            }
        }
        Ok(RuleTexts(texts))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ListedTexts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = ListedTexts<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut listed = ListedTexts::default();
        while listed.count < ListedTexts::MAX_KEPT {
            match list.next_element()? {
                Some(ListedText(text)) => listed.push(text),
                None => return Ok(listed),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            listed.count_one();
        }
        Ok(listed)
    }
}

/// Rows store both lists, the empty ones too.
impl Serialize for KeywordRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.any(), self.none()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeywordRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (any, none) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(any, none))
    }
}

#[cfg(test)]
impl KeywordRules {
    /// The rules with the texts `any` and `none`.
    pub(crate) fn of_test(any: &[&str], none: &[&str]) -> Self {
        let texts = |texts: &[&str]| RuleTexts::new(texts.iter().copied()).unwrap();
        Self::new(texts(any), texts(none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Result<Vec<String>, RuleTextsError> {
        RuleTexts::new(texts.iter().copied()).map(|texts| texts.as_slice().to_vec())
    }

    fn parsed(json: &str) -> Result<Vec<String>, String> {
        let listed: ListedTexts<'_> =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let checked = listed.checked().map_err(|error| error.to_string())?;
        Ok(checked.as_slice().to_vec())
    }

    #[test]
    fn texts_are_normalised_and_equal_ones_kept_once_in_order() {
        assert_eq!(
            texts(&["  iPhone ", "애플폰", "ＩＰＨＯＮＥ", "US\tAirways", "ﾻﾻ"]).unwrap(),
            ["iphone", "애플폰", "us airways", "ㅋㅋ"]
        );
        assert_eq!(texts(&[]).unwrap(), [""; 0]);
        assert_eq!(texts(&["가".repeat(64).as_str()]).unwrap().len(), 1);
    }

    #[test]
    fn refused_list_names_the_text_and_the_rule_that_it_breaks() {
        let names: Vec<String> = (0..21).map(|number| format!("t{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(texts(&names[..20]).unwrap().len(), 20);
        assert_eq!(texts(&names), Err(RuleTextsError::TooMany(21)));
        assert_eq!(texts(&["a"; 21]), Err(RuleTextsError::TooMany(21)));
        let long = "가".repeat(65);
        for (given, said) in [
            (&["a", " "][..], "at place 2: it is empty; give 1 to 64"),
            (&[&long], "at place 1: it has 65 characters in normal form"),
            (&["a\u{202e}b"], "it holds the control or format character"),
            (&["\u{3164}"], "it has no character that can be seen"),
        ] {
            let reason = texts(given).unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
        }
    }

    #[test]
    fn json_list_of_any_length_is_read_in_little_memory() {
        assert_eq!(parsed(r#"["A","\u0062"]"#).unwrap(), ["a", "b"]);
        let long = format!("[{}1]", r#""a","#.repeat(100_000));
        assert!(parsed(&long).unwrap_err().contains("has 100001 texts"));
        for (json, said) in [
            ("[1]", "expected a string"),
            ("\"a\"", "expected an array of strings"),
            ("{}", "expected an array of strings"),
            ("[null]", "expected a string"),
        ] {
            let reason = parsed(json).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }

    #[test]
    fn rules_without_texts_are_the_default() {
        assert_eq!(KeywordRules::of_test(&[], &[]), KeywordRules::default());
        let rules = KeywordRules::of_test(&["b", "a"], &["c"]);
        assert_eq!((rules.any().len(), rules.none().len()), (2, 1));
        assert_eq!((rules.count(), rules.bytes()), (3, 3));
        assert!(!rules.is_empty());
    }
}
