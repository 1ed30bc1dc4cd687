//! The processor time per posted line, with folding and committing, for many kinds of lines.

use super::cost::{self, Idle};
use super::figures::Post;
use super::scene::{HEAVY, HEAVY_CHARACTERS, Scene, keyword, posted, text};
use crate::cli::bench::filling::Posted;
use crate::cli::bench::server::BenchServer;

/// Maximum size of a body, in bytes.
const BODY_BYTES: usize = 12 * 1024 * 1024;

/// A kind of line.
struct Kind {
    what: &'static str,
    /// One line is made for every `one_in` lines requested, because a line of this kind costs as
    /// much as many ordinary ones.
    one_in: u64,
    line: fn(&Scene, u64) -> String,
}

const fn kind(what: &'static str, one_in: u64, line: fn(&Scene, u64) -> String) -> Kind {
    Kind { what, one_in, line }
}

/// All kinds, in the order of measuring. The ids of posts contain the start time of the run, so
/// that a second run on the same folder posts no duplicates of the first.
const KINDS: &[Kind] = &[
    kind("posted, names its keyword", 1, naming_its_keyword),
    kind("posted, a duplicate", 1, naming_its_keyword),
    kind("posted, matches no keyword", 1, |scene, number| {
        scene.tweet('b', number, &text(number))
    }),
    kind("posted, matches one keyword", 1, |scene, number| {
        let text = format!("{} {}", keyword(number, scene.keywords), text(number));
        scene.tweet('c', number, &text)
    }),
    kind("posted, matches 100 keywords", 100, |scene, number| {
        scene.tweet('d', number, &naming(scene, number * 100, 100))
    }),
    kind("posted, matches 1,000 keywords", 1_000, |scene, number| {
        scene.tweet('e', number, &naming(scene, number * 1_000, 1_000))
    }),
    kind("posted, 10,000 × U+FDFA", 50, |scene, number| {
        scene.tweet('f', number, &HEAVY.repeat(HEAVY_CHARACTERS))
    }),
    kind(
        "posted, 10,000 characters of keywords inside words",
        10,
        |scene, number| {
            let name = keyword(number, scene.keywords);
            scene.tweet('g', number, &name.repeat(10_000 / name.len()))
        },
    ),
    kind(
        "posted, 10,000 characters of beginnings of keywords",
        10,
        |scene, number| scene.tweet('h', number, &"kw0123".repeat(1_666)),
    ),
    kind("engaged, unknown id, no keyword", 1, |scene, number| {
        engaged(scene, &scene.id('i', number))
    }),
    kind("engaged, held id, no keyword", 1, |scene, number| {
        engaged(scene, &format!("o:{number}"))
    }),
    kind("deleted, unknown id, no keyword", 1, |scene, number| {
        deleted(scene, &scene.id('j', number))
    }),
    kind("deleted, held id, no keyword", 4, |scene, number| {
        deleted(scene, &format!("o:{}", number + 500))
    }),
    kind(
        "engaged, id held by 1,000 keywords",
        1_000,
        |scene, number| engaged(scene, &scene.id('e', number)),
    ),
    kind("engaged, names its keyword", 1, |scene, number| {
        let line = engaged(scene, &scene.id('a', number));
        let keyword = keyword(number, scene.keywords);
        line.replacen('{', &format!("{{\"keyword\":\"{keyword}\","), 1)
    }),
    kind(
        "posted and engaged in turns, no keyword",
        20,
        |scene, number| {
            if number % 2 == 0 {
                let text = format!("{} {}", keyword(number, scene.keywords), text(number));
                scene.tweet('k', number / 2, &text)
            } else {
                engaged(scene, &scene.id('k', number / 2))
            }
        },
    ),
    kind("bad: no JSON", 1, |_, number| format!("{}\n", text(number))),
    kind("bad: metrics below 0", 1, |scene, number| {
        engaged(scene, &scene.id('l', number)).replacen("\"likes\":1", "\"likes\":-1", 1)
    }),
    kind("bad: a keyword that is too long", 1, |scene, number| {
        let keyword = format!("{number}{}", "k".repeat(80));
        let id = scene.id('m', number);
        posted(&id, scene.now, &text(number), Some(&keyword))
    }),
    kind("bad: 60 KiB of open brackets", 40, |_, _| {
        format!("{}\n", "[".repeat(60_000))
    }),
    kind("60 KiB in an unknown member", 40, |scene, number| {
        let unknown = format!("{{\"else\":\"{}\",", "x\\n".repeat(20_000));
        let line = scene.tweet('n', number, &text(number));
        line.replacen('{', &unknown, 1)
    }),
    kind("one character", 1, |_, _| "1\n".to_owned()),
];

impl Scene {
    /// The id of a tweet of one kind.
    fn id(&self, kind: char, number: u64) -> String {
        format!("{kind}{}:{number}", self.now.millis())
    }

    /// A line that posts a tweet of one kind and names no keyword.
    fn tweet(&self, kind: char, number: u64, text: &str) -> String {
        posted(&self.id(kind, number), self.now, text, None)
    }
}

/// A line that posts a tweet and names its keyword. Equal numbers give equal lines.
fn naming_its_keyword(scene: &Scene, number: u64) -> String {
    let keyword = keyword(number, scene.keywords);
    let id = scene.id('a', number);
    posted(&id, scene.now, &text(number), Some(&keyword))
}

/// A text that consists of `count` keywords.
fn naming(scene: &Scene, first: u64, count: u64) -> String {
    let names: Vec<String> = (first..first + count)
        .map(|number| keyword(number, scene.keywords))
        .collect();
    names.join(" ")
}

fn engaged(scene: &Scene, id: &str) -> String {
    let at = scene.now;
    format!(
        "{{\"type\":\"tweet.engaged\",\"id\":\"{id}\",\"at\":\"{at}\",\"metrics\":{{\"likes\":1}}}}\n"
    )
}

fn deleted(scene: &Scene, id: &str) -> String {
    let at = scene.now;
    format!("{{\"type\":\"tweet.deleted\",\"id\":\"{id}\",\"at\":\"{at}\"}}\n")
}

/// Measures all kinds of lines.
pub(super) async fn measure(
    server: &BenchServer,
    scene: &Scene,
    idle: Idle,
    lines: u64,
    out: &mut Vec<Post>,
) -> anyhow::Result<()> {
    for kind in KINDS {
        let count = (lines / kind.one_in).max(10);
        let (bodies, bytes) = bodies(scene, kind, count);
        let before = cost::usage(server)?.cpu;
        let posting = async {
            let mut sum = Posted {
                lines: 0,
                journaled: 0,
            };
            for body in bodies {
                let posted = scene.post(body).await?;
                sum.lines += posted.lines;
                sum.journaled += posted.journaled;
            }
            let answered = cost::usage(server)?.cpu.saturating_sub(before);
            scene.folded().await?;
            Ok((sum, answered))
        };
        let ((sum, answered), cost) = cost::of(server, idle, posting).await?;
        let post = Post::of(kind.what, sum, bytes, cost, answered);
        tracing::info!("{}", post.text());
        out.push(post);
    }
    Ok(())
}

/// Bodies with the lines of one kind, and their total size in bytes.
fn bodies(scene: &Scene, kind: &Kind, count: u64) -> (Vec<String>, u64) {
    let mut bodies = vec![String::new()];
    let mut bytes = 0;
    for number in 0..count {
        let line = (kind.line)(scene, number);
        bytes += u64::try_from(line.len()).unwrap_or_default();
        match bodies.last_mut() {
            Some(body) if body.len() + line.len() <= BODY_BYTES => body.push_str(&line),
            _ => bodies.push(line),
        }
    }
    (bodies, bytes)
}
