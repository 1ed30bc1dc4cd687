//! Rows of the background are damaged while the server is stopped: `views verify` names what
//! differs, and `views rebuild` makes the views right in a new epoch.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::command::{Ended, on_files};
use crate::common::files::copy_folder;
use crate::common::lines::posted_to;
use crate::common::rows;
use crate::common::server::Server;
use crate::common::views;

/// First byte of the keys of rows of the map of counts.
const MAP: u8 = b'g';
/// First byte of the keys of runs that are not merged into the map.
const RUN: u8 = b'q';

/// A keyword of the same shard as `keyword`.
fn neighbour_of(keyword: &str) -> String {
    let mut names = (0..).map(|number| format!("other{number}"));
    let shard = rows::shard_of(keyword);
    names.find(|name| rows::shard_of(name) == shard).unwrap()
}

/// Makes views in which a map counts three tweets about melons, and a run a fourth one.
fn views_with_map_and_run(data: &Path) {
    let server = Server::start(data);
    let other = neighbour_of("fruit");
    let post = |keyword: &str, id: &str| {
        let text = posted_to(keyword, id, "2020-01-01T10:00:00Z", "melon");
        server.publish(&text);
        server.wait_until_folded();
    };
    for (keyword, id) in [
        ("fruit", "1"),
        ("fruit", "2"),
        ("fruit", "3"),
        (&other, "1"),
    ] {
        post(keyword, id);
    }
    // Untracking takes the other keyword out of the background and merges all runs of the shard.
    let untracked = server.ask(
        "DELETE",
        views::path(&other, "").trim_end_matches('/'),
        &[],
        b"",
    );
    assert_eq!(untracked.status, 204, "{}", untracked.text());
    post("fruit", "4");
    server.stop();
}

fn verify(data: &Path) -> Ended {
    on_files(data, ["views", "verify", "--output", "json"])
}

/// Changes the last row of a kind in the shard of "fruit". If `change` returns `None`, the row is
/// removed.
fn damage(data: &Path, kind: u8, change: impl Fn(Vec<u8>) -> Option<Vec<u8>>) {
    let db = rows::open(data);
    let shard = rows::of_shard(&db, rows::shard_of("fruit").index());
    let (key, row) = shard.scan_prefix([kind]).last().unwrap().unwrap();
    match change(row.to_vec()) {
        Some(row) => shard.insert(key, row),
        None => shard.remove(key),
    }
    .unwrap();
    db.flush().unwrap();
}

/// Returns a function that changes the last byte of a row.
fn with_last_byte(change: impl Fn(u8) -> u8) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> {
    move |mut row| {
        let last = row.last_mut().unwrap();
        *last = change(*last);
        Some(row)
    }
}

/// The start and the end of a bucket, how many of its counts differ, and the first of them: word,
/// count on disk, right count.
fn bucket(from: &str, to: &str, counts: u64, first: (Option<&str>, i64, i64)) -> Value {
    let (word, found, expected) = first;
    json!({
        "shard": rows::shard_of("fruit").index(),
        "from": format!("2020-01-{from}:00.000Z"),
        "to": format!("2020-01-{to}:00.000Z"),
        "counts": counts,
        "word": word,
        "found": found,
        "expected": expected,
    })
}

/// A difference in the five minutes, the hour and the day of the tweets.
fn in_all_widths(counts: u64, first: (Option<&str>, i64, i64)) -> Value {
    let widths = [
        ("01T10:00", "01T10:05"),
        ("01T10:00", "01T11:00"),
        ("01T00:00", "02T00:00"),
    ];
    json!(widths.map(|(from, to)| bucket(from, to, counts, first)))
}

#[test]
fn verify_names_damage_of_the_background_and_rebuild_mends_it() {
    let scratch = tempfile::tempdir().unwrap();
    let sound = scratch.path().join("sound");
    views_with_map_and_run(&sound);
    let verified = verify(&sound).expect_code(0).json();
    assert_eq!(verified["background_differences"], json!([]));

    type Change = Box<dyn Fn(Vec<u8>) -> Option<Vec<u8>>>;
    let cases: [(&str, u8, Change, Value); 3] = [
        (
            "the last count of the map is that of melon on the day",
            MAP,
            Box::new(with_last_byte(|count| count + 4)),
            json!([bucket("01T00:00", "02T00:00", 1, (Some("melon"), 8, 4))]),
        ),
        (
            "the run names another word",
            RUN,
            Box::new(with_last_byte(|letter| letter - 1)),
            in_all_widths(2, (Some("melom"), 1, 0)),
        ),
        (
            "the run is lost",
            RUN,
            Box::new(|_| None),
            in_all_widths(2, (None, 3, 4)),
        ),
    ];
    for (number, (what, kind, change, expected)) in cases.into_iter().enumerate() {
        let data = scratch.path().join(number.to_string());
        copy_folder(&sound, &data);
        damage(&data, kind, change);
        let found = verify(&data).expect_code(3).json();
        assert_eq!(found["background_differences"], expected, "{what}");
        assert_eq!(found["differences"], json!([]), "{what}");

        let rebuilt = on_files(&data, ["views", "rebuild", "--output", "json"]);
        assert_eq!(rebuilt.expect_code(0).json()["new_epoch"], true, "{what}");
        verify(&data).expect_code(0);
    }
    let rebuilt = on_files(&sound, ["views", "rebuild", "--output", "json"]);
    assert_eq!(rebuilt.expect_code(0).json()["new_epoch"], false);
}

#[test]
fn verify_says_which_row_of_the_background_it_cannot_read() {
    let scratch = tempfile::tempdir().unwrap();
    views_with_map_and_run(scratch.path());
    damage(scratch.path(), MAP, |mut row| {
        row.pop();
        Some(row)
    });
    let failed = verify(scratch.path()).expect_code(1);
    assert!(
        failed.stderr.contains("background counts"),
        "{}",
        failed.stderr
    );
}

#[test]
fn verify_prints_a_difference_of_the_background_as_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    views_with_map_and_run(scratch.path());
    damage(scratch.path(), MAP, with_last_byte(|count| count + 4));
    let printed = on_files(scratch.path(), ["views", "verify"])
        .expect_code(3)
        .stdout;
    let difference = "from 2020-01-01T00:00:00.000Z to 2020-01-02T00:00:00.000Z in 1 of its \
        counts; the first is that of the word melon: the views hold 8, the journal makes 4";
    assert!(printed.contains(difference), "{printed}");
    assert!(
        printed.contains("1 buckets of the background differ"),
        "{printed}"
    );
}
