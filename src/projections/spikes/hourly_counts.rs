//! The tweets per hour in which spikes are searched.

/// Hours of a day and of a week.
pub(super) const DAY: i64 = 24;
pub(super) const WEEK: i64 = 7 * DAY;

/// Consecutive hours with their tweets. Hours are numbered from 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HourlyCounts {
    start: i64,
    counts: Vec<u64>,
}

impl HourlyCounts {
    /// Counts of the hours from `start` on.
    pub(super) const fn new(start: i64, counts: Vec<u64>) -> Self {
        Self { start, counts }
    }

    /// The tweets in an hour; 0 outside.
    pub(super) fn get(&self, hour: i64) -> u64 {
        let count = self
            .position(hour)
            .and_then(|position| self.counts.get(position));
        count.copied().unwrap_or(0)
    }

    /// The index of an hour, from the first hour; `None` for an earlier hour.
    pub(super) fn position(&self, hour: i64) -> Option<usize> {
        usize::try_from(hour - self.start).ok()
    }

    /// Number of hours.
    pub(super) const fn len(&self) -> usize {
        self.counts.len()
    }

    /// The first hour.
    pub(super) const fn start(&self) -> i64 {
        self.start
    }
}
