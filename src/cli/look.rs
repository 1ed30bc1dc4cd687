//! The journal and the views for commands that also work on a data folder that cannot be written,
//! as on a file system that went read-only.
//!
//! `journal ls|tail|export` and `rejected ls|show` read the journal and change nothing. `views ls`
//! changes nothing either: it reads a copy of the views, because sled writes to a store that it
//! opens. `views digest` continues the fold of the views, and `views verify` folds a second store
//! to compare them with; both take a copy only if the data folder cannot be written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::sync::watch;

use super::Invocation;
use super::output::plain;
use crate::app::{DataFolder, DataFolderError, open_journal, read_jetstream, read_journal};
use crate::events::{Incarnation, Record, RecordHash, Sequence, ShardCount};
use crate::journal::{
    Appended, Durability, EmbeddedJournal, Journal, JournalError, JournalHandle, JournalReader,
    RejectedEntry, RejectedLog, RejectedPage, Selection,
};
use crate::settings::Settings;
use crate::store::ViewsFolder;

/// Number of bytes of a file that are copied at a time.
const COPIED_BYTES: usize = 1 << 20;

/// A journal that is only read.
#[derive(Debug)]
pub(super) struct JournalLook {
    pub(super) journal: JournalHandle,
    /// Keeps the folder locked while the journal is read. A journal in NATS needs no lock.
    _folder: Option<DataFolder>,
}

/// Locks the data folder; a folder that cannot be written is locked for reading.
pub(super) fn data_folder(invocation: &Invocation) -> Result<DataFolder, DataFolderError> {
    DataFolder::look(&invocation.settings.data, |note| {
        invocation.output.note(&plain(note));
    })
}

/// Opens the journal of the settings for reading.
pub(super) async fn journal(invocation: &Invocation) -> anyhow::Result<JournalLook> {
    if let Some(nats) = &invocation.settings.nats {
        return Ok(JournalLook {
            journal: read_jetstream(nats).await?,
            _folder: None,
        });
    }
    let folder = data_folder(invocation)?;
    Ok(JournalLook {
        journal: Arc::new(read_journal(&folder).await?),
        _folder: Some(folder),
    })
}

/// A data folder with its journal and views, or a copy of the views.
#[derive(Debug)]
pub(super) struct ViewsLook {
    pub(super) journal: JournalHandle,
    folder: DataFolder,
    /// The copy of the views, if there is one. Removed when dropped.
    copy: Option<ViewsCopy>,
}

impl ViewsLook {
    /// Opens the journal and the views of a data folder; of a folder that cannot be written, a copy
    /// of the views, and the embedded journal for reading only.
    pub(super) async fn open(folder: DataFolder, settings: &Settings) -> anyhow::Result<Self> {
        let copy = if folder.is_writable() {
            None
        } else {
            Some(copy_of_views(&folder).await?)
        };
        let journal: JournalHandle = if copy.is_some() && settings.nats.is_none() {
            Arc::new(OnlyRead(read_journal(&folder).await?))
        } else {
            open_journal(settings, &folder).await?
        };
        Ok(Self {
            journal,
            folder,
            copy,
        })
    }

    /// Opens the journal for reading, and a copy of the views: nothing in the data folder or in
    /// NATS changes.
    pub(super) async fn of_copy(folder: DataFolder, settings: &Settings) -> anyhow::Result<Self> {
        let journal = match &settings.nats {
            Some(nats) => read_jetstream(nats).await?,
            None => Arc::new(read_journal(&folder).await?),
        };
        let copy = Some(copy_of_views(&folder).await?);
        Ok(Self {
            journal,
            folder,
            copy,
        })
    }

    /// The folder that holds the views.
    pub(super) fn data(&self) -> &Path {
        match &self.copy {
            Some(copy) => &copy.0,
            None => self.folder.path(),
        }
    }
}

/// The folder of a copy of the views. Removed when dropped.
#[derive(Debug)]
struct ViewsCopy(PathBuf);

impl ViewsCopy {
    /// Maximum number of attempts to remove the folder of the copy.
    const TRIES: u32 = 100;
    /// Pause between two attempts to remove the folder.
    const PAUSE: Duration = Duration::from_millis(20);
}

impl Drop for ViewsCopy {
    fn drop(&mut self) {
        // When copying is interrupted, a file that is just being created can appear in the folder
        // while it is removed.
        let mut tries = 1;
        loop {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, folder = %self.0.display(), "a copy of the views is left");
                    return;
                }
                Ok(()) | Err(_) => return,
            }
            if tries == Self::TRIES {
                tracing::warn!(folder = %self.0.display(), "a copy of the views is left");
                return;
            }
            tries += 1;
            std::thread::sleep(Self::PAUSE);
        }
    }
}

/// Copies the views, and the small files about them in the data folder. The copy is made beside the
/// data folder, where there is mostly enough space. If the data folder cannot be written, or the
/// copy beside it fails, the copy is made in the folder for temporary files.
async fn copy_of_views(folder: &DataFolder) -> anyhow::Result<ViewsCopy> {
    let data = folder.path();
    if folder.is_writable()
        && let Some(parent) = data.canonicalize()?.parent()
        && let Ok(copy) = copy_into(parent, data).await
    {
        return Ok(copy);
    }
    let temporary = std::env::temp_dir();
    copy_into(&temporary, data).await.with_context(|| {
        format!(
            "the views of {} cannot be copied to {} to be read there; name another folder for the \
            copy with TMPDIR",
            data.display(),
            temporary.display()
        )
    })
}

/// Copies the views into a new folder in `folder`. Removes the new folder if that fails.
async fn copy_into(folder: &Path, data: &Path) -> io::Result<ViewsCopy> {
    let folder = tempfile::Builder::new()
        .prefix("tidings-views-")
        .tempdir_in(folder)?;
    let copy = ViewsCopy(folder.keep());
    let unread = ViewsFolder::of(data).unread();
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        let (name, from) = (entry.file_name(), entry.path());
        let is_needed = name == "views" || (from.is_file() && name != "lock");
        if is_needed {
            copy_all(from, copy.0.join(name), &unread).await?;
        }
    }
    Ok(copy)
}

/// Copies a file, or a folder without the paths `skipped`. May be dropped at any time.
async fn copy_all(from: PathBuf, to: PathBuf, skipped: &[PathBuf]) -> io::Result<()> {
    let mut left = vec![(from, to)];
    while let Some((from, to)) = left.pop() {
        if skipped.contains(&from) {
            continue;
        }
        if !from.is_dir() {
            copy_file(&from, &to).await?;
            continue;
        }
        std::fs::create_dir(&to)?;
        for entry in std::fs::read_dir(&from)? {
            let entry = entry?;
            left.push((entry.path(), to.join(entry.file_name())));
        }
    }
    Ok(())
}

/// Copies a file without its permissions, since the copy is written to.
async fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(COPIED_BYTES, File::open(from).await?);
    let mut to = File::create(to).await?;
    tokio::io::copy_buf(&mut from, &mut to).await?;
    to.flush().await
}

/// A journal that cannot be written. A fold of it writes nothing to its rejected log.
#[derive(Debug)]
struct OnlyRead(EmbeddedJournal);

#[async_trait]
impl Journal for OnlyRead {
    fn incarnation(&self) -> Incarnation {
        self.0.incarnation()
    }

    fn shards(&self) -> ShardCount {
        self.0.shards()
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }

    fn normal_form(&self) -> u16 {
        self.0.normal_form()
    }

    fn first(&self) -> Sequence {
        self.0.first()
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.0.head()
    }

    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        self.0.append(records).await
    }

    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        self.0.read(after, selection).await
    }

    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        self.0.hash_at(sequence).await
    }

    fn rejected(&self) -> Arc<dyn RejectedLog> {
        Arc::new(OnlyReadRejectedLog(self.0.rejected()))
    }

    async fn close(&self) -> Result<(), JournalError> {
        self.0.close().await
    }
}

#[derive(Debug)]
struct OnlyReadRejectedLog(Arc<dyn RejectedLog>);

#[async_trait]
impl RejectedLog for OnlyReadRejectedLog {
    /// Writes nothing: a server folds the same records again, and writes their entries then.
    async fn append(&self, _: Vec<RejectedEntry>) -> Result<u64, JournalError> {
        Ok(0)
    }

    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError> {
        self.0.page(after).await
    }
}
