//! The events of a benchmark: generated, the same in every run, or taken from a file of posts.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::cli::publish::source::{Input, SourceRead};
use crate::events::{Author, Event, Keyword, Timestamp, TweetId, TweetMetrics, TweetPosted, json};
use crate::text::Matcher;

/// Where the events come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Generated events.
    Made(Made),
    /// Posts that match a keyword. When all were used, the next pass has new ids and later times.
    Posts(Posts),
}

impl Source {
    pub(super) fn next(&mut self) -> Option<(Keyword, Event)> {
        match self {
            Self::Made(made) => made.next(),
            Self::Posts(posts) => posts.next(),
        }
    }

    /// Number of keywords that the events are spread over.
    pub(super) fn keywords(&self) -> usize {
        match self {
            Self::Made(made) => made.keywords.len(),
            Self::Posts(posts) => posts.keywords,
        }
    }
}

const SYLLABLES: [&str; 20] = [
    "ka", "to", "mi", "ra", "ne", "so", "lu", "be", "di", "go", "ha", "pe", "zu", "wo", "fi",
    "qua", "ster", "ing", "ment", "al",
];
const WORDS: usize = 20_000;
/// Time of the first event: 2023-11-14T22:13:20Z.
const FIRST_AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Milliseconds between two generated events, over all keywords.
const STEP_MILLIS: i64 = 3;

/// Generates events of one size, in time order, spread evenly over the keywords.
#[derive(Debug)]
pub(super) struct Made {
    keywords: Vec<Keyword>,
    words: Vec<String>,
    /// Size of an event's JSON, in bytes.
    event_bytes: usize,
    random: Random,
    number: u64,
}

impl Made {
    pub(super) fn new(keywords: u32, event_bytes: u32) -> anyhow::Result<Self> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let words = (0..WORDS)
            .map(|_| {
                let syllables = 2 + random.below(3);
                (0..syllables)
                    .filter_map(|_| SYLLABLES.get(random.below(SYLLABLES.len())))
                    .copied()
                    .collect()
            })
            .collect();
        Ok(Self {
            keywords: (0..keywords)
                .map(|number| Keyword::new(&format!("kw{number:05}")))
                .collect::<Result<_, _>>()?,
            words,
            event_bytes: usize::try_from(event_bytes)?,
            random,
            number: 0,
        })
    }

    pub(super) fn next(&mut self) -> Option<(Keyword, Event)> {
        let number = self.number;
        self.number = number.checked_add(1)?;
        let drawn = self.random.below(self.keywords.len());
        let keyword = self.keywords.get(drawn)?.clone();
        let author = self.random.below(200_000);
        let millis = STEP_MILLIS.checked_mul(i64::try_from(number).ok()?)?;
        let mut tweet = TweetPosted {
            id: TweetId::new(
                &1_500_000_000_000_000_000_u64
                    .checked_add(number << 12)?
                    .to_string(),
            )
            .ok()?,
            at: FIRST_AT.plus(millis),
            source: Some("x".into()),
            author: Author {
                handle: format!("author_{author}"),
                name: Some(format!("Author Name {author}")),
                followers: u64::try_from(self.random.below(100_000)).ok(),
            },
            text: format!("#{keyword}"),
            lang: Some("en".into()),
            url: Some(format!("https://t.example.org/{number:x}")),
            reply_to: None,
            repost_of: None,
            metrics: TweetMetrics {
                likes: u64::try_from(self.random.below(2000)).ok()?,
                reposts: u64::try_from(self.random.below(500)).ok()?,
                ..TweetMetrics::default()
            },
        };
        let bare = json::encode(&Event::TweetPosted(Box::new(tweet.clone()))).len();
        let mut room = self.event_bytes.saturating_sub(bare);
        while room > 1 {
            let drawn = self.zipf();
            let word = self.words.get(drawn)?;
            let shown = word.get(..word.len().min(room.saturating_sub(1)))?;
            tweet.text.push(' ');
            tweet.text.push_str(shown);
            room = room.saturating_sub(shown.len().saturating_add(1));
        }
        Some((keyword, Event::TweetPosted(Box::new(tweet))))
    }

    /// Draws the index of a word; low indexes are frequent, high ones rare. The index is the last
    /// of three uniform draws, each of which is at most the one before.
    fn zipf(&mut self) -> usize {
        let mut bound = self.words.len();
        for _ in 0..3 {
            bound = self.random.below(bound).saturating_add(1);
        }
        bound.saturating_sub(1)
    }
}

/// Milliseconds by which each pass shifts the posts' times: a day more than the default range of
/// `tidings sample`.
const PASS_MILLIS: i64 = 121 * Timestamp::DAY;
/// Number of passes over the file after which the times start again, each a millisecond later than
/// that many passes before.
const PASSES: i64 = 32;

/// Posts of a file; each event is one post for one keyword that it contains.
#[derive(Debug)]
pub(super) struct Posts {
    matched: Vec<(Keyword, TweetPosted)>,
    keywords: usize,
    next: usize,
    pass: i64,
}

impl Posts {
    pub(super) fn read(path: &Path, keywords: &[String]) -> anyhow::Result<Self> {
        let keywords = keywords
            .iter()
            .map(|keyword| Keyword::new(keyword))
            .collect::<Result<Vec<_>, _>>()?;
        let count = keywords.len();
        let matcher = Matcher::new(keywords);
        let mut matched = Vec::new();
        for read in Input::of(path, false)?.lines()? {
            let SourceRead::Line { number, bytes } = read? else {
                continue;
            };
            let event = json::decode(&bytes, Timestamp::LATEST)
                .with_context(|| format!("{} line {number}", path.display()))?;
            if let Event::TweetPosted(tweet) = event {
                for keyword in matcher.keywords_in(&tweet.text) {
                    matched.push((keyword.clone(), (*tweet).clone()));
                }
            }
        }
        ensure!(
            !matched.is_empty(),
            "{} holds no post that contains one of the keywords",
            path.display()
        );
        Ok(Self {
            matched,
            keywords: count,
            next: 0,
            pass: 0,
        })
    }

    fn next(&mut self) -> Option<(Keyword, Event)> {
        let (keyword, post) = self.matched.get(self.next)?;
        let mut tweet = post.clone();
        let later = (self.pass % PASSES)
            .checked_mul(PASS_MILLIS)?
            .checked_add(self.pass / PASSES)?;
        tweet.at = tweet.at.plus(later);
        tweet.id = TweetId::new(&format!("{}.{}", tweet.id, self.pass)).ok()?;
        let event = Event::TweetPosted(Box::new(tweet));
        let keyword = keyword.clone();
        self.next = self.next.saturating_add(1);
        if self.next == self.matched.len() {
            self.next = 0;
            self.pass = self.pass.checked_add(1)?;
        }
        Some((keyword, event))
    }
}

/// Xorshift generator: the same numbers on every machine.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0 >> 11) % bound).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_events_have_the_requested_size() {
        let mut made = Made::new(10, 572).unwrap();
        for _ in 0..200 {
            let (_, event) = made.next().unwrap();
            let bytes = json::encode(&event).len();
            assert!((571..=572).contains(&bytes), "{bytes}");
        }
    }
}
