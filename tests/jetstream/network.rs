//! A bad network between tidings and nats-server: `readyz` reports it, and nothing is lost.

use std::time::Duration;

use serde_json::Value;

use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;
use crate::jetstream::outages::{Publisher, check, wait_for_consumers, wait_until_folded};
use crate::jetstream::proxy::{Proxy, Weather};

const AT: &str = "2020-01-01T00:00:00Z";

fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.ask("GET", "/readyz", &[], b"");
    (answer.status, answer.json())
}

fn most_lag(server: &Server) -> u64 {
    let (_, ready) = readiness(server);
    let shards = ready["shards"].as_array().unwrap().iter();
    shards
        .map(|one| one["lag"].as_u64().unwrap())
        .max()
        .unwrap()
}

#[test]
fn lag_grows_behind_a_narrow_line_and_shrinks_behind_a_wide_one() {
    let nats = Nats::start();
    let proxy = Proxy::to(nats.address());
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &proxy.url()]);
    proxy.set(Weather {
        bytes_per_second: 60_000,
        ..Weather::default()
    });
    let mut client = nats.client();
    let publish = |client: &mut crate::jetstream::nats::Client, numbers: std::ops::Range<u32>| {
        for number in numbers {
            let event = tweet("a", &format!("t{number}"), AT);
            client
                .publish(b"tweets.a", event.as_bytes())
                .unwrap()
                .unwrap();
        }
    };
    publish(&mut client, 0..5_000);
    eventually("the lag is seen", || most_lag(&server) > 2_000);
    // The lag counts as too large when records of ten seconds ago are not folded yet.
    eventually("the server is not ready", || {
        let (status, ready) = readiness(&server);
        assert_eq!(ready["journal"], "connected", "{ready}");
        status == 503 && ready["state"] == "behind"
    });
    let before = most_lag(&server);
    eventually("the lag shrinks on a narrow line, too", || {
        most_lag(&server) < before
    });
    proxy.set(Weather::default());
    eventually("the lag is gone", || {
        readiness(&server).0 == 200 && most_lag(&server) == 0
    });
    assert_eq!(server.get("/api/v1/ledger")["folded"], 5_000);
    server.stop();
}

#[test]
fn partition_is_reported_and_loses_nothing() {
    let nats = Nats::start();
    let proxy = Proxy::to(nats.address());
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &proxy.url()]);
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    let publisher = Publisher::start(&nats, "t");
    publisher.wait_for_more(200);
    proxy.set(Weather {
        partition: true,
        ..Weather::default()
    });
    eventually("the partition is told", || {
        readiness(&server).1["journal"] == "disconnected"
    });
    eventually("the server is not ready", || readiness(&server).0 == 503);
    // Reads are still answered; requests that write are refused.
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    let refused = server.try_publish(&tweet("a", "posted", AT)).unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    publisher.wait_for_more(200);
    proxy.set(Weather::default());
    eventually("the server is ready again", || readiness(&server).0 == 200);
    let mut acknowledged = publisher.finish();
    wait_until_folded(&server, &nats);
    // A line that was not acknowledged may be stored.
    if crate::common::views::ids(&server, "a").contains_key("posted") {
        acknowledged.insert((0, "posted".into()));
    }
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    server.stop();
    wait_for_consumers(&nats, 0);
}

#[test]
fn repeatedly_cut_slow_line_loses_and_doubles_nothing() {
    let nats = Nats::start();
    let proxy = Proxy::to(nats.address());
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &proxy.url()]);
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    proxy.set(Weather {
        delay: Duration::from_millis(40),
        ..Weather::default()
    });
    let publisher = Publisher::start(&nats, "t");
    // The server's own appends pass the same proxy.
    let mut posted = 0;
    for _ in 0..6 {
        publisher.wait_for_more(150);
        eventually("there is something to cut", || proxy.cut() > 0);
        eventually("a line is taken in again", || {
            let answer = server.try_publish(&tweet("a", &format!("posted{posted}"), AT));
            answer.is_ok_and(|answer| answer.status == 200)
        });
        posted += 1;
    }
    let mut acknowledged = publisher.finish();
    acknowledged.extend((0..posted).map(|number| (0, format!("posted{number}"))));
    wait_until_folded(&server, &nats);
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    server.stop();
}
