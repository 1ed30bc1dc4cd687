//! The task that keeps the known state of the stream current.

use std::sync::Weak;
use std::time::Duration;

use super::standing::Keeper;
use crate::telemetry::whole;

/// Pause between two requests for the state of the stream.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Requests the state of the stream repeatedly, until the journal is closed or dropped.
pub(super) async fn keep_current(keeper: Weak<Keeper>) {
    let mut silent = false;
    loop {
        let Some(keeper) = keeper.upgrade() else {
            return;
        };
        if keeper.is_closed() {
            return;
        }
        match keeper.look().await {
            Ok(_) if silent => {
                tracing::info!("the journal's stream answers again");
                silent = false;
            }
            Err(error) if !silent => {
                tracing::error!(error = %whole(&error), "the journal's stream does not answer as \
                    it should; folding waits");
                silent = true;
            }
            Ok(_) | Err(_) => {}
        }
        drop(keeper);
        tokio::time::sleep(ASK_EVERY).await;
    }
}
