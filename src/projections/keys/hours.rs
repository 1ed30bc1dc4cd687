//! Counts of keys over whole hours, for comparisons of one span of hours with others.

use std::ops::Range;

use super::bucket::Width;
use super::counts::KeyCounts;
use super::kind::KeyKind;
use super::ranking::Span;
use crate::events::Timestamp;
use crate::projections::rows::{Rows, RowsError};

/// The counts of keys of one kind by hour. The pending tweets are read at most once, for any number
/// of spans.
pub struct HourlyKeys<'r>(KeyCounts<'r>);

impl<'r> HourlyKeys<'r> {
    /// The counts of keys of this kind in these rows.
    pub fn new(rows: &'r dyn Rows, kind: KeyKind) -> Self {
        Self(KeyCounts::new(rows, kind))
    }

    /// Calls `add` with a key and with a change of the number of tweets in `span` that have it. The
    /// bounds of the span are whole hours. A key may come more than once, and some changes may be
    /// negative. The sum of the changes is the number of tweets.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn visit(
        &self,
        span: &Range<Timestamp>,
        mut add: impl FnMut(&[u8], i64),
    ) -> Result<(), RowsError> {
        let start = Width::Hour.bucket(span.start);
        let hours = Span {
            width: Width::Hour,
            bounds: [start, start, Width::Hour.bucket(span.end)],
        };
        self.0
            .visit_windows(&hours, |key, [change, _]| add(key, change))?;
        Ok(())
    }
}
