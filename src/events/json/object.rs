//! The JSON objects of an event, as the quick path reads them and as they are written.

use std::borrow::Cow;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Declares a JSON object whose members are all optional. A derived `Deserialize` would also take
/// an array for it, and would refuse a repeated member; JSON readers expect neither.
macro_rules! wire_object {
    ($(#[$doc:meta])* $name:ident $(<$de:lifetime>)? with members $members:ident {
        $($variant:ident $json:literal => $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Serialize)]
        pub(super) struct $name $(<$de>)? {
            $(#[serde(rename = $json, skip_serializing_if = "Option::is_none")]
            pub(super) $field: Option<$type>,)*
        }

        /// Its members.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(field_identifier)]
        pub(super) enum $members {
            $(#[serde(rename = $json)] $variant,)*
            #[serde(other)]
            Unknown,
        }

        impl $members {
            /// The member of this name; `None` when it is unknown.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($json => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $json,)*
                    Self::Unknown => "",
                }
            }
        }

        impl<'de> Deserialize<'de> for $name $(<$de>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;
                impl<'de> Visitor<'de> for Members {
                    type Value = $name $(<$de>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(name) = map.next_key()? {
                            match name {
                                $($members::$variant => object.$field = map.next_value()?,)*
                                $members::Unknown => {
                                    map.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Members)
            }
        }
    };
}

/// A text that is looked at and not kept: borrowed, unless escapes have to be undone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

wire_object! {
    /// Every member of every event. Texts that are kept are owned.
    WireEvent<'de> with members EventMember {
        Type "type" => kind: Text<'de>,
        Keyword "keyword" => keyword: Value,
        Id "id" => id: Text<'de>,
        Source "source" => source: String,
        At "at" => at: Text<'de>,
        Author "author" => author: WireAuthor,
        Text "text" => text: String,
        Lang "lang" => lang: String,
        Url "url" => url: String,
        ReplyTo "reply_to" => reply_to: String,
        RepostOf "repost_of" => repost_of: String,
        Metrics "metrics" => metrics: WireMetrics,
    }
}

wire_object! {
    /// The author of a tweet.
    WireAuthor with members AuthorMember {
        Handle "handle" => handle: String,
        Name "name" => name: String,
        Followers "followers" => followers: u64,
    }
}

wire_object! {
    /// Metrics of a tweet.
    WireMetrics with members Metric {
        Likes "likes" => likes: u64,
        Reposts "reposts" => reposts: u64,
        Replies "replies" => replies: u64,
        Quotes "quotes" => quotes: u64,
    }
}
