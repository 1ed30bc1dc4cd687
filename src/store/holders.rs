//! Which keywords hold a tweet.

use std::collections::HashMap;

use super::{StoreError, Views};
use crate::events::{Keyword, Sequence, TweetId};
use crate::projections::ids::{IdHash, IdState, Ids};

/// Looks tweets up in many keywords. Remembers each keyword's ids as long as they don't change,
/// so that asking for many tweets reads them once.
#[derive(Debug)]
pub struct Holders {
    views: Views,
    known: HashMap<Keyword, (Sequence, Ids)>,
}

impl Holders {
    /// Nothing is remembered yet.
    pub fn new(views: Views) -> Self {
        Self {
            views,
            known: HashMap::new(),
        }
    }

    /// The keyword holds the tweet: it was posted there and not deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn holds(&mut self, keyword: &Keyword, id: &TweetId) -> Result<bool, StoreError> {
        let hash = IdHash::of(id);
        let known = &mut self.known;
        let answer = self.views.read(keyword, |head, rows| {
            if known.get(keyword).is_none_or(|(of, _)| *of != head.as_of) {
                let ids = Ids::hydrate(rows, &head.id_runs)?;
                known.insert(keyword.clone(), (head.as_of, ids));
            }
            match known.get(keyword) {
                Some((_, ids)) => ids.find(rows, hash),
                None => Ok(None),
            }
        })?;
        Ok(answer.is_some_and(|answer| matches!(answer.value, Some(IdState::Present(_)))))
    }
}
