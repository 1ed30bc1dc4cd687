//! [`Files`]: where the files of the dashboard are.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use include_dir::{Dir, include_dir};
use tokio::io::AsyncReadExt as _;

use super::{Encoding, PAGE};

/// Maximum size of a file that is served from a folder, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The build of `web/`, with each text also as `.br` and `.gz`.
static DIST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web/dist");

/// The files of the dashboard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Files {
    /// The files in the binary.
    #[default]
    Built,
    /// The files of another build, in this folder. Each request reads its file from the disk.
    Folder(PathBuf),
}

/// The folder in `http.ui_dir` has no readable page.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} cannot be read; http.ui_dir names a folder with a build of the dashboard, such as web/dist",
    page.display()
)]
pub struct NoDashboard {
    /// Path of the page that cannot be read.
    page: PathBuf,
    source: std::io::Error,
}

/// A file of the dashboard, in one encoding.
#[derive(Debug)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) encoding: Encoding,
    /// Whether the bytes are part of the binary.
    pub(super) is_static: bool,
}

impl Files {
    /// The files in this folder, or without a folder those in the binary.
    ///
    /// # Errors
    /// [`NoDashboard`] when the folder has no page.
    pub fn of(folder: Option<&Path>) -> Result<Self, NoDashboard> {
        let Some(folder) = folder else {
            return Ok(Self::Built);
        };
        let page = folder.join(PAGE);
        match std::fs::File::open(&page) {
            Ok(_) => Ok(Self::Folder(folder.to_owned())),
            Err(source) => Err(NoDashboard { page, source }),
        }
    }

    /// The file at this path, such as `assets/page.js`, in the first of these encodings in which
    /// the file exists. `None` when it exists in none of them.
    pub(super) async fn find(&self, path: &str, encodings: Vec<Encoding>) -> Option<File> {
        if !is_plain(path) {
            return None;
        }
        for encoding in encodings {
            let name = format!("{path}{}", encoding.ending());
            let found = match self {
                Self::Built => {
                    (DIST.get_file(&name)).map(|file| Bytes::from_static(file.contents()))
                }
                Self::Folder(folder) => read(&folder.join(name)).await,
            };
            if let Some(bytes) = found {
                return Some(File {
                    bytes,
                    encoding,
                    is_static: matches!(self, Self::Built),
                });
            }
        }
        None
    }
}

/// Whether a path stays below its folder, and does not name a compressed file.
fn is_plain(path: &str) -> bool {
    let is_below = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    is_below && !path.is_empty() && !path.ends_with(".br") && !path.ends_with(".gz")
}

async fn read(path: &Path) -> Option<Bytes> {
    let file = tokio::fs::File::open(path).await.ok()?;
    let is_file = file.metadata().await.ok()?.is_file();
    let mut bytes = Vec::new();
    let mut limited = file.take(MAX_FILE_BYTES + 1);
    if !is_file || limited.read_to_end(&mut bytes).await.is_err() {
        return None;
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    (length <= MAX_FILE_BYTES).then(|| Bytes::from(bytes))
}
