//! Rate limits of a stub: so many requests to an endpoint in a window of time.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::world::now_ms;

/// A limit.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub requests: u64,
    pub window_ms: i64,
}

/// The state of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u64,
    pub remaining: u64,
    /// The end of the window, in milliseconds since 1970.
    pub reset_ms: i64,
    /// Whether the request is within the limit.
    pub is_within: bool,
}

/// The limits of all endpoints.
#[derive(Debug, Default)]
pub struct Limits(Mutex<BTreeMap<String, (Limit, i64, u64)>>);

impl Limits {
    pub fn set(&self, endpoint: &str, limit: Limit) {
        let mut limits = self.0.lock().unwrap();
        limits.insert(endpoint.to_owned(), (limit, 0, 0));
    }

    /// Counts a request. Windows end at whole seconds, since X names them in seconds.
    pub fn take(&self, endpoint: &str) -> Option<Allowance> {
        let mut limits = self.0.lock().unwrap();
        let (limit, reset_ms, used) = limits.get_mut(endpoint)?;
        let now = now_ms();
        if now >= *reset_ms {
            *reset_ms = (now + limit.window_ms + 999).div_euclid(1_000) * 1_000;
            *used = 0;
        }
        let is_within = *used < limit.requests;
        if is_within {
            *used += 1;
        }
        Some(Allowance {
            limit: limit.requests,
            remaining: limit.requests - *used,
            reset_ms: *reset_ms,
            is_within,
        })
    }
}
