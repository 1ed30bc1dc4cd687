//! Golden samples: what streams and timelines send, and the events that it becomes.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::events::{Event, TweetDeleted, json};
use crate::sources::mastodon::mapping::Mapping;
use crate::sources::mastodon::sse::EventDecoder;
use crate::sources::mastodon::status::Status;
use crate::sources::mastodon::tests::{NOW, built};
use crate::sources::{Mapped, Source, SourceRecord};

/// A record in a line: its event, or a word for it; versions with their family.
fn line(record: &SourceRecord) -> String {
    let encoded = |event: Event| String::from_utf8(json::encode(&event)).unwrap();
    match &record.content {
        Ok(Mapped::Post(post)) => {
            let event = encoded(Event::TweetPosted(Box::new(post.tweet.clone())));
            assert_eq!(
                json::decode(event.as_bytes(), NOW).map(|_| ()),
                Ok(()),
                "{event}"
            );
            match post.version {
                0 => event,
                version => format!("{event} version {version} of {}", post.family),
            }
        }
        Ok(Mapped::Engaged(engaged)) => encoded(Event::TweetEngaged(engaged.clone())),
        Ok(Mapped::Deleted(deletion)) => encoded(Event::TweetDeleted(TweetDeleted {
            id: deletion.id.clone(),
            at: deletion.at,
        })),
        Ok(Mapped::Unmatchable) => "unmatchable".to_owned(),
        Ok(Mapped::Control) => "control".to_owned(),
        Err(rejection) => format!("rejected: {rejection}"),
    }
}

fn assert_lines(records: &[SourceRecord], expected: &str) {
    let lines: Vec<String> = records.iter().map(line).collect();
    let expected: Vec<&str> = expected.lines().collect();
    for (number, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        assert_eq!(line, expected, "line {}", number + 1);
    }
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn sample_of_a_stream_becomes_these_events() {
    let sample = include_bytes!("../../../../tests/golden/sources/mastodon/stream.sse");
    let expected = include_str!("../../../../tests/golden/sources/mastodon/stream.ndjson");
    let mapping = Mapping::new("m.example");
    let events = EventDecoder::default().decode(sample).into_iter();
    let records: Vec<SourceRecord> = events.map(|event| mapping.event(event, NOW)).collect();
    assert_lines(&records, expected);
    assert_mapped_again(&records);
}

/// Every record is mapped from the rejected log as it was when it arrived.
fn assert_mapped_again(records: &[SourceRecord]) {
    let source = built(|settings| settings.url = Some("https://m.example".to_owned())).unwrap();
    for record in records {
        let again = source.map_again(&record.raw, NOW);
        assert_eq!(line(&again), line(record));
        assert_eq!(again.raw, record.raw);
    }
}

#[test]
fn sample_of_a_timeline_becomes_these_events() {
    let sample = include_bytes!("../../../../tests/golden/sources/mastodon/timeline.json");
    let expected = include_str!("../../../../tests/golden/sources/mastodon/timeline.ndjson");
    let mapping = Mapping::new("127.0.0.1:4000");
    let page: Vec<&RawValue> = serde_json::from_slice(sample).unwrap();
    let records: Vec<SourceRecord> = page
        .iter()
        .map(|raw| {
            let raw = raw.get().as_bytes();
            mapping.status(Bytes::copy_from_slice(raw), &Status::read(raw))
        })
        .collect();
    assert_lines(&records, expected);
    let cursors: Vec<Option<u64>> = records.iter().map(|record| record.cursor).collect();
    assert_eq!(cursors[0], Some(116_000_000_000_000_101));
}
