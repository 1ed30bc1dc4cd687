//! NATS denies a permission to a running server for a while: the views still answer, `readyz` names
//! the cause, and afterwards folding and posting continue by themselves.

use serde_json::json;

use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;
use crate::jetstream::nats::{Client, Nats};

const AT: &str = "2020-01-01T00:00:00Z";

fn config(subscribe: &str) -> String {
    config_of("\">\"", subscribe)
}

fn config_of(publish: &str, subscribe: &str) -> String {
    format!(
        "authorization {{ users: [
           {{ user: tidings, password: first, permissions: {{ publish: {publish}, subscribe: \
           {subscribe} }} }}
           {{ user: boss, password: second }}
         ] }}"
    )
}

fn publish(client: &mut Client, ids: &[&str]) {
    for id in ids {
        let event = tweet("a", id, AT);
        let taken = client.publish(b"tweets.a", event.as_bytes()).unwrap();
        assert!(taken.is_some(), "{id}");
    }
}

/// The number of tweets of the keyword `a`.
fn total(server: &Server) -> u64 {
    views::totals(server).get("a").copied().unwrap_or(0)
}

fn causes(server: &Server) -> Option<String> {
    let answer = server.ask("GET", "/readyz", &[], b"");
    (answer.status == 503).then(|| answer.json()["causes"].to_string())
}

#[test]
fn folding_continues_when_the_inbox_permission_returns() {
    let allowed = config("\">\"");
    let denied = config("{ allow: \">\", deny: \"_INBOX.>\" }");
    let nats = Nats::start_configured(&allowed);
    let boss = || Client::connect_as(nats.address(), "boss", "second").unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let url = format!("nats://tidings:first@{}", nats.address());
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    publish(&mut boss(), &["1", "2"]);
    eventually("they are folded", || total(&server) == 2);

    nats.reconfigure(&denied);
    publish(&mut boss(), &["3", "4"]);
    eventually("the cause is named", || {
        assert_eq!(total(&server), 2);
        causes(&server).is_some_and(|causes| causes.contains("Permissions Violation"))
    });

    nats.reconfigure(&allowed);
    eventually("folding goes on", || total(&server) == 4);
    eventually("the server is ready", || causes(&server).is_none());
    eventually("posting goes on", || {
        let posted = server.try_publish(&tweet("a", "5", AT)).unwrap();
        posted.status == 200
    });
    eventually("what was posted is folded", || total(&server) == 5);
    server.stop();
}

#[test]
fn quiet_stream_is_ready_again_without_a_new_event() {
    let allowed = config("\">\"");
    let denied = config_of("{ allow: \">\", deny: \"$JS.API.CONSUMER.>\" }", "\">\"");
    let nats = Nats::start_configured(&allowed);
    let scratch = tempfile::tempdir().unwrap();
    let url = format!("nats://tidings:first@{}", nats.address());
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    let mut boss = Client::connect_as(nats.address(), "boss", "second").unwrap();
    publish(&mut boss, &["1", "2"]);
    eventually("they are folded", || total(&server) == 2);

    nats.reconfigure(&denied);
    eventually("the cause is named", || {
        causes(&server).is_some_and(|causes| causes.contains("begin to read"))
    });
    nats.reconfigure(&allowed);
    eventually("the server is ready", || causes(&server).is_none());
    assert_eq!(total(&server), 2);
    server.stop();
}

#[test]
fn full_rejected_stream_stops_folding_but_not_answers() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let mut client = nats.client();
    publish(&mut client, &["1", "2"]);
    eventually("they are folded", || total(&server) == 2);
    let mut limited = nats.stream("REJECTED")["config"].clone();
    let unlimited = limited.clone();
    limited["max_msgs"] = json!(1);
    limited["discard"] = json!("new");
    client.api("STREAM.UPDATE.REJECTED", &limited);
    for payload in ["no event", "none either"] {
        let taken = client.publish(b"tweets.a", payload.as_bytes()).unwrap();
        assert!(taken.is_some());
    }
    publish(&mut client, &["3"]);
    eventually("the cause is named", || {
        assert!(total(&server) >= 2);
        causes(&server).is_some_and(|causes| {
            causes.contains("rejected log") && causes.contains("maximum messages exceeded")
        })
    });
    assert_eq!(total(&server), 2);
    client.api("STREAM.UPDATE.REJECTED", &unlimited);
    eventually("folding goes on", || total(&server) == 3);
    eventually("the server is ready", || causes(&server).is_none());
    let ledger = server.get("/api/v1/keywords/a/ledger");
    assert_eq!(ledger["rejected"], 2, "{ledger}");
    assert_eq!(nats.stream("REJECTED")["state"]["messages"], 2);
    server.stop();
}
