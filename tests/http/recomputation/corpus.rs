//! The posts that are published, and from which answers are recomputed.

use std::path::Path;

use serde_json::Value;
use tidings::demo::{Chronicle, Growth, Span, World};
use tidings::events::Timestamp;

use crate::common::chance::long_or;
use crate::common::posts;

/// Posts of the generated world on each day.
const POSTS_A_DAY: u64 = 660;

/// Posts beside the project that this repository does not contain.
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

/// The last days, as many as the windows of 30 days and the ones before them have; in the long form
/// all four months.
fn days() -> u16 {
    long_or(120, 60)
}

/// Lines of NDJSON, and the keywords that are tracked before they come.
pub struct Corpus {
    pub keywords: [&'static str; 12],
    pub lines: Vec<String>,
    /// The times of the first and of the last post.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Corpus {
    /// The generated world: posts, some of them late or twice, their metrics, and deletions.
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
