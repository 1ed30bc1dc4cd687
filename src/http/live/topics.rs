//! Reads topics and their parameters from a client's message or query. The topics are those of the
//! [resources](crate::http::resources).

use serde_json::{Map, Value, json};

use crate::access::KeywordSet;
use crate::actors::live::Topic;
use crate::events::Timestamp;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{ResourceEntry, Scope, TopicEntry};
use crate::http::resources::RESOURCES;

/// Why a topic is refused: what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadTopic(pub(super) String);

impl From<Problem> for BadTopic {
    fn from(problem: Problem) -> Self {
        Self(match problem {
            Problem::BadParameter { name, value, right } => {
                format!("{name} is {value:?}; {right}")
            }
            other => other.to_string(),
        })
    }
}

/// The resources that have a live topic.
fn topics() -> impl Iterator<Item = (&'static ResourceEntry, &'static TopicEntry)> {
    RESOURCES
        .iter()
        .filter_map(|resource| Some((resource, resource.topic.as_ref()?)))
}

/// Names of the topics of this scope.
pub(in crate::http) fn names(scope: Scope) -> Vec<&'static str> {
    topics()
        .filter(|(resource, _)| resource.scope == scope)
        .map(|(resource, _)| resource.name)
        .collect()
}

/// Lists the topics that are subscribed to without a keyword, as subject and verb of a sentence:
/// "the topic overview goes".
pub(super) fn topics_across_go() -> String {
    match names(Scope::Across).as_slice() {
        [one] => format!("the topic {one} goes"),
        names => format!("the topics {} go", names.join(", ")),
    }
}

/// The topics of a `subscribe` that names a keyword and no topics.
pub(super) fn defaults(countable: &KeywordSet, now: Timestamp) -> Vec<Topic> {
    topics()
        .filter(|(resource, topic)| resource.scope == Scope::Keyword && topic.is_default)
        .filter_map(|(resource, _)| named(resource.name, &Map::new(), countable, now).ok())
        .collect()
}

/// Reads a topic of a message, for a caller that may count `countable`.
///
/// # Errors
/// The text says what is wrong, and what would be right.
pub fn topic(value: &Value, countable: &KeywordSet, now: Timestamp) -> Result<Topic, String> {
    read(value, countable, now).map_err(|error| error.0)
}

/// Reads a topic of a message: its name, or an object with its name and parameters.
pub(super) fn read(
    value: &Value,
    countable: &KeywordSet,
    now: Timestamp,
) -> Result<Topic, BadTopic> {
    match value {
        Value::String(name) => named(name, &Map::new(), countable, now),
        Value::Object(object) => match object.get("topic") {
            Some(Value::String(name)) => named(name, object, countable, now),
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
fn named(
    name: &str,
    given: &Map<String, Value>,
    countable: &KeywordSet,
    now: Timestamp,
) -> Result<Topic, BadTopic> {
    let Some((resource, topic)) = topics().find(|(resource, _)| resource.name == name) else {
        let names: Vec<_> = topics().map(|(resource, _)| resource.name).collect();
        let name: String = name.chars().take(80).collect();
        return Err(BadTopic(format!(
            "there is no topic {name:?}; there are {}",
            names.join(", ")
        )));
    };
    let known = resource.live_parameters();
    let mut keys = given.keys().map(String::as_str);
    check_known(name, keys.by_ref().filter(|key| *key != "topic"), &known)?;
    let query = Query::of_members(given, &known).map_err(BadTopic)?;
    Ok(topic.read(&query, countable, now)?)
}

/// Refuses parameters that the topic does not take.
fn check_known<'a>(
    topic: &str,
    mut given: impl Iterator<Item = &'a str>,
    known: &[Parameter],
) -> Result<(), BadTopic> {
    let names: Vec<_> = known.iter().map(Parameter::name).collect();
    let Some(unknown) = given.find(|name| !names.contains(name)) else {
        return Ok(());
    };
    let right = match names.as_slice() {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    };
    let unknown: String = unknown.chars().take(80).collect();
    Err(BadTopic(format!(
        "the topic {topic} has no parameter {unknown:?}; {right}"
    )))
}

/// A parameter of event streams. Topics may declare parameters of this name that differ.
#[derive(Debug)]
pub(in crate::http) struct StreamParameter {
    name: &'static str,
    /// The different declarations, each with its topics.
    declared: Vec<(Parameter, Vec<&'static str>)>,
}

impl StreamParameter {
    /// The first declaration of the parameter, for the check of names. A value is read by the
    /// declaration of the stream's topic.
    pub(in crate::http) fn first(&self) -> Option<Parameter> {
        self.declared.first().map(|(parameter, _)| *parameter)
    }

    /// The parameter in an OpenAPI operation: its description for each topic, and its schemas.
    pub(in crate::http) fn entry(&self) -> Value {
        let mut descriptions = Vec::new();
        let mut schemas: Vec<Value> = Vec::new();
        for (parameter, topics) in &self.declared {
            let meaning = parameter.live_description().unwrap_or_default();
            descriptions.push(format!("With {}. {meaning}", topics.join(" or ")));
            let schema = parameter.schema();
            if !schemas.contains(&schema) {
                schemas.push(schema);
            }
        }
        let schema = match schemas.as_slice() {
            [one] => one.clone(),
            several => json!({ "anyOf": several }),
        };
        json!({
            "name": self.name, "in": "query", "description": descriptions.join(". "),
            "schema": schema,
        })
    }
}

/// The parameters of all topics of one keyword. Each name is listed once.
pub(in crate::http) fn stream_parameters() -> Vec<StreamParameter> {
    let of_keyword = topics().filter(|(resource, _)| resource.scope == Scope::Keyword);
    joined(of_keyword.map(|(resource, _)| (resource.name, resource.live_parameters())))
}

/// Joins the parameters of topics by their names.
fn joined(topics: impl Iterator<Item = (&'static str, Vec<Parameter>)>) -> Vec<StreamParameter> {
    let mut joined: Vec<StreamParameter> = Vec::new();
    for (topic, parameters) in topics {
        for parameter in parameters {
            let name = parameter.name();
            let index = joined.iter().position(|held| held.name == name);
            let index = index.unwrap_or_else(|| {
                let declared = Vec::new();
                joined.push(StreamParameter { name, declared });
                joined.len() - 1
            });
            let Some(held) = joined.get_mut(index) else {
                continue;
            };
            let mut declared = held.declared.iter_mut();
            match declared.find(|(declared, _)| *declared == parameter) {
                Some((_, topics)) => topics.push(topic),
                None => held.declared.push((parameter, vec![topic])),
            }
        }
    }
    joined
}

/// Reads the topic that the query of an event stream names. It is a topic of one keyword.
pub(super) fn of_stream(
    query: &Query,
    name: Option<&str>,
    now: Timestamp,
) -> Result<Topic, Problem> {
    let names = names(Scope::Keyword);
    let right = format!("it must be one of {}", names.join(", "));
    let Some(name) = name else {
        return Err(Problem::BadQuery(format!(
            "the query parameter \"topic\" is missing; {right}"
        )));
    };
    let mut of_keyword = topics().filter(|(resource, _)| resource.scope == Scope::Keyword);
    let Some((resource, topic)) = of_keyword.find(|(resource, _)| resource.name == name) else {
        return Err(Problem::parameter("topic", name, right));
    };
    let given = query.names().filter(|name| *name != "topic");
    let known = resource.live_parameters();
    check_known(name, given, &known).map_err(|error| Problem::BadQuery(error.0))?;
    let topic = topic.read(query, &KeywordSet::All, now);
    topic.map_err(|problem| Problem::BadQuery(BadTopic::from(problem).0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parameter::{Head, Number, Word};
    use crate::http::resources::DEFAULT_VOLUME;
    use crate::projections::volume::{Step, VolumeWindow};

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
        ] {
            let topic = read(&given, &KeywordSet::All, now());
            assert_eq!(topic.as_ref(), Ok(&expected), "{given}");
        }
    }

    #[test]
    fn polled_topics_are_equal_when_their_parameters_are() {
        let topic = |given| read(&given, &KeywordSet::All, now()).unwrap();
        assert_eq!(
            topic(json!("overview")),
            topic(json!({"topic":"overview","window":"24h"}))
        );
        assert_ne!(
            topic(json!("overview")),
            topic(json!({"topic":"overview","window":"7d"}))
        );
        assert!(topic(json!("overview")).is_of_all() && !topic(json!("ledger")).is_of_all());
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
            (json!({"topic":"volume","step":"week"}), "minute, hour, day"),
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
            let error = read(&given, &KeywordSet::All, now()).unwrap_err().0;
            assert!(error.contains(right), "{given}: {error}");
        }
    }

    #[test]
    fn guide_names_every_default_topic() {
        let page = include_str!("../../../docs/live.md");
        let (_, rest) = page
            .split_once("Without `topics` you subscribe to")
            .unwrap();
        let (sentence, _) = rest.split_once('.').unwrap();
        for (resource, _) in topics().filter(|(_, topic)| topic.is_default) {
            let name = format!("`{}`", resource.name);
            assert!(sentence.contains(&name), "{name}");
        }
    }

    #[test]
    fn stream_parameter_says_what_each_topic_takes() {
        let limit = |description, max| {
            Parameter::Number(Number {
                head: Head::new("limit", description),
                min: 1,
                max,
                default: 20,
            })
        };
        let window = Parameter::Word(Word {
            head: Head::new("window", "The span"),
            words: &["1h", "24h"],
            default: "24h",
        });
        let joined = joined(
            [
                ("tweets", vec![limit("How many tweets", 200)]),
                ("words", vec![limit("How many words", 100), window]),
                ("names", vec![window, limit("How many words", 100)]),
            ]
            .into_iter(),
        );
        let entries: Vec<_> = joined.iter().map(StreamParameter::entry).collect();
        let number =
            |max| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": 20 });
        assert_eq!(
            entries,
            [
                json!({
                    "name": "limit", "in": "query",
                    "description":
                        "With tweets. How many tweets. With words or names. How many words",
                    "schema": { "anyOf": [number(200), number(100)] },
                }),
                json!({
                    "name": "window", "in": "query", "description": "With words or names. The span",
                    "schema": { "type": "string", "enum": ["1h", "24h"], "default": "24h" },
                }),
            ]
        );
    }
}
