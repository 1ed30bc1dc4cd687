//! The gaps of a source: times in which its records may not have been received.
//!
//! A gap opens when a connection ends, gets its end with the next connection, and is then filled
//! from the source's past, or lost. Gaps are part of the checkpoint: one that was open or being
//! filled when the process was killed goes on in the next one.

use serde::{Deserialize, Serialize};

use super::Slice;
use super::report::{GapCause, GapState};
use crate::events::Timestamp;

/// Maximum number of kept gaps. Beyond it the oldest closed one is forgotten; the log keeps it.
const MAX_GAPS: usize = 1_000;

/// A time in which records may not have been received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The number of the gap, from 1.
    pub number: u64,
    /// The start.
    pub from: Timestamp,
    /// The end; `None` while the gap is open.
    pub to: Option<Timestamp>,
    /// Why records may be missing.
    pub cause: GapCause,
    /// How far the gap is.
    pub state: GapState,
    /// The number of posts that filling it has brought.
    pub posts: u64,
    /// What remains to be fetched; `None` before it was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Vec<Slice>>,
}

/// All gaps of a source, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gaps {
    next: u64,
    gaps: Vec<Gap>,
}

impl Gaps {
    /// Opens a gap. Returns `None` when one is open already; it then starts at the earlier of both
    /// times.
    pub fn open(&mut self, from: Timestamp, cause: GapCause) -> Option<&Gap> {
        if let Some(open) = self.open_mut() {
            open.from = open.from.min(from);
            return None;
        }
        self.push(Gap {
            number: 0,
            from,
            to: None,
            cause,
            state: GapState::Open,
            posts: 0,
            slices: None,
        })
    }

    /// Adds a gap with both ends that cannot be filled.
    pub fn add_lost(&mut self, from: Timestamp, to: Timestamp, cause: GapCause) -> Option<&Gap> {
        self.push(Gap {
            number: 0,
            from,
            to: Some(to),
            cause,
            state: GapState::Lost,
            posts: 0,
            slices: None,
        })
    }

    fn push(&mut self, mut gap: Gap) -> Option<&Gap> {
        self.next = self.next.saturating_add(1);
        gap.number = self.next;
        self.gaps.push(gap);
        if self.gaps.len() > MAX_GAPS {
            let is_closed = |gap: &Gap| matches!(gap.state, GapState::Filled | GapState::Lost);
            let oldest = self.gaps.iter().position(is_closed);
            self.gaps.remove(oldest.unwrap_or(0));
        }
        self.gaps.last()
    }

    /// The source is connected again: the open gap ends at `to`. Returns it.
    pub fn end_open(&mut self, to: Timestamp) -> Option<&Gap> {
        let gap = self.open_mut()?;
        gap.to = Some(to.max(gap.from));
        gap.state = GapState::Filling;
        Some(gap)
    }

    /// Counts a post of this time, if the gap is being filled and covers it.
    pub fn count_post(&mut self, number: u64, at: Timestamp) {
        if let Some(gap) = self.filling_mut(number)
            && gap.from <= at
            && gap.to.is_none_or(|to| at < to)
        {
            gap.posts = gap.posts.saturating_add(1);
        }
    }

    /// Closes a gap that was being filled. Returns it, unless it is closed already.
    pub fn close(&mut self, number: u64, state: GapState) -> Option<&Gap> {
        let gap = self.filling_mut(number)?;
        gap.state = state;
        gap.slices = None;
        Some(gap)
    }

    /// A gap that is being filled.
    pub fn filling_mut(&mut self, number: u64) -> Option<&mut Gap> {
        let mut gaps = self.gaps.iter_mut();
        gaps.find(|gap| gap.number == number && gap.state == GapState::Filling)
    }

    /// The gaps that are being filled, oldest first.
    pub fn filling(&self) -> impl Iterator<Item = &Gap> {
        let gaps = self.gaps.iter();
        gaps.filter(|gap| gap.state == GapState::Filling)
    }

    /// The open gap.
    pub fn is_open(&self) -> bool {
        self.gaps.iter().any(|gap| gap.state == GapState::Open)
    }

    /// All gaps, oldest first.
    pub fn all(&self) -> &[Gap] {
        &self.gaps
    }

    /// The length of the times in which records are missing and may still come, in milliseconds.
    pub fn missing_millis(&self, now: Timestamp) -> u64 {
        let gaps = self.gaps.iter();
        let missing = gaps.filter(|gap| matches!(gap.state, GapState::Open | GapState::Filling));
        missing
            .map(|gap| {
                let to = gap.to.unwrap_or(now).millis();
                u64::try_from(to.saturating_sub(gap.from.millis())).unwrap_or(0)
            })
            .fold(0, u64::saturating_add)
    }

    fn open_mut(&mut self) -> Option<&mut Gap> {
        let mut gaps = self.gaps.iter_mut();
        gaps.find(|gap| gap.state == GapState::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn gap_opens_once_ends_with_the_connection_and_is_filled() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.open(at(100), GapCause::Network).unwrap().number, 1);
        assert!(gaps.open(at(90), GapCause::Stall).is_none());
        assert_eq!(gaps.missing_millis(at(190)), 100);
        assert_eq!(gaps.end_open(at(200)).unwrap().number, 1);
        assert_eq!(gaps.end_open(at(300)), None);
        gaps.count_post(1, at(90));
        gaps.count_post(1, at(200));
        let filling: Vec<_> = gaps.filling().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(filling, [(at(90), Some(at(200)))]);
        assert_eq!(
            gaps.close(1, GapState::Filled).unwrap().cause,
            GapCause::Network
        );
        assert_eq!(gaps.all()[0].posts, 1);
        assert!(gaps.close(1, GapState::Lost).is_none());
        assert_eq!(gaps.missing_millis(at(400)), 0);
        assert_eq!(gaps.open(at(500), GapCause::Quiet).unwrap().number, 2);
    }

    #[test]
    fn gap_that_is_being_filled_survives_being_saved() {
        let mut gaps = Gaps::default();
        gaps.open(at(1), GapCause::Server);
        gaps.end_open(at(2));
        let slice = Slice {
            query: "q".into(),
            from: at(1),
            to: at(2),
            token: Some("t".into()),
            not_before: None,
            expected: None,
        };
        gaps.filling_mut(1).unwrap().slices = Some(vec![slice]);
        let text = serde_json::to_string(&gaps).unwrap();
        assert_eq!(serde_json::from_str::<Gaps>(&text).unwrap(), gaps);
    }

    #[test]
    fn oldest_closed_gap_is_forgotten_and_open_ones_stay() {
        let mut gaps = Gaps::default();
        gaps.open(at(0), GapCause::Network);
        for number in 0..1_500 {
            gaps.add_lost(at(number), at(number + 1), GapCause::Cursor);
        }
        assert_eq!(gaps.all().len(), MAX_GAPS);
        assert!(gaps.is_open());
        assert_eq!(gaps.all().last().unwrap().number, 1_501);
    }
}
