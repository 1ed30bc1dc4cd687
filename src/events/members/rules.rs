//! The rules for members that are texts, times or numbers.
//!
//! In: the JSON of a member, or its absence. Out: the value of the member, or a [`DecodeError`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{DecodeError, Field, Found, Rule};
use crate::events::{GivenTexts, ListedTexts, Timestamp, TweetId};

/// Maximum length of a text, in code points.
pub const MAX_TEXT_CODE_POINTS: usize = 10_000;
/// Maximum length of an author handle, in code points.
pub const MAX_HANDLE_CODE_POINTS: usize = 64;
/// Maximum value of a metric: 2^53−1, the largest integer that every JSON reader keeps exactly.
pub const MAX_METRIC: u64 = (1 << 53) - 1;
/// Maximum distance of the `at` of an event after the time at which the journal received it, in
/// milliseconds.
pub const MAX_AHEAD_MILLIS: i64 = Timestamp::DAY;

/// A text that is read and not kept. It is borrowed, unless it has escapes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::events) struct BorrowedText<'a>(#[serde(borrow)] pub(in crate::events) Cow<'a, str>);

/// The time of an event. Required: RFC 3339, from 2000-01-01 to one day after the journal received
/// the event.
pub(in crate::events) struct Time;

/// The id of a tweet. Required: 1..=128 printable ASCII characters.
pub(in crate::events) struct Id;

/// A required text of 1..=`MAX` code points.
pub(in crate::events) struct Text<const MAX: usize>;

/// An optional text of any length.
pub(in crate::events) struct OptionalText;

/// The texts of a rule of a keyword, optional. An empty list is not the same as an absent one.
pub(in crate::events) struct RuleList;

/// An optional number in 0..=[`MAX_METRIC`].
pub(in crate::events) struct Count;

/// A number in 0..=[`MAX_METRIC`]; 0 when it is absent.
pub(in crate::events) struct CountOrZero;

impl Rule for Time {
    type Value = Timestamp;
    type Json<'de> = BorrowedText<'de>;

    fn diagnose<'a>(found: &Found<'a>) -> Result<BorrowedText<'a>, DecodeError> {
        found.text().map(BorrowedText)
    }

    fn check(
        json: Option<BorrowedText<'_>>,
        field: Field,
        received_at: Timestamp,
    ) -> Result<Timestamp, DecodeError> {
        let expected = "an RFC 3339 time such as \"2026-11-23T07:00:00.123Z\"";
        let BorrowedText(text) = json.ok_or_else(|| field.missing(expected))?;
        let at = Timestamp::parse(&text).map_err(|error| field.bad(format!(": {error}")))?;
        if at < Timestamp::EARLIEST {
            return Err(field.bad(format!(
                " is {at}; the earliest time allowed is {}",
                Timestamp::EARLIEST
            )));
        }
        let latest = received_at.plus(MAX_AHEAD_MILLIS);
        if at > latest {
            return Err(field.bad(format!(
                " is {at}, too far in the future; the latest time allowed is {latest}, 24 hours \
                after it was received"
            )));
        }
        Ok(at)
    }

    fn written(value: &Timestamp) -> Option<impl Serialize> {
        Some(value.to_string())
    }
}

impl Rule for Id {
    type Value = TweetId;
    type Json<'de> = BorrowedText<'de>;

    fn diagnose<'a>(found: &Found<'a>) -> Result<BorrowedText<'a>, DecodeError> {
        found.text().map(BorrowedText)
    }

    fn check(
        json: Option<BorrowedText<'_>>,
        field: Field,
        _: Timestamp,
    ) -> Result<TweetId, DecodeError> {
        let expected = "1 to 128 printable ASCII characters";
        let BorrowedText(text) = json.ok_or_else(|| field.missing(expected))?;
        TweetId::new(&text).map_err(|error| field.bad(format!(": {error}")))
    }

    fn written(value: &TweetId) -> Option<impl Serialize> {
        Some(value.as_str())
    }
}

impl<const MAX: usize> Rule for Text<MAX> {
    type Value = String;
    type Json<'de> = String;

    fn diagnose(found: &Found<'_>) -> Result<String, DecodeError> {
        found.text().map(Cow::into_owned)
    }

    fn check(json: Option<String>, field: Field, _: Timestamp) -> Result<String, DecodeError> {
        let text =
            json.ok_or_else(|| field.missing(format!("a string of 1 to {MAX} characters")))?;
        // A text has at most as many code points as bytes, so a short text needs no counting.
        let count = if text.len() <= MAX {
            text.len().min(1)
        } else {
            text.chars().count()
        };
        if (1..=MAX).contains(&count) {
            Ok(text)
        } else {
            Err(field.bad(format!(" has {count} characters; it must have 1 to {MAX}")))
        }
    }

    fn written(value: &String) -> Option<impl Serialize> {
        Some(value)
    }
}

impl Rule for OptionalText {
    type Value = Option<String>;
    type Json<'de> = String;

    fn diagnose(found: &Found<'_>) -> Result<String, DecodeError> {
        found.text().map(Cow::into_owned)
    }

    fn check(json: Option<String>, _: Field, _: Timestamp) -> Result<Option<String>, DecodeError> {
        Ok(json)
    }

    fn written(value: &Option<String>) -> Option<impl Serialize> {
        value.as_ref()
    }
}

impl Rule for RuleList {
    type Value = GivenTexts;
    type Json<'de> = ListedTexts<'de>;

    fn diagnose<'a>(found: &Found<'a>) -> Result<ListedTexts<'a>, DecodeError> {
        found.texts()
    }

    fn check(
        json: Option<ListedTexts<'_>>,
        field: Field,
        _: Timestamp,
    ) -> Result<GivenTexts, DecodeError> {
        let Some(listed) = json else {
            return Ok(GivenTexts::absent());
        };
        listed
            .checked()
            .map(GivenTexts::given)
            .map_err(|error| field.bad(format!(" {error}")))
    }

    fn written(value: &GivenTexts) -> Option<impl Serialize> {
        value.as_given()
    }
}

impl Rule for Count {
    type Value = Option<u64>;
    type Json<'de> = u64;

    fn diagnose(found: &Found<'_>) -> Result<u64, DecodeError> {
        found.count()
    }

    fn check(json: Option<u64>, field: Field, _: Timestamp) -> Result<Option<u64>, DecodeError> {
        match json {
            Some(count) if count > MAX_METRIC => Err(field.bad(format!(
                " is {count}; it must be a whole number from 0 to {MAX_METRIC}"
            ))),
            allowed => Ok(allowed),
        }
    }

    fn written(value: &Option<u64>) -> Option<impl Serialize> {
        *value
    }
}

impl Rule for CountOrZero {
    type Value = u64;
    type Json<'de> = u64;

    fn diagnose(found: &Found<'_>) -> Result<u64, DecodeError> {
        found.count()
    }

    fn check(json: Option<u64>, field: Field, received_at: Timestamp) -> Result<u64, DecodeError> {
        Count::check(json, field, received_at).map(Option::unwrap_or_default)
    }

    fn written(value: &u64) -> Option<impl Serialize> {
        Some(*value)
    }
}
