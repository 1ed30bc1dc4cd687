//! A history of one keyword that gives rows of every kind, for tests.

use bytes::Bytes;

use super::{FoldContext, FoldOutcome, KeywordView, MemoryRows, RowKey, RowKind};
use crate::events::{
    Author, Event, KeywordEnvelope, KeywordRecord, MetricsPatch, Timestamp, TweetDeleted,
    TweetEngaged, TweetId, TweetMetrics, TweetPosted,
};

/// 2026-11-23T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

/// Number of tweets in the history. They have more minutes than a span row holds, more ids than fit
/// in the row of recent ids, and more text than fits in one page.
const TWEETS: u64 = 300;

/// Makes a tweet of the history. Every seventh tweet is an hour late.
pub(crate) fn tweet(number: u64) -> TweetPosted {
    let minute = i64::try_from(number).unwrap();
    let late = if number % 7 == 6 { 60 } else { 0 };
    let of = |options: &[&str]| {
        let chosen = options[usize::try_from(number).unwrap() % options.len()];
        chosen.to_owned()
    };
    TweetPosted {
        id: TweetId::new(&format!("x:{number}")).unwrap(),
        at: NOON.plus((minute - late) * Timestamp::MINUTE),
        source: Some("x".into()),
        author: Author {
            handle: of(&["kim", "lee", "park", "choi"]),
            name: None,
            followers: Some(number),
        },
        text: format!(
            "#new ai phone {} {number}",
            of(&["iPhone", "갤럭시", "pixel"])
        ),
        lang: Some(of(&["ko", "en", "ja"])),
        url: Some(format!("https://example.com/{number}")),
        reply_to: None,
        repost_of: None,
        metrics: TweetMetrics {
            likes: number,
            ..TweetMetrics::default()
        },
    }
}

/// Makes new likes for a tweet of the history, a day after it.
pub(crate) fn engaged(number: u64, likes: u64) -> Event {
    let tweet = tweet(number);
    Event::TweetEngaged(TweetEngaged {
        id: tweet.id,
        at: tweet.at.plus(Timestamp::DAY),
        metrics: MetricsPatch {
            likes: Some(likes),
            ..MetricsPatch::default()
        },
    })
}

/// Makes the deletion of a tweet of the history.
pub(crate) fn deleted(number: u64) -> Event {
    let tweet = tweet(number);
    Event::TweetDeleted(TweetDeleted {
        id: tweet.id,
        at: tweet.at.plus(Timestamp::DAY),
    })
}

/// The whole history: tweets, of which every tenth is engaged and two are deleted.
pub(crate) fn history() -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..TWEETS {
        events.push(Event::TweetPosted(Box::new(tweet(number))));
        if number % 10 == 9 {
            events.push(engaged(number - 8, number));
        }
    }
    events.extend([engaged(TWEETS - 1, 7), deleted(20), deleted(TWEETS - 2)]);
    events
}

/// The rows of the history as fold version 4 wrote them. The file holds for each row its kind (1
/// byte), the length of its suffix (1 byte), the suffix, the length of the row (4 bytes,
/// big-endian), and the row.
pub(crate) fn rows_of_fold_4() -> MemoryRows {
    let mut file = &include_bytes!("../../tests/golden/rows-fold-4.bin")[..];
    let mut rows = MemoryRows::default();
    while let [kind, suffix, rest @ ..] = file {
        let (suffix, rest) = rest.split_at(usize::from(*suffix));
        let (length, rest) = rest.split_first_chunk().unwrap();
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let (row, rest) = rest.split_at(length);
        let key = RowKey::of_kind(RowKind::new(*kind)).with(suffix);
        rows.0.insert(key, Bytes::copy_from_slice(row));
        file = rest;
    }
    assert!(file.is_empty());
    rows
}

/// A keyword folded by a test: its state and its rows.
#[derive(Debug)]
pub(crate) struct TestKeyword {
    pub(crate) view: KeywordView,
    pub(crate) rows: MemoryRows,
}

impl TestKeyword {
    pub(crate) fn new() -> Self {
        Self::in_context(FoldContext::default())
    }

    pub(crate) fn in_context(context: FoldContext) -> Self {
        let rows = MemoryRows::in_context(context);
        Self {
            view: KeywordView::hydrate(&rows).unwrap(),
            rows,
        }
    }

    /// Folds `count` records that cannot be decoded. They advance the position and change no view.
    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            let envelope = KeywordEnvelope {
                sequence: self.view.summary().as_of.next(),
                received_at: NOON,
                record: KeywordRecord::Rejected {
                    payload: Bytes::new(),
                    reason: "no event".to_owned(),
                },
            };
            self.view.fold(&self.rows, &envelope).unwrap();
        }
        self.fold([]);
    }

    /// Folds events as one batch. Each of them must take effect.
    pub(crate) fn fold(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let sequence = self.view.summary().as_of.next();
            let envelope = KeywordEnvelope {
                sequence,
                received_at: NOON,
                record: KeywordRecord::Event(event),
            };
            let outcome = self.view.fold(&self.rows, &envelope).unwrap();
            assert_eq!(outcome, FoldOutcome::Folded);
        }
        let changes = self.view.take_row_changes(&self.rows).unwrap();
        let changes = changes.unwrap_or_default();
        if changes.cleared {
            self.rows.clear();
        }
        self.rows.put(changes.rows);
    }
}
