//! Events as lines of JSON, written into a buffer that is reused.

use std::io::Write as _;

use super::authors::Author;
use crate::events::Timestamp;

/// Likes, reposts, replies and quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reactions {
    pub(super) likes: u64,
    pub(super) reposts: u64,
    pub(super) replies: u64,
    pub(super) quotes: u64,
}

impl Reactions {
    /// `percent` percent of each number.
    pub(super) fn percent(self, percent: u64) -> Self {
        let part = |count: u64| count * percent / 100;
        Self {
            likes: part(self.likes),
            reposts: part(self.reposts),
            replies: part(self.replies),
            quotes: part(self.quotes),
        }
    }
}

/// A post as it is written to a line.
#[derive(Debug)]
pub(super) struct Posted<'a> {
    pub(super) id: u64,
    pub(super) at: Timestamp,
    pub(super) author: &'a Author,
    pub(super) text: &'a str,
    pub(super) language: &'static str,
    pub(super) reply_to: Option<u64>,
    pub(super) repost_of: Option<u64>,
    pub(super) reactions: Reactions,
}

/// Replaces the line by a `tweet.posted`.
// Writing to a vector cannot fail.
pub(super) fn posted(line: &mut Vec<u8>, clock: &mut ClockText, post: &Posted<'_>) {
    line.clear();
    let author = post.author;
    let id = post.id;
    let _ = write!(
        line,
        r#"{{"type":"tweet.posted","id":"x:{id}","source":"x","at":""#
    );
    line.extend_from_slice(clock.of(post.at));
    line.extend_from_slice(br#"","author":{"handle":"#);
    quoted(line, &author.handle);
    line.extend_from_slice(br#","name":"#);
    quoted(line, &author.name);
    let _ = write!(line, r#","followers":{}}},"text":"#, author.followers);
    quoted(line, post.text);
    let _ = write!(
        line,
        r#","lang":"{}","url":"https://x.example/{}/status/{id}""#,
        post.language, author.handle
    );
    if let Some(id) = post.reply_to {
        let _ = write!(line, r#","reply_to":"x:{id}""#);
    }
    if let Some(id) = post.repost_of {
        let _ = write!(line, r#","repost_of":"x:{id}""#);
    }
    reactions(line, post.reactions);
    line.push(b'}');
}

/// Replaces the line by a `tweet.engaged`.
pub(super) fn engaged(
    line: &mut Vec<u8>,
    clock: &mut ClockText,
    id: u64,
    at: Timestamp,
    metrics: Reactions,
) {
    line.clear();
    let _ = write!(line, r#"{{"type":"tweet.engaged","id":"x:{id}","at":""#);
    line.extend_from_slice(clock.of(at));
    line.push(b'"');
    reactions(line, metrics);
    line.push(b'}');
}

/// Replaces the line by a `tweet.deleted`.
pub(super) fn deleted(line: &mut Vec<u8>, clock: &mut ClockText, id: u64, at: Timestamp) {
    line.clear();
    let _ = write!(line, r#"{{"type":"tweet.deleted","id":"x:{id}","at":""#);
    line.extend_from_slice(clock.of(at));
    line.extend_from_slice(br#""}"#);
}

fn reactions(line: &mut Vec<u8>, of: Reactions) {
    let _ = write!(
        line,
        r#","metrics":{{"likes":{},"reposts":{},"replies":{},"quotes":{}}}"#,
        of.likes, of.reposts, of.replies, of.quotes
    );
}

/// Appends a JSON string.
fn quoted(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => line.extend_from_slice(br#"\""#),
            b'\\' => line.extend_from_slice(br"\\"),
            b'\n' => line.extend_from_slice(br"\n"),
            0..=0x1f => {}
            other => line.push(other),
        }
    }
    line.push(b'"');
}

/// Formats times. It keeps the part through the minute, because the next time often has the same
/// minute.
#[derive(Debug, Default)]
pub(super) struct ClockText {
    minute: Option<i64>,
    text: Vec<u8>,
}

impl ClockText {
    /// A time in the form of an event, such as `2026-11-23T07:00:00.123Z`.
    fn of(&mut self, at: Timestamp) -> &[u8] {
        let minute = at.millis().div_euclid(Timestamp::MINUTE);
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.text = at.to_string().into_bytes();
        }
        let in_minute = at.millis().rem_euclid(Timestamp::MINUTE);
        if let Some(mut seconds) = self.text.get_mut(17..) {
            let _ = write!(
                seconds,
                "{:02}.{:03}Z",
                in_minute / 1_000,
                in_minute % 1_000
            );
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_codec_writes_them() {
        let mut clock = ClockText::default();
        for millis in [
            1_700_000_000_000,
            1_700_000_000_007,
            1_700_000_059_999,
            1_800_000_000_123,
        ] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(clock.of(at), at.to_string().as_bytes());
        }
    }

    #[test]
    fn strings_are_escaped() {
        let mut line = Vec::new();
        quoted(&mut line, "a\"b\\c\nd\u{1}가🔥");
        assert_eq!(line, "\"a\\\"b\\\\c\\nd가🔥\"".as_bytes());
    }
}
