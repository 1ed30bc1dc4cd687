//! Fills a server over HTTP.

use std::time::{Duration, Instant};

use anyhow::ensure;
use reqwest::Method;
use serde_json::Value;

use crate::cli::client::ServerClient;

/// Size at which a body is posted while filling, in bytes. The last line may exceed it.
pub(super) const BODY_BYTES: usize = 8 * 1024 * 1024;
/// Time limit for folding the posted lines.
pub(super) const FOLDED_WITHIN: Duration = Duration::from_secs(300);

/// The result of a posted body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posted {
    pub(super) lines: u64,
    pub(super) journaled: u64,
}

/// Posts lines; returns how many there were and how many events were journaled.
pub(super) async fn post(client: &ServerClient, body: String) -> anyhow::Result<Posted> {
    let body = Some(("application/x-ndjson", body.into_bytes()));
    let answer: Value = client.ask(Method::POST, "/api/v1/tweets", body).await?;
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    Ok(Posted {
        lines: number("lines"),
        journaled: number("journaled"),
    })
}

/// Waits until all posted lines are folded.
pub(super) async fn folded(client: &ServerClient) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let asked: Result<Value, _> = client.ask(Method::GET, "/readyz", None).await;
        let status = match asked {
            Ok(status) => status,
            Err(error) if error.is_passing() => Value::Null,
            Err(error) => return Err(error.into()),
        };
        let shards = status.get("shards").and_then(Value::as_array);
        let is_folded = |shard: &Value| shard.get("lag").and_then(Value::as_u64) == Some(0);
        if shards.is_some_and(|shards| shards.iter().all(is_folded)) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < FOLDED_WITHIN,
            "the posted lines were not folded in time; readyz says {status}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
