//! Tests of the source against servers on the loopback, and golden samples.

mod golden;
mod streams;
mod stub;
mod timelines;

use std::time::Duration;

use super::MastodonSource;
use crate::events::{Clock, Timestamp};
use crate::settings::{MastodonSettings, MastodonStream, SecretText};
use crate::sources::{ConnectError, Requests};

const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

/// Installs the cryptography provider of TLS, as `main` does.
pub fn install_tls() {
    // The only error is that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn settings(url: &str) -> MastodonSettings {
    install_tls();
    MastodonSettings {
        enabled: false,
        url: Some(url.to_owned()),
        insecure: false,
        token: Some(SecretText::new("t0ken")),
        token_file: None,
        stream: MastodonStream::Public,
        streaming_url: None,
        stall: Duration::from_secs(35),
        overlap: Duration::from_secs(600),
        refresh: Duration::ZERO,
    }
}

fn built(change: impl FnOnce(&mut MastodonSettings)) -> Result<MastodonSource, ConnectError> {
    let mut settings = settings("https://M.Example:8443");
    change(&mut settings);
    MastodonSource::new(settings, Clock::of(|| NOW), Requests::default())
}

/// A status with the least members.
fn status(id: u64, at: Timestamp, text: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id.to_string(), "created_at": at.to_string(), "content": format!("<p>{text}</p>"),
        "account": {"acct": "a"},
    })
}

#[test]
fn source_without_a_usable_setting_is_refused_with_its_name() {
    let refusal = |change: fn(&mut MastodonSettings)| built(change).unwrap_err().to_string();
    for (reason, named) in [
        (
            refusal(|settings| settings.url = None),
            "sources.mastodon.url is not set",
        ),
        (
            refusal(|settings| settings.url = Some("http://m.example".to_owned())),
            "sources.mastodon.url is \"http://m.example\"",
        ),
        (
            refusal(|settings| settings.streaming_url = Some("ws://m.example".to_owned())),
            "sources.mastodon.streaming_url is \"ws://m.example\"",
        ),
        (
            refusal(|settings| settings.url = Some(format!("https://{}", "a.".repeat(51)))),
            "a host of 102 characters",
        ),
        (
            refusal(|settings| {
                settings.token = None;
                settings.token_file = Some("/nonexistent/token".into());
            }),
            "/nonexistent/token",
        ),
    ] {
        assert!(reason.contains(named), "{reason}");
    }
    assert!(
        built(|settings| {
            settings.insecure = true;
            settings.url = Some("http://m.example".to_owned());
        })
        .is_ok()
    );
}

#[test]
fn description_of_a_source_shows_no_secret() {
    let source = built(|_| {}).unwrap();
    assert!(!format!("{source:?}").contains("t0ken"));
}
