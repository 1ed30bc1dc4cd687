//! The past that is fetched: what is asked for next, and how far gaps and the back-fill are.

use super::Progress;
use crate::events::Timestamp;
use crate::sources::{Backfill, GapState, Slice};

/// The work that a page of older posts belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sources::collector) enum Job {
    /// The gap of this number.
    Gap(u64),
    /// The back-fill.
    Backfill,
}

/// The next thing to ask the source for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sources::collector) enum Work {
    /// The next page of this slice.
    Fetch(Job, Slice),
    /// The slices of this time.
    Plan(Job, Timestamp, Timestamp),
}

impl Progress {
    /// What is asked for next: of the oldest gap, then of the back-fill.
    pub(in crate::sources::collector) fn next_work(&self) -> Option<Work> {
        let gap = self.checkpoint.gaps.filling().next();
        if let Some(gap) = gap.filter(|_| !self.replays) {
            let job = Job::Gap(gap.number);
            return match &gap.slices {
                None => Some(Work::Plan(job, gap.from, gap.to.unwrap_or(gap.from))),
                Some(slices) => Some(Work::Fetch(job, slices.first().cloned()?)),
            };
        }
        let backfill = self.unfinished_backfill()?;
        let job = Job::Backfill;
        match &backfill.slices {
            None => Some(Work::Plan(job, backfill.from, backfill.to)),
            Some(slices) => Some(Work::Fetch(job, slices.first().cloned()?)),
        }
    }

    /// The back-fill, if it is the wanted one and something of it remains.
    pub(in crate::sources::collector) fn unfinished_backfill(&self) -> Option<&Backfill> {
        self.wanted_backfill().filter(|backfill| !backfill.done)
    }

    /// The back-fill, if it is the wanted one.
    pub(in crate::sources::collector) fn wanted_backfill(&self) -> Option<&Backfill> {
        let backfill = self.checkpoint.backfill.as_ref()?;
        (Some(&backfill.arguments) == self.wanted.as_ref()).then_some(backfill)
    }

    /// A job was planned.
    pub(in crate::sources::collector) fn planned(
        &mut self,
        job: Job,
        slices: Vec<Slice>,
        now: Timestamp,
    ) {
        self.is_changed = true;
        let is_empty = slices.is_empty();
        match job {
            Job::Gap(number) => {
                if let Some(gap) = self.checkpoint.gaps.filling_mut(number) {
                    gap.slices = Some(slices);
                }
            }
            Job::Backfill => {
                if let Some(backfill) = &mut self.checkpoint.backfill {
                    backfill.planned = u64::try_from(slices.len()).unwrap_or(u64::MAX);
                    let expected = slices.iter().map(|slice| slice.expected);
                    backfill.expected = expected.sum();
                    backfill.slices = Some(slices);
                }
            }
        }
        if is_empty {
            self.finish(job, now);
        }
    }

    /// The records of a page are settled: the job goes on with the rest of its slice, or with the
    /// next one.
    pub(in crate::sources::collector) fn fetched(
        &mut self,
        job: Job,
        rest: Option<Slice>,
        posts: u64,
        now: Timestamp,
    ) {
        self.is_changed = true;
        let slices = match job {
            Job::Gap(number) => self.checkpoint.gaps.filling_mut(number).and_then(|gap| {
                gap.posts = gap.posts.saturating_add(posts);
                gap.slices.as_mut()
            }),
            Job::Backfill => self.checkpoint.backfill.as_mut().and_then(|backfill| {
                backfill.posts = backfill.posts.saturating_add(posts);
                backfill.requests = backfill.requests.saturating_add(1);
                backfill.slices.as_mut()
            }),
        };
        let Some(slices) = slices else {
            return;
        };
        match (rest, slices.first_mut()) {
            (Some(rest), Some(first)) => *first = rest,
            (None, Some(_)) => drop(slices.remove(0)),
            (_, None) => {}
        }
        if slices.is_empty() {
            self.finish(job, now);
        }
    }

    fn finish(&mut self, job: Job, now: Timestamp) {
        match job {
            Job::Gap(number) => self.close_gap(number, GapState::Filled, "", now),
            Job::Backfill => self.finish_backfill(),
        }
    }

    /// The back-fill is done when all slices are fetched, and the replay has reached its end.
    pub(super) fn finish_backfill(&mut self) {
        self.is_changed = true;
        if let Some(backfill) = &mut self.checkpoint.backfill {
            let is_fetched = backfill.slices.as_ref().is_some_and(Vec::is_empty);
            backfill.done = is_fetched && !backfill.replays;
        }
    }

    /// Begins a back-fill. Returns false when one with these arguments is there: it then goes on.
    pub(in crate::sources::collector) fn begin_backfill(
        &mut self,
        arguments: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> bool {
        self.wanted = Some(arguments.to_owned());
        let known = self.checkpoint.backfill.as_ref();
        if known.is_some_and(|backfill| backfill.arguments == arguments) {
            return false;
        }
        self.is_changed = true;
        self.checkpoint.backfill = Some(Backfill {
            arguments: arguments.to_owned(),
            from,
            to,
            slices: None,
            replays: false,
            planned: 0,
            expected: None,
            posts: 0,
            requests: 0,
            done: false,
        });
        true
    }

    /// Lets the next connection send the back-fill from `from` on. When the back-fill begins, the
    /// position goes back to there; a later run goes on from its position.
    pub(in crate::sources::collector) fn replay_backfill(&mut self, from: Timestamp, begins: bool) {
        let Some(backfill) = self
            .checkpoint
            .backfill
            .as_mut()
            .filter(|backfill| !backfill.done)
        else {
            return;
        };
        if begins {
            self.is_changed = true;
            backfill.replays = true;
        }
        if backfill.replays {
            self.replayed_backfill = Some(backfill.to);
        }
        let is_behind = self
            .checkpoint
            .newest_at
            .is_some_and(|newest| newest <= from);
        if begins && !is_behind {
            self.checkpoint.cursor = None;
            self.checkpoint.newest_at = Some(from);
            self.checkpoint.newest_id = None;
        }
    }

    /// The share of the back-fill that is done, in thousandths.
    pub(in crate::sources::collector) fn backfill_thousandths(&self) -> Option<u64> {
        let backfill = self.unfinished_backfill()?;
        if self.replayed_backfill.is_some() {
            let newest = self.checkpoint.newest_at?;
            let whole = backfill.to.millis().saturating_sub(backfill.from.millis());
            let done = newest.millis().saturating_sub(backfill.from.millis());
            let thousandths = done.saturating_mul(1_000).checked_div(whole)?;
            return u64::try_from(thousandths).ok();
        }
        let remaining = u64::try_from(backfill.slices.as_ref()?.len()).ok()?;
        let done = backfill.planned.saturating_sub(remaining);
        done.saturating_mul(1_000).checked_div(backfill.planned)
    }
}
