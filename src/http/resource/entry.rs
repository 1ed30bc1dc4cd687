//! [`ResourceEntry`]: one entry of the resource registry. It is made from a resource type. It holds
//! constants and functions of that type, for the route, the descriptions and the live topic.

use axum::routing::{MethodRouter, get};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{AcrossResource, JoinedResource, KeywordResource, Live, Resource, route, topic};
use crate::access::KeywordSet;
use crate::actors::live::Topic;
use crate::events::Timestamp;
use crate::http::Http;
use crate::http::named_schema::NamedSchema;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;

/// How many keywords a resource answers about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One keyword, named in the path.
    Keyword,
    /// Many keywords.
    Across,
}

/// An entry of the registry: one resource.
#[derive(Debug, Clone, Copy)]
pub struct ResourceEntry {
    /// Name of the resource, of its operation and of its topic.
    pub name: &'static str,
    /// Path of the route, with `{token}` for a keyword.
    pub path: &'static str,
    /// Whether the resource answers about one keyword or about many.
    pub scope: Scope,
    /// Parameters of the route, without `min_seq`.
    pub parameters: &'static [Parameter],
    /// Query strings for the test that checks answers against the description.
    pub examples: &'static [&'static str],
    pub(in crate::http) described: Described,
    pub(in crate::http) topic: Option<TopicEntry>,
    pub(in crate::http) route: fn() -> MethodRouter<Http>,
}

/// What the OpenAPI and AsyncAPI descriptions say about a resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Described {
    pub(in crate::http) summary: &'static str,
    pub(in crate::http) description: &'static str,
    pub(in crate::http) schema_name: fn() -> String,
    pub(in crate::http) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(in crate::http) other_form: Option<NamedSchema>,
}

impl Described {
    const fn of<R: Resource>() -> Self {
        Self {
            summary: R::SUMMARY,
            description: R::DESCRIPTION,
            schema_name: || R::Answer::schema_name().into_owned(),
            schema: R::Answer::json_schema,
            other_form: R::OTHER_FORM,
        }
    }
}

/// The live topic of a resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct TopicEntry {
    /// Whether a `subscribe` without topics subscribes to this topic.
    pub(in crate::http) is_default: bool,
    /// Names of the lists that may be too long for one message. `None` for an incremental topic,
    /// whose messages are described by hand.
    pub(in crate::http) polled: Option<&'static [&'static str]>,
    /// Function that reads the topic from a query.
    pub(in crate::http) read: ReadTopic,
}

/// A function that reads a polled topic from a query, for a caller that may count these keywords.
type ReadPolled = fn(&Query, &KeywordSet, Timestamp) -> Result<Topic, Problem>;

/// A function that reads a topic from a query.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum ReadTopic {
    /// Reads an incremental topic: live sends an update for each change.
    Incremental(fn(&Query, Timestamp) -> Result<Topic, Problem>),
    /// Reads a polled topic. Also gets the countable keywords.
    Polled(ReadPolled),
}

impl TopicEntry {
    const fn of(live: Live, parameters: &[Parameter], polled: ReadPolled) -> Option<Self> {
        match live {
            Live::None => None,
            Live::Polled {
                long_lists,
                is_default,
            } => {
                assert!(
                    !name_keywords(parameters),
                    "a query that names keywords has no polled topic"
                );
                Some(Self {
                    is_default,
                    polled: Some(long_lists),
                    read: ReadTopic::Polled(polled),
                })
            }
            Live::Incremental { read, is_default } => Some(Self {
                is_default,
                polled: None,
                read: ReadTopic::Incremental(read),
            }),
        }
    }

    /// Reads the topic from the parameters in `query`, for a caller that may count `countable`.
    ///
    /// # Errors
    /// [`Problem`] when a parameter is wrong.
    pub(in crate::http) fn read(
        &self,
        query: &Query,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<Topic, Problem> {
        match self.read {
            ReadTopic::Incremental(read) => read(query, now),
            ReadTopic::Polled(read) => read(query, countable, now),
        }
    }
}

impl ResourceEntry {
    /// The entry of a resource that answers about one keyword.
    pub(in crate::http) const fn of_keyword<R: KeywordResource>() -> Self {
        let route = || get(route::of_keyword::<R>);
        Self::new::<R>(Scope::Keyword, topic::of_keyword::<R>, route)
    }

    /// The entry of a resource that answers about one keyword among others.
    pub(in crate::http) const fn joined<R: JoinedResource>() -> Self {
        let route = || get(route::joined::<R>);
        Self::new::<R>(Scope::Keyword, topic::joined::<R>, route)
    }

    /// The entry of a resource that answers about many keywords.
    pub(in crate::http) const fn across<R: AcrossResource>() -> Self {
        let route = || get(route::across::<R>);
        Self::new::<R>(Scope::Across, topic::across::<R>, route)
    }

    const fn new<R: Resource>(
        scope: Scope,
        polled: ReadPolled,
        route: fn() -> MethodRouter<Http>,
    ) -> Self {
        Self {
            name: R::NAME,
            path: R::PATH,
            scope,
            parameters: R::PARAMETERS,
            examples: R::EXAMPLES,
            described: Described::of::<R>(),
            topic: TopicEntry::of(R::LIVE, R::PARAMETERS, polled),
            route,
        }
    }

    /// Whether the resource has a live topic.
    pub const fn has_topic(&self) -> bool {
        self.topic.is_some()
    }

    /// Whether the resource has a polled topic.
    pub fn has_polled_topic(&self) -> bool {
        self.topic.is_some_and(|topic| topic.polled.is_some())
    }

    /// Parameters of the live topic.
    pub fn live_parameters(&self) -> Vec<Parameter> {
        let parameters = self.parameters.iter().copied();
        parameters
            .filter(|parameter| parameter.live_description().is_some())
            .collect()
    }

    /// Whether a request names keywords, in the path or in a parameter. The answer is 404 when one
    /// of them is unknown.
    pub(in crate::http) fn names_keywords(&self) -> bool {
        self.scope == Scope::Keyword || name_keywords(self.parameters)
    }
}

/// Whether one of the parameters names keywords.
const fn name_keywords(parameters: &[Parameter]) -> bool {
    match parameters {
        [Parameter::Keywords(_), ..] => true,
        [_, others @ ..] => name_keywords(others),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parameter::{Head, Keywords, Number};

    const LIMIT: Parameter = Parameter::Number(Number {
        head: Head::new("limit", "How many"),
        min: 1,
        max: 9,
        default: 5,
    });
    const KEYWORD: Parameter = Parameter::Keywords(Keywords {
        head: Head::new("keyword", "Which"),
        max: 2,
    });

    fn unread(_: &Query, _: &KeywordSet, _: Timestamp) -> Result<Topic, Problem> {
        Err(Problem::Internal)
    }

    #[test]
    fn query_without_keywords_has_a_polled_topic() {
        assert!(TopicEntry::of(Live::POLLED, &[LIMIT], unread).is_some());
        assert!(TopicEntry::of(Live::None, &[LIMIT, KEYWORD], unread).is_none());
    }

    /// The compiler evaluates the registry, so this panic is a compile error for a resource in the
    /// registry.
    #[test]
    #[should_panic(expected = "names keywords")]
    fn query_that_names_keywords_has_no_polled_topic() {
        TopicEntry::of(Live::POLLED, &[LIMIT, KEYWORD], unread);
    }
}
