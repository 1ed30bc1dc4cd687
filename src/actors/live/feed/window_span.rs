//! The time span that the subscribers of a volume have, and its moves with the clock.

use std::cmp::Ordering;

use crate::events::Timestamp;
use crate::projections::volume::VolumeWindow;

/// The time span that a window's subscribers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowSpan {
    pub(super) start: Timestamp,
    pub(super) until: Timestamp,
}

/// The move of a window's span with the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowMove {
    Stays,
    /// Buckets from this time on have entered the window.
    Forwards(Timestamp),
    Backwards,
}

impl WindowSpan {
    pub(super) fn of(window: VolumeWindow, now: Timestamp) -> Self {
        let (start, until) = window.span(now);
        Self { start, until }
    }

    pub(super) fn contains(self, at: &Timestamp) -> bool {
        (self.start..self.until).contains(at)
    }

    /// Moves the span to this time.
    pub(super) fn turn(&mut self, window: VolumeWindow, now: Timestamp) -> WindowMove {
        let old = std::mem::replace(self, Self::of(window, now));
        match self.until.cmp(&old.until) {
            Ordering::Equal => WindowMove::Stays,
            Ordering::Greater => WindowMove::Forwards(old.until.max(self.start)),
            Ordering::Less => WindowMove::Backwards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::volume::Step;

    #[test]
    fn span_moves_with_the_clock_in_either_direction() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let noon = at("2026-11-23T12:30:00Z");
        let from = Some(at("2026-11-23T11:00:00Z"));
        for (step, from, width) in [
            (Step::Minute, None, Timestamp::MINUTE),
            (Step::Hour, None, Timestamp::HOUR),
            (Step::Day, None, Timestamp::DAY),
            (Step::Hour, from, Timestamp::HOUR),
        ] {
            let window = VolumeWindow {
                step,
                offset_hours: 0,
                from,
            };
            let mut span = WindowSpan::of(window, noon);
            let until = span.until;
            assert_eq!(span.turn(window, noon.plus(1)), WindowMove::Stays);
            let later = noon.plus(width);
            assert_eq!(span.turn(window, later), WindowMove::Forwards(until));
            assert_eq!(span, WindowSpan::of(window, later));
            assert_eq!(span.turn(window, noon), WindowMove::Backwards);
            assert_eq!(span, WindowSpan::of(window, noon));
            // The clock moves on by more than the window: only buckets of the new window enter.
            let far = noon.plus(40 * Timestamp::DAY);
            let entered = span.start.max(until).max(WindowSpan::of(window, far).start);
            assert_eq!(span.turn(window, far), WindowMove::Forwards(entered));
        }
    }
}
