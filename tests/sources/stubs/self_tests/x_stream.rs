use serde_json::Value;

use super::{Lines, answer, get};
use crate::common::wait::until;
use crate::sources::stubs::x::{STREAM, TOKEN, id_of};
use crate::sources::stubs::{Draft, Fault, Limit, Refusal, X};

const FIELDS: &str = "tweet.fields=created_at,author_id,lang,referenced_tweets,note_tweet\
    &expansions=author_id,referenced_tweets.id,referenced_tweets.id.author_id\
    &user.fields=username,name,public_metrics";

fn stub() -> X {
    let x = X::start();
    x.rules().add("\"아이폰\"", "tidings:x:1");
    x
}

async fn open(x: &X) -> Lines {
    Lines::open(get(&format!("{}{STREAM}?{FIELDS}", x.url()), TOKEN)).await
}

async fn record(lines: &mut Lines) -> Value {
    serde_json::from_str(&lines.record().await.unwrap()).unwrap()
}

#[tokio::test]
async fn stream_sends_posts_that_match_with_their_rules() {
    let x = stub();
    let mut lines = open(&x).await;
    x.world.post(Draft::of("없음"));
    let original = x
        .world
        .post(Draft::of(&format!("새 아이폰 & {}", "길".repeat(300))));
    x.world.post(Draft::of("").repeating(original));
    let first = record(&mut lines).await;
    let post = x.world.get(original).unwrap();
    assert_eq!(first["data"]["id"], *id_of(&post, 0));
    assert_eq!(first["matching_rules"][0]["tag"], "tidings:x:1");
    let note = first["data"]["note_tweet"]["text"].as_str().unwrap();
    assert!(note.starts_with("새 아이폰 &amp; 길"));
    assert_eq!(first["includes"]["users"][0]["username"], post.handle());
    assert_eq!(first["data"].get("public_metrics"), None, "not asked for");
    let retweet = record(&mut lines).await;
    let text = retweet["data"]["text"].as_str().unwrap();
    assert!(text.starts_with("RT @writer7: 새 아이폰") && text.chars().count() < 160);
    assert_eq!(
        retweet["includes"]["tweets"][0]["note_tweet"]["text"],
        *note
    );

    x.world.edit(original, "아이폰 둘");
    let edit = record(&mut lines).await;
    let history = edit["data"]["edit_history_tweet_ids"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(edit["data"]["id"], history[1]);
    assert_eq!(x.matched().len(), 3);
    until("all three are noted as sent", || x.world.sent().len() == 3).await;
}

#[tokio::test]
async fn connect_is_refused_as_x_refuses_it() {
    let x = X::start();
    let url = format!("{}{STREAM}", x.url());
    assert_eq!(answer(get(&url, TOKEN)).await.0, 409, "no rules");
    x.rules().add("a", "");
    let mut first = Lines::open(get(&url, TOKEN)).await;
    let (status, body) = answer(get(&url, TOKEN)).await;
    assert_eq!(
        (status, &body["connection_issue"]),
        (429, &"TooManyConnections".into())
    );
    assert!(first.is_silent().await);
    drop(first);
    until("the stub noticed the end", || x.faults.open_streams() == 0).await;

    x.limit(
        "stream",
        Limit {
            requests: 0,
            window_ms: 5_000,
        },
    );
    let limited = get(&url, TOKEN).send().await.unwrap();
    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("x-rate-limit-reset"));
    assert_eq!(limited.headers()["x-rate-limit-remaining"], "0");

    x.faults.refuse(STREAM, 1, &Refusal::retry_after(503, 3));
    x.faults.refuse(STREAM, 1, &Refusal::Network);
    let refused = get(&url, TOKEN).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"3".parse().unwrap())
    );
    assert!(get(&url, TOKEN).send().await.is_err());
    x.faults.set_down(true);
    assert!(get(&url, TOKEN).send().await.is_err());
    assert_eq!(x.requests.connects(STREAM).len(), 7);
}

#[tokio::test]
async fn faults_happen_on_open_streams() {
    let x = stub();
    for (fault, lines_before_the_end) in [
        (Fault::Close, 0),
        (Fault::Reset, 0),
        (Fault::Cut, 0),
        (Fault::Disconnect, 1),
        (Fault::Duplicate, 2),
        (Fault::Garbage, 2),
        (Fault::NotObject, 2),
        (Fault::Huge, 2),
    ] {
        let mut lines = open(&x).await;
        assert_eq!(x.faults.inject(fault), 1);
        x.world.post(Draft::of("아이폰"));
        for number in 0..lines_before_the_end {
            assert!(lines.record().await.is_some(), "{fault:?} {number}");
        }
        if lines_before_the_end < 2 {
            // The post may be on its way already when the fault happens.
            let mut more = 0;
            while lines.record().await.is_some() {
                more += 1;
            }
            assert!(more <= 1, "{fault:?}: {more} more");
        }
        drop(lines);
        until("the stub noticed the end", || x.faults.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn stalled_and_deaf_streams_send_no_posts() {
    let x = stub();
    for (fault, has_keep_alives) in [(Fault::Stall, false), (Fault::Deaf, true)] {
        let mut lines = open(&x).await;
        x.faults.inject(fault);
        x.world.post(Draft::of("아이폰"));
        assert!(lines.is_silent().await, "{fault:?}");
        if has_keep_alives {
            assert_eq!(lines.next().await.as_deref(), Some(""));
        }
        drop(lines);
        until("the stub noticed the end", || x.faults.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn reorder_swaps_two_posts() {
    let x = stub();
    let mut lines = open(&x).await;
    x.faults.inject(Fault::Reorder);
    let numbers = [1, 2].map(|number| x.world.post(Draft::of(&format!("아이폰 {number}"))));
    let [one, two] = numbers.map(|number| id_of(&x.world.get(number).unwrap(), 0));
    assert_eq!(record(&mut lines).await["data"]["id"], *two);
    assert_eq!(record(&mut lines).await["data"]["id"], *one);
}

#[tokio::test]
async fn deletions_are_on_the_compliance_stream_of_their_partition() {
    let x = X::start();
    let url = format!("{}/2/tweets/compliance/stream?partition=", x.url());
    assert_eq!(answer(get(&format!("{url}5"), TOKEN)).await.0, 400);
    let mut lines = Lines::open(get(&format!("{url}1"), TOKEN)).await;
    let number = x.world.post(Draft::of("a"));
    x.world.delete(number);
    let record = record(&mut lines).await;
    let id = &record["data"]["delete"]["tweet"]["id"];
    assert_eq!(*id, *id_of(&x.world.get(number).unwrap(), 0));
}
