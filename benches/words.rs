//! Measures the number of texts per second that the analyser takes apart on one core. Run with
//! `cargo bench --bench words`.
//!
//! `TIDINGS_BENCH_POSTS` names a file of events, one `tweet.posted` a line, plain or packed with
//! zstd. The texts of that file are measured, too. The generated texts repeat words more often than
//! texts of people, so the analyser takes them apart faster.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tidings::text::{Analyser, TweetKeys};

/// Number of generated texts in a set, and number of rounds. The fastest round counts.
const MEASURED: (usize, u32) = (20_000, 5);
/// Number of texts and rounds when `cargo test` only checks that the program works.
const TESTED: (usize, u32) = (24, 1);

const KOREAN: [&str; 8] = [
    "루미폰 새 모델이 드디어 공개됐다 배터리가 하루도 못 가네요",
    "서이든 신곡 뮤직비디오 조회수 미쳤다 목소리는 언제 들어도 위로가 된다",
    "어제 산 화면에 줄이 생겼어요 서비스센터에서 무상으로 교체해 준대요ㅠㅠ",
    "한빛타이거즈가 연장 끝에 역전승을 거뒀다 감독님 작전이 또 실패했네",
    "해오름커피 신메뉴 먹어봤는데 너무 달아요 직원들이 친절해서 자주 가게 된다",
    "태풍이 남해안으로 올라오고 있다고 합니다 폭우 때문에 도로가 침수됐어요",
    "결말이 이해가 안 되는 건 나뿐인가 원작소설을 읽은 사람으로서 실망이다 ㅋㅋㅋ",
    "AI반도체 수출이 두 배로 늘었다 전기차 충전소가 아파트마다 생긴다고 한다 #경제",
];
const ENGLISH: [&str; 4] = [
    "Just flew with Orbit Airways, the best airline ever! #travel https://t.co/xyz the crew's snacks were great",
    "The new Lumi phone has an amazing camera, but my battery died after two hours of filming in the rain :(",
    "@velora_kr I can't believe Northgate won the final! What a night for the keeper, the coach and the fans",
    "Weekend plans: blossom festival, street food and a long walk by the harbour with the dogs. Join us there?",
];
const SYLLABLES: [&str; 16] = [
    "가", "나", "다", "라", "마", "바", "사", "아", "자", "차", "카", "타", "파", "하", "거", "너",
];

fn main() -> Result<(), Box<dyn Error>> {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (count, rounds) = if is_measured { MEASURED } else { TESTED };
    println!("{:24} {:>8} {:>12} {:>12}", "", "bytes", "words", "texts/s");
    let korean = made(count, &KOREAN, new_korean_word);
    measure("made, Korean", &korean, rounds);
    let english = made(count, &ENGLISH, |n| format!("word{n}"));
    measure("made, English", &english, rounds);
    if let Some(path) = std::env::var_os("TIDINGS_BENCH_POSTS") {
        measure("posts", &posts(&std::fs::read(path)?)?, rounds);
    }
    Ok(())
}

/// Returns `count` texts: those of `texts` in turn. One in three gets a new word at its end, which
/// no other text has.
fn made(count: usize, texts: &[&str], new_word: impl Fn(usize) -> String) -> Vec<String> {
    let text = |(n, text): (usize, &&str)| match n % 3 {
        0 => format!("{text} {}", new_word(n)),
        _ => (*text).to_owned(),
    };
    texts
        .iter()
        .cycle()
        .take(count)
        .enumerate()
        .map(|(n, t)| text((n, t)))
        .collect()
}

fn new_korean_word(mut n: usize) -> String {
    let mut word = String::new();
    while n > 0 {
        word.extend(SYLLABLES.get(n % SYLLABLES.len()).copied());
        n /= SYLLABLES.len();
    }
    word + "가게에서"
}

fn posts(bytes: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let unpacked = zstd::decode_all(bytes).unwrap_or_else(|_| bytes.to_vec());
    let mut texts = Vec::new();
    for line in String::from_utf8(unpacked)?.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        texts.extend(
            event
                .get("text")
                .and_then(|text| text.as_str())
                .map(str::to_owned),
        );
    }
    Ok(texts)
}

fn measure(name: &str, texts: &[String], rounds: u32) {
    let analyser = Analyser::default();
    let mut keys = TweetKeys::new();
    let mut words = 0;
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        words = 0;
        let started = Instant::now();
        for text in texts {
            analyser.keys(black_box(text), &mut keys);
            words += keys.words().count();
        }
        best = best.min(started.elapsed());
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    let rate =
        u128::try_from(texts.len()).unwrap_or_default() * 1_000_000_000 / best.as_nanos().max(1);
    println!(
        "{name:24} {:>8} {words:>12} {rate:>12}",
        bytes / texts.len().max(1)
    );
}
