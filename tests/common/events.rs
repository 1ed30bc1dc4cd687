//! Events as typed values, and as records of a journal.

use tidings::events::{
    Author, Event, Keyword, MetricsPatch, Record, Timestamp, TweetDeleted, TweetEngaged, TweetId,
    TweetMetrics, TweetPosted,
};

/// The default time of events.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

pub fn keyword(text: &str) -> Keyword {
    Keyword::new(text).unwrap()
}

pub fn tweet_id(text: &str) -> TweetId {
    TweetId::new(text).unwrap()
}

/// A tweet with the required fields only.
pub fn tweet(id: &str, at: Timestamp, text: &str) -> TweetPosted {
    TweetPosted {
        id: tweet_id(id),
        at,
        source: None,
        author: Author {
            handle: "someone".into(),
            name: None,
            followers: None,
        },
        text: text.into(),
        lang: None,
        url: None,
        reply_to: None,
        repost_of: None,
        metrics: TweetMetrics::default(),
    }
}

pub fn posted(tweet: TweetPosted) -> Event {
    Event::TweetPosted(Box::new(tweet))
}

/// Tweet `t<number>` in English, posted at `at`.
pub fn numbered_at(number: usize, at: Timestamp) -> Event {
    posted(TweetPosted {
        lang: Some("en".into()),
        ..tweet(&format!("t{number}"), at, &format!("tweet number {number}"))
    })
}

/// Tweet `t<number>` in English, posted at [`NOW`].
pub fn numbered(number: usize) -> Event {
    numbered_at(number, NOW)
}

pub fn engaged(id: &str, at: Timestamp, likes: u64) -> Event {
    let metrics = MetricsPatch {
        likes: Some(likes),
        ..MetricsPatch::default()
    };
    Event::TweetEngaged(TweetEngaged {
        id: tweet_id(id),
        at,
        metrics,
    })
}

pub fn deleted(id: &str, at: Timestamp) -> Event {
    Event::TweetDeleted(TweetDeleted {
        id: tweet_id(id),
        at,
    })
}

/// The record of an event about this keyword, received at [`NOW`].
pub fn record(of: &str, event: &Event) -> Record {
    Record::of_event(&keyword(of), event, NOW).unwrap()
}
