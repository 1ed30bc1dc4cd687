//! `GET /keywords`: the tracked keywords.

use schemars::JsonSchema;
use serde::Serialize;

use crate::access::KeywordSet;
use crate::actors::engine::{KeywordStatus, Tidings};
use crate::events::{Keyword, Sequence, Timestamp, Token};
use crate::http::lanes::Lane;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{AcrossResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::http::sequence_schema::SequenceSchema;
use crate::queries::{QueryError, TrackedKeyword, tracked_keywords};
use crate::store::Views;

/// Estimated size of one keyword of the list without its rules, in bytes.
const KEYWORD_BYTES: u64 = 200;

/// A query for the list of tracked keywords.
#[derive(Debug, Clone)]
pub struct TrackedKeywords;

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
    const PARAMETERS: &'static [Parameter] = &[];
    const LIVE: Live = Live::None;

    type Answer = KeywordsAnswer;

    fn read(_: &Query, _: Timestamp) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl AcrossResource for TrackedKeywords {
    const LANE: Lane = Lane::List;

    fn bytes(&self, tidings: &Tidings) -> u64 {
        let count = u64::try_from(tidings.tracked_count()).unwrap_or(u64::MAX);
        let rules = u64::try_from(tidings.rule_bytes()).unwrap_or(u64::MAX);
        count.saturating_mul(KEYWORD_BYTES).saturating_add(rules)
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
