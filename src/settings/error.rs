//! The errors of settings.

use std::path::PathBuf;

use super::{ContextError, SettingSource};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("the settings file {path} cannot be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("the settings file {path} is not TOML: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The location in the file, and the error.
        #[source]
        source: toml::de::Error,
    },
    /// The key does not exist.
    #[error("unknown setting {key:?} (from {from}); {suggestion}")]
    Unknown {
        /// The key as given.
        key: String,
        /// The source of the key.
        from: SettingSource,
        /// The nearest key, or how to list all keys.
        suggestion: String,
    },
    /// The value does not fit the key.
    #[error("the setting {key} is {found} (from {from}); it must be {right}")]
    Invalid {
        /// The key.
        key: String,
        /// The value as given.
        found: String,
        /// The source of the value.
        from: SettingSource,
        /// The values that the key accepts.
        right: String,
    },
    /// A flag sets a secret, which other users of the machine could read in the list of processes.
    #[error(
        "{key} is a secret and cannot be given on the command line; set {variable}, or name a file \
        that only you can read"
    )]
    SecretFlag {
        /// The key.
        key: String,
        /// The environment variable that sets the key.
        variable: String,
    },
    /// A context of the `nats` command cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A flag or variable is not written like a setting.
    #[error("{name} is not of the form {form}")]
    Form {
        /// The flag or variable.
        name: String,
        /// The form that the flag or variable should have.
        form: &'static str,
    },
}
