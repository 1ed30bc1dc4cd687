//! Keywords that are tracked become rules at X, and rules of others stay as they are.

use super::stubs::x::RULES;
use super::stubs::{Draft, X};
use super::{check_views, environment, eventually_reports, serve_collecting, stub_of_x};
use crate::common::command::{Ended, binary, run};
use crate::common::server::{Server, serve};
use crate::common::wait::eventually;

/// The prefix of the tags of this source's rules.
const OURS: &str = "tidings:x:";

#[test]
fn tracked_keyword_becomes_a_rule_without_a_reconnect() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let foreign = ["tidings:another:12345678", "another client", ""];
    for tag in foreign {
        x.rules().add(&format!("foreign{}", tag.len()), tag);
    }
    let before = x.rules().all().to_vec();
    let server = serve_collecting(&x, scratch.path());
    eventually_reports(&server, "x", "idle without keywords", |report| {
        report["state"] == "idle"
    });
    assert_eq!(x.faults.opened_streams(), 0);

    server.track(&["모루폰"]);
    eventually("the first keyword is in the rules", || {
        x.values(OURS)
            .iter()
            .any(|value| value.contains("\"모루폰은\""))
    });
    eventually("the stream is open", || x.faults.open_streams() == 1);
    server.track(&["pellivar"]);
    eventually("the second keyword is in the rules", || {
        x.values(OURS)
            .iter()
            .any(|value| value.contains("\"pellivar\""))
    });
    x.world.post(Draft::of("모루폰은 좋다").planting("모루폰"));
    x.world.post(Draft::of("a pellivar").planting("pellivar"));
    check_views(&x, &server, &["모루폰", "pellivar"]);

    let answer = server.ask("DELETE", "/api/v1/keywords/pellivar", &[], b"");
    assert_eq!(answer.status, 204);
    eventually("the rule is gone", || {
        !x.values(OURS)
            .iter()
            .any(|value| value.contains("pellivar"))
    });
    assert!(x.values(OURS).iter().any(|value| value.contains("모루폰")));
    assert_eq!(
        x.faults.opened_streams(),
        1,
        "the stream was not opened again"
    );
    let kept: Vec<_> = x.rules().all().to_vec();
    let kept: Vec<_> = kept
        .into_iter()
        .filter(|rule| !rule.tag.starts_with(OURS))
        .collect();
    assert_eq!(kept, before);
}

#[test]
fn refused_keyword_is_reported_and_the_others_are_collected() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    x.rules().refused_words = vec!["brambleforge".to_owned()];
    let server = serve_collecting(&x, scratch.path());
    let keywords = ["모루폰", "brambleforge", "pellivar", "안개나무"];
    server.track(&keywords);
    eventually_reports(&server, "x", "the refused keyword", |report| {
        report["keywords"]["refused"][0]["keyword"] == "brambleforge"
    });
    eventually("the others are in the rules", || {
        let values = x.values(OURS).concat();
        ["모루폰", "pellivar", "안개나무"]
            .iter()
            .all(|keyword| values.contains(keyword))
    });
    eventually("the stream is open", || x.faults.open_streams() == 1);
    x.world.post(Draft::of("pellivar").planting("pellivar"));
    check_views(&x, &server, &["pellivar"]);
}

#[test]
fn keywords_beyond_the_cap_are_pending_oldest_first() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    x.rules().add("foreign", "of another client");
    x.rules().cap = 2;
    x.rules().chars = 200;
    let mut command = binary();
    command
        .args(serve(scratch.path(), &[]))
        .envs(environment(&x))
        .env("TIDINGS_SOURCES__X__ENABLED", "true")
        .env("TIDINGS_SOURCES__X__RULES_MAX", "2")
        .env("TIDINGS_SOURCES__X__RULE_CHARS", "200");
    let server = Server::of(command).unwrap();
    server.wait_until_ready();
    let keywords: Vec<String> = (0..12)
        .map(|number| format!("모루폰{number}나무"))
        .collect();
    for keyword in &keywords {
        server.track(&[keyword]);
    }
    eventually_reports(&server, "x", "the newest keyword as pending", |report| {
        let pending = report["keywords"]["pending"].as_array();
        pending.is_some_and(|all| all.iter().any(|one| *one == *keywords[11]))
    });
    let values = x.values(OURS);
    assert_eq!(values.len(), 1, "one rule is left beside the foreign one");
    assert!(values[0].contains(&keywords[0]), "the oldest keyword is in");
    assert!(values[0].chars().count() <= 200);
    assert_eq!(x.values("of another client"), ["foreign"]);
}

/// Runs `tidings collect x` with these arguments to its end.
fn collect(x: &X, server: &Server, state: &std::path::Path, arguments: &[&str]) -> Ended {
    let mut command = binary();
    command
        .args(["collect", "x", "--server", &server.url(), "--state"])
        .arg(state)
        .args(arguments)
        .envs(environment(x));
    run(&mut command, b"")
}

#[test]
fn dry_run_changes_no_rule_and_removal_leaves_foreign_rules() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    x.rules().add("foreign", "of another client");
    x.rules().add("old", "tidings:x:00000000");
    let before = x.rules().all().to_vec();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    let state = scratch.path().join("state");
    let ended = collect(&x, &server, &state, &["--dry-run"]).expect_code(0);
    for shown in ["pellivar", "old", "foreign"] {
        assert!(ended.stdout.contains(shown), "{shown} in {}", ended.stdout);
    }
    assert_eq!(x.rules().all(), before);
    let posts = x.requests.to(RULES).into_iter();
    for post in posts.filter(|one| one.request.method == "POST") {
        assert_eq!(post.request.parameter("dry_run"), Some("true"));
    }
    assert_eq!(x.faults.opened_streams(), 0);

    collect(&x, &server, &state, &["--remove-rules"]).expect_code(0);
    assert_eq!(x.values(""), ["foreign"]);
}
