//! [`SlowClients`]: the clients with bodies that were too slow while memory was short.
//!
//! For a minute, bodies of other clients give way to such a client only when they are far behind.
//! Otherwise clients that stall and try again at once would displace each other every second, and
//! none of them would complete a body.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::ClientKey;

/// Time for which a client stays noted.
const FOR: Duration = Duration::from_secs(60);
/// Maximum number of noted clients. Beyond it the client that was noted least recently is
/// forgotten.
const MAX_CLIENTS: usize = if cfg!(test) { 3 } else { 1024 };

/// The clients, with the time at which each of them is forgotten.
#[derive(Debug, Default)]
pub struct SlowClients {
    until: Mutex<BTreeMap<ClientKey, Instant>>,
}

impl SlowClients {
    /// Notes a client whose body gave way.
    pub fn note(&self, client: ClientKey, now: Instant) {
        let mut until = self.until();
        until.retain(|_, until| *until > now);
        until.insert(client, now + FOR);
        if until.len() > MAX_CLIENTS {
            let first = until.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(client, _)| *client) {
                until.remove(&first);
            }
        }
    }

    /// Whether the client was noted within the last minute.
    pub fn contains(&self, client: ClientKey, now: Instant) -> bool {
        self.until().get(&client).is_some_and(|until| *until > now)
    }

    fn until(&self) -> MutexGuard<'_, BTreeMap<ClientKey, Instant>> {
        // A poisoned lock is safe here: the map is consistent after each statement.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::ClientAddress;
    use super::*;

    #[test]
    fn clients_are_forgotten_after_a_minute_or_when_there_are_too_many() {
        let client = |last| ClientKey::at(Some(ClientAddress([10, 0, 0, last].into())));
        let clients = SlowClients::default();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        for (last, seconds) in [(1, 0), (2, 1), (3, 2), (1, 3), (4, 4)] {
            clients.note(client(last), after(seconds));
        }
        let noted = |seconds| -> Vec<u8> {
            let all = 1..=4;
            all.filter(|last| clients.contains(client(*last), after(seconds)))
                .collect()
        };
        assert_eq!(noted(5), [1, 3, 4]);
        assert_eq!(noted(62), [1, 4]);
        assert_eq!(noted(64), [] as [u8; 0]);
    }
}
