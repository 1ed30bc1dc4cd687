//! The journal and the views for commands that change nothing. They also work on a data folder that
//! cannot be written, as on a file system that went read-only.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use tempfile::TempDir;
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

/// A journal that is only read.
#[derive(Debug)]
pub(super) struct JournalLook {
    pub(super) journal: JournalHandle,
    /// Keeps the folder locked while the journal is read. A journal in NATS needs no lock.
    _folder: Option<DataFolder>,
}

/// Locks the data folder for a command that only reads it.
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

/// A data folder whose views are only read.
#[derive(Debug)]
pub(super) struct ViewsLook {
    pub(super) journal: JournalHandle,
    folder: DataFolder,
    /// A copy of the views, for a folder that cannot be or must not be written: sled writes when it
    /// opens a store. Removed when dropped.
    copy: Option<TempDir>,
}

impl ViewsLook {
    /// Opens the journal of a data folder for reading.
    pub(super) async fn open(folder: DataFolder, settings: &Settings) -> anyhow::Result<Self> {
        let copy = if folder.is_writable() {
            None
        } else {
            Some(copy_of_views(folder.path())?)
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
        let copy = Some(copy_of_views(folder.path())?);
        Ok(Self {
            journal,
            folder,
            copy,
        })
    }

    /// The folder that holds the views.
    pub(super) fn data(&self) -> &Path {
        match &self.copy {
            Some(copy) => copy.path(),
            None => self.folder.path(),
        }
    }
}

/// Entries of the views folder that are not copied: no command reads them.
const NOT_COPIED: [&str; 4] = ["old", "gone", "verify", "current.damaged"];

/// Copies what lies beside the journal in a data folder: the views and the small files about them.
fn copy_of_views(data: &Path) -> anyhow::Result<TempDir> {
    let copy = tempfile::Builder::new().prefix("tidings-views-").tempdir();
    let copied = copy.and_then(|copy| {
        for entry in std::fs::read_dir(data)? {
            let entry = entry?;
            let (name, from) = (entry.file_name(), entry.path());
            let is_needed = name == "views" || (from.is_file() && name != "lock");
            if is_needed {
                copy_all(&from, &copy.path().join(name), &NOT_COPIED)?;
            }
        }
        Ok(copy)
    });
    copied.with_context(|| {
        format!(
            "the views of {} cannot be copied to {} to be read there; name another folder for the \
            copy with TMPDIR",
            data.display(),
            std::env::temp_dir().display()
        )
    })
}

/// Copies a file, or a folder without its entries of the names `skipped`.
fn copy_all(from: &Path, to: &Path, skipped: &[&str]) -> std::io::Result<()> {
    if !from.is_dir() {
        let mut file = std::fs::File::create(to)?;
        // Without the permissions of the original, since the copy is written to.
        std::io::copy(&mut std::fs::File::open(from)?, &mut file)?;
        return Ok(());
    }
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !skipped.iter().any(|skipped| name == *skipped) {
            copy_all(&entry.path(), &to.join(name), &[])?;
        }
    }
    Ok(())
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
    /// Writes nothing: a server that can write folds the same records again.
    async fn append(&self, _: Vec<RejectedEntry>) -> Result<u64, JournalError> {
        Ok(0)
    }

    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError> {
        self.0.page(after).await
    }
}
