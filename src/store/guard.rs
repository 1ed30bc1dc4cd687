//! Calls into sled that turn its panics into errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::StoreError;

/// Runs a call into sled. Damaged files make sled 0.34 panic in places; for us both mean that the
/// rows have to be made anew.
pub(super) fn guarded<T>(
    action: &'static str,
    call: impl FnOnce() -> Result<T, sled::Error>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer.map_err(|source| StoreError::Sled { action, source }),
        Err(panic) => Err(StoreError::Panicked {
            action,
            what: panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "sled panicked".into()),
        }),
    }
}
