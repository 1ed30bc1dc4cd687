//! The settings that were given on the command line, in the environment and in a file.

use std::path::PathBuf;

use super::{DEFAULTS, Layers, SettingsError};

/// The settings given on the command line.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Flags: name, key, and value as written.
    pub flags: Vec<(String, String, String)>,
}

/// The variables of the environment whose names begin with `TIDINGS_`.
///
/// # Errors
/// [`SettingsError::Form`] when one of them is not UTF-8.
pub fn variables() -> Result<Vec<(String, String)>, SettingsError> {
    std::env::vars_os()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(b"TIDINGS_"))
        .map(
            |(name, value)| match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                (Ok(name), Err(_)) => Err(SettingsError::Form {
                    name,
                    form: "NAME=VALUE in UTF-8",
                }),
                (Err(name), _) => Err(SettingsError::Form {
                    name: name.to_string_lossy().into_owned(),
                    form: "NAME=VALUE in UTF-8",
                }),
            },
        )
        .collect()
}

/// Merges the defaults, the file, the variables and the flags.
///
/// # Errors
/// [`SettingsError`], which names the wrong key and the source of its value.
pub fn layers(
    given: &Given,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Layers, SettingsError> {
    let mut layers = Layers::of_defaults(DEFAULTS)?;
    if let Some(path) = &given.file {
        layers.lay_file(path)?;
    }
    layers.lay_variables(variables)?;
    for (flag, key, text) in &given.flags {
        layers.lay_flag(flag, key, text)?;
    }
    Ok(layers)
}
