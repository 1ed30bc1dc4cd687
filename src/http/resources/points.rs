//! The wire form of a volume's points.

use schemars::JsonSchema;
use serde::Serialize;

use crate::http::response::Moment;
use crate::projections::volume::VolumePoint;

/// One bucket
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Point")]
pub struct PointAnswer {
    at: Moment,
    count: u64,
}

impl From<&VolumePoint> for PointAnswer {
    fn from(point: &VolumePoint) -> Self {
        Self {
            at: Moment(point.at),
            count: point.count,
        }
    }
}

/// Converts the points of a series to their wire form.
pub fn points(points: &[VolumePoint]) -> Vec<PointAnswer> {
    points.iter().map(PointAnswer::from).collect()
}
