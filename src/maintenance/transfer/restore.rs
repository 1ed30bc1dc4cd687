//! Restores the stored form of a record from a line of an export.

use serde_json::Value;

use crate::events::{Event, Form, Hollow, Record, Subject, Timestamp, binary, json, shortened};

/// The change of a record by an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineChange {
    /// The event's time is out of range and is replaced by the nearest allowed time, because a
    /// journal of wire forms accepts no other. Earlier versions journaled such events when the
    /// clock was wrong.
    Retimed,
    /// The tweet's time is out of range, so the tweet is kept as rejected.
    Rejected,
    /// The payload is longer than any event, so it is rejected and shortened to one byte more than
    /// an event may have.
    Cut,
}

/// Adds the origin of an event to its stored form. A payload has no origin.
pub(super) fn keep_origin(record: &mut Record, origin: &str) -> Result<(), binary::StoredError> {
    binary::check_origin(origin)?;
    if binary::wire_payload(&record.stored).is_none()
        && let Ok(event) = binary::decode(&record.stored, record.received_at)
    {
        record.stored = binary::encode_event_from(origin, &event)?;
    }
    Ok(())
}

/// Stores an erased event. Erased events have no wire form, so a journal of wire forms keeps the
/// line as a rejected payload.
pub(super) fn store_hollow(
    record: &mut Record,
    json: &[u8],
    form: Form,
) -> Result<Option<LineChange>, String> {
    let hollow = Hollow::from_json(json)?;
    Ok(match form {
        Form::Stored => {
            let stored = binary::encode_hollow(&hollow);
            record.stored = stored.map_err(|error| error.to_string())?;
            None
        }
        Form::Wire => {
            record.stored = binary::encode_wire(json);
            Some(LineChange::Rejected)
        }
    })
}

/// Stores a payload as an event if it is an event about a keyword that a server wrote. The time of
/// such an event is that of its journaling, even if the clock was wrong. Other payloads stay
/// payloads.
pub(super) fn store_own_event(record: &mut Record, form: Form) {
    let own = binary::wire_payload(&record.stored).filter(|payload| {
        at_any_time(payload).is_some_and(|event| event.at() == record.received_at)
    });
    if let Some(payload) = own {
        // An error leaves the record as it is.
        let _ = store_event(record, &payload, form);
    }
}

/// Stores an event in the form of the journal. The result is the difference from the export, if
/// any.
pub(super) fn store_event(
    record: &mut Record,
    json: &[u8],
    form: Form,
) -> Result<Option<LineChange>, String> {
    // Earlier versions exported some events in a longer form than they were received in.
    let short = (json.len() > json::MAX_PAYLOAD_BYTES)
        .then(|| shortened(json))
        .flatten();
    let json = short.as_deref().unwrap_or(json);
    let (event, change) = match json::decode(json, record.received_at) {
        Ok(event) => (event, None),
        Err(error) => match at_any_time(json) {
            None => return Err(error.to_string()),
            Some(event) if event.kind().subject() == Subject::Tweet => {
                record.stored = binary::encode_wire(json);
                return Ok(Some(LineChange::Rejected));
            }
            Some(event) if form == Form::Stored => (event, None),
            Some(event) => {
                let at = retime(record, event.at());
                (event.with_at(at), Some(LineChange::Retimed))
            }
        },
    };
    record.stored = binary::encode_event(&event).map_err(|error| error.to_string())?;
    Ok(change)
}

/// Decodes an event whose time may be out of range; `None` when it has another error. An event
/// about a keyword gets the time of its line, and a tweet event gets [`Timestamp::EARLIEST`].
fn at_any_time(json: &[u8]) -> Option<Event> {
    let mut object: Value = serde_json::from_slice(json).ok()?;
    let written = object.get_mut("at")?;
    let at = Timestamp::parse(written.as_str()?).ok()?;
    *written = Timestamp::EARLIEST.to_string().into();
    let json = serde_json::to_vec(&object).ok()?;
    let event = json::decode(&json, Timestamp::EARLIEST).ok()?;
    Some(match event.kind().subject() {
        Subject::Keyword => event.with_at(at),
        Subject::Tweet => event,
    })
}

/// Moves the record's time into the allowed range. Returns the nearest allowed time of its event.
fn retime(record: &mut Record, at: Timestamp) -> Timestamp {
    record.received_at = record.received_at.max(Timestamp::EARLIEST);
    at.clamp(Timestamp::EARLIEST, record.received_at)
}
