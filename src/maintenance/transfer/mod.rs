//! Journals as lines of JSON: an export writes them, an import makes a journal from them.
//!
//! ```text
//! journal ─► export ─► ndjson ─► file or pipe ─► lines ─► ndjson ─► carried ─► import ─► journal
//! ```

mod carried;
mod error;
mod export;
mod import;
mod lines;
mod ndjson;
mod restore;
mod unfinished;

pub use carried::CarriedKeyword;
pub use error::TransferError;
pub use export::{Compression, ExportProgress, Exported, Exporter, export, export_salvaged};
pub use import::{
    Checked, ImportChanges, Imported, check_export, import, import_state, import_stream,
    import_unfinished,
};
