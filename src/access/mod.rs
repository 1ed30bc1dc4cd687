//! Who asks, what is asked for, and which keywords the answer may count.
//!
//! [`Access`] is the one permission hook: every route and every subscription asks it. It is pure;
//! who a caller is, is found out at the edge, and what depends on it gets it as an argument.

mod keyword_set;

pub use keyword_set::KeywordSet;

use crate::events::Keyword;

/// The caller of a request, or of a live session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Principal {
    /// A caller without credentials.
    #[default]
    Anonymous,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Read views.
    Read,
    /// Publish events.
    Publish,
    /// Track and untrack keywords.
    Track,
    /// End a quarantine.
    Release,
    /// See the state of the process.
    Observe,
}

impl Action {
    /// The action as a verb.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Track => "track keywords",
            Self::Release => "end a quarantine",
            Self::Observe => "observe the server",
        }
    }
}

/// The authorization policy.
pub trait Access: std::fmt::Debug + Send + Sync + 'static {
    /// Whether `principal` may do `action` to `keyword`, or to all keywords if none is given.
    fn allows(&self, principal: &Principal, keyword: Option<&Keyword>, action: Action) -> bool;

    /// The keywords that answers across keywords may count for `principal`.
    fn countable(&self, _principal: &Principal) -> KeywordSet {
        KeywordSet::All
    }
}

/// The policy that allows everything to every caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Access for AllowAll {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }
}
