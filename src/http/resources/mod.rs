//! The resources: one file each, and one line in [`RESOURCES`]. A file defines the query, its
//! parameters, and the wire form of the answer. The computation is in `queries` or `projections`.

mod compare;
mod keywords;
mod ledger;
mod ledger_of_all;
mod overview;
mod points;
mod ranking;
mod related;
mod spikes;
mod timeline;
mod tweet;
mod volume;

use super::resource::ResourceEntry;

pub use keywords::Name;
pub use points::PointAnswer;
pub use tweet::Tweet;
pub use volume::DEFAULT_VOLUME;

/// Every resource, in the order in which live topics are listed.
pub static RESOURCES: &[ResourceEntry] = &[
    ResourceEntry::across::<keywords::TrackedKeywords>(),
    ResourceEntry::of_keyword::<timeline::Timeline>(),
    ResourceEntry::of_keyword::<volume::Volume>(),
    ResourceEntry::of_keyword::<ranking::Ranking>(),
    ResourceEntry::joined::<related::Related>(),
    ResourceEntry::of_keyword::<spikes::Spikes>(),
    ResourceEntry::of_keyword::<ledger::KeywordLedger>(),
    ResourceEntry::across::<ledger_of_all::AllLedgers>(),
    ResourceEntry::across::<overview::Overview>(),
    ResourceEntry::across::<compare::Compare>(),
];
