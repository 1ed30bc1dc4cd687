//! The waits between the tries to connect to a source.
//!
//! In: how a connection or a request ended. Out: how long to wait, or that another try is of no
//! use. The curves are those that the documentation of X asks for; they hold for every source.

use std::time::Duration;

use super::{ConnectError, ConnectionEnd};
use crate::events::Timestamp;
use crate::settings::BackoffSettings;

/// Number of denials in a row after which a source that was connected before counts as refused.
const MAX_DENIALS: u32 = 3;
/// The largest random addition to a wait, in thousandths.
const MAX_JITTER: u32 = 100;

/// The kinds of failures, each with its own curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or one that ended early.
    Network,
    /// The source failed.
    Http,
    /// The source limits requests, at least until this time if it named one.
    Rate(Option<Timestamp>),
    /// The source does not accept the request as it is.
    Denied,
    /// A setting or a secret is missing.
    Unusable,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Try again after this time.
    After(Duration),
    /// Another try is of no use, until a person has changed something.
    Never,
}

/// The failures of one connection since it was steady last.
#[derive(Debug, Clone)]
pub struct Reconnect {
    settings: BackoffSettings,
    has_connected: bool,
    network: u32,
    http: u32,
    rate: u32,
    denied: u32,
}

impl Failure {
    /// The kind of an error.
    pub fn of(error: &ConnectError) -> Self {
        match error {
            ConnectError::Network(_) => Self::Network,
            ConnectError::Unusable(_) => Self::Unusable,
            ConnectError::Form(_) => Self::Http,
            ConnectError::Status {
                status, retry_at, ..
            } => match status {
                400 | 401 | 403 | 404 => Self::Denied,
                420 | 429 => Self::Rate(*retry_at),
                _ => Self::Http,
            },
        }
    }

    /// The kind of the end of a connection.
    pub fn of_end(end: &ConnectionEnd) -> Self {
        match end {
            ConnectionEnd::Refused(error) => Self::of(error),
            _ => Self::Network,
        }
    }
}

impl Reconnect {
    /// No failures yet.
    pub fn new(settings: BackoffSettings) -> Self {
        Self {
            settings,
            has_connected: false,
            network: 0,
            http: 0,
            rate: 0,
            denied: 0,
        }
    }

    /// The source accepted a request or a connection: denials are not in a row any more.
    pub fn connected(&mut self) {
        self.has_connected = true;
        self.denied = 0;
    }

    /// A request was answered: all curves begin from the first again.
    pub fn answered(&mut self) {
        self.connected();
        (self.network, self.http, self.rate) = (0, 0, 0);
    }

    /// Another connection to the source was accepted before: the first denial is not final.
    pub fn accepted_before(&mut self) {
        self.has_connected = true;
    }

    /// A connection ended that had held for `held`. One that was steady sets the curves back and is
    /// opened again at once.
    pub fn ended(
        &mut self,
        held: Duration,
        failure: Failure,
        now: Timestamp,
        jitter: u32,
    ) -> NextTry {
        if held < self.settings.steady {
            return self.failed(failure, now, jitter);
        }
        (self.network, self.http, self.rate) = (0, 0, 0);
        match failure {
            Failure::Network => NextTry::After(Duration::ZERO),
            other => self.failed(other, now, jitter),
        }
    }

    /// A try failed. `jitter` is a random number; the wait grows by up to a tenth with it.
    pub fn failed(&mut self, failure: Failure, now: Timestamp, jitter: u32) -> NextTry {
        let wait = match failure {
            Failure::Network => {
                self.network = self.network.saturating_add(1);
                let wait = self.settings.network_step.saturating_mul(self.network);
                wait.min(self.settings.network_max)
            }
            Failure::Http => self.next_http(),
            Failure::Rate(until) => {
                let wait = doubled(self.settings.rate_first, self.rate, self.settings.rate_max);
                self.rate = self.rate.saturating_add(1);
                wait.max(until.map_or(Duration::ZERO, |until| time_until(until, now)))
            }
            Failure::Denied => {
                self.denied = self.denied.saturating_add(1);
                if !self.has_connected || self.denied >= MAX_DENIALS {
                    return NextTry::Never;
                }
                self.next_http()
            }
            Failure::Unusable => return NextTry::Never,
        };
        let thousandths = jitter % MAX_JITTER.saturating_add(1);
        NextTry::After(wait.saturating_add(wait.saturating_mul(thousandths) / 1_000))
    }

    fn next_http(&mut self) -> Duration {
        let wait = doubled(self.settings.http_first, self.http, self.settings.http_max);
        self.http = self.http.saturating_add(1);
        wait
    }
}

/// `first` doubled `times` times, at most `max`.
fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    let factor = 2_u32.checked_pow(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(max)
}

/// The time from `now` until `until`; zero when it is over.
pub(super) fn time_until(until: Timestamp, now: Timestamp) -> Duration {
    let millis = until.millis().saturating_sub(now.millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A random number for [`Reconnect::failed`].
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    fn reconnect() -> Reconnect {
        Reconnect::new(BackoffSettings {
            network_step: Duration::from_millis(250),
            network_max: Duration::from_millis(1_000),
            http_first: Duration::from_secs(5),
            http_max: Duration::from_secs(16),
            rate_first: Duration::from_secs(60),
            rate_max: Duration::from_secs(900),
            steady: Duration::from_secs(10),
        })
    }

    fn millis(next: NextTry) -> Option<u128> {
        match next {
            NextTry::After(wait) => Some(wait.as_millis()),
            NextTry::Never => None,
        }
    }

    #[test]
    fn each_kind_of_failure_has_its_own_curve_up_to_its_limit() {
        let mut waits = reconnect();
        let mut of = |failure| millis(waits.failed(failure, NOW, 0));
        let network: Vec<_> = (0..5).map(|_| of(Failure::Network)).collect();
        assert_eq!(network, [250, 500, 750, 1_000, 1_000].map(Some));
        let http: Vec<_> = (0..3).map(|_| of(Failure::Http)).collect();
        assert_eq!(http, [5_000, 10_000, 16_000].map(Some));
        let rate: Vec<_> = (0..6).map(|_| of(Failure::Rate(None))).collect();
        let seconds = [60_000, 120_000, 240_000, 480_000, 900_000, 900_000];
        assert_eq!(rate, seconds.map(Some));
    }

    #[test]
    fn time_that_the_source_names_is_waited_for_even_beyond_the_limit() {
        let mut waits = reconnect();
        let until = NOW.plus(2_000_000);
        let wait = waits.failed(Failure::Rate(Some(until)), NOW, 0);
        assert_eq!(millis(wait), Some(2_000_000));
        let past = waits.failed(Failure::Rate(Some(NOW.plus(-5))), NOW, 0);
        assert_eq!(millis(past), Some(120_000));
    }

    #[test]
    fn steady_connection_is_opened_again_at_once_and_sets_the_curves_back() {
        let mut waits = reconnect();
        waits.failed(Failure::Network, NOW, 0);
        waits.failed(Failure::Http, NOW, 0);
        let early = waits.ended(Duration::from_secs(9), Failure::Network, NOW, 0);
        assert_eq!(millis(early), Some(500));
        let steady = waits.ended(Duration::from_secs(10), Failure::Network, NOW, 0);
        assert_eq!(millis(steady), Some(0));
        assert_eq!(millis(waits.failed(Failure::Network, NOW, 0)), Some(250));
        assert_eq!(millis(waits.failed(Failure::Http, NOW, 0)), Some(5_000));
    }

    #[test]
    fn denial_ends_at_once_before_the_first_connection_and_at_the_third_in_a_row_after_it() {
        let mut waits = reconnect();
        assert_eq!(millis(waits.failed(Failure::Denied, NOW, 0)), None);
        let mut waits = reconnect();
        waits.connected();
        assert_eq!(millis(waits.failed(Failure::Denied, NOW, 0)), Some(5_000));
        assert_eq!(millis(waits.failed(Failure::Denied, NOW, 0)), Some(10_000));
        waits.connected();
        assert!(millis(waits.failed(Failure::Denied, NOW, 0)).is_some());
        assert!(millis(waits.failed(Failure::Denied, NOW, 0)).is_some());
        assert_eq!(millis(waits.failed(Failure::Denied, NOW, 0)), None);
    }

    #[test]
    fn answered_request_sets_all_curves_back() {
        let mut waits = reconnect();
        for failure in [Failure::Network, Failure::Http, Failure::Rate(None)] {
            waits.failed(failure, NOW, 0);
        }
        waits.answered();
        let mut of = |failure| millis(waits.failed(failure, NOW, 0));
        assert_eq!(of(Failure::Network), Some(250));
        assert_eq!(of(Failure::Http), Some(5_000));
        assert_eq!(of(Failure::Rate(None)), Some(60_000));
    }

    #[test]
    fn jitter_lengthens_a_wait_by_up_to_a_tenth() {
        for (jitter, wait) in [(0, 250), (100, 275), (101, 250), (60, 265)] {
            let next = reconnect().failed(Failure::Network, NOW, jitter);
            assert_eq!(millis(next), Some(wait), "{jitter}");
        }
    }
}
