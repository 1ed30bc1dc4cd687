use std::sync::atomic::AtomicUsize;

use serde_json::{Value, json};

use super::*;
use crate::sources::x::scripted::{Answered, Asked, ScriptedX};

const NOW: &str = "2026-11-23T07:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn wanted(purpose: Purpose, from: &str, until: &str) -> Wanted {
    Wanted {
        purpose,
        from: at(from),
        until: at(until),
        now: at(NOW),
    }
}

/// Charges for the posts of a page, and reads no records.
fn charge(body: &[u8]) -> Result<(Vec<SourceRecord>, Cost), ConnectError> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let posts = body["data"].as_array().map_or(0, Vec::len);
    let cost = Cost {
        posts: u64::try_from(posts).unwrap(),
        ..Cost::default()
    };
    Ok((Vec::new(), cost))
}

/// A search whose queries have at most `chars` code points.
fn search(x: &ScriptedX, chars: usize) -> Search {
    let mut settings = x.settings();
    settings.recent_chars = chars;
    let pages = PageForm {
        fields: vec![("tweet.fields", "id,text".to_owned())],
        read: charge,
    };
    Search::new(x.api(), &settings, pages)
}

fn of(keywords: &[&str]) -> WatchedKeywords {
    WatchedKeywords::of_test(keywords)
}

async fn silent() -> ScriptedX {
    ScriptedX::start(|_| Answered::json(500, json!({}))).await
}

/// A slice of the first page of a query.
fn slice(query: &str, token: Option<&str>) -> Slice {
    Slice {
        query: query.to_owned(),
        from: at("2026-11-22T00:00:00Z"),
        to: at("2026-11-23T00:00:00Z"),
        token: token.map(str::to_owned),
        not_before: None,
        expected: None,
    }
}

#[tokio::test]
async fn gap_is_a_slice_of_whole_seconds_for_each_query() {
    let x = silent().await;
    let search = search(&x, 32);
    let gap = wanted(
        Purpose::Gap,
        "2026-11-23T06:58:00.900Z",
        "2026-11-23T07:00:30.100Z",
    );
    let keywords = of(&["aaa", "bad", "bbb", "ccc"]);
    let (slices, estimate) = search
        .plan(&gap, &keywords, &["bad".to_owned()])
        .await
        .unwrap();
    let slice = |query: &str| Slice {
        query: query.to_owned(),
        from: at("2026-11-23T06:58:00Z"),
        to: at("2026-11-23T07:00:31Z"),
        token: None,
        not_before: Some(at("2026-11-23T07:00:41Z")),
        expected: None,
    };
    assert_eq!(
        slices,
        [
            slice("recent (\"aaa\" OR #aaa OR \"bbb\" OR #bbb)"),
            slice("recent (\"ccc\" OR #ccc)"),
        ]
    );
    assert_eq!(estimate, Estimate::default());
    let none = search.plan(&gap, &of(&[]), &[]).await.unwrap();
    assert_eq!(none.0, []);
    let empty = wanted(Purpose::Gap, NOW, NOW);
    assert_eq!(search.plan(&empty, &keywords, &[]).await.unwrap().0, []);
}

#[tokio::test]
async fn gap_is_lost_up_to_where_the_recent_search_begins() {
    let x = silent().await;
    let search = search(&x, 512);
    let keywords = of(&["aaa"]);
    let first = "2026-11-16T07:00:00Z";
    for (from, lost_until) in [(first, None), ("2026-11-16T06:59:59Z", Some(at(first)))] {
        let gap = wanted(Purpose::Gap, from, "2026-11-16T07:00:01Z");
        let (slices, estimate) = search.plan(&gap, &keywords, &[]).await.unwrap();
        assert_eq!(estimate.lost_until, lost_until);
        assert_eq!(slices.len(), 1);
        assert_eq!(
            (slices[0].from, slices[0].to),
            (at(first), at("2026-11-16T07:00:01Z"))
        );
    }
    let gap = wanted(Purpose::Gap, "2026-11-16T06:00:00Z", first);
    let planned = search.plan(&gap, &keywords, &[]).await;
    assert!(
        matches!(planned, Err(FetchError::Unavailable(_))),
        "{planned:?}"
    );
}

#[tokio::test]
async fn end_of_a_page_is_a_whole_second_that_x_accepts() {
    let x = ScriptedX::start(|_| Answered::json(200, json!({"meta": {}}))).await;
    let search = search(&x, 512);
    let moved = Slice {
        to: at("2026-11-23T06:59:49.100Z"),
        ..slice("recent a", None)
    };
    search.fetch(&moved, at(NOW)).await.unwrap();
    let asked = x.asked();
    assert_eq!(asked[0].parameter("end_time"), Some("2026-11-23T06:59:50Z"));
    let wait = |now: &str| search.until_accepted(at("2026-11-23T06:59:50Z"), at(now));
    assert_eq!(wait(NOW), Duration::ZERO);
    assert_eq!(wait("2026-11-23T06:59:59.2Z"), Duration::from_millis(800));
}

#[tokio::test]
async fn backfill_is_cut_at_midnights_by_the_counts() {
    let x = ScriptedX::start(|asked| {
        assert_eq!(asked.path, "/2/tweets/counts/recent");
        let day =
            |start: &str, name: &str, count: u64| json!({"start": start, "end": "", name: count});
        if asked.parameter("next_token").is_none() {
            let data = json!([
                day("2026-11-19T00:00:00.000Z", "tweet_count", 5_000),
                day("2026-11-20T00:00:00.000Z", "tweet_count", 0),
                day("2026-11-21T00:00:00.000Z", "tweet_count", 100),
                day("2026-11-22T00:00:00.000Z", "tweet_count", 200),
                day("2026-11-23T00:00:00.000Z", "tweet_count", 50),
            ]);
            return Answered::json(200, json!({"data": data, "meta": {"next_token": "older"}}));
        }
        let data = json!([
            day("2026-11-16T19:00:00.000Z", "post_count", 500),
            day("2026-11-17T00:00:00.000Z", "post_count", 1_600),
            day("2026-11-18T00:00:00.000Z", "post_count", 300),
        ]);
        Answered::json(200, json!({"data": data, "meta": {}}))
    })
    .await;
    let search = search(&x, 512);
    let past = wanted(
        Purpose::Backfill,
        "2026-11-16T19:00:00Z",
        "2026-11-23T07:00:30Z",
    );
    let (slices, estimate) = search.plan(&past, &of(&["aaa"]), &[]).await.unwrap();
    let cut: Vec<(Timestamp, Timestamp, Option<u64>)> = slices
        .iter()
        .map(|slice| (slice.from, slice.to, slice.expected))
        .collect();
    assert_eq!(
        cut,
        [
            (
                at("2026-11-20T00:00:00Z"),
                at("2026-11-23T07:00:30Z"),
                Some(350)
            ),
            (
                at("2026-11-19T00:00:00Z"),
                at("2026-11-20T00:00:00Z"),
                Some(5_000)
            ),
            (
                at("2026-11-17T00:00:00Z"),
                at("2026-11-19T00:00:00Z"),
                Some(1_900)
            ),
            (
                at("2026-11-16T19:00:00Z"),
                at("2026-11-17T00:00:00Z"),
                Some(500)
            ),
        ]
    );
    assert_eq!(slices[0].not_before, Some(at("2026-11-23T07:00:40Z")));
    assert_eq!(
        estimate,
        Estimate {
            posts: Some(7_750),
            requests: Some(4 + 50 + 19 + 5),
            duration: Some(Duration::from_secs(156)),
            micro_usd: 7_750 * 15_000,
            lost_until: None,
        }
    );
    let asked = x.asked();
    assert_eq!(asked.len(), 2);
    let parameter = |name| asked[0].parameter(name);
    assert_eq!(parameter("query"), Some("(\"aaa\" OR #aaa)"));
    assert_eq!(parameter("granularity"), Some("day"));
    assert_eq!(parameter("start_time"), Some("2026-11-16T19:00:00Z"));
    assert_eq!(parameter("end_time"), Some("2026-11-23T06:59:50Z"));
}

#[tokio::test]
async fn older_backfill_is_taken_from_the_archive_newest_first() {
    let x = ScriptedX::start(|asked| {
        assert_eq!(asked.path, "/2/tweets/counts/all");
        let data = json!([
            {"start": "2026-10-01T00:00:00Z", "tweet_count": 10_001},
            {"start": "2026-10-02T00:00:00Z", "tweet_count": 1},
        ]);
        Answered::json(200, json!({"data": data}))
    })
    .await;
    let past = wanted(
        Purpose::Backfill,
        "2026-10-01T00:00:00Z",
        "2026-10-03T00:00:00Z",
    );
    let (slices, estimate) = search(&x, 512)
        .plan(&past, &of(&["aaa"]), &[])
        .await
        .unwrap();
    let starts: Vec<Timestamp> = slices.iter().map(|slice| slice.from).collect();
    assert_eq!(
        starts,
        [at("2026-10-02T00:00:00Z"), at("2026-10-01T00:00:00Z")]
    );
    assert_eq!(slices[0].query, "all (\"aaa\" OR #aaa)");
    assert_eq!(estimate.requests, Some(1 + 21));
    assert_eq!(estimate.duration, Some(Duration::from_secs(66)));
}

#[tokio::test]
async fn counts_that_were_paid_for_are_not_asked_again_and_their_cost_is_reported_once() {
    let refusals = AtomicUsize::new(1);
    let x = ScriptedX::start(move |asked| {
        if asked.path == "/2/tweets/search/recent" {
            return Answered::json(200, json!({"data": [{}, {}, {}], "meta": {}}));
        }
        let is_second = asked.parameter("query") == Some("(\"bbb\" OR #bbb)");
        if is_second && refusals.swap(0, Ordering::Relaxed) > 0 {
            return Answered::json(429, json!({"title": "Too Many Requests"}));
        }
        Answered::json(200, json!({"data": [], "meta": {"total_tweet_count": 0}}))
    })
    .await;
    let search = search(&x, 16);
    let past = wanted(
        Purpose::Backfill,
        "2026-11-22T00:00:00Z",
        "2026-11-22T12:00:00Z",
    );
    let keywords = of(&["aaa", "bbb"]);
    let refused = search.plan(&past, &keywords, &[]).await;
    assert!(matches!(
        refused,
        Err(FetchError::Request(ConnectError::Status {
            status: 429,
            ..
        }))
    ));
    let (slices, _) = search.plan(&past, &keywords, &[]).await.unwrap();
    assert_eq!(slices.len(), 2);
    let asked = |query: &str| {
        let asked = x.asked();
        asked
            .iter()
            .filter(|asked| asked.parameter("query") == Some(query))
            .count()
    };
    assert_eq!(
        (asked("(\"aaa\" OR #aaa)"), asked("(\"bbb\" OR #bbb)")),
        (1, 2)
    );
    let first = search.fetch(&slices[0], at(NOW)).await.unwrap();
    assert_eq!((first.cost.posts, first.cost.micro_usd), (3, 10_000));
    let second = search.fetch(&slices[1], at(NOW)).await.unwrap();
    assert_eq!(second.cost.micro_usd, 0);
}

#[tokio::test]
async fn pages_follow_the_token_to_the_last_one() {
    let x = ScriptedX::start(|asked| {
        let meta = match asked.parameter("next_token") {
            None => json!({"next_token": "second", "result_count": 1}),
            Some(_) => json!({"result_count": 0}),
        };
        let mut answered = Answered::json(200, json!({"meta": meta}));
        answered.headers = vec![
            ("x-rate-limit-limit", "300".to_owned()),
            ("x-rate-limit-remaining", "299".to_owned()),
            ("x-rate-limit-reset", "1795000000".to_owned()),
        ];
        answered
    })
    .await;
    let search = search(&x, 512);
    let asked_for = slice("all (\"a b\")", None);
    let first = search.fetch(&asked_for, at(NOW)).await.unwrap();
    let rest = first.rest.unwrap();
    assert_eq!(rest, slice("all (\"a b\")", Some("second")));
    let rate = first.rate.unwrap();
    assert_eq!(
        (rate.limit, rate.remaining, rate.reset.millis()),
        (300, 299, 1_795_000_000_000)
    );
    assert_eq!(search.fetch(&rest, at(NOW)).await.unwrap().rest, None);
    let asked = x.asked();
    assert_eq!(asked[0].path, "/2/tweets/search/all");
    assert!(
        asked[0]
            .raw_query
            .starts_with("query=%28%22a%20b%22%29&max_results=500&")
    );
    let parameter = |name| asked[1].parameter(name);
    assert_eq!(parameter("start_time"), Some("2026-11-22T00:00:00Z"));
    assert_eq!(parameter("end_time"), Some("2026-11-23T00:00:00Z"));
    assert_eq!(parameter("next_token"), Some("second"));
    assert_eq!(parameter("tweet.fields"), Some("id,text"));
    assert_eq!(search.pace(&asked_for), Duration::from_secs(1));
    assert_eq!(search.pace(&slice("recent a", None)), Duration::ZERO);
}

#[tokio::test]
async fn start_that_became_too_old_is_left_to_the_default_of_x() {
    let x = ScriptedX::start(|_| Answered::json(200, json!({"meta": {}}))).await;
    let search = search(&x, 512);
    let old = slice("recent a", None);
    search
        .fetch(&old, at("2026-11-28T23:58:59Z"))
        .await
        .unwrap();
    search
        .fetch(&old, at("2026-11-29T00:00:00Z"))
        .await
        .unwrap();
    let starts: Vec<Option<String>> = x
        .asked()
        .iter()
        .map(|asked| asked.parameter("start_time").map(str::to_owned))
        .collect();
    assert_eq!(starts, [Some("2026-11-22T00:00:00Z".to_owned()), None]);
}

#[tokio::test]
async fn refused_pages_say_what_is_refused() {
    fn refusal(asked: &Asked) -> Answered {
        let (status, message) = match asked.parameter("query") {
            Some("start") => (400, "Invalid 'start_time': it must be within 7 days"),
            Some("end") => (400, "Invalid 'end_time': it must be 10 seconds ago"),
            Some("loop") => return Answered::json(200, json!({"meta": {"next_token": "t"}})),
            Some("down") => (503, "over capacity"),
            _ => (400, "the next_token is not valid"),
        };
        let errors = json!([{"message": message}]);
        Answered::json(
            status,
            json!({"errors": errors, "title": "Invalid Request"}),
        )
    }
    let x = ScriptedX::start(refusal).await;
    let search = search(&x, 512);
    let fetch = async |query: &str, token| {
        let slice = slice(query, token);
        search.fetch(&slice, at(NOW)).await.unwrap_err()
    };
    let token = Some("t");
    assert!(matches!(
        fetch("recent start", None).await,
        FetchError::Unavailable(_)
    ));
    assert!(matches!(
        fetch("recent token", token).await,
        FetchError::Token(_)
    ));
    assert!(matches!(
        fetch("recent token", None).await,
        FetchError::Request(_)
    ));
    assert!(matches!(
        fetch("recent end", token).await,
        FetchError::Request(_)
    ));
    assert!(matches!(
        fetch("recent down", token).await,
        FetchError::Request(_)
    ));
    assert!(matches!(
        fetch("recent loop", token).await,
        FetchError::Request(ConnectError::Form(_))
    ));
    assert!(matches!(
        fetch("tomorrow a", None).await,
        FetchError::Unavailable(_)
    ));
}
