//! Prints each line that comes in with a tab and its words, for `scripts/compare-words` and for trying
//! the analyser. What stands behind a tab in a line is left out.

use std::io::{self, BufRead, Write};

use tidings::text::{Analyser, TweetKeys};

fn main() -> io::Result<()> {
    let analyser = Analyser::default();
    let mut keys = TweetKeys::new();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let text = line.split('\t').next().unwrap_or_default();
        analyser.keys(text, &mut keys);
        let words: Vec<&str> = keys.words().collect();
        writeln!(out, "{text}\t{}", words.join(" "))?;
    }
    Ok(())
}
