//! A stream that was written under an earlier version of the normal form of keywords: its metadata
//! doesn't name the version.

use serde_json::{Value, json};

use crate::common::server::Server;
use crate::jetstream::nats::Nats;

const MARK: &str = "tidings-normal-form";

/// A nats-server with a stream of an earlier tidings that holds tweets under these tokens.
fn stream_of_before(tokens: &[&str]) -> Nats {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    Server::start_with(scratch.path(), &["--nats", &nats.url()]).stop();
    let mut config = nats.stream("TWEETS")["config"].clone();
    assert_eq!(config["metadata"][MARK], "2");
    config["metadata"] = json!({ "of": "the operator" });
    // A setting that the client does not know.
    config["allow_batched"] = true.into();
    let mut client = nats.client();
    let updated = client.api("STREAM.UPDATE.TWEETS", &config);
    assert!(updated["error"].is_null(), "{updated}");
    for (number, token) in tokens.iter().enumerate() {
        let event = json!({
            "type": "tweet.posted", "id": format!("{number}"), "at": "2026-11-01T00:00:00Z",
            "author": { "handle": "a" }, "text": "t",
        });
        let subject = format!("tweets.{token}");
        client
            .request(subject.as_bytes(), b"", event.to_string().as_bytes())
            .unwrap()
            .unwrap();
    }
    nats
}

fn metadata(nats: &Nats) -> Value {
    nats.stream("TWEETS")["config"]["metadata"].clone()
}

#[test]
fn stream_with_unchanged_tokens_is_upgraded() {
    // The last two tokens named no keyword.
    let nats = stream_of_before(&["ai", "%EC%95%84", "AI", "a%FF"]);
    let before = nats.stream("TWEETS");
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    assert_eq!(
        server.get("/api/v1/keywords/ai/ledger?min_seq=4")["folded"],
        1
    );
    assert_eq!(server.get("/api/v1/ledger")["unaddressed"], 2);
    server.stop();
    assert_eq!(metadata(&nats)[MARK], "2");
    assert_eq!(metadata(&nats)["of"], "the operator");
    let mut after = nats.stream("TWEETS");
    assert_eq!(after["config"]["allow_batched"], true);
    after["config"]["metadata"] = before["config"]["metadata"].clone();
    assert_eq!(after["config"], before["config"], "nothing else is changed");
}

#[test]
fn stream_with_a_changed_token_is_refused_and_unchanged() {
    let nats = stream_of_before(&["ai", "%E2%9D%A4%EF%B8%8F", "%E1%84%8F%E1%84%8F"]);
    let scratch = tempfile::tempdir().unwrap();
    let refused = Server::try_start(scratch.path(), &["--nats", &nats.url()]).unwrap_err();
    assert_eq!(refused.status.code(), Some(1));
    for part in [
        // The last line of standard error escapes quotes.
        r#"%E2%9D%A4%EF%B8%8F (now the keyword \"❤\")"#,
        r#"%E1%84%8F%E1%84%8F (now the keyword \"ㅋㅋ\")"#,
        "journal export",
        "journal import",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(metadata(&nats)[MARK].is_null());
    assert_eq!(nats.stream("TWEETS")["state"]["messages"], 3);
}

#[test]
fn stream_of_a_later_version_is_refused() {
    let nats = stream_of_before(&[]);
    let mut config = nats.stream("TWEETS")["config"].clone();
    config["metadata"] = json!({ MARK: "3" });
    nats.client().api("STREAM.UPDATE.TWEETS", &config);
    let scratch = tempfile::tempdir().unwrap();
    let refused = Server::try_start(scratch.path(), &["--nats", &nats.url()]).unwrap_err();
    assert!(
        refused.stderr.contains("use a newer one"),
        "{}",
        refused.stderr
    );
}
