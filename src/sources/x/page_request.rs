//! The words of a request for a page of a search, and what its refusal means.

use super::reach::Reach;
use crate::events::Timestamp;
use crate::sources::{ConnectError, FetchError, Slice};

/// How far the recent search reaches back, in milliseconds.
pub(super) const RECENT_MS: i64 = 7 * Timestamp::DAY;
/// A search begins at least this long after the oldest time of the recent search, in milliseconds,
/// so that a request on its way does not become too old.
const RECENT_MARGIN_MS: i64 = Timestamp::MINUTE;
/// A second, in milliseconds: the unit of the times of a search.
pub(super) const SECOND_MS: i64 = 1_000;

/// The search and the query of a slice.
pub(super) fn parts(slice: &Slice) -> Result<(Reach, &str), FetchError> {
    let parts = slice.query.split_once(' ');
    let found = parts.and_then(|(name, query)| Some((Reach::of_name(name)?, query)));
    found.ok_or_else(|| FetchError::Unavailable(format!("{:?} is no search of X", slice.query)))
}

/// The start of a request; `None`, X's own default, when it is as old as the recent search reaches.
pub(super) fn start(reach: Reach, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let oldest = now.plus(RECENT_MARGIN_MS - RECENT_MS);
    (reach == Reach::All || from > oldest).then_some(from)
}

/// A time as X documents it, in whole seconds.
pub(super) fn time(at: Timestamp) -> String {
    at.floor_to(SECOND_MS).to_string().replace(".000Z", "Z")
}

/// What a refused page means. X refuses every parameter with status 400.
pub(super) fn meaning(error: ConnectError, slice: &Slice) -> FetchError {
    match error {
        ConnectError::Status {
            status: 400,
            detail,
            ..
        } if detail.contains("start_time") => FetchError::Unavailable(detail),
        ConnectError::Status {
            status: 400,
            detail,
            ..
        } if slice.token.is_some() && !detail.contains("end_time") => FetchError::Token(detail),
        other => other.into(),
    }
}
