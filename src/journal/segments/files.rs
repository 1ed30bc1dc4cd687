//! Creates files and folders of a log durably.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::segment::{SegmentHeader, io_error, path_of};
use crate::journal::JournalError;

/// Creates a segment with its header, and makes both durable. Overwrites a segment whose creation
/// was interrupted.
pub(super) fn create_segment(dir: &Path, header: &SegmentHeader) -> Result<File, JournalError> {
    let path = path_of(dir, header.first);
    let created = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .and_then(|file| {
            file.write_all_at(&header.encode(), 0)?;
            file.sync_all()?;
            Ok(file)
        })
        .map_err(io_error("create", &path))?;
    sync_dir(dir)?;
    Ok(created)
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}
