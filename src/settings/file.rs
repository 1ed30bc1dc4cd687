//! Reads settings files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::{Table, Value};

use super::SettingsError;

/// Size limit of a settings file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a settings file of at most [`MAX_FILE_BYTES`], which may be a pipe.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES.saturating_add(1))
        .read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        let what = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::other(what));
    }
    Ok(text)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Table, SettingsError> {
    text.parse().map_err(|source| SettingsError::Syntax {
        path: path.to_owned(),
        source,
    })
}

/// Turns tables into dotted keys. An empty table is kept as a key, so that an unknown section is
/// found.
pub(super) fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                let inner = flatten(inner).into_iter();
                flat.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => flat.push((key, value)),
        }
    }
    flat
}
