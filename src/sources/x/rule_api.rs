//! The rules endpoint of X: lists, adds and deletes rules.
//!
//! X's documents do not say how it refuses rules. A problem is therefore known by the end of its
//! `type`, whatever the status, and a refusal that does not name a value is narrowed down by asking
//! again with half of the values.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{XAnswer, XApi};
use crate::sources::{ConnectError, web};

const PATH: &str = "/2/tweets/search/stream/rules";
const ENDPOINT: &str = "search/stream/rules";
/// The number of rules on a page of the list.
const RULES_A_PAGE: &str = "1000";
/// Maximum number of pages of the list.
const MAX_PAGES: usize = 200;
/// Maximum number of requests for one addition. X allows 100 in 15 minutes.
const MAX_POSTS: usize = 64;
/// Maximum length of X's words about a rule, in characters.
const MAX_WORDS_CHARS: usize = 400;

/// A rule at X.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Rule {
    /// The id that X gave it; empty in some answers to a dry run.
    #[serde(default)]
    pub(super) id: String,
    /// The value.
    pub(super) value: String,
    /// The tag; empty when it has none.
    #[serde(default)]
    pub(super) tag: String,
}

/// A rule that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewRule {
    /// The value.
    pub(super) value: String,
    /// The tag.
    pub(super) tag: String,
}

/// X's answer about one rule that was to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The rule was added with this id, if X names it.
    Added(Option<String>),
    /// X has a rule with this value already.
    Duplicate,
    /// X refuses the value, in these words.
    Refused(String),
    /// X has no room for another rule.
    Capped,
}

/// The rules endpoint.
#[derive(Debug)]
pub(super) struct RuleApi {
    api: XApi,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RulesBody {
    data: Vec<Rule>,
    errors: Vec<Value>,
    meta: RulesMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RulesMeta {
    next_token: Option<String>,
}

/// What an answer says about the rules of a request.
#[derive(Debug, Default)]
struct Judged {
    verdicts: BTreeMap<String, Verdict>,
    /// A problem that names none of the values.
    unnamed: Option<(Problem, String)>,
}

/// The kinds of problems with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Duplicate,
    Cap,
    Invalid,
}

impl RuleApi {
    /// The rules endpoint of this API.
    pub(super) const fn new(api: XApi) -> Self {
        Self { api }
    }

    /// All rules of the project, those of others too.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn list(&self) -> Result<Vec<Rule>, ConnectError> {
        let mut rules = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("max_results", RULES_A_PAGE.to_owned())];
            query.extend(token.map(|token| ("pagination_token", token)));
            let answer = self.api.get(ENDPOINT, PATH, &query).await?;
            let page: RulesBody = serde_json::from_slice(&answer.body)
                .map_err(|error| ConnectError::Form(format!("the list of rules: {error}")))?;
            rules.extend(page.data);
            token = page.meta.next_token;
            if token.is_none() {
                return Ok(rules);
            }
        }
        Err(ConnectError::Form(format!(
            "the list of rules has more than {MAX_PAGES} pages"
        )))
    }

    /// Adds rules, or only asks for a verdict with `dry_run`. Returns a verdict for each rule, in
    /// order. One request is sent, and further ones for rules that a refusal leaves open.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn add(
        &self,
        rules: &[NewRule],
        dry_run: bool,
    ) -> Result<Vec<Verdict>, ConnectError> {
        let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
        let mut batches = VecDeque::from([rules.to_vec()]);
        batches.retain(|batch| !batch.is_empty());
        let mut posts = 0;
        while let Some(batch) = batches.pop_front() {
            posts += 1;
            let answer = self.post(&batch, dry_run).await?;
            if posts == MAX_POSTS {
                return Err(refused_too_often(&answer));
            }
            let judged = judge(&batch, &answer)?;
            let is_capped = judged
                .verdicts
                .values()
                .any(|each| *each == Verdict::Capped);
            verdicts.extend(judged.verdicts);
            if is_capped {
                break;
            }
            let named = |rule: &NewRule| verdicts.contains_key(&rule.value);
            let open: Vec<NewRule> = batch.into_iter().filter(|rule| !named(rule)).collect();
            if judged.unnamed.is_some() {
                let (first, second) = open.split_at(open.len().div_ceil(2));
                batches.push_front(second.to_vec());
                batches.push_front(first.to_vec());
            } else {
                batches.push_front(open);
            }
            batches.retain(|batch| !batch.is_empty());
        }
        let verdict = |rule: &NewRule| verdicts.get(&rule.value).cloned();
        Ok(rules
            .iter()
            .map(|rule| verdict(rule).unwrap_or(Verdict::Capped))
            .collect())
    }

    /// Deletes rules by their ids.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn delete(&self, ids: &[String]) -> Result<(), ConnectError> {
        if !ids.is_empty() {
            let body = json!({"delete": {"ids": ids}});
            self.api.post(ENDPOINT, PATH, &[], &body).await?;
        }
        Ok(())
    }

    async fn post(&self, batch: &[NewRule], dry_run: bool) -> Result<XAnswer, ConnectError> {
        let rules: Vec<Value> = batch
            .iter()
            .map(|rule| json!({"value": rule.value, "tag": rule.tag}))
            .collect();
        let mut query = Vec::new();
        if dry_run {
            query.push(("dry_run", "true".to_owned()));
        }
        let body = json!({"add": rules});
        self.api
            .post_judged(ENDPOINT, PATH, &query, &body, is_about_rules)
            .await
    }
}

/// True when a body has a problem of rules, so that its status does not matter.
fn is_about_rules(body: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let known = |problem: &Value| {
        let name = type_of(problem);
        ["duplicate-rules", "invalid-rules", "rule-cap"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let errors = value.get("errors").and_then(Value::as_array);
    known(&value) || errors.is_some_and(|errors| errors.iter().any(known))
}

fn type_of(problem: &Value) -> &str {
    let name = problem.get("type").and_then(Value::as_str);
    name.unwrap_or_default().trim_end_matches('/')
}

fn kind_of(problem: &Value) -> Problem {
    let name = type_of(problem);
    if name.ends_with("duplicate-rules") {
        Problem::Duplicate
    } else if name.ends_with("rule-cap") {
        Problem::Cap
    } else {
        Problem::Invalid
    }
}

/// Reads what an answer says about each rule of a request. A rule without a verdict is open.
fn judge(batch: &[NewRule], answer: &XAnswer) -> Result<Judged, ConnectError> {
    let is_success = (200..300).contains(&answer.status);
    let body: RulesBody = match serde_json::from_slice(&answer.body) {
        Ok(body) => body,
        Err(error) if is_success => {
            return Err(ConnectError::Form(format!("the added rules: {error}")));
        }
        Err(_) => RulesBody::default(),
    };
    let mut judged = Judged::default();
    let is_asked = |value: &str| batch.iter().any(|rule| rule.value == value);
    for rule in body.data.into_iter().filter(|rule| is_asked(&rule.value)) {
        let verdict = Verdict::Added(Some(rule.id).filter(|id| !id.is_empty()));
        judged.verdicts.insert(rule.value, verdict);
    }
    for problem in &body.errors {
        let kind = kind_of(problem);
        let value = problem.get("value").and_then(Value::as_str);
        match value.filter(|value| is_asked(value)) {
            Some(value) => {
                let verdict = verdict_of(kind, words_of(problem));
                judged.verdicts.insert(value.to_owned(), verdict);
            }
            None => judged.unnamed = Some((kind, words_of(problem))),
        }
    }
    if !is_success && body.errors.is_empty() {
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        judged.unnamed = Some((kind_of(&value), web::detail(&answer.body)));
    }
    if is_success && body.errors.is_empty() {
        for rule in batch {
            let verdict = judged.verdicts.entry(rule.value.clone());
            verdict.or_insert(Verdict::Added(None));
        }
    }
    settle(batch, &mut judged);
    Ok(judged)
}

/// Applies a problem that names no value to the only rule that it can be about, and leaves a
/// refusal for lack of room open while a smaller part of the rules may fit.
fn settle(batch: &[NewRule], judged: &mut Judged) {
    if let ([rule], Some((kind, words))) = (batch, judged.unnamed.take_if(|_| batch.len() == 1)) {
        let verdict = judged.verdicts.entry(rule.value.clone());
        verdict.or_insert(verdict_of(kind, words));
    }
    let is_capped = |verdict: &Verdict| *verdict == Verdict::Capped;
    let is_added = |verdict: &Verdict| matches!(verdict, Verdict::Added(_));
    let has = |test: &dyn Fn(&Verdict) -> bool| judged.verdicts.values().any(test);
    if batch.len() > 1 && has(&is_capped) && !has(&is_added) {
        judged.verdicts.retain(|_, verdict| !is_capped(verdict));
        judged.unnamed = Some((Problem::Cap, String::new()));
    }
    let is_stuck = judged.verdicts.is_empty() && judged.unnamed.is_none();
    if is_stuck {
        judged.unnamed = Some((Problem::Invalid, String::new()));
    }
}

fn verdict_of(kind: Problem, words: String) -> Verdict {
    match kind {
        Problem::Duplicate => Verdict::Duplicate,
        Problem::Cap => Verdict::Capped,
        Problem::Invalid => Verdict::Refused(words),
    }
}

/// X's words about a rule.
fn words_of(problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let details = problem.get("details").and_then(Value::as_array);
    let details = details.into_iter().flatten().filter_map(Value::as_str);
    let details: Vec<&str> = details.collect();
    let details = match details.as_slice() {
        [] => text("details"),
        texts => Some(texts.join("; ")),
    };
    let parts = [text("title"), details, text("detail"), text("message")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return "no reason given".to_owned();
    }
    parts.join(": ").chars().take(MAX_WORDS_CHARS).collect()
}

fn refused_too_often(answer: &XAnswer) -> ConnectError {
    ConnectError::Status {
        status: answer.status,
        detail: format!(
            "after {MAX_POSTS} requests the rules are still refused: {}",
            web::detail(&answer.body)
        ),
        retry_at: None,
    }
}
