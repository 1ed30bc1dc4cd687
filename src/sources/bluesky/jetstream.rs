//! Connections to Jetstream: a WebSocket whose messages are events, one each.
//!
//! In: where to resume. Out: [`Feed`], a connection of the collector. The upgrade to WebSocket is
//! an ordinary request of HTTP, so it has the TLS, the proxy and the errors of all requests to
//! sources.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::hosts::{Host, Hosts, Visit};
use super::protocol::{Frame, Protocol};
use super::start::{Expected, Start, resume_time};
use crate::settings::BlueskySettings;
use crate::sources::{
    Arrival, ConnectError, Connection, ConnectionEnd, Rejection, Requests, Resume, SourceRecord,
    web,
};

/// The name of the request in counts.
const ENDPOINT: &str = "subscribe";
/// Maximum size of a message, in bytes. A larger one ends the connection. Records have a lower
/// limit, so that one which is too large is read to its end, and rejected.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of records that are passed on together.
const MAX_BATCH: usize = 256;
/// The error of version 2 for a cursor that is older than its events.
const CURSOR_TOO_OLD: &str = "CursorTooOld";

/// Jetstream, as the settings describe it.
#[derive(Debug)]
pub(super) struct Jetstream {
    hosts: Hosts,
    protocol: &'static Protocol,
    rewind: Duration,
    requests: Requests,
}

impl Jetstream {
    /// The Jetstream of the settings.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when an address may not be used.
    pub(super) fn new(
        settings: &BlueskySettings,
        requests: Requests,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            hosts: Hosts::new(settings)?,
            protocol: Protocol::of(settings.protocol),
            rewind: settings.rewind,
            requests,
        })
    }

    /// Whether events of the past can be asked for by their time.
    pub(super) const fn replays_times(&self) -> bool {
        self.protocol.has_time_cursors
    }

    /// Opens a connection to the host in turn.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn connect(&self, resume: Resume) -> Result<Feed, ConnectError> {
        let (host, visit) = self.hosts.visit()?;
        let start = Start::of(self.protocol, resume, visit.cursor_host(), self.rewind);
        match self.open(&host, start.cursor).await {
            Ok(socket) => Ok(self.feed(socket, visit, start)),
            Err(error) if start.cursor.is_some() && is_too_old(&error) => {
                let start = Start::live(resume_time(resume));
                let socket = self.open(&host, start.cursor).await?;
                Ok(self.feed(socket, visit, start))
            }
            Err(error) => Err(error),
        }
    }

    /// Maps a frame from the rejected log.
    pub(super) fn map_again(&self, raw: &Bytes) -> SourceRecord {
        match self.protocol.decode(raw.clone()) {
            Frame::Record { record, .. } => record,
            Frame::End(reason) => SourceRecord {
                content: Err(Rejection::new(reason)),
                raw: raw.clone(),
                cursor: None,
            },
        }
    }

    fn feed(&self, socket: Socket, visit: Visit, start: Start) -> Feed {
        Feed {
            socket,
            visit,
            protocol: self.protocol,
            expected: start.expected,
            clamped: None,
            records: Vec::new(),
            end: None,
        }
    }

    async fn open(&self, host: &Host, cursor: Option<u64>) -> Result<Socket, ConnectError> {
        let mut url = host.url(self.protocol.path_and_query)?;
        if let Some(cursor) = cursor {
            url.query_pairs_mut()
                .append_pair("cursor", &cursor.to_string());
        }
        let key = generate_key();
        let mut request = host
            .client
            .get(url)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        if let Some(sub_protocol) = self.protocol.sub_protocol {
            request = request.header(SEC_WEBSOCKET_PROTOCOL, sub_protocol);
        }
        let is_upgrade = |status: &StatusCode| *status == StatusCode::SWITCHING_PROTOCOLS;
        let answer = web::open_with(request, ENDPOINT, &self.requests, is_upgrade).await?;
        let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
        let expected = derive_accept_key(key.as_bytes());
        if accepted.map(HeaderValue::as_bytes) != Some(expected.as_bytes()) {
            let reason = "`Sec-WebSocket-Accept` does not answer the key of the request";
            return Err(ConnectError::Form(reason.to_owned()));
        }
        let upgraded = answer.upgrade().await;
        let upgraded = upgraded.map_err(|error| web::network(&error))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
    }
}

type Socket = WebSocketStream<Upgraded>;

fn is_too_old(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Status { status: 400, detail, .. } if detail.contains(CURSOR_TOO_OLD)
    )
}

/// A connection to Jetstream. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Feed {
    socket: Socket,
    visit: Visit,
    protocol: &'static Protocol,
    /// What the first event shows, until it has come.
    expected: Option<Expected>,
    /// The report of a late start, until it is passed on.
    clamped: Option<Arrival>,
    /// Records that are not passed on yet.
    records: Vec<SourceRecord>,
    /// How the connection ended.
    end: Option<ConnectionEnd>,
}

#[async_trait]
impl Connection for Feed {
    async fn next(&mut self) -> Result<Arrival, ConnectionEnd> {
        if self.records.is_empty() && self.end.is_none() {
            let message = self.socket.next().await;
            self.receive(message);
            while self.end.is_none() && self.records.len() < MAX_BATCH {
                let Some(message) = self.socket.next().now_or_never() else {
                    break;
                };
                self.receive(message);
            }
        }
        if let Some(clamped) = self.clamped.take() {
            return Ok(clamped);
        }
        if !self.records.is_empty() {
            return Ok(Arrival::Records(std::mem::take(&mut self.records)));
        }
        match &self.end {
            Some(end) => Err(end.clone()),
            None => Ok(Arrival::KeepAlive),
        }
    }
}

impl Feed {
    fn receive(&mut self, message: Option<Result<Message, Error>>) {
        match message {
            Some(Ok(Message::Text(text))) => self.decode(text.into()),
            Some(Ok(Message::Binary(bytes))) => self.decode(bytes),
            // The library answers pings when it reads on.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map(|frame| frame.reason.to_string());
                self.end = Some(match reason.filter(|reason| !reason.is_empty()) {
                    Some(reason) => ConnectionEnd::Ended(reason),
                    None => ConnectionEnd::Closed,
                });
            }
            Some(Err(error)) => self.end = Some(ConnectionEnd::Failed(error.to_string())),
            None => self.end = Some(ConnectionEnd::Closed),
        }
    }

    fn decode(&mut self, message: Bytes) {
        match self.protocol.decode(message) {
            Frame::Record { record, seen_at } => {
                if let Some(seen_at) = seen_at {
                    self.visit.hear();
                    let expected = self.expected.take();
                    self.clamped = self.clamped.take().or_else(|| expected?.clamped(seen_at));
                }
                self.records.push(record);
            }
            Frame::End(reason) => self.end = Some(ConnectionEnd::Ended(reason)),
        }
    }
}
