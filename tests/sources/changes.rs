//! Edits and deletions at the source reach the views.

use std::collections::BTreeMap;

use super::stubs::{Bluesky, Draft};
use super::{Stub, check_views, serve_collecting, stub_of_mastodon, stub_of_x};
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;

/// Waits until the timeline holds exactly these ids.
fn eventually_shows(server: &Server, what: &str, is_so: impl Fn(&[String]) -> bool) {
    let mut last = BTreeMap::new();
    eventually(what, || {
        last = views::ids(server, "pellivar");
        let ids: Vec<String> = last.keys().cloned().collect();
        last.values().all(|times| *times == 1) && is_so(&ids)
    });
}

/// Posts, edits and deletes; `versioned` is the mark between the id of a post and its version.
fn check_changes<S: Stub>(stub: &S) {
    let scratch = tempfile::tempdir().unwrap();
    let server = serve_collecting(stub, scratch.path());
    server.track(&["pellivar"]);
    let base = stub.base();
    eventually("the source is connected", || base.faults.open_streams() > 0);
    let number = base
        .world
        .post(Draft::of("a pellivar").planting("pellivar"));
    check_views(stub, &server, &["pellivar"]);
    let first = stub.tweet_id(&base.world.get(number).unwrap());
    base.world.edit(number, "a pellivar again");
    eventually_shows(
        &server,
        "the edited version alone is shown",
        |ids| matches!(ids, [only] if *only != first && only.starts_with(&first)),
    );
    base.world.delete(number);
    eventually_shows(&server, "the deleted post is gone", <[String]>::is_empty);
}

#[test]
fn bluesky_edits_and_deletes_reach_the_views() {
    check_changes(&Bluesky::start());
}

#[test]
fn mastodon_edits_and_deletes_reach_the_views() {
    check_changes(&stub_of_mastodon());
}

#[test]
fn x_edit_replaces_the_earlier_version() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = serve_collecting(&x, scratch.path());
    server.track(&["pellivar"]);
    eventually("the source is connected", || x.faults.open_streams() > 0);
    let number = x.world.post(Draft::of("a pellivar").planting("pellivar"));
    check_views(&x, &server, &["pellivar"]);
    x.world.edit(number, "a pellivar again");
    let ids = super::x::ids_of(&x.world.get(number).unwrap());
    eventually_shows(&server, "the edited version alone is shown", |found| {
        found == [format!("x:{}", ids[1])]
    });
}
