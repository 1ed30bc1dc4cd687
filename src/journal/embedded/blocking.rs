//! Runs work that blocks on the disk outside the async tasks.

use crate::journal::JournalError;

/// Runs `work` on a thread that may block. The work runs to its end even when the future is
/// dropped.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(JournalError::Closed),
        },
    }
}
