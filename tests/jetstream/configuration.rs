//! Streams must have the specified configuration; the server names each difference.

use serde_json::json;

use crate::common::server::Server;
use crate::jetstream::nats::Nats;

#[test]
fn streams_are_created_as_specified() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let config = nats.stream("TWEETS")["config"].clone();
    assert_eq!(config["subjects"], json!(["tweets.*"]));
    assert_eq!(config["storage"], "file");
    assert_eq!(config["retention"], "limits");
    assert_eq!(
        config["subject_transform"],
        json!({ "src": "tweets.*", "dest": "tweets.{{partition(16,1)}}.{{wildcard(1)}}" })
    );
    for limit in ["max_msgs", "max_bytes", "max_msgs_per_subject"] {
        assert_eq!(config[limit], -1, "{limit}");
    }
    assert_eq!(config["max_age"], 0);
    assert_eq!(
        nats.stream("REJECTED")["config"]["subjects"],
        json!(["rejected.*"])
    );
    let ready = server.get("/readyz");
    assert_eq!(ready["durability"], "buffered");
    assert_eq!(ready["journal"], "connected");
    server.stop();
}

#[test]
fn different_stream_is_refused_with_each_field() {
    let nats = Nats::start();
    let config = json!({
        "name": "TWEETS", "subjects": ["tweets.*"], "retention": "limits",
        "storage": "memory", "max_msgs": 100, "max_age": 60_000_000_000_u64,
    });
    let created = nats.client().api("STREAM.CREATE.TWEETS", &config);
    assert!(created["error"].is_null(), "{created}");
    let scratch = tempfile::tempdir().unwrap();
    let refused = Server::try_start(scratch.path(), &["--nats", &nats.url()]).unwrap_err();
    assert_eq!(refused.status.code(), Some(1));
    for part in [
        "storage is Memory and has to be File",
        "max_msgs is 100 and has to be unlimited",
        "max_age is 60s and has to be 0ns",
        "subject_transform is (none) and has to be tweets.* →",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}
