//! Typed values of keys. An error names the key, its value, the source of the value, and the values
//! that the key accepts.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use toml::Value;

use super::secret::is_secret;
use super::{Layers, SettingsError};

impl Layers {
    fn take<'a, T>(
        &'a self,
        key: &str,
        right: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, SettingsError> {
        let entry = self.entry(key)?;
        read(&entry.value).ok_or_else(|| SettingsError::Invalid {
            key: key.to_owned(),
            found: if is_secret(key) {
                "a secret of another form".to_owned()
            } else {
                entry.value.to_string()
            },
            from: entry.source.clone(),
            right: right.to_owned(),
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<&str, SettingsError> {
        self.take(key, "a text", Value::as_str)
    }

    /// A text that `read` accepts.
    pub(super) fn checked_text<T>(
        &self,
        key: &str,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        self.take(key, right, |value| read(value.as_str()?))
    }

    /// A decimal number from 0 to a million, in millionths.
    pub(super) fn millionths(&self, key: &str) -> Result<u64, SettingsError> {
        self.take(key, "a number from 0 to 1000000", |value| {
            let text = match value {
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                _ => return None,
            };
            millionths_of(&text).filter(|number| *number <= 1_000_000_000_000)
        })
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

/// A decimal such as `0.005` in millionths; digits beyond are cut off.
fn millionths_of(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("000000".chars()).take(6).collect();
    let whole: u64 = whole.parse().ok()?;
    whole
        .checked_mul(1_000_000)?
        .checked_add(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::millionths_of;

    #[test]
    fn decimals_are_read_in_millionths() {
        for (text, millionths) in [
            ("0.005", Some(5_000)),
            ("0", Some(0)),
            ("12.5", Some(12_500_000)),
            ("0.0000019", Some(1)),
            ("-1", None),
            ("1e3", None),
            ("NaN", None),
        ] {
            assert_eq!(millionths_of(text), millionths, "{text}");
        }
    }
}
