//! Fetching older posts, one page at a time: gaps first, then the back-fill.
//!
//! The next page is asked for when all records of the page before are acknowledged, so a kill loses
//! no page: the checkpoint names the first one that is not acknowledged.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::reconnect::{Failure, NextTry, Reconnect, random, time_until};
use super::super::{
    Estimate, FetchError, FetchedPage, GapCause, GapState, Outcome, Purpose, RateLimit, Settled,
    Slice,
};
use super::progress::{Job, Tag, Work};
use super::{Collector, CollectorError, StopState};
use crate::events::Timestamp;

/// The wait before the next look when nothing is to be fetched.
const IDLE: Duration = Duration::from_millis(200);

/// Number of refused page tokens in a row after which a slice is not started again: each start
/// costs a page.
const MAX_TOKEN_REFUSALS: u32 = 3;

/// A finished request.
#[derive(Debug)]
pub(super) enum Fetched {
    /// A job was planned.
    Plan(Job, Result<(Vec<Slice>, Estimate), FetchError>),
    /// A page of a slice was fetched.
    Page(Job, Slice, Result<FetchedPage, FetchError>),
}

/// A page whose records are not all settled.
#[derive(Debug)]
struct OpenPage {
    job: Job,
    rest: Option<Slice>,
    unsettled: usize,
    posts: u64,
}

/// The request on its way, and what the next one has to wait for.
#[derive(Debug)]
pub(super) struct Fetching {
    request: Option<JoinHandle<Fetched>>,
    page: Option<OpenPage>,
    not_before: Instant,
    reconnect: Reconnect,
    pub(super) rate: Option<RateLimit>,
    pub(super) estimate: Option<Estimate>,
    /// Number of refused page tokens since a slice was completed last.
    token_refusals: u32,
    /// When the run began, to tell how long a back-fill still takes.
    pub(super) begun: Instant,
}

impl Fetching {
    pub(super) fn new(reconnect: Reconnect) -> Self {
        Self {
            request: None,
            page: None,
            not_before: Instant::now(),
            reconnect,
            rate: None,
            estimate: None,
            token_refusals: 0,
            begun: Instant::now(),
        }
    }

    /// True when no request and no page is unfinished.
    pub(super) const fn is_idle(&self) -> bool {
        self.request.is_none() && self.page.is_none()
    }

    /// Gives up the request on its way.
    pub(super) fn abort(&mut self) {
        if let Some(request) = self.request.take() {
            request.abort();
        }
    }

    /// Waits for the request on its way; for ever when there is none.
    pub(super) async fn done(&mut self) -> Option<Fetched> {
        let Some(request) = &mut self.request else {
            return std::future::pending().await;
        };
        let fetched = request.await;
        self.request = None;
        fetched.ok()
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Collector {
    /// True when another request may be made.
    pub(super) fn may_fetch(&self) -> bool {
        self.fetching.is_idle()
            && self.stop == StopState::Running
            && self.gate_cause() != Some(GapCause::Capped)
            && !self.delivery.keywords().is_empty()
    }

    /// The time of the next request.
    pub(super) fn next_fetch(&self) -> Instant {
        let slice = match self.progress.next_work() {
            None => return Instant::now() + IDLE,
            Some(Work::Plan(..)) => None,
            Some(Work::Fetch(_, slice)) => slice.not_before,
        };
        let now = self.options.clock.now();
        let wait = slice.map_or(Duration::ZERO, |not_before| time_until(not_before, now));
        self.fetching.not_before.max(Instant::now() + wait)
    }

    /// Makes the next request.
    pub(super) fn start_fetch(&mut self) {
        let Some(work) = self.progress.next_work() else {
            return;
        };
        let source = Arc::clone(&self.source);
        let keywords = self.delivery.keywords().clone();
        self.fetching.request = Some(match work {
            Work::Fetch(job, slice) => tokio::spawn(async move {
                let page = source.fetch(&slice).await;
                Fetched::Page(job, slice, page)
            }),
            Work::Plan(job, from, until) => tokio::spawn(async move {
                let purpose = match job {
                    Job::Gap(_) => Purpose::Gap,
                    Job::Backfill => Purpose::Backfill,
                };
                Fetched::Plan(job, source.plan(purpose, from, until, &keywords).await)
            }),
        });
    }

    /// A request is finished.
    pub(super) fn fetched(&mut self, fetched: Option<Fetched>) -> Result<(), CollectorError> {
        let now = self.options.clock.now();
        match fetched {
            None => Err(CollectorError::TaskFailed),
            Some(Fetched::Plan(job, Ok((slices, estimate)))) => {
                self.fetching.reconnect.answered();
                match job {
                    Job::Backfill => self.fetching.estimate = Some(estimate),
                    Job::Gap(number) => {
                        if let Some(lost_until) = estimate.lost_until {
                            self.progress.partly_lost(number, lost_until, now);
                        }
                    }
                }
                self.progress.planned(job, slices, now);
                Ok(())
            }
            Some(Fetched::Page(job, slice, Ok(page))) => {
                self.fetching.reconnect.answered();
                self.page_fetched(job, &slice, page, now);
                Ok(())
            }
            Some(Fetched::Page(job, slice, Err(FetchError::Token(reason)))) => {
                self.fetching.token_refusals = self.fetching.token_refusals.saturating_add(1);
                if self.fetching.token_refusals >= MAX_TOKEN_REFUSALS {
                    return self.failed_for_good(job, reason, now);
                }
                tracing::warn!(source = %self.options.name, reason, "a slice starts again");
                let first = Slice {
                    token: None,
                    ..slice
                };
                self.progress.fetched(job, Some(first), 0, now);
                // A source that refuses every token is asked again only after a pause.
                let next = self.fetching.reconnect.failed(Failure::Http, now, random());
                if let NextTry::After(wait) = next {
                    self.fetching.not_before = Instant::now() + wait;
                }
                Ok(())
            }
            Some(Fetched::Plan(job, Err(error)) | Fetched::Page(job, _, Err(error))) => {
                self.fetch_failed(job, error, now)
            }
        }
    }

    fn page_fetched(&mut self, job: Job, slice: &Slice, page: FetchedPage, now: Timestamp) {
        self.spent(page.cost, now);
        if page.rest.is_none() {
            self.fetching.token_refusals = 0;
        }
        self.fetching.rate = page.rate.or(self.fetching.rate);
        let mut wait = self.source.pace(slice);
        if let Some(rate) = page.rate.filter(|rate| rate.remaining == 0) {
            wait = wait.max(time_until(rate.reset, now));
        }
        self.fetching.not_before = Instant::now() + wait;
        self.fetching.page = Some(OpenPage {
            job,
            rest: page.rest,
            unsettled: page.records.len(),
            posts: 0,
        });
        for record in page.records {
            self.received(tag_of(job), record);
        }
        self.finish_page(now);
    }

    /// Records are settled, perhaps some of the open page.
    pub(super) fn page_settled(&mut self, settled: &Settled<Tag>, now: Timestamp) {
        let Some(page) = &mut self.fetching.page else {
            return;
        };
        for (tag, record, outcome) in &settled.records {
            if tag.job.is_some() {
                page.unsettled = page.unsettled.saturating_sub(1);
                let is_new = *outcome == Outcome::Sent && record.posted_at().is_some();
                page.posts = page.posts.saturating_add(u64::from(is_new));
            }
        }
        self.finish_page(now);
    }

    /// Goes on behind the open page, if all its records are settled.
    fn finish_page(&mut self, now: Timestamp) {
        if self
            .fetching
            .page
            .as_ref()
            .is_some_and(|page| page.unsettled > 0)
        {
            return;
        }
        if let Some(page) = self.fetching.page.take() {
            self.progress.fetched(page.job, page.rest, page.posts, now);
        }
    }

    fn fetch_failed(
        &mut self,
        job: Job,
        error: FetchError,
        now: Timestamp,
    ) -> Result<(), CollectorError> {
        let detail = error.to_string();
        let request = match error {
            FetchError::Request(request) => request,
            FetchError::Token(_) | FetchError::Unavailable(_) => {
                return self.failed_for_good(job, detail, now);
            }
        };
        // The stream has connected, or another request was answered: a denial may pass.
        if self.progress.checkpoint.connected_first_at.is_some() {
            self.fetching.reconnect.accepted_before();
        }
        match self
            .fetching
            .reconnect
            .failed(Failure::of(&request), now, random())
        {
            NextTry::After(wait) => {
                let seconds = wait.as_secs_f32();
                tracing::warn!(
                    source = %self.options.name, detail, seconds, "older posts are asked for again"
                );
                self.fetching.not_before = Instant::now() + wait;
                Ok(())
            }
            NextTry::Never => self.failed_for_good(job, detail, now),
        }
    }

    /// The source does not give what a job asks for. A gap is lost. A back-fill keeps its place for
    /// the next run, and ends this one.
    fn failed_for_good(
        &mut self,
        job: Job,
        detail: String,
        now: Timestamp,
    ) -> Result<(), CollectorError> {
        if let Job::Gap(number) = job {
            self.progress
                .close_gap(number, GapState::Lost, &detail, now);
            return Ok(());
        }
        tracing::error!(source = %self.options.name, detail, "the back-fill cannot be fetched");
        self.refused(detail)
    }
}

const fn tag_of(job: Job) -> Tag {
    Tag {
        stream_time: None,
        job: Some(job),
        _permit: None,
    }
}
