//! Streams from a server on the loopback.

use super::*;
use crate::sources::Mapped;
use crate::sources::x::stub::{Stub, StubAnswer, StubEnd, api};

const POST: &str = r#"{"data":{"id":"9","author_id":"42","created_at":"2026-11-23T07:00:00Z","text":"아이폰"},"includes":{"users":[{"id":"42","username":"a"}]}}"#;
const DISCONNECT: &str = r#"{"errors":[{"title":"operational-disconnect","type":"https://api.x.com/2/problems/operational-disconnect"}]}"#;

/// Reads a connection to its end. A keep-alive is `.`, a post its id, a control record `control`,
/// and a rejected record `rejected`.
async fn read(connection: &mut XConnection) -> (Vec<String>, ConnectionEnd) {
    let mut seen = Vec::new();
    loop {
        match connection.next().await {
            Ok(Arrival::Records(records)) => {
                assert!(!records.is_empty());
                seen.extend(records.iter().map(|record| match &record.content {
                    Ok(Mapped::Post(post)) => post.tweet.id.to_string(),
                    Ok(Mapped::Control) => "control".to_owned(),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => "rejected".to_owned(),
                }));
            }
            Ok(Arrival::KeepAlive) => seen.push(".".to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(end) => return (seen, end),
        }
    }
}

async fn read_all(answer: StubAnswer) -> (Vec<String>, ConnectionEnd) {
    let stub = Stub::answering([answer]).await;
    let mut connection = XStream::Posts.open(&api(&stub), 0).await.unwrap();
    read(&mut connection).await
}

fn lines(lines: &[&str]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\r\n"].concat())
        .collect()
}

#[tokio::test]
async fn records_are_read_up_to_their_line_break_whatever_the_pieces() {
    let bytes = lines(&["", POST, "", "{oops", "[]", POST, r#"{"new":1}"#]);
    for lengths in [&[1_usize][..], &[2, 3, 5], &[7], &[100_000]] {
        let answer = Stub::stream(&bytes, lengths, StubEnd::Complete);
        let (mut seen, end) = read_all(answer).await;
        seen.retain(|each| each != ".");
        let expected = ["x:9", "rejected", "rejected", "x:9", "control"];
        assert_eq!(seen, expected, "pieces of {lengths:?}");
        assert_eq!(end, ConnectionEnd::Closed);
    }
}

#[tokio::test]
async fn blank_lines_and_parts_of_records_are_keep_alives() {
    let bytes = [&b"\r\n"[..], POST.as_bytes(), b"\r\n"].concat();
    let answer = Stub::stream(&bytes, &[2, POST.len(), 2], StubEnd::Complete);
    assert_eq!(read_all(answer).await.0, [".", ".", "x:9"]);
}

#[tokio::test]
async fn record_over_1_mib_is_rejected_and_the_next_one_is_read() {
    let fitting = POST.replace("아이폰", &" ".repeat(1024 * 1024 - POST.len() + 9));
    assert_eq!(fitting.len(), 1024 * 1024);
    let too_long = POST.replace("아이폰", &" ".repeat(1024 * 1024 - POST.len() + 10));
    let bytes = lines(&[&too_long, POST, &fitting]);
    let answer = Stub::stream(&bytes, &[16_384], StubEnd::Complete);
    let (mut seen, _) = read_all(answer).await;
    seen.retain(|each| each != ".");
    assert_eq!(seen, ["rejected", "x:9", "x:9"]);
}

#[tokio::test]
async fn half_record_at_the_end_is_dropped() {
    let bytes = [&lines(&[POST])[..], &POST.as_bytes()[..50]].concat();
    for (end, expected) in [
        (StubEnd::Complete, "the source closed the connection"),
        (StubEnd::Cut, "the connection failed"),
    ] {
        let answer = Stub::stream(&bytes, &[40], end);
        let (mut seen, end) = read_all(answer).await;
        seen.retain(|each| each != ".");
        assert_eq!(seen, ["x:9"]);
        assert!(end.to_string().starts_with(expected), "{end}");
    }
}

#[tokio::test]
async fn announced_end_comes_after_the_records_of_its_piece() {
    let bytes = lines(&[POST, DISCONNECT, POST]);
    let mut stub = Stub::answering([Stub::stream(&bytes, &[100_000], StubEnd::Hold)]).await;
    let mut connection = XStream::Posts.open(&api(&stub), 0).await.unwrap();
    let (seen, end) = read(&mut connection).await;
    assert_eq!(seen, ["x:9", "control", "x:9"]);
    let words = "operational-disconnect".to_owned();
    assert_eq!(end, ConnectionEnd::Ended(words));
    let cost = connection.take_cost();
    assert_eq!((cost.posts, cost.users), (2, 2));
    assert_eq!(connection.take_cost(), Cost::default());
    drop(connection);
    stub.closed().await;
}

#[tokio::test]
async fn stream_of_posts_asks_for_the_fields_and_the_missed_minutes() {
    let empty = || Stub::stream(b"", &[1], StubEnd::Complete);
    let mut stub = Stub::answering([empty(), empty(), empty()]).await;
    XStream::Posts.open(&api(&stub), 0).await.unwrap();
    let request = stub.request().await;
    let first = request.lines().next().unwrap();
    assert_eq!(
        first,
        "GET /2/tweets/search/stream?tweet.fields=id%2Ctext%2Ccreated_at%2Cauthor_id%2Clang%2C\
        public_metrics%2Creferenced_tweets%2Cedit_history_tweet_ids%2Cnote_tweet%2C\
        in_reply_to_user_id&expansions=author_id%2Creferenced_tweets.id%2C\
        referenced_tweets.id.author_id&user.fields=username%2Cname%2Cpublic_metrics HTTP/1.1"
    );
    let request = request.to_ascii_lowercase();
    assert!(request.contains("\r\nauthorization: bearer secret-of-a-test\r\n"));
    assert!(request.contains("\r\nuser-agent: tidings/"));
    XStream::Posts.open(&api(&stub), 5).await.unwrap();
    let request = stub.request().await;
    assert!(
        request.contains("&backfill_minutes=5 HTTP/1.1"),
        "{request}"
    );
    XStream::Compliance(3).open(&api(&stub), 0).await.unwrap();
    let request = stub.request().await;
    assert!(
        request.starts_with("GET /2/tweets/compliance/stream?partition=3 HTTP/1.1"),
        "{request}"
    );
}

#[tokio::test]
async fn refused_stream_is_an_error_with_the_words_of_x() {
    let body = r#"{"title":"Conflict","detail":"no rules"}"#;
    let stub = Stub::answering([Stub::json(409, body)]).await;
    let error = XStream::Posts.open(&api(&stub), 0).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the source answered 409: Conflict: no rules"
    );
}

#[test]
fn names_of_streams_are_read_back() {
    let name = |text: &str| StreamName(text.to_owned());
    let all = XStream::all(true);
    assert_eq!(
        all,
        [
            "posts",
            "compliance-1",
            "compliance-2",
            "compliance-3",
            "compliance-4"
        ]
        .map(name)
    );
    assert_eq!(XStream::all(false), [name("posts")]);
    let streams = all.iter().map(|name| XStream::named(name).unwrap());
    assert_eq!(
        streams.collect::<Vec<_>>(),
        [
            XStream::Posts,
            XStream::Compliance(1),
            XStream::Compliance(2),
            XStream::Compliance(3),
            XStream::Compliance(4),
        ]
    );
    for wrong in ["", "post", "compliance-0", "compliance-5", "compliance-x"] {
        assert!(XStream::named(&name(wrong)).is_err(), "{wrong}");
    }
}
