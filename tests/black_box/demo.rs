//! The command `tidings demo`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::common::command::binary;
use crate::common::http;
use crate::common::posts::KEYWORDS;
use crate::common::server::{send, wait_for};
use crate::common::wait::eventually;

#[test]
fn demo_fills_itself_and_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = binary()
        .args(["demo", "--posts", "6000", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .unwrap()
        .parse()
        .unwrap();
    let get = |path: &str| {
        let answer = http::ask(address, "GET", path, &[], b"").unwrap();
        (answer.status == 200).then(|| answer.json())
    };
    let tweets = || -> Option<Vec<u64>> {
        let listing = get("/api/v1/keywords")?;
        let keywords = listing["keywords"].as_array()?.iter();
        keywords.map(|one| one["tweets"].as_u64()).collect()
    };
    eventually("all keywords have tweets", || {
        tweets().is_some_and(|tweets| {
            tweets.len() == KEYWORDS.len() && tweets.iter().all(|count| *count > 100)
        })
    });
    // The four months end now, so the last day has tweets.
    eventually("the last day has tweets", || {
        get("/api/v1/overview?window=24h")
            .and_then(|overview| overview["total"].as_u64())
            .is_some_and(|total| total > 0)
    });
    let before = tweets().unwrap();
    eventually("new tweets come in", || {
        tweets().is_some_and(|now| now > before)
    });

    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    // The signal that a closed terminal sends.
    send("HUP", child.id());
    assert!(wait_for(&mut child).success());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}
