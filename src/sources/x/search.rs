//! Searches of X for older posts: fills gaps and back-fills.
//!
//! A gap is one slice for each query of the recent search. A back-fill is counted first and cut at
//! UTC midnights, so that a slice has few pages. A query has as many keywords as fit, like a rule.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;

use super::api::XApi;
use super::clause::ValueForm;
use super::counts::{Counts, counts_of};
use super::packing::Packing;
use super::page_request::{RECENT_MS, SECOND_MS, meaning, parts, start, time};
use super::reach::Reach;
use crate::events::Timestamp;
use crate::settings::XSettings;
use crate::sources::{
    ConnectError, Cost, Estimate, FetchError, FetchedPage, Purpose, Slice, SourceRecord,
    WatchedKeywords,
};

/// How much older the start of a back-fill may be for the recent search, in milliseconds: the time
/// that passes between the start of the program and the plan.
const START_TOLERANCE_MS: i64 = Timestamp::HOUR;
/// Maximum number of pages of a slice, by the counts. A single day can have more.
const PAGES_A_SLICE: u64 = 20;
/// Maximum number of slices of a back-fill, since the checkpoint keeps them.
const MAX_SLICES: usize = 100_000;

/// How pages are asked for and read.
#[derive(Debug, Clone)]
pub(super) struct PageForm {
    /// The parameters that name the fields of a post.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Reads a page.
    pub(super) read: ReadPage,
}

/// Reads the records of a page, and what X charges for them.
pub(super) type ReadPage = fn(&[u8]) -> Result<(Vec<SourceRecord>, Cost), ConnectError>;

/// The past that is to be searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// What it is searched for.
    pub(super) purpose: Purpose,
    /// The start, inclusive.
    pub(super) from: Timestamp,
    /// The end, exclusive.
    pub(super) until: Timestamp,
    /// The current time.
    pub(super) now: Timestamp,
}

/// Searches of X.
#[derive(Debug)]
pub(super) struct Search {
    api: XApi,
    recent: ValueForm,
    archive: ValueForm,
    pages: PageForm,
    lag_ms: i64,
    price_post: u64,
    price_user: u64,
    /// The counts of a plan that failed, so that its repetition does not pay for them again.
    counted: Mutex<BTreeMap<CountKey, Counts>>,
    /// The cost of counts, in millionths of a US dollar, until a page reports it.
    unreported: AtomicU64,
}

/// What counts were asked for: the search, the query, the start and the end.
type CountKey = (Reach, String, Timestamp, Timestamp);

#[derive(Debug, Deserialize)]
struct SearchBody {
    #[serde(default)]
    meta: SearchMeta,
}

#[derive(Debug, Default, Deserialize)]
struct SearchMeta {
    #[serde(default)]
    next_token: Option<String>,
}

impl Search {
    /// Searches with this API.
    pub(super) fn new(api: XApi, settings: &XSettings, pages: PageForm) -> Self {
        Self {
            api,
            recent: ValueForm::new(settings, settings.recent_chars),
            archive: ValueForm::new(settings, settings.archive_chars),
            pages,
            lag_ms: i64::try_from(settings.lag.as_millis()).unwrap_or(i64::MAX),
            price_post: settings.price_post,
            price_user: settings.price_user,
            counted: Mutex::default(),
            unreported: AtomicU64::new(0),
        }
    }

    /// The slices of a time, in the order in which they are fetched, with the estimate of all.
    /// Keywords in `left_out`, which X refuses, are not searched for.
    ///
    /// Of a gap that begins before the recent search, the part that it reaches is planned, and
    /// [`Estimate::lost_until`] is the end of the other part.
    ///
    /// # Errors
    /// [`FetchError::Unavailable`] for a gap that the recent search does not reach at all; else
    /// [`FetchError::Request`].
    pub(super) async fn plan(
        &self,
        wanted: &Wanted,
        keywords: &WatchedKeywords,
        left_out: &[String],
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        let from = wanted.from.floor_to(SECOND_MS);
        let until = wanted.until.ceil_to(SECOND_MS);
        let wanted = Wanted {
            from,
            until,
            ..*wanted
        };
        if from >= until {
            return Ok((Vec::new(), Estimate::default()));
        }
        match wanted.purpose {
            Purpose::Gap => self.plan_gap(&wanted, keywords, left_out),
            Purpose::Backfill => self.plan_backfill(&wanted, keywords, left_out).await,
        }
    }

    fn plan_gap(
        &self,
        wanted: &Wanted,
        keywords: &WatchedKeywords,
        left_out: &[String],
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        let oldest = wanted.now.plus(-RECENT_MS).ceil_to(SECOND_MS);
        if wanted.until <= oldest {
            return Err(FetchError::Unavailable(
                "the recent search of X reaches back seven days, and the gap ends before that; \
                 `tidings collect x --since` can search the archive"
                    .to_owned(),
            ));
        }
        let from = wanted.from.max(oldest);
        let queries = self.queries(Reach::Recent, keywords, left_out);
        let slices = queries.iter();
        let slice = |query: &String| self.slice(Reach::Recent, query, from, wanted, None);
        let estimate = Estimate {
            lost_until: (from > wanted.from).then_some(from),
            ..Estimate::default()
        };
        Ok((slices.map(slice).collect(), estimate))
    }

    async fn plan_backfill(
        &self,
        wanted: &Wanted,
        keywords: &WatchedKeywords,
        left_out: &[String],
    ) -> Result<(Vec<Slice>, Estimate), FetchError> {
        let oldest = wanted.now.plus(-RECENT_MS - START_TOLERANCE_MS);
        let reach = if wanted.from >= oldest {
            Reach::Recent
        } else {
            Reach::All
        };
        let mut slices = Vec::new();
        for query in self.queries(reach, keywords, left_out) {
            let counts = self.counts(reach, &query, wanted).await?;
            slices.extend(self.cut(reach, &query, wanted, &counts));
            if slices.len() > MAX_SLICES {
                return Err(FetchError::Unavailable(format!(
                    "the back-fill has more than {MAX_SLICES} slices; give a shorter time or fewer \
                     keywords"
                )));
            }
        }
        self.counted.lock().clear();
        slices.sort_by_key(|slice| std::cmp::Reverse(slice.to));
        let estimate = self.estimate(reach, &slices);
        Ok((slices, estimate))
    }

    /// The queries for these keywords, packed as rules are.
    fn queries(
        &self,
        reach: Reach,
        keywords: &WatchedKeywords,
        left_out: &[String],
    ) -> Vec<String> {
        let form = match reach {
            Reach::Recent => &self.recent,
            Reach::All => &self.archive,
        };
        let keywords = keywords.keywords().iter();
        let clauses: Vec<_> = keywords
            .filter(|watched| !left_out.iter().any(|each| each == watched.keyword.as_str()))
            .filter_map(|watched| match form.clause(watched) {
                Ok(clause) => Some(clause),
                Err(reason) => {
                    let keyword = &watched.keyword;
                    tracing::warn!(%keyword, reason, "a keyword is not searched for");
                    None
                }
            })
            .collect();
        let mut packing = Packing::default();
        packing.place(&clauses, form, usize::MAX);
        packing.values(&clauses, form)
    }

    /// A slice from `from` to the end of the wanted time. It is asked for when X accepts its end.
    fn slice(
        &self,
        reach: Reach,
        query: &str,
        from: Timestamp,
        wanted: &Wanted,
        expected: Option<u64>,
    ) -> Slice {
        Slice {
            query: format!("{} {query}", reach.name()),
            from,
            to: wanted.until,
            token: None,
            not_before: Some(wanted.until.plus(self.lag_ms)),
            expected,
        }
    }

    /// The counts of a query. Posts of the last moments are not counted yet.
    async fn counts(
        &self,
        reach: Reach,
        query: &str,
        wanted: &Wanted,
    ) -> Result<Counts, ConnectError> {
        let key = (reach, query.to_owned(), wanted.from, wanted.until);
        let known = self.counted.lock().get(&key).cloned();
        if let Some(counts) = known {
            return Ok(counts);
        }
        let oldest_end = wanted.now.plus(-self.lag_ms).floor_to(SECOND_MS);
        let until = wanted.until.min(oldest_end);
        if wanted.from >= until {
            return Ok(Counts::default());
        }
        if !self.counted.lock().is_empty() {
            tokio::time::sleep(reach.pace()).await;
        }
        let from = start(reach, wanted.from, wanted.now);
        let counts = counts_of(&self.api, reach, query, from, until).await?;
        let price = reach.counts_price().saturating_mul(counts.requests);
        self.unreported.fetch_add(price, Ordering::Relaxed);
        let mut counted = self.counted.lock();
        counted.retain(|(_, _, from, until), _| (*from, *until) == (wanted.from, wanted.until));
        counted.insert(key, counts.clone());
        Ok(counts)
    }

    /// Cuts the wanted time at UTC midnights, newest slice first. Days are joined as long as the
    /// slice has at most [`PAGES_A_SLICE`] pages.
    fn cut(&self, reach: Reach, query: &str, wanted: &Wanted, counts: &Counts) -> Vec<Slice> {
        let max_posts = PAGES_A_SLICE * reach.posts_a_page();
        let mut days: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for (day, posts) in &counts.days {
            let sum = days.entry(*day).or_default();
            *sum = sum.saturating_add(*posts);
        }
        let mut slices = Vec::new();
        let mut rest = *wanted;
        let mut posts = 0_u64;
        let mut start = wanted.until;
        while start > wanted.from {
            let day = start.plus(-1).floor_to(Timestamp::DAY);
            let of_day = days.get(&day).copied().unwrap_or_default();
            if posts > 0 && posts.saturating_add(of_day) > max_posts {
                slices.push(self.slice(reach, query, start, &rest, Some(posts)));
                rest.until = start;
                posts = 0;
            }
            posts = posts.saturating_add(of_day);
            start = day.max(wanted.from);
        }
        slices.push(self.slice(reach, query, wanted.from, &rest, Some(posts)));
        slices
    }

    fn estimate(&self, reach: Reach, slices: &[Slice]) -> Estimate {
        let expected = slices
            .iter()
            .map(|slice| slice.expected.unwrap_or_default());
        let posts = expected.clone().fold(0, u64::saturating_add);
        let requests = expected
            .map(|posts| reach.pages(posts))
            .fold(0, u64::saturating_add);
        let price = self.price_post.saturating_add(self.price_user);
        Estimate {
            posts: Some(posts),
            requests: Some(requests),
            duration: Some(reach.duration(requests)),
            micro_usd: posts.saturating_mul(price),
            lost_until: None,
        }
    }

    /// Fetches the next page of a slice.
    ///
    /// # Errors
    /// [`FetchError::Token`] when X refuses the token of the page, [`FetchError::Unavailable`] when
    /// the start is too old, else [`FetchError::Request`].
    pub(super) async fn fetch(
        &self,
        slice: &Slice,
        now: Timestamp,
    ) -> Result<FetchedPage, FetchError> {
        let (reach, query) = parts(slice)?;
        // The end of a slice can have moved since it was planned.
        let until = slice.to.ceil_to(SECOND_MS);
        tokio::time::sleep(self.until_accepted(until, now)).await;
        let mut parameters = vec![
            ("query", query.to_owned()),
            ("max_results", reach.posts_a_page().to_string()),
            ("end_time", time(until)),
        ];
        let from = start(reach, slice.from, now);
        parameters.extend(from.map(|from| ("start_time", time(from))));
        parameters.extend(slice.token.clone().map(|token| ("next_token", token)));
        parameters.extend(self.pages.fields.iter().cloned());
        let answer = self.api.get(reach.endpoint(), reach.path(), &parameters);
        let answer = answer.await.map_err(|error| meaning(error, slice))?;
        let (records, mut cost) = (self.pages.read)(&answer.body)?;
        let body: SearchBody = serde_json::from_slice(&answer.body)
            .map_err(|error| ConnectError::Form(format!("the page of a search: {error}")))?;
        let token = body.meta.next_token;
        if token.is_some() && token == slice.token {
            let words = "the page of a search names itself as the next one".to_owned();
            return Err(ConnectError::Form(words).into());
        }
        let unreported = self.unreported.swap(0, Ordering::Relaxed);
        cost.micro_usd = cost.micro_usd.saturating_add(unreported);
        Ok(FetchedPage {
            records,
            rest: token.map(|token| Slice {
                token: Some(token),
                ..slice.clone()
            }),
            rate: answer.rate,
            cost,
        })
    }

    /// The time until X accepts a search that ends at `until`: less than a second, unless the slice
    /// is fetched before its time.
    fn until_accepted(&self, until: Timestamp, now: Timestamp) -> Duration {
        let accepted = until.plus(self.lag_ms).millis();
        let wait = accepted.saturating_sub(now.millis());
        Duration::from_millis(u64::try_from(wait).unwrap_or_default())
    }

    /// The least time between two requests for this slice.
    pub(super) fn pace(&self, slice: &Slice) -> Duration {
        parts(slice).map_or(Duration::ZERO, |(reach, _)| reach.pace())
    }
}

#[cfg(test)]
mod tests;
