//! Packs a list of Korean words with their flags into an `fst` map: lines of `word<TAB>flags` come in,
//! the map goes out. `scripts/lexicon/build` runs it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (word, flags) = line.split_once('\t').ok_or("a line without a tab")?;
        words.insert(key(word)?, flags.parse::<u64>()?);
    }
    let mut map = fst::MapBuilder::memory();
    for (word, flags) in words {
        map.insert(word, flags)?;
    }
    io::stdout().write_all(&map.into_inner()?)?;
    Ok(())
}

/// Each syllable as its place in the block of Unicode: the bits above the lowest six in one byte, those
/// six in another. `src/text/lexicon.rs` reads it.
fn key(word: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut key = Vec::with_capacity(2 * word.len() / 3);
    for syllable in word.chars() {
        let place = u32::from(syllable)
            .checked_sub(0xac00)
            .filter(|place| *place < 11_172)
            .ok_or("a word that is not Hangul syllables")?;
        key.push(u8::try_from(place >> 6)?);
        key.push(u8::try_from(place & 0x3f)?);
    }
    Ok(key)
}
