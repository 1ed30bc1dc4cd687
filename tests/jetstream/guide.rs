//! The operations guide lists what exists.

use std::path::Path;

use crate::common::server::Server;
use crate::jetstream::nats::Nats;

#[test]
fn operations_guide_lists_exactly_the_metrics() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let text = server.ask("GET", "/metrics", &[], b"").text();
    let mut known = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if let ["#", "TYPE", name, kind] = words[..] {
            let end = if kind == "counter" { "_total" } else { "" };
            known.push(format!("{name}{end}"));
        }
    }
    assert!(known.len() > 15, "{known:?}");
    let named: Vec<_> = guide
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("tidings_"))
        .collect();
    for name in &known {
        assert!(named.contains(&name.as_str()), "{name} is not in the guide");
    }
    // Metrics without a value are registered but not shown.
    let telemetry = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry");
    let of_process = std::fs::read_to_string(telemetry.join("metrics.rs")).unwrap();
    let of_sources = std::fs::read_to_string(telemetry.join("source_metrics.rs")).unwrap();
    for name in named {
        let bare = name
            .trim_start_matches("tidings_")
            .trim_end_matches("_bucket")
            .trim_end_matches("_total");
        let is_registered = of_process.contains(&format!("\n    {bare}: "))
            || of_sources.contains(&format!("\"{bare}\""));
        assert!(is_registered, "there is no {name}");
    }
    server.stop();
}
