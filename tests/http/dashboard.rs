//! The files of the dashboard, as a browser asks for them.

use crate::common::in_process::Running;

const PAGE: &[(&str, &str)] = &[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")];

#[tokio::test(flavor = "multi_thread")]
async fn paths_of_the_app_are_answered_with_its_page() {
    let running = Running::start().await;
    for path in [
        "/",
        "/k/ai?window=7d",
        "/k/%EB%82%98",
        "/compare?keyword=a",
        "/ops",
    ] {
        let page = running.send("GET", path, PAGE, b"").await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.text().contains("<div id=\"root\">"),
            "{path}: {}",
            page.text()
        );
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_show_the_app_to_browsers_and_a_problem_to_programs() {
    let running = Running::start().await;
    let page = running.send("GET", "/nothing", PAGE, b"").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("<div id=\"root\">"));
    for (method, path, headers) in [
        ("GET", "/nothing", &[][..]),
        ("GET", "/api/v1/nothing", PAGE),
        ("GET", "/assets/nothing.js", &[]),
        ("GET", "/assets/../Cargo.toml", &[]),
        ("POST", "/k/ai", PAGE),
    ] {
        let refused = running.send(method, path, headers, b"").await;
        assert_eq!(refused.status, 404, "{method} {path}");
        assert_eq!(refused.problem(), "not-found", "{method} {path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_hashed_names_are_kept_and_compressed_for_those_who_take_it() {
    let running = Running::start().await;
    let page = running.get("/").await.text();
    let script = page
        .split(['"', ' '])
        .find(|text| text.starts_with("/assets/") && text.ends_with(".js"))
        .unwrap();
    let plain = running.get(script).await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-encoding"), None);
    let kept = "public, max-age=31536000, immutable";
    let mut lengths = vec![plain.body.len()];
    for coding in ["gzip", "br"] {
        let packed = running
            .send("GET", script, &[("Accept-Encoding", coding)], b"")
            .await;
        assert_eq!(packed.status, 200, "{coding}");
        assert_eq!(packed.header("content-encoding"), Some(coding));
        assert_eq!(packed.header("cache-control"), Some(kept));
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
        assert_ne!(packed.header("etag"), plain.header("etag"));
        lengths.push(packed.body.len());
    }
    assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
    running.stop().await;
}
