//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Time limit of every wait. Only a failing test reaches it.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The pause between two checks of a condition that cannot be awaited.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until a condition holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "still not so: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until a condition holds, and lets other tasks run.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "still not so: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
