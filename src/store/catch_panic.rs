//! Guards for calls into sled: they turn panics of sled into errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::StoreError;

thread_local! {
    /// True while a guarded call into sled runs on this thread. A panic of that call becomes an
    /// error.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call into sled and turns a panic into an error. sled 0.34 panics on some damaged files.
pub(super) fn guarded<T>(
    action: &'static str,
    call: impl FnOnce() -> Result<T, sled::Error>,
) -> Result<T, StoreError> {
    let outer = GUARDED.replace(true);
    let answer = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    match answer {
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

/// Keeps panics of guarded calls from being printed. Called once, at the start of the process.
pub fn silence_guarded_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !GUARDED.get() {
            print(panic);
        }
    }));
}

/// A handle of sled. Dropping the last handle closes the files, and panics when the disk fails.
#[derive(Debug, Clone)]
pub(super) struct Handle<T>(Option<T>);

impl<T> Handle<T> {
    pub(super) const fn new(handle: T) -> Self {
        Self(Some(handle))
    }

    /// Returns the handle, which exists until `self` is dropped.
    pub(super) fn get(&self) -> Result<&T, StoreError> {
        self.0.as_ref().ok_or(StoreError::Absent)
    }

    /// Drops the handle.
    ///
    /// # Errors
    /// [`StoreError::Panicked`] when it was the last handle and the files could not be closed.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        let handle = self.0.take();
        guarded("be closed", move || {
            drop(handle);
            Ok(())
        })
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        if self.0.is_some() {
            let handle = Self(self.0.take());
            // Closing a store syncs its file before this and reports that error.
            if let Err(error) = handle.close() {
                tracing::debug!(%error, "closing the files of a sled handle failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_of_sled_is_an_error_and_is_ignored_on_drop() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the file could not be synced");
            }
        }
        drop(Handle::new(Bomb));
        let error = Handle::new(Bomb).close().unwrap_err();
        assert!(error.to_string().contains("could not be synced"), "{error}");
        assert!(!GUARDED.get());
    }
}
