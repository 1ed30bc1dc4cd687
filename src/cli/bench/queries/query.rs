//! The queries that are measured.

/// A query that is measured.
#[derive(Debug)]
pub(super) struct Query {
    /// The name of the query in the figures.
    pub(super) what: &'static str,
    /// The path below `/api/v1`, with its parameters.
    pub(super) path: &'static str,
    /// Whether each request names a time, a different one each time.
    pub(super) is_past: bool,
    /// The goal for the 99th percentile, in milliseconds.
    pub(super) goal_ms: Option<f64>,
}

/// All queries, in the order in which they are measured.
pub(super) const QUERIES: &[Query] = &[
    Query::now("ranking, 7d", "/keywords/big/ranking?window=7d", Some(20.0)),
    Query::past(
        "ranking, 7d, any at",
        "/keywords/big/ranking?window=7d",
        Some(150.0),
    ),
    Query::now(
        "rising, 7d",
        "/keywords/big/ranking?window=7d&order=rising",
        None,
    ),
    Query::now(
        "ranking of authors, 7d",
        "/keywords/big/ranking?window=7d&by=author",
        None,
    ),
    Query::now("ranking, 30d", "/keywords/big/ranking?window=30d", None),
    Query::now(
        "ranking of tweets, 24h",
        "/keywords/big/ranking?window=24h&by=tweet",
        None,
    ),
    Query::now(
        "ranking of tweets, 7d",
        "/keywords/big/ranking?window=7d&by=tweet",
        None,
    ),
    Query::now(
        "related, 24h, with links",
        "/keywords/big/related?window=24h",
        Some(60.0),
    ),
    Query::past(
        "related, 24h, with links, any at",
        "/keywords/big/related?window=24h",
        Some(300.0),
    ),
    Query::now("spikes, 30 days", "/keywords/big/spikes", None),
    Query::now("overview", "/overview?window=24h", Some(250.0)),
];

impl Query {
    const fn now(what: &'static str, path: &'static str, goal_ms: Option<f64>) -> Self {
        Self {
            what,
            path,
            is_past: false,
            goal_ms,
        }
    }

    const fn past(what: &'static str, path: &'static str, goal_ms: Option<f64>) -> Self {
        Self {
            is_past: true,
            ..Self::now(what, path, goal_ms)
        }
    }
}
