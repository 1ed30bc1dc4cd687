//! The progress of the views, as the lines of a body observe it.
//!
//! ```text
//!            the first wait                        every further wait
//! Early ──┬─ the views are current ─────► Current(fold) ─► Current(fold)
//!         └─ they are still catching up ► StillEarly(fold) ─► StillEarly(fold)
//! ```
//!
//! A body that finds the views current starts at `Current(Unasked)`.

use crate::events::Sequence;

/// The progress of the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The views are catching up with the journal's content at the start. No line of the body has
    /// waited for them yet.
    Early,
    /// A line has waited, and the views are still catching up.
    StillEarly(FoldState),
    /// The views have caught up.
    Current(FoldState),
}

/// The result of the last wait of a body for the fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoldState {
    /// No line has waited for the fold yet.
    Unasked,
    /// Folded through `position`, which includes the lines of the body before the wait.
    Through {
        position: Sequence,
        /// True when the holders of a tweet were read after the wait. The tweet index is then
        /// current enough for the next line.
        has_asked: bool,
    },
    /// The fold did not reach the journal head in time.
    Late,
}

/// The result of a wait for the fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waited {
    /// The journal head when the wait began.
    pub(super) head: Sequence,
    /// True when everything through `head` was folded in time.
    pub(super) in_time: bool,
    /// True when the views have caught up with the journal's content at the start.
    pub(super) is_current: bool,
}

impl Phase {
    pub(super) const fn at_start(is_current: bool) -> Self {
        if is_current {
            Self::Current(FoldState::Unasked)
        } else {
            Self::Early
        }
    }

    pub(super) const fn after(self, waited: Waited) -> Self {
        let fold = if waited.in_time {
            FoldState::Through {
                position: waited.head,
                has_asked: false,
            }
        } else {
            FoldState::Late
        };
        match self {
            Self::Early if !waited.is_current => Self::StillEarly(fold),
            Self::StillEarly(_) => Self::StillEarly(fold),
            Self::Early | Self::Current(_) => Self::Current(fold),
        }
    }

    pub(super) const fn is_current(self) -> bool {
        matches!(self, Self::Current(_))
    }

    pub(super) const fn fold(self) -> FoldState {
        match self {
            Self::Early => FoldState::Unasked,
            Self::StillEarly(fold) | Self::Current(fold) => fold,
        }
    }

    /// Records that the holders of a tweet were read.
    pub(super) const fn asked(&mut self) {
        if let Self::StillEarly(FoldState::Through { has_asked, .. })
        | Self::Current(FoldState::Through { has_asked, .. }) = self
        {
            *has_asked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_TIME: Waited = Waited {
        head: Sequence::new(7),
        in_time: true,
        is_current: true,
    };
    const FOLDED: FoldState = FoldState::Through {
        position: Sequence::new(7),
        has_asked: false,
    };

    #[test]
    fn first_wait_decides_whether_the_views_are_current() {
        let still_catching_up = Waited {
            is_current: false,
            ..IN_TIME
        };
        let early = Phase::at_start(false);
        assert_eq!(early.fold(), FoldState::Unasked);
        assert_eq!(early.after(IN_TIME), Phase::Current(FOLDED));
        let late = early.after(still_catching_up);
        assert_eq!(late, Phase::StillEarly(FOLDED));
        assert_eq!(late.after(IN_TIME), Phase::StillEarly(FOLDED));
        let current = Phase::at_start(true);
        assert_eq!(current.after(still_catching_up), Phase::Current(FOLDED));
    }

    #[test]
    fn wait_that_takes_too_long_is_late() {
        let late = Waited {
            in_time: false,
            ..IN_TIME
        };
        assert_eq!(Phase::at_start(true).after(late).fold(), FoldState::Late);
    }

    #[test]
    fn holders_are_read_again_after_each_wait() {
        let mut phase = Phase::at_start(true).after(IN_TIME);
        phase.asked();
        assert_ne!(phase.fold(), FOLDED);
        assert_eq!(phase.after(IN_TIME).fold(), FOLDED);
    }
}
