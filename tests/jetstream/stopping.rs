//! A signal that arrives when the server has just become ready.

use std::process::Stdio;

use crate::common::command::binary;
use crate::common::http;
use crate::common::lines::tweet;
use crate::common::ports::own_address;
use crate::common::server::{Server, send, serve};
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

#[test]
fn signal_right_after_readiness_ends_in_a_commit() {
    let nats = Nats::start();
    // The first server creates the streams.
    let scratch = tempfile::tempdir().unwrap();
    Server::start_with(scratch.path(), &["--nats", &nats.url()]).stop();
    let event = tweet("a", "1", "2020-01-01T00:00:00Z");
    let taken = nats
        .client()
        .publish(b"tweets.a", event.as_bytes())
        .unwrap();
    assert!(taken.is_some());
    for _ in 0..4 {
        let scratch = tempfile::tempdir().unwrap();
        // The address is known before the server prints it, which happens after the first answer.
        let address = own_address();
        let listen = address.to_string();
        let url = nats.url();
        let arguments = [
            "--listen",
            &listen,
            "--nats",
            &url,
            "--set",
            "commit.interval_ms=600000",
        ];
        let mut command = binary();
        command
            .args(serve(scratch.path(), &arguments))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        eventually("the server is ready", || {
            http::ask(address, "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
        });
        send("TERM", child.id());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{stderr}");
        // Only views that were committed and closed are sealed.
        assert!(
            scratch.path().join("views/current.seal").exists(),
            "{stderr}"
        );
        // "serve: stopped" may not be the last line: the client of NATS may log its own end later.
        assert!(
            stderr.lines().any(|line| line.ends_with("serve: stopped")),
            "{stderr}"
        );
        assert!(!stderr.contains("while starting"), "{stderr}");
    }
}
