//! Measures the normal form of a text and the search for keywords in it, by script. For comparison,
//! a plain way is measured, too: lower case, and a search for each keyword. Run with `cargo bench
//! --bench matching`; to compare two builds, run both in turns. `cargo test` makes each call once.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tidings::events::{Keyword, normal_form};
use tidings::text::Matcher;

const TEXTS: [(&str, &str); 8] = [
    (
        "Korean",
        "아이폰 신제품 발표했는데 연기력이 좋은 배우가 나왔다ㅋㅋㅋ 진짜 웃기다",
    ),
    (
        "English",
        "Just flew with US Airways, the best airline ever! #travel https://t.co/xyz",
    ),
    (
        "Japanese",
        "スーパーマンの新作を見た！とても面白かった😂 今日はラーメンを食べました🍜",
    ),
    (
        "French",
        "L'été à la plage, c'était génial ! Où êtes-vous allés ? C’est cher…",
    ),
    ("Thai", "ยินดีต้อนรับสู่ประเทศไทยครับ ดื่มน้ำเย็น"),
    ("Persian", "می\u{200c}خواهم بروم، سلام بر همه دوستان عزیز"),
    ("Hindi", "हिन्दी भाषा में लिखा हुआ यह एक उदाहरण है"),
    (
        "emoji",
        "❤️❤️ 👩\u{200d}💻👩\u{200d}💻 🇰🇷🇺🇸🇰🇷 I love it ❤️ 👍🏽👍🏽",
    ),
];

const KEYWORDS: [&str; 12] = [
    "아이폰",
    "연기",
    "배우",
    "ㅋㅋ",
    "us airways",
    "스마트폰",
    "ラーメン",
    "été",
    "ไทย",
    "سلام",
    "हिन्दी",
    "❤",
];

fn main() {
    let others = (0..1_000).flat_map(|n| [format!("keyword{n}"), format!("키워드{n}")]);
    let keywords: Vec<Keyword> = KEYWORDS
        .into_iter()
        .map(str::to_owned)
        .chain(others)
        .filter_map(|text| Keyword::new(&text).ok())
        .collect();
    let matcher = Matcher::new(keywords.iter().cloned());
    println!("ns a text, {} keywords", keywords.len());
    println!(
        "{:10} {:>12} {:>12} {:>12}",
        "", "normal form", "matching", "plain way"
    );
    for (name, text) in TEXTS {
        let normal = fastest(|| normal_form(black_box(text)).len());
        let matching = fastest(|| matcher.keywords_in(black_box(text)).len());
        let plain = fastest(|| {
            let lower = black_box(text).to_lowercase();
            keywords
                .iter()
                .filter(|keyword| lower.contains(keyword.as_str()))
                .count()
        });
        println!(
            "{name:10} {:>12} {:>12} {:>12}",
            normal.as_nanos(),
            matching.as_nanos(),
            plain.as_nanos()
        );
    }
}

/// The shortest mean duration of a call, over rounds of some milliseconds.
fn fastest(mut call: impl FnMut() -> usize) -> Duration {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, calls) = if is_measured { (10, 1_000) } else { (1, 1) };
    let round = |_| {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        started.elapsed() / calls
    };
    (0..rounds).map(round).min().unwrap_or_default()
}
