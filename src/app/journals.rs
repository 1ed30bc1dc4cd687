//! Opens the journal that the settings name.

use std::sync::Arc;

use super::data_folder::DataFolder;
use super::error::AppError;
use super::options::{embedded_options, jetstream_options};
use crate::journal::{EmbeddedJournal, JetStreamJournal, JournalHandle};
use crate::settings::{NatsSettings, Settings};

/// Opens the journal that the settings name: JetStream's, or the embedded one of a data folder. An
/// embedded journal is created if the folder has none.
///
/// # Errors
/// [`AppError`].
pub async fn open_journal(
    settings: &Settings,
    folder: &DataFolder,
) -> Result<JournalHandle, AppError> {
    if let Some(nats) = &settings.nats {
        let journal = JetStreamJournal::open(&jetstream_options(nats)?).await?;
        return Ok(Arc::new(journal));
    }
    let dir = folder.journal();
    let options = embedded_options(settings);
    let journal = tokio::task::spawn_blocking(move || EmbeddedJournal::open(&dir, &options));
    Ok(Arc::new(journal.await??))
}

/// Opens the journal in JetStream for reading, with any version of the normal form.
///
/// # Errors
/// [`AppError`].
pub async fn read_jetstream(nats: &NatsSettings) -> Result<JournalHandle, AppError> {
    let journal = JetStreamJournal::open_to_read(&jetstream_options(nats)?).await?;
    Ok(Arc::new(journal))
}

/// Opens the existing embedded journal of a data folder for reading.
///
/// # Errors
/// [`AppError`].
pub async fn read_journal(folder: &DataFolder) -> Result<EmbeddedJournal, AppError> {
    let dir = folder.journal();
    let journal = tokio::task::spawn_blocking(move || EmbeddedJournal::open_read_only(&dir));
    Ok(journal.await??)
}
