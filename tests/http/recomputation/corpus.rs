//! The posts that are published, and from which answers are recomputed.

use std::path::Path;

use tidings::demo::{Chronicle, Growth, Span, World};
use tidings::events::Timestamp;

use crate::common::posts;

/// Posts of the generated world.
const POSTS: u64 = 80_000;

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

/// Lines of NDJSON, and the keywords that are tracked before the lines are published.
pub struct Corpus {
    pub keywords: [&'static str; 12],
    pub lines: Vec<String>,
    /// The times of the first and of the last post.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Corpus {
    /// Four months of the generated world: posts, some of them late or twice, their metrics, and
    /// deletions.
    pub fn generated() -> Self {
        let (from, to) = (moment(posts::FROM), moment(posts::TO));
        let world = World::new(1);
        let mut chronicle = Chronicle::of(
            &world,
            &Span {
                from,
                to,
                posts: POSTS,
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
        Some(Self {
            keywords: PUBLISHED_KEYWORDS,
            lines: text.lines().map(str::to_owned).collect(),
            from: moment("2015-04-30T15:00:00Z"),
            to: moment("2015-08-27T15:00:00Z"),
        })
    }
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
