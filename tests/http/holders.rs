//! `POST /tweets` without a keyword: to which keywords does a line go, when lines before it, of the
//! same body and of others, have posted, deleted, tracked and untracked?

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::support::{Running, ndjson, posted, with};

const AT: &str = "2015-06-01T10:00:00Z";
const KEYWORDS: [&str; 5] = ["aa", "bb", "cc", "dd", "ee"];
const IDS: usize = 12;

/// Keywords, each with the ids that it has seen and whether they are deleted; `None` when it is
/// untracked.
type Model = BTreeMap<&'static str, Option<HashMap<String, bool>>>;

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// What a body counts.
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

/// One line, and what it does to the model.
fn line(random: &mut Random, model: &mut Model, counts: &mut Counts) -> Value {
    let keyword = KEYWORDS[random.below(KEYWORDS.len())];
    let id = format!("t{}", random.below(IDS));
    let named = |line: Value| with(line, json!({ "keyword": keyword }));
    match random.below(20) {
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
                .filter(|_| random.below(2) == 0)
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
            json!({"type": "tweet.engaged", "id": id, "at": AT, "metrics": {"likes": 1}})
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
            json!({"type": "tweet.deleted", "id": id, "at": AT})
        }
        17 => {
            match model.entry(keyword).or_insert_with(|| Some(HashMap::new())) {
                None => counts.rejected += 1,
                Some(ids) => {
                    ids.insert(id.clone(), true);
                    counts.went_to(1);
                }
            }
            named(json!({"type": "tweet.deleted", "id": id, "at": AT}))
        }
        18 => {
            // An untracking of what never was is taken for the end of what it begins.
            model.insert(keyword, None);
            counts.accepted += 1;
            named(json!({"type": "keyword.untracked", "at": AT}))
        }
        _ => {
            let ids = model.entry(keyword).or_default();
            if ids.is_none() {
                *ids = Some(HashMap::new());
            }
            counts.accepted += 1;
            named(json!({"type": "keyword.tracked", "at": AT}))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_keyword_goes_to_all_that_hold_its_tweet_by_then() {
    let running = Running::start().await;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut model = Model::new();
    for number in 0..60 {
        let mut expected = Counts::default();
        let length = 1 + random.below(if number % 3 == 0 { 3 } else { 60 });
        let lines: Vec<Value> = (0..length)
            .map(|_| line(&mut random, &mut model, &mut expected))
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
