//! Streams: where they are found, what they are asked for, and what comes of a connection.

use axum::response::Response;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::mpsc;

use super::stub::{Asked, Stub, json, stream};
use super::{NOW, status};
use crate::events::{Keyword, KeywordRules};
use crate::settings::{MastodonSettings, MastodonStream};
use crate::sources::{
    Arrival, ConnectError, Connection, ConnectionEnd, Mapped, Resume, Source, StreamName,
    WatchedKeyword, WatchedKeywords,
};

/// Answers for the streams of a server that has them at its own address.
fn streaming(asked: &Asked) -> Response {
    match asked.path.as_str() {
        "/api/v2/instance" => json(404, "{}"),
        _ => stream(mpsc::channel(1).1),
    }
}

async fn connected(stub: &Stub, change: impl FnOnce(&mut MastodonSettings), name: &str) -> Asked {
    let source = stub.source(change);
    let name = StreamName(name.to_owned());
    source.connect(&name, Resume::default()).await.unwrap();
    stub.asked().pop().unwrap()
}

#[tokio::test]
async fn each_stream_has_its_address_and_the_token() {
    let stub = Stub::start(streaming).await;
    for (name, path, tag) in [
        ("public", "/api/v1/streaming/public", None),
        ("public:local", "/api/v1/streaming/public/local", None),
        ("public:remote", "/api/v1/streaming/public/remote", None),
        (
            "hashtag:아이 폰&b",
            "/api/v1/streaming/hashtag",
            Some("아이 폰&b"),
        ),
    ] {
        let asked = connected(&stub, |_| {}, name).await;
        assert_eq!(asked.path, path);
        assert_eq!(asked.parameter("tag"), tag);
        assert_eq!(asked.authorization.as_deref(), Some("Bearer t0ken"));
    }
    let asked = connected(&stub, |settings| settings.token = None, "public").await;
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn streams_are_where_the_server_says_and_it_is_asked_once() {
    let streams = Stub::start(streaming).await;
    let announced = streams.url.replace("http:", "ws:");
    let server = Stub::start(move |_| {
        let urls = serde_json::json!({"configuration": {"urls": {"streaming": announced}}});
        json(200, urls.to_string())
    })
    .await;
    let source = server.source(|_| {});
    let name = StreamName("public".to_owned());
    for _ in 0..2 {
        source.connect(&name, Resume::default()).await.unwrap();
    }
    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/api/v2/instance"]);
    assert_eq!(streams.asked().len(), 2);

    let configured = server.source(|settings| {
        settings.streaming_url = Some(streams.url.replace("http:", "ws:"));
    });
    configured.connect(&name, Resume::default()).await.unwrap();
    assert_eq!((server.asked().len(), streams.asked().len()), (1, 3));
}

#[tokio::test]
async fn server_is_asked_again_when_streams_moved() {
    let old = Stub::start(|_| json(404, "{}")).await;
    let new = Stub::start(streaming).await;
    let urls = [old.url.clone(), new.url.clone()];
    let count = Arc::new(Mutex::new(0));
    let server = Stub::start(move |_| {
        let mut count = count.lock();
        let url = &urls[*count];
        *count += 1;
        let urls = serde_json::json!({"configuration": {"urls": {"streaming": url}}});
        json(200, urls.to_string())
    })
    .await;
    let source = server.source(|_| {});
    let name = StreamName("public".to_owned());
    let first = source
        .connect(&name, Resume::default())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(first, ConnectError::Status { status: 404, .. }),
        "{first}"
    );
    source.connect(&name, Resume::default()).await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn announced_address_without_tls_is_refused() {
    let server = Stub::start(|_| {
        json(
            200,
            r#"{"configuration":{"urls":{"streaming":"ws://stream.m.example"}}}"#,
        )
    })
    .await;
    let source = server.source(|_| {});
    let name = StreamName("public".to_owned());
    let error = source
        .connect(&name, Resume::default())
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, ConnectError::Unusable(reason) if reason.contains("announces")));
}

#[tokio::test]
async fn refusal_has_the_words_of_the_server() {
    let stub = Stub::start(|asked: &Asked| match asked.path.as_str() {
        "/api/v2/instance" => json(200, "{}"),
        _ => json(401, r#"{"error":"The access token is invalid"}"#),
    })
    .await;
    let source = stub.source(|_| {});
    let name = StreamName("public".to_owned());
    let error = source
        .connect(&name, Resume::default())
        .await
        .err()
        .unwrap();
    let refused = ConnectError::Status {
        status: 401,
        detail: "The access token is invalid".to_owned(),
        retry_at: None,
    };
    assert_eq!(error, refused);
    assert_eq!(
        source.requests.pairs(),
        [("instance", 200, 1), ("streaming", 401, 1)]
    );
}

/// A connection to a stub, and what the stub sends on it.
async fn open() -> (Stub, mpsc::Sender<Vec<u8>>, Box<dyn Connection>) {
    let (sender, receiver) = mpsc::channel(8);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let stub = Stub::start(move |asked: &Asked| match asked.path.as_str() {
        "/api/v2/instance" => json(200, "{}"),
        _ => stream(receiver.lock().take().unwrap()),
    })
    .await;
    let source = stub.source(|_| {});
    let name = StreamName("public".to_owned());
    let connection = source.connect(&name, Resume::default()).await.unwrap();
    (stub, sender, connection)
}

#[tokio::test]
async fn connection_gives_keep_alives_and_records_and_ends() {
    let (stub, sender, mut connection) = open().await;
    sender.send(b":)\n".to_vec()).await.unwrap();
    assert!(matches!(connection.next().await, Ok(Arrival::KeepAlive)));
    let update = format!("event: update\ndata: {}\n\n", status(7, NOW, "아이폰"));
    let (first, second) = update.as_bytes().split_at(update.find("폰").unwrap() + 1);
    sender.send(first.to_vec()).await.unwrap();
    assert!(matches!(connection.next().await, Ok(Arrival::KeepAlive)));
    let rest = [second, b"event: delete\ndata: 5\n\nevent: upd"].concat();
    sender.send(rest).await.unwrap();
    let Ok(Arrival::Records(records)) = connection.next().await else {
        panic!("no records");
    };
    let host = stub.url.strip_prefix("http://").unwrap();
    let [posted, deleted] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert!(matches!(&posted.content, Ok(Mapped::Post(post))
        if post.tweet.text == "아이폰" && post.tweet.id.as_str() == format!("masto:{host}/7")));
    assert!(matches!(&deleted.content, Ok(Mapped::Deleted(deletion)) if deletion.at == NOW));
    assert_eq!((posted.cursor, deleted.cursor), (Some(7), None));
    drop(sender);
    assert_eq!(connection.next().await.err(), Some(ConnectionEnd::Closed));
}

#[tokio::test]
async fn broken_connection_is_a_failure_of_the_network() {
    let (stub, sender, mut connection) = open().await;
    sender.send(b":thump\n".to_vec()).await.unwrap();
    assert!(matches!(connection.next().await, Ok(Arrival::KeepAlive)));
    drop(stub);
    let end = connection.next().await.err();
    assert!(matches!(end, Some(ConnectionEnd::Failed(_))), "{end:?}");
}

#[tokio::test]
async fn streams_follow_the_setting_and_the_keywords() {
    let stub = Stub::start(streaming).await;
    let watched = |keyword: &str, any: &[&str]| WatchedKeyword {
        keyword: Keyword::new(keyword).unwrap(),
        rules: KeywordRules::of_test(any, &[]),
    };
    let keywords = vec![watched("US Airways", &["아이 폰"]), watched("#", &[])];
    let keywords = WatchedKeywords::new(keywords, 1);
    for (setting, streams) in [
        (MastodonStream::Public, vec!["public"]),
        (MastodonStream::Local, vec!["public:local"]),
        (MastodonStream::Remote, vec!["public:remote"]),
        (
            MastodonStream::Hashtag,
            vec!["hashtag:usairways", "hashtag:아이폰"],
        ),
    ] {
        let source = stub.source(|settings| settings.stream = setting);
        let upkeep = source.watch(&keywords, None).await.unwrap();
        let names: Vec<&str> = upkeep.streams.iter().map(|name| name.0.as_str()).collect();
        assert_eq!(names, streams);
        assert_eq!(
            upkeep.refused.len(),
            usize::from(setting == MastodonStream::Hashtag)
        );
        let idle = source
            .watch(&WatchedKeywords::of_test(&[]), None)
            .await
            .unwrap();
        assert!(idle.streams.is_empty());
    }
}
