use serde_json::{Value, json};

use super::{answer, client, get};
use crate::sources::stubs::X;
use crate::sources::stubs::x::query::{Query, Subject};
use crate::sources::stubs::x::{RULES, TOKEN};

async fn post(x: &X, query: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{}{RULES}{query}", x.url()));
    answer(request.bearer_auth(TOKEN).body(body.to_string())).await
}

#[tokio::test]
async fn rules_are_added_listed_and_deleted() {
    let x = X::start();
    let url = format!("{}{RULES}", x.url());
    assert_eq!(answer(get(&url, "wrong")).await.0, 401);
    let (_, none) = answer(get(&url, TOKEN)).await;
    assert_eq!(
        (none.get("data"), &none["meta"]["result_count"]),
        (None, &json!(0))
    );

    let add = json!({ "add": [{ "value": "(\"아이폰\" OR #아이폰)", "tag": "tidings:x:1" }] });
    let (status, dry) = post(&x, "?dry_run=true", &add).await;
    assert_eq!(
        (status, &dry["meta"]["summary"]["created"]),
        (201, &json!(1))
    );
    assert!(x.rules().all().is_empty());
    let (_, added) = post(&x, "", &add).await;
    let id = added["data"][0]["id"].as_str().unwrap().to_owned();
    let (_, again) = post(&x, "", &add).await;
    assert_eq!(again["errors"][0]["id"], *id);
    let kind = again["errors"][0]["type"].as_str().unwrap();
    assert!(kind.ends_with("/duplicate-rules"), "{kind}");

    x.rules().add("foreign", "of another client");
    x.rules().page = 1;
    let (_, first) = answer(get(&url, TOKEN)).await;
    let token = first["meta"]["next_token"].as_str().unwrap();
    let (_, second) = answer(get(&format!("{url}?pagination_token={token}"), TOKEN)).await;
    assert_eq!(second["data"][0]["value"], "foreign");
    assert_eq!(second["meta"].get("next_token"), None);

    let (_, deleted) = post(&x, "", &json!({ "delete": { "ids": [id] } })).await;
    assert_eq!(deleted["meta"]["summary"]["deleted"], 1);
    assert_eq!(x.values(""), ["foreign"]);
    assert_eq!(x.requests.to(RULES).last().unwrap().status, Some(200));
}

#[tokio::test]
async fn rules_that_are_wrong_or_too_many_are_refused() {
    let x = X::start();
    x.rules().cap = 1;
    x.rules().refused_words = vec!["bad".to_owned()];
    for (value, kind) in [
        ("(a OR", "invalid-rules"),
        ("-is:retweet", "invalid-rules"),
        ("a AND b", "invalid-rules"),
        ("-(a b)", "invalid-rules"),
        ("\"bad\"", "invalid-rules"),
        (&"a ".repeat(600), "invalid-rules"),
    ] {
        let (status, body) = post(&x, "", &json!({ "add": [{ "value": value }] })).await;
        assert_eq!(status, 400, "{value}: {body}");
        let found = body["errors"][0]["type"].as_str().unwrap();
        assert!(found.ends_with(kind), "{value}: {body}");
    }
    let two = json!({ "add": [{ "value": "a" }, { "value": "b" }] });
    let (status, body) = post(&x, "", &two).await;
    assert_eq!((status, x.values("").len()), (201, 1));
    let kind = body["errors"][0]["type"].as_str().unwrap();
    assert!(kind.ends_with("/rule-cap"), "{body}");
}

#[test]
fn words_match_as_whole_tokens() {
    for (value, text, matches) in [
        ("\"아이폰\"", "새 아이폰, 케이스", true),
        ("\"아이폰\"", "아이폰은 비싸다", false),
        ("\"아이폰은\"", "아이폰은 비싸다", true),
        ("#아이폰", "새 #아이폰!", true),
        ("#아이폰", "새 아이폰", false),
        ("\"US Airways\"", "I fly us airways.", true),
        ("\"US Airways\"", "us and airways", false),
        ("ai", "paid", false),
        ("ai", "AI!", true),
        ("(a OR b) c", "b, c", true),
        ("(a OR b) c", "a b", false),
        ("a -is:retweet", "a", true),
        ("a lang:ko", "a", false),
    ] {
        let subject = Subject::new(text, "en", false);
        let query = Query::parse(value).unwrap();
        assert_eq!(query.matches(&subject), matches, "{value} in {text}");
    }
    let retweet = Subject::new("a", "en", true);
    assert!(!Query::parse("a -is:retweet").unwrap().matches(&retweet));
}
