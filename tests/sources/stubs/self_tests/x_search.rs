use std::collections::BTreeSet;

use serde_json::Value;

use super::{answer, client};
use crate::sources::stubs::x::{TOKEN, id_of, rfc3339};
use crate::sources::stubs::{Draft, Limit, X, fill, now_ms};

async fn ask(x: &X, path: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
    let mut url = reqwest::Url::parse(&format!("{}{path}", x.url())).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    answer(client().get(url).bearer_auth(TOKEN)).await
}

#[tokio::test]
async fn pages_hold_every_match_once_from_the_newest_on() {
    let x = X::start();
    let (from, to) = (now_ms() - 3_600_000, now_ms() - 60_000);
    fill(&x.world, 1, &["모루폰"], 500, from, to);
    let (from, to) = (rfc3339(from), rfc3339(to));
    let query = "(\"모루폰\" OR \"모루폰은\" OR \"모루폰이\" OR \"모루폰을\" OR \"모루폰에서\")";
    let mut ids: Vec<String> = Vec::new();
    let mut token = String::new();
    loop {
        let mut parameters = vec![
            ("query", query),
            ("start_time", &from),
            ("end_time", &to),
            ("max_results", "50"),
        ];
        if !token.is_empty() {
            parameters.push(("next_token", &token));
        }
        let (status, page) = ask(&x, "/2/tweets/search/recent", &parameters).await;
        assert_eq!(status, 200, "{page}");
        let data = page["data"].as_array().unwrap();
        ids.extend(
            data.iter()
                .map(|post| post["id"].as_str().unwrap().to_owned()),
        );
        match page["meta"]["next_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    let expected: BTreeSet<String> = x
        .world
        .planted(&["모루폰"])
        .iter()
        .map(|post| id_of(post, 0))
        .collect();
    assert!(expected.len() > 200);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected);
    let parameters = [
        ("query", query),
        ("start_time", &from),
        ("end_time", &to),
        ("granularity", "day"),
    ];
    let (_, counts) = ask(&x, "/2/tweets/counts/recent", &parameters).await;
    assert_eq!(counts["meta"]["total_tweet_count"], expected.len());
}

#[tokio::test]
async fn wrong_searches_are_refused() {
    let x = X::start();
    let (early, late) = (rfc3339(now_ms() - 30 * 86_400_000), rfc3339(now_ms()));
    let long = "a ".repeat(300);
    for parameters in [
        vec![("query", long.as_str())],
        vec![("query", "a"), ("end_time", &late)],
        vec![("query", "a"), ("start_time", &early)],
        vec![("query", "a"), ("max_results", "101")],
        vec![("query", "a"), ("next_token", "none")],
        vec![("query", "lang:ko")],
    ] {
        let (status, body) = ask(&x, "/2/tweets/search/recent", &parameters).await;
        assert_eq!(
            (status, &body["title"]),
            (400, &"Invalid Request".into()),
            "{parameters:?}"
        );
    }
    let (status, none) = ask(
        &x,
        "/2/tweets/search/all",
        &[("query", "a"), ("start_time", &early)],
    )
    .await;
    assert_eq!((status, none.get("data")), (200, None));
    let (status, _) = ask(&x, "/2/tweets/search/all", &[("query", "a")]).await;
    assert_eq!(status, 429, "one request a second");
    x.limit(
        "search/recent",
        Limit {
            requests: 0,
            window_ms: 1_000,
        },
    );
    assert_eq!(
        ask(&x, "/2/tweets/search/recent", &[("query", "a")])
            .await
            .0,
        429
    );
}

#[tokio::test]
async fn lookup_names_what_is_gone() {
    let x = X::start();
    let [kept, gone] = ["a", "b"].map(|text| x.world.post(Draft::of(text)));
    x.world.engage(kept, 5, 2);
    let [kept, gone_id] = [kept, gone].map(|number| id_of(&x.world.get(number).unwrap(), 0));
    x.world.delete(gone);
    let ids = format!("{kept},{gone_id}");
    let parameters = [("ids", ids.as_str()), ("tweet.fields", "public_metrics")];
    let (_, body) = ask(&x, "/2/tweets", &parameters).await;
    assert_eq!(body["data"][0]["public_metrics"]["like_count"], 5);
    assert_eq!(body["errors"][0]["resource_id"], *gone_id);
    let kind = body["errors"][0]["type"].as_str().unwrap();
    assert!(kind.ends_with("/resource-not-found"));
}
