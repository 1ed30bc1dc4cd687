//! The layers of settings, merged key by key.
//!
//! The default layer has every key with a value of the right type. An unknown key in a later layer
//! is an error that suggests the nearest key.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::SettingsError;

/// The prefix of environment variables that are settings.
const VARIABLE_PREFIX: &str = "TIDINGS_";

/// Size limit of a settings file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

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

    /// Puts variables over the other layers. Variables without the prefix are skipped.
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
    fn put_text(&mut self, key: &str, text: &str, source: SettingSource) -> Result<(), SettingsError> {
        let value = match self.0.get(key).map(|entry| &entry.value) {
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Integer(_)) => text.replace('_', "").parse().ok().map(Value::Integer),
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
                let name = known.replace('.', "__").to_ascii_uppercase();
                format!("did you mean {VARIABLE_PREFIX}{name}?")
            }
            (Some(known), _) => format!("did you mean {known:?}?"),
        };
        SettingsError::Unknown {
            key: key.to_owned(),
            from: source,
            suggestion,
        }
    }

    fn entry(&self, key: &str) -> Result<&SettingEntry, SettingsError> {
        self.0
            .get(key)
            .ok_or_else(|| self.unknown(key, SettingSource::Default))
    }

    fn take<'a, T>(
        &'a self,
        key: &str,
        right: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, SettingsError> {
        let entry = self.entry(key)?;
        read(&entry.value).ok_or_else(|| SettingsError::Invalid {
            key: key.to_owned(),
            found: entry.value.to_string(),
            from: entry.source.clone(),
            right: right.to_owned(),
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<&str, SettingsError> {
        self.take(key, "a text", Value::as_str)
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, SettingsError> {
        self.take(key, "a list of texts", |value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// A list of at most `max` texts that are not blank and have at most `max_characters`.
    pub(super) fn words(
        &self,
        key: &str,
        max: usize,
        max_characters: usize,
    ) -> Result<Vec<String>, SettingsError> {
        let right = format!("a list of at most {max} texts of 1 to {max_characters} characters");
        let is_word = |text: &str| {
            let is_blank = text.chars().all(char::is_whitespace);
            !is_blank && text.chars().count() <= max_characters
        };
        self.take(key, &right, |value| {
            let items = value.as_array().filter(|items| items.len() <= max)?.iter();
            let texts = items.map(|item| item.as_str().filter(|text| is_word(text)));
            texts.map(|text| text.map(str::to_owned)).collect()
        })
    }

    pub(super) fn switch(&self, key: &str) -> Result<bool, SettingsError> {
        self.take(key, "true or false", Value::as_bool)
    }

    pub(super) fn whole(
        &self,
        key: &str,
        allowed: RangeInclusive<u64>,
    ) -> Result<u64, SettingsError> {
        let right = format!(
            "a whole number from {} to {}",
            allowed.start(),
            allowed.end()
        );
        self.take(key, &right, |value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            allowed.contains(&number).then_some(number)
        })
    }

    pub(super) fn address(&self, key: &str) -> Result<SocketAddr, SettingsError> {
        self.take(
            key,
            "an IP address and a port, such as \"127.0.0.1:4820\"",
            |value| value.as_str()?.parse().ok(),
        )
    }

    pub(super) fn optional_address(&self, key: &str) -> Result<Option<SocketAddr>, SettingsError> {
        if self.text(key)?.is_empty() {
            return Ok(None);
        }
        self.address(key).map(Some)
    }

    /// The text of a key; `None` when it is empty.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&str>, SettingsError> {
        Ok(Some(self.text(key)?).filter(|text| !text.is_empty()))
    }

    /// The value of a key that accepts a fixed set of words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<T, SettingsError> {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.take(key, &names.join(" or "), |value| {
            let text = value.as_str()?;
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, meaning)| *meaning)
        })
    }
}

/// Reads a settings file of at most [`MAX_FILE_BYTES`], which may be a pipe.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES.saturating_add(1))
        .read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        let what = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::other(what));
    }
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Table, SettingsError> {
    text.parse().map_err(|source| SettingsError::Syntax {
        path: path.to_owned(),
        source,
    })
}

/// Turns tables into dotted keys. An empty table is kept as a key, so that an unknown section is
/// found.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                let inner = flatten(inner).into_iter();
                flat.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => flat.push((key, value)),
        }
    }
    flat
}
