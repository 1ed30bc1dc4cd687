//! Windows move with the clock while tweets come.

use std::time::{Duration, Instant};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{Client, posted};
use crate::server::Server;

/// Much less than until the next minute, when windows move again.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn updates_go_on_when_a_minute_turns_while_tweets_come() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    let mut client = Client::connect(&server);
    client.subscribe(
        "ai",
        json!(["timeline", { "topic": "volume", "step": "minute" }]),
    );
    let now = OffsetDateTime::now_utc();
    let turn = now
        .replace_second(0)
        .unwrap()
        .replace_nanosecond(0)
        .unwrap()
        + time::Duration::minutes(1);
    let before = turn - time::Duration::milliseconds(500);
    std::thread::sleep(Duration::try_from(before - now).unwrap_or_default());
    // So close together that some wait for the flush when the minute turns.
    let mut made = 0;
    while OffsetDateTime::now_utc() < turn + time::Duration::milliseconds(500) {
        made += 1;
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
        server.publish(&posted("ai", &format!("x:{made}"), &at, "text"));
    }
    server.wait_until_folded();
    let says = server.get("/api/v1/keywords/ai/timeline?limit=1");
    let began = Instant::now();
    let mut seq = json!(null);
    while seq != says["as_of"] {
        assert!(began.elapsed() < SOON, "stays at {seq}: {says}");
        for line in client.within(Duration::from_millis(20)).unwrap() {
            if line["topic"] == "timeline" {
                seq = line["seq"].clone();
            }
        }
    }
}
