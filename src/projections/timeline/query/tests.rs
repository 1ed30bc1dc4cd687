use proptest::collection::vec;
use proptest::prelude::*;

use super::super::Timeline;
use super::super::filter::without_case;
use super::super::scan::MAX_TEXT_BYTES;
use super::*;
use crate::events::{Sequence, normal_form};
use crate::projections::{FoldedTweet, MemoryRows, Meter, MeteredRows, Projection};

fn tweet(at: i64, id: &str, text: &str, lang: Option<&str>) -> TweetPosted {
    TweetPosted {
        lang: lang.map(Into::into),
        ..TweetPosted::of_test(id, Timestamp::from_millis(at), text)
    }
}

fn rows_of(tweets: &[TweetPosted]) -> MemoryRows {
    let mut rows = MemoryRows::default();
    let mut timeline = Timeline::default();
    for (sequence, tweet) in (1..).zip(tweets) {
        let sequence = Sequence::new(sequence);
        let folded = FoldedTweet::of_test(sequence, tweet.at, tweet);
        timeline.add(&rows, &folded).unwrap();
    }
    let mut changes = Vec::new();
    timeline.take_row_changes(&mut changes).unwrap();
    rows.put(changes);
    rows
}

/// Reads all items, one result page after another. The scan of each result page reads at most
/// `budget` bytes of text. Returns the items and the number of result pages.
fn paged(rows: &dyn Rows, query: &TimelineQuery, budget: usize) -> (Vec<TweetPosted>, usize) {
    let mut query = query.clone();
    let mut items = Vec::new();
    for pages in 1.. {
        let page = TimelineScan::within(query.clone(), budget)
            .run(rows)
            .unwrap();
        assert!(page.items.len() <= query.limit);
        items.extend(page.items);
        let Some(next) = page.next else {
            return (items, pages);
        };
        assert!(
            query.before.is_none_or(|before| next < before),
            "no progress"
        );
        query.before = Some(next);
    }
    unreachable!()
}

/// Texts, of which some are many times longer in normal form.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abc ]{0,30}x",
        "[aA\u{fdfa}\u{3000}가]{0,40}x",
        (1_usize..3_000).prop_map(|count| "b\u{fdfa}".repeat(count)),
    ]
}

fn posted() -> impl Strategy<Value = Vec<TweetPosted>> {
    let lang = prop_oneof![Just(None), Just(Some("ko")), Just(Some("EN"))];
    vec((0_i64..40, texts(), lang), 0..60).prop_map(|posted| {
        let numbered = posted.into_iter().enumerate();
        let tweets = numbered
            .map(|(number, (at, text, lang))| tweet(at, &format!("t{number}"), &text, lang));
        tweets.collect()
    })
}

fn queries() -> impl Strategy<Value = TimelineQuery> {
    let text = prop_oneof![Just("a"), Just("bصلى"), Just("c x")];
    let span = || prop::option::of((0_i64..40).prop_map(Timestamp::from_millis));
    let lang = prop::option::of(Just("en"));
    (1_usize..8, prop::option::of(text), lang, span(), span()).prop_map(
        |(limit, text, lang, from, to)| TimelineQuery {
            limit,
            from,
            to,
            lang: lang.map(Into::into),
            text: text.map(Into::into),
            ..TimelineQuery::default()
        },
    )
}

/// What a query has to find, without any budget.
fn all_of(tweets: &[TweetPosted], query: &TimelineQuery) -> Vec<TweetPosted> {
    let is_wanted = |tweet: &&TweetPosted| {
        query.from.is_none_or(|from| tweet.at >= from)
            && query.to.is_none_or(|to| tweet.at < to)
            && (query.lang.is_none() || tweet.lang.as_deref() == Some("EN"))
            && query
                .text
                .as_ref()
                .is_none_or(|text| normal_form(&tweet.text).contains(text))
    };
    let mut found: Vec<_> = tweets.iter().filter(is_wanted).cloned().collect();
    found.sort_by_key(|tweet| std::cmp::Reverse(TweetKey::of(tweet)));
    found
}

fn budgets() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..300, 300_usize..400_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_of_any_budget_hold_the_items_of_an_unbounded_scan(
        tweets in posted(),
        query in queries(),
        budget in budgets(),
    ) {
        let (items, _) = paged(&rows_of(&tweets), &query, budget);
        prop_assert_eq!(items, all_of(&tweets, &query));
    }

    #[test]
    fn scan_run_again_over_changed_rows_answers_like_a_new_one_of_half_the_budget(
        tweets in posted(),
        cut in 0_usize..60,
        query in queries(),
        budget in budgets(),
    ) {
        let mut scan = TimelineScan::within(query.clone(), budget);
        let counts = [cut.min(tweets.len()), tweets.len(), tweets.len()];
        for (runs, count) in counts.into_iter().enumerate() {
            let rows = rows_of(&tweets[..count]);
            let fresh = TimelineScan::within(query.clone(), budget >> runs).run(&rows).unwrap();
            prop_assert_eq!(scan.run(&rows).unwrap(), fresh);
        }
    }
}

fn containing(text: &str) -> TimelineQuery {
    TimelineQuery {
        limit: 50,
        text: Some(text.into()),
        ..TimelineQuery::default()
    }
}

#[test]
fn text_that_normalising_lengthens_is_counted_in_normal_form() {
    let text = "\u{fdfa}".repeat(10_000);
    let normal = normal_form(&text).len();
    let tweets: Vec<_> = (0..60)
        .map(|number| tweet(number, &format!("t{number}"), &text, None))
        .collect();
    let rows = rows_of(&tweets);
    let page = query(&rows, &containing("zzz")).unwrap();
    let last = page.next.expect("the rest is to be asked for");
    let looked_at = tweets
        .iter()
        .filter(|tweet| TweetKey::of(tweet) >= last)
        .count();
    assert!(
        looked_at * normal <= MAX_TEXT_BYTES,
        "{looked_at} texts of {normal} bytes"
    );
    assert!(
        (looked_at + 2) * normal > MAX_TEXT_BYTES,
        "{looked_at} texts of {normal} bytes"
    );
    let (items, pages) = paged(&rows, &containing("zzz"), MAX_TEXT_BYTES / 4);
    assert_eq!((items, pages), (Vec::new(), 5));
}

#[test]
fn number_of_tweets_does_not_bound_a_scan() {
    let mut tweets: Vec<_> = (1..30_000)
        .map(|number| tweet(number, &format!("t{number}"), "of no interest", None))
        .collect();
    tweets.push(tweet(0, "oldest", "needle", None));
    let page = query(&rows_of(&tweets), &containing("needle")).unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.next, None);
}

#[test]
fn scan_of_tweets_with_little_text_and_long_other_fields_is_bounded() {
    let tweets: Vec<_> = (0..40)
        .map(|number| TweetPosted {
            url: Some("u".repeat(60_000)),
            ..tweet(number, &format!("t{number}"), "x", None)
        })
        .collect();
    let rows = rows_of(&tweets);
    let page = TimelineScan::within(containing("zzz"), 150_000)
        .run(&rows)
        .unwrap();
    assert!(page.items.is_empty());
    assert_eq!(page.next, Some(TweetKey::of(&tweets[30])));
}

#[test]
fn unfiltered_page_is_never_cut() {
    let text = "x".repeat(10_000);
    let tweets: Vec<_> = (0..250)
        .map(|number| tweet(number, &format!("t{number:03}"), &text, None))
        .collect();
    let rows = rows_of(&tweets);
    let wanted = TimelineQuery {
        limit: 200,
        from: Some(Timestamp::from_millis(20)),
        ..TimelineQuery::default()
    };
    let page = TimelineScan::within(wanted, 0).run(&rows).unwrap();
    assert_eq!(page.items.len(), 200);
    assert_eq!(page.next, page.items.last().map(TweetKey::of));
}

#[test]
fn abandoned_scan_ends_at_its_next_tweet() {
    let tweets: Vec<_> = (0..100)
        .map(|number| tweet(number, &format!("t{number}"), &"x".repeat(1_000), None))
        .collect();
    let rows = rows_of(&tweets);
    let meter = Meter::default();
    let metered = MeteredRows::new(&rows, &meter);
    assert!(query(&metered, &containing("zzz")).is_ok());
    let whole = meter.bytes();
    assert!(whole >= 100_000, "{whole}");
    meter.abandon();
    assert!(matches!(
        query(&metered, &containing("zzz")),
        Err(RowsError::Abandoned)
    ));
    assert!(meter.bytes() - whole < 10_000);
}

#[test]
fn case_is_ignored_at_any_position() {
    for (one, other) in [
        ("ΑΣ", "ας"),
        ("ασ", "ας"),
        ("Someone", "sOMEONE"),
        ("가", "가"),
    ] {
        assert!(without_case(one).eq(without_case(other)));
    }
    assert!(!without_case("a").eq(without_case("b")));
}
