//! Removes lost tweets from the runs that gained them.
//!
//! A record of a gained tweet and one of a lost tweet cancel each other if their times and words
//! are equal. The two records can be of different tweets, because equal records change the same
//! counts. So a deletion changes a run that gained such a tweet. If no run did, the deletion
//! changes the map alone.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::contribution::{for_each, write_record};
use crate::projections::rows::RowsError;

/// The result of removing the lost tweets from runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutLosses {
    /// The new records of each run; `None` for a run that is unchanged.
    pub runs: Vec<Option<Bytes>>,
    /// Records of lost tweets that no run gained. The map still counts these tweets.
    pub losses: Bytes,
}

impl WithoutLosses {
    /// Removes the records of lost tweets from these runs, each together with an equal record of a
    /// gained tweet if there is one.
    pub fn of(runs: &[Bytes]) -> Result<Self, RowsError> {
        let mut lost: HashMap<&[u8], usize, RandomState> = HashMap::default();
        for run in runs {
            for_each(run, |tweet| {
                if tweet.is_lost {
                    *lost.entry(tweet.body).or_default() += 1;
                }
                Ok(())
            })?;
        }
        let runs = runs.iter().map(|run| {
            let mut kept = Vec::new();
            for_each(run, |tweet| {
                if tweet.is_lost {
                    return Ok(());
                }
                match lost.get_mut(tweet.body) {
                    Some(count) if *count > 0 => *count -= 1,
                    _ => write_record(tweet.body, false, &mut kept),
                }
                Ok(())
            })?;
            Ok((kept.len() < run.len()).then(|| kept.into()))
        });
        let runs = runs.collect::<Result<_, RowsError>>()?;
        let mut losses = Vec::new();
        for (body, count) in lost {
            for _ in 0..count {
                write_record(body, true, &mut losses);
            }
        }
        Ok(Self {
            runs,
            losses: losses.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter is a tweet with this word. Upper case marks a lost tweet.
    fn run(tweets: &str) -> Bytes {
        let mut records = Vec::new();
        for tweet in tweets.chars() {
            let mut body = vec![0; 8];
            body.extend([1, u8::try_from(tweet.to_ascii_lowercase()).unwrap()]);
            write_record(&body, tweet.is_ascii_uppercase(), &mut records);
        }
        records.into()
    }

    #[test]
    fn lost_tweets_are_removed_from_the_runs_that_gained_them() {
        for (runs, kept, losses) in [
            (
                &["abc", "B", "bd"][..],
                &[Some("ac"), Some(""), None][..],
                "",
            ),
            (&["ab", "Cd"], &[None, Some("d")], "C"),
            (&["a", "AA"], &[Some(""), Some("")], "A"),
            (&["Ab", "aa"], &[Some("b"), Some("a")], ""),
            (&["ab"], &[None], ""),
            (&[], &[], ""),
        ] {
            let given: Vec<_> = runs.iter().map(|tweets| run(tweets)).collect();
            let kept = kept.iter().map(|tweets| tweets.map(run)).collect();
            let losses = run(losses);
            let found = WithoutLosses::of(&given).unwrap();
            assert_eq!(found, WithoutLosses { runs: kept, losses }, "{runs:?}");
        }
    }

    #[test]
    fn damaged_runs_are_refused() {
        let run = run("ab");
        for end in [1, 5, run.len() - 1] {
            assert!(WithoutLosses::of(&[run.slice(..end)]).is_err(), "{end}");
        }
    }
}
