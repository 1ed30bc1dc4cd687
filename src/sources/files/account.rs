//! X archives: the label of a file, and the author in `account.js` beside it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::array::ArrayElements;
use super::buffer::Buffer;
use super::v1::ArchiveAuthor;
use super::{FileError, FileInput, FileOptions};

/// What every file of an archive begins with.
pub(super) const LABEL: &[u8] = b"window.YTD.";
/// The files of an archive that hold tweets, by the name in their label.
const TWEETS: [&str; 3] = ["tweets", "tweet", "community_tweet"];
/// The file with the author.
const ACCOUNT: &str = "account.js";
/// Maximum size of what is read of that file, in bytes.
const MAX_ACCOUNT_BYTES: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Entry {
    account: Account,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    username: String,
    account_display_name: Option<String>,
}

/// Checks that the file of an archive holds tweets.
///
/// # Errors
/// [`FileError::Usage`] names what the file holds.
pub(super) fn check_label(buffer: &mut Buffer, file: &str) -> Result<(), FileError> {
    let ahead = buffer.ahead(LABEL.len().saturating_add(64));
    let label = ahead.strip_prefix(LABEL).unwrap_or_default();
    let end = label
        .iter()
        .position(|byte| matches!(byte, b'.' | b' ' | b'='));
    let name = String::from_utf8_lossy(label.get(..end.unwrap_or(0)).unwrap_or_default());
    if TWEETS.contains(&name.as_ref()) {
        return Ok(());
    }
    Err(FileError::Usage(format!(
        "{file} is the file {name:?} of an X archive, which holds no tweets; give tweets.js"
    )))
}

/// The author of an archive: from `account.js` beside the file, else as given.
///
/// # Errors
/// [`FileError::Usage`] when neither names one.
pub(super) fn author(input: &FileInput, options: &FileOptions) -> Result<ArchiveAuthor, FileError> {
    let beside = match input {
        FileInput::Path(path) => author_in(&path.with_file_name(ACCOUNT)),
        FileInput::Stdin => None,
    };
    beside.or_else(|| given(options)).ok_or_else(|| {
        FileError::Usage(format!(
            "{} is of an X archive, whose tweets name no author, and no {ACCOUNT} beside it names \
            one; give --author HANDLE",
            input.name()
        ))
    })
}

/// The author that the user gave.
pub(super) fn given(options: &FileOptions) -> Option<ArchiveAuthor> {
    let handle = options.author.clone()?;
    Some(ArchiveAuthor { handle, name: None })
}

fn author_in(path: &Path) -> Option<ArchiveAuthor> {
    let file = File::open(path).ok()?;
    let mut buffer = Buffer::new(Box::new(file.take(MAX_ACCOUNT_BYTES)));
    if buffer.ahead(3).starts_with(b"\xef\xbb\xbf") {
        buffer.consume(3);
    }
    let element = ArrayElements::default().next(&mut buffer)?;
    let entry: Entry = serde_json::from_slice(&element.bytes).ok()?;
    let handle = entry.account.username;
    (!handle.is_empty()).then_some(ArchiveAuthor {
        handle,
        name: entry.account.account_display_name,
    })
}
