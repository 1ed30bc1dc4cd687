//! Which keywords are followed, counted in the journal's order, and which came when as many were
//! followed as may be.
//!
//! Whether there is room for a keyword depends on all others, which shards fold side by side. So it
//! is decided here, by one who sees the records of all keywords in the order of the journal: the
//! same journal gives room to the same keywords, however often it is folded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::{Event, Keyword, KeywordRecord, Sequence};

/// How a keyword stands in the census. Kept by the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// It is followed, and counts.
    Followed,
    /// It was followed, and comes back whenever it is tracked.
    Dropped,
    /// There was no room for it when it came, at this position.
    Refused(Sequence),
}

/// What is kept of a census, or has changed in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CensusRows {
    /// So many keywords may be followed.
    pub most: u64,
    /// How keywords stand.
    pub admissions: Vec<(Keyword, Admission)>,
}

/// The count of the followed keywords.
#[derive(Debug, PartialEq, Eq)]
pub struct Census {
    most: u64,
    followed: u64,
    keywords: BTreeMap<Keyword, Admission>,
    changed: Vec<(Keyword, Admission)>,
}

impl Census {
    /// A census before the first record.
    pub fn new(most: u64) -> Self {
        Self {
            most,
            followed: 0,
            keywords: BTreeMap::new(),
            changed: Vec::new(),
        }
    }

    /// Goes on with what was kept. The limit may have changed since: who was let in stays. Where
    /// more may be followed than before, and fewer than that are in fact (`followed`, with those
    /// that an operator has let in), those who were refused first are let in now.
    pub fn resume(kept: CensusRows, most: u64, followed: u64) -> Self {
        let mut census = Self {
            keywords: kept.admissions.into_iter().collect(),
            ..Self::new(most)
        };
        let is_followed = |admission: &&Admission| **admission == Admission::Followed;
        let counted = census.keywords.values().filter(is_followed).count();
        census.followed = u64::try_from(counted).unwrap_or(u64::MAX);
        if most > kept.most {
            let mut refused: Vec<(Sequence, Keyword)> = census
                .keywords
                .iter()
                .filter_map(|(keyword, admission)| match admission {
                    Admission::Refused(at) => Some((*at, keyword.clone())),
                    Admission::Followed | Admission::Dropped => None,
                })
                .collect();
            refused.sort();
            let room = most.saturating_sub(census.followed.max(followed));
            refused.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            for (_, keyword) in refused {
                census.followed = census.followed.saturating_add(1);
                census.set(keyword, Admission::Followed);
            }
        }
        census
    }

    /// Takes a record into account, and answers whether its keyword is refused. Records come in the
    /// journal's order; of a keyword that was seen before only those about the keyword itself need
    /// to. Some may come once more after a restart: whoever was new in them is known by now, and the
    /// last of them says how a keyword stands, as it did before.
    pub fn see(&mut self, sequence: Sequence, keyword: &Keyword, record: &KeywordRecord) -> bool {
        let before = self.keywords.get(keyword).copied();
        let leaves = matches!(record, KeywordRecord::Event(Event::KeywordUntracked { .. }));
        let comes = matches!(record, KeywordRecord::Event(Event::KeywordTracked { .. }));
        let after = match before {
            // Who comes and goes at once takes no room.
            None if leaves => Admission::Dropped,
            // Whatever comes first makes a keyword followed.
            None if self.followed < self.most => Admission::Followed,
            None => Admission::Refused(sequence),
            Some(Admission::Followed) if leaves => Admission::Dropped,
            Some(Admission::Dropped) if comes => Admission::Followed,
            Some(unchanged) => unchanged,
        };
        if before != Some(after) {
            if after == Admission::Followed {
                self.followed = self.followed.saturating_add(1);
            } else if before == Some(Admission::Followed) {
                self.followed = self.followed.saturating_sub(1);
            }
            self.set(keyword.clone(), after);
        }
        matches!(after, Admission::Refused(_))
    }

    fn set(&mut self, keyword: Keyword, admission: Admission) {
        self.changed.push((keyword.clone(), admission));
        self.keywords.insert(keyword, admission);
    }

    /// How a keyword stands; `None` when it was never seen.
    pub fn admission(&self, keyword: &Keyword) -> Option<Admission> {
        self.keywords.get(keyword).copied()
    }

    /// What has changed since the last call, if anything has, in order.
    pub fn take_changes(&mut self) -> Option<CensusRows> {
        if self.changed.is_empty() {
            return None;
        }
        Some(CensusRows {
            most: self.most,
            admissions: std::mem::take(&mut self.changed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Timestamp;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::from_millis(0);

    fn keyword(number: u8) -> Keyword {
        Keyword::new(&format!("k{number}")).unwrap()
    }

    /// 0: something of no matter, 1: tracked, 2: untracked.
    fn record(kind: u8) -> KeywordRecord {
        match kind {
            1 => KeywordRecord::Event(Event::KeywordTracked { at: AT }),
            2 => KeywordRecord::Event(Event::KeywordUntracked { at: AT }),
            _ => KeywordRecord::Rejected {
                payload: bytes::Bytes::new(),
                reason: String::new(),
            },
        }
    }

    fn see(census: &mut Census, sequence: u64, number: u8, kind: u8) -> bool {
        census.see(Sequence::new(sequence), &keyword(number), &record(kind))
    }

    /// What a store would have kept.
    fn keep(kept: &mut CensusRows, changes: Option<CensusRows>) {
        if let Some(changes) = changes {
            kept.most = changes.most;
            for (keyword, admission) in changes.admissions {
                kept.admissions.retain(|(known, _)| *known != keyword);
                kept.admissions.push((keyword, admission));
            }
        }
    }

    #[test]
    fn whoever_is_new_when_it_is_full_is_refused_for_good() {
        let mut census = Census::new(2);
        assert!(!see(&mut census, 1, 1, 0));
        assert!(!see(&mut census, 2, 2, 1));
        assert!(see(&mut census, 3, 3, 0));
        assert!(!see(&mut census, 4, 4, 2), "it takes no room");
        assert!(!see(&mut census, 5, 1, 2));
        assert!(see(&mut census, 6, 3, 1), "it was refused");
        assert!(!see(&mut census, 7, 5, 0), "there is room");
        assert!(see(&mut census, 8, 6, 0));
        assert!(
            !see(&mut census, 9, 1, 1),
            "who was followed once comes back"
        );
        assert!(!see(&mut census, 10, 2, 2));
        assert!(see(&mut census, 11, 7, 0), "two are still followed");
    }

    #[test]
    fn a_higher_limit_lets_in_who_was_refused_first() {
        let mut census = Census::new(1);
        for number in 1..=5 {
            see(&mut census, u64::from(number), number, 0);
        }
        let mut kept = CensusRows {
            most: 0,
            admissions: Vec::new(),
        };
        keep(&mut kept, census.take_changes());
        let refused = |census: &Census| -> Vec<u8> {
            let is_refused = |number: &u8| {
                let admission = census.admission(&keyword(*number));
                matches!(admission, Some(Admission::Refused(_)))
            };
            (1..=5).filter(is_refused).collect()
        };
        for (most, followed, expected) in [
            (0, 1, vec![2, 3, 4, 5]),
            (1, 1, vec![2, 3, 4, 5]),
            (3, 1, vec![4, 5]),
            (3, 2, vec![3, 4, 5]),
            (9, 1, vec![]),
        ] {
            let mut census = Census::resume(kept.clone(), most, followed);
            assert_eq!(refused(&census), expected, "{most} {followed}");
            let changes = census.take_changes();
            let changed = changes.map_or(0, |changes| changes.admissions.len());
            assert_eq!(changed, 4 - expected.len());
        }
    }

    proptest! {
        /// One that goes on from what was kept, and sees some records once more, decides the same.
        #[test]
        fn restarts_change_nothing(
            history in proptest::collection::vec((0..8_u8, 0..4_u8), 1..60),
            most in 0..5_u64,
            stop in 0..60_usize,
            again in 0..60_usize,
        ) {
            let records: Vec<(u64, u8, u8)> = (1..)
                .zip(&history)
                .map(|(sequence, (number, kind))| (sequence, *number, *kind))
                .collect();
            let mut whole = Census::new(most);
            let decided: Vec<bool> = records
                .iter()
                .map(|(sequence, number, kind)| see(&mut whole, *sequence, *number, *kind))
                .collect();

            let stop = stop.min(records.len());
            let again = again.min(stop);
            let mut first = Census::new(most);
            let mut kept = CensusRows { most, admissions: Vec::new() };
            for (sequence, number, kind) in &records[..stop] {
                see(&mut first, *sequence, *number, *kind);
                keep(&mut kept, first.take_changes());
            }
            let mut second = Census::resume(kept, most, 0);
            for ((sequence, number, kind), decided) in records[again..].iter().zip(&decided[again..]) {
                let refused = see(&mut second, *sequence, *number, *kind);
                prop_assert_eq!(refused, *decided);
            }
            prop_assert_eq!(whole.keywords, second.keywords);
            prop_assert_eq!(whole.followed, second.followed);
        }
    }
}
