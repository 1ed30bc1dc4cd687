//! Tests of `bench live`: a small run of each measurement.

use serde_json::Value;

use crate::common::command::binary;

fn measure(arguments: &[&str]) -> Value {
    let output = binary()
        .args(["bench", "live", "--output", "json", "--seconds", "1"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn bench_counts_deliveries_to_clients() {
    for arguments in [
        &["burst", "--clients", "20", "--keywords", "2"][..],
        // The clients answer repeated pings.
        &[
            "rate",
            "--clients",
            "10",
            "--rate",
            "50",
            "--with",
            "live.silence_ms=200",
        ],
    ] {
        let figures = measure(arguments);
        assert_eq!(figures["gaps"], 0, "{figures}");
        let due = figures["tweets"].as_u64().unwrap() * 10;
        assert_eq!(figures["deliveries"].as_u64().unwrap(), due, "{figures}");
        assert!(
            figures["latency_p99_ms"].as_f64().unwrap() > 0.0,
            "{figures}"
        );
    }
    let figures = measure(&["idle", "--clients", "50"]);
    assert!(figures["kib_per_client"].as_f64().is_some(), "{figures}");
    for arguments in [
        &["reconnect", "--clients", "50"][..],
        &["reconnect", "--clients", "50", "--kill"],
    ] {
        let figures = measure(arguments);
        assert_eq!(figures["recovered"], 50, "{figures}");
        assert_eq!(figures["deliveries"], 50, "{figures}");
        assert_eq!(figures["gaps"], 0, "{figures}");
    }
}

#[test]
fn bench_clients_that_never_read_are_closed_in_time() {
    let figures = measure(&[
        "stuck",
        "--clients",
        "5",
        "--stuck",
        "5",
        "--rate",
        "40",
        "--pairs",
        "2",
        "--with",
        "live.slow_ms=200",
    ]);
    assert_eq!(figures["stuck"]["sent_away"], 10, "{figures}");
    assert_eq!(figures["stuck"]["pairs_ms"].as_array().unwrap().len(), 2);
    assert_eq!(figures["gaps"], 0, "{figures}");
}

#[test]
fn bench_measures_folding_with_and_without_clients() {
    let figures = measure(&["fold", "--clients", "5", "--pairs", "1"]);
    let fold = &figures["fold"];
    for name in ["alone_per_second", "beside_per_second", "alone_cpu_micros"] {
        assert!(fold[name].as_f64().unwrap() > 0.0, "{figures}");
    }
    assert_eq!(figures["gaps"], 0, "{figures}");
}
