//! `POST /tweets` without a keyword: lines go to the keywords that hold the tweet at that point,
//! after earlier lines posted, deleted, tracked and untracked.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::common::chance::Chance;
use crate::common::in_process::Running;
use crate::common::lines::{self, ndjson, of, posted};

const AT: &str = "2015-06-01T10:00:00Z";
const KEYWORDS: [&str; 5] = ["aa", "bb", "cc", "dd", "ee"];
const IDS: u64 = 12;

/// By keyword, the known ids and whether they are deleted; `None` for an untracked keyword.
type Model = BTreeMap<&'static str, Option<HashMap<String, bool>>>;

/// The counts of a body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: u64,
    journaled: u64,
    unmatched: u64,
    rejected: u64,
}

impl Counts {
    fn went_to(&mut self, keywords: usize) {
        if keywords == 0 {
            self.unmatched += 1;
        } else {
            self.accepted += 1;
            self.journaled += keywords as u64;
        }
    }
}

/// Makes a line and applies it to the model and the counts.
fn line(chance: &mut Chance, model: &mut Model, counts: &mut Counts) -> Value {
    let keyword = *chance.pick(&KEYWORDS);
    let id = format!("t{}", chance.below(IDS));
    let named = |line: Value| of(keyword, line);
    match chance.below(20) {
        0..=4 => {
            match model.entry(keyword).or_insert_with(|| Some(HashMap::new())) {
                None => counts.rejected += 1,
                Some(ids) => {
                    ids.entry(id.clone()).or_insert(false);
                    counts.went_to(1);
                }
            }
            named(posted(&id, AT, "x"))
        }
        5..=8 => {
            let texts: Vec<&str> = KEYWORDS
                .into_iter()
                .filter(|_| chance.below(2) == 0)
                .collect();
            let mut count = 0;
            for text in &texts {
                if let Some(Some(ids)) = model.get_mut(text) {
                    ids.entry(id.clone()).or_insert(false);
                    count += 1;
                }
            }
            counts.went_to(count);
            posted(&id, AT, &format!("so {}", texts.join(" ")))
        }
        9..=13 => {
            let holds = |ids: &HashMap<String, bool>| ids.get(&id) == Some(&false);
            counts.went_to(model.values().flatten().filter(|ids| holds(ids)).count());
            lines::engaged(&id, AT, 1)
        }
        14..=16 => {
            let mut count = 0;
            for ids in model.values_mut().flatten() {
                if ids.get(&id) == Some(&false) {
                    ids.insert(id.clone(), true);
                    count += 1;
                }
            }
            counts.went_to(count);
            lines::deleted(&id, AT)
        }
        17 => {
            match model.entry(keyword).or_insert_with(|| Some(HashMap::new())) {
                None => counts.rejected += 1,
                Some(ids) => {
                    ids.insert(id.clone(), true);
                    counts.went_to(1);
                }
            }
            named(lines::deleted(&id, AT))
        }
        18 => {
            // Untracking an unknown keyword is accepted; the keyword is untracked from then on.
            model.insert(keyword, None);
            counts.accepted += 1;
            named(lines::event("keyword.untracked", AT))
        }
        _ => {
            let ids = model.entry(keyword).or_default();
            if ids.is_none() {
                *ids = Some(HashMap::new());
            }
            counts.accepted += 1;
            named(lines::event("keyword.tracked", AT))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_without_keyword_goes_to_all_current_holders() {
    let running = Running::start().await;
    let mut chance = Chance::of(0);
    let mut model = Model::new();
    for number in 0..60 {
        let mut expected = Counts::default();
        let length = 1 + chance.below(if number % 3 == 0 { 3 } else { 60 });
        let lines: Vec<Value> = (0..length)
            .map(|_| line(&mut chance, &mut model, &mut expected))
            .collect();
        let taken = running.publish(ndjson(&lines)).await.json();
        let count = |name: &str| taken[name].as_u64().unwrap();
        let counts = Counts {
            accepted: count("accepted"),
            journaled: count("journaled"),
            unmatched: count("unmatched"),
            rejected: taken["rejected"].as_array().unwrap().len() as u64,
        };
        assert_eq!(counts, expected, "body {number}: {lines:#?}\n{taken}");
    }
    running.stop().await;
}
