//! The values of the parameters `by` and `order`.

use std::fmt;
use std::str::FromStr;

use crate::projections::keys::KeyKind;

/// The kind of the ranked items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Key(KeyKind),
    Tweet,
}

impl FromStr for By {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "word" => Self::Key(KeyKind::Word),
            "hashtag" => Self::Key(KeyKind::Hashtag),
            "mention" => Self::Key(KeyKind::Mention),
            "author" => Self::Key(KeyKind::Author),
            "tweet" => Self::Tweet,
            _ => return Err(()),
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(KeyKind::Word) => "word",
            Self::Key(KeyKind::Hashtag) => "hashtag",
            Self::Key(KeyKind::Mention) => "mention",
            Self::Key(KeyKind::Author) => "author",
            Self::Tweet => "tweet",
        })
    }
}

/// The order of the ranked items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Top,
    Rising,
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "top" => Ok(Self::Top),
            "rising" => Ok(Self::Rising),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Top => "top",
            Self::Rising => "rising",
        })
    }
}
