//! Tweets of X API v1.1, as twarc v1 and X archives have them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Error as _;

use super::checked;
use super::times;
use crate::events::json::{MAX_HANDLE_CODE_POINTS, MAX_TEXT_CODE_POINTS};
use crate::events::{Author, Timestamp, TweetMetrics, TweetPosted};
use crate::sources::x::mapping::{cut, decode_entities, language, without_repost_mark};
use crate::sources::{Deletion, Mapped, Rejection};

/// The author of an X archive, whose tweets do not name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveAuthor {
    /// The handle.
    pub(super) handle: String,
    /// The display name, if it is known.
    pub(super) name: Option<String>,
}

/// What a tweet is mapped with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The source of ids.
    pub(super) source: &'a str,
    /// The author of the archive that the tweet is from.
    pub(super) author: Option<&'a ArchiveAuthor>,
    /// The time at which the record is read.
    pub(super) now: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    id_str: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Option<Number>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    full_text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    extended_tweet: Option<Extended<'a>>,
    #[serde(borrow, default)]
    user: Option<User<'a>>,
    #[serde(borrow, default)]
    retweeted_status: Option<Box<Status<'a>>>,
    #[serde(borrow, default)]
    in_reply_to_status_id_str: Option<Cow<'a, str>>,
    #[serde(default)]
    favorite_count: Option<Number>,
    #[serde(default)]
    retweet_count: Option<Number>,
    #[serde(default)]
    reply_count: Option<Number>,
    #[serde(default)]
    quote_count: Option<Number>,
    #[serde(borrow, default)]
    lang: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Extended<'a> {
    #[serde(borrow, default)]
    full_text: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct User<'a> {
    #[serde(borrow, default)]
    id_str: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    screen_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    followers_count: Option<Number>,
    #[serde(default)]
    protected: bool,
}

/// A whole number; archives write it as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Number(u64),
            #[serde(borrow)]
            Text(Cow<'a, str>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Number(number)) => Ok(Self(number)),
            Ok(Written::Text(text)) => text
                .trim()
                .parse()
                .map(Self)
                .map_err(|_| D::Error::custom(format!("{text:?} is not a whole number"))),
            Err(_) => Err(D::Error::custom("a value is not a whole number")),
        }
    }
}

/// Maps a tweet. A retweet has the text of its original, and no metrics: X states the original's.
///
/// # Errors
/// [`Rejection`] names the member without which the tweet is no event.
pub(super) fn tweet(json: &str, reading: Reading<'_>) -> Result<Mapped, Rejection> {
    let status: Status<'_> = serde_json::from_str(json)
        .map_err(|error| Rejection::new(format!("not a tweet of API v1.1: {error}")))?;
    let number = status
        .number()
        .ok_or_else(|| Rejection::new("field \"id_str\" is missing; it must be a string"))?;
    let created_at = status
        .created_at
        .as_deref()
        .ok_or_else(|| Rejection::new("field \"created_at\" is missing; it must be a time"))?;
    let at = times::parse(created_at, 0)?;
    if status.user.as_ref().is_some_and(|user| user.protected) {
        return Ok(Mapped::Unmatchable);
    }
    let (author, handle) = author_of(&status, reading)?;
    let original = status.retweeted_status.as_deref();
    let metrics = match original {
        Some(_) => TweetMetrics::default(),
        None => status.metrics(),
    };
    let name = |number: &str| checked::prefixed(number, reading.source);
    let tweet = TweetPosted {
        id: checked::tweet_id(&number, reading.source)?,
        at,
        source: Some(reading.source.to_owned()),
        author,
        text: cut(
            text_of(&status, reading.author.is_some()),
            MAX_TEXT_CODE_POINTS,
        ),
        lang: status.lang.as_deref().and_then(language).map(str::to_owned),
        url: handle.map(|handle| format!("https://x.com/{handle}/status/{number}")),
        reply_to: status.in_reply_to_status_id_str.as_deref().map(name),
        repost_of: original.and_then(Status::number).as_deref().map(name),
        metrics,
    };
    checked::post(tweet, reading.now)
}

impl Status<'_> {
    fn number(&self) -> Option<String> {
        let text = self.id_str.as_deref().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .or_else(|| self.id.map(|Number(number)| number.to_string()))
    }

    /// The longest text that the tweet has.
    fn whole_text(&self) -> Option<&str> {
        let extended = self.extended_tweet.as_ref();
        let texts = [
            extended.and_then(|extended| extended.full_text.as_deref()),
            self.full_text.as_deref(),
            self.text.as_deref(),
        ];
        texts.into_iter().flatten().find(|text| !text.is_empty())
    }

    fn metrics(&self) -> TweetMetrics {
        let count = |number: Option<Number>| number.map_or(0, |Number(number)| number);
        TweetMetrics {
            likes: count(self.favorite_count),
            reposts: count(self.retweet_count),
            replies: count(self.reply_count),
            quotes: count(self.quote_count),
        }
    }
}

/// The text: of the original if the tweet is a retweet, without entities. Archives do not name the
/// original, so the mark before the text shows a retweet there.
fn text_of(status: &Status<'_>, is_of_archive: bool) -> String {
    let original = status.retweeted_status.as_deref();
    let of_original = original.and_then(Status::whole_text);
    let own = status.whole_text().unwrap_or_default();
    let own = if original.is_some() || is_of_archive {
        without_repost_mark(own)
    } else {
        own
    };
    decode_entities(of_original.unwrap_or(own))
}

/// The author, and the handle if it is known.
fn author_of(
    status: &Status<'_>,
    reading: Reading<'_>,
) -> Result<(Author, Option<String>), Rejection> {
    let filled = |text: &Option<Cow<'_, str>>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let (handle, id, name, followers) = match (&status.user, reading.author) {
        (Some(user), _) => (
            filled(&user.screen_name),
            filled(&user.id_str),
            filled(&user.name),
            user.followers_count.map(|Number(number)| number),
        ),
        (None, Some(author)) => (Some(author.handle.clone()), None, author.name.clone(), None),
        (None, None) => (None, None, None, None),
    };
    let shown = handle.clone().or(id).ok_or_else(|| {
        Rejection::new(
            "the tweet names no author (\"user.screen_name\"); for a file of an X archive give \
            --author",
        )
    })?;
    let author = Author {
        handle: cut(shown, MAX_HANDLE_CODE_POINTS),
        name,
        followers,
    };
    Ok((author, handle))
}

#[derive(Debug, Deserialize)]
struct Delete<'a> {
    #[serde(borrow)]
    status: DeletedStatus<'a>,
    #[serde(default)]
    timestamp_ms: Option<Number>,
}

#[derive(Debug, Deserialize)]
struct DeletedStatus<'a> {
    #[serde(borrow, default)]
    id_str: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Option<Number>,
}

/// Maps the value of `delete` of a stream: the deletion of a tweet, at its own time if it has one.
///
/// # Errors
/// [`Rejection`] when it names no tweet.
pub(super) fn deletion(json: &str, reading: Reading<'_>) -> Result<Mapped, Rejection> {
    let delete: Delete<'_> = serde_json::from_str(json)
        .map_err(|error| Rejection::new(format!("not a deletion of API v1.1: {error}")))?;
    let number = delete.status.id_str.map(Cow::into_owned);
    let number = number.or_else(|| delete.status.id.map(|Number(number)| number.to_string()));
    let number =
        number.ok_or_else(|| Rejection::new("field \"delete.status.id_str\" is missing"))?;
    let millis = delete.timestamp_ms;
    let at = millis.and_then(|Number(millis)| i64::try_from(millis).ok());
    let deletion = Deletion {
        id: checked::tweet_id(&number, reading.source)?,
        at: at.map_or(reading.now, Timestamp::from_millis),
    };
    checked::mapped(Mapped::Deleted(deletion), reading.now)
}
