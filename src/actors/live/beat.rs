//! When a feed cuts: at once when it has not for a flush, else when the flush is over.

use std::time::Duration;

use tokio::time::Instant;

/// What to do about a wish to cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Cut now.
    Now,
    /// Wish again after this.
    After(Duration),
    /// A wish is on its way that will do.
    OnItsWay,
}

/// The beat of one feed's cuts.
#[derive(Debug)]
pub(super) struct Beat {
    flush: Duration,
    last: Option<Instant>,
    /// When the wish comes that was put off last.
    next: Option<Instant>,
}

impl Beat {
    pub(super) const fn new(flush: Duration) -> Self {
        Self {
            flush,
            last: None,
            next: None,
        }
    }

    /// It has cut.
    pub(super) const fn cut(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// May it cut? A wish that was put off may come too soon again, since a feed also cuts when
    /// windows move: it is put off once more then.
    pub(super) fn wish(&mut self, now: Instant) -> Turn {
        let free = self.last.map(|last| last + self.flush);
        let Some(free) = free.filter(|free| now < *free) else {
            self.next = None;
            return Turn::Now;
        };
        if self.next.is_some_and(|next| now < next) {
            return Turn::OnItsWay;
        }
        self.next = Some(free);
        Turn::After(free - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSH: Duration = Duration::from_millis(50);

    #[test]
    fn what_comes_early_is_put_off_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut beat = Beat::new(FLUSH);
        assert_eq!(beat.wish(at(0)), Turn::Now);
        beat.cut(at(0));
        assert_eq!(beat.wish(at(20)), Turn::After(Duration::from_millis(30)));
        assert_eq!(beat.wish(at(30)), Turn::OnItsWay);
        assert_eq!(beat.wish(at(50)), Turn::Now);
        beat.cut(at(50));
        assert_eq!(beat.wish(at(100)), Turn::Now);
    }

    #[test]
    fn a_wish_is_not_lost_when_a_cut_came_between() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut beat = Beat::new(FLUSH);
        beat.cut(at(0));
        assert_eq!(beat.wish(at(10)), Turn::After(Duration::from_millis(40)));
        // A window moved.
        beat.cut(at(30));
        assert_eq!(beat.wish(at(40)), Turn::OnItsWay);
        assert_eq!(beat.wish(at(50)), Turn::After(Duration::from_millis(30)));
        assert_eq!(beat.wish(at(80)), Turn::Now);
    }
}
