//! The posts that are published to the server and put into the archive.

use std::path::Path;

use serde_json::Value;
use tidings::demo::{Chronicle, Growth, Span, World};
use tidings::events::Timestamp;

use crate::common::chance::long_or;
use crate::common::posts;

/// Number of posts of the generated world per day.
const POSTS_A_DAY: u64 = 660;

/// A file of posts that is not in this repository, but may lie beside it.
const PUBLISHED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/posts-ko.ndjson.zst"
);
const PUBLISHED_KEYWORDS: [&str; 12] = [
    "재미",
    "연기",
    "스토리",
    "배우",
    "감동",
    "사랑",
    "감독",
    "액션",
    "결말",
    "반전",
    "영상",
    "음악",
];

/// Number of days of posts: 60, as many as a window of 30 days and the one before it have together,
/// or 120 in the long form of the test.
fn days() -> u16 {
    long_or(120, 60)
}

/// The lines of a publisher, and the keywords that are tracked before the lines are published.
pub struct Corpus {
    pub keywords: [&'static str; 12],
    pub lines: Vec<String>,
    /// Start of the posts' times.
    pub from: Timestamp,
    /// End of the posts' times.
    pub to: Timestamp,
}

impl Corpus {
    /// The lines of a generated world: posts, of which some are late or come twice, metrics, and
    /// deletions.
    pub fn generated() -> Self {
        let to = moment(posts::TO);
        let from = to.plus(-i64::from(days()) * Timestamp::DAY);
        let world = World::new(1);
        let mut chronicle = Chronicle::of(
            &world,
            &Span {
                from,
                to,
                posts: u64::from(days()) * POSTS_A_DAY,
                growth: Growth::Steady,
            },
        );
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while chronicle.next_line(&mut line).is_some() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        Self {
            keywords: posts::KEYWORDS,
            lines,
            from,
            to,
        }
    }

    /// The posts of [`PUBLISHED`]; `None` if that file does not exist.
    pub fn published() -> Option<Self> {
        if !Path::new(PUBLISHED).exists() {
            println!("skipped: {PUBLISHED} is not there");
            return None;
        }
        let packed = std::fs::File::open(PUBLISHED).unwrap();
        let text = String::from_utf8(zstd::decode_all(packed).unwrap()).unwrap();
        let to = moment("2015-08-27T15:00:00Z");
        let from = to.plus(-i64::from(days()) * Timestamp::DAY);
        let is_recent = |line: &&str| {
            let post: Value = serde_json::from_str(line).unwrap();
            moment(post["at"].as_str().unwrap()) >= from
        };
        Some(Self {
            keywords: PUBLISHED_KEYWORDS,
            lines: text.lines().filter(is_recent).map(str::to_owned).collect(),
            from,
            to,
        })
    }
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
