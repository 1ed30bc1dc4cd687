//! The state file of an import. It names the export until the export is completely imported.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::maintenance::TransferError;
use crate::maintenance::transfer::ndjson::Header;

/// The state file of an import into the journal in `dir`.
pub fn import_state(dir: &Path) -> PathBuf {
    dir.join("import.json")
}

/// True when an import into the journal in `dir` is unfinished.
pub fn import_unfinished(dir: &Path) -> bool {
    import_state(dir).exists()
}

/// The content of a state file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The first line of the export.
    export: Header,
}

/// Checks that the journal is empty or holds the beginning of this export, and writes the state
/// file.
pub(super) fn begin(
    state: &Path,
    header: &Header,
    present: u64,
    export: &Path,
) -> Result<(), TransferError> {
    let failed = |action| TransferError::file(action, state);
    if present > 0 {
        let Ok(bytes) = std::fs::read(state) else {
            return Err(TransferError::NotEmpty { records: present });
        };
        let known: State = serde_json::from_slice(&bytes)
            .map_err(|error| TransferError::line(state, 1, error.to_string()))?;
        if known.export != *header {
            return Err(TransferError::OtherExport {
                path: export.into(),
                what: "the journal holds a part of another one".into(),
            });
        }
        return Ok(());
    }
    let fresh = State {
        export: header.clone(),
    };
    let json = serde_json::to_vec(&fresh).map_err(|error| failed("write")(error.into()))?;
    // Synced before any record: a state file that is half written must not be read later.
    let mut file = File::create(state).map_err(failed("create"))?;
    file.write_all(&json)
        .and_then(|()| file.sync_all())
        .map_err(failed("write"))?;
    sync_parent(state)
}

/// Makes the creation or removal of a file durable.
pub(in crate::maintenance::transfer) fn sync_parent(file: &Path) -> Result<(), TransferError> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(TransferError::file("sync", dir))
}
