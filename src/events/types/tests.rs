//! Tests over the table of types. They cover a new type without a change here.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::events::{Event, EventKind, Hollow, Subject, Timestamp, binary, json};

const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

/// Every example of every type.
fn examples() -> impl Iterator<Item = (EventKind, &'static str, &'static str)> {
    EventKind::ALL.iter().flat_map(|kind| {
        let examples = kind.examples().iter();
        examples.map(|(name, example)| (*kind, *name, *example))
    })
}

fn decoded(example: &str) -> Event {
    json::decode(example.as_bytes(), NOW).unwrap()
}

#[test]
fn names_of_types_and_fixtures_are_unique() {
    let kinds: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(kinds.len(), EventKind::ALL.len());
    let names: BTreeSet<&str> = examples().map(|(_, name, _)| name).collect();
    assert_eq!(names.len(), examples().count());
    for name in kinds {
        assert_eq!(EventKind::reserved(name), None, "{name}");
    }
}

#[test]
fn first_example_of_every_type_has_every_member() {
    for kind in EventKind::ALL {
        let (_, example) = kind.examples().first().expect("an example");
        let object: Value = serde_json::from_str(example).unwrap();
        let written: BTreeSet<&str> = object
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let members = kind.members().iter().copied().chain(["type"]).collect();
        assert_eq!(written, members, "{kind}");
        assert_eq!(decoded(example).kind(), *kind);
        assert_eq!(
            String::from_utf8(json::encode(&decoded(example))).unwrap(),
            *example
        );
    }
}

#[test]
fn every_example_is_the_same_event_in_json_and_stored_form() {
    for (kind, name, example) in examples() {
        let event = decoded(example);
        assert_eq!(
            decoded(&String::from_utf8(json::encode(&event)).unwrap()),
            event,
            "{name}"
        );
        let stored = binary::encode_event(&event).unwrap();
        assert_eq!(binary::decode(&stored, NOW).as_ref(), Ok(&event), "{name}");
        let is_about_tweet = kind.subject() == Subject::Tweet;
        assert_eq!(event.tweet_id().is_some(), is_about_tweet, "{name}");
        assert_eq!(Hollow::of(&event).is_some(), is_about_tweet, "{name}");
    }
}

#[test]
fn every_example_has_golden_files() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (kind, name, _) in examples() {
        for version in 1..=3 {
            let path = golden.join(format!("event-v{version}-{name}.bin"));
            let is_expected = version < 3 || kind.subject() == Subject::Tweet;
            assert_eq!(
                path.exists(),
                is_expected,
                "{}: `cargo test --test integration golden -- --ignored` writes it",
                path.display()
            );
        }
    }
}

#[test]
fn guide_for_publishers_names_every_type_member_and_code() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/publishing.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let members = EventKind::ALL
        .iter()
        .flat_map(|kind| kind.members().iter().copied());
    let names = EventKind::ALL.iter().map(|kind| kind.name());
    let codes = json::DecodeError::CODES.iter().copied();
    for name in names.chain(members).chain(codes) {
        let stands = [format!("`{name}`"), format!("`{name}.")];
        assert!(stands.iter().any(|text| guide.contains(text)), "{name}");
    }
}
