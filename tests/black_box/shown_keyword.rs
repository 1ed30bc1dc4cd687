//! `tidings keywords show`, with the answers of a server that this test plays.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::common::command::{Ended, tidings};

fn show(server: &str, arguments: &[&str]) -> Ended {
    let mut all = vec!["keywords", "show", "--server", server];
    all.extend(arguments);
    tidings(all)
}

/// Answers requests on the loopback by their paths, until the process ends. A path without an
/// answer is a 404.
fn answering(answers: Vec<(&'static str, Value)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(&connection.unwrap(), &answers);
        }
    });
    url
}

fn answer(mut connection: &TcpStream, answers: &[(&str, Value)]) {
    let mut request = BufReader::new(connection).lines();
    let first = request.next().unwrap().unwrap();
    let path = first.split(' ').nth(1).unwrap();
    for line in request {
        if line.unwrap().is_empty() {
            break;
        }
    }
    let found = answers.iter().find(|(known, _)| *known == path);
    let (status, body) = match found {
        Some((_, body)) => ("200 OK", body.to_string()),
        None => (
            "404 Not Found",
            json!({"detail": format!("no {path}")}).to_string(),
        ),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    connection.write_all((head + &body).as_bytes()).unwrap();
    // Waits until the client has read the answer or has disconnected.
    let _ = connection.read(&mut [0]);
}

fn ranking(total: u64, items: &[(&str, u64, Option<i64>)]) -> Value {
    let items = items
        .iter()
        .zip(1_i64..)
        .map(|((key, count, change), rank)| {
            json!({
                "rank": rank, "key": key, "count": count,
                "previous_rank": change.map(|change| rank + change), "change": change,
            })
        });
    let items: Vec<Value> = items.collect();
    json!({"total": total, "distinct": 1234, "items": items, "until": "2026-11-30T01:00:00.000Z"})
}

fn spike(start: &str, end: &str, words: &[&str]) -> Value {
    json!({
        "start": start, "end": end, "peak_at": start, "count": 412, "expected": 60.0,
        "score": 1052.114, "words": words, "tweets": ["x:1"], "authors": ["kim"],
    })
}

/// What a server answers about the keyword `ai`. Some words are wide, one has a control character.
fn about_ai(row: &Value) -> Vec<(&'static str, Value)> {
    let ledger = json!({
        "journaled": 5179, "folded": 5170, "duplicate": 8, "ignored": 1, "rejected": 0,
        "deleted": 3, "epoch": "00", "as_of": 9000,
    });
    let six: Vec<Value> = (1..=6)
        .map(|day| {
            let start = format!("2026-11-0{day}T22:00:00.000Z");
            let end = format!("2026-11-0{}T01:00:00.000Z", day + 1);
            spike(&start, &end, &["불", "fire\u{7}"])
        })
        .collect();
    vec![
        ("/api/v1/keywords", json!({"keywords": [row]})),
        ("/api/v1/keywords/ai/ledger", ledger),
        (
            "/api/v1/keywords/ai/ranking?by=word&window=24h&limit=10",
            ranking(123, &[("신제품", 99, Some(0)), ("movie", 7, None)]),
        ),
        (
            "/api/v1/keywords/ai/ranking?by=word&window=7d&limit=10",
            ranking(
                1234,
                &[
                    ("배우", 1000, Some(13)),
                    ("ai칩", 20, Some(-1)),
                    ("x\u{1b}y", 3, Some(0)),
                ],
            ),
        ),
        (
            "/api/v1/keywords/ai/ranking?by=author&window=7d&limit=5",
            ranking(1234, &[("李", 40, Some(1)), ("someone", 4, None)]),
        ),
        ("/api/v1/keywords/ai/spikes", json!({"spikes": six})),
    ]
}

fn row_of_ai() -> Value {
    json!({
        "keyword": "ai", "token": "ai", "tweets": 5165,
        "first_at": "2026-07-30T12:34:56.789Z", "last_at": "2026-11-30T00:40:00.000Z",
        "as_of": 9000, "lag": 0, "status": "live", "any": ["인공 지능"], "none": ["아이 패드"],
    })
}

const SHOWN: &str = "\
ai
any: 인공 지능
none: 아이 패드

tweets  first (UTC)       last (UTC)        lag  status
  5165  2026-07-30 12:34  2026-11-30 00:40    0  live

journaled  folded  duplicate  ignored  rejected  deleted
     5179    5170          8        1         0        3

Top words of 123 tweets in 24 hours, and of 1234 in 7 days
rank  24 hours  tweets  change  7 days    tweets  change
   1  신제품        99       =  배우        1000     +13
   2  movie          7     new  ai칩          20      -1
   3                            x\\u{1b}y       3       =

Top authors of 1234 in 7 days
rank  author   tweets  change
   1  李           40      +1
   2  someone       4     new

Latest spikes in 30 days
start (UTC)       hours  tweets  expected     score  words          authors
2026-11-06 22:00      3     412      60.0  1052.114  불, fire\\u{7}  kim
2026-11-05 22:00      3     412      60.0  1052.114  불, fire\\u{7}  kim
2026-11-04 22:00      3     412      60.0  1052.114  불, fire\\u{7}  kim
2026-11-03 22:00      3     412      60.0  1052.114  불, fire\\u{7}  kim
2026-11-02 22:00      3     412      60.0  1052.114  불, fire\\u{7}  kim
";

#[test]
fn keyword_is_shown_in_tables_that_line_up() {
    let url = answering(about_ai(&row_of_ai()));
    let shown = show(&url, &[" AI "]).expect_code(0);
    assert_eq!(shown.stdout, SHOWN);

    let json = show(&url, &["ai", "--output", "json"])
        .expect_code(0)
        .json();
    assert_eq!(json["tweets"], 5165);
    assert_eq!(
        (&json["any"], &json["none"]),
        (&json!(["인공 지능"]), &json!(["아이 패드"]))
    );
    assert_eq!(json["ledger"]["deleted"], 3);
    assert_eq!(json["words"]["24h"]["items"][0]["key"], "신제품");
    assert_eq!(json["words"]["7d"]["items"][2]["key"], "x\u{1b}y");
    assert_eq!(json["authors"]["items"][0]["change"], 1);
    assert_eq!(json["spikes"].as_array().unwrap().len(), 5);
    assert_eq!(json["spikes"][0]["start"], "2026-11-06T22:00:00.000Z");
    assert_eq!(json["spikes"][0]["words"], json!(["불", "fire\u{7}"]));
}

#[test]
fn keyword_without_tweets_is_shown_without_empty_tables() {
    let mut answers = about_ai(&json!({
        "keyword": "ai", "token": "ai", "tweets": 0, "first_at": null, "last_at": null,
        "as_of": 1, "lag": 0, "status": "live",
    }));
    for (path, body) in &mut answers {
        if path.contains("ranking") {
            *body = ranking(0, &[]);
        } else if path.ends_with("spikes") {
            *body = json!({"spikes": []});
        }
    }
    let shown = show(&answering(answers), &["ai"]).expect_code(0).stdout;
    assert!(shown.starts_with("ai\n\ntweets  first (UTC)"), "{shown}");
    assert!(
        shown.contains("\n     0  -            -             0  live\n"),
        "{shown}"
    );
    let end = "\n\nNo words in 7 days\n\nNo authors in 7 days\n\nNo spikes in 30 days\n";
    assert!(shown.ends_with(end), "{shown}");
}

#[test]
fn unknown_keyword_is_an_error_in_the_words_of_the_server() {
    let url = answering(Vec::new());
    let refused = show(&url, &["ai"]).expect_code(1);
    assert!(
        refused
            .stderr
            .contains("404 Not Found: no /api/v1/keywords"),
        "{refused:?}"
    );
    let refused = show(&url, &["\u{202e}"]).expect_code(2);
    assert!(refused.stderr.contains("U+202E"), "{refused:?}");
}
