//! Errors of starting, stopping and running the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::data_folder::DataFolderError;
use crate::actors::engine::{ShutdownError, StartError};
use crate::actors::live::LiveStartError;
use crate::http::{HostsError, NoDashboard};
use crate::journal::JournalError;
use crate::settings::SettingsError;
use crate::sources::CollectorsStartError;

/// Why the server cannot start or stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// An invalid setting of HTTP.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// The folder of the setting `http.ui_dir` holds no dashboard.
    #[error(transparent)]
    Dashboard(#[from] NoDashboard),
    /// An invalid setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The data folder holds an unfinished import of a journal.
    #[error(
        "an import into {} is unfinished; finish it with `tidings journal import FILE`, or remove \
        {} to use the records that were imported",
        folder.display(),
        state.display()
    )]
    UnfinishedImport {
        /// The data folder.
        folder: PathBuf,
        /// The file that records the unfinished import.
        state: PathBuf,
    },
    /// The address cannot be bound.
    #[error(
        "{address} cannot be listened on; choose another address with the setting {setting}, port \
        0 for any free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The setting that gives the address.
        setting: &'static str,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The supervisor of the collectors cannot be started.
    #[error(transparent)]
    Collectors(#[from] CollectorsStartError),
    /// The engine cannot be started.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// Live cannot be started.
    #[error(transparent)]
    Live(#[from] LiveStartError),
    /// HTTP cannot be served.
    #[error("HTTP cannot be served")]
    Serve(#[source] std::io::Error),
    /// A part was not closed cleanly.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// A task panicked or was cancelled.
    #[error(transparent)]
    TaskEnded(#[from] tokio::task::JoinError),
}

impl AppError {
    /// True when the cause is the command line or a settings file.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Hosts(_) | Self::Settings(_))
    }
}

/// The part whose end makes the process exit: nothing in the process restarts it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FatalEnd {
    /// The engine has ended; nothing is folded.
    #[error("the engine has ended, so nothing is folded any more: {0}")]
    Engine(String),
    /// Live has ended; no live client is served.
    #[error("the live actor has ended, so no live client is served any more: {0}")]
    Live(String),
}
