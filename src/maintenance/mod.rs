//! Maintenance without a running engine: rebuild, compare, compact and replay views, and export and
//! import journals.
//!
//! ```text
//! journal ─► replay ─► store of views ─► digests, backgrounds ─► verify, rebuild
//! journal ◄─ transfer ─► lines
//! ```
//!
//! `open_views`, `verify` and `rebuild` work on the data folder of a stopped server and fold by
//! `replay`; `transfer` writes a journal as lines and makes a journal from lines.

mod backgrounds;
mod open_views;
mod rebuild;
mod replay;
mod scratch;
mod transfer;
mod unfolded;
mod verify;

pub use backgrounds::{BackgroundDifference, CountDifference};
pub use open_views::{OpenViews, UnhealedViews};
pub use rebuild::{compact, rebuild};
pub use replay::{KeywordDigest, Replay, digests};
pub use transfer::{
    CarriedKeyword, Checked, Compression, ExportProgress, Exported, Exporter, ImportChanges,
    Imported, TransferError, check_export, export, export_salvaged, import, import_state,
    import_stream, import_unfinished,
};
pub use unfolded::{UnfoldedEvents, UnfoldedShard};
pub use verify::{Comparison, Verification, ViewDifference, ViewsStanding, verify};
