use crate::sources::x::packing::Packing;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::sources::x::scripted::{Answered, Asked, ScriptedX};

/// The rules of a project at X.
#[derive(Debug, Clone)]
struct Project {
    rules: Vec<Rule>,
    next_id: u64,
    /// Values that contain one of these are refused.
    refused: Vec<&'static str>,
    /// Maximum number of rules.
    cap: usize,
    /// The status of refusals.
    status: u16,
    /// Whether a refusal names its values.
    names_values: bool,
    /// Whether a dry run accepts every value.
    accepts_dry_runs: bool,
}

impl Project {
    fn new(rules: &[(&str, &str, &str)]) -> Self {
        let rules = rules.iter().map(|(id, value, tag)| Rule {
            id: (*id).to_owned(),
            value: (*value).to_owned(),
            tag: (*tag).to_owned(),
        });
        Self {
            rules: rules.collect(),
            next_id: 100,
            refused: Vec::new(),
            cap: 1_000,
            status: 400,
            names_values: true,
            accepts_dry_runs: false,
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.method == "GET" {
            return self.list();
        }
        if let Some(ids) = asked.body.pointer("/delete/ids") {
            let ids = ids.as_array().unwrap();
            self.rules.retain(|rule| !ids.contains(&json!(rule.id)));
            return Answered::json(200, json!({"meta": {"summary": {"deleted": ids.len()}}}));
        }
        let dry_run = asked.parameter("dry_run") == Some("true");
        let values = asked.body["add"].as_array().unwrap();
        let text = |rule: &Value, name: &str| rule[name].as_str().unwrap().to_owned();
        let is_bad = |rule: &&Value| {
            let value = text(rule, "value");
            !(dry_run && self.accepts_dry_runs)
                && self.refused.iter().any(|bad| value.contains(bad))
        };
        let bad: Vec<&Value> = values.iter().filter(is_bad).collect();
        if !bad.is_empty() {
            return self.refusal(&bad);
        }
        if self.rules.len() + values.len() > self.cap {
            let kind = "https://api.x.com/2/problems/rule-cap";
            return Answered::json(
                self.status,
                json!({"errors": [{"title": "RulesCapExceeded", "type": kind}]}),
            );
        }
        let (mut added, mut errors) = (Vec::new(), Vec::new());
        for rule in values {
            let (value, tag) = (text(rule, "value"), text(rule, "tag"));
            if let Some(old) = self.rules.iter().find(|old| old.value == value) {
                let kind = "https://api.x.com/2/problems/duplicate-rules";
                errors.push(
                    json!({"value": value, "id": old.id, "title": "DuplicateRule", "type": kind}),
                );
                continue;
            }
            let id = self.next_id.to_string();
            self.next_id += 1;
            added.push(json!({"id": id, "value": value, "tag": tag}));
            if !dry_run {
                self.rules.push(Rule { id, value, tag });
            }
        }
        let mut body = json!({"meta": {"summary": {"created": added.len()}}});
        if !added.is_empty() {
            body["data"] = json!(added);
        }
        if !errors.is_empty() {
            body["errors"] = json!(errors);
        }
        Answered::json(201, body)
    }

    fn list(&self) -> Answered {
        let rules = self.rules.iter();
        let rules = rules.map(|rule| json!({"id": rule.id, "value": rule.value, "tag": rule.tag}));
        let rules: Vec<Value> = rules.collect();
        if rules.is_empty() {
            return Answered::json(200, json!({"meta": {"result_count": 0}}));
        }
        Answered::json(
            200,
            json!({"data": rules, "meta": {"result_count": rules.len()}}),
        )
    }

    fn refusal(&self, bad: &[&Value]) -> Answered {
        let kind = "https://api.x.com/2/problems/invalid-rules";
        if !self.names_values {
            let body =
                json!({"title": "Invalid Request", "detail": "a rule is wrong", "type": kind});
            return Answered::json(self.status, body);
        }
        let error = |rule: &&Value| {
            json!({
                "value": rule["value"], "details": ["not allowed (at position 2)"],
                "title": "UnprocessableEntity", "type": kind,
            })
        };
        let errors: Vec<Value> = bad.iter().map(error).collect();
        Answered::json(self.status, json!({"errors": errors}))
    }
}

/// A project behind a server, with a source that keeps its rules.
struct Scene {
    project: Arc<Mutex<Project>>,
    x: ScriptedX,
}

impl Scene {
    async fn new(project: Project) -> Self {
        let project = Arc::new(Mutex::new(project));
        let answering = Arc::clone(&project);
        let x = ScriptedX::start(move |asked| answering.lock().answer(asked)).await;
        Self { project, x }
    }

    /// A source that has just started, whose rules have at most 32 characters: two keywords of
    /// three letters.
    fn source(&self, max_rules: usize) -> RuleSync {
        let mut settings = self.x.settings();
        settings.rule_chars = 32;
        settings.rules_max = max_rules;
        RuleSync::new(self.x.api(), &settings, "x")
    }

    fn values(&self) -> Vec<String> {
        let project = self.project.lock();
        let values = project.rules.iter().map(|rule| rule.value.clone());
        values.collect()
    }

    /// The requests so far: `list`, or what was sent, with `dry ` before it for a dry run.
    fn requests(&self) -> Vec<String> {
        let asked = self.x.asked();
        let line = |asked: &Asked| {
            assert_eq!(asked.path, "/2/tweets/search/stream/rules");
            assert_eq!(asked.authorization, "Bearer token-of-a-test");
            if asked.method == "GET" {
                assert_eq!(asked.parameter("max_results"), Some("1000"));
                return "list".to_owned();
            }
            let dry = asked
                .parameter("dry_run")
                .map(|_| "dry ")
                .unwrap_or_default();
            if let Some(ids) = asked.body.pointer("/delete/ids") {
                return format!("{dry}delete {ids}");
            }
            let added = asked.body["add"].as_array().unwrap().len();
            format!("{dry}add {added}")
        };
        asked.iter().map(line).collect()
    }
}

fn of(keywords: &[&str]) -> WatchedKeywords {
    WatchedKeywords::of_test(keywords)
}

const AB: &str = "(\"aaa\" OR #aaa OR \"bbb\" OR #bbb)";
const C: &str = "(\"ccc\" OR #ccc)";
const CD: &str = "(\"ccc\" OR #ccc OR \"ddd\" OR #ddd)";

#[tokio::test]
async fn first_sync_adds_tagged_rules_and_a_repetition_changes_nothing() {
    let scene = Scene::new(Project::new(&[])).await;
    let source = scene.source(10);
    let upkeep = source
        .sync(&of(&["aaa", "bbb", "ccc"]), None)
        .await
        .unwrap();
    assert_eq!(upkeep.rules, 2);
    let tagged: Vec<(String, String)> = {
        let project = scene.project.lock();
        let rules = project.rules.iter();
        rules
            .map(|rule| (rule.value.clone(), rule.tag.clone()))
            .collect()
    };
    let rule = |value: &str, tag: &str| (value.to_owned(), tag.to_owned());
    assert_eq!(
        tagged,
        [
            rule(AB, "tidings:x:003f7e77"),
            rule(C, "tidings:x:a07b0545")
        ]
    );
    let again = scene.source(10);
    let packing = upkeep.packing.clone();
    let repeated = again
        .sync(&of(&["aaa", "bbb", "ccc"]), packing.as_ref())
        .await
        .unwrap();
    assert_eq!(repeated, upkeep);
    assert_eq!(scene.requests(), ["list", "add 2", "list"]);
}

#[tokio::test]
async fn keyword_that_comes_rewrites_one_rule_and_rules_of_others_stay() {
    let others = [
        ("1", "cats", ""),
        ("2", "dogs", "tidings:x2:12345678"),
        ("3", "birds", "someone"),
    ];
    let scene = Scene::new(Project::new(&others)).await;
    let source = scene.source(10);
    let upkeep = source
        .sync(&of(&["aaa", "bbb", "ccc"]), None)
        .await
        .unwrap();
    let packing = upkeep.packing.as_ref();
    source
        .sync(&of(&["aaa", "bbb", "ccc", "ddd"]), packing)
        .await
        .unwrap();
    assert_eq!(scene.values(), ["cats", "dogs", "birds", AB, CD]);
    assert_eq!(
        scene.requests(),
        ["list", "add 2", "list", "add 1", "delete [\"101\"]"]
    );
    assert_eq!(source.remove_rules().await.unwrap(), 2);
    assert_eq!(scene.values(), ["cats", "dogs", "birds"]);
    assert_eq!(source.remove_rules().await.unwrap(), 0);
}

#[tokio::test]
async fn without_keywords_no_rule_is_left() {
    let scene = Scene::new(Project::new(&[
        ("1", AB, "tidings:x:0"),
        ("2", AB, "tidings:x:0"),
    ]))
    .await;
    let source = scene.source(10);
    let upkeep = source.sync(&of(&["aaa", "bbb"]), None).await.unwrap();
    assert_eq!((upkeep.rules, scene.values()), (1, vec![AB.to_owned()]));
    let upkeep = source
        .sync(&of(&[]), upkeep.packing.as_ref())
        .await
        .unwrap();
    assert_eq!((upkeep.rules, scene.values()), (0, vec![]));
    assert_eq!(
        scene.requests(),
        ["list", "delete [\"2\"]", "list", "delete [\"1\"]"]
    );
}

#[tokio::test]
async fn rule_that_another_has_already_is_a_success() {
    let scene = Scene::new(Project::new(&[("1", AB, "someone")])).await;
    let source = scene.source(10);
    let upkeep = source
        .sync(&of(&["aaa", "bbb", "ccc"]), None)
        .await
        .unwrap();
    assert_eq!(
        (upkeep.rules, upkeep.pending.len(), upkeep.refused.len()),
        (2, 0, 0)
    );
    assert_eq!(scene.values(), [AB, C]);
    assert_eq!(scene.requests(), ["list", "add 2"]);
}

#[tokio::test]
async fn refused_keyword_is_found_and_the_others_go_on() {
    for (status, names_values) in [
        (400, true),
        (200, true),
        (400, false),
        (422, false),
        (403, true),
    ] {
        let mut project = Project::new(&[]);
        (project.status, project.names_values) = (status, names_values);
        project.refused = vec!["bad"];
        let scene = Scene::new(project).await;
        let source = scene.source(10);
        let keywords = of(&["aaa", "bad", "ccc", "ddd", "eee"]);
        let upkeep = source.sync(&keywords, None).await.unwrap();
        let words = if names_values {
            "UnprocessableEntity: not allowed (at position 2)"
        } else {
            "Invalid Request: a rule is wrong"
        };
        assert_eq!(upkeep.refused, [("bad".to_owned(), words.to_owned())]);
        let mut values = scene.values();
        values.sort();
        assert_eq!(
            values,
            ["(\"aaa\" OR #aaa)", CD, "(\"eee\" OR #eee)"],
            "{status}"
        );
        assert_eq!(upkeep.rules, 3);
        let before = scene.requests().len();
        let packing = upkeep.packing.as_ref();
        source.sync(&keywords, packing).await.unwrap();
        assert_eq!(scene.requests()[before..], ["list"]);
        scene.project.lock().refused.clear();
        let restarted = scene.source(10).sync(&keywords, packing).await.unwrap();
        assert_eq!(restarted.refused, []);
        assert!(
            scene
                .values()
                .contains(&"(\"aaa\" OR #aaa OR \"bad\" OR #bad)".to_owned())
        );
    }
}

#[tokio::test]
async fn rule_is_divided_when_a_dry_run_does_not_find_the_refused_keyword() {
    let mut project = Project::new(&[]);
    (project.refused, project.accepts_dry_runs) = (vec!["bad"], true);
    let scene = Scene::new(project).await;
    let source = scene.source(10);
    let upkeep = source.sync(&of(&["aaa", "bad"]), None).await.unwrap();
    assert_eq!(upkeep.refused.len(), 1);
    assert_eq!(scene.values(), ["(\"aaa\" OR #aaa)"]);
}

#[tokio::test]
async fn at_the_limit_rules_are_deleted_first_and_the_newest_keywords_wait() {
    let scene = Scene::new(Project::new(&[("1", "cats", "")])).await;
    scene.project.lock().cap = 3;
    let source = scene.source(3);
    let keywords = ["aaa", "bbb", "ccc", "ddd", "eee", "fff"];
    let upkeep = source.sync(&of(&keywords), None).await.unwrap();
    assert_eq!(upkeep.pending, ["eee", "fff"]);
    assert_eq!(scene.values(), ["cats", AB, CD]);
    let rest = ["aaa", "bbb", "ddd", "eee", "fff"];
    let upkeep = source
        .sync(&of(&rest), upkeep.packing.as_ref())
        .await
        .unwrap();
    assert_eq!(upkeep.pending, ["fff"]);
    let de = "(\"ddd\" OR #ddd OR \"eee\" OR #eee)";
    assert_eq!(scene.values(), ["cats", AB, de]);
    assert_eq!(
        scene.requests(),
        ["list", "add 2", "list", "delete [\"101\"]", "add 1"]
    );
}

#[tokio::test]
async fn plan_with_fewer_rules_than_configured_is_found_out() {
    let scene = Scene::new(Project::new(&[])).await;
    scene.project.lock().cap = 2;
    let source = scene.source(10);
    let keywords = of(&["aaa", "bbb", "ccc", "ddd", "eee"]);
    let upkeep = source.sync(&keywords, None).await.unwrap();
    assert_eq!(
        (upkeep.rules, &upkeep.pending),
        (2, &vec!["eee".to_owned()])
    );
    assert_eq!(scene.values(), [AB, CD]);
    let packing = upkeep.packing.as_ref();
    let again = source.sync(&keywords, packing).await.unwrap();
    assert_eq!(again, upkeep);
    assert_eq!(scene.values(), [AB, CD]);
}

#[tokio::test]
async fn dry_run_shows_the_difference_and_changes_nothing() {
    let rules = [
        ("1", "cats", ""),
        ("2", AB, "tidings:x:0"),
        ("3", "old", "tidings:x:1"),
    ];
    let mut project = Project::new(&rules);
    project.refused = vec!["bad"];
    let scene = Scene::new(project).await;
    let source = scene.source(10);
    let keywords = of(&["aaa", "bbb", "ccc", "bad"]);
    let diff = source.dry_run(&keywords, None).await.unwrap();
    let ids = |rules: &[Rule]| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
    let values = diff.add.iter().map(|rule| rule.value.as_str());
    assert_eq!(values.collect::<Vec<_>>(), [C]);
    assert_eq!(ids(&diff.delete), ["3"]);
    assert_eq!(ids(&diff.keep), ["2"]);
    assert_eq!(ids(&diff.foreign), ["1"]);
    assert_eq!(diff.refused.len(), 1);
    assert_eq!(scene.values(), ["cats", AB, "old"]);
    let requests = scene.requests();
    let (list, rest) = requests.split_first().unwrap();
    assert_eq!(list, "list");
    assert!(
        rest.iter().all(|request| request.starts_with("dry add")),
        "{rest:?}"
    );
}

#[tokio::test]
async fn keyword_that_cannot_be_asked_for_is_refused_without_a_request() {
    let scene = Scene::new(Project::new(&[])).await;
    let source = scene.source(10);
    let long = "a".repeat(40);
    let upkeep = source.sync(&of(&["\"", &long]), None).await.unwrap();
    let refused: Vec<&str> = upkeep
        .refused
        .iter()
        .map(|(keyword, _)| keyword.as_str())
        .collect();
    assert_eq!(refused, ["\"", &long]);
    assert_eq!(scene.requests(), ["list"]);
}

#[tokio::test]
async fn list_is_read_to_its_last_page_and_errors_are_handed_on() {
    let x = ScriptedX::start(|asked| match asked.parameter("pagination_token") {
        None => Answered::json(
            200,
            json!({"data": [{"id": "1", "value": "a"}], "meta": {"next_token": "t"}}),
        ),
        Some("t") => Answered::json(
            200,
            json!({"data": [{"id": "2", "value": "b", "tag": "c"}]}),
        ),
        Some(_) => Answered::json(500, json!({})),
    })
    .await;
    let ids: Vec<String> = RuleApi::new(x.api())
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|rule| rule.id)
        .collect();
    assert_eq!(ids, ["1", "2"]);

    let x =
        ScriptedX::start(|_| Answered::json(401, json!({"title": "Unauthorized", "detail": "no"})))
            .await;
    let source = RuleSync::new(x.api(), &x.settings(), "x");
    let refused = source.sync(&of(&["aaa"]), None).await;
    assert_eq!(
        refused,
        Err(ConnectError::Status {
            status: 401,
            detail: "Unauthorized: no".to_owned(),
            retry_at: None,
        })
    );
}

#[test]
fn unreadable_packing_is_replaced() {
    for packing in [
        json!(null),
        json!({"version": 9, "rules": []}),
        json!({"version": 1, "rules": 3}),
    ] {
        assert_eq!(Kept::restored(Some(&packing)).rules, Packing::default());
    }
}
