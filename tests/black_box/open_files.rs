//! With as many clients as the limit on open files, the journal and the views keep their files.

use std::net::TcpStream;
use std::process::Command;

use crate::common::command::clean;
use crate::common::lines::tweet;
use crate::common::server::{Server, serve};
use crate::common::wait::eventually;

#[test]
fn clients_leave_open_files_for_the_journal_and_the_views() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = clean(Command::new("prlimit"));
    command
        .args(["--nofile=256:256", env!("CARGO_BIN_EXE_tidings")])
        .args(serve(
            scratch.path(),
            &["--set", "journal.segment_bytes=1048576"],
        ));
    let server =
        Server::of(command).unwrap_or_else(|ended| panic!("the server did not start: {ended:?}"));
    server.wait_until_ready();
    let mut idle: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    let files = format!("/proc/{}/fd", server.id());
    let open = || std::fs::read_dir(&files).unwrap().count();
    eventually("the limit of connections", || open() >= 128);
    // The posting client needs a connection. Segments are created and rows are written while the
    // other connections stay open.
    idle.truncate(120);
    for body in 0..4 {
        let text = "x".repeat(5_000);
        let lines: Vec<String> = (0..100)
            .map(|number| {
                tweet("k", &format!("{body}-{number}"), "2020-01-01T00:00:00Z").replacen(
                    "\"text\":\"",
                    &format!("\"text\":\"{text}"),
                    1,
                )
            })
            .collect();
        eventually("a post", || {
            server
                .try_publish(&lines.join("\n"))
                .is_ok_and(|answer| answer.status == 200)
        });
    }
    assert!(open() < 200, "{}", open());
    drop(idle);
    let said = server.stop();
    assert!(said.contains("http.connections is lowered"), "{said}");
    assert!(!said.contains("Too many open files"), "{said}");
}
