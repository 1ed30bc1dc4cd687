//! The folder of the views is damaged in many ways: the server heals it, and no answer is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::chance::{Chance, long_or, trials};
use crate::common::command::on_files;
use crate::common::posts::{self, KEYWORDS};
use crate::common::server::Server;
use crate::common::views;

/// A data folder with a part of the sample, and the correct answers.
struct Sound {
    _scratch: tempfile::TempDir,
    stopped: PathBuf,
    killed: PathBuf,
    answers: Vec<Value>,
    digest: Value,
}

fn sound() -> Sound {
    let scratch = tempfile::tempdir().unwrap();
    let stopped = scratch.path().join("stopped");
    let killed = scratch.path().join("killed");
    let lines = posts::lines();
    let mut server = Server::start_with(&stopped, &["--set", "commit.interval_ms=50"]);
    server.track(&KEYWORDS);
    for chunk in lines.chunks(long_or(250, 80)).take(10) {
        let before = server.commits();
        server.publish(&chunk.join("\n"));
        assert!(server.committed_or_gone(before));
    }
    server.wait_until_folded();
    let answers = views::everything(&server);
    // The copy has the files as the kill left them.
    server.kill();
    copy(&stopped, &killed);
    Server::start(&stopped).stop();
    let digest = digest(&stopped);
    Sound {
        _scratch: scratch,
        stopped,
        killed,
        answers,
        digest,
    }
}

fn digest(data: &Path) -> Value {
    let ended = on_files(data, ["views", "digest", "--output", "json"]);
    ended.expect_code(0).json()["digest"].clone()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Damages the folder; returns a description of the damage.
fn damage(views: &Path, chance: &mut Chance) -> String {
    let files = files_below(views);
    let file = chance.pick(&files).clone();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let mut bytes = fs::read(&file).unwrap();
    // sled allocates files in advance; only used bytes are damaged.
    let used = bytes.iter().rposition(|byte| *byte != 0);
    let length = used.map_or(0, |last| last as u64 + 1);
    match chance.below(6) {
        0 => {
            fs::remove_file(&file).unwrap();
            format!("removed {name}")
        }
        1 => {
            fs::remove_dir_all(views).unwrap();
            "removed all".to_owned()
        }
        2 if length > 0 => {
            let keep = chance.below(length);
            bytes.truncate(keep as usize);
            fs::write(&file, bytes).unwrap();
            format!("cut {name} from {length} to {keep} bytes")
        }
        3 if length > 0 => {
            let start = chance.below(length) as usize;
            let end = (start + 1 + chance.below(4_096) as usize).min(bytes.len());
            bytes[start..end].fill(0);
            fs::write(&file, bytes).unwrap();
            format!("zeroed {start}..{end} of {name}")
        }
        _ if length > 0 => {
            let mut flipped = Vec::new();
            for _ in 0..=chance.below(8) {
                let at = chance.below(length) as usize;
                bytes[at] ^= 1 << chance.below(8);
                flipped.push(at);
            }
            fs::write(&file, bytes).unwrap();
            format!("flipped bits of {name} at {flipped:?} of {length}")
        }
        _ => {
            fs::write(&file, [0xff; 100]).unwrap();
            format!("wrote into {name}, which was empty")
        }
    }
}

#[test]
fn damaged_views_heal_and_answer_as_before() {
    let sound = sound();
    for trial in 0..trials("TIDINGS_TRIALS", 24) {
        let mut chance = Chance::of(trial);
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        let from = if trial % 2 == 0 {
            &sound.stopped
        } else {
            &sound.killed
        };
        copy(from, &data);
        let what = format!(
            "trial {trial}: {}",
            damage(&data.join("views/current"), &mut chance)
        );
        eprintln!("{what}");
        let server = Server::start(&data);
        assert_eq!(views::everything(&server), sound.answers, "{what}");
        server.stop();
        assert_eq!(digest(&data), sound.digest, "{what}");
        on_files(&data, ["views", "verify"]).expect_code(0);
    }
}
