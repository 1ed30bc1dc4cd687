//! A signal that comes when the server has just said that it is ready.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use crate::command::binary;
use crate::http;
use crate::nats::Nats;
use crate::posts::tweet;
use crate::server::{Server, eventually, send, serve};

#[test]
fn a_signal_right_after_readiness_ends_in_a_commit() {
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
        // Known before the server says where it listens, which is later than it answers.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        drop(free);
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
        // The client of NATS may say behind it that it is closed.
        assert!(
            stderr.lines().any(|line| line.ends_with("serve: stopped")),
            "{stderr}"
        );
        assert!(!stderr.contains("while starting"), "{stderr}");
    }
}
