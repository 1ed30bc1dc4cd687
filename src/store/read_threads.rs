//! Threads that read views and encode answers. Their priority is lower than that of the event loop
//! and the folds, so many reads do not slow down posting, folding and writing to clients.

use tokio::runtime::{self, Handle, Runtime};

/// Threads for one purpose. They start when there is work and end after they were idle.
#[derive(Debug)]
pub struct ReadThreads {
    /// A runtime of which only the blocking threads are used.
    runtime: Option<Runtime>,
}

impl ReadThreads {
    /// Makes up to `count` threads with this name and this niceness, from 0 (the priority of all
    /// other work) to 19.
    pub fn new(name: &'static str, count: usize, niceness: i32) -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .max_blocking_threads(count.max(1))
            .thread_name(name)
            .on_thread_start(move || give_way(niceness))
            .build();
        Self {
            runtime: runtime
                .inspect_err(|error| {
                    tracing::error!(%error, threads = name, "threads for reading could not be \
                        started; reads use the threads of all other work");
                })
                .ok(),
        }
    }

    /// The runtime for the work, with [`Handle::spawn_blocking`].
    pub fn handle(&self) -> Handle {
        match &self.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => Handle::current(),
        }
    }
}

/// Sets the niceness of the calling thread, so that threads with a lower niceness run first.
pub fn give_way(niceness: i32) {
    // Only on Linux. On other systems this would change the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, "the priority of a read thread could not be lowered");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}

impl Drop for ReadThreads {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which is not allowed on the event loop.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
