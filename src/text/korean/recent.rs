//! A cache of the results of the runs that were analysed last. Most texts consist of a small number
//! of different runs.
//!
//! Each thread has a table of pairs of neighbouring slots. A run has one pair, shares it with other
//! runs, and can be in either slot. The answer depends only on the run and its context, so the
//! cache does not change results.

use std::cell::RefCell;

use super::super::lexicon::{SYLLABLE, Syllable};

/// Maximum length of a cached run in syllables.
const LONGEST: usize = 8;
/// Number of pairs of slots in a table, a power of two. A slot takes 16 bytes, a table 4 MiB.
const PAIRS: usize = 1 << 17;

/// Bits of a slot for each syllable.
const SYLLABLE_BITS: u32 = 14;
/// Bits of a slot for each of start, end and context.
const NUMBER_BITS: u32 = 4;
/// Bits of a slot for the answer: the lowest ones.
const ANSWER_BITS: u32 = 2 * NUMBER_BITS;

/// Start and end of the noun of a run, in syllables.
pub(super) type Answer = [u8; 2];
/// The answer for a run without a noun.
pub(super) const NONE: Answer = [0, 0];

/// A run with its context and its answer, packed into one number; 0 is an empty slot. From the
/// lowest bits on, the number has the end and the start of the noun, the context, and the numbers
/// of the syllables. A syllable has a number from 1 on.
type Slot = u128;

thread_local! {
    /// The pairs of slots. The first slot of a pair has the run that was used last. The table is
    /// allocated when the thread analyses its first run.
    static TABLE: RefCell<Vec<[Slot; 2]>> = RefCell::new(vec![[0; 2]; PAIRS]);
}

/// Returns the cached answer for a run in a context, or computes and caches it. `context` is below
/// 16.
pub(super) fn remembered(run: &str, context: u8, compute: impl FnOnce() -> Answer) -> Answer {
    let Some(key) = key_of(run, context) else {
        return compute();
    };
    TABLE.with(|table| {
        // `compute` does not use the table, so the table is never borrowed twice.
        let Ok(mut table) = table.try_borrow_mut() else {
            return compute();
        };
        let Some([first, second]) = table.get_mut(index_of(key)) else {
            return compute();
        };
        if *first >> ANSWER_BITS != key {
            if *second >> ANSWER_BITS != key {
                *second = key << ANSWER_BITS | written(compute());
            }
            std::mem::swap(first, second);
        }
        read(*first)
    })
}

/// The run and its context; `None` for a run that is too long.
fn key_of(run: &str, context: u8) -> Option<u128> {
    let (syllables, _) = run.as_bytes().as_chunks::<SYLLABLE>();
    if syllables.len() > LONGEST {
        return None;
    }
    let syllables = syllables.iter().fold(0, |key, syllable| {
        key << SYLLABLE_BITS | u128::from(Syllable::of(*syllable).number())
    });
    Some(syllables << NUMBER_BITS | u128::from(context))
}

fn written([start, end]: Answer) -> u128 {
    u128::from(start) << NUMBER_BITS | u128::from(end)
}

fn read(slot: Slot) -> Answer {
    let [answer, ..] = slot.to_le_bytes();
    [answer >> NUMBER_BITS, answer & ((1 << NUMBER_BITS) - 1)]
}

/// The index of the pair of slots.
fn index_of(key: u128) -> usize {
    const ODD: u64 = 0x517c_c1b7_2722_0a95;
    let [a, b, c, d, e, f, g, h, high @ ..] = key.to_le_bytes();
    let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let hash = low.wrapping_mul(ODD).rotate_left(32) ^ u64::from_le_bytes(high);
    usize::try_from(hash.wrapping_mul(ODD) >> 40).unwrap_or_default() % PAIRS
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn run_is_computed_once_in_each_context() {
        let run = "시험운행";
        assert_eq!(remembered(run, 7, || [0, 3]), [0, 3]);
        assert_eq!(remembered(run, 7, || [0, 4]), [0, 3]);
        assert_eq!(remembered(run, 8, || [0, 4]), [0, 4]);
        assert_eq!(remembered("시험운전", 7, || [0, 5]), [0, 5]);
        let long = "가".repeat(9);
        assert_eq!(remembered(&long, 7, || [0, 1]), [0, 1]);
        assert_eq!(remembered(&long, 7, || [0, 2]), [0, 2]);
    }

    #[test]
    fn runs_of_all_lengths_and_contexts_differ() {
        // The runs consist of the first and the last Hangul syllable; `longest` is the longest
        // answer.
        let syllables = ["가", "힣"];
        let mut runs = vec![String::new()];
        for _ in 0..LONGEST {
            let longer = |run: &String| syllables.map(|syllable| format!("{run}{syllable}"));
            let longest = runs.iter().map(String::len).max().unwrap_or_default();
            let longer = runs
                .iter()
                .filter(|run| run.len() == longest)
                .flat_map(longer);
            runs.extend(longer.collect::<Vec<_>>());
        }
        let contexts = [0, 2, 15];
        let keys = runs
            .iter()
            .flat_map(|run| contexts.map(|context| key_of(run, context).unwrap()));
        let keys: Vec<_> = keys.collect();
        let mut different = keys.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), keys.len());
        let longest = [7, 8];
        let slot = keys.last().unwrap() << ANSWER_BITS | written(longest);
        assert_eq!(
            (slot >> ANSWER_BITS, read(slot)),
            (keys[keys.len() - 1], longest)
        );
    }

    #[test]
    fn older_run_of_a_pair_gives_way_to_a_third() {
        let syllables = ('가'..='힣').map(String::from);
        let runs = syllables.flat_map(|syllable| {
            let run = format!("시험{syllable}");
            [3, 4, 5, 6, 7, 8].map(|context| (run.clone(), context))
        });
        let mut pairs: HashMap<usize, Vec<(String, u8)>> = HashMap::new();
        for (run, context) in runs {
            let pair = index_of(key_of(&run, context).unwrap());
            pairs.entry(pair).or_default().push((run, context));
        }
        let alike = pairs.into_values().find(|runs| runs.len() > 2).unwrap();
        let [a, b, c, ..] = &alike[..] else {
            panic!("{alike:?}");
        };
        let seen = |run: &(String, u8)| {
            let mut is_computed = false;
            remembered(&run.0, run.1, || {
                is_computed = true;
                [0, 2]
            });
            !is_computed
        };
        let runs = [a, b, a, b, a, c, a, b];
        assert_eq!(
            runs.map(seen),
            [false, false, true, true, true, false, true, false]
        );
    }
}
