//! A cache of the results of the runs that were analysed last. Most texts consist of a small number
//! of different runs.
//!
//! Each thread has a table. A run in a context has one place in the table, and replaces the run
//! that was there. The answer depends on the run and the context alone, so the cache does not
//! change results.

use std::cell::RefCell;

use super::super::lexicon::SYLLABLE;

/// Maximum length of a cached run in bytes: nine syllables.
const LONGEST: usize = 9 * SYLLABLE;
/// Number of places of a table. A [`Place`] takes 31 bytes, a table almost 2 MiB.
const PLACES: usize = 1 << 16;

/// Start and end of the noun of a run, in syllables.
pub(super) type Answer = [u8; 2];
/// The answer for a run without a noun.
pub(super) const NONE: Answer = [0, 0];

/// A place of the table: a run with its answer. It is empty while `length` is 0.
#[derive(Debug, Clone, Copy)]
struct Place {
    run: [u8; LONGEST],
    length: u8,
    context: u8,
    answer: Answer,
}

const EMPTY: Place = Place {
    run: [0; LONGEST],
    length: 0,
    context: 0,
    answer: NONE,
};

thread_local! {
    /// The table of the thread. It is allocated when the thread looks up its first run.
    static TABLE: RefCell<Vec<Place>> = RefCell::new(vec![EMPTY; PLACES]);
}

/// Returns the cached answer for a run in a context, or computes and caches it.
pub(super) fn remembered(run: &str, context: u8, compute: impl FnOnce() -> Answer) -> Answer {
    let Some(key) = Place::of(run, context) else {
        return compute();
    };
    TABLE.with(|table| {
        // `compute` does not use the table, so the table is never borrowed twice.
        let Ok(mut table) = table.try_borrow_mut() else {
            return compute();
        };
        let Some(place) = table.get_mut(key.hash()) else {
            return compute();
        };
        if place.run != key.run || place.context != context || place.length != key.length {
            *place = Place {
                answer: compute(),
                ..key
            };
        }
        place.answer
    })
}

impl Place {
    /// A place for a run in a context, without an answer; `None` if the run is too long.
    fn of(run: &str, context: u8) -> Option<Self> {
        let mut key = Self { context, ..EMPTY };
        key.length = u8::try_from(run.len()).ok()?;
        key.run
            .get_mut(..run.len())?
            .copy_from_slice(run.as_bytes());
        Some(key)
    }

    /// The index of the run in the table.
    fn hash(&self) -> usize {
        let mut hash = u64::from(self.context);
        let (words, rest) = self.run.as_chunks::<8>();
        let rest = rest
            .iter()
            .fold(0, |rest, byte| rest << 8 | u64::from(*byte));
        for word in words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .chain([rest])
        {
            hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        usize::try_from(hash >> 40).unwrap_or_default() % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_computed_once_in_each_context() {
        let run = "시험운행";
        assert_eq!(remembered(run, 7, || [0, 3]), [0, 3]);
        assert_eq!(remembered(run, 7, || [0, 4]), [0, 3]);
        assert_eq!(remembered(run, 8, || [0, 4]), [0, 4]);
        assert_eq!(remembered("시험운전", 7, || [0, 5]), [0, 5]);
        let long = "가".repeat(10);
        assert_eq!(remembered(&long, 7, || [0, 1]), [0, 1]);
        assert_eq!(remembered(&long, 7, || [0, 2]), [0, 2]);
    }
}
