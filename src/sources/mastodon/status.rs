//! The wire shape of a status, as streams and timelines send it.

use serde::Deserialize;
use serde::de::Deserializer;

use crate::events::json::MAX_METRIC;
use crate::events::{MetricsPatch, Timestamp};
use crate::sources::Rejection;

/// A status. Members that are not used are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) id: StatusId,
    created_at: String,
    edited_at: Option<String>,
    visibility: Option<String>,
    pub(super) language: Option<String>,
    spoiler_text: Option<String>,
    content: Option<String>,
    uri: Option<String>,
    url: Option<String>,
    pub(super) in_reply_to_id: Option<StatusId>,
    pub(super) reblog: Option<Box<Status>>,
    pub(super) account: Account,
    #[serde(default)]
    favourites_count: Count,
    #[serde(default)]
    reblogs_count: Count,
    #[serde(default)]
    replies_count: Count,
    #[serde(default)]
    quotes_count: Count,
}

/// The account that wrote a status.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    /// The name of the account, with the host of its server if that is another one.
    pub(super) acct: String,
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) followers_count: Count,
}

/// The id of a status: a string, or a number at servers of other software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusId(pub(super) String);

/// A count. What is no whole number from 0 on counts as absent: some servers send −1 for a count
/// that they hide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) Option<u64>);

impl Status {
    /// Reads a status from a JSON object.
    ///
    /// # Errors
    /// [`Rejection`] when it is none, or lacks a member that every status has.
    pub(super) fn read(json: &[u8]) -> Result<Self, Rejection> {
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(Rejection::new("a status is a JSON object"));
        }
        serde_json::from_slice(json)
            .map_err(|error| Rejection::new(format!("not the JSON of a status: {error}")))
    }

    /// When the status was posted.
    ///
    /// # Errors
    /// [`Rejection`] when it is no RFC 3339 time.
    pub(super) fn created_at(&self) -> Result<Timestamp, Rejection> {
        time("created_at", &self.created_at)
    }

    /// When the status was edited last, if it was.
    ///
    /// # Errors
    /// [`Rejection`] when it is no RFC 3339 time.
    pub(super) fn edited_at(&self) -> Result<Option<Timestamp>, Rejection> {
        let edited_at = self.edited_at.as_deref();
        edited_at.map(|text| time("edited_at", text)).transpose()
    }

    /// True when the status is public.
    ///
    /// `unlisted` is not: its author has chosen that it is not found in public timelines and
    /// searches, and a collection by keywords is a search. Public streams and timelines do not have
    /// such statuses anyway. A server that states no visibility has only public ones there.
    pub(super) fn is_public(&self) -> bool {
        let is_public =
            |status: &Self| status.visibility.as_deref().unwrap_or("public") == "public";
        is_public(self) && self.reblog.as_deref().is_none_or(is_public)
    }

    /// The warning in front of the content; empty when there is none.
    pub(super) fn spoiler(&self) -> &str {
        self.spoiler_text.as_deref().unwrap_or_default().trim()
    }

    /// The content, in HTML.
    pub(super) fn content(&self) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    /// The address of the status for people, else its name in the network.
    pub(super) fn url(&self) -> Option<&str> {
        let mut urls = [&self.url, &self.uri].into_iter().flatten();
        urls.find(|url| !url.is_empty()).map(String::as_str)
    }

    /// The counts of the status that its server states.
    pub(super) fn metrics(&self) -> MetricsPatch {
        MetricsPatch {
            likes: self.favourites_count.0,
            reposts: self.reblogs_count.0,
            replies: self.replies_count.0,
            quotes: self.quotes_count.0,
        }
    }
}

fn time(member: &str, text: &str) -> Result<Timestamp, Rejection> {
    Timestamp::parse(text).map_err(|error| Rejection::new(format!("{member}: {error}")))
}

impl<'de> Deserialize<'de> for StatusId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Text(String),
            Number(u64),
        }
        Ok(match Spelling::deserialize(deserializer)? {
            Spelling::Text(text) => Self(text),
            Spelling::Number(number) => Self(number.to_string()),
        })
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(value.as_u64().map(|count| count.min(MAX_METRIC))))
    }
}
