//! Topics and their parameters, as clients write them in a message or in a query.

use serde_json::{Map, Value};

use crate::actors::live::{DEFAULT_LIMIT, Topic};
use crate::events::Timestamp;
use crate::http::time_range::{MAX_POINTS, zone};
use crate::http::timeline::MAX_LIMIT_TWEETS;
use crate::projections::overview::Window;
use crate::projections::volume::{Step, VolumeWindow};

/// What is wrong with a topic, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadTopic(pub(super) String);

/// The topics that one keyword has when none are named.
pub(super) fn defaults() -> Vec<Topic> {
    vec![
        Topic::Timeline {
            limit: DEFAULT_LIMIT,
        },
        Topic::Volume(DEFAULT_VOLUME),
    ]
}

/// The volume without parameters.
pub(super) const DEFAULT_VOLUME: VolumeWindow = VolumeWindow {
    step: Step::Hour,
    offset_hours: 0,
    from: None,
};

/// The parameters that each topic takes.
pub(super) const PARAMETERS: [(&str, &[&str]); 4] = [
    ("timeline", &["limit"]),
    ("volume", &["step", "from", "tz"]),
    ("ledger", &[]),
    ("overview", &["window"]),
];

/// Reads a topic of a message: its name, or an object with its name and parameters.
pub(super) fn read(value: &Value, now: Timestamp) -> Result<Topic, BadTopic> {
    match value {
        Value::String(name) => named(name, &Map::new(), now),
        Value::Object(object) => match object.get("topic") {
            Some(Value::String(name)) => named(name, object, now),
            _ => Err(BadTopic(
                "a topic with parameters is an object such as \
                {\"topic\":\"timeline\",\"limit\":20}"
                    .into(),
            )),
        },
        _ => Err(BadTopic(
            "a topic is its name, or an object such as \
            {\"topic\":\"timeline\",\"limit\":20}"
                .into(),
        )),
    }
}

/// Reads the topic of this name, with its parameters.
pub(super) fn named(
    name: &str,
    given: &Map<String, Value>,
    now: Timestamp,
) -> Result<Topic, BadTopic> {
    let Some((_, known)) = PARAMETERS.iter().find(|(topic, _)| *topic == name) else {
        let names: Vec<_> = PARAMETERS.iter().map(|(name, _)| *name).collect();
        let name: String = name.chars().take(80).collect();
        return Err(BadTopic(format!(
            "there is no topic {name:?}; there are {}",
            names.join(", ")
        )));
    };
    let unknown = given
        .keys()
        .find(|key| *key != "topic" && !known.contains(&key.as_str()));
    if let Some(unknown) = unknown {
        let right = match known {
            [] => "it has none".to_owned(),
            known => format!("it has {}", known.join(", ")),
        };
        let unknown: String = unknown.chars().take(80).collect();
        return Err(BadTopic(format!(
            "the topic {name} has no parameter {unknown:?}; {right}"
        )));
    }
    match name {
        "timeline" => Ok(Topic::Timeline {
            limit: limit(given.get("limit"))?,
        }),
        "volume" => volume(given, now),
        "ledger" => Ok(Topic::Ledger),
        _ => Ok(Topic::Overview(match text(given, "window")? {
            None => Window::Day,
            Some(text) => text
                .parse()
                .map_err(|error| BadTopic(format!("window: {error}")))?,
        })),
    }
}

fn limit(given: Option<&Value>) -> Result<usize, BadTopic> {
    let number = match given {
        None | Some(Value::Null) => return Ok(DEFAULT_LIMIT),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    };
    number
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| (1..=MAX_LIMIT_TWEETS).contains(number))
        .ok_or_else(|| {
            BadTopic(format!(
                "limit must be a whole number from 1 to \
            {MAX_LIMIT_TWEETS}"
            ))
        })
}

fn volume(given: &Map<String, Value>, now: Timestamp) -> Result<Topic, BadTopic> {
    let step = match text(given, "step")? {
        None => Step::Hour,
        Some(text) => text
            .parse()
            .map_err(|error| BadTopic(format!("step: {error}")))?,
    };
    let offset_hours = match text(given, "tz")? {
        None => 0,
        Some(text) => zone(text).ok_or_else(|| {
            BadTopic("tz must be an offset of whole hours such as +09:00 or -05:00".into())
        })?,
    };
    let from = text(given, "from")?
        .map(|text| {
            Timestamp::parse(&text.replace(' ', "+")).map_err(|_| {
                BadTopic("from must be an RFC 3339 time such as 2026-11-23T07:00:00.123Z".into())
            })
        })
        .transpose()?;
    let window = VolumeWindow {
        step,
        offset_hours,
        from,
    };
    let (start, until) = window.span(now);
    if start > until {
        return Err(BadTopic(format!(
            "from must lie before the end of the window, which contains now ({until})"
        )));
    }
    if step.buckets(start, until) > MAX_POINTS {
        return Err(BadTopic(format!(
            "from {start} to {until} are more than {MAX_POINTS} points; take a later from or a \
            longer step"
        )));
    }
    Ok(Topic::Volume(window))
}

fn text<'a>(given: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, BadTopic> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadTopic(format!("{name} must be a text"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T07:30:00Z").unwrap()
    }

    #[test]
    fn topics_are_names_or_objects() {
        for (given, expected) in [
            (json!("timeline"), Topic::Timeline { limit: 50 }),
            (
                json!({"topic":"timeline","limit":200}),
                Topic::Timeline { limit: 200 },
            ),
            (json!("volume"), Topic::Volume(DEFAULT_VOLUME)),
            (
                json!({"topic":"volume","step":"day","tz":"+09:00"}),
                Topic::Volume(VolumeWindow {
                    step: Step::Day,
                    offset_hours: 9,
                    from: None,
                }),
            ),
            (json!("ledger"), Topic::Ledger),
            (
                json!({"topic":"overview","window":"7d"}),
                Topic::Overview(Window::Week),
            ),
        ] {
            assert_eq!(read(&given, now()).as_ref(), Ok(&expected), "{given}");
        }
    }

    #[test]
    fn invalid_topics_name_the_valid_form() {
        for (given, right) in [
            (json!(1), "a topic is its name"),
            (json!({}), "an object such as"),
            (json!("tweets"), "there are timeline, volume"),
            (json!({"topic":"timeline","limit":0}), "from 1 to 200"),
            (json!({"topic":"timeline","limit":201}), "from 1 to 200"),
            (json!({"topic":"timeline","limit":1.5}), "from 1 to 200"),
            (json!({"topic":"timeline","by":"word"}), "it has limit"),
            (json!({"topic":"ledger","limit":1}), "it has none"),
            (
                json!({"topic":"volume","step":"week"}),
                "minute, hour or day",
            ),
            (json!({"topic":"volume","step":7}), "step must be a text"),
            (json!({"topic":"volume","tz":"+09:30"}), "whole hours"),
            (json!({"topic":"volume","from":"yesterday"}), "RFC 3339"),
            (
                json!({"topic":"volume","from":"2027-01-01T00:00:00Z"}),
                "before the end of the window",
            ),
            (
                json!({"topic":"volume","step":"minute","from":"2026-01-01T00:00:00Z"}),
                "more than 10000 points",
            ),
            (json!({"topic":"overview","window":"1d"}), "1h, 24h, 7d"),
        ] {
            let error = read(&given, now()).unwrap_err().0;
            assert!(error.contains(right), "{given}: {error}");
        }
    }
}
