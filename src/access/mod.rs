//! Authorization: callers, actions, and the policy that decides about them.
//!
//! [`Access`] is the policy. Every route and every subscription asks it with a [`Principal`], an
//! [`Action`] and a keyword. It answers whether the action is allowed, and which keywords an answer
//! may count ([`KeywordSet`]). This module is pure: the edge determines the principal and passes it
//! on as an argument.

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

/// What a caller asks to do.
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

    /// The keywords that answers across keywords may count for `principal`: those that it may read.
    fn countable(&self, principal: &Principal) -> KeywordSet;
}

/// The policy that allows everything to every caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Access for AllowAll {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        KeywordSet::All
    }
}
