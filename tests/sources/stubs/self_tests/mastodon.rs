use std::collections::BTreeSet;

use serde_json::Value;

use super::{Lines, answer, client, get};
use crate::sources::stubs::mastodon::{TOKEN, id_of};
use crate::sources::stubs::{Draft, Fault, Limit, Mastodon, fill, now_ms};

async fn open(mastodon: &Mastodon, channel: &str) -> Lines {
    Lines::open(get(
        &format!("{}/api/v1/streaming/{channel}", mastodon.url()),
        TOKEN,
    ))
    .await
}

/// The next event: its name and its data.
async fn event(lines: &mut Lines) -> (String, String) {
    let mut name = String::new();
    loop {
        let line = lines.record().await.unwrap();
        if let Some(found) = line.strip_prefix("event: ") {
            name = found.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            return (name, data.to_owned());
        }
    }
}

#[tokio::test]
async fn stream_sends_updates_edits_deletes_and_thumps() {
    let mastodon = Mastodon::start();
    let url = mastodon.url();
    let (_, instance) = answer(client().get(format!("{url}/api/v2/instance"))).await;
    let streaming = instance["configuration"]["urls"]["streaming"]
        .as_str()
        .unwrap();
    assert_eq!(streaming, url.replace("http:", "ws:"));
    let health = client()
        .get(format!("{url}/api/v1/streaming/health"))
        .send()
        .await
        .unwrap();
    assert_eq!(health.text().await.unwrap(), "OK");
    let stream = format!("{url}/api/v1/streaming/public");
    assert_eq!(answer(client().get(&stream)).await.0, 401);
    let (status, body) = answer(get(&format!("{url}/api/v1/streaming/none"), TOKEN)).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &"Unknown channel requested".into())
    );

    let mut lines = open(&mastodon, "public").await;
    assert_eq!(lines.next().await.as_deref(), Some(":)"));
    assert_eq!(lines.record().await.as_deref(), Some(":thump"));
    let late = now_ms() - 60_000;
    let number = mastodon
        .world
        .post(Draft::of("아이폰 <3\n샀다 #아이폰").at_ms(late));
    let id = id_of(&mastodon.world.get(number).unwrap());
    assert_eq!(
        id.parse::<u64>().unwrap() >> 16,
        u64::try_from(late).unwrap(),
        "the id is of its own time"
    );
    let (name, data) = event(&mut lines).await;
    let status: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        (name.as_str(), &status["id"]),
        ("update", &id.as_str().into())
    );
    assert_eq!(status["content"], "<p>아이폰 &lt;3<br>샀다 #아이폰</p>");
    assert_eq!(status["edited_at"], Value::Null);
    mastodon.world.edit(number, "둘");
    let (name, data) = event(&mut lines).await;
    let status: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        (name.as_str(), &status["id"]),
        ("status.update", &id.as_str().into())
    );
    assert!(status["edited_at"].is_string());
    mastodon.world.delete(number);
    assert_eq!(event(&mut lines).await, ("delete".to_owned(), id));
    mastodon.faults.inject(Fault::RunTogether);
    assert_eq!(
        lines.record().await.as_deref().map(|line| line == ":thump"),
        Some(false)
    );
}

#[tokio::test]
async fn channels_show_their_own_statuses() {
    let mastodon = Mastodon::start();
    let mut local = open(&mastodon, "public/local").await;
    let mut remote = open(&mastodon, "public/remote").await;
    let mut tagged = open(&mastodon, "hashtag?tag=아이폰").await;
    mastodon.world.post(Draft::of("here").by(2));
    mastodon.world.post(Draft::of("there").by(3));
    mastodon.world.post(Draft::of("#아이폰").by(3));
    for (lines, text, account) in [
        (&mut local, "here", "writer2"),
        (&mut remote, "there", "writer3@other.example"),
        (&mut tagged, "#아이폰", "writer3@other.example"),
    ] {
        let status: Value = serde_json::from_str(&event(lines).await.1).unwrap();
        assert_eq!(status["content"], format!("<p>{text}</p>"));
        assert_eq!(status["account"]["acct"], account);
    }
}

#[tokio::test]
async fn timelines_page_down_by_max_id_and_up_by_min_id() {
    let mastodon = Mastodon::start();
    let now = now_ms();
    fill(&mastodon.world, 1, &["모루폰"], 100, now - 3_600_000, now);
    let ids: Vec<String> = mastodon.world.posts().iter().map(id_of).collect();
    let mut url = Some(format!(
        "{}/api/v1/timelines/public?limit=40",
        mastodon.url()
    ));
    let mut down: Vec<String> = Vec::new();
    while let Some(next) = url {
        let response = get(&next, TOKEN).send().await.unwrap();
        let link = response.headers().get("link").cloned();
        assert!(
            response.headers()["x-ratelimit-reset"]
                .to_str()
                .unwrap()
                .ends_with('Z')
        );
        let page: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let page = page.as_array().unwrap();
        down.extend(
            page.iter()
                .map(|status| status["id"].as_str().unwrap().to_owned()),
        );
        url = link.map(|link| {
            let link = link.to_str().unwrap().to_owned();
            link[1..link.find('>').unwrap()].to_owned()
        });
    }
    assert!(down.iter().rev().eq(&ids));
    let from = format!(
        "{}/api/v1/timelines/public?limit=40&min_id={}",
        mastodon.url(),
        ids[9]
    );
    let (_, page) = answer(get(&from, TOKEN)).await;
    assert_eq!(
        (&page[0]["id"], &page[39]["id"]),
        (&ids[49].as_str().into(), &ids[10].as_str().into())
    );
    let tag = format!("{}/api/v1/timelines/tag/모루폰?limit=40", mastodon.url());
    let (_, page) = answer(get(&tag, TOKEN)).await;
    let tagged: BTreeSet<String> = mastodon
        .world
        .posts()
        .iter()
        .filter(|post| post.text().contains("#모루폰"))
        .map(id_of)
        .collect();
    let found = page.as_array().unwrap().iter();
    let found: BTreeSet<String> = found
        .map(|status| status["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, tagged);

    mastodon.world.delete(0);
    let both = format!(
        "{}/api/v1/statuses?id[]={}&id[]={}",
        mastodon.url(),
        ids[0],
        ids[1]
    );
    let (_, statuses) = answer(get(&both, TOKEN)).await;
    assert_eq!(statuses.as_array().unwrap().len(), 1);
    mastodon.limit(Limit {
        requests: 0,
        window_ms: 5_000,
    });
    assert_eq!(answer(get(&both, TOKEN)).await.0, 429);
}
