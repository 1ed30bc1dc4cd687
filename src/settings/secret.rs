//! Secrets: settings that are never shown, and never given on the command line, where other users
//! of the machine could read them.

/// The keys whose values are secrets.
pub(super) const SECRET_KEYS: &[&str] = &[
    "nats.token",
    "sources.bluesky.password",
    "sources.mastodon.token",
    "sources.x.token",
];

/// Secret keys that a flag may set nevertheless.
const ALLOWED_AS_FLAGS: &[&str] = &["nats.token"];

/// A text that is never displayed or logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// True when the value of `key` must not be shown.
pub fn is_secret(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

/// True when a flag may set `key`.
pub(super) fn may_be_a_flag(key: &str) -> bool {
    !is_secret(key) || ALLOWED_AS_FLAGS.contains(&key)
}
