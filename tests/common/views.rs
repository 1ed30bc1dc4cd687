//! Reads whole views over HTTP.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::common::server::Server;

/// The path of a keyword's view.
pub fn path(keyword: &str, view: &str) -> String {
    let token = utf8_percent_encode(keyword, NON_ALPHANUMERIC);
    format!("/api/v1/keywords/{token}/{view}")
}

/// The ids of a keyword's timeline with the number of their occurrences, read page by page.
pub fn ids(server: &Server, keyword: &str) -> BTreeMap<String, u64> {
    let mut ids = BTreeMap::new();
    let mut before = String::new();
    loop {
        let page = server.get(&path(keyword, &format!("timeline?limit=200{before}")));
        for item in page["items"].as_array().unwrap() {
            *ids.entry(item["id"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        match &page["next"] {
            Value::String(next) => before = format!("&before={next}"),
            _ => return ids,
        }
    }
}

/// The number of tweets of each keyword.
pub fn totals(server: &Server) -> BTreeMap<String, u64> {
    let listing = server.get("/api/v1/keywords");
    let keywords = listing["keywords"].as_array().unwrap().iter();
    keywords
        .map(|one| {
            (
                one["keyword"].as_str().unwrap().to_owned(),
                one["tweets"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// The answers about all keywords: newest tweets, days, ledgers.
pub fn everything(server: &Server) -> Vec<Value> {
    let mut answers = vec![server.get("/api/v1/keywords"), server.get("/api/v1/ledger")];
    for keyword in totals(server).into_keys() {
        answers.push(server.get(&path(&keyword, "timeline?limit=200")));
        answers.push(server.get(&path(
            &keyword,
            "volume?from=2015-04-30T00:00:00Z&to=2015-09-01T00:00:00Z&step=day",
        )));
        answers.push(server.get(&path(&keyword, "ledger")));
    }
    answers
}
