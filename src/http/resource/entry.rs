//! What the registry holds of a resource.

use axum::routing::{MethodRouter, get};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{AcrossResource, KeywordResource, Live, route, topic};
use crate::access::KeywordSet;
use crate::actors::live::Topic;
use crate::events::Timestamp;
use crate::http::Http;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;

/// What a resource is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One keyword, named by the path.
    Keyword,
    /// Many keywords.
    Across,
}

/// A line of the registry.
#[derive(Debug, Clone, Copy)]
pub struct ResourceEntry {
    /// Its name.
    pub name: &'static str,
    /// The path of its route.
    pub path: &'static str,
    /// What it is of.
    pub scope: Scope,
    /// Its parameters, besides `min_seq`.
    pub parameters: &'static [Parameter],
    /// Queries whose answers a test holds against the description.
    pub examples: &'static [&'static str],
    pub(in crate::http) described: Described,
    pub(in crate::http) topic: Option<TopicEntry>,
    pub(in crate::http) route: fn() -> MethodRouter<Http>,
}

/// What the descriptions of the interface say of a resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Described {
    pub(in crate::http) summary: &'static str,
    pub(in crate::http) description: &'static str,
    pub(in crate::http) schema_name: fn() -> String,
    pub(in crate::http) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Described {
    const fn of<R: super::Resource>() -> Self {
        Self {
            summary: R::SUMMARY,
            description: R::DESCRIPTION,
            schema_name: || R::Answer::schema_name().into_owned(),
            schema: R::Answer::json_schema,
        }
    }
}

/// The live topic of a resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct TopicEntry {
    /// A subscribe that names no topics has this one.
    pub(in crate::http) is_default: bool,
    /// Its long lists; `None` for a topic whose messages are described by hand.
    pub(in crate::http) polled: Option<&'static [&'static str]>,
    /// Reads the topic with its parameters, for a caller who may count these keywords.
    pub(in crate::http) read: ReadTopic,
}

/// Reads a topic.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum ReadTopic {
    /// One that the live system makes updates of itself.
    Incremental(fn(&Query, Timestamp) -> Result<Topic, Problem>),
    /// One whose whole answer is made again.
    Polled(fn(&Query, &KeywordSet, Timestamp) -> Result<Topic, Problem>),
}

impl TopicEntry {
    const fn of(
        live: Live,
        polled: fn(&Query, &KeywordSet, Timestamp) -> Result<Topic, Problem>,
    ) -> Option<Self> {
        match live {
            Live::None => None,
            Live::Polled {
                long_lists,
                is_default,
            } => {
                assert!(
                    long_lists.len() <= 2,
                    "a message is cut at two lists at most"
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

    /// Reads the topic with its parameters.
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
    /// A resource of one keyword.
    pub(in crate::http) const fn of_keyword<R: KeywordResource>() -> Self {
        Self {
            name: R::NAME,
            path: R::PATH,
            scope: Scope::Keyword,
            parameters: R::PARAMETERS,
            examples: R::EXAMPLES,
            described: Described::of::<R>(),
            topic: TopicEntry::of(R::LIVE, topic::of_keyword::<R>),
            route: || get(route::of_keyword::<R>),
        }
    }

    /// A resource of many keywords.
    pub(in crate::http) const fn across<R: AcrossResource>() -> Self {
        Self {
            name: R::NAME,
            path: R::PATH,
            scope: Scope::Across,
            parameters: R::PARAMETERS,
            examples: R::EXAMPLES,
            described: Described::of::<R>(),
            topic: TopicEntry::of(R::LIVE, topic::across::<R>),
            route: || get(route::across::<R>),
        }
    }

    /// Whether it has a live topic.
    pub const fn has_topic(&self) -> bool {
        self.topic.is_some()
    }

    /// The parameters that its live topic takes.
    pub fn live_parameters(&self) -> Vec<Parameter> {
        let parameters = self.parameters.iter().copied();
        parameters
            .filter(|parameter| parameter.live_description().is_some())
            .collect()
    }

    /// Whether a query names keywords, each of which may be unknown.
    pub(in crate::http) fn names_keywords(&self) -> bool {
        let mut parameters = self.parameters.iter();
        self.scope == Scope::Keyword
            || parameters.any(|parameter| matches!(parameter, Parameter::Keywords(_)))
    }
}
