//! `GET /keywords`: the tracked keywords.

use schemars::JsonSchema;
use serde::Serialize;

use crate::access::KeywordSet;
use crate::actors::engine::{KeywordStatus, Tidings};
use crate::events::{Keyword, Sequence, Timestamp, Token};
use crate::http::lanes::Lane;
use crate::http::named_schema::NamedSchema;
use crate::http::parameter::{Head, Parameter, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{AcrossResource, EngineAnswer, Live, Resource};
use crate::http::response::{AnswerBody, Moment, as_text};
use crate::http::sequence_schema::SequenceSchema;
use crate::queries::{QueryError, TrackedKeyword, tracked_keywords};
use crate::store::Views;

/// Estimated size of one keyword of the list without its rules, in bytes.
const KEYWORD_BYTES: u64 = 200;

/// Whether the answer has the names alone.
const NAMES: Word = Word {
    head: Head::new(
        "names",
        "The names alone, without epoch and as_of: the entity tag changes only with the set",
    )
    .not_live(),
    words: &["false", "true"],
    default: "false",
};

/// Whether the names come with the rules of the keywords.
const RULES: Word = Word {
    head: Head::new(
        "rules",
        "Adds the rules of the keywords that have some; only with names=true",
    )
    .not_live(),
    words: &["false", "true"],
    default: "false",
};

/// A query for the list of tracked keywords.
#[derive(Debug, Clone)]
pub struct TrackedKeywords {
    form: ListForm,
}

/// What the list has of each keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListForm {
    /// Its figures and its state.
    Rows,
    /// Its name.
    Names,
    /// Its name, and its rules if it has some.
    NamesAndRules,
}

/// The names of the tracked keywords, and their rules if they were asked for
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeywordNames")]
struct NamesAnswer {
    /// The keywords in normal form, in keyword order
    keywords: Vec<String>,
    /// The keywords that have rules; absent unless requested
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<NamedRules>>,
}

/// A keyword with its rules
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct NamedRules {
    /// The keyword in normal form
    keyword: String,
    /// A tweet with one of these texts matches as if it had the keyword
    any: Vec<String>,
    /// A tweet with one of these texts does not match
    none: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Keywords")]
pub struct KeywordsAnswer {
    keywords: Vec<Item>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Item {
    #[serde(flatten)]
    name: Name,
    tweets: u64,
    first_at: Option<Moment>,
    last_at: Option<Moment>,
    #[schemars(with = "SequenceSchema")]
    as_of: Sequence,
    lag: u64,
    #[schemars(extend("enum" = ["live", "catching_up", "quarantined"]))]
    status: &'static str,
    /// A tweet with one of these texts matches as if it had the keyword; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any: Vec<String>,
    /// A tweet with one of these texts does not match; absent when there are none
    #[serde(skip_serializing_if = "Vec::is_empty")]
    none: Vec<String>,
}

impl From<TrackedKeyword> for Item {
    fn from(listed: TrackedKeyword) -> Self {
        Self {
            name: Name::of(listed.keyword),
            tweets: listed.tweets,
            first_at: listed.first_at.map(Moment),
            last_at: listed.last_at.map(Moment),
            as_of: listed.as_of,
            lag: 0,
            status: status(KeywordStatus::Live),
            any: listed.rules.any().to_vec(),
            none: listed.rules.none().to_vec(),
        }
    }
}

const fn status(status: KeywordStatus) -> &'static str {
    match status {
        KeywordStatus::Live => "live",
        KeywordStatus::CatchingUp => "catching_up",
        KeywordStatus::Quarantined => "quarantined",
    }
}

/// A keyword and its token
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Name {
    /// The keyword in normal form
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    keyword: Keyword,
    /// The percent-encoding of the keyword
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    token: Token,
}

impl Name {
    /// The name of a keyword.
    pub fn of(keyword: Keyword) -> Self {
        Self {
            token: Token::of(&keyword),
            keyword,
        }
    }
}

impl Resource for TrackedKeywords {
    const NAME: &'static str = "keywords";
    const PATH: &'static str = "/api/v1/keywords";
    const SUMMARY: &'static str = "The tracked keywords, in keyword order";
    const DESCRIPTION: &'static str = "With names=true the answer is a KeywordNames, for \
        collectors: it is answered from memory, and with 503 while the set is not known yet.";
    const PARAMETERS: &'static [Parameter] = &[Parameter::Word(NAMES), Parameter::Word(RULES)];
    const EXAMPLES: &'static [&'static str] = &["", "names=true", "names=true&rules=true"];
    const OTHER_FORM: Option<NamedSchema> = Some(NamedSchema::of::<NamesAnswer>());
    const LIVE: Live = Live::None;

    type Answer = KeywordsAnswer;

    fn read(query: &Query, _: Timestamp) -> Result<Self, Problem> {
        let form = match (query.word(&NAMES)?, query.word(&RULES)?) {
            (false, false) => ListForm::Rows,
            (true, false) => ListForm::Names,
            (true, true) => ListForm::NamesAndRules,
            (false, true) => {
                return Err(Problem::BadQuery(
                    "rules=true needs names=true; without it each keyword has its rules already"
                        .to_owned(),
                ));
            }
        };
        Ok(Self { form })
    }
}

impl TrackedKeywords {
    /// The names, with the rules if they were asked for. While the set is incomplete it is not
    /// given, because a collector would stop collecting what is missing.
    fn names(&self, tidings: &Tidings, countable: &KeywordSet) -> Result<AnswerBody, Problem> {
        if tidings.status().starting {
            return Err(Problem::TryAgain(
                "the views are still catching up with the journal, so the tracked keywords are \
                not known yet",
            ));
        }
        let mut tracked = tidings.ruled_keywords();
        tracked.retain(|(keyword, _)| countable.contains(keyword));
        let rules = (self.form == ListForm::NamesAndRules).then(|| {
            let ruled = tracked.iter().filter(|(_, rules)| rules.count() > 0);
            ruled
                .map(|(keyword, rules)| NamedRules {
                    keyword: keyword.to_string(),
                    any: rules.any().to_vec(),
                    none: rules.none().to_vec(),
                })
                .collect()
        });
        let names = tracked.iter().map(|(keyword, _)| keyword.to_string());
        AnswerBody::of(&NamesAnswer {
            keywords: names.collect(),
            rules,
        })
    }
}

impl AcrossResource for TrackedKeywords {
    const LANE: Lane = Lane::List;

    fn bytes(&self, tidings: &Tidings) -> u64 {
        let count = u64::try_from(tidings.tracked_count()).unwrap_or(u64::MAX);
        let rules = u64::try_from(tidings.rule_bytes()).unwrap_or(u64::MAX);
        count.saturating_mul(KEYWORD_BYTES).saturating_add(rules)
    }

    fn engine_answer(&self) -> Option<EngineAnswer<Self>> {
        (self.form != ListForm::Rows).then_some(Self::names as EngineAnswer<Self>)
    }

    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        _: Timestamp,
    ) -> Result<KeywordsAnswer, QueryError> {
        let listed = tracked_keywords(views, countable)?.into_iter();
        Ok(KeywordsAnswer {
            keywords: listed.map(Item::from).collect(),
        })
    }

    fn add_engine_state(answer: &mut KeywordsAnswer, tidings: &Tidings) {
        for item in &mut answer.keywords {
            item.lag = tidings.lag(&item.name.keyword);
            item.status = status(tidings.keyword_status(&item.name.keyword));
        }
    }
}
