//! kill -9 at random moments while tweets are published: no acknowledged tweet is lost, and none is
//! counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::common::chance::{Chance, long_or, trials};
use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::{Server, publish_to};
use crate::common::views;

/// Maximum time until the kill, in milliseconds: a few commits.
const LIVES_FOR: u64 = 1_500;
/// Number of keywords.
const KEYWORDS: u64 = 20;

/// The ids that must be in the views, and the ids that may be in the views, per keyword.
#[derive(Debug, Default)]
pub struct Sent {
    pub acknowledged: BTreeMap<String, BTreeSet<String>>,
    pub unknown: BTreeMap<String, BTreeSet<String>>,
}

impl Sent {
    /// Checks that every acknowledged tweet is in the views once, and that no other tweets are.
    /// Returns the number of tweets of each keyword.
    pub fn check(&self, server: &Server) -> BTreeMap<String, u64> {
        let totals = views::totals(server);
        let none = BTreeSet::new();
        let mut settled = BTreeMap::new();
        for (keyword, acknowledged) in &self.acknowledged {
            let found = views::ids(server, keyword);
            for id in acknowledged {
                assert_eq!(found.get(id), Some(&1), "{id} of {keyword}");
            }
            let maybe = self.unknown.get(keyword).unwrap_or(&none);
            for (id, times) in &found {
                assert_eq!(*times, 1, "{id} of {keyword}");
                assert!(
                    acknowledged.contains(id) || maybe.contains(id),
                    "{id} of {keyword}"
                );
            }
            let count = found.len() as u64;
            assert_eq!(totals[keyword], count, "{keyword}");
            let ledger = server.get(&views::path(keyword, "ledger"));
            let part = |name: &str| ledger[name].as_u64().unwrap();
            assert_eq!(
                part("journaled"),
                part("folded") + part("duplicate") + part("ignored") + part("rejected"),
                "{ledger}"
            );
            // The ledger also counts one `keyword.tracked`; no tweet was sent twice.
            assert_eq!(part("folded"), count + 1, "{keyword}: {ledger}");
            assert_eq!(part("duplicate"), 0, "{keyword}: {ledger}");
            settled.insert(keyword.clone(), count);
        }
        settled
    }
}

/// Publishes small bodies until the server has ended.
fn publish_until_gone(address: std::net::SocketAddr, trial: u64) -> Sent {
    let mut sent = Sent::default();
    let mut chance = Chance::of(trial + 1_000_000);
    for body in 0_u64.. {
        let tweets: Vec<(String, String)> = (0..=chance.below(40))
            .map(|number| {
                let keyword = format!("k{trial}-{}", chance.below(KEYWORDS));
                (keyword, format!("{trial}-{body}-{number}"))
            })
            .collect();
        let lines: Vec<String> = tweets
            .iter()
            .map(|(keyword, id)| tweet(keyword, id, "2020-01-01T00:00:00Z"))
            .collect();
        let answer = publish_to(address, &lines.join("\n"));
        let known = matches!(&answer, Ok(answer) if answer.status == 200);
        let ids_of = if known {
            assert_eq!(
                answer.unwrap().json()["rejected"].as_array().unwrap().len(),
                0
            );
            &mut sent.acknowledged
        } else {
            &mut sent.unknown
        };
        for (keyword, id) in tweets {
            ids_of.entry(keyword).or_default().insert(id);
        }
        if !known {
            break;
        }
    }
    sent
}

fn verify(data: &Path) {
    on_files(data, ["views", "verify"]).expect_code(0);
}

#[test]
fn kill_during_publishing_loses_and_doubles_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    // The tweets of earlier trials and those that the last trial sent.
    let mut settled: BTreeMap<String, u64> = BTreeMap::new();
    let mut last = Sent::default();
    let check = |server: &Server, settled: &mut BTreeMap<String, u64>, last: &Sent| {
        let totals = views::totals(server);
        for (keyword, count) in settled.iter() {
            assert_eq!(totals[keyword], *count, "{keyword}");
        }
        settled.extend(last.check(server));
    };
    for trial in 0..trials("TIDINGS_KILLS", long_or(200, 10)) {
        let mut chance = Chance::of(trial);
        let server = Server::start(scratch.path());
        check(&server, &mut settled, &last);
        let address = server.address();
        let (started, publishing) = channel();
        let publisher = std::thread::spawn(move || {
            started.send(()).unwrap();
            publish_until_gone(address, trial)
        });
        publishing.recv().unwrap();
        // The moment of the kill is random, so there is no condition to await.
        std::thread::sleep(Duration::from_millis(chance.below(LIVES_FOR)));
        server.kill();
        last = publisher.join().unwrap();
        if trial % 3 == 0 {
            verify(scratch.path());
        }
    }
    let server = Server::start(scratch.path());
    check(&server, &mut settled, &last);
    assert!(settled.values().sum::<u64>() > 0);
    server.stop();
    verify(scratch.path());
}
