//! The `tidings` binary.

use std::process::ExitCode;

/// Folding makes and frees many small values on all threads. The system's allocator takes more time
/// for it, and others keep for good what a busy hour took (`docs/performance.md` has the figures).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // reqwest brings no cryptography of its own. A second provider can only be refused when one is
    // installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tidings::cli::main()
}
