//! The two searches of X, and their limits.

use std::time::Duration;

/// The period of X's rate limits, in milliseconds.
const RATE_PERIOD_MS: u64 = 15 * 60 * 1_000;

/// The two searches of X.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// The recent search: seven days.
    Recent,
    /// The full-archive search.
    All,
}

impl Reach {
    /// The search of this name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Recent, Self::All]
            .into_iter()
            .find(|reach| reach.name() == name)
    }

    /// The name in a slice.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::All => "all",
        }
    }

    /// The path of the search.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Recent => "/2/tweets/search/recent",
            Self::All => "/2/tweets/search/all",
        }
    }

    /// The name of the search among the requests.
    pub(super) const fn endpoint(self) -> &'static str {
        match self {
            Self::Recent => "search/recent",
            Self::All => "search/all",
        }
    }

    /// The path of the counts.
    pub(super) const fn counts_path(self) -> &'static str {
        match self {
            Self::Recent => "/2/tweets/counts/recent",
            Self::All => "/2/tweets/counts/all",
        }
    }

    /// The name of the counts among the requests.
    pub(super) const fn counts_endpoint(self) -> &'static str {
        match self {
            Self::Recent => "counts/recent",
            Self::All => "counts/all",
        }
    }

    /// Maximum number of posts on a page.
    pub(super) const fn posts_a_page(self) -> u64 {
        match self {
            Self::Recent => 100,
            Self::All => 500,
        }
    }

    /// Maximum number of requests in [`RATE_PERIOD_MS`].
    const fn requests_a_period(self) -> u64 {
        match self {
            Self::Recent => 450,
            Self::All => 300,
        }
    }

    /// The least time between two requests.
    pub(super) const fn pace(self) -> Duration {
        match self {
            Self::Recent => Duration::ZERO,
            Self::All => Duration::from_secs(1),
        }
    }

    /// The duration of many requests at the rate limit.
    pub(super) const fn duration(self, requests: u64) -> Duration {
        let millis = requests.saturating_mul(RATE_PERIOD_MS) / self.requests_a_period();
        Duration::from_millis(millis)
    }

    /// The price of a request for counts, in millionths of a US dollar.
    pub(super) const fn counts_price(self) -> u64 {
        match self {
            Self::Recent => 5_000,
            Self::All => 10_000,
        }
    }

    /// The number of requests that a slice needs.
    pub(super) const fn pages(self, posts: u64) -> u64 {
        let pages = posts.div_ceil(self.posts_a_page());
        if pages == 0 { 1 } else { pages }
    }
}
