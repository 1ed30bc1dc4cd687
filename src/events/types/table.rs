//! Generates the event enum, and the matches over it, from the table of types.

/// Declares the types of events, one line each: `Type(payload) in module`.
///
/// The order of the lines is part of the stored form. A new type goes to the end.
macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident($payload:ty) in $module:ident),* $(,)?) => {
        $(pub use self::$module::$name;)*

        /// One fact about a keyword or a tweet, named in the past tense.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $name($payload),)*
        }

        /// The type of an event. The order of the variants is part of the stored form.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The `type` member on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => <$name as EventType>::NAME,)*
                }
            }

            /// Whether the events are about a tweet or a keyword.
            pub const fn subject(self) -> Subject {
                match self {
                    $(Self::$name => <$name as EventType>::SUBJECT,)*
                }
            }

            /// Names of the members other than `type`.
            pub const fn members(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => <$name as $crate::events::members::Members>::NAMES,)*
                }
            }

            /// Example events in the JSON of publishers, each with the name of its golden files in
            /// `tests/golden/`. The first example has every member.
            pub const fn examples(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$name => <$name as EventType>::EXAMPLES,)*
                }
            }

            /// Runs `visitor` for the type of this kind.
            pub(in crate::events) fn apply<V: KindVisitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$name => visitor.visit::<$name>(),)*
                }
            }
        }

        impl Event {
            /// The type of the event.
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Self::$name(_) => EventKind::$name,)*
                }
            }

            /// The event time: when what the event states happened.
            pub const fn at(&self) -> Timestamp {
                match self {
                    $(Self::$name(event) => event.at,)*
                }
            }

            /// Returns the event with another time.
            #[must_use]
            pub fn with_at(mut self, at: Timestamp) -> Self {
                match &mut self {
                    $(Self::$name(event) => event.at = at,)*
                }
                self
            }

            /// The tweet that the event is about, if it is about one.
            pub fn tweet_id(&self) -> Option<&TweetId> {
                match self {
                    $(Self::$name(event) => event.tweet_id(),)*
                }
            }

            /// The metrics of the event.
            pub fn metrics(&self) -> MetricsPatch {
                match self {
                    $(Self::$name(event) => event.metrics(),)*
                }
            }

            /// Runs `visitor` for the event in its own type.
            pub(in crate::events) fn apply<V: EventVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$name(event) => visitor.visit::<$name>(EventKind::$name, event),)*
                }
            }
        }

        $(
            impl From<$name> for Event {
                fn from(event: $name) -> Self {
                    Self::$name(<$payload>::from(event))
                }
            }
        )*
    };
}

pub(super) use event_types;
