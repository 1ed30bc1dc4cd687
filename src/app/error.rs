//! Why the server cannot start, stop cleanly, or go on.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::data_folder::DataFolderError;
use crate::actors::engine::{ShutdownError, StartError};
use crate::actors::live::LiveStartError;
use crate::http::HostsError;
use crate::journal::JournalError;
use crate::settings::SettingsError;

/// Why the server cannot start or stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A setting of HTTP makes no sense.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The data folder holds a part of a journal that is being imported.
    #[error(
        "an import into {} was cut short; finish it with `tidings journal import FILE`, or remove \
        {} to go on with the part that is there",
        folder.display(),
        state.display()
    )]
    UnfinishedImport {
        /// The data folder.
        folder: PathBuf,
        /// The file that says so.
        state: PathBuf,
    },
    /// An address cannot be listened on.
    #[error(
        "{address} cannot be listened on; choose another address with the setting {setting}, port \
        0 for any free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine cannot be started.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// Nothing can be live.
    #[error(transparent)]
    Live(#[from] LiveStartError),
    /// HTTP cannot be served.
    #[error("HTTP cannot be served")]
    Serve(#[source] std::io::Error),
    /// Something was not closed cleanly.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// A task ended early.
    #[error(transparent)]
    TaskEnded(#[from] tokio::task::JoinError),
}

impl AppError {
    /// The command line or a settings file asks for something that makes no sense.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Hosts(_) | Self::Settings(_))
    }
}

/// Why the process has to end although nothing asked it to: a part has ended that nothing in the
/// process starts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FatalEnd {
    /// Nothing folds any more.
    #[error("the engine has ended, so nothing is folded any more: {0}")]
    Engine(String),
    /// No live client is served any more.
    #[error("the live actor has ended, so no live client is served any more: {0}")]
    Live(String),
}
