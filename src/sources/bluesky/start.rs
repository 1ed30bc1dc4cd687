//! Where a connection to Jetstream starts, and how a later start is found out.
//!
//! Jetstream keeps events for a limited time. Version 1 continues without a word at the earliest
//! event when a cursor is older; version 2 refuses such a cursor.

use std::time::Duration;

use super::hosts::CursorHost;
use super::protocol::{MIN_TIME_CURSOR, Protocol, of_micros};
use crate::events::Timestamp;
use crate::sources::{Arrival, Resume};

/// The least rewind on another host than that of the cursor, in microseconds: the hosts see an
/// event at different times.
const MIN_REWIND_ELSEWHERE_US: u64 = 60_000_000;
/// How much later than asked for the first event may be, in milliseconds.
const MAX_DELAY_MS: i64 = 60_000;

/// Where a connection starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The cursor to send; `None`: only new events.
    pub(super) cursor: Option<u64>,
    /// What the first event shows; `None` when nothing is expected of it.
    pub(super) expected: Option<Expected>,
}

/// The time from which events are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    /// The time.
    from: Timestamp,
    /// How much later the first event may be, in milliseconds.
    max_delay: i64,
}

impl Start {
    /// The start that `resume` asks for.
    pub(super) fn of(
        protocol: &Protocol,
        resume: Resume,
        cursor_host: CursorHost,
        rewind: Duration,
    ) -> Self {
        if protocol.has_time_cursors {
            Self::at_time(resume, cursor_host, rewind)
        } else {
            Self::at_sequence(resume, cursor_host)
        }
    }

    fn at_time(resume: Resume, cursor_host: CursorHost, rewind: Duration) -> Self {
        let time_cursor = resume.cursor.filter(|cursor| *cursor >= MIN_TIME_CURSOR);
        let Some(position) = time_cursor.or_else(|| micros(resume.since?)) else {
            return Self::live(None);
        };
        let rewind = u64::try_from(rewind.as_micros()).unwrap_or(u64::MAX);
        let is_elsewhere = match cursor_host {
            CursorHost::Same => false,
            CursorHost::Unknown => time_cursor.is_some(),
            CursorHost::Other => true,
        };
        let rewind = if is_elsewhere {
            rewind.max(MIN_REWIND_ELSEWHERE_US)
        } else {
            rewind
        };
        Self {
            cursor: Some(position.saturating_sub(rewind)),
            expected: of_micros(position).map(|from| Expected {
                from,
                max_delay: MAX_DELAY_MS,
            }),
        }
    }

    /// A sequence is of one host, and no time can be asked for.
    fn at_sequence(resume: Resume, cursor_host: CursorHost) -> Self {
        let sequence = resume.cursor.filter(|cursor| *cursor < MIN_TIME_CURSOR);
        match sequence {
            Some(_) if cursor_host != CursorHost::Other => Self {
                cursor: sequence,
                expected: resume
                    .since
                    .filter(|_| cursor_host == CursorHost::Unknown)
                    .map(|from| Expected {
                        from,
                        max_delay: MAX_DELAY_MS,
                    }),
            },
            _ => Self::live(resume_time(resume)),
        }
    }

    /// A start without a cursor, though events are wanted from `from` on.
    pub(super) fn live(from: Option<Timestamp>) -> Self {
        Self {
            cursor: None,
            expected: from.map(|from| Expected { from, max_delay: 0 }),
        }
    }
}

impl Expected {
    /// The report that the source continues at `first`, when that is later than expected.
    pub(super) fn clamped(self, first: Timestamp) -> Option<Arrival> {
        let requested = self.from;
        (first > requested.plus(self.max_delay)).then_some(Arrival::Clamped { requested, first })
    }
}

/// The time from which `resume` asks for events.
pub(super) fn resume_time(resume: Resume) -> Option<Timestamp> {
    let time_cursor = resume.cursor.filter(|cursor| *cursor >= MIN_TIME_CURSOR);
    time_cursor.and_then(of_micros).or(resume.since)
}

fn micros(at: Timestamp) -> Option<u64> {
    u64::try_from(at.millis().saturating_mul(1_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::JetstreamProtocol;

    const TIME: u64 = 1_795_417_200_500_000;
    const REWIND: Duration = Duration::from_secs(5);

    fn start(
        version: JetstreamProtocol,
        cursor: Option<u64>,
        since: Option<i64>,
        host: CursorHost,
    ) -> (Option<u64>, Option<(i64, i64)>) {
        let since = since.map(Timestamp::from_millis);
        let resume = Resume { cursor, since };
        let start = Start::of(Protocol::of(version), resume, host, REWIND);
        let expected = start.expected;
        let expected = expected.map(|expected| (expected.from.millis(), expected.max_delay));
        (start.cursor, expected)
    }

    #[test]
    fn time_cursor_is_set_back_and_by_a_minute_on_another_host() {
        let v1 = |cursor, since, host| start(JetstreamProtocol::V1, cursor, since, host);
        let since = Some(1_795_417_000_000);
        let expected = Some((1_795_417_200_500, 60_000));
        for (host, cursor) in [
            (CursorHost::Same, TIME - 5_000_000),
            (CursorHost::Unknown, TIME - 60_000_000),
            (CursorHost::Other, TIME - 60_000_000),
        ] {
            assert_eq!(v1(Some(TIME), since, host), (Some(cursor), expected));
        }
        assert_eq!(v1(None, None, CursorHost::Same), (None, None));
        let from_since = (
            Some(1_795_416_995_000_000),
            Some((1_795_417_000_000, 60_000)),
        );
        assert_eq!(v1(None, since, CursorHost::Unknown), from_since);
        assert_eq!(v1(Some(12_345), since, CursorHost::Same), from_since);
    }

    #[test]
    fn sequence_is_kept_on_its_host_and_a_time_begins_live() {
        let v2 = |cursor, since, host| start(JetstreamProtocol::V2, cursor, since, host);
        let since = Some(1_795_417_000_000);
        let sequence = Some(12_345);
        assert_eq!(v2(sequence, since, CursorHost::Same), (sequence, None));
        assert_eq!(
            v2(sequence, since, CursorHost::Unknown),
            (sequence, Some((1_795_417_000_000, 60_000)))
        );
        assert_eq!(
            v2(sequence, since, CursorHost::Other),
            (None, Some((1_795_417_000_000, 0)))
        );
        assert_eq!(
            v2(Some(TIME), since, CursorHost::Same),
            (None, Some((1_795_417_200_500, 0)))
        );
        assert_eq!(v2(None, None, CursorHost::Same), (None, None));
    }

    #[test]
    fn first_event_after_the_delay_is_clamped() {
        let at = Timestamp::from_millis;
        let expected = Expected {
            from: at(1_000),
            max_delay: 60_000,
        };
        assert!(expected.clamped(at(61_000)).is_none());
        assert!(matches!(
            expected.clamped(at(61_001)),
            Some(Arrival::Clamped { requested, first })
                if requested == at(1_000) && first == at(61_001)
        ));
    }
}
