//! Journals whose process is killed or whose disk is full. The process is this test binary, which
//! runs [`process_under_test`].

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use tempfile::TempDir;
use tidings::events::{Incarnation, Record, Sequence, Timestamp, binary};
use tidings::journal::{
    EmbeddedJournal, EmbeddedOptions, Journal, JournalError, RejectedEntry, Selection, verify,
};

/// Names the journal's folder to the process under test.
const DIR: &str = "JOURNAL_UNDER_TEST";
/// Names the plan that the process under test runs.
const PLAN: &str = "JOURNAL_PLAN";

fn record(number: u64, bytes: usize) -> Record {
    let payload = format!("{number:>bytes$}");
    Record {
        received_at: Timestamp::EARLIEST,
        token: Bytes::from_static(b"ai"),
        stored: binary::encode_wire(payload.as_bytes()),
    }
}

fn rejection(number: u64) -> RejectedEntry {
    RejectedEntry {
        incarnation: Incarnation(1),
        sequence: Sequence::new(number),
        received_at: Timestamp::EARLIEST,
        token: Bytes::from_static(b"ai"),
        addressed: true,
        code: None,
        reason: "a reason".into(),
        length: 0,
        payload: Bytes::new(),
    }
}

fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: 700,
        ..EmbeddedOptions::default()
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "@{line}").unwrap();
    out.flush().unwrap();
}

/// Not a test: the process that the tests below start. It prints each acknowledgement.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn process_under_test() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let dir = Path::new(&dir);
    match std::env::var(PLAN).unwrap().as_str() {
        "all" => write_and_close(dir).await,
        "faults" => write_over_faults(dir).await,
        "insist" => write_until_taken(dir).await,
        "big" => write_until_full(dir).await,
        other => panic!("no plan {other}"),
    }
}

/// Opens the journal, writes more than a segment holds, and closes it. Does all this twice.
async fn write_and_close(dir: &Path) {
    for _ in 0..2 {
        let journal = EmbeddedJournal::open(dir, &options()).unwrap();
        let rejected = journal.rejected();
        for _ in 0..4 {
            let next = journal.head().borrow().get() + 1;
            let records = (next..next + 3).map(|number| record(number, 50)).collect();
            match journal.append(records).await {
                Ok(appended) => say(&format!("written {}", appended.last)),
                Err(JournalError::Io { .. }) => {
                    say("refused");
                    continue;
                }
                Err(other) => panic!("{other}"),
            }
            rejected.append(vec![rejection(next)]).await.unwrap();
            say(&format!("rejected {next}"));
        }
        journal.close().await.unwrap();
        say("closed");
    }
}

/// Writes until the disk is full, then writes a record that fits.
async fn write_until_full(dir: &Path) {
    let journal = EmbeddedJournal::open(dir, &EmbeddedOptions::default()).unwrap();
    journal.append(vec![record(1, 1000)]).await.unwrap();
    let head = journal.head();
    let large = (0..100).map(|_| record(0, 1000)).collect();
    let refused = journal.append(large).await.unwrap_err();
    assert!(matches!(refused, JournalError::Io { .. }), "{refused}");
    let cause = journal.unwritable().unwrap();
    assert!(cause.contains("os error"), "{cause}");
    assert_eq!(*head.borrow(), Sequence::new(1));
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    assert_eq!(reader.next(100).await.unwrap().end, Sequence::new(1));
    let last = journal.append(vec![record(2, 1000)]).await.unwrap().last;
    assert_eq!(last, Sequence::new(2));
    assert_eq!(reader.next(100).await.unwrap().end, last);
    journal
        .append((0..100).map(|_| record(0, 1000)).collect())
        .await
        .unwrap_err();
    // The process ends as if it were killed.
    say("done");
    std::process::exit(0);
}

/// Appends records one by one and prints each outcome.
async fn write_over_faults(dir: &Path) {
    let journal = EmbeddedJournal::open(dir, &EmbeddedOptions::default()).unwrap();
    for number in 1..=6 {
        say(&match journal.append(vec![record(number, 50)]).await {
            Ok(appended) => format!("written {}", appended.last),
            Err(error) => kind_of(&error).to_owned(),
        });
    }
    say(match journal.close().await {
        Ok(()) => "closed",
        Err(_) => "not closed",
    });
}

fn kind_of(error: &JournalError) -> &'static str {
    match error {
        JournalError::Io { .. } => "refused",
        JournalError::Stalled { .. } => "stalled",
        JournalError::Uncertain { .. } => "uncertain",
        other => panic!("{other}"),
    }
}

/// Appends records one by one and repeats each until it is written. Prints each refusal and each
/// success. The process ends as if it were killed.
async fn write_until_taken(dir: &Path) {
    let journal = EmbeddedJournal::open(dir, &EmbeddedOptions::default()).unwrap();
    for number in 1..=INSISTED {
        while let Err(error) = journal.append(vec![record(number, 50)]).await {
            let cause = journal.unwritable().unwrap();
            assert!(cause.contains("os error"), "{cause}");
            say(kind_of(&error));
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert!(journal.unwritable().is_none());
        say(&format!("written {number}"));
    }
    say("done");
    std::process::exit(0);
}

/// The number of records that [`write_until_taken`] writes.
const INSISTED: u64 = 6;

/// A command that runs the process under test, with the starter's command line in front.
fn process(starter: &[&str], dir: &Path, plan: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut command = match starter.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
        None => Command::new(this),
    };
    command
        .args([
            "--exact",
            &format!("{module}::process_under_test"),
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(PLAN, plan)
        // Cargo sets the variable. The dynamic loader would open files in each of its folders.
        .env_remove("LD_LIBRARY_PATH")
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| line.split_once('@').map(|(_, said)| said.to_owned()))
        .collect()
}

async fn read_all(journal: &EmbeddedJournal) -> Vec<Bytes> {
    let head = *journal.head().borrow();
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let mut payloads = Vec::new();
    while (payloads.len() as u64) < head.get() {
        for envelope in reader.next(100).await.unwrap().envelopes {
            let tidings::events::Content::Keyword(
                _,
                tidings::events::KeywordRecord::Rejected { payload, .. },
            ) = envelope.content
            else {
                panic!("a record differs from the written one");
            };
            payloads.push(payload);
        }
    }
    payloads
}

/// Checks a journal after a kill: it has every acknowledged record, it is undamaged, and it accepts
/// appends.
async fn check_and_go_on(dir: &Path, said: &[String], what: &str) {
    let last = |verb: &str| {
        let numbers = said.iter().filter_map(|line| line.strip_prefix(verb));
        numbers
            .filter_map(|number| number.trim().parse::<u64>().ok())
            .max()
            .unwrap_or(0)
    };
    let (written, rejected) = (last("written"), last("rejected"));
    let journal = EmbeddedJournal::open(dir, &options()).unwrap_or_else(|error| {
        panic!("{what}: {error}");
    });
    let head = journal.head().borrow().get();
    assert!(
        head >= written && head.is_multiple_of(3),
        "{what}: {head} of {written}"
    );
    for (payload, number) in read_all(&journal).await.iter().zip(1..) {
        assert_eq!(payload, format!("{number:>50}").as_bytes(), "{what}");
    }
    let entries = journal.rejected().entries().await.unwrap();
    assert!(
        entries.last().map_or(0, |entry| entry.sequence.get()) >= rejected,
        "{what}"
    );
    assert!(entries.is_sorted_by_key(|entry| entry.sequence), "{what}");
    if said.last().is_some_and(|line| line == "closed") && head == written {
        // Nothing was being written when the process was killed.
        assert_eq!(entries.len() as u64, head / 3, "{what}");
    }
    let next = head + 1;
    let records = (next..next + 3).map(|number| record(number, 50)).collect();
    assert_eq!(
        journal.append(records).await.unwrap().last.get(),
        head + 3,
        "{what}"
    );
    journal
        .rejected()
        .append(vec![rejection(next)])
        .await
        .unwrap();
    drop(journal);
    let verified = verify(dir).unwrap();
    assert!(
        verified.damages.is_empty(),
        "{what}: {:?}",
        verified.damages
    );
    assert_eq!(verified.records, head + 3, "{what}");
}

/// Whether strace is installed. Tests that inject faults are skipped without it.
fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    if !found {
        eprintln!("left out: there is no strace here");
    }
    found
}

/// The system calls that change a journal's files.
const CALLS: [&str; 8] = [
    "openat",
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "unlink",
    "mkdir",
    "close",
];

#[tokio::test]
async fn kill_at_any_system_call_loses_nothing_acknowledged() {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    for call in CALLS {
        // Kills during the start of the program leave no folder.
        for when in 1..400 {
            let dir = TempDir::new().unwrap();
            let journal = dir.path().join("journal");
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let filter = format!("trace={call}");
            let starter = [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &filter,
                "-e",
                &inject,
            ];
            let output = process(&starter, &journal, "all").output().unwrap();
            if output.status.success() {
                break;
            }
            kills += 1;
            let said = said(&output);
            check_and_go_on(&journal, &said, &format!("{call} {when}")).await;
        }
    }
    assert!(kills > 60, "only {kills} kills");
}

#[tokio::test]
async fn failed_write_or_sync_refuses_one_append_only() {
    if !has_strace() {
        return;
    }
    // strace counts per thread. For each append, the journal's thread writes a frame and syncs it.
    // The thread that opens the journal makes two writes, for the headers, and no fdatasync.
    let enospc = "inject=pwrite64:error=ENOSPC:when=4";
    let cases: [(&[&str], &str, &str, u64); 4] = [
        (&[enospc], "refused", "written 4", 5),
        (
            &["inject=fdatasync:error=EIO:when=4"],
            "uncertain",
            "written 4",
            5,
        ),
        (
            &[enospc, "inject=ftruncate:error=EIO:when=1"],
            "uncertain",
            "written 4",
            5,
        ),
        (
            &["inject=pwrite64:error=ENOSPC:when=4+"],
            "refused",
            "stalled",
            3,
        ),
    ];
    for (faults, fourth, fifth, kept) in cases {
        let dir = TempDir::new().unwrap();
        let journal = dir.path().join("journal");
        let mut starter = vec!["strace", "-f", "-qq", "-o", "/dev/null"];
        starter.extend(["-e", "trace=pwrite64,fdatasync,ftruncate"]);
        starter.extend(faults.iter().flat_map(|fault| ["-e", fault]));
        let output = process(&starter, &journal, "faults").output().unwrap();
        let (sixth, last) = match fifth {
            "stalled" => ("stalled", "not closed"),
            _ => ("written 5", "closed"),
        };
        let right = [
            "written 1",
            "written 2",
            "written 3",
            fourth,
            fifth,
            sixth,
            last,
        ];
        assert_eq!(said(&output), right, "{faults:?}");
        let verified = verify(&journal).unwrap();
        assert!(verified.damages.is_empty(), "{faults:?}: {verified:?}");
        assert_eq!(verified.records, kept, "{faults:?}");
        let journal = EmbeddedJournal::open(&journal, &EmbeddedOptions::default()).unwrap();
        let payloads = read_all(&journal).await;
        let numbers = [1, 2, 3, 5, 6];
        for (payload, number) in payloads.iter().zip(numbers) {
            assert_eq!(payload, format!("{number:>50}").as_bytes(), "{faults:?}");
        }
        assert_eq!(payloads.len() as u64, kept, "{faults:?}");
    }
}

/// Runs the plan `insist` under strace. Checks that the journal has each record once and in order,
/// including all acknowledged ones. Returns the output and whether the process reached its end.
async fn insist(arguments: &[&str], journal: &Path) -> (Vec<String>, bool) {
    let mut starter = vec!["strace", "-f", "-qq", "-o", "/dev/null"];
    starter.extend(arguments);
    let output = process(&starter, journal, "insist").output().unwrap();
    let said = said(&output);
    let ended = said.last().is_some_and(|line| line == "done");
    let written = said.iter().filter(|line| line.starts_with("written"));
    let written = written.count() as u64;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let what = format!("{arguments:?} {said:?} {stderr}");
    let opened = EmbeddedJournal::open(journal, &EmbeddedOptions::default());
    let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    let payloads = read_all(&opened).await;
    assert!(payloads.len() as u64 >= written, "{what}");
    for (payload, number) in payloads.iter().zip(1..) {
        assert_eq!(payload, format!("{number:>50}").as_bytes(), "{what}");
    }
    drop(opened);
    let verified = verify(journal).unwrap();
    assert!(
        verified.damages.is_empty(),
        "{what}: {:?}",
        verified.damages
    );
    (said, ended)
}

#[tokio::test]
async fn journal_recovers_by_itself_after_lasting_faults() {
    if !has_strace() {
        return;
    }
    // Each fault outlasts several attempts to repair. Only the journal's thread reaches these
    // counts.
    let cases: [&[&str]; 6] = [
        &["inject=pwrite64:error=ENOSPC:when=4..7"],
        &["inject=fdatasync:error=EIO:when=3..6"],
        &["inject=fdatasync:error=EROFS:when=3..9"],
        &[
            "inject=pwrite64:error=EIO:when=4..5",
            "inject=ftruncate:error=EIO:when=1..4",
        ],
        &[
            "inject=fdatasync:error=EIO:when=3..4",
            "inject=pwrite64:error=EROFS:when=6..8",
        ],
        &[
            "inject=fdatasync:error=EIO:when=3",
            "inject=ftruncate:error=EROFS:when=1..3",
        ],
    ];
    for faults in cases {
        let dir = TempDir::new().unwrap();
        let journal = dir.path().join("journal");
        let mut arguments = vec!["-e", "trace=pwrite64,fdatasync,ftruncate"];
        arguments.extend(faults.iter().flat_map(|fault| ["-e", fault]));
        let (said, ended) = insist(&arguments, &journal).await;
        assert!(ended, "{faults:?}: {said:?}");
        let refused = said.iter().filter(|line| !line.starts_with("written"));
        assert!(refused.count() > 2, "{faults:?}: {said:?}");
    }
}

#[tokio::test]
async fn kill_during_a_repair_loses_and_doubles_nothing() {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    for call in ["pwrite64", "ftruncate", "fsync", "openat"] {
        for when in 1..400 {
            let dir = TempDir::new().unwrap();
            let trace = format!("trace=fdatasync,{call}");
            let kill = format!("inject={call}:signal=KILL:when={when}");
            let fault = "inject=fdatasync:error=EIO:when=3";
            let arguments = ["-e", &trace, "-e", fault, "-e", &kill];
            let (_, ended) = insist(&arguments, &dir.path().join("journal")).await;
            if ended {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 20, "only {kills} kills");
}

#[tokio::test]
async fn uncreatable_segment_refuses_appends_until_it_can_be_created() {
    if !has_strace() {
        return;
    }
    // In "all" a segment holds two groups, so that the second segment begins with record 7.
    for (call, error) in [("openat", "ENOSPC"), ("pwrite64", "EIO"), ("fsync", "EIO")] {
        let dir = TempDir::new().unwrap();
        let journal = dir.path().join("journal");
        let second = journal.join("00000000000000000007.segment");
        let inject = format!("inject={call}:error={error}:when=1");
        let filter = format!("trace={call}");
        let second_path = second.to_str().unwrap();
        let mut starter = vec!["strace", "-f", "-qq", "-o", "/dev/null", "-P", second_path];
        starter.extend(["-e", &filter, "-e", &inject]);
        let output = process(&starter, &journal, "all").output().unwrap();
        let said = said(&output);
        let refused = said.iter().filter(|line| *line == "refused").count();
        assert!(refused >= 1, "{call}: {said:?}");
        assert_eq!(said.last().unwrap(), "closed", "{call}: {said:?}");
        check_and_go_on(&journal, &said, call).await;
        assert!(second.exists(), "{call}");
    }
}

#[tokio::test]
async fn kill_between_two_appends_loses_nothing_acknowledged() {
    for after in 1..=17 {
        let dir = TempDir::new().unwrap();
        let journal = dir.path().join("journal");
        let mut child = process(&[], &journal, "all")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.extend(
                line.unwrap()
                    .split_once('@')
                    .map(|(_, said)| said.to_owned()),
            );
            if lines.len() == after {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        check_and_go_on(&journal, &lines, &format!("after {after} lines")).await;
    }
}

#[tokio::test]
async fn full_disk_refuses_the_append_only() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal");
    // A limit on the size of files stands for a full disk: 64 blocks of 512 bytes. Its signal must
    // be ignored, so that the write fails.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let output = process(&["sh", "-c", script], &journal, "big")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said(&output), ["done"], "{stderr}");
    let journal = EmbeddedJournal::open(&journal, &EmbeddedOptions::default()).unwrap();
    assert_eq!(*journal.head().borrow(), Sequence::new(2));
    let payloads = read_all(&journal).await;
    assert_eq!(payloads[1], format!("{:>1000}", 2).as_bytes());
}
