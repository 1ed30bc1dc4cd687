//! The `tidings` binary.

use std::process::ExitCode;

/// Allocator of the process: jemalloc. Folding allocates and frees many small values on all
/// threads. The system's allocator is slower at this, and other allocators do not return memory
/// after a peak (figures: `docs/performance.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // reqwest is built without a cryptography provider, so one is installed here. The only error is
    // that a provider is already installed; reqwest then uses that one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tidings::cli::main()
}
