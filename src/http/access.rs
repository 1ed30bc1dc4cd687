//! The one permission hook: every route and subscription asks it.

use crate::events::Keyword;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// Nobody in particular.
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
    /// See how the process does.
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

/// Decides who may do what.
pub trait Access: std::fmt::Debug + Send + Sync + 'static {
    /// May `principal` do `action` to `keyword`, or to all keywords where none is given?
    fn allows(&self, principal: &Principal, keyword: Option<&Keyword>, action: Action) -> bool;
}

/// Everybody may do everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Access for AllowAll {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }
}
