//! Tests of scans: they read a bounded amount, end when their client leaves, and do not delay other
//! clients.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tidings::http::{HttpOptions, QueryLimits};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup, read_to_end};
use crate::common::lines::{of, posted, with};
use crate::common::wait::DEADLINE;

/// A scan without a match, over texts whose normal form has eleven times as many bytes.
const LONG_SCAN: &str = "/api/v1/keywords/ai/timeline?q=zzz";
/// A scan over very few tweets.
const SHORT_SCAN: &str = "/api/v1/keywords/small/timeline?q=zzz";

/// A server with limits on scans, and a keyword whose scan takes several hundred milliseconds.
async fn running(workers: usize, waiting: usize) -> Running {
    let running = Running::with(Setup {
        http: HttpOptions {
            queries: QueryLimits { workers, waiting },
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let text = "\u{fdfa}".repeat(10_000);
    let mut lines: Vec<Value> = (0..100)
        .map(|number| {
            let line = posted(&format!("t{number}"), "2015-06-01T00:00:00Z", &text);
            of("ai", line)
        })
        .collect();
    let small = posted("s", "2015-06-01T00:00:00Z", "small");
    lines.push(with(small, json!({"keyword": "small"})));
    let seq = running.publish_all(&lines).await;
    let folded = running.get(&format!("/api/v1/ledger?min_seq={seq}")).await;
    assert_eq!(folded.status, 200);
    running
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(waited.is_ok(), "waited for: {what}");
}

/// A connection from one of the addresses of this machine.
async fn connect_from(client: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::new(client.parse().unwrap(), 0))
        .unwrap();
    socket.connect(server).await.unwrap()
}

/// Sends a GET without reading the answer.
async fn ask(running: &Running, client: &str, path: &str) -> TcpStream {
    let mut stream = connect_from(client, running.address()).await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        running.address()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> Answer {
    Answer::parse(&read_to_end(&mut stream).await).unwrap()
}

/// Runs `query` while `count` long scans of one client hold their permits. Repeats it when the
/// scans end too soon.
async fn beside_scans<T, F: Future<Output = T>>(
    running: &Running,
    count: i64,
    mut query: impl FnMut() -> F,
) -> T {
    let began = Instant::now();
    loop {
        let mut scans = Vec::new();
        for _ in 0..count {
            scans.push(ask(running, "127.0.0.2", LONG_SCAN).await);
        }
        let held = || running.metrics.query_working.get() + running.metrics.query_waiting.get();
        wait_until("the scans hold their permits", || held() >= count).await;
        let answer = query().await;
        let were_held = held() >= count;
        drop(scans);
        wait_until("abandoned scans end", || held() == 0).await;
        if were_held {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "the scans always end too soon");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_a_quarter_of_all_permits() {
    let running = running(1, 7).await;
    let refused = beside_scans(&running, 2, || async {
        answer(ask(&running, "127.0.0.2", SHORT_SCAN).await).await
    })
    .await;
    insta::assert_json_snapshot!("busy", refused.json());
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(running.metrics.query_refused.get() > 0);

    // The first scan of another address is answered as soon as one running scan has ended.
    let mut scans = Vec::new();
    for _ in 0..2 {
        scans.push(ask(&running, "127.0.0.2", LONG_SCAN).await);
    }
    let other = answer(ask(&running, "127.0.0.3", SHORT_SCAN).await).await;
    assert_eq!(other.status, 200, "{}", other.text());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_comparison_reserves_no_bytes() {
    let running = running(1, 7).await;
    let compare = "/api/v1/compare?step=minute&from=2015-06-01T00:00:00Z&to=2015-06-07T22:40:00Z&keyword=small";
    let held = beside_scans(&running, 1, || async {
        let waiting = ask(&running, "127.0.0.3", compare).await;
        wait_until("the comparison waits", || {
            running.metrics.query_waiting.get() == 1 || running.metrics.query_working.get() == 0
        })
        .await;
        let held = running.metrics.http_answer_bytes.get();
        drop(waiting);
        held
    })
    .await;
    assert_eq!(held, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_answers_and_posts_need_no_permit() {
    let running = running(1, 0).await;
    let statuses = beside_scans(&running, 1, || async {
        let refused = running.get(SHORT_SCAN).await;
        let line = with(
            posted("beside", "2015-06-01T00:00:00Z", "x"),
            json!({"keyword": "small"}),
        );
        let seq = running.publish_all(&[line]).await;
        let mut statuses = vec![refused.status];
        for path in [
            "/api/v1/keywords/ai/timeline?limit=1&from=2015-01-01T00:00:00Z",
            "/api/v1/keywords/ai/volume",
            "/api/v1/keywords/ai/ledger",
            "/api/v1/keywords",
            &format!("/api/v1/ledger?min_seq={seq}"),
        ] {
            statuses.push(running.get(path).await.status);
        }
        statuses
    })
    .await;
    assert_eq!(statuses, [503, 200, 200, 200, 200, 200]);
    for scan in [
        "/api/v1/overview",
        "/api/v1/compare?keyword=small",
        SHORT_SCAN,
    ] {
        let refused = beside_scans(&running, 1, || running.get(scan)).await;
        assert_eq!(refused.problem(), "busy", "{scan}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_scans_stop_without_delaying_reads_and_posts() {
    let running = running(2, 64).await;
    for _ in 0..600 {
        drop(ask(&running, "127.0.0.2", LONG_SCAN).await);
    }
    let line = with(
        posted("behind", "2015-06-01T00:00:00Z", "x"),
        json!({"keyword": "small"}),
    );
    let seq = running.publish_all(&[line]).await;
    let path = format!("/api/v1/keywords/small/timeline?min_seq={seq}");
    let page = running.get(&path).await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
    let metrics = &running.metrics;
    wait_until("abandoned scans end", || {
        metrics.query_working.get() == 0 && metrics.query_waiting.get() == 0
    })
    .await;
    let looked_at = metrics.query_bytes.get();
    assert!(running.get(SHORT_SCAN).await.status == 200);
    let more = metrics.query_bytes.get() - looked_at;
    assert!(
        more < 10_000,
        "{more} bytes were read after the client had left"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_interrupted_scan_hold_every_item() {
    let running = running(0, 64).await;
    let needle = posted("needle", "2015-05-01T00:00:00Z", "Needle");
    running
        .publish_all(&[with(needle, json!({"keyword": "ai"}))])
        .await;
    let mut path = "/api/v1/keywords/ai/timeline?q=needle".to_owned();
    let (mut pages, mut items) = (0, Vec::new());
    loop {
        let page = running.get(&path).await;
        let page = page.json();
        pages += 1;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/keywords/ai/timeline?q=needle&before={next}");
    }
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0]["id"], "needle");
    // A hundred texts of 330,000 bytes in normal form, 16 MiB of them on each page.
    assert_eq!(pages, 3);
    running.stop().await;
}
