//! The estimate of a back-fill in words and in JSON.

use std::time::Duration;

use serde::Serialize;

use crate::sources::Estimate;

/// The estimate of a back-fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ShownEstimate {
    posts: Option<u64>,
    requests: Option<u64>,
    minutes: Option<u64>,
    usd: String,
}

impl From<Estimate> for ShownEstimate {
    fn from(estimate: Estimate) -> Self {
        let minutes = |duration: Duration| duration.as_secs().div_ceil(60);
        Self {
            posts: estimate.posts,
            requests: estimate.requests,
            minutes: estimate.duration.map(minutes),
            usd: dollars(estimate.micro_usd),
        }
    }
}

impl ShownEstimate {
    /// The estimate in one sentence.
    pub(super) fn in_words(&self) -> String {
        let number = |number: Option<u64>| {
            number.map_or_else(
                || "an unknown number of".to_owned(),
                |number| number.to_string(),
            )
        };
        let minutes = self.minutes.map_or_else(String::new, |minutes| {
            format!(", about {minutes} min at the rate limit")
        });
        format!(
            "The back-fill has about {} posts in {} requests{minutes}, and costs about ${}.",
            number(self.posts),
            number(self.requests),
            self.usd
        )
    }
}

/// Millionths of a US dollar in US dollars, up to the next cent.
fn dollars(micro_usd: u64) -> String {
    let cents = micro_usd.div_ceil(10_000);
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_is_rounded_up_to_minutes_and_cents() {
        let estimate = Estimate {
            posts: Some(100),
            requests: Some(2),
            duration: Some(Duration::from_secs(61)),
            micro_usd: 1_500_001,
            ..Estimate::default()
        };
        assert_eq!(
            ShownEstimate::from(estimate).in_words(),
            "The back-fill has about 100 posts in 2 requests, about 2 min at the rate limit, and \
            costs about $1.51."
        );
    }
}
