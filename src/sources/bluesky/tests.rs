//! The source against servers on the loopback.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::stub::{Answered, Asked, HttpStub, JetstreamStub, Script, settings_of_test};
use super::*;
use crate::events::{Keyword, KeywordRules, MetricsPatch, TweetEngaged, TweetPosted};
use crate::settings::{JetstreamProtocol, SecretText};
use crate::sources::{Arrival, ConnectionEnd, Mapped, SourceRecord, WatchedKeyword};

/// 2026-11-23T07:00:00.5Z in microseconds.
const TIME: u64 = 1_795_417_200_500_000;
const DID: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T08:00:00Z")
}

fn source(settings: BlueskySettings) -> BlueskySource {
    BlueskySource::new(settings, Clock::of(now), Requests::default()).unwrap()
}

fn jetstream(stub: &JetstreamStub, protocol: JetstreamProtocol) -> BlueskySource {
    source(BlueskySettings {
        urls: vec![stub.url.clone()],
        protocol,
        ..settings_of_test()
    })
}

async fn connect(
    source: &BlueskySource,
    cursor: Option<u64>,
    since: Option<Timestamp>,
) -> Result<Box<dyn Connection>, ConnectError> {
    let stream = StreamName(STREAM.to_owned());
    source.connect(&stream, Resume { cursor, since }).await
}

fn post_v1(time_us: u64, rkey: &str) -> Message {
    let frame = json!({"did": DID, "time_us": time_us, "kind": "commit", "commit": {
        "rev": "3mzzzzzzzzz2a", "operation": "create", "collection": "app.bsky.feed.post",
        "rkey": rkey, "record": {"text": "아이폰", "createdAt": "2026-11-23T07:00:00Z"}}});
    Message::text(frame.to_string())
}

fn post_v2(seq: u64, time: &str, rkey: &str) -> Message {
    let frame = json!({"$type": "message", "payload": {
        "$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": seq, "did": DID,
        "time": time, "rev": "3mzzzzzzzzz2a", "operation": "create",
        "collection": "app.bsky.feed.post", "rkey": rkey, "record": {"text": "아이폰"}}});
    Message::text(frame.to_string())
}

/// The keys of the posts in records; the reason of a rejected record.
fn keys(records: &[SourceRecord]) -> Vec<String> {
    let key = |record: &SourceRecord| match &record.content {
        Ok(Mapped::Post(post)) => post.family.as_str().rsplit('/').next().unwrap().to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(rejection) => rejection.reason.clone(),
    };
    records.iter().map(key).collect()
}

/// Waits for records until there are `count` of them.
async fn records(connection: &mut dyn Connection, count: usize) -> Vec<SourceRecord> {
    let mut all = Vec::new();
    while all.len() < count {
        match connection.next().await.unwrap() {
            Arrival::Records(records) => all.extend(records),
            Arrival::KeepAlive => {}
            clamped @ Arrival::Clamped { .. } => panic!("{clamped:?}"),
        }
    }
    all
}

async fn first_clamped(connection: &mut dyn Connection) -> (Timestamp, Timestamp) {
    loop {
        match connection.next().await.unwrap() {
            Arrival::Clamped { requested, first } => return (requested, first),
            Arrival::KeepAlive => {}
            Arrival::Records(records) => panic!("{:?}", keys(&records)),
        }
    }
}

#[tokio::test]
async fn first_connection_reads_events_and_answers_pings() {
    let mut stub = JetstreamStub::start(vec![Script::Play(vec![
        Message::Ping("are you there".into()),
        post_v1(TIME, "3mzzzzzzzzz2b"),
        Message::text("{"),
        post_v1(TIME + 1, "3mzzzzzzzzz2c"),
    ])])
    .await;
    let source = jetstream(&stub, JetstreamProtocol::V1);
    let mut connection = connect(&source, None, None).await.unwrap();
    let path = "/subscribe?wantedCollections=app.bsky.feed.post";
    assert_eq!(stub.opened.recv().await, Some((path.to_owned(), None)));
    let records = records(&mut *connection, 3).await;
    let keys = keys(&records);
    assert_eq!(
        (keys[0].as_str(), keys[2].as_str()),
        ("3mzzzzzzzzz2b", "3mzzzzzzzzz2c")
    );
    assert!(keys[1].starts_with("not readable"), "{keys:?}");
    let cursors: Vec<_> = records.iter().map(|record| record.cursor).collect();
    assert_eq!(cursors, [Some(TIME), None, Some(TIME + 1)]);
    let reading = tokio::spawn(async move { connection.next().await });
    assert_eq!(
        stub.received.recv().await,
        Some(Message::Pong("are you there".into()))
    );
    reading.abort();
}

#[tokio::test]
async fn ping_alone_is_a_keep_alive_and_a_close_ends() {
    let close = |code, reason: &'static str| {
        Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
    };
    let stub = JetstreamStub::start(vec![
        Script::Play(vec![
            Message::Ping("a".into()),
            close(CloseCode::Normal, ""),
        ]),
        Script::Play(vec![close(CloseCode::Policy, "consumer too slow")]),
    ])
    .await;
    let source = jetstream(&stub, JetstreamProtocol::V1);
    let mut connection = connect(&source, None, None).await.unwrap();
    let mut end = connection.next().await;
    while let Ok(arrival) = end {
        assert!(matches!(arrival, Arrival::KeepAlive), "{arrival:?}");
        end = connection.next().await;
    }
    assert_eq!(end.unwrap_err(), ConnectionEnd::Closed);
    drop(connection);
    let mut connection = connect(&source, None, None).await.unwrap();
    let end = connection.next().await.unwrap_err();
    assert_eq!(end, ConnectionEnd::Ended("consumer too slow".to_owned()));
    assert_eq!(connection.next().await.unwrap_err(), end);
}

#[tokio::test]
async fn resumed_connection_sets_the_cursor_back_and_reports_a_late_start() {
    let mut stub = JetstreamStub::start(vec![
        Script::Play(vec![post_v1(TIME + 60_000_000, "3mzzzzzzzzz2b")]),
        Script::Play(vec![
            post_v1(TIME + 60_001_000, "3mzzzzzzzzz2c"),
            post_v1(TIME + 180_000_000, "3mzzzzzzzzz2d"),
        ]),
    ])
    .await;
    let source = jetstream(&stub, JetstreamProtocol::V1);
    let mut connection = connect(&source, Some(TIME), None).await.unwrap();
    let (path, _) = stub.opened.recv().await.unwrap();
    assert!(path.ends_with("&cursor=1795417195500000"), "{path}");
    assert_eq!(keys(&records(&mut *connection, 1).await), ["3mzzzzzzzzz2b"]);
    drop(connection);
    let mut connection = connect(&source, Some(TIME), None).await.unwrap();
    let clamped = first_clamped(&mut *connection).await;
    assert_eq!(
        clamped,
        (at("2026-11-23T07:00:00.5Z"), at("2026-11-23T07:01:00.501Z"))
    );
    let records = records(&mut *connection, 2).await;
    assert_eq!(keys(&records), ["3mzzzzzzzzz2c", "3mzzzzzzzzz2d"]);
}

#[tokio::test]
async fn record_that_is_too_large_is_rejected_and_reading_goes_on() {
    let large = format!(r#"{{"text":"{}"}}"#, "a".repeat(2 * 1024 * 1024));
    let stub = JetstreamStub::start(vec![Script::Play(vec![
        Message::text(large),
        post_v1(TIME, "3mzzzzzzzzz2b"),
    ])])
    .await;
    let source = jetstream(&stub, JetstreamProtocol::V1);
    let mut connection = connect(&source, None, None).await.unwrap();
    let keys = keys(&records(&mut *connection, 2).await);
    assert_eq!(
        keys,
        [
            "the record has 2097163 bytes; the maximum is 1048576",
            "3mzzzzzzzzz2b"
        ]
    );
}

#[tokio::test]
async fn refused_upgrade_has_the_status_and_the_words_of_the_server() {
    let refused = r#"{"error":"InvalidRequest","message":"unknown parameter"}"#;
    let stub = JetstreamStub::start(vec![Script::Refuse(400, refused)]).await;
    let requests = Requests::default();
    let settings = BlueskySettings {
        urls: vec![stub.url.clone()],
        ..settings_of_test()
    };
    let source = BlueskySource::new(settings, Clock::of(now), requests.clone()).unwrap();
    let error = connect(&source, None, None).await.err().unwrap();
    let expected = ConnectError::Status {
        status: 400,
        detail: "InvalidRequest: unknown parameter".to_owned(),
        retry_at: None,
    };
    assert_eq!(error, expected);
    assert_eq!(requests.pairs(), [("subscribe", 400, 1)]);
}

#[tokio::test]
async fn next_host_is_asked_from_a_minute_before_the_cursor() {
    let mut stub = JetstreamStub::start(vec![Script::Play(Vec::new())]).await;
    let source = source(BlueskySettings {
        urls: vec!["ws://127.0.0.1:1".to_owned(), stub.url.clone()],
        ..settings_of_test()
    });
    for _ in 0..3 {
        let error = connect(&source, Some(TIME), None).await.err().unwrap();
        assert!(matches!(error, ConnectError::Network(_)), "{error}");
    }
    let _connection = connect(&source, Some(TIME), None).await.unwrap();
    let (path, _) = stub.opened.recv().await.unwrap();
    assert!(path.ends_with("&cursor=1795417140500000"), "{path}");
}

#[tokio::test]
async fn version_2_resumes_at_its_sequence_and_ends_with_an_error_frame() {
    let mut stub = JetstreamStub::start(vec![Script::Play(vec![
        post_v2(12_345, "2026-11-23T07:00:00Z", "3mzzzzzzzzz2b"),
        Message::text(r#"{"$type":"error","error":"ConsumerTooSlow"}"#),
    ])])
    .await;
    let source = jetstream(&stub, JetstreamProtocol::V2);
    let mut connection = connect(&source, Some(12_345), Some(now())).await.unwrap();
    let path = "/xrpc/network.bsky.jetstream.subscribeEvents?kinds=commit\
        &collections=app.bsky.feed.post&cursor=12345";
    let sub_protocol = Some("xrpc.v1.json".to_owned());
    assert_eq!(
        stub.opened.recv().await,
        Some((path.to_owned(), sub_protocol))
    );
    let records = records(&mut *connection, 1).await;
    assert_eq!(keys(&records), ["3mzzzzzzzzz2b"]);
    assert_eq!(records[0].cursor, Some(12_345));
    let end = connection.next().await.unwrap_err();
    assert_eq!(end, ConnectionEnd::Ended("ConsumerTooSlow".to_owned()));
}

#[tokio::test]
async fn sequence_that_is_too_old_and_cursor_of_version_1_begin_live() {
    let too_old = r#"{"error":"CursorTooOld","message":"older than 36 h"}"#;
    let first = || {
        Script::Play(vec![post_v2(
            20_000,
            "2026-11-23T07:30:00Z",
            "3mzzzzzzzzz2b",
        )])
    };
    let mut stub = JetstreamStub::start(vec![Script::Refuse(400, too_old), first(), first()]).await;
    let source = jetstream(&stub, JetstreamProtocol::V2);
    let since = at("2026-11-23T07:00:00Z");
    let mut connection = connect(&source, Some(12_345), Some(since)).await.unwrap();
    assert!(
        stub.opened
            .recv()
            .await
            .unwrap()
            .0
            .ends_with("&cursor=12345")
    );
    assert!(!stub.opened.recv().await.unwrap().0.contains("cursor"));
    let clamped = first_clamped(&mut *connection).await;
    assert_eq!(clamped, (since, at("2026-11-23T07:30:00Z")));
    assert_eq!(keys(&records(&mut *connection, 1).await), ["3mzzzzzzzzz2b"]);
    drop(connection);
    let mut connection = connect(&source, Some(TIME), Some(since)).await.unwrap();
    assert!(!stub.opened.recv().await.unwrap().0.contains("cursor"));
    let clamped = first_clamped(&mut *connection).await;
    assert_eq!(
        clamped,
        (at("2026-11-23T07:00:00.5Z"), at("2026-11-23T07:30:00Z"))
    );
}

fn post(did: &str, text: &str) -> Post {
    let uri = format!("at://{did}/app.bsky.feed.post/3mzzzzzzzzz2b");
    let address = address::PostAddress::of_uri(&uri).unwrap();
    let tweet = mapping::tweet(&address, &json!({"text": text}), now());
    mapping::first_version(tweet.unwrap().unwrap())
}

async fn completed(source: &BlueskySource, posts: &[(&str, &str)]) -> Vec<TweetPosted> {
    let posts = posts.iter().map(|(did, text)| post(did, text));
    let mut posts: Vec<Post> = posts.collect();
    let mut borrowed: Vec<&mut Post> = posts.iter_mut().collect();
    let keywords = WatchedKeywords::of_test(&["아이폰"]);
    source.complete(&mut borrowed, &keywords).await;
    posts.into_iter().map(|post| post.tweet).collect()
}

fn profile(did: &str) -> Value {
    json!({"did": did, "handle": format!("{}.example", &did[8..]), "displayName": "Some One",
        "followersCount": 12})
}

#[tokio::test]
async fn authors_of_matching_posts_get_their_profiles_once() {
    let stub = HttpStub::start(|asked| {
        let known = asked
            .all("actors")
            .into_iter()
            .filter(|did| *did != "did:plc:gone");
        let profiles: Vec<Value> = known.map(profile).collect();
        Some((200, json!({ "profiles": profiles }).to_string()))
    })
    .await;
    let source = source(BlueskySettings {
        appview: stub.url.clone(),
        ..settings_of_test()
    });
    let posts = [
        ("did:plc:a", "아이폰은"),
        ("did:plc:b", "nothing"),
        ("did:plc:gone", "아이폰"),
        ("did:plc:a", "새 아이폰"),
    ];
    for _ in 0..2 {
        let tweets = completed(&source, &posts).await;
        let handles: Vec<&str> = tweets
            .iter()
            .map(|tweet| tweet.author.handle.as_str())
            .collect();
        assert_eq!(
            handles,
            ["a.example", "did:plc:b", "did:plc:gone", "a.example"]
        );
        assert_eq!(tweets[0].author.name.as_deref(), Some("Some One"));
        assert_eq!(tweets[0].author.followers, Some(12));
    }
    let asked = stub.asked.lock();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, "app.bsky.actor.getProfiles");
    assert_eq!(asked[0].all("actors"), ["did:plc:a", "did:plc:gone"]);
    assert_eq!(asked[0].authorization, None);
}

#[tokio::test]
async fn many_profiles_are_asked_for_25_at_a_time() {
    let stub = HttpStub::start(|asked| {
        let profiles: Vec<Value> = asked.all("actors").into_iter().map(profile).collect();
        Some((200, json!({ "profiles": profiles }).to_string()))
    })
    .await;
    let source = source(BlueskySettings {
        appview: stub.url.clone(),
        ..settings_of_test()
    });
    let dids: Vec<String> = (100..160)
        .map(|number| format!("did:plc:{number}"))
        .collect();
    let posts: Vec<(&str, &str)> = dids.iter().map(|did| (did.as_str(), "아이폰")).collect();
    let tweets = completed(&source, &posts).await;
    assert_eq!(tweets[59].author.handle, "159.example");
    let mut sizes: Vec<usize> = stub
        .asked
        .lock()
        .iter()
        .map(|asked| asked.all("actors").len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 25, 25]);
}

#[tokio::test(start_paused = true)]
async fn profiles_that_do_not_come_leave_the_did() {
    let stub = HttpStub::start(|_| None).await;
    let source = source(BlueskySettings {
        appview: stub.url.clone(),
        ..settings_of_test()
    });
    for _ in 0..2 {
        let tweets = completed(&source, &[("did:plc:a", "아이폰")]).await;
        assert_eq!(tweets[0].author.handle, "did:plc:a");
    }
}

#[tokio::test]
async fn error_of_the_app_view_leaves_the_did_until_it_answers() {
    let failures = std::sync::atomic::AtomicUsize::new(0);
    let stub = HttpStub::start(move |asked| {
        match failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Some((502, String::new())),
            1 => Some((200, "no JSON".to_owned())),
            _ => {
                let profiles: Vec<Value> = asked.all("actors").into_iter().map(profile).collect();
                Some((200, json!({ "profiles": profiles }).to_string()))
            }
        }
    })
    .await;
    let source = source(BlueskySettings {
        appview: stub.url.clone(),
        ..settings_of_test()
    });
    for handle in ["did:plc:a", "did:plc:a", "a.example"] {
        let tweets = completed(&source, &[("did:plc:a", "아이폰")]).await;
        assert_eq!(tweets[0].author.handle, handle);
    }
}

fn with_account(stub: &HttpStub) -> BlueskySettings {
    BlueskySettings {
        pds: stub.url.clone(),
        handle: Some("someone.example".to_owned()),
        password: Some(SecretText::new("app-password")),
        ..settings_of_test()
    }
}

fn keywords() -> WatchedKeywords {
    let watched = |keyword, any: &[&str]| WatchedKeyword {
        keyword: Keyword::new(keyword).unwrap(),
        rules: KeywordRules::of_test(any, &["none"]),
    };
    WatchedKeywords::new(
        vec![watched("아이폰", &["iphone"]), watched("a\"b\\", &[])],
        1,
    )
}

#[tokio::test]
async fn backfill_is_replayed_as_far_as_events_are_kept_and_searched_before() {
    let without = source(settings_of_test());
    let kept = at("2026-11-21T20:00:00Z");
    let plan = |source: BlueskySource, from, until| async move {
        source
            .plan(Purpose::Backfill, from, until, &keywords())
            .await
    };
    assert_eq!(without.replays_from(kept, now()), Some(kept));
    let (slices, _) = without
        .plan(Purpose::Backfill, kept, now(), &keywords())
        .await
        .unwrap();
    assert_eq!(slices, []);
    let old = at("2026-11-20T00:00:00Z");
    let replayed = at("2026-11-21T20:10:00Z");
    assert_eq!(without.replays_from(old, now()), Some(replayed));
    let error = plan(without, old, now()).await.unwrap_err().to_string();
    for setting in ["sources.bluesky.handle", "sources.bluesky.password"] {
        assert!(error.contains(setting), "{error}");
    }

    let stub = HttpStub::start(|_| None).await;
    let (slices, _) = plan(source(with_account(&stub)), old, now()).await.unwrap();
    let queries: Vec<&str> = slices.iter().map(|slice| slice.query.as_str()).collect();
    assert_eq!(queries, ["\"아이폰\"", "\"iphone\"", "\"a b\""]);
    let end = at("2026-11-21T20:20:00Z");
    assert!(
        slices
            .iter()
            .all(|slice| (slice.from, slice.to) == (old, end))
    );
    let until = at("2026-11-20T12:00:00Z");
    let (slices, _) = plan(source(with_account(&stub)), old, until).await.unwrap();
    assert!(slices.iter().all(|slice| slice.to == until));

    let live_only = source(BlueskySettings {
        protocol: JetstreamProtocol::V2,
        ..with_account(&stub)
    });
    assert_eq!(live_only.replays_from(kept, now()), None);
    let (slices, _) = plan(live_only, kept, now()).await.unwrap();
    assert!(
        slices
            .iter()
            .all(|slice| (slice.from, slice.to) == (kept, now()))
    );
    assert!(stub.asked.lock().is_empty());
}

fn found(rkey: &str, created_at: &str) -> Value {
    json!({
        "uri": format!("at://{DID}/app.bsky.feed.post/{rkey}"),
        "cid": "bafyreifake",
        "author": {"did": DID, "handle": "someone.example", "displayName": "Some One"},
        "record": {"text": "아이폰", "createdAt": created_at, "langs": ["ko"]},
        "likeCount": 3, "repostCount": 2, "replyCount": 1, "quoteCount": 0,
        "indexedAt": "2026-11-20T12:00:00Z",
    })
}

/// A server with four posts, two of them of the same millisecond, that forgets them after two.
fn searched(asked: &Asked) -> Answered {
    let posts = [
        found("4", "2026-11-20T11:00:00Z"),
        found("3", "2026-11-20T10:00:00.123Z"),
        found("2", "2026-11-20T10:00:00.123Z"),
        found("1", "2026-11-20T09:00:00Z"),
    ];
    let page = match (asked.all("until")[0], asked.all("cursor").first()) {
        ("2026-11-20T12:00:00.000Z", None) => json!({"cursor": "1", "posts": [posts[0]]}),
        ("2026-11-20T12:00:00.000Z", Some(_)) => json!({"posts": [posts[1]]}),
        ("2026-11-20T10:00:00.124Z", None) => {
            json!({"cursor": "2", "posts": [posts[1], posts[2]]})
        }
        ("2026-11-20T10:00:00.124Z", Some(_)) => json!({"posts": [posts[3]]}),
        ("2026-11-20T09:00:00.001Z", None) => json!({"posts": [posts[3]]}),
        other => panic!("{other:?}"),
    };
    Some((200, page.to_string()))
}

fn slice() -> Slice {
    Slice {
        query: "\"아이폰\"".to_owned(),
        from: at("2026-11-20T00:00:00Z"),
        to: at("2026-11-20T12:00:00Z"),
        token: None,
        not_before: None,
        expected: None,
    }
}

#[tokio::test]
async fn search_continues_at_the_oldest_post_and_repeats_none() {
    let stub = HttpStub::start(|asked| match asked.method.as_str() {
        "com.atproto.server.createSession" => {
            let tokens = json!({"accessJwt": "access-1", "refreshJwt": "refresh-1", "did": DID});
            Some((200, tokens.to_string()))
        }
        _ => searched(asked),
    })
    .await;
    let source = source(with_account(&stub));
    let (mut rest, mut records) = (Some(slice()), Vec::new());
    while let Some(slice) = rest {
        let page = source.fetch(&slice).await.unwrap();
        assert_eq!(page.rate.map(|rate| rate.remaining), Some(2_999));
        assert_eq!(page.cost, Cost::default());
        records.extend(page.records);
        rest = page.rest;
    }
    assert_eq!(keys(&records), ["4", "3", "2", "1"]);
    let Ok(Mapped::Post(post)) = &records[1].content else {
        panic!("{:?}", records[1]);
    };
    assert_eq!(post.tweet.at, at("2026-11-20T10:00:00.123Z"));
    assert_eq!(post.tweet.author.handle, "someone.example");
    assert_eq!(post.tweet.author.name.as_deref(), Some("Some One"));
    assert_eq!(
        (post.tweet.metrics.likes, post.tweet.metrics.replies),
        (3, 1)
    );
    assert_eq!((post.version, records[1].cursor), (0, None));

    let asked = stub.asked.lock();
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    let login = json!({"identifier": "someone.example", "password": "app-password"});
    assert_eq!(body, login);
    let search = &asked[1];
    assert_eq!(search.method, "app.bsky.feed.searchPosts");
    assert_eq!(search.authorization.as_deref(), Some("Bearer access-1"));
    for (name, value) in [
        ("q", "\"아이폰\""),
        ("sort", "latest"),
        ("since", "2026-11-20T00:00:00.000Z"),
        ("until", "2026-11-20T12:00:00.000Z"),
        ("limit", "100"),
    ] {
        assert_eq!(search.all(name), [value]);
    }
    assert_eq!(asked.len(), 6);
}

#[tokio::test]
async fn expired_session_is_refreshed_or_created_again() {
    let stub = HttpStub::start(|asked| {
        let tokens = |number: u32| {
            let access = format!("access-{number}");
            Some((
                200,
                json!({"accessJwt": access, "refreshJwt": "refresh"}).to_string(),
            ))
        };
        let expired = |status| Some((status, r#"{"error":"ExpiredToken"}"#.to_owned()));
        let token = asked.authorization.as_deref();
        match (asked.method.as_str(), token) {
            ("com.atproto.server.createSession", None) => tokens(1),
            ("com.atproto.server.refreshSession", Some("Bearer refresh")) => tokens(2),
            (_, Some("Bearer access-1")) => expired(400),
            (_, Some("Bearer access-2")) => Some((200, r#"{"posts":[]}"#.to_owned())),
            _ => Some((500, String::new())),
        }
    })
    .await;
    let page = source(with_account(&stub)).fetch(&slice()).await.unwrap();
    assert_eq!((page.records.len(), page.rest), (0, None));
    let methods: Vec<String> = stub
        .asked
        .lock()
        .iter()
        .map(|asked| asked.method.clone())
        .collect();
    assert_eq!(
        methods,
        [
            "com.atproto.server.createSession",
            "app.bsky.feed.searchPosts",
            "com.atproto.server.refreshSession",
            "app.bsky.feed.searchPosts",
        ]
    );

    let wrong = r#"{"error":"AuthenticationRequired","message":"Invalid identifier or password"}"#;
    let stub = HttpStub::start(|_| Some((401, wrong.to_owned()))).await;
    let error = source(with_account(&stub))
        .fetch(&slice())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Invalid identifier or password"),
        "{error}"
    );
}

#[tokio::test]
async fn refused_cursor_moves_the_window_and_a_broken_token_is_refused() {
    let stub = HttpStub::start(|asked| match asked.method.as_str() {
        "com.atproto.server.createSession" => {
            Some((200, r#"{"accessJwt":"a","refreshJwt":"r"}"#.to_owned()))
        }
        _ if asked.all("cursor").is_empty() => {
            let page = json!({"cursor": "100", "posts": [found("1", "2026-11-20T11:00:00Z")]});
            Some((200, page.to_string()))
        }
        _ => Some((400, r#"{"error":"InvalidRequest"}"#.to_owned())),
    })
    .await;
    let source = source(with_account(&stub));
    let rest = source.fetch(&slice()).await.unwrap().rest.unwrap();
    assert_eq!(rest.to, slice().to);
    let rest = source.fetch(&rest).await.unwrap().rest.unwrap();
    assert_eq!(rest.to, at("2026-11-20T11:00:00.001Z"));
    let broken = Slice {
        token: Some("broken".to_owned()),
        ..slice()
    };
    let error = source.fetch(&broken).await.unwrap_err();
    assert!(matches!(error, FetchError::Token(_)), "{error}");
}

#[tokio::test]
async fn gap_cannot_be_searched_for() {
    let stub = HttpStub::start(|_| None).await;
    let gap = source(with_account(&stub))
        .plan(Purpose::Gap, at("2026-11-20T00:00:00Z"), now(), &keywords())
        .await;
    assert!(matches!(gap, Err(FetchError::Unavailable(_))), "{gap:?}");
}

#[tokio::test]
async fn refresh_gives_metrics_and_the_ids_that_are_gone() {
    let stub = HttpStub::start(|asked| {
        let posts = asked
            .all("uris")
            .into_iter()
            .filter(|uri| !uri.ends_with("/gone"));
        let posts: Vec<Value> = posts
            .map(|uri| json!({"uri": uri, "likeCount": 7}))
            .collect();
        Some((200, json!({ "posts": posts }).to_string()))
    })
    .await;
    let source = source(BlueskySettings {
        appview: stub.url.clone(),
        ..settings_of_test()
    });
    let id = |key: &str| TweetId::new(&format!("bsky:{DID}/{key}")).unwrap();
    let mut ids: Vec<TweetId> = (0..26).map(|number| id(&number.to_string())).collect();
    ids.push(id("1@3mzzzzzzzzz2c"));
    ids.push(id("gone"));
    ids.push(TweetId::new("bsky:h:0123456789012345678901234567890123456789").unwrap());
    let (events, gone, cost) = source.refresh(&ids, now()).await.unwrap();
    assert_eq!(events.len(), 27);
    let metrics = MetricsPatch {
        likes: Some(7),
        ..MetricsPatch::default()
    };
    let expected = TweetEngaged {
        id: id("1@3mzzzzzzzzz2c"),
        at: now(),
        metrics,
    };
    assert_eq!(events[26], Event::TweetEngaged(expected));
    assert_eq!((gone, cost), (vec![id("gone")], Cost::default()));
    let asked = stub.asked.lock();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].method, "app.bsky.feed.getPosts");
    assert_eq!(asked[0].all("uris").len(), 25);
    assert_eq!(
        asked[1].all("uris")[1],
        format!("at://{DID}/app.bsky.feed.post/1")
    );
}

#[tokio::test]
async fn source_is_idle_without_keywords() {
    let source = source(settings_of_test());
    let streams = |keywords: WatchedKeywords| {
        let source = &source;
        async move { source.watch(&keywords, None).await.unwrap().streams }
    };
    assert_eq!(streams(WatchedKeywords::of_test(&[])).await, []);
    let posts = StreamName("posts".to_owned());
    assert_eq!(streams(WatchedKeywords::of_test(&["a"])).await, [posts]);
    assert_eq!(source.refresh_every(), Some(Duration::from_secs(600)));
    assert!(source.replays());
}
