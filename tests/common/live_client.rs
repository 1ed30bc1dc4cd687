//! A live client over WebSocket that reads on request.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::Error;
use tungstenite::{Message, WebSocket};

use crate::common::server::Server;
use crate::common::wait::DEADLINE;

/// The close frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

#[derive(Debug)]
pub struct Client {
    socket: WebSocket<TcpStream>,
    lines: VecDeque<Value>,
}

impl Client {
    pub fn connect(server: &Server) -> Self {
        Self::connect_to(server.address()).unwrap()
    }

    pub fn connect_to(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}/api/v1/live").into_client_request()?;
        let protocol = "tidings.v1".parse().unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            tungstenite::HandshakeError::Interrupted(_) => Error::ConnectionClosed,
        })?;
        Ok(Self {
            socket,
            lines: VecDeque::new(),
        })
    }

    pub fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string());
    }

    pub fn say_text(&mut self, text: &str) {
        self.try_say(Message::text(text)).unwrap();
    }

    pub fn try_say(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message)
    }

    /// Sends bytes without making a frame of them.
    pub fn say_raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }

    pub fn subscribe(&mut self, keyword: &str, topics: impl Into<Value>) {
        let topics: Value = topics.into();
        self.say(&json!({ "type": "subscribe", "id": 1, "keyword": keyword, "topics": topics }));
    }

    /// The next line.
    pub fn next(&mut self) -> Value {
        self.try_next().unwrap()
    }

    /// The next line, or the reason why the connection ended.
    pub fn try_next(&mut self) -> Result<Value, Closed> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            match self.socket.read() {
                Ok(message) => self.hear(message)?,
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// The next line of this type.
    pub fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let line = self.next();
            if line["type"] == kind {
                return line;
            }
        }
    }

    /// Reads until the connection ends.
    pub fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.try_next() {
                return closed;
            }
        }
    }

    /// Sends a ping and returns all lines before its pong.
    pub fn until_pong(&mut self, id: u64) -> Vec<Value> {
        self.say(&json!({ "type": "ping", "id": id }));
        let mut before = Vec::new();
        loop {
            let line = self.next();
            if line["type"] == "pong" && line["id"] == id {
                return before;
            }
            before.push(line);
        }
    }

    /// The lines that arrive within a time span.
    pub fn within(&mut self, span: Duration) -> Result<Vec<Value>, Closed> {
        let until = Instant::now() + span;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let stream = self.socket.get_ref();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                return Ok(self.lines.drain(..).collect());
            }
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(message) => self.hear(message)?,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    fn hear(&mut self, message: Message) -> Result<(), Closed> {
        match message {
            Message::Text(text) => self.take(text.as_str()),
            Message::Binary(_) => panic!("the server sent a binary frame"),
            Message::Close(frame) => {
                return Err(frame.map_or(
                    Closed {
                        code: 1005,
                        reason: String::new(),
                    },
                    |frame| Closed {
                        code: frame.code.into(),
                        reason: frame.reason.to_string(),
                    },
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, text: &str) {
        for line in text.split('\n') {
            assert!(line.len() <= 256 * 1024, "a line of {} bytes", line.len());
            self.lines.push_back(serde_json::from_str(line).unwrap());
        }
    }
}

fn lost(error: &Error) -> Closed {
    Closed {
        code: 1006,
        reason: error.to_string(),
    }
}
