//! The load client runs each of its measures, in small.

use serde_json::Value;

use crate::command::binary;

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
fn every_measure_counts_what_reached_the_clients() {
    for arguments in [
        &["burst", "--clients", "20", "--keywords", "2"][..],
        &["rate", "--clients", "10", "--rate", "50"],
        &["stuck", "--clients", "10", "--stuck", "5", "--rate", "20"],
    ] {
        let figures = measure(arguments);
        assert_eq!(figures["gaps"], 0, "{figures}");
        assert!(figures["deliveries"].as_u64().unwrap() > 0, "{figures}");
        assert!(
            figures["latency_p99_ms"].as_f64().unwrap() > 0.0,
            "{figures}"
        );
    }
    let figures = measure(&["rate", "--clients", "10", "--rate", "50"]);
    let each = figures["tweets"].as_u64().unwrap() * 10;
    assert_eq!(figures["deliveries"].as_u64().unwrap(), each, "{figures}");
    let figures = measure(&["idle", "--clients", "50"]);
    assert!(figures["kib_per_client"].as_f64().is_some(), "{figures}");
    let figures = measure(&["reconnect", "--clients", "50"]);
    assert_eq!(figures["recovered"], 50, "{figures}");
}
