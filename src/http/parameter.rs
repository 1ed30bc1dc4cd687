//! Query parameters, declared once.
//!
//! A resource declares its parameters as constants. From them come what is read strictly
//! ([`super::query`]), the OpenAPI entry, and the parameters of the resource's live topic.

use serde_json::{Value, json};

/// The name of a parameter, what it means, and whether its live topic takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its name in queries.
    pub name: &'static str,
    /// Its meaning, for the descriptions of the interface.
    pub description: &'static str,
    /// Its use in the live topic.
    pub live: LiveUse,
}

/// The use of a parameter in the live topic of its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveUse {
    /// The topic takes it, with the same meaning.
    Same,
    /// The topic takes it, with this meaning.
    Described(&'static str),
    /// The topic does not take it.
    None,
}

impl Head {
    /// A parameter that the live topic takes with the same meaning.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            live: LiveUse::Same,
        }
    }

    /// The same parameter, with this meaning in the live topic.
    #[must_use]
    pub const fn live(self, description: &'static str) -> Self {
        Self {
            live: LiveUse::Described(description),
            ..self
        }
    }

    /// The same parameter; the live topic does not take it.
    #[must_use]
    pub const fn not_live(self) -> Self {
        Self {
            live: LiveUse::None,
            ..self
        }
    }
}

/// A whole number in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Its head.
    pub head: Head,
    /// The smallest value.
    pub min: usize,
    /// The largest value.
    pub max: usize,
    /// The value when none is given.
    pub default: usize,
}

/// One of a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Its head.
    pub head: Head,
    /// The words.
    pub words: &'static [&'static str],
    /// The word when none is given.
    pub default: &'static str,
}

/// A moment in RFC 3339; none is given by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Head);

/// Any text; none is given by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text(pub Head);

/// An offset of whole hours; `+00:00` by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Head);

/// Where a result page goes on; at the beginning by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub Head);

/// A sequence of the journal; none is given by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(pub Head);

/// Keywords, each given as one parameter of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keywords {
    /// Its head.
    pub head: Head,
    /// At most so many, and at least one.
    pub max: usize,
}

/// A parameter of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// A whole number in a range.
    Number(Number),
    /// One of a few words.
    Word(Word),
    /// A moment.
    Time(Time),
    /// Any text.
    Text(Text),
    /// An offset of whole hours.
    Zone(Zone),
    /// Where a result page goes on.
    Cursor(Cursor),
    /// A sequence of the journal.
    Position(Position),
    /// Some keywords.
    Keywords(Keywords),
}

/// The parameter that every resource takes.
pub const MIN_SEQ: Position = Position(
    Head::new(
        "min_seq",
        "Answer when the views have folded through this sequence",
    )
    .not_live(),
);

/// A parameter that no route has yet: it will ask for the answer as of an earlier position.
pub const RESERVED: &str = "as_of";

impl Parameter {
    /// Its head.
    pub const fn head(&self) -> &Head {
        match self {
            Self::Number(Number { head, .. })
            | Self::Word(Word { head, .. })
            | Self::Time(Time(head))
            | Self::Text(Text(head))
            | Self::Zone(Zone(head))
            | Self::Cursor(Cursor(head))
            | Self::Position(Position(head))
            | Self::Keywords(Keywords { head, .. }) => head,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.head().name
    }

    /// Whether it may be given more than once.
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Keywords(_))
    }

    /// What it means in the live topic; `None` where the topic does not take it.
    pub const fn live_description(&self) -> Option<&'static str> {
        match self.head().live {
            LiveUse::Same => Some(self.head().description),
            LiveUse::Described(description) => Some(description),
            LiveUse::None => None,
        }
    }

    /// The JSON schema of its value.
    pub fn schema(&self) -> Value {
        match self {
            Self::Number(Number {
                min, max, default, ..
            }) => json!({
                "type": "integer", "minimum": min, "maximum": max, "default": default,
            }),
            Self::Word(Word { words, default, .. }) => json!({
                "type": "string", "enum": words, "default": default,
            }),
            Self::Time(_) => json!({ "type": "string", "format": "date-time" }),
            Self::Text(_) | Self::Cursor(_) => json!({ "type": "string" }),
            Self::Zone(_) => json!({
                "type": "string", "pattern": "^(Z|[+-][0-9]{2}:00)$", "default": "+00:00",
            }),
            Self::Position(_) => json!({ "type": "integer", "minimum": 0 }),
            Self::Keywords(Keywords { max, .. }) => json!({
                "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": max,
            }),
        }
    }

    /// Its entry in an OpenAPI operation, with this description.
    pub fn entry(&self, description: &str) -> Value {
        let mut entry = json!({
            "name": self.name(), "in": "query", "description": description, "schema": self.schema(),
        });
        if self.is_repeatable()
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("required".into(), json!(true));
            entry.insert("style".into(), json!("form"));
            entry.insert("explode".into(), json!(true));
        }
        entry
    }

    /// A value that a request must not give, for tests.
    pub const fn wrong_value(&self) -> Option<&'static str> {
        match self {
            Self::Number(_) | Self::Position(_) => Some("-1"),
            Self::Word(_) | Self::Time(_) | Self::Zone(_) => Some("wrong"),
            Self::Cursor(_) => Some("!!"),
            Self::Keywords(_) => Some("%00"),
            Self::Text(_) => None,
        }
    }
}
