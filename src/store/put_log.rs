//! The put log of a shard: the keywords whose tweet ids were put. Its one reader is the tweet
//! index.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::events::Keyword;

/// The keywords whose ids were put since the reader last took them, each at most once. Without a
/// reader the log stays empty.
#[derive(Debug, Default)]
pub(super) struct PutLog {
    /// For each keyword, whether its rows were cleared.
    put: Mutex<Option<HashMap<Keyword, bool>>>,
}

impl PutLog {
    /// Notes that ids of a keyword were put.
    pub(super) fn note(&self, keyword: &Keyword, was_cleared: bool) {
        if let Some(put) = self.lock().as_mut() {
            match put.get_mut(keyword) {
                Some(cleared) => *cleared |= was_cleared,
                None => {
                    put.insert(keyword.clone(), was_cleared);
                }
            }
        }
    }

    /// Begins noting, with an empty log.
    pub(super) fn watch(&self) {
        *self.lock() = Some(HashMap::new());
    }

    /// Ends noting, and drops the log.
    pub(super) fn ignore(&self) {
        *self.lock() = None;
    }

    /// Takes the keywords noted since the last call.
    pub(super) fn take(&self) -> HashMap<Keyword, bool> {
        self.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Keyword, bool>>> {
        self.put.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyword_is_noted_once_and_only_with_a_reader() {
        let [a, b] = ["a", "b"].map(|text| Keyword::new(text).unwrap());
        let log = PutLog::default();
        log.note(&a, false);
        assert!(log.take().is_empty());
        log.watch();
        log.note(&a, true);
        log.note(&a, false);
        log.note(&b, false);
        assert_eq!(log.take(), HashMap::from([(a.clone(), true), (b, false)]));
        assert!(log.take().is_empty());
        log.note(&a, false);
        log.ignore();
        assert!(log.take().is_empty());
    }
}
