use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{answer, client, get};
use crate::common::wait::DEADLINE;
use crate::sources::stubs::bluesky::{HANDLE, PASSWORD, did_of, rkey_of, uri_of};
use crate::sources::stubs::{Bluesky, Draft, Fault, fill, now_ms};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(bluesky: &Bluesky, query: &str) -> Socket {
    let base = bluesky.jetstream();
    let url = format!("{base}/subscribe?wantedCollections=app.bsky.feed.post{query}");
    connect_async(url).await.unwrap().0
}

/// The next event of this kind; `None` at the end of the connection.
async fn event(socket: &mut Socket, kind: &str) -> Option<Value> {
    while let Ok(Some(Ok(message))) = timeout(DEADLINE, socket.next()).await {
        if let Ok(text) = message.to_text()
            && let Ok(event) = serde_json::from_str::<Value>(text)
            && event["kind"] == kind
        {
            return Some(event);
        }
    }
    None
}

#[tokio::test]
async fn events_come_live_and_from_a_cursor() {
    let bluesky = Bluesky::start();
    let mut live = open(&bluesky, "").await;
    let numbers = ["아이폰 샀다", "둘"].map(|text| bluesky.world.post(Draft::of(text).by(3)));
    let first = event(&mut live, "commit").await.unwrap();
    let post = bluesky.world.get(numbers[0]).unwrap();
    assert_eq!(first["did"], did_of(3));
    assert_eq!(first["did"].as_str().unwrap().len(), 32);
    assert_eq!(first["commit"]["rkey"], rkey_of(&post));
    assert_eq!(first["commit"]["rkey"].as_str().unwrap().len(), 13);
    assert_eq!(first["commit"]["operation"], "create");
    assert_eq!(first["commit"]["record"]["text"], "아이폰 샀다");
    let second = event(&mut live, "commit").await.unwrap();
    bluesky.world.edit(numbers[1], "셋");
    bluesky.world.delete(numbers[0]);
    let edit = event(&mut live, "commit").await.unwrap();
    assert_eq!(
        (
            &edit["commit"]["operation"],
            &edit["commit"]["record"]["text"]
        ),
        (&json!("update"), &json!("셋"))
    );
    let delete = event(&mut live, "commit").await.unwrap();
    assert_eq!(delete["commit"]["operation"], "delete");
    assert_eq!(delete["commit"].get("record"), None);

    let mut replayed = open(&bluesky, &format!("&cursor={}", second["time_us"])).await;
    assert_eq!(event(&mut replayed, "commit").await.unwrap(), second);
    let future = (now_ms() + 60_000) * 1_000;
    let mut ahead = open(&bluesky, &format!("&cursor={future}")).await;
    bluesky.world.post(Draft::of("넷").replying_to(numbers[1]));
    let next = event(&mut ahead, "commit").await.unwrap();
    assert_eq!(next["commit"]["record"]["text"], "넷");
    let parent = bluesky.world.get(numbers[1]).unwrap();
    let reply = &next["commit"]["record"]["reply"];
    assert_eq!(reply["parent"]["uri"], uri_of(&parent));
}

#[tokio::test]
async fn old_cursor_is_clamped_and_the_seam_can_be_out_of_order() {
    let bluesky = Bluesky::start();
    let now = now_ms();
    fill(&bluesky.world, 1, &["모루폰"], 10, now - 36_000_000, now);
    bluesky.options().lookback_ms = 18_500_000;
    bluesky.options().reorders_at_seam = true;
    let mut socket = open(&bluesky, "&cursor=1600000000000000").await;
    for number in 5..9 {
        let found = event(&mut socket, "commit").await.unwrap();
        let post = bluesky.world.get(number).unwrap();
        assert_eq!(found["commit"]["rkey"], rkey_of(&post));
    }
    let live = bluesky.world.post(Draft::of("live"));
    for number in [live, 9] {
        let found = event(&mut socket, "commit").await.unwrap();
        let post = bluesky.world.get(number).unwrap();
        assert_eq!(found["commit"]["rkey"], rkey_of(&post));
    }
}

#[tokio::test]
async fn faults_end_or_disturb_the_stream() {
    let bluesky = Bluesky::start();
    for fault in [Fault::Close, Fault::Reset, Fault::Cut, Fault::Disconnect] {
        let mut socket = open(&bluesky, "").await;
        assert!(bluesky.faults.inject(fault) > 0);
        bluesky.world.post(Draft::of("a"));
        assert_eq!(event(&mut socket, "commit").await, None, "{fault:?}");
    }
    let mut socket = open(&bluesky, "").await;
    for fault in [
        Fault::Garbage,
        Fault::NotObject,
        Fault::Huge,
        Fault::Duplicate,
    ] {
        assert!(bluesky.faults.inject(fault) > 0);
    }
    let number = bluesky.world.post(Draft::of("a"));
    let rkey = rkey_of(&bluesky.world.get(number).unwrap());
    for _ in 0..2 {
        assert_eq!(
            event(&mut socket, "commit").await.unwrap()["commit"]["rkey"],
            *rkey
        );
    }
}

#[tokio::test]
async fn profiles_posts_and_searches_are_answered() {
    let bluesky = Bluesky::start();
    let now = now_ms();
    fill(&bluesky.world, 1, &["모루폰"], 60, now - 3_600_000, now);
    let gone = bluesky.world.post(Draft::of("모루폰"));
    bluesky.world.delete(gone);
    let xrpc = |method: &str| format!("{}/xrpc/{method}", bluesky.url());

    let author = bluesky.world.get(0).unwrap().author;
    let query = format!("?actors={}&actors=did:plc:unknown", did_of(author));
    let (_, profiles) = answer(client().get(xrpc("app.bsky.actor.getProfiles") + &query)).await;
    let profiles = profiles["profiles"].as_array().unwrap();
    assert_eq!(
        (profiles.len(), &profiles[0]["did"]),
        (1, &json!(did_of(author)))
    );

    let [kept, lost] = [0, gone].map(|number| uri_of(&bluesky.world.get(number).unwrap()));
    let query = format!("?uris={kept}&uris={lost}");
    let (_, posts) = answer(client().get(xrpc("app.bsky.feed.getPosts") + &query)).await;
    assert_eq!(posts["posts"].as_array().unwrap().len(), 1);

    let search = xrpc("app.bsky.feed.searchPosts") + "?q=모루폰&sort=latest&limit=10";
    assert_eq!(answer(client().get(&search)).await.0, 403);
    let login = json!({ "identifier": HANDLE, "password": PASSWORD }).to_string();
    let session = client()
        .post(xrpc("com.atproto.server.createSession"))
        .body(login);
    let (_, session) = answer(session).await;
    let token = session["accessJwt"].as_str().unwrap();
    bluesky.options().search_hits = 20;
    let (_, first) = answer(get(&search, token)).await;
    assert_eq!(first["cursor"], "10");
    let (_, last) = answer(get(&format!("{search}&cursor=10"), token)).await;
    assert_eq!(
        (last["posts"].as_array().unwrap().len(), last.get("cursor")),
        (10, None)
    );
    let hits = bluesky.world.planted(&["모루폰"]).len();
    assert_eq!(first["hitsTotal"], hits);
}
