//! Chooses moments for the queries, and makes deletions and metrics of random posts.

use serde_json::{Value, json};
use tidings::events::Timestamp;

use super::archive::View;
use super::queries::Moment;
use crate::common::chance::Chance;
use crate::common::lines;

const DAY: i64 = Timestamp::DAY;

/// Number of deletions of random posts, and also of metrics of random posts. A post may be chosen
/// again.
const CHANGES: usize = 1_000;

/// Twenty moments: now, edges of buckets, times of posts, and other times between and around those
/// of the posts.
pub fn moments(views: &[View<'_>], (from, to): (i64, i64), chance: &mut Chance) -> Vec<Moment> {
    let mut any = || from + below(chance, to - from);
    let floor = |at: i64, width: i64| at.div_euclid(width) * width;
    let mut moments = vec![
        floor(any(), DAY),
        floor(any(), Timestamp::HOUR),
        floor(any(), Timestamp::HOUR) - 1,
        floor(any(), 5 * Timestamp::MINUTE),
        floor(any(), Timestamp::MINUTE) - 1,
    ];
    moments.extend((0..6).map(|_| any()));
    moments.extend([from - 1, from + 8 * DAY, to, to + 3 * DAY, to + 40 * DAY]);
    for _ in 0..3 {
        let posts = &chance.pick(views).posts;
        moments.push(chance.pick(posts).at);
    }
    let mut moments: Vec<Moment> = moments.into_iter().map(Some).collect();
    moments.push(None);
    assert_eq!(moments.len(), 20);
    moments
}

/// The deletion of the oldest post of each keyword, then deletions and metrics of random posts.
pub fn changes(views: &[View<'_>], now: i64, chance: &mut Chance) -> Vec<Value> {
    let time = |millis: i64| Timestamp::from_millis(millis.min(now)).to_string();
    let mut changes = Vec::new();
    for view in views {
        let oldest = &view.posts[0];
        changes.push(lines::deleted(&oldest.id, &time(oldest.at)));
    }
    for number in 0..2 * CHANGES {
        let post = chance.pick(&views[number / 2 % views.len()].posts);
        if number % 2 == 0 {
            changes.push(lines::deleted(&post.id, &time(now)));
            continue;
        }
        // Some metrics are older than the post or its latest metrics, and so change nothing.
        let at = post.at + below(chance, 3 * DAY) - DAY / 2;
        let likes = chance.below(50_000);
        let mut line = lines::engaged(&post.id, &time(at), likes);
        if chance.below(2) == 0 {
            line["metrics"] = json!({ "replies": likes, "quotes": chance.below(10) });
        }
        changes.push(line);
    }
    changes
}

fn below(chance: &mut Chance, end: i64) -> i64 {
    i64::try_from(chance.below(u64::try_from(end).unwrap())).unwrap()
}
