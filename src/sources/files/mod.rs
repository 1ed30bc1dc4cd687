//! Files of posts in every format that exporters write.
//!
//! ```text
//! file or stdin ─► gz, zstd ─► UTF-8 ─► pieces (lines, elements, rows) ─► forms ─► source records
//!    input          input       text     lines, array, rows     json, v1, flattened, table
//! ```
//!
//! In: a file or the standard input, and what the user said of it ([`FileOptions`]). Out: records
//! in the order of the file ([`FileReader`]), each with its number and line. The reader maps and
//! checks; it does not publish, and keeps no state. It blocks while it reads. Its memory is bounded
//! by the largest record and page ([`MAX_RECORD_BYTES`], [`MAX_PAGE_BYTES`]), not by the file.

mod account;
mod again;
mod array;
mod buffer;
mod checked;
mod columns;
mod error;
mod flattened;
mod input;
mod json;
mod lines;
mod options;
mod piece;
mod reader;
mod rows;
mod table;
mod text;
mod times;
mod v1;

pub use again::read_again;
pub use error::FileError;
pub use input::{FileIdentity, FileInput};
pub use options::{FileArguments, FileFormat, FileOptions};
pub use piece::{MAX_PAGE_BYTES, MAX_RECORD_BYTES};
pub use reader::{FileReader, FileRecord};

#[cfg(test)]
mod tests;
