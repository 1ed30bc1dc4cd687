//! Maintenance without a running engine: rebuild, compare, compact and replay views, and export and
//! import journals.
//!
//! `views` works on the data folder of a stopped server and folds by `replay`; `transfer` writes a
//! journal as lines and makes a journal of lines.

mod replay;
mod transfer;
mod unfolded;
mod views;

pub use replay::{KeywordDigest, Replay, digests};
pub use transfer::{
    CarriedKeyword, Checked, Compression, ExportProgress, Exported, Exporter, ImportChanges,
    Imported, TransferError, check_export, export, export_salvaged, import, import_state,
    import_stream, import_unfinished,
};
pub use unfolded::{UnfoldedEvents, UnfoldedShard};
pub use views::{
    Comparison, OpenViews, UnhealedViews, Verification, ViewDifference, ViewsStanding, compact,
    rebuild, verify,
};
