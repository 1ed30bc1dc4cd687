//! Tests of chronicles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::*;
use crate::events::{Event, Keyword, Timestamp, TweetPosted, json};
use crate::text::Matcher;

/// A span that begins on the first day of 2026 in Seoul.
fn span(days: i64, posts: u64) -> Span {
    let from = Timestamp::parse("2026-01-01T00:00:00+09:00").unwrap();
    Span {
        from,
        to: from.plus(days * Timestamp::DAY),
        posts,
        growth: Growth::Steady,
    }
}

fn lines_of(seed: u64, span: &Span) -> Vec<Vec<u8>> {
    let world = World::new(seed);
    let mut chronicle = Chronicle::of(&world, span);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while chronicle.next_line(&mut line).is_some() {
        lines.push(line.clone());
    }
    lines
}

/// Forty days of a world, decoded.
struct Sample {
    posts: Vec<TweetPosted>,
    twice: usize,
    late: usize,
    engaged: usize,
    deleted: usize,
}

const POSTS: usize = 40_000;

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let mut sample = Sample {
        posts: Vec::new(),
        twice: 0,
        late: 0,
        engaged: 0,
        deleted: 0,
    };
    let mut ids = BTreeSet::new();
    let mut newest = Timestamp::EARLIEST;
    for line in lines_of(3, &span(40, POSTS as u64)) {
        let decoded = json::decode_line(&line, Timestamp::LATEST).unwrap();
        assert_eq!(decoded.keyword, None);
        match decoded.event {
            Event::TweetPosted(post) if !ids.insert(post.id.clone()) => sample.twice += 1,
            Event::TweetPosted(post) => {
                sample.late += usize::from(post.at < newest);
                newest = newest.max(post.at);
                sample.posts.push(*post);
            }
            Event::TweetEngaged(_) => sample.engaged += 1,
            Event::TweetDeleted(_) => sample.deleted += 1,
            other => panic!("{other:?}"),
        }
    }
    sample
});

static MATCHER: LazyLock<Matcher> =
    LazyLock::new(|| Matcher::new(KEYWORDS.map(|keyword| Keyword::new(keyword).unwrap())));

/// The indexes of the keywords that a text matches.
fn named(text: &str) -> Vec<usize> {
    let matched = MATCHER.keywords_in(text);
    let names = KEYWORDS.iter().zip(0..);
    names
        .filter(|(keyword, _)| {
            matched
                .iter()
                .any(|one| one.as_str() == keyword.to_lowercase())
        })
        .map(|(_, position)| position)
        .collect()
}

fn per_hour() -> BTreeMap<(usize, Timestamp), u64> {
    let mut counts = BTreeMap::new();
    for post in &SAMPLE.posts {
        for keyword in named(&post.text) {
            let hour = post.at.floor_to(Timestamp::HOUR);
            *counts.entry((keyword, hour)).or_default() += 1;
        }
    }
    counts
}

/// Every machine and version gives the same lines. Changed phrases change the hash.
#[test]
fn same_seed_and_span_give_the_same_bytes() {
    let mut lines = lines_of(1, &span(120, 10_000));
    lines.truncate(10_000);
    let hash = blake3::hash(&lines.join(&b'\n')).to_hex().to_string();
    assert_eq!(
        hash,
        "152f4084bf51a8e10b19eca71ed7224a515d1cd2a8e6c0a9630161b8416f2fc3"
    );
    assert_ne!(lines_of(2, &span(120, 100)), lines_of(1, &span(120, 100)));
}

#[test]
fn a_span_has_as_many_posts_as_were_asked_for() {
    for (days, posts) in [(1, 1), (1, 5_000), (400, 300)] {
        let lines = lines_of(4, &span(days, posts));
        let ids: BTreeSet<_> = lines
            .iter()
            .map(|line| json::decode_line(line, Timestamp::LATEST).unwrap().event)
            .filter_map(|event| match event {
                Event::TweetPosted(post) => Some(post.id),
                _ => None,
            })
            .collect();
        assert_eq!(ids.len() as u64, posts, "{days} days");
    }
}

#[test]
fn every_post_names_a_keyword_and_has_no_open_slot() {
    assert_eq!(SAMPLE.posts.len(), POSTS);
    for post in &SAMPLE.posts {
        assert!(!named(&post.text).is_empty(), "{}", post.text);
        assert!(!post.text.contains(['{', '}', '|']), "{}", post.text);
        assert!(!post.text.contains("  "), "{}", post.text);
    }
    for phrases in &World::new(1).phrases {
        assert_eq!(phrases.unresolved(), [""; 0]);
    }
}

#[test]
fn some_posts_are_late_twice_deleted_or_engaged() {
    let share = |count: usize| count * 1_000 / POSTS;
    assert!((6..14).contains(&share(SAMPLE.late)), "{}", SAMPLE.late);
    assert!((4..10).contains(&share(SAMPLE.twice)), "{}", SAMPLE.twice);
    assert!((8..16).contains(&share(SAMPLE.deleted)));
    assert!((250..450).contains(&share(SAMPLE.engaged)));
    let kinds = |is: fn(&TweetPosted) -> bool| {
        SAMPLE.posts.iter().filter(|post| is(post)).count() * 100 / POSTS
    };
    assert!((5..12).contains(&kinds(|post| post.repost_of.is_some())));
    assert!((6..15).contains(&kinds(|post| post.reply_to.is_some())));
    assert!((8..25).contains(&kinds(|post| post.text.contains(" #"))));
    assert!((6..15).contains(&kinds(|post| post.text.contains("https://"))));
    assert!((65..80).contains(&kinds(|post| post.lang.as_deref() == Some("ko"))));
}

#[test]
fn days_and_weeks_have_a_rhythm() {
    let mut hours = [0_u64; 24];
    for post in &SAMPLE.posts {
        let hour = post.at.plus(9 * Timestamp::HOUR).millis() / Timestamp::HOUR % 24;
        hours[usize::try_from(hour).unwrap()] += 1;
    }
    let busiest = (0..24).max_by_key(|hour| hours[*hour]).unwrap();
    assert!((19..=22).contains(&busiest), "{hours:?}");
    assert!(hours[21] > 3 * hours[5], "{hours:?}");
}

#[test]
fn every_storyline_has_hours_of_five_times_the_usual_posts() {
    let counts = per_hour();
    let span = span(40, POSTS as u64);
    let world = World::new(3);
    let mut stories = BTreeSet::new();
    for episode in Chronicle::of(&world, &span).episodes() {
        let first = episode.start.ceil_to(Timestamp::HOUR);
        let hours = (0..3).map(|hour| first.plus(hour * Timestamp::HOUR));
        let whole: Vec<_> = hours
            .filter(|hour| hour.plus(Timestamp::HOUR) <= episode.end)
            .collect();
        assert!(!whole.is_empty(), "{episode:?}");
        for hour in whole {
            let at = |hour| counts.get(&(episode.keyword, hour)).copied().unwrap_or(0);
            // The number of posts in the same hour of every day.
            let days = 24 * 40 - 1;
            let others: Vec<u64> = (0..=days)
                .map(|passed| span.from.plus(passed * Timestamp::HOUR))
                .filter(|other| (other.millis() - hour.millis()) % Timestamp::DAY == 0)
                .map(at)
                .collect();
            let mut sorted = others.clone();
            sorted.sort_unstable();
            let usual = sorted[sorted.len() / 2];
            assert!(
                at(hour) >= 5 * usual,
                "{episode:?}: {} of {usual}",
                at(hour)
            );
        }
        stories.insert(episode.story);
    }
    assert_eq!(stories.len(), 10);
}

#[test]
fn voices_write_many_posts_of_an_episode() {
    let world = World::new(3);
    let mut stories: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for episode in Chronicle::of(&world, &span(40, POSTS as u64)).episodes() {
        let keyword = KEYWORDS[episode.keyword];
        let during = |post: &&TweetPosted| {
            (episode.start..episode.end).contains(&post.at)
                && named(&post.text).contains(&episode.keyword)
        };
        let posts: Vec<_> = SAMPLE.posts.iter().filter(during).collect();
        let voices = world.voices(keyword);
        let by_voices = posts
            .iter()
            .filter(|post| voices.contains(&post.author.handle.as_str()));
        let counts = stories.entry(episode.story).or_default();
        counts.0 += by_voices.count();
        counts.1 += posts.len();
    }
    for (story, (by_voices, all)) in stories {
        assert!(by_voices * 6 > all, "{story}: {by_voices} of {all}");
    }
}

#[test]
fn few_authors_write_much_and_many_write_little() {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for post in &SAMPLE.posts {
        *counts.entry(&post.author.handle).or_default() += 1;
    }
    let mut sorted: Vec<u64> = counts.into_values().collect();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    assert!(sorted.len() > AUTHORS * 8 / 10, "{}", sorted.len());
    let all: u64 = sorted.iter().sum();
    let first: u64 = sorted.iter().take(AUTHORS / 100).sum();
    assert!((15..40).contains(&(first * 100 / all)), "{first} of {all}");
    assert!(sorted[0] > 30 * sorted[sorted.len() / 2]);
}

#[test]
fn texts_are_rarely_the_same() {
    for language in [Language::Korean, Language::English] {
        let texts = SAMPLE.posts.iter().filter(|post| {
            post.lang.as_deref() == Some(language.tag()) && post.repost_of.is_none()
        });
        let texts: Vec<&str> = texts.map(|post| post.text.as_str()).take(1_000).collect();
        let distinct: BTreeSet<_> = texts.iter().collect();
        assert!(distinct.len() >= 950, "{language:?}: {}", distinct.len());
    }
}

#[test]
fn a_live_part_has_posts_every_few_seconds_and_a_storyline_every_few_minutes() {
    let from = Timestamp::parse("2026-11-29T04:00:00+09:00").unwrap();
    let world = World::new(1);
    let mut chronicle = Chronicle::live(&world, from, 2_000);
    let mut line = Vec::new();
    let (mut posts, mut kinds) = (0, BTreeSet::new());
    let mut last = from;
    while last < from.plus(Timestamp::HOUR) {
        let arrives = chronicle.next_line(&mut line).unwrap();
        assert!(arrives >= last);
        last = arrives;
        let event = json::decode_line(&line, arrives).unwrap().event;
        posts += usize::from(matches!(event, Event::TweetPosted(_)));
        kinds.insert(event.kind().to_string());
    }
    assert!((1_200..3_600).contains(&posts), "{posts}");
    assert_eq!(kinds.len(), 3);
    let episodes: Vec<_> = chronicle.episodes().take(12).collect();
    assert!(episodes[11].start < from.plus(Timestamp::HOUR));
}
