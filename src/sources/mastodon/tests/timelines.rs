//! Timelines and refreshes.

use std::time::Duration;

use axum::response::Response;

use super::stub::{Asked, Stub, json};
use super::{NOW, status};
use crate::events::{Event, Timestamp, TweetId};
use crate::settings::{MastodonSettings, MastodonStream};
use crate::sources::mastodon::{MastodonSource, SEAM};
use crate::sources::{
    ConnectError, FetchError, Purpose, RateLimit, Slice, Source, WatchedKeywords,
};

const SECOND: i64 = 1_000;

/// The time of status number `number`; there is one each 10 seconds, number 0 a day before now.
fn time(number: u64) -> Timestamp {
    let seconds = i64::try_from(number).unwrap() * 10;
    NOW.plus(-Timestamp::DAY).plus(seconds * SECOND)
}

fn id(number: u64) -> u64 {
    (u64::try_from(time(number).millis()).unwrap() << 16) + 5
}

/// A page of a timeline with `count` statuses, as Mastodon makes it, with links of this kind.
fn page(asked: &Asked, count: u64, link: &str) -> Response {
    let bound = |name: &str| asked.parameter(name).map(|id| id.parse::<u64>().unwrap());
    let limit: usize = asked.parameter("limit").unwrap().parse().unwrap();
    let numbers = (0..count).filter(|number| {
        bound("min_id").is_none_or(|bound| id(*number) > bound)
            && bound("max_id").is_none_or(|bound| id(*number) < bound)
    });
    let mut numbers: Vec<u64> = if bound("min_id").is_some() {
        numbers.take(limit).collect()
    } else {
        numbers.rev().take(limit).collect()
    };
    numbers.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
    let statuses: Vec<_> = numbers
        .iter()
        .map(|number| status(id(*number), time(*number), "글"))
        .collect();
    let mut response = json(200, serde_json::Value::from(statuses).to_string());
    if let (Some(first), Some(last), false) = (numbers.first(), numbers.last(), link.is_empty()) {
        let next = format!("<{link}?limit=40&max_id={}>; rel=\"next\"", id(*last));
        let prev = format!("<{link}?limit=40&min_id={}>; rel=\"prev\"", id(*first));
        let links = if numbers.len() == limit {
            format!("{next}, {prev}")
        } else {
            prev
        };
        response
            .headers_mut()
            .insert("link", links.parse().unwrap());
    }
    response
}

async fn stub(count: u64, link: &'static str) -> Stub {
    Stub::start(move |asked: &Asked| page(asked, count, link)).await
}

fn keywords() -> WatchedKeywords {
    WatchedKeywords::of_test(&["US Airways", "아이폰"])
}

/// Reads all slices of a time; returns the ids of each, in the order of reading.
async fn read(
    source: &MastodonSource,
    purpose: Purpose,
    (from, until): (Timestamp, Timestamp),
) -> Vec<Vec<u64>> {
    let planned = source
        .plan(purpose, from, until, &keywords())
        .await
        .unwrap();
    let mut all = Vec::new();
    for slice in planned.0 {
        let mut ids = Vec::new();
        let mut rest = Some(slice);
        while let Some(slice) = rest {
            let page = source.fetch(&slice).await.unwrap();
            ids.extend(page.records.iter().filter_map(|record| record.cursor));
            rest = page.rest;
        }
        all.push(ids);
    }
    all
}

fn paths(stub: &Stub) -> Vec<String> {
    let mut paths: Vec<String> = stub.asked().into_iter().map(|asked| asked.path).collect();
    paths.dedup();
    paths
}

#[tokio::test]
async fn gap_is_read_upwards_from_the_overlap_to_the_newest_status() {
    for link in ["https://m.example/api/v1/timelines/public", "/x", ""] {
        let stub = stub(1_000, link).await;
        let source = stub.source(|settings| settings.overlap = Duration::from_secs(100));
        // The gap begins a seam before status 800, and ends in the future.
        let from = time(800).plus(-30 * SECOND);
        let read = read(&source, Purpose::Gap, (from, NOW.plus(Timestamp::HOUR))).await;
        let [mut ids] = <[Vec<u64>; 1]>::try_from(read).unwrap();
        ids.sort_unstable();
        let expected: Vec<u64> = (790..1_000).map(id).collect();
        assert_eq!(ids, expected, "{link}");
        let first = &stub.asked()[0];
        let newest = u64::try_from(time(800).millis()).unwrap();
        let min_id = ((newest - 100_000) << 16).to_string();
        assert_eq!(first.parameter("min_id"), Some(min_id.as_str()));
        assert_eq!(first.parameter("limit"), Some("40"));
        assert_eq!(first.authorization.as_deref(), Some("Bearer t0ken"));
        assert_eq!(paths(&stub), ["/api/v1/timelines/public"]);
    }
}

#[tokio::test]
async fn gap_ends_at_a_page_behind_its_end() {
    let stub = stub(1_000, "/x").await;
    let source = stub.source(|settings| settings.overlap = SEAM);
    let ids = read(&source, Purpose::Gap, (time(100), time(300)))
        .await
        .concat();
    let expected: Vec<u64> = (100..300).map(id).collect();
    assert!(expected.iter().all(|id| ids.contains(id)));
    assert!(ids.len() <= 200 + 2 * 40, "{} statuses", ids.len());
}

#[tokio::test]
async fn backfill_is_read_downwards_by_hashtag_and_in_the_public_timeline() {
    for link in ["https://m.example/api/v1/timelines/x", ""] {
        let stub = stub(1_000, link).await;
        let source = stub.source(|_| {});
        let read = read(&source, Purpose::Backfill, (time(100), time(300))).await;
        let expected: Vec<u64> = (100..300).rev().map(id).collect();
        assert_eq!(read, vec![expected; 3], "{link}");
        let encoded = "/api/v1/timelines/tag/%EC%95%84%EC%9D%B4%ED%8F%B0";
        let asked = [
            "/api/v1/timelines/tag/usairways",
            encoded,
            "/api/v1/timelines/public",
        ];
        assert_eq!(paths(&stub), asked);
        let max_id = (u64::try_from(time(300).millis()).unwrap() << 16).to_string();
        assert_eq!(stub.asked()[0].parameter("max_id"), Some(max_id.as_str()));
    }
}

#[tokio::test]
async fn timelines_follow_the_setting_on_every_page() {
    type Case = (
        MastodonStream,
        &'static str,
        Option<(&'static str, &'static str)>,
    );
    let cases: [Case; 4] = [
        (MastodonStream::Public, "public", None),
        (MastodonStream::Local, "public", Some(("local", "true"))),
        (MastodonStream::Remote, "public", Some(("remote", "true"))),
        (MastodonStream::Hashtag, "tag/usairways", None),
    ];
    for (setting, timeline, parameter) in cases {
        let stub = stub(100, "/x").await;
        let source = stub.source(|settings| settings.stream = setting);
        read(&source, Purpose::Gap, (time(0), NOW)).await;
        let asked = stub.asked();
        assert!(asked.len() >= 3);
        assert_eq!(asked[0].path, format!("/api/v1/timelines/{timeline}"));
        for asked in asked {
            for name in ["local", "remote"] {
                let wanted = parameter.filter(|(wanted, _)| *wanted == name);
                assert_eq!(asked.parameter(name), wanted.map(|(_, value)| value));
            }
        }
    }
}

#[tokio::test]
async fn token_of_a_slice_continues_it() {
    let stub = stub(100, "/x").await;
    let source = stub.source(|_| {});
    let (slices, _) = source
        .plan(Purpose::Gap, time(0), NOW, &keywords())
        .await
        .unwrap();
    let rest = source.fetch(&slices[0]).await.unwrap().rest.unwrap();
    let kept: Slice = serde_json::from_str(&serde_json::to_string(&rest).unwrap()).unwrap();
    let page = source.fetch(&kept).await.unwrap();
    assert_eq!(page.records[0].cursor, Some(id(79)));
}

#[tokio::test]
async fn server_that_repeats_a_page_ends_the_slice() {
    let stub = Stub::start(|asked: &Asked| {
        let mut asked = asked.clone();
        asked.query.retain(|(name, _)| name == "limit");
        page(&asked, 100, "/x")
    })
    .await;
    let source = stub.source(|_| {});
    read(&source, Purpose::Gap, (time(0), NOW.plus(Timestamp::DAY))).await;
    assert_eq!(stub.asked().len(), 2);
}

async fn failure(status: u16, stream: MastodonStream) -> FetchError {
    let stub = Stub::start(move |_| json(status, r#"{"error":"not for you"}"#)).await;
    let source = stub.source(|settings| settings.stream = stream);
    let planned = source.plan(Purpose::Gap, time(0), NOW, &keywords()).await;
    source.fetch(&planned.unwrap().0[0]).await.unwrap_err()
}

#[tokio::test]
async fn timeline_that_is_not_shown_is_unavailable_with_the_servers_words() {
    for (status, word) in [
        (401, "token"),
        (403, "token"),
        (422, "token"),
        (404, "does not have"),
    ] {
        let failure = failure(status, MastodonStream::Public).await;
        assert!(matches!(failure, FetchError::Unavailable(_)));
        let words = failure.to_string();
        assert!(
            words.contains("not for you") && words.contains(word),
            "{words}"
        );
    }
    for status in [429, 500, 503] {
        let failure = failure(status, MastodonStream::Public).await;
        assert!(matches!(
            failure,
            FetchError::Request(ConnectError::Status { .. })
        ));
    }
}

#[tokio::test]
async fn unknown_hashtag_is_an_empty_timeline() {
    let stub = Stub::start(|_| json(404, "{}")).await;
    let source = stub.source(|settings| settings.stream = MastodonStream::Hashtag);
    let read = read(&source, Purpose::Backfill, (time(0), NOW)).await;
    assert_eq!(read, vec![Vec::<u64>::new(); 2]);
}

#[tokio::test]
async fn bad_status_on_a_page_is_rejected_and_the_others_are_read() {
    let stub = Stub::start(|_| {
        let good = status(id(7), time(7), "글");
        json(200, format!(r#"[{good},7,{{"id":"9"}},{good}]"#))
    })
    .await;
    let source = stub.source(|_| {});
    let planned = source.plan(Purpose::Gap, time(0), NOW, &keywords()).await;
    let page = source.fetch(&planned.unwrap().0[0]).await.unwrap();
    let read: Vec<bool> = page
        .records
        .iter()
        .map(|record| record.content.is_ok())
        .collect();
    assert_eq!(read, [true, false, false, true]);
    assert_eq!(page.records[2].raw, r#"{"id":"9"}"#);
}

#[tokio::test]
async fn pace_spreads_what_remains_of_the_rate_limit() {
    let reset = NOW.plus(100 * SECOND).to_string();
    let remaining = std::sync::Arc::new(parking_lot::Mutex::new(299_u64));
    let left = std::sync::Arc::clone(&remaining);
    let stub = Stub::start(move |_| {
        let mut response = json(200, "[]");
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", "300".parse().unwrap());
        headers.insert("x-ratelimit-reset", reset.parse().unwrap());
        headers.insert(
            "x-ratelimit-remaining",
            left.lock().to_string().parse().unwrap(),
        );
        response
    })
    .await;
    let source = stub.source(|_| {});
    let planned = source.plan(Purpose::Gap, time(0), NOW, &keywords()).await;
    let slice = &planned.unwrap().0[0];
    assert_eq!(source.pace(slice), Duration::ZERO);
    for (count, pace) in [(299, 0), (100, 1_000), (1, 100_000), (0, 100_000)] {
        *remaining.lock() = count;
        let page = source.fetch(slice).await.unwrap();
        let reset = NOW.plus(100 * SECOND);
        let rate = RateLimit {
            limit: 300,
            remaining: count,
            reset,
        };
        assert_eq!(page.rate, Some(rate));
        assert_eq!(
            source.pace(slice),
            Duration::from_millis(pace),
            "{count} remain"
        );
    }
}

fn tweets(source_host: &str, ids: &[&str]) -> Vec<TweetId> {
    let ids = ids.iter().map(|id| format!("masto:{source_host}/{id}"));
    ids.map(|id| TweetId::new(&id).unwrap()).collect()
}

/// A server that has the statuses with even ids.
async fn even() -> (Stub, MastodonSource, String) {
    let stub = Stub::start(|asked: &Asked| {
        let ids = asked.query.iter().filter(|(name, _)| name == "id[]");
        let ids: Vec<u64> = ids.map(|(_, id)| id.parse().unwrap()).collect();
        assert!(ids.len() <= 20 && asked.path == "/api/v1/statuses");
        let found = ids.into_iter().filter(|id| id % 2 == 0).map(|id| {
            let mut status = status(id, NOW, "글");
            status["favourites_count"] = id.into();
            status
        });
        json(200, serde_json::Value::from_iter(found).to_string())
    })
    .await;
    let source = stub.source(|_| {});
    let host = stub.url.strip_prefix("http://").unwrap().to_owned();
    (stub, source, host)
}

#[tokio::test]
async fn refresh_gives_metrics_of_what_exists_and_names_what_is_gone() {
    let (stub, source, host) = even().await;
    let mut ids = tweets(&host, &["2", "3", "4@1795000000000", "5@1"]);
    ids.extend(tweets("other.example", &["6"]));
    ids.push(TweetId::new("x:8").unwrap());
    let at = NOW.plus(5);
    let (events, gone, _) = source.refresh(&ids, at).await.unwrap();
    let likes: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.tweet_id().unwrap().clone(),
                event.metrics().likes,
                event.at(),
            )
        })
        .collect();
    let engaged = |id: &TweetId, likes| (id.clone(), Some(likes), at);
    assert_eq!(likes, [engaged(&ids[0], 2), engaged(&ids[2], 4)]);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, Event::TweetEngaged(_)))
    );
    assert_eq!(gone, tweets(&host, &["3", "5@1"]));
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn refresh_asks_for_twenty_statuses_at_once() {
    let (stub, source, host) = even().await;
    let numbers: Vec<String> = (1..=45).map(|id| id.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let (events, gone, _) = source.refresh(&tweets(&host, &numbers), NOW).await.unwrap();
    assert_eq!((events.len(), gone.len(), stub.asked().len()), (22, 23, 3));
}

#[tokio::test]
async fn refresh_that_is_not_answered_names_nothing_as_gone() {
    for (status, body, is_error) in [
        (404, "{}", false),
        (500, "{}", true),
        (200, r#"[{"id":"2"}]"#, true),
        (200, "<html>", true),
    ] {
        let stub = Stub::start(move |_| json(status, body)).await;
        let source = stub.source(|_| {});
        let ids = tweets(stub.url.strip_prefix("http://").unwrap(), &["2", "3"]);
        match source.refresh(&ids, NOW).await {
            Ok((events, gone, _)) => assert!(!is_error && events.is_empty() && gone.is_empty()),
            Err(error) => assert!(is_error, "{status}: {error}"),
        }
    }
}

#[test]
fn refresh_is_off_when_its_interval_is_zero() {
    let built = |change: fn(&mut MastodonSettings)| super::built(change).unwrap();
    assert_eq!(built(|_| {}).refresh_every(), None);
    let minute = built(|settings| settings.refresh = Duration::from_secs(60));
    assert_eq!(minute.refresh_every(), Some(Duration::from_secs(60)));
}
