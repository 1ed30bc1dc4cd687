//! Why a file cannot be read, or not to its end.

use std::io;

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// An argument is wrong or missing; the message names the argument that would be right.
    #[error("{0}")]
    Usage(String),
    /// The compressed file ends too early or is damaged. The records before have been returned.
    #[error("{file} is torn: {problem}; the records before line {line} are whole")]
    Torn {
        /// The file.
        file: String,
        /// The words of the decoder.
        problem: String,
        /// The line that is not whole, from 1.
        line: u64,
    },
    /// The system cannot open or read the file.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
}
