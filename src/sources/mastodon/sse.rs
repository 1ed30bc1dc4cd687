//! The event stream of a Mastodon server, from chunks to events.
//!
//! In: chunks of bytes, cut anywhere. Out: events, each with its name and its data. Lines end with
//! LF or CRLF; a blank line ends an event; lines that begin with a colon are comments, such as the
//! keep-alive `:thump`. An event that is not whole when the connection ends was never received.

use bytes::Bytes;

use crate::sources::Rejection;

/// Maximum size of the data of an event, in bytes.
const MAX_DATA_BYTES: usize = 1024 * 1024;
/// Maximum size of a line, in bytes: data, with room for the name of its field.
const MAX_LINE_BYTES: usize = MAX_DATA_BYTES + 16;
/// Size of the beginning that is kept of an event that is too large, in bytes.
const MAX_CUT_BYTES: usize = 64 * 1024;
/// Maximum length of the name of an event, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamEvent {
    /// The name, such as `update`.
    pub(super) name: String,
    /// The data; `None` when the event has no line with data.
    pub(super) data: Option<Vec<u8>>,
}

/// What stands between two blank lines of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamRecord {
    /// The event, or the reason why it is none.
    pub(super) content: Result<StreamEvent, Rejection>,
    /// The lines as received, with LF at their ends and without comments.
    pub(super) raw: Bytes,
}

/// Decodes a stream. It holds at most one unfinished event, which is bounded.
#[derive(Debug, Default)]
pub(super) struct EventDecoder {
    line: Vec<u8>,
    is_line_too_long: bool,
    event: OpenEvent,
}

impl EventDecoder {
    /// Takes the next bytes of the stream, and returns the events that they complete.
    pub(super) fn decode(&mut self, chunk: &[u8]) -> Vec<StreamRecord> {
        let mut records = Vec::new();
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (part, next) = rest.split_at(end);
            rest = next.get(1..).unwrap_or_default();
            if self.line.is_empty() && part.len() <= MAX_LINE_BYTES {
                records.extend(self.event.line(part, false));
                continue;
            }
            self.extend_line(part);
            let is_too_long = std::mem::take(&mut self.is_line_too_long);
            records.extend(self.event.line(&self.line, is_too_long));
            self.line.clear();
        }
        self.extend_line(rest);
        records
    }

    fn extend_line(&mut self, part: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
        self.is_line_too_long |= part.len() > room;
        let part = part.get(..room).unwrap_or(part);
        self.line.extend_from_slice(part);
    }
}

/// The lines of an event so far.
#[derive(Debug, Default)]
struct OpenEvent {
    raw: Vec<u8>,
    /// The number of lines that name the event.
    names: usize,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    is_too_large: bool,
}

impl OpenEvent {
    /// Takes a line without its LF. Returns the event when the line ends it.
    fn line(&mut self, line: &[u8], is_too_long: bool) -> Option<StreamRecord> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return std::mem::take(self).ended();
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(0) => return None,
            Some(end) => (line.get(..end), line.get(end.saturating_add(1)..)),
            None => (Some(line), None),
        };
        let value = value.unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        self.is_too_large |= is_too_long;
        match field {
            Some(b"event") => {
                self.names = self.names.saturating_add(1);
                self.name = value.to_vec();
            }
            Some(b"data") => self.add_data(value),
            _ => {}
        }
        self.add_raw(line);
        None
    }

    fn add_data(&mut self, value: &[u8]) {
        let size = self
            .data
            .as_ref()
            .map_or(0, |data| data.len().saturating_add(1));
        if size.saturating_add(value.len()) > MAX_DATA_BYTES {
            self.is_too_large = true;
            return;
        }
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
    }

    fn add_raw(&mut self, line: &[u8]) {
        let max = if self.is_too_large {
            MAX_CUT_BYTES
        } else {
            MAX_LINE_BYTES.saturating_mul(2)
        };
        let room = max.saturating_sub(self.raw.len());
        self.is_too_large |= line.len() > room;
        self.raw.extend_from_slice(line.get(..room).unwrap_or(line));
        self.raw.push(b'\n');
        if self.is_too_large {
            self.raw.truncate(MAX_CUT_BYTES);
            self.data = None;
        }
    }

    fn ended(self) -> Option<StreamRecord> {
        if self.raw.is_empty() {
            return None;
        }
        let raw = Bytes::from(self.raw);
        let rejected = |reason: &str| {
            let content = Err(Rejection::new(reason));
            let raw = raw.clone();
            Some(StreamRecord { content, raw })
        };
        if self.is_too_large {
            return rejected("an event of more than 1 MiB");
        }
        if self.names > 1 {
            return rejected("two events without a blank line between them");
        }
        if self.names == 0 {
            return self
                .data
                .and_then(|_| rejected("data without the name of an event"));
        }
        match name(&self.name) {
            Some(name) => Some(StreamRecord {
                content: Ok(StreamEvent {
                    name,
                    data: self.data,
                }),
                raw,
            }),
            None => {
                rejected("an event whose name has other characters than letters, digits, _ . and -")
            }
        }
    }
}

/// The name of an event. It is a word; other characters belong to a line that ran into it.
fn name(bytes: &[u8]) -> Option<String> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let fits = (1..=MAX_NAME_BYTES).contains(&bytes.len()) && bytes.iter().all(is_name);
    fits.then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream with every kind of line, in both kinds of line ends.
    const STREAM: &str = concat!(
        ":)\n",
        "event: update\n",
        "data: {\"text\":\"아이폰\"}\n",
        "\n",
        ":thump\n",
        "event: delete\r\n",
        "data: 116\r\n",
        "\r\n",
        ":thump\r\n",
        "\n\n",
        "id: 7\nretry: 10\n\n",
        "event:two\ndata:a\n:between\ndata: b\ndata\ndata:  c\n\n",
        "event: filters_changed\n\n",
        "event: update\nevent: delete\ndata: 5\n\n",
        "data: lost its name\n\n",
        "event: update data: {}\n\n",
        "event: last\ndata: good\n\n",
        "event: update\ndata: {\"half\":",
    );

    fn event(name: &str, data: Option<&str>) -> Result<StreamEvent, &'static str> {
        Ok(StreamEvent {
            name: name.to_owned(),
            data: data.map(|data| data.as_bytes().to_vec()),
        })
    }

    fn expected() -> Vec<Result<StreamEvent, &'static str>> {
        vec![
            event("update", Some("{\"text\":\"아이폰\"}")),
            event("delete", Some("116")),
            event("two", Some("a\nb\n\n c")),
            event("filters_changed", None),
            Err("two events without a blank line between them"),
            Err("data without the name of an event"),
            Err("an event whose name has other characters than letters, digits, _ . and -"),
            event("last", Some("good")),
        ]
    }

    fn contents(records: &[StreamRecord]) -> Vec<Result<StreamEvent, &str>> {
        let contents = records.iter().map(|record| record.content.as_ref());
        let contents = contents.map(|content| match content {
            Ok(event) => Ok(event.clone()),
            Err(rejection) => Err(rejection.reason.as_str()),
        });
        contents.collect()
    }

    #[test]
    fn stream_cut_in_two_anywhere_has_the_same_events() {
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut decoder = EventDecoder::default();
            let mut records = decoder.decode(first);
            records.extend(decoder.decode(second));
            assert_eq!(contents(&records), expected(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn stream_cut_in_any_pieces_has_the_same_records(
            sizes in prop::collection::vec(1_usize..40, 1..400),
        ) {
            let whole = EventDecoder::default().decode(STREAM.as_bytes());
            let mut decoder = EventDecoder::default();
            let (mut records, mut rest) = (Vec::new(), STREAM.as_bytes());
            for size in sizes.iter().cycle() {
                let (piece, next) = rest.split_at((*size).min(rest.len()));
                records.extend(decoder.decode(piece));
                rest = next;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&contents(&records), &expected());
            prop_assert_eq!(records, whole);
        }

        #[test]
        fn any_bytes_leave_the_next_event_readable(
            bytes in prop::collection::vec(prop::sample::select(b"\n\r:data event\xff{".to_vec()), 0..200),
        ) {
            let mut decoder = EventDecoder::default();
            decoder.decode(&bytes);
            let records = decoder.decode(b"\n\nevent: delete\ndata: 1\n\n");
            let last = records.last().unwrap();
            prop_assert_eq!(last.content.as_ref().unwrap().name.as_str(), "delete");
        }
    }

    #[test]
    fn raw_record_has_the_lines_of_the_event() {
        let records = EventDecoder::default().decode(STREAM.as_bytes());
        assert_eq!(records[1].raw, "event: delete\ndata: 116\n");
        assert_eq!(records[4].raw, "event: update\nevent: delete\ndata: 5\n");
    }

    #[test]
    fn event_over_the_limit_is_rejected_within_bounded_memory_and_the_next_one_is_read() {
        let one_line = [
            b"data: ".to_vec(),
            vec![b'a'; 4 * MAX_DATA_BYTES],
            b"\n".to_vec(),
        ]
        .concat();
        let many_lines = b"data: aaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(MAX_DATA_BYTES / 16);
        let one_comment = [
            b":".to_vec(),
            vec![b'a'; 2 * MAX_DATA_BYTES],
            b"\n".to_vec(),
        ]
        .concat();
        let unknown = [vec![b'x'; 4 * MAX_DATA_BYTES], b"\n".to_vec()].concat();
        for (lines, is_rejected) in [
            (one_line, true),
            (many_lines, true),
            (unknown, true),
            (one_comment, false),
        ] {
            let mut decoder = EventDecoder::default();
            let mut records = decoder.decode(b"event: update\n");
            for chunk in lines.chunks(16 * 1024) {
                records.extend(decoder.decode(chunk));
                let event = &decoder.event;
                let data = event.data.as_ref().map_or(0, Vec::capacity);
                let held = decoder.line.capacity() + event.raw.capacity() + data;
                assert!(held <= 8 * MAX_DATA_BYTES, "{held} bytes");
            }
            records.extend(decoder.decode(b"\nevent: delete\ndata: 1\n\n"));
            let [first, second] = records.as_slice() else {
                panic!("{} records", records.len());
            };
            assert_eq!(first.content.is_err(), is_rejected);
            assert!(first.raw.len() <= MAX_CUT_BYTES);
            assert_eq!(second.content, Ok(event("delete", Some("1")).unwrap()));
        }
    }

    #[test]
    fn event_at_the_limit_is_read_and_one_byte_more_is_rejected() {
        for (size, is_read) in [(MAX_DATA_BYTES, true), (MAX_DATA_BYTES + 1, false)] {
            let stream = format!("event: update\ndata: {}\n\n", "a".repeat(size));
            let records = EventDecoder::default().decode(stream.as_bytes());
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].content.is_ok(), is_read, "{size} bytes");
        }
    }
}
