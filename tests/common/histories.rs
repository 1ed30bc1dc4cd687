//! Hostile histories of one keyword. Ids and times are few, so that events collide. The histories
//! include late tweets, deletions before their tweets, repetitions, and a keyword that is untracked
//! and tracked again.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tidings::events::{
    Author, Event, GivenTexts, KeywordEnvelope, KeywordRecord, KeywordTracked, MetricsPatch,
    RuleTexts, Sequence, Timestamp, TweetDeleted, TweetEngaged, TweetId, TweetMetrics, TweetPosted,
};

/// The time around which the tweets of histories are, in milliseconds since 1970:
/// 2026-11-23T12:00:00Z.
pub const NOON: i64 = 1_795_435_200_000;

/// Records in sequence order. The sequences have gaps, like those of one keyword among many.
pub type History = Vec<(Sequence, KeywordRecord)>;

/// The time of receipt of the record at a sequence.
pub fn received_at(sequence: Sequence) -> Timestamp {
    let millis = i64::try_from(sequence.get()).unwrap();
    Timestamp::from_millis(NOON + 1_000 * millis)
}

/// A record of a history as an envelope.
pub fn envelope(sequence: Sequence, record: &KeywordRecord) -> KeywordEnvelope {
    KeywordEnvelope {
        sequence,
        received_at: received_at(sequence),
        record: record.clone(),
    }
}

/// Histories of up to `longest` records about up to `ids` different ids.
pub fn histories(longest: usize, ids: u16) -> impl Strategy<Value = History> {
    let gap = prop_oneof![3 => Just(1_u64), 1 => 2_u64..50];
    vec((gap, records(ids)), 0..=longest).prop_map(|records| {
        let mut sequence = Sequence::ZERO;
        let numbered = records.into_iter().map(|(gap, record)| {
            sequence = sequence.plus(gap);
            (sequence, record)
        });
        numbered.collect()
    })
}

/// The ends of batches in a history of up to `longest` records, by record number. The flag marks an
/// end that is also a restart.
pub fn cuts(longest: usize) -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop_oneof![
        1 => Just((0..longest).map(|index| (index, false)).collect()),
        6 => vec((0..longest, prop::bool::weighted(0.3)), 0..12),
    ]
}

/// A record. Three in a hundred untrack or track the keyword.
pub fn records(ids: u16) -> impl Strategy<Value = KeywordRecord> {
    let rejected = KeywordRecord::Rejected {
        payload: b"{".as_slice().into(),
        reason: "it is no JSON".to_owned(),
    };
    let event = prop_oneof![
        60 => tweets(ids).prop_map(|tweet| Event::TweetPosted(Box::new(tweet))),
        20 => engaged(ids).prop_map(Event::TweetEngaged),
        14 => (tweet_ids(ids), times())
            .prop_map(|(id, at)| Event::TweetDeleted(TweetDeleted { id, at })),
        1 => times().prop_map(Event::keyword_tracked),
        1 => tracked_by_rules().prop_map(Event::KeywordTracked),
        1 => times().prop_map(Event::keyword_untracked),
    ];
    prop_oneof![
        30 => event.prop_map(KeywordRecord::Event),
        1 => Just(rejected),
    ]
}

/// A `keyword.tracked` with lists of up to three texts each. Each list can be absent.
fn tracked_by_rules() -> impl Strategy<Value = KeywordTracked> {
    let list = || {
        let texts = vec(select(vec!["ＡＩ", "ai", "아이폰", "us  airways"]), 0..=3);
        let given = |texts| GivenTexts::given(RuleTexts::new(texts).expect("valid texts"));
        prop::option::weighted(0.7, texts)
            .prop_map(move |texts| texts.map_or(GivenTexts::absent(), given))
    };
    (times(), list(), list()).prop_map(|(at, any, none)| KeywordTracked { at, any, none })
}

/// Ids whose order differs from that of their numbers; some are prefixes of others.
pub fn tweet_ids(ids: u16) -> impl Strategy<Value = TweetId> {
    (0..ids).prop_map(|number| {
        let text = match number % 5 {
            0 => format!("x:{number}"),
            1 => format!("x:{}", u32::from(number) * 7_919),
            2 => format!("~{}", "z".repeat(usize::from(number % 120) + 1)),
            3 => format!("x:{number}0"),
            _ => format!("!{number}\"\\'"),
        };
        TweetId::new(&text).expect("printable ASCII")
    })
}

/// Times that collide, are at boundaries, or are far apart.
pub fn times() -> impl Strategy<Value = Timestamp> {
    let steps = [
        0,
        1,
        60_000,
        3_600_000,
        21_600_000,
        86_400_000,
        16 * 86_400_000,
    ];
    let colliding = (0_i64..4).prop_map(|millis| NOON + millis);
    let boundary = (select(steps.to_vec()), -1_i64..=1, -3_i64..=3)
        .prop_map(|(step, off, times)| NOON + step * times + off);
    let near = (0..2 * Timestamp::HOUR).prop_map(|offset| NOON + offset);
    let far = (0..200 * Timestamp::DAY).prop_map(|offset| NOON - offset);
    prop_oneof![
        4 => colliding,
        4 => boundary,
        6 => near,
        3 => far,
        1 => Just(Timestamp::EARLIEST.millis()),
    ]
    .prop_map(Timestamp::from_millis)
}

fn metrics() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..5, 1 => Just((1 << 53) - 1)]
}

fn tweets(ids: u16) -> impl Strategy<Value = TweetPosted> {
    let words = [
        "재미",
        "연기",
        "ＡＩ",
        "Movie",
        "movie\tNIGHT",
        "🍎",
        "é",
        "e\u{301}",
        "\0",
        "  ",
    ];
    // Most texts are short; some fill a tweet page alone.
    let length = prop_oneof![20 => 1_usize..6, 4 => 100_usize..400, 1 => 1_000_usize..1_600];
    let text = (vec(select(words.to_vec()), 1..6), length);
    let author = (
        select(&["kim", "Kim", "İ", "李"][..]),
        prop::option::of(0_u64..9),
    );
    let lang = prop::option::of(select(&["ko", "KO", "en-US"][..]));
    let posted = (metrics(), metrics(), metrics(), metrics());
    let linked = prop::option::weighted(0.2, Just("x:1".to_owned()));
    (tweet_ids(ids), times(), text, author, lang, posted, linked).prop_map(
        |(id, at, (words, length), (handle, followers), lang, posted, linked)| TweetPosted {
            id,
            at,
            source: linked.as_ref().map(|_| "x".to_owned()),
            author: Author {
                handle: handle.to_owned(),
                name: followers.map(|_| "A Name".to_owned()),
                followers,
            },
            text: words
                .iter()
                .cycle()
                .take(length)
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
            lang: lang.map(str::to_owned),
            url: linked.as_ref().map(|_| "https://example.org/1".to_owned()),
            reply_to: linked.clone(),
            repost_of: linked,
            metrics: TweetMetrics {
                likes: posted.0,
                reposts: posted.1,
                replies: posted.2,
                quotes: posted.3,
            },
        },
    )
}

fn engaged(ids: u16) -> impl Strategy<Value = TweetEngaged> {
    let named = || prop::option::of(metrics());
    let patch = (named(), named(), named(), named())
        .prop_map(|(likes, reposts, replies, quotes)| MetricsPatch {
            likes,
            reposts,
            replies,
            quotes,
        })
        .prop_map(|patch| match patch.is_empty() {
            true => MetricsPatch {
                likes: Some(1),
                ..patch
            },
            false => patch,
        });
    (tweet_ids(ids), times(), patch).prop_map(|(id, at, metrics)| TweetEngaged { id, at, metrics })
}
