//! The lines of an exported journal.
//!
//! ```text
//! {"tidings_journal":1,"incarnation":"00c0ffee00c0ffee","first":1}
//! {"sequence":1,"received_at":"…","token":"ai","event":{"type":"tweet.posted",…}}
//! {"sequence":2,"received_at":"…","token":"ai","payload":"what is no event"}
//! {"sequence":3,"received_at":"…","token_base64":"/w==","payload_base64":"/w=="}
//! {"records":3,"last":3,"digest":"…","records_digest":"…"}
//! ```
//!
//! The digests are BLAKE3, in hex: `digest` of all bytes before the last line, `records_digest` of
//! the records' lines alone, which is equal for journals of equal records. Sequences rise; what is
//! left out was missing or damaged.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{
    Content, Envelope, Incarnation, KeywordRecord, Record, Timestamp, Token, stored, wire,
};

/// The version of the format that is written.
const VERSION: u32 = 1;
/// The longest line, in bytes: a payload of 64 KiB whose every byte is escaped, and some room.
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    tidings_journal: u32,
    incarnation: String,
    /// Sequence of the first record.
    pub(super) first: u64,
}

impl Header {
    pub(super) fn new(incarnation: Incarnation, first: u64) -> Self {
        Self {
            tidings_journal: VERSION,
            incarnation: incarnation.to_string(),
            first,
        }
    }

    /// Reads a first line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            tidings_journal: u32,
        }
        let Ok(Version { tidings_journal }) = serde_json::from_slice(line) else {
            return Err(
                "this is no exported journal: it does not begin with {\"tidings_journal\":…}"
                    .into(),
            );
        };
        if tidings_journal != VERSION {
            return Err(format!(
                "the export has version {tidings_journal}, and this tidings reads {VERSION}: use a newer one"
            ));
        }
        let header: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        header.incarnation()?;
        Ok(header)
    }

    /// The journal it was made from.
    pub(super) fn incarnation(&self) -> Result<Incarnation, String> {
        u64::from_str_radix(&self.incarnation, 16)
            .map(Incarnation)
            .map_err(|_| "\"incarnation\" must be 16 hex digits".into())
    }
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Closing {
    pub(super) records: u64,
    pub(super) last: u64,
    pub(super) digest: String,
    pub(super) records_digest: String,
}

impl Closing {
    /// Reads a line if it is a last one.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"{\"records\":") {
            serde_json::from_slice(line).ok()
        } else {
            None
        }
    }
}

/// Writes a value as a line.
pub(super) fn write_line<T: Serialize>(value: &T, out: &mut Vec<u8>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.push(b'\n');
    Ok(())
}

/// Writes a record as a line.
pub(super) fn write_record(envelope: &Envelope, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(
        out,
        "{{\"sequence\":{},\"received_at\":\"{}\",",
        envelope.sequence, envelope.received_at
    )?;
    match &envelope.content {
        Content::Keyword(keyword, record) => {
            write_bytes("token", Token::of(keyword).as_str().as_bytes(), out)?;
            out.push(b',');
            match record {
                KeywordRecord::Event(event) => {
                    out.extend_from_slice(b"\"event\":");
                    out.extend_from_slice(&wire::encode(event));
                }
                KeywordRecord::Rejected { payload, .. } => write_bytes("payload", payload, out)?,
                KeywordRecord::Hollow(hollow) => {
                    out.extend_from_slice(b"\"hollow\":");
                    out.extend_from_slice(&hollow.to_json());
                }
            }
        }
        Content::Unaddressed { token, payload, .. } => {
            write_bytes("token", token, out)?;
            out.push(b',');
            write_bytes("payload", payload, out)?;
        }
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// Writes a field as text, or in base 64 under another name when it is none.
fn write_bytes(name: &str, bytes: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            write!(out, "\"{name}\":")?;
            serde_json::to_writer(out, text)?;
        }
        Err(_) => write!(out, "\"{name}_base64\":\"{}\"", BASE64.encode(bytes))?,
    }
    Ok(())
}

/// Only the sequence of a record's line.
pub(super) fn sequence_of(line: &[u8]) -> Result<u64, String> {
    #[derive(Deserialize)]
    struct Sequence {
        sequence: u64,
    }
    let line: Sequence = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(line.sequence)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine {
    sequence: u64,
    received_at: String,
    token: Option<String>,
    token_base64: Option<String>,
    event: Option<Value>,
    payload: Option<String>,
    payload_base64: Option<String>,
}

/// Reads a record's line: its sequence in the export, and the record.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_record(line: &[u8]) -> Result<(u64, Record), String> {
    let line: RecordLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let received_at = Timestamp::parse(&line.received_at)
        .map_err(|error| format!("field \"received_at\": {error}"))?;
    let token = either("token", line.token, line.token_base64)?
        .ok_or("one of \"token\" and \"token_base64\" is missing")?;
    let payload = either("payload", line.payload, line.payload_base64)?;
    let stored = match (line.event, payload) {
        (Some(event), None) => {
            let json = serde_json::to_vec(&event).map_err(|error| error.to_string())?;
            let event = wire::decode(&json, received_at)
                .map_err(|rejection| format!("field \"event\": {rejection}"))?;
            stored::encode_event(&event).map_err(|error| error.to_string())?
        }
        (None, Some(payload)) => stored::encode_wire(&payload),
        (Some(_), Some(_)) => return Err("both \"event\" and a payload are given".into()),
        (None, None) => {
            return Err("one of \"event\", \"payload\" and \"payload_base64\" is missing".into());
        }
    };
    let record = Record {
        received_at,
        token,
        stored,
    };
    Ok((line.sequence, record))
}

fn either(
    name: &str,
    text: Option<String>,
    base64: Option<String>,
) -> Result<Option<Bytes>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(base64)) => BASE64
            .decode(base64)
            .map(|bytes| Some(bytes.into()))
            .map_err(|error| format!("field \"{name}_base64\": {error}")),
        (Some(_), Some(_)) => Err(format!("both \"{name}\" and \"{name}_base64\" are given")),
        (None, None) => Ok(None),
    }
}

/// The digests of an export in the making, or being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests {
    all: blake3::Hasher,
    records: blake3::Hasher,
    /// How many records.
    pub(super) count: u64,
    /// The last one's sequence.
    pub(super) last: u64,
}

impl Digests {
    /// Takes the first line, with its end.
    pub(super) fn header(&mut self, line: &[u8]) {
        self.all.update(line);
    }

    /// Takes a record's line, with its end.
    pub(super) fn record(&mut self, line: &[u8]) {
        self.all.update(line);
        self.records.update(line);
        self.count = self.count.saturating_add(1);
    }

    /// The last line that belongs here.
    pub(super) fn closing(&self) -> Closing {
        Closing {
            records: self.count,
            last: self.last,
            digest: self.all.finalize().to_string(),
            records_digest: self.records.finalize().to_string(),
        }
    }
}
