//! One tweet in a tweet page: its time (8 bytes, big-endian milliseconds), the length of the id (1
//! byte), the id, the length of the rest (3 bytes, little-endian), flags (1 byte), the rest. The
//! rest is the sequence of the record that counted the tweet (LEB128), the time at which the
//! journal received that record (LEB128 of the zigzag of the difference to the tweet's time, in
//! milliseconds), and the body (bincode).
//!
//! In rows of earlier versions the length has 4 bytes, there are no flags, and the rest is the
//! body.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::events::{Author, Sequence, Timestamp, TweetId, TweetMetrics, TweetPosted, binary};
use crate::projections::varint::{read_varint, write_varint};
use crate::projections::{FoldedTweet, TweetKey};

/// Sequence 0 and difference 0: the unknown record of an upcast entry.
const NO_RECORD: [u8; 2] = [0; 2];

/// The fields of a tweet without time and id, which precede the body in the page.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    source: Option<String>,
    author: Author,
    text: String,
    lang: Option<String>,
    url: Option<String>,
    reply_to: Option<String>,
    repost_of: Option<String>,
    metrics: TweetMetrics,
}

#[derive(Serialize)]
struct BodyRef<'a> {
    source: &'a Option<String>,
    author: &'a Author,
    text: &'a str,
    lang: &'a Option<String>,
    url: &'a Option<String>,
    reply_to: &'a Option<String>,
    repost_of: &'a Option<String>,
    metrics: &'a TweetMetrics,
}

/// A body, decoded without copying its texts.
#[derive(Deserialize)]
struct BorrowedBody<'a> {
    _source: Option<&'a str>,
    #[serde(borrow)]
    _author: (&'a str, Option<&'a str>, Option<u64>),
    text: &'a str,
    _lang: Option<&'a str>,
    _url: Option<&'a str>,
    _reply_to: Option<&'a str>,
    _repost_of: Option<&'a str>,
    metrics: TweetMetrics,
}

/// One tweet of a page, not decoded yet.
#[derive(Debug, Clone, Copy)]
pub struct PageEntry<'a> {
    /// The time of the tweet.
    pub at: Timestamp,
    /// The id of the tweet.
    pub id: &'a [u8],
    /// Reserved; 0 so far.
    pub flags: u8,
    rest: &'a [u8],
}

/// The record that counted a tweet, as far as pages hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountingRecord {
    /// The sequence of the record; [`Sequence::ZERO`] in rows of earlier versions.
    pub sequence: Sequence,
    /// When the journal received the record; `None` in rows of earlier versions.
    pub received_at: Option<Timestamp>,
}

impl<'a> PageEntry<'a> {
    /// Approximate size of the entry in its page, in bytes.
    pub const fn len(&self) -> usize {
        self.id.len().saturating_add(self.rest.len())
    }

    /// Compares the key of the tweet with `key`.
    pub fn compare(&self, key: &TweetKey) -> Ordering {
        self.at.cmp(&key.at()).then_with(|| self.id.cmp(key.id()))
    }

    /// The key of the tweet.
    pub fn key(&self) -> TweetKey {
        TweetKey::from_parts(self.at, self.id)
    }

    /// Decodes the record that counted the tweet.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn record(&self) -> Result<CountingRecord, String> {
        Ok(self.record_and_body()?.0)
    }

    fn record_and_body(&self) -> Result<(CountingRecord, &'a [u8]), String> {
        let mut rest = self.rest;
        let mut number = || read_varint(&mut rest).ok_or("the record of a tweet is cut");
        let sequence = Sequence::new(number()?);
        let difference = from_zigzag(number()?);
        let received_at = Timestamp::from_millis(self.at.millis().wrapping_add(difference));
        let record = CountingRecord {
            sequence,
            received_at: (sequence > Sequence::ZERO).then_some(received_at),
        };
        Ok((record, rest))
    }

    /// Decodes the text.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn text(&self) -> Result<&'a str, String> {
        Ok(self.borrowed()?.text)
    }

    /// Decodes the metrics from the post of the tweet.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn metrics(&self) -> Result<TweetMetrics, String> {
        Ok(self.borrowed()?.metrics)
    }

    fn borrowed(&self) -> Result<BorrowedBody<'a>, String> {
        let (_, body) = self.record_and_body()?;
        binary::decode_borrowed(body).map_err(|error| error.to_string())
    }

    /// Decodes the tweet, with the metrics from its post.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn tweet(&self) -> Result<TweetPosted, String> {
        let id = std::str::from_utf8(self.id).map_err(|error| error.to_string())?;
        let (_, body) = self.record_and_body()?;
        let body: Body = binary::decode_value(body).map_err(|error| error.to_string())?;
        Ok(TweetPosted {
            id: TweetId::new(id).map_err(|error| error.to_string())?,
            at: self.at,
            source: body.source,
            author: body.author,
            text: body.text,
            lang: body.lang,
            url: body.url,
            reply_to: body.reply_to,
            repost_of: body.repost_of,
            metrics: body.metrics,
        })
    }
}

/// Appends a tweet in the form that pages hold. The event that is folded counts the tweet.
pub(super) fn write_entry(
    folded: &FoldedTweet<'_>,
    out: &mut Vec<u8>,
) -> Result<(), binary::StoredError> {
    let tweet = folded.tweet;
    out.extend_from_slice(&tweet.at.millis().to_be_bytes());
    out.push(u8::try_from(tweet.id.as_bytes().len()).unwrap_or(u8::MAX));
    out.extend_from_slice(tweet.id.as_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let rest_at = out.len();
    write_varint(folded.sequence.get(), out);
    let received_at = folded.received_at.millis();
    write_varint(to_zigzag(received_at.wrapping_sub(tweet.at.millis())), out);
    let body = BodyRef {
        source: &tweet.source,
        author: &tweet.author,
        text: &tweet.text,
        lang: &tweet.lang,
        url: &tweet.url,
        reply_to: &tweet.reply_to,
        repost_of: &tweet.repost_of,
        metrics: &tweet.metrics,
    };
    binary::encode_value(&body, out)?;
    let length = out.len().saturating_sub(rest_at);
    if let Some(written) = out.get_mut(length_at..rest_at) {
        written.copy_from_slice(&length_word(length));
    }
    Ok(())
}

/// The length of the rest in 3 bytes, and flags of 0. A rest is far shorter than 2^24 bytes,
/// because [`binary::MAX_BYTES`] limits the body.
fn length_word(length: usize) -> [u8; 4] {
    let [low, middle, high, _] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [low, middle, high, 0]
}

/// Returns the first tweet of `bytes` and the remaining bytes; `None` when the tweet is cut.
pub(super) fn parse_entry(bytes: &[u8]) -> Option<(PageEntry<'_>, &[u8])> {
    let (at, bytes) = bytes.split_first_chunk::<8>()?;
    let (length, bytes) = bytes.split_first()?;
    let (id, bytes) = bytes.split_at_checked(usize::from(*length))?;
    let (&[low, middle, high, flags], bytes) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes([low, middle, high, 0])).ok()?;
    let (rest, behind) = bytes.split_at_checked(length)?;
    let at = Timestamp::from_millis(i64::from_be_bytes(*at));
    let entry = PageEntry {
        at,
        id,
        flags,
        rest,
    };
    Some((entry, behind))
}

/// Upcasts the entries of an earlier version. Their records are unknown. `None` when an entry is
/// cut.
pub(super) fn upcast_entries(mut earlier: &[u8]) -> Option<Vec<u8>> {
    let mut upcast = Vec::with_capacity(earlier.len().saturating_add(64));
    while !earlier.is_empty() {
        let id_length = usize::from(*earlier.get(8)?);
        let (start, rest) = earlier.split_at_checked(id_length.checked_add(9)?)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (body, rest) = rest.split_at_checked(length)?;
        upcast.extend_from_slice(start);
        upcast.extend_from_slice(&length_word(length.checked_add(NO_RECORD.len())?));
        upcast.extend_from_slice(&NO_RECORD);
        upcast.extend_from_slice(body);
        earlier = rest;
    }
    Some(upcast)
}

/// Maps numbers near 0 to small numbers: 0, -1, 1, -2 to 0, 1, 2, 3.
const fn to_zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn from_zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tweet(at: i64) -> TweetPosted {
        TweetPosted::of_test("x:1", Timestamp::from_millis(at), "ai")
    }

    fn written(tweet: &TweetPosted, sequence: u64, received_at: i64) -> Vec<u8> {
        let (sequence, received_at) =
            (Sequence::new(sequence), Timestamp::from_millis(received_at));
        let folded = FoldedTweet::of_test(sequence, received_at, tweet);
        let mut bytes = Vec::new();
        write_entry(&folded, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn text_and_metrics_are_those_of_the_whole_tweet() {
        let full = TweetPosted {
            source: Some("x".into()),
            author: Author {
                handle: "someone".into(),
                name: Some("누군가".into()),
                followers: Some(1 << 40),
            },
            text: "아이폰은 좋다 🍎".into(),
            lang: Some("ko".into()),
            url: Some("https://example.com/1".into()),
            reply_to: Some("x:2".into()),
            repost_of: Some("x:3".into()),
            metrics: TweetMetrics {
                likes: 1,
                reposts: 250,
                replies: 70_000,
                quotes: 1 << 50,
            },
            ..tweet(7)
        };
        for tweet in [full, tweet(7)] {
            let bytes = written(&tweet, 300, 9);
            let (entry, _) = parse_entry(&bytes).unwrap();
            assert_eq!(entry.text().unwrap(), tweet.text);
            assert_eq!(entry.metrics().unwrap(), tweet.metrics);
        }
    }

    #[test]
    fn entries_of_both_versions_are_these_bytes() {
        const BODY: &[u8] = b"\0\x07someone\0\0\x02ai\0\0\0\0\0\0\0\0";
        let tweet = tweet(0x0100);
        let start = b"\0\0\0\0\0\0\x01\0\x03x:1";
        let bytes = written(&tweet, 300, 0x0100 - 65);
        let expected = [start, &b"\x1a\0\0\0\xac\x02\x81\x01"[..], BODY].concat();
        assert_eq!(bytes, expected);
        let (entry, rest) = parse_entry(&bytes).unwrap();
        assert_eq!((entry.flags, rest), (0, &[][..]));
        assert_eq!(entry.tweet().unwrap(), tweet);
        let record = CountingRecord {
            sequence: Sequence::new(300),
            received_at: Some(Timestamp::from_millis(0x0100 - 65)),
        };
        assert_eq!(entry.record().unwrap(), record);

        let earlier = [start, &b"\x16\0\0\0"[..], BODY].concat();
        let upcast = upcast_entries(&[&earlier[..], &earlier].concat()).unwrap();
        let (entry, rest) = parse_entry(&upcast).unwrap();
        assert_eq!(entry.tweet().unwrap(), tweet);
        let record = CountingRecord {
            sequence: Sequence::ZERO,
            received_at: None,
        };
        assert_eq!(entry.record().unwrap(), record);
        let (entry, rest) = parse_entry(rest).unwrap();
        assert_eq!((entry.tweet().unwrap(), rest), (tweet, &[][..]));
        assert_eq!(upcast_entries(&earlier[..earlier.len() - 1]), None);
    }

    #[test]
    fn flags_stand_beside_the_length() {
        let mut bytes = written(&tweet(5), 1, 5);
        bytes[15] = 0x81;
        let (entry, rest) = parse_entry(&bytes).unwrap();
        assert_eq!((entry.flags, rest), (0x81, &[][..]));
        assert_eq!(entry.tweet().unwrap(), tweet(5));
    }

    /// A live tweet in a journal with a million records, and one imported a year later.
    #[test]
    fn record_takes_few_bytes() {
        let at = 1_795_435_200_000;
        let without = written(&tweet(at), 0, at).len() - 2;
        assert_eq!(
            written(&tweet(at), 1_000_000, at + 8_000).len(),
            without + 5
        );
        let year = 365 * Timestamp::DAY;
        assert_eq!(written(&tweet(at), 1_000_000, at + year).len(), without + 9);
    }

    proptest! {
        #[test]
        fn any_record_is_read_as_it_was_written(at: i64, sequence in 1_u64.., received_at: i64) {
            let tweet = tweet(at);
            let bytes = written(&tweet, sequence, received_at);
            let (entry, _) = parse_entry(&bytes).unwrap();
            let record = CountingRecord {
                sequence: Sequence::new(sequence),
                received_at: Some(Timestamp::from_millis(received_at)),
            };
            prop_assert_eq!(entry.record(), Ok(record));
            prop_assert_eq!(entry.tweet(), Ok(tweet));
        }
    }
}
