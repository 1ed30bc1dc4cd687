//! The settings of the HTTP server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Layers, MIB, SettingsError, millis, size};

/// Limits and times of the HTTP server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Host names that the server accepts in requests.
    pub hosts: Vec<String>,
    /// A folder with another build of the dashboard; `None`: the one in the binary.
    pub ui_dir: Option<PathBuf>,
    /// Maximum number of open connections.
    pub connections: usize,
    /// Time limit for the head of a request.
    pub header_timeout: Duration,
    /// Time limit between two pieces of a body.
    pub body_idle_timeout: Duration,
    /// Time limit for a whole body.
    pub body_timeout: Duration,
    /// Time after which the connection of a client that reads nothing of its answer is reset.
    pub write_idle_timeout: Duration,
    /// Maximum size of request bodies in memory, over all clients, in bytes.
    pub body_budget: u64,
    /// Maximum size of answers that wait to be written, over all clients, in bytes.
    pub answer_budget: u64,
    /// A separate address for `/metrics`; `None`: `listen`.
    pub metrics_listen: Option<SocketAddr>,
}

impl HttpSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let millis = |key| millis(layers, key, 1..=3_600_000);
        Ok(Self {
            hosts: layers.texts("http.hosts")?,
            ui_dir: layers.optional_text("http.ui_dir")?.map(PathBuf::from),
            connections: size(layers.whole("http.connections", 1..=1_000_000)?),
            header_timeout: millis("http.header_timeout_ms")?,
            body_idle_timeout: millis("http.body_idle_timeout_ms")?,
            body_timeout: millis("http.body_timeout_ms")?,
            write_idle_timeout: millis("http.write_idle_timeout_ms")?,
            body_budget: layers.whole("http.body_budget", MIB..=1024 * 1024 * MIB)?,
            answer_budget: layers.whole("http.answer_budget", MIB..=1024 * 1024 * MIB)?,
            metrics_listen: layers.optional_address("http.metrics_listen")?,
        })
    }
}
