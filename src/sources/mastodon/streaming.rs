//! Streams of a Mastodon server: where they are, and the connection of one.
//!
//! A server can have its streams at another address than its pages. That address is a setting, or
//! comes from the server's description of itself, which is asked once, and again after a stream
//! could not be reached there.

use async_trait::async_trait;
use reqwest::{Response, Url};

use super::MastodonSource;
use super::api::{Api, Parameters};
use super::mapping::Mapping;
use super::sse::EventDecoder;
use crate::events::Clock;
use crate::settings::MastodonStream;
use crate::sources::{Arrival, ConnectError, Connection, ConnectionEnd, StreamName, web};

/// The beginning of the name of a stream of one hashtag.
const HASHTAG: &str = "hashtag:";

impl MastodonSource {
    /// The streams of the setting: one, or one for each hashtag of the keywords.
    pub(super) fn streams(&self, tags: Vec<String>) -> Vec<StreamName> {
        let name = match self.settings.stream {
            MastodonStream::Public => "public",
            MastodonStream::Local => "public:local",
            MastodonStream::Remote => "public:remote",
            MastodonStream::Hashtag => {
                let names = tags.into_iter().map(|tag| format!("{HASHTAG}{tag}"));
                return names.map(StreamName).collect();
            }
        };
        vec![StreamName(name.to_owned())]
    }

    pub(super) async fn open_stream(
        &self,
        stream: &StreamName,
    ) -> Result<MastodonConnection, ConnectError> {
        let (path, parameters) = address(stream)?;
        let path: Vec<&str> = ["api", "v1", "streaming"].into_iter().chain(path).collect();
        let api = self.streaming_api().await?;
        let opened = web::open(api.get(&path, &parameters), "streaming", &self.requests).await;
        let is_elsewhere = matches!(
            opened,
            Err(ConnectError::Network(_) | ConnectError::Status { status: 404, .. })
        );
        if is_elsewhere {
            *self.streaming.lock() = None;
        }
        Ok(MastodonConnection {
            response: opened?,
            decoder: EventDecoder::default(),
            mapping: self.mapping.clone(),
            clock: self.clock.clone(),
        })
    }

    async fn streaming_api(&self) -> Result<Api, ConnectError> {
        if let Some(known) = self.streaming.lock().clone() {
            return Ok(known);
        }
        let insecure = self.settings.insecure;
        let url = match &self.settings.streaming_url {
            Some(url) => web::check_url("sources.mastodon.streaming_url", url, insecure)?,
            None => match self.announced_streaming_url().await? {
                Some(url) => {
                    let setting = "the streaming address that sources.mastodon.url announces";
                    web::check_url(setting, &url, insecure)?
                }
                None => self.base.clone(),
            },
        };
        let api = Api::new(with_http(url)?, self.token.clone())?;
        *self.streaming.lock() = Some(api.clone());
        Ok(api)
    }

    /// The address of streams in the server's description of itself; `None` when the description
    /// does not have it, so that streams are at the server's own address.
    async fn announced_streaming_url(&self) -> Result<Option<String>, ConnectError> {
        let request = self.api.get(&["api", "v2", "instance"], &[]);
        let answer = web::ask(request, "instance", &self.requests).await?;
        match answer.status {
            200 => {}
            404 | 410 => return Ok(None),
            _ => return Err(web::refusal(&answer)),
        }
        let description: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|error| ConnectError::Form(format!("/api/v2/instance: {error}")))?;
        let url = description.pointer("/configuration/urls/streaming");
        let url = url.and_then(serde_json::Value::as_str).map(str::trim);
        Ok(url.filter(|url| !url.is_empty()).map(str::to_owned))
    }
}

/// The path below `/api/v1/streaming` and the parameters of a stream.
fn address(stream: &StreamName) -> Result<(Vec<&str>, Parameters), ConnectError> {
    let name = stream.0.as_str();
    Ok(match (name, name.strip_prefix(HASHTAG)) {
        ("public", _) => (vec!["public"], Vec::new()),
        ("public:local", _) => (vec!["public", "local"], Vec::new()),
        ("public:remote", _) => (vec!["public", "remote"], Vec::new()),
        (_, Some(tag)) => (vec!["hashtag"], vec![("tag".to_owned(), tag.to_owned())]),
        _ => return Err(ConnectError::Unusable(format!("no stream {name:?}"))),
    })
}

/// The address of a stream of events in place of that of a WebSocket.
fn with_http(mut url: Url) -> Result<Url, ConnectError> {
    let scheme = match url.scheme() {
        "wss" | "https" => "https",
        "ws" | "http" => "http",
        other => {
            let reason = format!("streams are at {url}, and {other}: is not known");
            return Err(ConnectError::Form(reason));
        }
    };
    // Changing one of these schemes to another one is always possible.
    let _ = url.set_scheme(scheme);
    Ok(url)
}

/// An open stream.
pub(super) struct MastodonConnection {
    response: Response,
    decoder: EventDecoder,
    mapping: Mapping,
    clock: Clock,
}

#[async_trait]
impl Connection for MastodonConnection {
    async fn next(&mut self) -> Result<Arrival, ConnectionEnd> {
        let chunk = match self.response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Err(ConnectionEnd::Closed),
            Err(error) => return Err(ConnectionEnd::Failed(web::network(&error).to_string())),
        };
        let events = self.decoder.decode(&chunk);
        if events.is_empty() {
            return Ok(Arrival::KeepAlive);
        }
        let arrival = self.clock.now();
        let records = events.into_iter();
        let records = records.map(|event| self.mapping.event(event, arrival));
        Ok(Arrival::Records(records.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_a_web_socket_becomes_one_of_http() {
        for (given, used) in [
            ("wss://stream.m.example", Some("https://stream.m.example/")),
            ("ws://127.0.0.1:7/a", Some("http://127.0.0.1:7/a")),
            ("https://m.example/", Some("https://m.example/")),
            ("ftp://m.example/", None),
        ] {
            let url = with_http(Url::parse(given).unwrap()).ok();
            assert_eq!(url.as_ref().map(Url::as_str), used, "{given}");
        }
    }
}
