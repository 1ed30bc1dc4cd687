//! X as a source, against a server on the loopback.

use super::stub::{Stub, StubEnd, settings};
use super::*;
use crate::settings::SecretText;

const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);
const ONE_RULE: &str = r#"{"data":[{"id":"17","value":"\"iphone\" OR #iphone","tag":"other"}],"meta":{"sent":"2026-11-23T07:00:00Z","result_count":1}}"#;

fn source(settings: XSettings) -> XSource {
    XSource::new(settings, "x", Clock::of(|| NOW), Requests::default()).unwrap()
}

fn posts() -> StreamName {
    StreamName("posts".to_owned())
}

#[tokio::test]
async fn missing_token_and_plain_address_are_named() {
    let stub = Stub::answering([]).await;
    let made = |change: fn(&mut XSettings)| {
        let mut settings = settings(&stub);
        change(&mut settings);
        let made = XSource::new(settings, "x", Clock::of(|| NOW), Requests::default());
        made.map(|_| ()).unwrap_err().to_string()
    };
    let error = made(|settings| settings.token = None);
    assert!(error.contains("sources.x.token"), "{error}");
    assert!(error.contains("TIDINGS_SOURCES__X__TOKEN"), "{error}");
    let error = made(|settings| settings.url = "http://api.x.example".to_owned());
    assert!(error.contains("sources.x.url"), "{error}");
    let error = made(|settings| {
        settings.token = None;
        settings.token_file = Some("/nowhere/token".into());
    });
    assert!(error.contains("/nowhere/token"), "{error}");
}

#[tokio::test]
async fn source_without_keywords_has_no_stream() {
    let stub = Stub::answering([Stub::json(200, ONE_RULE)]).await;
    let source = source(settings(&stub));
    let none = WatchedKeywords::of_test(&[]);
    let upkeep = source.watch(&none, None).await.unwrap();
    assert_eq!((upkeep.rules, upkeep.streams), (0, Vec::new()));
}

#[tokio::test]
async fn source_with_a_rule_has_the_stream_of_posts_and_those_of_compliance() {
    let created = r#"{"data":[{"id":"18","value":"v","tag":"t"}],"meta":{"summary":{"created":1,"not_created":0}}}"#;
    for (compliance, streams) in [(false, 1), (true, 5)] {
        let stub = Stub::answering([Stub::json(200, ONE_RULE), Stub::json(201, created)]).await;
        let mut settings = settings(&stub);
        settings.compliance = compliance;
        let keywords = WatchedKeywords::of_test(&["iphone"]);
        let upkeep = source(settings).watch(&keywords, None).await.unwrap();
        assert_eq!((upkeep.rules, upkeep.streams.len()), (1, streams));
        assert_eq!(upkeep.streams[0], posts());
    }
}

#[tokio::test]
async fn search_of_the_past_changes_no_rules() {
    let stub = Stub::answering([]).await;
    let source = source(settings(&stub));
    let keywords = WatchedKeywords::of_test(&["iphone", "東京"]);
    let packing = json!({"kept": 1});
    let upkeep = source.watch_past(&keywords, Some(&packing)).await.unwrap();
    assert_eq!(upkeep.streams, []);
    assert_eq!(upkeep.narrow, ["東京"]);
    assert_eq!(upkeep.packing, Some(packing));
}

#[tokio::test]
async fn compliance_stream_may_be_quiet() {
    let stub = Stub::answering([]).await;
    let source = source(settings(&stub));
    let compliance = StreamName("compliance-1".to_owned());
    assert_eq!(source.quiet_of(&compliance), None);
    assert_eq!(source.quiet_of(&posts()), Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn missed_minutes_are_asked_for_after_the_first_connection() {
    let empty = || Stub::stream(b"", &[1], StubEnd::Complete);
    let mut stub = Stub::answering([empty(), empty()]).await;
    let mut settings = settings(&stub);
    settings.backfill_minutes = 3;
    let source = source(settings);
    let mut resume = Resume::default();
    source.connect(&posts(), resume).await.unwrap();
    assert!(!stub.request().await.contains("backfill_minutes"));
    resume.since = Some(NOW);
    source.connect(&posts(), resume).await.unwrap();
    assert!(stub.request().await.contains("&backfill_minutes=3 "));
}

#[tokio::test]
async fn gap_that_the_stream_sends_again_needs_no_search() {
    let stub = Stub::answering([]).await;
    let mut settings = settings(&stub);
    settings.backfill_minutes = 3;
    let source = source(settings);
    let keywords = WatchedKeywords::of_test(&["iphone"]);
    for (minutes, slices) in [(3, 0), (4, 1)] {
        let from = NOW.plus(-minutes * Timestamp::MINUTE);
        let plan = source.plan(Purpose::Gap, from, NOW, &keywords);
        assert_eq!(plan.await.unwrap().0.len(), slices);
    }
}

#[tokio::test]
async fn connects_over_the_limit_are_not_made() {
    let empty = || Stub::stream(b"", &[1], StubEnd::Complete);
    let stub = Stub::answering([empty(), empty(), empty()]).await;
    let mut settings = settings(&stub);
    settings.connects = 2;
    let source = source(settings);
    let resume = Resume::default();
    assert!(source.connect(&posts(), resume).await.is_ok());
    assert!(source.connect(&posts(), resume).await.is_ok());
    let Err(error) = source.connect(&posts(), resume).await else {
        panic!("a third connect was made");
    };
    let ConnectError::Status {
        status, retry_at, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((status, retry_at), (429, Some(NOW.plus(900_000))));
    let compliance = StreamName("compliance-1".to_owned());
    assert!(source.connect(&compliance, resume).await.is_ok());
}

#[tokio::test]
async fn price_and_times_are_those_of_the_settings() {
    let stub = Stub::answering([]).await;
    let source = source(settings(&stub));
    let cost = Cost {
        posts: 1_000,
        users: 100,
        micro_usd: 7,
    };
    assert_eq!(source.price(cost), 6_000_007);
    assert_eq!(source.month_limit(), 0);
    assert_eq!(source.stall(), Duration::from_secs(25));
    assert_eq!(source.quiet(), Some(Duration::from_secs(900)));
    assert_eq!(source.seam(), Duration::from_secs(30));
    assert_eq!(source.refresh_every(), None);
}

#[tokio::test]
async fn secret_is_shown_by_no_debug_output() {
    let stub = Stub::answering([]).await;
    let mut settings = settings(&stub);
    settings.token = Some(SecretText::new("hidden-token"));
    let shown = format!("{:?}", source(settings));
    assert!(!shown.contains("hidden-token"), "{shown}");
}
