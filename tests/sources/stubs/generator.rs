//! Posts at a rate, and posts of the past, from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::world::{Draft, World};
use crate::common::chance::Chance;

/// Particles after a keyword in Hangul, with and without a final consonant before them.
const PARTICLES: [(&str, &str); 4] = [("은", "는"), ("이", "가"), ("을", "를"), ("에서", "에서")];

/// Writes texts that hold keywords or do not.
#[derive(Debug)]
pub struct Writer {
    chance: Chance,
    keywords: Vec<String>,
}

impl Writer {
    /// A writer about these keywords, in Hangul or Latin letters. Without keywords all is noise.
    pub fn new(seed: u64, keywords: &[&str]) -> Self {
        Self {
            chance: Chance::of(seed),
            keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
        }
    }

    /// A post: two of three hold a keyword as a word of its own, with a particle, or as a hashtag.
    pub fn draft(&mut self, number: u64) -> Draft {
        let author = self.chance.below(90) + 1;
        if self.keywords.is_empty() || self.chance.below(3) == 0 {
            let noise = [
                "오늘 날씨가 좋다",
                "nothing to see here",
                "paid & sleepless <3 \"quoted\"",
            ];
            let text = format!("{} {number}", self.chance.pick(&noise));
            return Draft::of(&text).by(author).in_lang("en");
        }
        let keyword = self.chance.pick(&self.keywords).clone();
        let word = self.word(&keyword);
        let texts = [
            format!("{word} 샀다 & 좋다 {number}"),
            format!("I saw {word}, twice: {number}"),
            format!("새로운\n{word} <{number}>"),
        ];
        let text = self.chance.pick(&texts).clone();
        let lang = if keyword.is_ascii() { "en" } else { "ko" };
        Draft::of(&text).by(author).in_lang(lang).planting(&keyword)
    }

    /// A form of the keyword that every source finds.
    fn word(&mut self, keyword: &str) -> String {
        let is_one_word = !keyword.contains(' ');
        let last = keyword.chars().last().unwrap();
        match self.chance.below(4) {
            0 if is_one_word => format!("#{keyword}"),
            1 if ('가'..='힣').contains(&last) => {
                let (after_final, after_vowel) = *self.chance.pick(&PARTICLES);
                let has_final = (u32::from(last) - u32::from('가')) % 28 != 0;
                format!(
                    "{keyword}{}",
                    if has_final { after_final } else { after_vowel }
                )
            }
            2 => keyword.to_uppercase(),
            _ => keyword.to_owned(),
        }
    }
}

/// Fills the past with `posts` posts, evenly spread over `[from_ms, to_ms)`.
pub fn fill(world: &World, seed: u64, keywords: &[&str], posts: u64, from_ms: i64, to_ms: i64) {
    let mut writer = Writer::new(seed, keywords);
    let span = u128::try_from(to_ms - from_ms).unwrap();
    for number in 0..posts {
        let offset = span * u128::from(number) / u128::from(posts);
        let at_ms = from_ms + i64::try_from(offset).unwrap();
        world.remember(writer.draft(number).at_ms(at_ms));
    }
}

/// Posts at a rate on a thread of their own; ended by [`Generator::finish`] or a drop.
#[derive(Debug)]
pub struct Generator {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Generator {
    /// Writes `rate` posts a second until `posts` are written; `after` is called after each post.
    pub fn start(
        world: &World,
        mut writer: Writer,
        rate: u32,
        posts: u64,
        mut after: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ending, world) = (Arc::clone(&over), world.clone());
        let thread = std::thread::spawn(move || {
            let (started, pause) = (Instant::now(), Duration::from_secs(1) / rate);
            for number in 0..posts {
                if ending.load(Ordering::SeqCst) {
                    return number;
                }
                let due = pause * u32::try_from(number).unwrap();
                std::thread::sleep(due.saturating_sub(started.elapsed()));
                world.post(writer.draft(number));
                after(number);
            }
            posts
        });
        Self {
            over,
            thread: Some(thread),
        }
    }

    /// Waits until all posts are written. Returns their number.
    pub fn join(mut self) -> u64 {
        self.thread.take().unwrap().join().unwrap()
    }

    /// Ends the writing. Returns the number of posts.
    pub fn finish(self) -> u64 {
        self.over.store(true, Ordering::SeqCst);
        self.join()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
