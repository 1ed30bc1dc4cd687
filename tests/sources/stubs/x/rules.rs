//! The rules of the filtered stream: `/2/tweets/search/stream/rules`.

use serde_json::{Value, json};

use super::query::{Query, Subject};
use crate::sources::stubs::http::{Reply, Request};

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    pub value: String,
    pub tag: String,
    query: Query,
}

impl Rule {
    fn json(&self) -> Value {
        json!({ "id": self.id, "value": self.value, "tag": self.tag })
    }
}

/// The rules of the project.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Rule>,
    next_id: u64,
    /// Maximum number of rules.
    pub cap: usize,
    /// Maximum length of a value, in code points.
    pub chars: usize,
    /// Maximum number of rules in an answer.
    pub page: usize,
    /// Values that contain one of these words are refused.
    pub refused_words: Vec<String>,
    /// Whether an addition with one refused value adds none of the others.
    pub is_atomic: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            next_id: 1_700_000_000_000_000_001,
            cap: 1_000,
            chars: 1_024,
            page: 1_000,
            refused_words: Vec::new(),
            is_atomic: false,
        }
    }
}

impl Rules {
    pub fn all(&self) -> &[Rule] {
        &self.all
    }

    /// The rules that a post matches.
    pub fn matching(&self, subject: &Subject) -> Vec<&Rule> {
        let all = self.all.iter();
        all.filter(|rule| rule.query.matches(subject)).collect()
    }

    /// Adds a rule as another client of the project does.
    pub fn add(&mut self, value: &str, tag: &str) -> String {
        let query = Query::parse(value).unwrap();
        let id = self.next_id.to_string();
        self.next_id += 1;
        self.all.push(Rule {
            id: id.clone(),
            value: value.to_owned(),
            tag: tag.to_owned(),
            query,
        });
        id
    }

    /// Answers a GET.
    pub fn get(&self, request: &Request) -> Reply {
        let begin = request.parameter("pagination_token");
        let begin = begin.map_or(Some(0), |token| token.strip_prefix("page")?.parse().ok());
        let Some(begin) = begin else {
            return super::invalid_request("pagination_token", "the token is not valid");
        };
        let asked = request.parameter("max_results");
        let size = asked.and_then(|size| size.parse().ok()).unwrap_or(1_000);
        let size = self.page.min(size);
        let page: Vec<Value> = self
            .all
            .iter()
            .skip(begin)
            .take(size)
            .map(Rule::json)
            .collect();
        let mut meta = json!({ "sent": "2026-11-23T07:00:00.000Z", "result_count": page.len() });
        if begin + page.len() < self.all.len() {
            meta["next_token"] = format!("page{}", begin + page.len()).into();
        }
        // X leaves the member out when there are no rules.
        let body = match page.is_empty() {
            true => json!({ "meta": meta }),
            false => json!({ "data": page, "meta": meta }),
        };
        Reply::json(200, &body)
    }

    /// Answers a POST.
    pub fn post(&mut self, request: &Request) -> Reply {
        let body = request.json();
        let is_dry = request.parameter("dry_run") == Some("true");
        if request.parameter("delete_all").is_some() {
            return super::invalid_request("delete_all", "the stub protects foreign rules");
        }
        match (body["add"].as_array(), body["delete"].as_object()) {
            (Some(add), None) if !add.is_empty() => self.add_all(add, is_dry),
            (None, Some(delete)) => self.delete_all(&Value::from(delete.clone()), is_dry),
            _ => super::invalid_request("body", "exactly one of add and delete is required"),
        }
    }

    fn add_all(&mut self, add: &[Value], is_dry: bool) -> Reply {
        let (mut good, mut errors): (Vec<(&str, &str)>, Vec<Value>) = (Vec::new(), Vec::new());
        let mut is_invalid = false;
        for one in add {
            let (value, tag) = (
                one["value"].as_str().unwrap_or_default(),
                one["tag"].as_str(),
            );
            let held = self.all.iter().find(|rule| rule.value == value);
            if let Some(held) = held {
                errors.push(problem(
                    value,
                    "duplicate-rules",
                    "DuplicateRule",
                    Some(&held.id),
                ));
            } else if good.iter().any(|(other, _)| *other == value) {
                errors.push(problem(value, "duplicate-rules", "DuplicateRule", None));
            } else if let Err(why) = self.check(value) {
                is_invalid = true;
                let mut error = problem(value, "invalid-rules", "UnprocessableEntity", None);
                error["details"] = json!([why]);
                errors.push(error);
            } else if self.all.len() + good.len() >= self.cap {
                is_invalid = true;
                errors.push(problem(value, "rule-cap", "RulesCapExceeded", None));
            } else {
                good.push((value, tag.unwrap_or_default()));
            }
        }
        if is_invalid && self.is_atomic {
            good.clear();
        }
        let before = self.all.len();
        for (value, tag) in &good {
            self.add(value, tag);
        }
        let created: Vec<Value> = self.all[before..].iter().map(Rule::json).collect();
        if is_dry {
            self.all.truncate(before);
        }
        let summary = json!({
            "created": created.len(), "not_created": add.len() - created.len(),
            "valid": created.len(), "invalid": errors.len(),
        });
        let mut body =
            json!({ "meta": { "sent": "2026-11-23T07:00:00.000Z", "summary": summary } });
        if !created.is_empty() {
            body["data"] = created.into();
        }
        if !errors.is_empty() {
            body["errors"] = errors.into();
        }
        let is_refused = is_invalid && body.get("data").is_none();
        Reply::json(if is_refused { 400 } else { 201 }, &body)
    }

    fn check(&self, value: &str) -> Result<(), String> {
        let length = value.chars().count();
        if length > self.chars {
            let limit = self.chars;
            return Err(format!(
                "rules must be at most {limit} characters: {length}"
            ));
        }
        if let Some(word) = self.refused_words.iter().find(|word| value.contains(*word)) {
            return Err(format!("the stub does not take {word:?}"));
        }
        Query::parse(value).map(drop).map_err(|why| why.to_string())
    }

    fn delete_all(&mut self, delete: &Value, is_dry: bool) -> Reply {
        let texts = |name: &str| -> Vec<String> {
            let all = delete[name].as_array().into_iter().flatten();
            all.filter_map(|one| one.as_str().map(str::to_owned))
                .collect()
        };
        let (ids, values) = (texts("ids"), texts("values"));
        let is_meant = |rule: &Rule| ids.contains(&rule.id) || values.contains(&rule.value);
        let deleted = self.all.iter().filter(|rule| is_meant(rule)).count();
        let missing: Vec<Value> = ids
            .iter()
            .filter(|id| !self.all.iter().any(|rule| rule.id == **id))
            .map(|id| json!({ "errors": [{ "message": format!("rule {id} does not exist") }] }))
            .collect();
        if !is_dry {
            self.all.retain(|rule| !is_meant(rule));
        }
        let summary = json!({ "deleted": deleted, "not_deleted": missing.len() });
        let mut body =
            json!({ "meta": { "sent": "2026-11-23T07:00:00.000Z", "summary": summary } });
        if !missing.is_empty() {
            body["errors"] = missing.into();
        }
        Reply::json(200, &body)
    }
}

fn problem(value: &str, kind: &str, title: &str, id: Option<&str>) -> Value {
    let mut problem = json!({
        "value": value, "title": title,
        "type": format!("https://api.x.com/2/problems/{kind}"),
    });
    if let Some(id) = id {
        problem["id"] = id.into();
    }
    problem
}
