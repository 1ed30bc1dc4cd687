//! Resources: answers that are read from the views.
//!
//! A resource is a type in one file of [`super::resources`]. The type is the typed query. It names
//! the path, the parameters and the type of the answer. One line in
//! [`RESOURCES`](super::resources::RESOURCES) adds
//! - a route, which refuses unknown and repeated parameters ([`route`]);
//! - an entry and a schema in `assets/openapi.json` ([`super::description`]);
//! - a live topic with its entry in `assets/asyncapi.json` ([`topic`]). By default the topic is
//!   polled: its whole answer is made again at most once a second. [`Live`] chooses otherwise;
//! - a test that checks the answers against the description (`tests/http/openapi.rs`).

mod entry;
mod route;
mod topic;

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::lanes::Lane;
use super::named_schema::NamedSchema;
use super::parameter::Parameter;
use super::problem::Problem;
use super::query::Query;
use super::response::AnswerBody;
use crate::access::KeywordSet;
use crate::actors::engine::Tidings;
use crate::actors::live::Topic;
use crate::events::{Keyword, Timestamp};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{MarkedAnswer, QueryError, Untracked};
use crate::store::Views;

pub(super) use entry::TopicEntry;
pub use entry::{ResourceEntry, Scope};

/// A function that makes an answer from the engine's memory, for a caller that may count these
/// keywords.
pub type EngineAnswer<R> = fn(&R, &Tidings, &KeywordSet) -> Result<AnswerBody, Problem>;

/// A resource. The implementing type is the typed query.
pub trait Resource: fmt::Debug + Clone + Send + Sync + Sized + 'static {
    /// Name of the operation and of the topic.
    const NAME: &'static str;
    /// Path of the route, with `{token}` for a keyword.
    const PATH: &'static str;
    /// One sentence for the OpenAPI and AsyncAPI descriptions.
    const SUMMARY: &'static str;
    /// Further sentences for the OpenAPI description. Default: none.
    const DESCRIPTION: &'static str = "";
    /// Parameters of the route, without `min_seq`. The caller needs permission to read each keyword
    /// that a parameter names.
    const PARAMETERS: &'static [Parameter];
    /// Query strings for the test that checks answers against the description. In that test `ai` is
    /// a tracked keyword.
    const EXAMPLES: &'static [&'static str] = &[""];
    /// The schema of a further form of the answer, if a parameter asks for one. That form has no
    /// `epoch` and no `as_of`.
    const OTHER_FORM: Option<NamedSchema> = None;
    /// Kind of the live topic.
    const LIVE: Live = Live::POLLED;

    /// The answer of the resource in its wire form.
    type Answer: Serialize + JsonSchema + Send + 'static;

    /// Reads the parameters of a query at `now`. A GET reads its query when it arrives, and again
    /// when its answer is begun. A polled topic reads its query once and answers many times: derive
    /// what changes with the clock when answering, not here.
    ///
    /// # Errors
    /// [`Problem`] when a parameter is wrong.
    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem>;

    /// The span of time, around `now`, in which the answer stays the same while no event is folded.
    /// `None` when the answer does not depend on the time.
    fn current_during(&self, _now: Timestamp) -> Option<Range<Timestamp>> {
        None
    }
}

/// A resource of one keyword. The answer is read from one version of the keyword's rows.
pub trait KeywordResource: Resource {
    /// How a request for an untracked keyword is answered.
    const UNTRACKED: Untracked = Untracked::Refused;

    /// Lane on which the answer is made.
    fn lane(&self) -> Lane {
        Lane::Rows
    }

    /// Returns the function that makes the answer from the keyword's rows. It may be called more
    /// than once.
    fn query(
        self,
        keyword: Keyword,
        now: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<Self::Answer, RowsError> + Send + 'static;
}

/// A resource of one keyword whose answer also depends on other keywords. The rows are read in
/// steps, so the answer is exact only if none of the keywords changes meanwhile.
pub trait JoinedResource: Resource {
    /// Lane on which the answer is made.
    const LANE: Lane;

    /// Makes the answer about `keyword` among the `countable` keywords.
    ///
    /// # Errors
    /// [`QueryError`] when the keyword is unknown or untracked, or when the store fails.
    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        keyword: &Keyword,
        now: Timestamp,
    ) -> Result<MarkedAnswer<Self::Answer>, QueryError>;
}

/// A resource of many keywords. All rows of one answer are of the same epoch.
pub trait AcrossResource: Resource {
    /// Lane on which the answer is made.
    const LANE: Lane;

    /// Estimated size of the answer in bytes, which is reserved in the answer budget before the
    /// answer is made. 0 when no estimate is needed. The finished answer is counted by its own
    /// length in any case.
    fn bytes(&self, _tidings: &Tidings) -> u64 {
        0
    }

    /// Function that makes the answer from the engine's memory. Such an answer has no `epoch` and
    /// no `as_of`, so its entity tag changes only with its content. `None`, the default, for an
    /// answer from the views.
    fn engine_answer(&self) -> Option<EngineAnswer<Self>> {
        None
    }

    /// Makes the answer from the `countable` keywords.
    ///
    /// # Errors
    /// [`QueryError`] when a named keyword is unknown or untracked, or when the store fails.
    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<Self::Answer, QueryError>;

    /// Adds the members that only the engine knows to the answer of a GET. Live topics don't call
    /// it.
    fn add_engine_state(_answer: &mut Self::Answer, _tidings: &Tidings) {}
}

/// The live topic of a resource.
#[derive(Debug, Clone, Copy)]
pub enum Live {
    /// No live topic.
    None,
    /// The whole answer, made again at most once a second. A resource whose parameters name
    /// keywords does not compile with it: a topic of many keywords cannot tell its client that one
    /// of them is refused, unknown or untracked.
    Polled {
        /// Names of the lists that may be too long for one message, in the order in which they are
        /// sent.
        long_lists: &'static [&'static str],
        /// Whether a `subscribe` without topics subscribes to this topic.
        is_default: bool,
    },
    /// The live system makes an update from each change. The messages are described by hand in
    /// `asyncapi_base.json`.
    Incremental {
        /// Function that reads the topic from a query.
        read: fn(&Query, Timestamp) -> Result<Topic, Problem>,
        /// Whether a `subscribe` without topics subscribes to this topic.
        is_default: bool,
    },
}

impl Live {
    /// A polled topic without long lists, which is not a default topic.
    pub const POLLED: Self = Self::Polled {
        long_lists: &[],
        is_default: false,
    };
}
