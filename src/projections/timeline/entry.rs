//! One tweet in a tweet page: its time (8 bytes, big-endian milliseconds), the length of the id (1
//! byte), the id, the length of the body (4 bytes, little-endian), the body (bincode).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::events::{Author, Timestamp, TweetId, TweetMetrics, TweetPosted, binary};
use crate::projections::TweetKey;

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

/// One tweet of a page, not decoded yet.
#[derive(Debug, Clone, Copy)]
pub struct PageEntry<'a> {
    /// Its time.
    pub at: Timestamp,
    /// Its id.
    pub id: &'a [u8],
    body: &'a [u8],
}

impl PageEntry<'_> {
    /// Approximate size in its page, in bytes.
    pub const fn len(&self) -> usize {
        self.id.len().saturating_add(self.body.len())
    }

    /// How its key compares to another.
    pub fn compare(&self, key: &TweetKey) -> Ordering {
        self.at.cmp(&key.at()).then_with(|| self.id.cmp(key.id()))
    }

    /// Its key.
    pub fn key(&self) -> TweetKey {
        TweetKey::from_parts(self.at, self.id)
    }

    /// Decodes the tweet, with the metrics from its post.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn tweet(&self) -> Result<TweetPosted, String> {
        let id = std::str::from_utf8(self.id).map_err(|error| error.to_string())?;
        let body: Body = binary::decode_value(self.body).map_err(|error| error.to_string())?;
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

/// Appends a tweet in the form that pages hold.
pub(super) fn write_entry(
    tweet: &TweetPosted,
    out: &mut Vec<u8>,
) -> Result<(), binary::StoredError> {
    out.extend_from_slice(&tweet.at.millis().to_be_bytes());
    out.push(u8::try_from(tweet.id.as_bytes().len()).unwrap_or(u8::MAX));
    out.extend_from_slice(tweet.id.as_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let body_at = out.len();
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
    let length = u32::try_from(out.len().saturating_sub(body_at)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(length_at..body_at) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// Returns the first tweet of `bytes` and the remaining bytes; `None` when the tweet is cut.
pub(super) fn parse_entry(bytes: &[u8]) -> Option<(PageEntry<'_>, &[u8])> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    let at = Timestamp::from_millis(i64::from_be_bytes(*at));
    Some((PageEntry { at, id, body }, rest))
}
