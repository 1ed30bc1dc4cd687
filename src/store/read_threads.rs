//! Threads on which views are read and answers made, of a lower priority than the event loop and
//! the folds: however much is read, posting, folding and writing to clients go on.

use tokio::runtime::{self, Handle, Runtime};

/// Threads of one purpose. They start when there is work, and end some time after it.
#[derive(Debug)]
pub struct ReadThreads {
    /// A runtime of which nothing but its blocking threads is used.
    runtime: Option<Runtime>,
}

impl ReadThreads {
    /// Up to `count` threads of this name and niceness, from 0 (the priority of all other work) to
    /// 19.
    pub fn new(name: &'static str, count: usize, niceness: i32) -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .max_blocking_threads(count.max(1))
            .thread_name(name)
            .on_thread_start(move || give_way(niceness))
            .build();
        Self {
            runtime: runtime
                .inspect_err(|error| {
                    tracing::error!(%error, threads = name, "reading has no threads of its own and \
                        shares those of other work");
                })
                .ok(),
        }
    }

    /// Through which work is handed to them, with [`Handle::spawn_blocking`].
    pub fn handle(&self) -> Handle {
        match &self.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => Handle::current(),
        }
    }
}

/// Lets threads of a lower niceness go before the calling one.
pub fn give_way(niceness: i32) {
    // On Linux this concerns the calling thread alone, elsewhere the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, "reading has the priority of all other work");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}

impl Drop for ReadThreads {
    fn drop(&mut self) {
        // Waiting for the threads, as a runtime does by itself, is not allowed on the event loop.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
