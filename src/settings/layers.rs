//! The layers of settings, merged key by key.
//!
//! The default layer has every key with a value of the right type. An unknown key in a later layer
//! is an error that suggests the nearest key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Value;

use super::SettingsError;
use super::file::{flatten, parse, read};
use super::secret::may_be_a_flag;

/// The prefix of environment variables that are settings.
const VARIABLE_PREFIX: &str = "TIDINGS_";

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingSource {
    /// `config/default.toml`, part of the binary.
    Default,
    /// The file given with `--config`.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value and its source.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingEntry {
    /// The value in force.
    pub value: Value,
    /// The source of the value.
    pub source: SettingSource,
}

/// Every key, dotted (`commit.events`), with the value in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers(BTreeMap<String, SettingEntry>);

impl Layers {
    /// The default layer.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`] when the text is not TOML.
    pub(super) fn of_defaults(text: &str) -> Result<Self, SettingsError> {
        let table = parse(text, Path::new("config/default.toml"))?;
        let entries = flatten(table).into_iter().map(|(key, value)| {
            let source = SettingSource::Default;
            (key, SettingEntry { value, source })
        });
        Ok(Self(entries.collect()))
    }

    /// All entries in the order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &SettingEntry)> {
        self.0.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// True when the value of `key` does not come from the defaults.
    pub fn is_given(&self, key: &str) -> bool {
        self.0
            .get(key)
            .is_some_and(|entry| entry.source != SettingSource::Default)
    }

    /// The source of the value of `key`.
    pub fn source(&self, key: &str) -> SettingSource {
        self.0
            .get(key)
            .map_or(SettingSource::Default, |entry| entry.source.clone())
    }

    pub(super) fn lay_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = read(path).map_err(|source| SettingsError::File {
            path: path.to_owned(),
            source,
        })?;
        for (key, value) in flatten(parse(&text, path)?) {
            self.put(&key, value, SettingSource::File(path.to_owned()))?;
        }
        Ok(())
    }

    /// Puts variables over the layers so far. Variables without the prefix are skipped.
    pub(super) fn lay_variables(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), SettingsError> {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else {
                continue;
            };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            self.put_text(&key, &text, SettingSource::Variable(name.clone()))?;
        }
        Ok(())
    }

    pub(super) fn lay_flag(
        &mut self,
        flag: &str,
        key: &str,
        text: &str,
    ) -> Result<(), SettingsError> {
        if !may_be_a_flag(key) {
            return Err(SettingsError::SecretFlag {
                key: key.to_owned(),
                variable: variable_of(key),
            });
        }
        self.put_text(key, text, SettingSource::Flag(flag.to_owned()))
    }

    fn put(&mut self, key: &str, value: Value, source: SettingSource) -> Result<(), SettingsError> {
        let Some(entry) = self.0.get_mut(key) else {
            return Err(self.unknown(key, source));
        };
        *entry = SettingEntry { value, source };
        Ok(())
    }

    /// Sets a value written without TOML quotes; it is parsed as the type of the default.
    fn put_text(
        &mut self,
        key: &str,
        text: &str,
        source: SettingSource,
    ) -> Result<(), SettingsError> {
        let value = match self.0.get(key).map(|entry| &entry.value) {
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Integer(_)) => text.replace('_', "").parse().ok().map(Value::Integer),
            Some(Value::Float(_)) => text.parse().ok().map(Value::Float),
            Some(Value::Array(_)) => Some(Value::Array(
                text.split(',')
                    .map(|item| Value::String(item.trim().to_owned()))
                    .filter(|item| item.as_str() != Some(""))
                    .collect(),
            )),
            _ => None,
        };
        self.put(
            key,
            value.unwrap_or_else(|| Value::String(text.to_owned())),
            source,
        )
    }

    fn unknown(&self, key: &str, source: SettingSource) -> SettingsError {
        let nearest = self
            .0
            .keys()
            .min_by_key(|known| strsim::damerau_levenshtein(known, key))
            .filter(|known| strsim::damerau_levenshtein(known, key) <= known.len() / 2);
        let suggestion = match (nearest, &source) {
            (None, _) => "`tidings config show` lists all settings".to_owned(),
            (Some(known), SettingSource::Variable(_)) => {
                format!("did you mean {}?", variable_of(known))
            }
            (Some(known), _) => format!("did you mean {known:?}?"),
        };
        SettingsError::Unknown {
            key: key.to_owned(),
            from: source,
            suggestion,
        }
    }

    pub(super) fn entry(&self, key: &str) -> Result<&SettingEntry, SettingsError> {
        self.0
            .get(key)
            .ok_or_else(|| self.unknown(key, SettingSource::Default))
    }
}

/// The environment variable that sets a key.
fn variable_of(key: &str) -> String {
    let name = key.replace('.', "__").to_ascii_uppercase();
    format!("{VARIABLE_PREFIX}{name}")
}
