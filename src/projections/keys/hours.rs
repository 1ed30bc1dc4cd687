//! Counts of keys over whole hours, for comparisons of one span of hours with others.

use std::ops::Range;

use super::bucket::Width;
use super::counts::{Buckets, KeyCounts};
use super::kind::KeyKind;
use crate::events::Timestamp;
use crate::projections::rows::{Rows, RowsError};

/// The counts of keys of one kind by hour. The pending tweets are read once, for any number of
/// spans.
pub struct HourlyKeys<'r>(KeyCounts<'r>);

impl<'r> HourlyKeys<'r> {
    /// Reads the pending tweets.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read(rows: &'r dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        KeyCounts::read(rows, kind).map(Self)
    }

    /// Calls `add` with keys of the hours in `span` and the number of tweets that have each. The
    /// bounds of `span` are whole hours. A key may come more than once.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn visit(
        &self,
        span: &Range<Timestamp>,
        add: impl FnMut(&[u8], u64),
    ) -> Result<(), RowsError> {
        let hours = Buckets {
            width: Width::Hour,
            numbers: Width::Hour.bucket(span.start)..Width::Hour.bucket(span.end),
        };
        self.0.visit(&hours, add)?;
        Ok(())
    }
}
