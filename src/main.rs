//! The `tidings` binary.

use std::process::ExitCode;

/// Folding makes and frees many small values on all threads; the system's allocator takes more
/// time and keeps more memory (`docs/performance.md` has the figures).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // reqwest brings no cryptography of its own. A second provider can only be refused when one is
    // installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tidings::cli::main()
}
