//! Encodes events as the JSON that publishers send.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::events::members::Part;
use crate::events::types::{EventType, EventVisitor};
use crate::events::{Event, EventKind};

/// Encodes an event as JSON.
pub fn encode(event: &Event) -> Vec<u8> {
    event.apply(Encode)
}

struct Encode;

impl EventVisitor for Encode {
    type Output = Vec<u8>;

    fn visit<T: EventType>(self, _: EventKind, event: &T) -> Vec<u8> {
        // Encoding the members of an event cannot fail.
        serde_json::to_vec(&EventObject(event)).unwrap_or_default()
    }
}

struct EventObject<'a, T>(&'a T);

impl<T: EventType> Serialize for EventObject<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", T::NAME)?;
        self.0.write(Part::Leading, &mut map)?;
        self.0.write(Part::Rest, &mut map)?;
        map.end()
    }
}
