//! The processor time of a posted line, folding and committing included, for lines of many kinds.

use super::cost::{self, Idle};
use super::figures::Post;
use super::scene::{HEAVY, HEAVY_CHARACTERS, Posted, Scene, keyword, posted, text};
use crate::cli::bench::server::BenchServer;

/// A body is not larger than this.
const BODY_BYTES: usize = 12 * 1024 * 1024;

/// Lines of one kind.
struct Kind {
    what: &'static str,
    /// One line in so many of those that were asked for: a line of this kind stands for many.
    one_in: u64,
    line: fn(&Scene, u64) -> String,
}

const fn kind(what: &'static str, one_in: u64, line: fn(&Scene, u64) -> String) -> Kind {
    Kind { what, one_in, line }
}

/// All kinds. Each makes ids of its own, which hold when the server was filled: a second run
/// against the same folder would post duplicates.
const KINDS: &[Kind] = &[
    kind("posted, names its keyword", 1, |scene, number| {
        let keyword = keyword(number, scene.keywords);
        posted(
            &scene.id('a', number),
            scene.now,
            &text(number),
            Some(&keyword),
        )
    }),
    kind("posted, a duplicate", 1, |scene, number| {
        let keyword = keyword(number, scene.keywords);
        posted(
            &scene.id('a', number),
            scene.now,
            &text(number),
            Some(&keyword),
        )
    }),
    kind("posted, matches no keyword", 1, |scene, number| {
        posted(&scene.id('b', number), scene.now, &text(number), None)
    }),
    kind("posted, matches one keyword", 1, |scene, number| {
        let text = format!("{} {}", keyword(number, scene.keywords), text(number));
        posted(&scene.id('c', number), scene.now, &text, None)
    }),
    kind("posted, matches 100 keywords", 100, |scene, number| {
        posted(
            &scene.id('d', number),
            scene.now,
            &naming(scene, number * 100, 100),
            None,
        )
    }),
    kind("posted, matches 1,000 keywords", 1_000, |scene, number| {
        posted(
            &scene.id('e', number),
            scene.now,
            &naming(scene, number * 1_000, 1_000),
            None,
        )
    }),
    kind("posted, 10,000 × U+FDFA", 50, |scene, number| {
        posted(
            &scene.id('f', number),
            scene.now,
            &HEAVY.repeat(HEAVY_CHARACTERS),
            None,
        )
    }),
    kind(
        "posted, 10,000 characters of keywords inside words",
        10,
        |scene, number| {
            let name = keyword(number, scene.keywords);
            posted(
                &scene.id('g', number),
                scene.now,
                &name.repeat(10_000 / name.len()),
                None,
            )
        },
    ),
    kind(
        "posted, 10,000 characters of beginnings of keywords",
        10,
        |scene, number| {
            posted(
                &scene.id('h', number),
                scene.now,
                &"kw0123".repeat(1_666),
                None,
            )
        },
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
            let id = scene.id('k', number / 2);
            if number % 2 == 0 {
                let text = format!("{} {}", keyword(number, scene.keywords), text(number));
                posted(&id, scene.now, &text, None)
            } else {
                engaged(scene, &id)
            }
        },
    ),
    kind("bad: no JSON", 1, |_, number| format!("{}\n", text(number))),
    kind("bad: metrics below 0", 1, |scene, number| {
        engaged(scene, &scene.id('l', number)).replacen("\"likes\":1", "\"likes\":-1", 1)
    }),
    kind("bad: a keyword that is too long", 1, |scene, number| {
        let keyword = format!("{number}{}", "k".repeat(80));
        posted(
            &scene.id('m', number),
            scene.now,
            &text(number),
            Some(&keyword),
        )
    }),
    kind("bad: 60 KiB of open brackets", 40, |_, _| {
        format!("{}\n", "[".repeat(60_000))
    }),
    kind("60 KiB in an unknown member", 40, |scene, number| {
        let line = posted(&scene.id('n', number), scene.now, &text(number), None);
        line.replacen(
            '{',
            &format!("{{\"else\":\"{}\",", "x\\n".repeat(20_000)),
            1,
        )
    }),
    kind("one character", 1, |_, _| "1\n".to_owned()),
];

impl Scene {
    /// The id of a tweet of one kind.
    fn id(&self, kind: char, number: u64) -> String {
        format!("{kind}{}:{number}", self.now.millis())
    }
}

/// A text that holds so many keywords.
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

/// Measures them all.
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

/// The lines in bodies, and how many bytes they are.
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
