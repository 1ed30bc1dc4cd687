//! A cluster of three nats-servers with replicated streams: the leader may die at any time.

use serde_json::Value;

use crate::common::chance::trials;
use crate::common::server::Server;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;
use crate::jetstream::outages::{Publisher, check, wait_until_folded};

/// The number of the server that leads the stream.
fn leader(asked: &Nats) -> Option<usize> {
    let info = asked.stream("TWEETS");
    info["cluster"]["leader"]
        .as_str()?
        .strip_prefix("rig-")?
        .parse()
        .ok()
}

fn is_whole(asked: &Nats) -> bool {
    let info = asked.stream("TWEETS");
    let replicas = info["cluster"]["replicas"].as_array().cloned();
    leader(asked).is_some()
        && replicas.is_some_and(|replicas| {
            replicas.len() == 2
                && replicas
                    .iter()
                    .all(|one| one["current"] == Value::Bool(true))
        })
}

#[test]
fn death_of_the_leader_loses_nothing() {
    let mut all = Nats::start_cluster();
    let scratch = tempfile::tempdir().unwrap();
    let urls: Vec<_> = all.iter().map(Nats::url).collect();
    let urls = urls.join(",");
    let arguments = ["--nats", &urls, "--set", "nats.replicas=3"];
    let server = Server::start_with(scratch.path(), &arguments);
    assert_eq!(server.get("/readyz")["durability"], "replicated");
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    let mut acknowledged = std::collections::BTreeSet::new();
    let deaths = trials("TIDINGS_LEADERS", 2);
    for number in 0..deaths {
        eventually("all three are in step", || is_whole(&all[0]));
        let leads = leader(&all[0]).unwrap();
        // A publisher uses one server only, so it uses one that stays alive.
        let publisher = Publisher::start(&all[(leads + 1) % 3], &format!("p{number}-"));
        publisher.wait_for_more(100);
        all[leads].end_with("KILL");
        publisher.wait_for_more(100);
        all[leads].start_again();
        acknowledged.extend(publisher.finish());
    }
    wait_until_folded(&server, &all[0]);
    check(&server, &acknowledged, deaths as usize);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    server.stop();
}
