//! The handshake of a WebSocket (RFC 6455). The headers of a request go in. The response comes out,
//! and after it the bare connection.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;

use crate::http::client_stream::ClientStream;
use crate::http::problem::{Problem, shortened};

/// Length of a client's key, in bytes.
const KEY_BYTES: usize = 16;

/// The sub-protocol of this server.
pub(super) const PROTOCOL: &str = "tidings.v1";

/// The client's side of a handshake, checked.
#[derive(Debug)]
pub(super) struct Handshake {
    accept: String,
    names_protocol: bool,
}

impl Handshake {
    /// Reads the headers of a GET request.
    ///
    /// # Errors
    /// [`Problem::UpgradeRequired`] when the request is not a handshake of version 13.
    /// [`Problem::BadRequest`] when the key is malformed, or when the client offers sub-protocols
    /// and [`PROTOCOL`] is not among them.
    pub(super) fn read(version: Version, headers: &HeaderMap) -> Result<Self, Problem> {
        if version < Version::HTTP_11 {
            return Err(Problem::UpgradeRequired(
                "this is a WebSocket; ask in HTTP/1.1, since HTTP/1.0 has no upgrade",
            ));
        }
        let lists = |name: HeaderName, wanted: &str| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|item| item.trim().eq_ignore_ascii_case(wanted))
        };
        if !lists(header::CONNECTION, "upgrade") || !lists(header::UPGRADE, "websocket") {
            return Err(Problem::UpgradeRequired(
                "this is a WebSocket; ask with Connection: Upgrade and Upgrade: websocket",
            ));
        }
        if !lists(header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(Problem::UpgradeRequired(
                "the WebSocket version spoken here is 13; ask with Sec-WebSocket-Version: 13",
            ));
        }
        let key = key_of(headers)?;
        let offered: Vec<&HeaderValue> = headers
            .get_all(header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .collect();
        let names_protocol = !offered.is_empty();
        if names_protocol && !lists(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
            let first = offered.first().map(|value| value.as_bytes());
            let first = String::from_utf8_lossy(first.unwrap_or_default());
            return Err(Problem::BadRequest(format!(
                "the sub-protocol spoken here is {PROTOCOL}, not {:?}",
                shortened(&first)
            )));
        }
        Ok(Self {
            accept: derive_accept_key(key.as_bytes()),
            names_protocol,
        })
    }

    /// The server's answer: 101.
    pub(super) fn answer(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.names_protocol {
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(PROTOCOL),
            );
        }
        response
    }
}

/// The client's key: 16 bytes in base64.
fn key_of(headers: &HeaderMap) -> Result<&HeaderValue, Problem> {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let bad = |what: &str| Problem::BadRequest(format!("the header Sec-WebSocket-Key {what}"));
    match (keys.next(), keys.next()) {
        (None, _) => Err(bad("is missing")),
        (Some(_), Some(_)) => Err(bad("is there more than once")),
        (Some(key), None) => match STANDARD.decode(key.as_bytes()) {
            Ok(bytes) if bytes.len() == KEY_BYTES => Ok(key),
            _ => Err(bad("must be 16 bytes in base64")),
        },
    }
}

/// The answer to a request with another method than GET.
pub(super) fn not_get(method: &Method, path: &str) -> Response {
    let problem = Problem::MethodNotAllowed {
        method: shortened(method.as_str()),
        path: shortened(path),
    };
    ([(header::ALLOW, "GET")], problem).into_response()
}

/// The bare connection, and the bytes that the client has already sent on it. `None` when the
/// connection is not from this server's accept loop. `gone` is the time within which the session
/// notices that its client is gone.
pub(super) fn bare(upgraded: Upgraded, gone: Duration) -> Option<(TcpStream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<ClientStream>>().ok()?;
    let stream = parts.io.into_inner().into_bare(gone);
    Some((stream, parts.read_buf.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&'static str, &'static str)]) -> Result<Handshake, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        Handshake::read(Version::HTTP_11, &headers)
    }

    const WHOLE: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn key_is_answered_as_in_rfc_6455() {
        // The key and the answer are those of RFC 6455, section 1.3.
        let handshake = read(&WHOLE).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let answer = handshake.answer();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(!answer.headers().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn sub_protocol_is_picked_among_others() {
        let mut given = WHOLE.to_vec();
        given.push(("sec-websocket-protocol", "ticket.abc, tidings.v1"));
        let answer = read(&given).unwrap().answer();
        assert_eq!(answer.headers()["sec-websocket-protocol"], PROTOCOL);
    }

    #[test]
    fn key_is_sixteen_bytes_in_base64_once() {
        for bad in [
            "",
            "AAAA",
            "AQI=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZTE2Nw==",
            "dGhlIHNhbXBsZSBub25jZ-==",
            "the sample nonce",
        ] {
            let mut given = WHOLE;
            given[3].1 = bad;
            assert!(
                matches!(read(&given), Err(Problem::BadRequest(_))),
                "{bad:?}"
            );
        }
        let twice = [&WHOLE[..], &WHOLE[3..]].concat();
        assert!(matches!(read(&twice), Err(Problem::BadRequest(_))));
    }

    #[test]
    fn http_1_0_is_never_upgraded() {
        let headers = WHOLE.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        assert!(matches!(
            Handshake::read(Version::HTTP_10, &HeaderMap::from_iter(headers)),
            Err(Problem::UpgradeRequired(_))
        ));
    }

    #[test]
    fn incomplete_handshake_is_refused_with_what_is_missing() {
        for missing in 0..3 {
            let mut given = WHOLE.to_vec();
            given.remove(missing);
            assert!(matches!(read(&given), Err(Problem::UpgradeRequired(_))));
        }
        let mut given = WHOLE.to_vec();
        given.remove(3);
        assert!(matches!(read(&given), Err(Problem::BadRequest(_))));
        given.clone_from_slice(&WHOLE[..3]);
        let mut given = WHOLE.to_vec();
        given.push(("sec-websocket-protocol", "chat"));
        assert!(matches!(read(&given), Err(Problem::BadRequest(_))));
    }
}
