//! The seam for answers of the views: a resource.
//!
//! A resource is a type in one file of [`super::resources`]: its name, its parameters, its typed
//! query (the type itself) and its typed answer. One line in
//! [`RESOURCES`](super::resources::RESOURCES) makes of it
//! - a route, whose parameters are read strictly ([`route`]);
//! - its entry and schema in `assets/openapi.json` ([`super::description`]);
//! - a live topic, whose whole answer is made again at most once a second, with its entry in
//!   `assets/asyncapi.json` ([`topic`]), unless the resource asks for none or for a better one;
//! - the test that holds its answers against the description (`tests/http/openapi.rs`).

mod entry;
mod route;
mod topic;

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::lanes::Lane;
use super::parameter::Parameter;
use super::problem::Problem;
use super::query::Query;
use crate::access::KeywordSet;
use crate::actors::engine::Tidings;
use crate::actors::live::Topic;
use crate::events::{Keyword, Timestamp};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{QueryError, Untracked};
use crate::store::Views;

pub(super) use entry::TopicEntry;
pub use entry::{ResourceEntry, Scope};

/// What all resources have. The type is the typed query.
pub trait Resource: fmt::Debug + Clone + Send + Sync + Sized + 'static {
    /// Its name: of its operation, and of its topic.
    const NAME: &'static str;
    /// The path of its route, with `{token}` for a keyword.
    const PATH: &'static str;
    /// One sentence for the descriptions of the interface.
    const SUMMARY: &'static str;
    /// More for them; may be empty.
    const DESCRIPTION: &'static str = "";
    /// Its parameters, besides `min_seq`.
    const PARAMETERS: &'static [Parameter];
    /// Queries that a test asks with, to hold their answers against the description. `ai` is a
    /// tracked keyword there.
    const EXAMPLES: &'static [&'static str] = &[""];
    /// Its live topic.
    const LIVE: Live = Live::POLLED;

    /// Its answer, as the wire has it.
    type Answer: Serialize + JsonSchema + Send + 'static;

    /// Reads a query at a moment. What a polled topic derives from the time belongs into the
    /// answer, which is made at many moments.
    ///
    /// # Errors
    /// [`Problem`] when a parameter is wrong.
    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem>;

    /// The readings of the clock for which the answer made now stays the same while no event is
    /// folded; `None` when the time does not matter.
    fn current_during(&self, _now: Timestamp) -> Option<Range<Timestamp>> {
        None
    }
}

/// A resource of one keyword: answered from its rows, under one version of them.
pub trait KeywordResource: Resource {
    /// What is answered about a keyword that was untracked.
    const UNTRACKED: Untracked = Untracked::Refused;

    /// Where the answer is made.
    fn lane(&self) -> Lane {
        Lane::Rows
    }

    /// The question to the rows. It may be asked more than once.
    fn question(
        self,
        now: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<Self::Answer, RowsError> + Send + 'static;
}

/// A resource of many keywords: answered in one epoch.
pub trait AcrossResource: Resource {
    /// Where the answer is made.
    const LANE: Lane;

    /// The keywords that the query names; the caller has to be allowed to read each.
    fn keywords(&self) -> &[Keyword] {
        &[]
    }

    /// About how many bytes the answer has; room for them is reserved before it is made. 0 for an
    /// answer that is short, or that counts itself.
    fn bytes(&self, _tidings: &Tidings) -> u64 {
        0
    }

    /// The answer, over the keywords that may be counted.
    ///
    /// # Errors
    /// [`QueryError`].
    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<Self::Answer, QueryError>;

    /// Adds what only the engine knows. Live topics have no use for it.
    fn add_engine_state(_answer: &mut Self::Answer, _tidings: &Tidings) {}
}

/// The live topic of a resource.
#[derive(Debug, Clone, Copy)]
pub enum Live {
    /// It has none.
    None,
    /// The whole answer, made again at most once a second.
    Polled {
        /// Members that are lists and may be too long for one message: at most two, in the order
        /// in which they are sent.
        long_lists: &'static [&'static str],
        /// A subscribe that names no topics has this one.
        is_default: bool,
    },
    /// Updates from each change, which the live system makes itself. Its messages are described by
    /// hand.
    Incremental {
        /// Reads the topic with its parameters.
        read: fn(&Query, Timestamp) -> Result<Topic, Problem>,
        /// A subscribe that names no topics has this one.
        is_default: bool,
    },
}

impl Live {
    /// A polled topic whose messages are short.
    pub const POLLED: Self = Self::Polled {
        long_lists: &[],
        is_default: false,
    };
}
