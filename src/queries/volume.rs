//! Counts over a span of whole buckets.

use crate::events::Timestamp;
use crate::projections::volume::{Step, VolumePoint, points};
use crate::projections::{Rows, RowsError};

/// A span of whole buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Start of the first bucket.
    pub from: Timestamp,
    /// End of the last bucket.
    pub to: Timestamp,
    /// Width of a bucket.
    pub step: Step,
    /// Number of hours by which buckets of a day start before midnight UTC.
    pub offset_hours: i8,
}

impl Buckets {
    /// Number of buckets in the span.
    pub fn count(&self) -> u64 {
        self.step.buckets(self.from, self.to)
    }
}

/// The counts of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// One point for each bucket, also for empty ones.
    pub points: Vec<VolumePoint>,
    /// The sum of the points.
    pub total: u64,
}

/// Returns the counts of the keyword with these rows.
///
/// # Errors
/// [`RowsError`] when the rows cannot be read.
pub fn series(rows: &dyn Rows, buckets: Buckets) -> Result<Series, RowsError> {
    let Buckets {
        from,
        to,
        step,
        offset_hours,
    } = buckets;
    let points = points(rows, from, to, step, offset_hours)?;
    let total = points.iter().map(|point| point.count).sum();
    Ok(Series { points, total })
}
