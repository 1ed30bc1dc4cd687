//! Declarations of query parameters.
//!
//! A resource declares its parameters as constants of these types. Three things are made from them:
//! the check of a query ([`super::query`]), the OpenAPI entries, and the parameters of the
//! resource's live topic.

use serde_json::{Value, json};

/// The part that all parameters have: name, meaning, and use in the live topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Name in queries.
    pub name: &'static str,
    /// Meaning, for the OpenAPI and AsyncAPI descriptions.
    pub description: &'static str,
    /// Use in the live topic.
    pub live: LiveUse,
}

/// The use of a parameter in the live topic of its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveUse {
    /// The topic takes the parameter, with the same meaning.
    Same,
    /// The topic takes the parameter, with this meaning.
    Described(&'static str),
    /// The topic does not take the parameter.
    None,
}

impl Head {
    /// A head whose parameter the live topic takes with the same meaning.
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            live: LiveUse::Same,
        }
    }

    /// Gives the parameter another meaning in the live topic.
    #[must_use]
    pub const fn live(self, description: &'static str) -> Self {
        Self {
            live: LiveUse::Described(description),
            ..self
        }
    }

    /// Excludes the parameter from the live topic.
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
    /// Name, meaning and live use.
    pub head: Head,
    /// The smallest value.
    pub min: usize,
    /// The largest value.
    pub max: usize,
    /// The value when none is given.
    pub default: usize,
}

/// A word from a short list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Name, meaning and live use.
    pub head: Head,
    /// The allowed words.
    pub words: &'static [&'static str],
    /// The word when none is given.
    pub default: &'static str,
}

/// A moment in RFC 3339. Default: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Head);

/// Any text. Default: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text(pub Head);

/// An offset from UTC in whole hours. Default: `+00:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Head);

/// The cursor from which a result page continues. Default: the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub Head);

/// A sequence of the journal. Default: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(pub Head);

/// Keywords. The parameter is repeated, once for each keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keywords {
    /// Name, meaning and live use.
    pub head: Head,
    /// Largest number of keywords. At least one has to be given.
    pub max: usize,
}

/// A parameter of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// A whole number in a range.
    Number(Number),
    /// A word from a short list.
    Word(Word),
    /// A moment.
    Time(Time),
    /// Any text.
    Text(Text),
    /// An offset from UTC in whole hours.
    Zone(Zone),
    /// The cursor from which a result page continues.
    Cursor(Cursor),
    /// A sequence of the journal.
    Position(Position),
    /// One or more keywords.
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

/// A parameter name that every route refuses. It is reserved for answers as of an earlier position.
pub const RESERVED: &str = "as_of";

impl Parameter {
    /// Name, meaning and live use.
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

    /// Name in queries.
    pub const fn name(&self) -> &'static str {
        self.head().name
    }

    /// Whether a query may repeat the parameter.
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Keywords(_))
    }

    /// Meaning in the live topic. `None` when the topic does not take it.
    pub const fn live_description(&self) -> Option<&'static str> {
        match self.head().live {
            LiveUse::Same => Some(self.head().description),
            LiveUse::Described(description) => Some(description),
            LiveUse::None => None,
        }
    }

    /// The JSON schema of the parameter's value.
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

    /// The entry of the parameter in an OpenAPI operation, with this description.
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

    /// A value that is refused, for tests. `None` when every text is allowed.
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
