//! Exports and imports through pipes and devices, onto files that are not exports, and from a
//! read-only file system.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::command::{Ended, binary, clean, on_files, run};
use crate::common::lines::tweet;
use crate::common::server::{Server, wait_for};
use crate::common::views;

/// Makes the data folder of a stopped server with this number of tweets.
fn filled(data: &Path, tweets: usize) {
    let server = Server::start(data);
    let lines: Vec<String> = (0..tweets)
        .map(|id| tweet("a", &id.to_string(), "2020-01-01T00:00:00Z"))
        .collect();
    server.publish(&lines.join("\n"));
    server.stop();
}

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

/// Runs a command until it exits.
fn ended(mut command: Command) -> Ended {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The output fits into the pipes, so the command ends before they are read.
    let code = wait_for(&mut child).code();
    let output = child.wait_with_output().unwrap();
    Ended {
        code,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn export(data: &Path, file: &Path) -> Command {
    let mut command = binary();
    command
        .arg("--data")
        .arg(data)
        .args(["journal", "export"])
        .arg(file);
    command
}

fn import(data: &Path, file: &Path) -> Command {
    let mut command = binary();
    command
        .arg("--data")
        .arg(data)
        .args(["journal", "import"])
        .arg(file);
    command
}

#[test]
fn export_through_pipes_imports_again() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    filled(&data, 2_000);
    let right = on_files(&data, ["journal", "export"]).expect_code(0).stdout;
    assert_eq!(right.lines().count(), 2_003);

    let pipe = fifo(scratch.path());
    let reading = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    let exported = ended(export(&data, &pipe)).expect_code(0);
    assert!(
        exported.stdout.starts_with("2001 events exported"),
        "{exported:?}"
    );
    assert_eq!(reading.join().unwrap(), right);
    // Other names of standard output: messages about the export must not be mixed into it.
    for name in ["/dev/stdout", "/dev/fd/1"] {
        let exported = run(&mut export(&data, Path::new(name)), b"").expect_code(0);
        assert_eq!(exported.stdout, right, "{name}");
        assert!(
            exported.stderr.contains("2001 events exported"),
            "{exported:?}"
        );
    }

    let packed = zstd::encode_all(right.as_bytes(), 3).unwrap();
    for (name, bytes) in [("plain", right.as_bytes()), ("packed", &packed)] {
        let target = scratch.path().join(name);
        let writing = {
            let (pipe, bytes) = (pipe.clone(), bytes.to_vec());
            std::thread::spawn(move || fs::write(pipe, bytes))
        };
        ended(import(&target, &pipe)).expect_code(0);
        writing.join().unwrap().unwrap();
        let from_stdin = scratch.path().join(format!("{name}-stdin"));
        run(&mut import(&from_stdin, Path::new("/dev/stdin")), bytes).expect_code(0);
        for target in [target, from_stdin] {
            let again = on_files(&target, ["journal", "export"])
                .expect_code(0)
                .stdout;
            let records = |export: &str| {
                let lines = export.lines().skip(1);
                lines.take(2_001).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(records(&again), records(&right));
        }
    }
}

#[test]
fn unwritable_export_ends_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    filled(&data, 5_000);
    let full = ended(export(&data, Path::new("/dev/full"))).expect_code(1);
    assert!(full.stderr.contains("No space left"), "{full:?}");
    assert_eq!(full.stderr.lines().count(), 1, "{full:?}");

    // After the reader has closed the pipe the export is incomplete, so the command fails.
    let mut child = export(&data, Path::new("-"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(wait_for(&mut child).code(), Some(1));
    let stderr = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(stderr.contains("Broken pipe"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");

    let printed = binary()
        .args(["journal", "tail", "--data", data.to_str().unwrap()])
        .stdout(fs::File::create("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(1));
    assert!(
        String::from_utf8(printed.stderr)
            .unwrap()
            .contains("No space left")
    );
}

#[test]
fn export_refuses_other_files_and_leaves_them_unchanged() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    filled(&data, 3);
    let right = on_files(&data, ["journal", "export"]).expect_code(0).stdout;
    let packed = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 3);
        bytes
    };
    for (name, bytes) in [
        ("notes.txt", b"no line's end".to_vec()),
        ("json", br#"{"tidings_journal":1,"incarnation":"x"#.to_vec()),
        ("lines", b"a\nb\n".to_vec()),
        ("zeros", vec![0; 3 << 20]),
        ("whole", right.clone().into_bytes()),
        ("short.zst", b"abc".to_vec()),
        ("text.zst", b"not packed at all".to_vec()),
        ("foreign.zst", packed(b"a\nb\n")),
        ("foreign-line.zst", packed(b"no line's end")),
        (
            "foreign-cut.zst",
            cut(packed(&b"some other text\n".repeat(20_000))),
        ),
        ("whole.zst", packed(right.as_bytes())),
    ] {
        let file = scratch.path().join(name);
        fs::write(&file, &bytes).unwrap();
        let refused = ended(export(&data, &file)).expect_code(1);
        assert!(refused.stderr.contains(name), "{name}: {refused:?}");
        assert!(fs::read(&file).unwrap() == bytes, "{name} was changed");
    }
    // A file name does not have to be UTF-8.
    let odd = scratch.path().join(OsStr::from_bytes(b"\xff\x07.ndjson"));
    ended(export(&data, &odd)).expect_code(0);
    assert_eq!(fs::read_to_string(&odd).unwrap(), right);
    let refused = ended(export(&data, &odd)).expect_code(1);
    assert!(
        refused.stderr.contains("whole export already"),
        "{refused:?}"
    );
    let folder = ended(export(&data, scratch.path())).expect_code(1);
    assert!(folder.stderr.contains("is a folder"), "{folder:?}");
    let folder = ended(import(&scratch.path().join("new"), scratch.path())).expect_code(1);
    assert!(folder.stderr.contains("is a folder"), "{folder:?}");

    // A link to a file is treated like the file, and a link to a data folder like the folder.
    let (link, data_link) = (
        scratch.path().join("link"),
        scratch.path().join("data-link"),
    );
    symlink(scratch.path().join("behind"), &link).unwrap();
    symlink(&data, &data_link).unwrap();
    ended(export(&data_link, &link)).expect_code(0);
    assert_eq!(
        fs::read_to_string(scratch.path().join("behind")).unwrap(),
        right
    );
    // The command resumes a file that it has not finished.
    for length in [0, 1, 20, 80, 300] {
        fs::write(&link, &right[..length]).unwrap();
        ended(export(&data, &link)).expect_code(0);
        assert_eq!(fs::read_to_string(&link).unwrap(), right, "cut at {length}");
    }
}

/// Runs a command while this folder is mounted read-only.
fn read_only(folder: &Path, command: &Command) -> Ended {
    let script = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
    let mut outer = clean(Command::new("unshare"));
    outer.args(["--map-root-user", "--mount", "sh", "-c", script]);
    outer
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args());
    ended(outer)
}

#[test]
fn read_only_data_folder_can_be_inspected_and_exported() {
    let scratch = tempfile::tempdir().unwrap();
    let (disk, data) = (
        scratch.path().join("disk"),
        scratch.path().join("disk/data"),
    );
    fs::create_dir(&disk).unwrap();
    filled(&data, 50);
    let backup = disk.join("backup.ndjson");
    ended(export(&data, &backup)).expect_code(0);

    let on = |arguments: &[&str]| {
        let mut command = binary();
        command.arg("--data").arg(&data).args(arguments);
        command
    };
    for arguments in [
        &["journal", "ls"][..],
        &["journal", "tail"],
        &["journal", "export", "-"],
        &["journal", "export", "--skip-damaged", "-"],
        &["rejected", "ls"],
        &["views", "ls"],
        &["views", "digest"],
        &["views", "verify"],
    ] {
        let looked = read_only(&disk, &on(arguments)).expect_code(0);
        let right = ended(on(arguments)).expect_code(0);
        assert_eq!(looked.stdout, right.stdout, "{arguments:?}");
        assert!(
            looked.stderr.contains("Read-only file system"),
            "{looked:?}"
        );
    }
    for arguments in [
        &["views", "rebuild"][..],
        &["views", "compact"],
        &["rejected", "redrive", "--all"],
        &["journal", "import", backup.to_str().unwrap()],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let refused = read_only(&disk, &on(arguments)).expect_code(1);
        assert!(
            refused.stderr.contains("Read-only file system"),
            "{arguments:?}: {refused:?}"
        );
    }
    // Export to another folder, and import from there.
    let out = scratch.path().join("out.ndjson");
    read_only(&disk, &export(&data, &out)).expect_code(0);
    assert_eq!(fs::read(&out).unwrap(), fs::read(&backup).unwrap());
    let restored = scratch.path().join("restored");
    read_only(&disk, &import(&restored, &backup)).expect_code(0);
    let server = Server::start(&restored);
    assert_eq!(views::totals(&server)["a"], 50);

    // The lock of a running server is detected if the lock file can be read.
    let held = Server::start(&data);
    let refused = read_only(&disk, &on(&["journal", "ls"])).expect_code(1);
    assert!(
        refused.stderr.contains(&held.id().to_string()),
        "{refused:?}"
    );
    held.stop();
    // Without a lock file there is no lock; the command warns.
    fs::remove_file(data.join("lock")).unwrap();
    let looked = read_only(&disk, &on(&["journal", "ls", "--output", "json"])).expect_code(0);
    assert!(looked.stderr.contains("without a lock"), "{looked:?}");
    let listing: Value = serde_json::from_str(&looked.stdout).unwrap();
    assert_eq!(listing["head"], 51);
}
