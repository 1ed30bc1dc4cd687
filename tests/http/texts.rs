//! Tests with texts and keywords of many scripts, and with unusual but allowed lines.

use serde_json::json;

use crate::common::in_process::Running;
use crate::common::lines::{ndjson, posted};

const AT: &str = "2015-06-01T10:00:00Z";

#[tokio::test]
async fn keywords_of_many_scripts_and_emoji_are_tracked_and_matched() {
    let running = Running::start().await;
    for keyword in [
        "ㅋㅋ",
        "배우",
        "हिन्द",
        "🇷🇺",
        "ไทย",
        "👩\u{200d}💻",
        "می\u{200c}خواهم",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    ] {
        let reply = running.track(keyword).await;
        assert_eq!(
            (reply.status, &reply.json()["keyword"]),
            (201, &json!(keyword))
        );
    }
    assert_eq!(running.track("❤\u{fe0f}").await.json()["keyword"], "❤");
    assert_eq!(running.track("❤").await.status, 200, "the same keyword");
    assert_eq!(running.track("\u{fe0f} \u{3164}").await.status, 400);
    let texts = [
        ("그 배우ㄳ", 1),
        ("진짜ㅋㅋㅠㅠ", 1),
        ("ยินดีต้อนรับสู่ประเทศไทยครับ", 1),
        ("나는 👩\u{200d}💻다", 1),
        ("I ❤ u", 1),
        ("I ❤\u{fe0f}\u{fe0f} u", 1),
        ("हिन्दी", 0),
        ("🇰🇷🇺🇸", 0),
    ];
    for (number, (text, count)) in texts.into_iter().enumerate() {
        let id = format!("t{number}");
        let taken = running
            .publish(ndjson(&[posted(&id, AT, text)]))
            .await
            .json();
        assert_eq!(taken["journaled"], count, "{text}: {taken}");
    }
    let timeline = "/api/v1/keywords/%E2%9D%A4/timeline?q=%E2%9D%A4%EF%B8%8F";
    let page = running.get(timeline).await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
    running.stop().await;
}

#[tokio::test]
async fn members_of_other_event_types_are_ignored() {
    let running = Running::start().await;
    let tweets = [posted("1", AT, "ai one"), posted("2", AT, "ai two")];
    running.track("ai").await;
    running.publish_all(&tweets).await;
    let deep = format!("{}1{}", r#"[{"a":"#.repeat(5_000), "}]".repeat(5_000));
    let body = [
        format!(
            r#"{{"type":"tweet.engaged","id":"1","at":"{AT}","metrics":{{"likes":7,"views":1e999}},"text":"\ud83d"}}"#
        ),
        format!(
            r#"{{"text":"\udc00","type":"tweet.deleted","id":"2","metrics":{deep},"at":"{AT}"}}"#
        ),
    ];
    let taken = running.publish(body.join("\n")).await.json();
    assert_eq!(
        (&taken["accepted"], &taken["journaled"]),
        (&json!(2), &json!(2)),
        "{taken}"
    );
    let page = running
        .get(&format!(
            "/api/v1/keywords/ai/timeline?min_seq={}",
            taken["seq"]
        ))
        .await
        .json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["items"][0]["metrics"]["likes"], 7);
    running.stop().await;
}

#[tokio::test]
async fn byte_order_mark_is_skipped_and_reserved_types_are_refused() {
    let running = Running::start().await;
    let lines = ndjson(&[
        json!({"type": "keyword.tracked", "at": AT, "keyword": "ai"}),
        json!({"type": "tweet.erased", "id": "1", "at": AT, "keyword": "ai"}),
        json!({"type": "keyword.trimmed", "at": AT, "keyword": "ai"}),
    ]);
    let body = format!("\u{feff}{lines}");
    let taken = running.publish(body).await.json();
    assert_eq!(taken["accepted"], 1, "{taken}");
    for index in 0..2 {
        let reason = taken["rejected"][index]["reason"].as_str().unwrap();
        assert!(reason.contains("reserved for a later version"), "{reason}");
    }
    running.stop().await;
}
