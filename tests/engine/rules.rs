//! The rules of keywords follow from the journal alone: after a restart, in views that are made
//! again, and at a second engine on the same journal. A `keyword.tracked` without lists keeps the
//! rules.

use tidings::actors::engine::{Options, Scope, Tidings};
use tidings::events::{Event, Keyword, KeywordRules, RuleTexts};
use tidings::maintenance::{Comparison, digests, rebuild, verify};

use crate::common::engine::{append, memory, options, start};
use crate::common::events::{NOW, keyword, numbered_at, record};

fn rules(any: &[&str], none: &[&str]) -> KeywordRules {
    let texts = |texts: &[&str]| RuleTexts::new(texts.iter().copied()).unwrap();
    KeywordRules::new(texts(any), texts(none))
}

fn matching(tidings: &Tidings, text: &str) -> Vec<String> {
    let matcher = tidings.matcher();
    let found = matcher.keywords_in(text).into_iter();
    found.map(Keyword::to_string).collect()
}

/// Checks which keywords texts match after [`changes`].
fn check(tidings: &Tidings) {
    for (text, expected) in [
        ("iphone", &["아이폰"][..]),
        ("애플폰", &[]),
        ("아이폰 케이스", &[]),
        ("ai", &["ai"]),
        ("llm", &[]),
        ("연기", &["연기"]),
        ("acting", &["연기"]),
    ] {
        assert_eq!(matching(tidings, text), expected, "{text}");
    }
    let summary = tidings
        .views()
        .summary(&keyword("아이폰"))
        .unwrap()
        .unwrap();
    assert_eq!(summary.rules, rules(&["iphone"], &["케이스"]));
    assert_eq!(summary.rules.any(), ["iphone"]);
}

/// Rules that are set, replaced, removed, and dropped with their keyword.
async fn changes(tidings: &Tidings) {
    let phone = keyword("아이폰");
    assert!(
        tidings
            .track(&phone, Some(rules(&["애플폰"], &[])))
            .await
            .unwrap()
    );
    assert!(
        !tidings
            .track(&phone, Some(rules(&["iphone"], &["케이스"])))
            .await
            .unwrap()
    );
    let ai = keyword("ai");
    tidings
        .track(&ai, Some(rules(&["llm"], &[])))
        .await
        .unwrap();
    assert!(
        !tidings
            .track(&ai, Some(KeywordRules::default()))
            .await
            .unwrap()
    );
    let gone = keyword("gone");
    tidings
        .track(&gone, Some(rules(&["acting"], &[])))
        .await
        .unwrap();
    tidings.untrack(&gone).await.unwrap();
    tidings
        .track(&keyword("연기"), Some(rules(&["acting"], &[])))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_rebuilt_views_and_second_engine_match_alike() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let journal = memory();
    let tidings = start(first.path(), &journal).await;
    changes(&tidings).await;
    check(&tidings);
    let last = append(&journal, vec![record("아이폰", &numbered_at(1, NOW))]).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let digest = digests(tidings.views()).unwrap().1;

    let replica = start(second.path(), &journal).await;
    replica.reached(Scope::All, last).await.unwrap();
    check(&replica);
    assert_eq!(digests(replica.views()).unwrap().1, digest);
    replica.shutdown().await.unwrap();

    tidings.shutdown().await.unwrap();
    let tidings = start(first.path(), &journal).await;
    // The rows hold everything: no record is folded again.
    check(&tidings);
    assert_eq!(digests(tidings.views()).unwrap().1, digest);
    let head = *journal.head().borrow();
    let same = Some(rules(&["iphone"], &["케이스"]));
    assert!(!tidings.track(&keyword("아이폰"), same).await.unwrap());
    assert!(!tidings.track(&keyword("아이폰"), None).await.unwrap());
    assert_eq!(*journal.head().borrow(), head, "nothing has changed");
    tidings.shutdown().await.unwrap();

    let Options {
        data,
        cache_bytes,
        fold,
        ..
    } = options(first.path());
    let is_new_epoch = rebuild(&data, cache_bytes, &fold, journal.as_ref(), |_| {});
    assert!(!is_new_epoch.await.unwrap(), "the views were right");
    let compared = verify(&data, cache_bytes, &fold, journal.as_ref(), |_| {});
    let Comparison::Compared(verification) = compared.await.unwrap() else {
        panic!("unreadable");
    };
    assert_eq!(verification.differences, []);
    assert_eq!(verification.digest, digest);
    let tidings = start(first.path(), &journal).await;
    check(&tidings);
    for (name, expected) in [
        ("아이폰", Some(rules(&["iphone"], &["케이스"]))),
        ("ai", Some(KeywordRules::default())),
        ("연기", Some(rules(&["acting"], &[]))),
        ("gone", None),
    ] {
        assert_eq!(tidings.rules(&keyword(name)), expected, "{name}");
    }
    assert_eq!(digests(tidings.views()).unwrap().1, digest);
    tidings.shutdown().await.unwrap();
}

/// A body that names a new keyword journals `keyword.tracked` without lists. Before this event, a
/// request can journal one with rules.
#[tokio::test(flavor = "multi_thread")]
async fn rules_stay_when_a_tracked_event_without_lists_is_journaled_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let journal = memory();
    let tidings = start(folder.path(), &journal).await;
    let phone = keyword("아이폰");
    let given = rules(&["iphone"], &["케이스"]);
    tidings.track(&phone, Some(given.clone())).await.unwrap();
    let tracked = record("아이폰", &Event::keyword_tracked(NOW));
    let tweet = record("아이폰", &numbered_at(1, NOW));
    let last = append(&journal, vec![tracked, tweet]).await;
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(tidings.rules(&phone), Some(given));
    assert_eq!(matching(&tidings, "iphone"), ["아이폰"]);
    tidings.untrack(&phone).await.unwrap();
    assert!(tidings.track(&phone, None).await.unwrap());
    assert_eq!(tidings.rules(&phone), Some(KeywordRules::default()));
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_new_keyword_stay_when_another_request_tracks_it_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let tidings = start(folder.path(), &memory()).await;
    for number in 0..16 {
        let new = keyword(&format!("k{number}"));
        let given = rules(&["iphone"], &[]);
        let (ruled, plain) = tokio::join!(
            tidings.track(&new, Some(given.clone())),
            tidings.track(&new, None),
        );
        ruled.and(plain).unwrap();
        assert_eq!(tidings.rules(&new), Some(given), "{new}");
    }
    tidings.shutdown().await.unwrap();
}
