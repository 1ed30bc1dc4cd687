//! Golden samples of X's records, in `tests/golden/sources/x/`, and single rules.

use super::*;
use crate::events::{Event, Timestamp, TweetDeleted, TweetPosted, json};
use crate::sources::Post;

/// What a record became: an event, or what it is instead.
fn outcome(record: &SourceRecord) -> Result<Event, String> {
    match &record.content {
        Ok(Mapped::Post(post)) => Ok(Event::TweetPosted(Box::new(post.tweet.clone()))),
        Ok(Mapped::Deleted(deletion)) => Ok(Event::TweetDeleted(TweetDeleted {
            id: deletion.id.clone(),
            at: deletion.at,
        })),
        Ok(Mapped::Engaged(engaged)) => Ok(Event::TweetEngaged(engaged.clone())),
        Ok(Mapped::Unmatchable) => Err("unmatchable".to_owned()),
        Ok(Mapped::Control) => Err("control".to_owned()),
        Err(rejection) => Err(format!("rejected {rejection}")),
    }
}

/// The outcomes of a golden file.
fn outcomes(golden: &str) -> Vec<Result<Event, String>> {
    let now = Timestamp::parse("2026-11-23T09:00:00Z").unwrap();
    let lines = golden.lines().map(|line| match line.starts_with('{') {
        true => Ok(json::decode(line.as_bytes(), now).unwrap()),
        false => Err(line.to_owned()),
    });
    lines.collect()
}

fn record(line: &str) -> SourceRecord {
    record_of_line(&Bytes::from(line.to_owned()))
}

fn assert_lines(input: &str, expected: &str) {
    let expected = outcomes(expected);
    assert_eq!(input.lines().count(), expected.len());
    for (line, expected) in input.lines().zip(expected) {
        assert_eq!(outcome(&record(line)), expected, "{line}");
    }
}

fn post(line: &str) -> Post {
    match record(line).content {
        Ok(Mapped::Post(post)) => *post,
        other => panic!("{other:?}"),
    }
}

/// A post with further members of its data, which begin with a comma.
fn post_with(members: &str) -> TweetPosted {
    let line = format!(
        r#"{{"data":{{"id":"9","author_id":"42","created_at":"2026-11-23T07:00:00Z","text":"t"{members}}}}}"#
    );
    post(&line).tweet
}

#[test]
fn stream_lines_become_the_same_events_under_both_namings() {
    let expected = include_str!("../../../../tests/golden/sources/x/events.ndjson");
    assert_lines(
        include_str!("../../../../tests/golden/sources/x/tweets.ndjson"),
        expected,
    );
    assert_lines(
        include_str!("../../../../tests/golden/sources/x/posts.ndjson"),
        expected,
    );
}

#[test]
fn compliance_events_become_deletions_or_control_records() {
    assert_lines(
        include_str!("../../../../tests/golden/sources/x/compliance.ndjson"),
        include_str!("../../../../tests/golden/sources/x/compliance-events.ndjson"),
    );
}

#[test]
fn page_becomes_records_that_can_be_mapped_again_alone() {
    let page = include_bytes!("../../../../tests/golden/sources/x/page.json");
    let expected = include_str!("../../../../tests/golden/sources/x/page-events.ndjson");
    let (records, cost) = records_of_page(page).unwrap();
    assert_eq!((cost.posts, cost.users), (3, 3));
    assert_eq!(
        records.iter().map(outcome).collect::<Vec<_>>(),
        outcomes(expected)
    );
    let again: Vec<SourceRecord> = records
        .iter()
        .map(|record| record_of_line(&record.raw))
        .collect();
    assert_eq!(
        again.iter().map(outcome).collect::<Vec<_>>(),
        outcomes(expected)
    );
    let raw: Vec<&str> = records
        .iter()
        .map(|record| std::str::from_utf8(&record.raw).unwrap())
        .collect();
    assert!(raw.iter().all(|raw| !raw.contains("unrelated")), "{raw:?}");
    let cursors: Vec<Option<u64>> = records.iter().map(|record| record.cursor).collect();
    assert_eq!(
        cursors,
        [
            Some(1_700_000_000_000_000_022),
            Some(1_700_000_000_000_000_021),
            Some(1_700_000_000_000_000_018),
        ]
    );
}

#[test]
fn page_without_posts_is_empty_and_other_bodies_are_refused() {
    let (records, cost) = records_of_page(br#"{"meta":{"result_count":0}}"#).unwrap();
    assert_eq!((records.len(), cost), (0, Cost::default()));
    for body in ["", "<html>", "[]", r#"{"data":{"id":"1"}}"#] {
        let error = records_of_page(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("a page of posts"), "{error}");
    }
}

#[test]
fn page_with_both_namings_of_its_posts_is_read() {
    let body =
        br#"{"data":[{"id":"2","text":"RT","author_id":"4","created_at":"2026-11-23T07:00:00Z",
        "referenced_posts":[{"type":"retweeted","id":"1"}]}],
        "includes":{"tweets":null,"posts":[{"id":"1","text":"whole"}]}}"#;
    let (records, _) = records_of_page(body).unwrap();
    let [Ok(Event::TweetPosted(tweet))] = [outcome(&records[0])] else {
        panic!("{records:?}");
    };
    assert_eq!(tweet.text, "whole");
}

#[test]
fn versions_are_counted_from_the_history() {
    for (name, history, version, older) in [
        (
            "edit_history_tweet_ids",
            r#"["7","8","9"]"#,
            2,
            &["x:7", "x:8"][..],
        ),
        (
            "edit_history_post_ids",
            r#"["7","8","9"]"#,
            2,
            &["x:7", "x:8"],
        ),
        // The post was edited again before it was fetched.
        ("edit_history_tweet_ids", r#"["9","10"]"#, 0, &[]),
        ("edit_history_tweet_ids", r#"["9"]"#, 0, &[]),
        ("edit_history_tweet_ids", "null", 0, &[]),
        ("other", r#"["7"]"#, 0, &[]),
    ] {
        let line = format!(
            r#"{{"data":{{"id":"9","author_id":"42","created_at":"2026-11-23T07:00:00Z","text":"t","{name}":{history}}}}}"#
        );
        let post = post(&line);
        let found: Vec<&str> = post.older.iter().map(|id| id.as_str()).collect();
        assert_eq!((post.version, found.as_slice()), (version, older), "{line}");
        assert_eq!(post.family.as_str(), *older.first().unwrap_or(&"x:9"));
    }
}

#[test]
fn text_and_handle_are_cut_to_what_events_allow() {
    let long = "가&amp;".repeat(6_000);
    let tweet = post_with(&format!(r#","note_tweet":{{"text":"{long}"}}"#));
    assert_eq!(tweet.text, "가&".repeat(5_000));
    let name = "é".repeat(70);
    let line = format!(
        r#"{{"data":{{"id":"9","author_id":"42","created_at":"2026-11-23T07:00:00Z","text":"t"}},
            "includes":{{"users":[{{"id":"42","username":"{name}"}}]}}}}"#
    );
    assert_eq!(post(&line).tweet.author.handle, "é".repeat(64));
}

#[test]
fn members_of_an_unexpected_type_are_left_out() {
    let tweet = post_with(
        r#","lang":5,"public_metrics":[],"referenced_tweets":{"id":1},"note_tweet":"x","edit_history_tweet_ids":7"#,
    );
    let plain = post_with("");
    assert_eq!(tweet, plain);
}

#[test]
fn what_is_no_post_is_rejected_with_its_reason() {
    for (line, reason) in [
        ("{\"data\":", "not JSON: EOF"),
        ("null", "a record is a JSON object"),
        ("[{}]", "a record is a JSON object"),
        (r#"{"data":[]}"#, "\"data\" is not an object"),
        (r#"{"data":{"text":"t"}}"#, "\"data.id\" is missing"),
        (r#"{"data":{"id":5,"text":"t"}}"#, "\"data.id\" is missing"),
        (
            r#"{"data":{"id":"a b","created_at":"2026-11-23T07:00:00Z"}}"#,
            "not an id",
        ),
        (
            r#"{"data":{"id":"1","text":"t"}}"#,
            "\"data.created_at\" is missing",
        ),
        (
            r#"{"data":{"id":"1","text":"t","created_at":"yesterday"}}"#,
            "\"data.created_at\": \"yesterday\"",
        ),
        (
            r#"{"data":{"id":"1","text":"t","created_at":"2026-11-23T07:00:00Z"}}"#,
            "\"data.author_id\" is missing",
        ),
    ] {
        let rejection = record(line).content.unwrap_err();
        assert!(rejection.reason.contains(reason), "{line}: {rejection}");
        assert_eq!(record(line).raw, line);
    }
    let not_utf8 = Bytes::from_static(b"{\"data\":\"\xff\"}");
    assert!(record_of_line(&not_utf8).content.is_err());
}

#[test]
fn errors_about_the_connection_end_it_and_other_control_records_do_not() {
    let ended = |line: &str| {
        let read = read_line(&Bytes::from(line.to_owned()));
        assert_eq!(read.record.content, Ok(Mapped::Control), "{line}");
        read.end.map(|end| end.to_string())
    };
    let disconnect = r#"{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect","detail":"upstream","type":"https://api.x.com/2/problems/operational-disconnect"}]}"#;
    let words = "the source ended the stream: operational-disconnect: upstream";
    assert_eq!(ended(disconnect).as_deref(), Some(words));
    let capped = r#"{"errors":[{"title":"UsageCapExceeded","type":"https://api.x.com/2/problems/usage-capped"}],"data":null}"#;
    let words = "the source ended the stream: UsageCapExceeded";
    assert_eq!(ended(capped).as_deref(), Some(words));
    let crowded = r#"{"title":"ConnectionException","detail":"limit","connection_issue":"TooManyConnections"}"#;
    let words = "the source answered 429: ConnectionException: limit";
    assert_eq!(ended(crowded).as_deref(), Some(words));
    for line in [
        r#"{"errors":[{"resource_id":"1","resource_type":"tweet","title":"Not Found Error"}]}"#,
        r#"{"errors":[]}"#,
        r#"{"meta":{"sent":"2026-11-23T07:00:00Z"}}"#,
        r#"{"data":{"poll":{"options":[]}}}"#,
        "{}",
    ] {
        assert_eq!(ended(line), None, "{line}");
    }
}

#[test]
fn cost_of_a_line_is_its_post_and_its_users() {
    let cost = |line: &str| {
        let cost = read_line(&Bytes::from(line.to_owned())).cost;
        (cost.posts, cost.users)
    };
    let users = r#""includes":{"users":[{"id":"1"},{"id":"2"}]}"#;
    assert_eq!(cost(&format!(r#"{{"data":{{"id":"1"}},{users}}}"#)), (1, 2));
    assert_eq!(cost(r#"{"data":{"id":"1","text":"t"}}"#), (1, 0));
    assert_eq!(cost(r#"{"data":{"delete":{}}}"#), (0, 0));
    assert_eq!(cost(r#"{"errors":[{}]}"#), (0, 0));
}
