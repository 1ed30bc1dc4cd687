//! Damaged files of the journal. A torn end is truncated with a warning; any other damage is
//! located and refused.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;

/// Length of the end mark that an orderly stop writes, in bytes.
const END_MARK_BYTES: usize = 28;

fn segments(data: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = fs::read_dir(data.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "segment"))
        .collect();
    segments.sort();
    segments
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

/// Publishes these ids, each in a group of its own.
fn publish(server: &Server, ids: std::ops::Range<u32>) {
    for id in ids {
        server.publish(&tweet("a", &id.to_string(), "2020-01-01T00:00:00Z"));
    }
}

#[test]
fn torn_journal_end_is_cut_with_a_warning() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    publish(&server, 0..20);
    server.kill();
    let last = segments(scratch.path()).pop().unwrap();
    let length = fs::metadata(&last).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&last)
        .unwrap()
        .set_len(length - 3)
        .unwrap();
    // The views must not hold the truncated records: views beyond the end of the journal count as
    // those of another journal.
    fs::remove_dir_all(scratch.path().join("views")).unwrap();
    let server = Server::start(scratch.path());
    let ids = views::ids(&server, "a");
    assert_eq!(ids.len(), 19);
    assert!(!ids.contains_key("19"));
    publish(&server, 20..21);
    server.wait_until_folded();
    assert_eq!(views::ids(&server, "a").len(), 20);
    let stderr = server.stop();
    let warning = stderr
        .lines()
        .find(|line| line.contains("WARN") && line.contains("bytes"));
    let warning = warning.unwrap_or_else(|| panic!("no warning in {stderr}"));
    assert!(warning.contains("20"), "{warning}");
}

#[test]
fn flipped_bit_before_the_last_group_is_refused_and_located() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    publish(&server, 0..20);
    server.kill();
    let file = segments(scratch.path()).pop().unwrap();
    let middle = fs::read(&file).unwrap().len() / 2;
    flip(&file, middle);
    let refused = Server::try_start(scratch.path(), &[]).unwrap_err();
    assert_eq!(refused.status.code(), Some(1));
    let name = file.file_name().unwrap().to_str().unwrap();
    for part in ["damaged", name, "byte"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let verified = on_files(scratch.path(), ["views", "verify"]).expect_code(3);
    assert!(verified.stdout.contains(name), "{}", verified.stdout);

    // With `--skip-damaged` the undamaged records can still be exported.
    on_files(scratch.path(), ["journal", "export"]).expect_code(1);
    let export = on_files(scratch.path(), ["journal", "export", "--skip-damaged"]).expect_code(0);
    assert!(export.stderr.contains(name), "{}", export.stderr);
    let saved = export
        .stdout
        .lines()
        .filter(|line| line.contains("tweet "))
        .count();
    assert!((1..20).contains(&saved), "{saved} in {}", export.stderr);
}

#[test]
fn flipped_bit_after_an_orderly_stop_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    publish(&server, 0..5);
    server.stop();
    let file = segments(&data).pop().unwrap();
    let sound = fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    // Offsets that hit headers and records.
    let steps = (0..sound.len()).step_by(sound.len() / 40);
    for at in steps.chain(sound.len() - END_MARK_BYTES..sound.len()) {
        flip(&file, at);
        let refused = Server::try_start(&data, &[]).unwrap_err();
        assert_eq!(refused.status.code(), Some(1), "byte {at}");
        assert!(
            refused.stderr.contains(name) && refused.stderr.contains("byte"),
            "byte {at}: {}",
            refused.stderr
        );
        fs::write(&file, &sound).unwrap();
    }
    let server = Server::start(&data);
    assert_eq!(views::ids(&server, "a").len(), 5);
}

#[test]
fn damage_in_an_earlier_segment_is_found_by_verify() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--set", "journal.segment_bytes=1048576"]);
    let text = "x".repeat(9_000);
    let mut lines = String::new();
    for id in 0..400 {
        let line = tweet("a", &id.to_string(), "2020-01-01T00:00:00Z");
        lines.push_str(&line.replace("tweet ", &text));
        lines.push('\n');
        if id % 50 == 49 {
            server.publish(&lines);
            lines.clear();
        }
    }
    server.stop();
    let files = segments(scratch.path());
    assert!(files.len() >= 3, "{files:?}");
    on_files(scratch.path(), ["views", "verify"]).expect_code(0);
    flip(&files[0], 500_000);
    let verified = on_files(scratch.path(), ["views", "verify"]).expect_code(3);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(verified.stdout.contains(name), "{}", verified.stdout);
    // The start does not read the damaged records, because the views are beyond them.
    let server = Server::start(scratch.path());
    assert_eq!(views::totals(&server)["a"], 400);
}
