//! The format of an export's lines: writing and parsing.
//!
//! ```text
//! {"tidings_journal":2,"incarnation":"00c0ffee00c0ffee","first":1,"normal_form":2}
//! {"sequence":1,"received_at":"…","token":"ai","event":{"type":"tweet.posted",…}}
//! {"sequence":2,"received_at":"…","token":"ai","payload":"what is no event"}
//! {"sequence":3,"received_at":"…","token_base64":"/w==","payload_base64":"/w=="}
//! {"records":3,"last":3,"digest":"…","records_digest":"…"}
//! ```
//!
//! The digests are BLAKE3, in hex. `digest` covers all bytes before the last line. `records_digest`
//! covers the record lines alone, so it is equal for journals of equal records. Sequences rise; a
//! gap means that records were missing or damaged.
//!
//! Every record of a journal has a line, and [`parse_record`] can parse the line of every record.
//!
//! Version 1 has no `normal_form` (the version of the normal form of the tokens); it is read as 1.
//! In version 2 a record may have two more members: `origin` beside an event, which names its
//! source, such as `redrive:12`; and `hollow` instead of an erased event.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::restore::{LineChange, keep_origin, store_event, store_hollow};
use crate::events::{
    Content, Envelope, Form, Incarnation, KeywordRecord, NORMAL_FORM_VERSION, Record, Timestamp,
    Token, binary, encode_fitting, json,
};

/// The version that is written. Earlier versions are read too.
const VERSION: u32 = 2;
/// Maximum length of a line, in bytes: a payload of [`MAX_EXPORTED_BYTES`] with every byte escaped,
/// and some margin.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
/// Maximum exported size of a payload, in bytes: the default limit of NATS. A longer payload is
/// rejected in any case.
const MAX_EXPORTED_BYTES: usize = 1024 * 1024;

/// The first line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    tidings_journal: u32,
    incarnation: String,
    /// Sequence of the first record.
    pub(crate) first: u64,
    /// The version of the normal form of the tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normal_form: Option<u16>,
}

impl Header {
    pub(crate) fn new(incarnation: Incarnation, first: u64, normal_form: u16) -> Self {
        Self {
            tidings_journal: VERSION,
            incarnation: incarnation.to_string(),
            first,
            normal_form: Some(normal_form),
        }
    }

    /// The version of the normal form of the tokens.
    pub(crate) fn normal_form(&self) -> u16 {
        self.normal_form.unwrap_or(1)
    }

    /// The start of an export's first line in the written version, up to the value of `first`.
    pub(super) fn before_first(incarnation: Incarnation) -> String {
        format!("{{\"tidings_journal\":{VERSION},\"incarnation\":\"{incarnation}\",\"first\":")
    }

    /// Parses a first line.
    ///
    /// # Errors
    /// Describes the error of the line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            tidings_journal: u32,
        }
        let Ok(Version { tidings_journal }) = serde_json::from_slice(line) else {
            return Err(
                "this is not an exported journal: it does not begin with {\"tidings_journal\":…}"
                    .into(),
            );
        };
        if !(1..=VERSION).contains(&tidings_journal) {
            return Err(format!(
                "the export has version {tidings_journal}, and this tidings reads up to {VERSION}: \
                use a newer one"
            ));
        }
        let header: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        header.incarnation()?;
        if header.normal_form() > NORMAL_FORM_VERSION {
            return Err(format!(
                "its keywords are in version {} of the normal form, and this tidings knows up to \
                {NORMAL_FORM_VERSION}: use a newer one",
                header.normal_form()
            ));
        }
        Ok(header)
    }

    /// The incarnation of the exported journal.
    pub(crate) fn incarnation(&self) -> Result<Incarnation, String> {
        u64::from_str_radix(&self.incarnation, 16)
            .map(Incarnation)
            .map_err(|_| "\"incarnation\" must be 16 hex digits".into())
    }
}

/// The last line of a complete export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Closing {
    pub(crate) records: u64,
    pub(crate) last: u64,
    pub(super) digest: String,
    pub(super) records_digest: String,
}

impl Closing {
    /// Parses a closing line; `None` for any other line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
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

/// Writes a record as a line. Returns true when its payload was shortened.
pub(super) fn write_record(envelope: &Envelope, out: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut is_cut = false;
    let mut cut = |payload: &Bytes| {
        is_cut = payload.len() > MAX_EXPORTED_BYTES;
        payload.slice(..payload.len().min(MAX_EXPORTED_BYTES))
    };
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
                    out.extend_from_slice(&encode_fitting(event));
                }
                KeywordRecord::Rejected { payload, .. } => {
                    write_bytes("payload", &cut(payload), out)?;
                }
                KeywordRecord::Hollow(hollow) => {
                    out.extend_from_slice(b"\"hollow\":");
                    out.extend_from_slice(&hollow.to_json());
                }
            }
        }
        Content::Unaddressed { token, payload, .. } => {
            write_bytes("token", token, out)?;
            out.push(b',');
            write_bytes("payload", &cut(payload), out)?;
        }
    }
    if let Some(origin) = &envelope.origin {
        out.extend_from_slice(b",\"origin\":");
        serde_json::to_writer(&mut *out, &**origin)?;
    }
    out.extend_from_slice(b"}\n");
    Ok(is_cut)
}

/// Writes a field as text; or, if it is not UTF-8, in base 64 under its name with `_base64`.
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

/// The sequence of a record line.
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
    event: Option<Box<RawValue>>,
    payload: Option<String>,
    payload_base64: Option<String>,
    hollow: Option<Box<RawValue>>,
    origin: Option<String>,
}

/// A parsed record line.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The sequence of the record in the export.
    pub(crate) sequence: u64,
    /// The record to append.
    pub(crate) record: Record,
    /// The change of the record by the import, if any.
    pub(super) change: Option<LineChange>,
}

/// Parses a record line for a journal that stores this form of events.
///
/// An exported event stays an event, and a rejected payload stays rejected. An event about a
/// keyword may have any time, because only its position decides whether the keyword is tracked.
///
/// # Errors
/// Describes the error of the line.
pub(super) fn parse_record(line: &[u8], form: Form) -> Result<Parsed, String> {
    let line: RecordLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let received_at = Timestamp::parse(&line.received_at)
        .map_err(|error| format!("field \"received_at\": {error}"))?;
    let token = either("token", line.token, line.token_base64)?
        .ok_or("one of \"token\" and \"token_base64\" is missing")?;
    let payload = either("payload", line.payload, line.payload_base64)?;
    let mut record = Record {
        received_at,
        token,
        stored: Bytes::new(),
    };
    let change = match (line.event, payload, line.hollow) {
        (Some(event), None, None) => {
            let change = store_event(&mut record, event.get().as_bytes(), form)
                .map_err(|what| format!("field \"event\": {what}"))?;
            if let Some(origin) = line.origin {
                keep_origin(&mut record, &origin)
                    .map_err(|error| format!("field \"origin\": {error}"))?;
            }
            change
        }
        (None, None, Some(hollow)) => store_hollow(&mut record, hollow.get().as_bytes(), form)
            .map_err(|what| format!("field \"hollow\": {what}"))?,
        (None, Some(payload), None) => {
            let kept = payload.slice(..payload.len().min(MAX_PAYLOAD_BYTES));
            record.stored = binary::encode_wire(&kept);
            (kept.len() < payload.len()).then_some(LineChange::Cut)
        }
        (None, None, None) => {
            return Err(
                "one of \"event\", \"hollow\", \"payload\" and \"payload_base64\" is missing"
                    .into(),
            );
        }
        _ => return Err("more than one of \"event\", \"hollow\" and a payload is given".into()),
    };
    Ok(Parsed {
        sequence: line.sequence,
        record,
        change,
    })
}

/// Maximum imported size of a payload, in bytes: one byte more than the maximum of an event.
const MAX_PAYLOAD_BYTES: usize = json::MAX_PAYLOAD_BYTES + 1;

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

/// The digests of an export while it is written or read.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests {
    all: blake3::Hasher,
    records: blake3::Hasher,
    /// Number of records.
    pub(crate) count: u64,
    /// The sequence of the last record.
    pub(crate) last: u64,
}

impl Digests {
    /// Adds the first line, with its line end.
    pub(crate) fn header(&mut self, line: &[u8]) {
        self.all.update(line);
    }

    /// Adds a record's line, with its line end.
    pub(crate) fn record(&mut self, line: &[u8]) {
        self.all.update(line);
        self.records.update(line);
        self.count = self.count.saturating_add(1);
    }

    /// The closing line for these records.
    pub(super) fn closing(&self) -> Closing {
        Closing {
            records: self.count,
            last: self.last,
            digest: self.all.finalize().to_string(),
            records_digest: self.records.finalize().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Hollow, Keyword, Sequence};

    fn parsed(line: &str, form: Form) -> Parsed {
        parse_record(line.as_bytes(), form).unwrap()
    }

    fn opened(record: &Record) -> Envelope {
        record.open(Sequence::new(1), &Ok(Keyword::new("a").unwrap()))
    }

    #[test]
    fn keyword_event_has_any_time_in_storage_and_a_valid_time_on_the_wire() {
        let line = r#"{"sequence":1,"received_at":"1970-01-01T00:00:05.000Z","token":"a","event":{"type":"keyword.tracked","at":"1970-01-01T00:00:05.000Z"}}"#;
        let stored = parsed(line, Form::Stored);
        assert_eq!(stored.change, None);
        let at = Timestamp::from_millis(5_000);
        let event = Event::keyword_tracked(at);
        assert_eq!(opened(&stored.record).event(), Some(&event));
        let mut again = Vec::new();
        write_record(&opened(&stored.record), &mut again).unwrap();
        assert_eq!(String::from_utf8(again).unwrap().trim_end(), line);

        let sent = parsed(line, Form::Wire);
        assert_eq!(sent.change, Some(LineChange::Retimed));
        let Envelope { received_at, .. } = opened(&sent.record);
        let json = json::encode(opened(&sent.record).event().unwrap());
        assert!(json::decode(&json, received_at).is_ok());
    }

    #[test]
    fn tweet_with_a_time_out_of_range_is_kept_as_rejected() {
        let line = r#"{"sequence":1,"received_at":"2010-01-01T00:00:00.000Z","token":"a","event":{"type":"tweet.deleted","id":"1","at":"1999-01-01T00:00:00.000Z"}}"#;
        for form in [Form::Stored, Form::Wire] {
            let kept = parsed(line, form);
            assert_eq!(kept.change, Some(LineChange::Rejected));
            assert_eq!(opened(&kept.record).event(), None);
        }
        // A line that is not an event was not exported by tidings.
        let nonsense = line.replace("tweet.deleted", "tweet.imagined");
        assert!(parse_record(nonsense.as_bytes(), Form::Stored).is_err());
    }

    #[test]
    fn too_long_payload_stays_rejected_and_fits_a_line() {
        let payload = Bytes::from(vec![1; 3 * MAX_EXPORTED_BYTES]);
        let envelope = Envelope {
            sequence: Sequence::new(1),
            received_at: Timestamp::EARLIEST,
            content: Content::Keyword(
                Keyword::new("a").unwrap(),
                KeywordRecord::Rejected {
                    payload,
                    reason: String::new(),
                },
            ),
            origin: None,
        };
        let mut line = Vec::new();
        assert!(write_record(&envelope, &mut line).unwrap());
        assert!(line.len() < MAX_LINE_BYTES, "{} bytes", line.len());
        let parsed = parse_record(&line, Form::Stored).unwrap();
        assert_eq!(parsed.change, Some(LineChange::Cut));
        assert!(parsed.record.stored.len() <= binary::MAX_BYTES);
        let Content::Keyword(_, KeywordRecord::Rejected { reason, .. }) =
            opened(&parsed.record).content
        else {
            panic!("not rejected");
        };
        assert!(reason.contains("bytes"), "{reason}");
    }

    #[test]
    fn origins_and_hollow_events_survive_export_and_import() {
        let event = r#"{"type":"tweet.deleted","id":"1","at":"2009-01-01T00:00:00.000Z"}"#;
        let erased = Hollow::of(&json::decode(event.as_bytes(), Timestamp::LATEST).unwrap());
        let erased = String::from_utf8(erased.unwrap().to_json()).unwrap();
        let start = r#"{"sequence":1,"received_at":"2010-01-01T00:00:00.000Z","token":"a","#;
        for line in [
            format!(r#"{start}"event":{event},"origin":"redrive:17"}}"#),
            format!(r#"{start}"hollow":{erased}}}"#),
        ] {
            let mut again = Vec::new();
            write_record(&opened(&parsed(&line, Form::Stored).record), &mut again).unwrap();
            assert_eq!(String::from_utf8(again).unwrap().trim_end(), line);
        }
        for wrong in [
            format!(r#"{start}"event":{event},"origin":"two words"}}"#),
            format!(r#"{start}"event":{event},"hollow":{erased}}}"#),
            format!(r#"{start}"hollow":{{}}}}"#),
        ] {
            assert!(
                parse_record(wrong.as_bytes(), Form::Stored).is_err(),
                "{wrong}"
            );
        }
    }
}
