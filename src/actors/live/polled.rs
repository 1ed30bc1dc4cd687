//! Polled topics: topics whose whole answer is made again, at most once a second.
//!
//! The code that serves clients defines the query; a [`PolledTopic`] carries it. Live runs the
//! query on the views and passes the encoded answer to the [encoder](super::Encoder).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::message::Position;
use crate::access::KeywordSet;
use crate::events::{Keyword, Timestamp};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::MarkedAnswer;
use crate::store::{StoreError, Views};

/// A polled topic with its parameters; cheap to clone. Topics with equal names, parameters and
/// keywords are equal and share a channel.
#[derive(Debug, Clone)]
pub struct PolledTopic(Arc<PolledDetails>);

#[derive(Debug)]
struct PolledDetails {
    name: &'static str,
    parameters: Vec<(&'static str, String)>,
    long_lists: &'static [&'static str],
    query: PolledQuery,
}

impl PolledTopic {
    /// Makes a topic. `parameters` are the non-default parameters with their encoded values; equal
    /// parameters have equal encodings. `long_lists` names the list members of the answer that may
    /// be too long for one message.
    pub fn new(
        name: &'static str,
        parameters: Vec<(&'static str, String)>,
        long_lists: &'static [&'static str],
        query: PolledQuery,
    ) -> Self {
        Self(Arc::new(PolledDetails {
            name,
            parameters,
            long_lists,
            query,
        }))
    }

    /// The topic's name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// The non-default parameters with their encoded values.
    pub fn parameters(&self) -> &[(&'static str, String)] {
        &self.0.parameters
    }

    /// List members of the answer that may be too long for one message.
    pub fn long_lists(&self) -> &'static [&'static str] {
        self.0.long_lists
    }

    /// The query.
    pub(super) fn query(&self) -> &PolledQuery {
        &self.0.query
    }

    /// True when the topic is over all keywords.
    pub fn is_of_all(&self) -> bool {
        match self.0.query {
            PolledQuery::OfKeyword(_) | PolledQuery::Joined(..) => false,
            PolledQuery::Across(..) => true,
        }
    }

    /// True when the topic is about one keyword, and other keywords change its answer too.
    pub fn is_joined(&self) -> bool {
        matches!(self.0.query, PolledQuery::Joined(..))
    }

    /// The parts by which topics are compared.
    fn identity(&self) -> (&'static str, &[(&'static str, String)], Option<&KeywordSet>) {
        let countable = match &self.0.query {
            PolledQuery::OfKeyword(_) => None,
            PolledQuery::Joined(countable, _) | PolledQuery::Across(countable, _) => {
                Some(countable)
            }
        };
        (self.0.name, &self.0.parameters, countable)
    }
}

impl PartialEq for PolledTopic {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for PolledTopic {}

impl Hash for PolledTopic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// The query of a polled topic.
#[derive(Debug, Clone)]
pub enum PolledQuery {
    /// A query about one keyword.
    OfKeyword(Arc<dyn KeywordQuery>),
    /// A query about one keyword whose answer also depends on the other countable keywords.
    Joined(KeywordSet, Arc<dyn JoinedQuery>),
    /// A query about all countable keywords.
    Across(KeywordSet, Arc<dyn AcrossQuery>),
}

impl PolledQuery {
    /// A query about one keyword.
    pub fn of_keyword(query: impl KeywordQuery) -> Self {
        Self::OfKeyword(Arc::new(query))
    }

    /// A query about one keyword among the countable keywords.
    pub fn joined(countable: KeywordSet, query: impl JoinedQuery) -> Self {
        Self::Joined(countable, Arc::new(query))
    }

    /// A query about the countable keywords.
    pub fn across(countable: KeywordSet, query: impl AcrossQuery) -> Self {
        Self::Across(countable, Arc::new(query))
    }
}

/// A query about one keyword.
pub trait KeywordQuery: fmt::Debug + Send + Sync + 'static {
    /// Returns the answer from the keyword's rows, under one version of them. May block.
    ///
    /// # Errors
    /// [`RowsError`].
    fn ask(
        &self,
        keyword: &Keyword,
        summary: &KeywordSummary,
        rows: &dyn Rows,
        now: Timestamp,
    ) -> Result<EncodedAnswer, RowsError>;

    /// The period in which the present answer stays the same while no event is folded; `None` when
    /// it does not depend on the time.
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>>;
}

/// A query about one keyword whose answer also depends on other keywords.
pub trait JoinedQuery: fmt::Debug + Send + Sync + 'static {
    /// Returns the answer; `None` when the keyword is not tracked. May block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ask(
        &self,
        views: &Views,
        countable: &KeywordSet,
        keyword: &Keyword,
        now: Timestamp,
    ) -> Result<Option<MarkedAnswer<EncodedAnswer>>, StoreError>;

    /// The period in which the present answer stays the same; see [`KeywordQuery::current_during`].
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>>;
}

/// A query about many keywords.
pub trait AcrossQuery: fmt::Debug + Send + Sync + 'static {
    /// Returns the answer over the countable keywords. May block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ask(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<EncodedAnswer, StoreError>;

    /// The period in which the present answer stays the same; see [`KeywordQuery::current_during`].
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>>;
}

/// An answer in the encoding that the [encoder](super::Encoder) reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAnswer(pub Box<[u8]>);

/// An answer of a polled topic.
#[derive(Debug, Clone)]
pub struct PolledAnswer {
    /// The position of the views at the answer.
    pub position: Position,
    /// The period in which the answer stays the same without an event; `None` when it does not
    /// depend on the time.
    pub current: Option<Range<Timestamp>>,
    /// The answer.
    pub answer: EncodedAnswer,
}
