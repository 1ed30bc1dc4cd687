//! X's rules and queries: their syntax, and which posts they match.

use std::fmt;

/// A post as a query sees it.
#[derive(Debug)]
pub struct Subject {
    tokens: Vec<String>,
    hashtags: Vec<String>,
    lang: String,
    is_retweet: bool,
}

impl Subject {
    pub fn new(text: &str, lang: &str, is_retweet: bool) -> Self {
        Self {
            tokens: tokens(text),
            hashtags: hashtags(text),
            lang: lang.to_owned(),
            is_retweet,
        }
    }
}

/// The words of a text: it is cut at blanks and punctuation.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|one: char| !one.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn hashtags(text: &str) -> Vec<String> {
    let after = text.split('#').skip(1);
    after
        .map(|rest| rest.split(|one: char| !one.is_alphanumeric() && one != '_'))
        .filter_map(|mut words| words.next().filter(|word| !word.is_empty()))
        .map(str::to_lowercase)
        .collect()
}

/// A parsed rule or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Phrase(Vec<String>),
    Hashtag(String),
    Lang(String),
    IsRetweet,
}

/// Why a value is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Query {
    /// Parses a value.
    pub fn parse(value: &str) -> Result<Self, Invalid> {
        let parts = parts(value)?;
        let mut rest = parts.as_slice();
        let query = Self::any(&mut rest)?;
        if let [next, ..] = rest {
            return Err(Invalid(format!("no viable alternative at {next:?}")));
        }
        if !query.has_standalone() {
            return Err(Invalid("the rule has no standalone operator".to_owned()));
        }
        Ok(query)
    }

    /// Whether a post matches.
    pub fn matches(&self, subject: &Subject) -> bool {
        match self {
            Self::Any(all) => all.iter().any(|one| one.matches(subject)),
            Self::All(all) => all.iter().all(|one| one.matches(subject)),
            Self::Not(one) => !one.matches(subject),
            Self::Phrase(words) => subject
                .tokens
                .windows(words.len())
                .any(|part| part == words),
            Self::Hashtag(tag) => subject.hashtags.contains(tag),
            Self::Lang(lang) => subject.lang == *lang,
            Self::IsRetweet => subject.is_retweet,
        }
    }

    fn has_standalone(&self) -> bool {
        match self {
            Self::Any(all) => all.iter().all(Self::has_standalone),
            Self::All(all) => all.iter().any(Self::has_standalone),
            Self::Phrase(_) | Self::Hashtag(_) => true,
            Self::Not(_) | Self::Lang(_) | Self::IsRetweet => false,
        }
    }

    fn any(rest: &mut &[Part]) -> Result<Self, Invalid> {
        let mut all = vec![Self::all(rest)?];
        while let [Part::Or, more @ ..] = *rest {
            *rest = more;
            all.push(Self::all(rest)?);
        }
        Ok(one_or(all, Self::Any))
    }

    fn all(rest: &mut &[Part]) -> Result<Self, Invalid> {
        let mut all = Vec::new();
        while let Some(one) = Self::one(rest)? {
            all.push(one);
        }
        if all.is_empty() {
            return Err(Invalid("an operand is missing".to_owned()));
        }
        Ok(one_or(all, Self::All))
    }

    fn one(rest: &mut &[Part]) -> Result<Option<Self>, Invalid> {
        match *rest {
            [Part::Not, Part::Open, ..] => Err(Invalid("a group cannot be negated".to_owned())),
            [Part::Not, more @ ..] => {
                *rest = more;
                let one = Self::one(rest)?;
                let one = one.ok_or_else(|| Invalid("nothing is negated".to_owned()))?;
                Ok(Some(Self::Not(Box::new(one))))
            }
            [Part::Open, more @ ..] => {
                *rest = more;
                let group = Self::any(rest)?;
                let [Part::Closed, more @ ..] = *rest else {
                    return Err(Invalid("missing ')'".to_owned()));
                };
                *rest = more;
                Ok(Some(group))
            }
            [Part::Phrase(text), more @ ..] => {
                *rest = more;
                Self::phrase(text).map(Some)
            }
            [Part::Word(word), more @ ..] => {
                *rest = more;
                Self::word(word).map(Some)
            }
            [Part::Or | Part::Closed, ..] | [] => Ok(None),
        }
    }

    fn phrase(text: &str) -> Result<Self, Invalid> {
        match tokens(text) {
            words if words.is_empty() => Err(Invalid(format!("{text:?} holds no word"))),
            words => Ok(Self::Phrase(words)),
        }
    }

    fn word(word: &str) -> Result<Self, Invalid> {
        if word == "AND" {
            return Err(Invalid("AND is not an operator; use a blank".to_owned()));
        }
        if let Some(tag) = word.strip_prefix('#') {
            let is_valid = hashtags(word) == [tag.to_lowercase()];
            let tag = Self::Hashtag(tag.to_lowercase());
            return is_valid
                .then_some(tag)
                .ok_or_else(|| Invalid(format!("{word} is no hashtag")));
        }
        match word.split_once(':') {
            Some(("is", "retweet")) => Ok(Self::IsRetweet),
            Some(("lang", lang)) => Ok(Self::Lang(lang.to_owned())),
            Some(_) => Err(Invalid(format!("{word} is an unknown operator"))),
            None => Self::phrase(word),
        }
    }
}

fn one_or(mut all: Vec<Query>, join: fn(Vec<Query>) -> Query) -> Query {
    match all.len() {
        1 => all.remove(0),
        _ => join(all),
    }
}

/// A part of a value.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Open,
    Closed,
    Or,
    Not,
    Phrase(String),
    Word(String),
}

fn parts(value: &str) -> Result<Vec<Part>, Invalid> {
    let mut parts = Vec::new();
    let mut rest = value.trim_start();
    while let Some(first) = rest.chars().next() {
        let (part, length) = match first {
            '(' => (Part::Open, 1),
            ')' => (Part::Closed, 1),
            '-' => (Part::Not, 1),
            '"' => {
                let end = rest[1..].find('"');
                let end = end.ok_or_else(|| Invalid("a quote is not closed".to_owned()))?;
                (Part::Phrase(rest[1..=end].to_owned()), end + 2)
            }
            _ => {
                let ends = |one: char| one.is_whitespace() || matches!(one, '(' | ')' | '"');
                let end = rest.find(ends).unwrap_or(rest.len());
                let part = match &rest[..end] {
                    "OR" => Part::Or,
                    word => Part::Word(word.to_owned()),
                };
                (part, end)
            }
        };
        parts.push(part);
        rest = rest[length..].trim_start();
    }
    Ok(parts)
}
