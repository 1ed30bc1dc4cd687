//! The output of commands: text or JSON on standard output, errors and notes on standard error.
//!
//! All text passes through [`Output`], which escapes every control and format character
//! ([`escaping`]), so that text from a publisher cannot move the cursor, ring the bell or reverse a
//! line. JSON keeps every value exactly. Long lists have their own forms: [`CappedList`] names the
//! first items, and [`Listing`] prints items while they are read.

mod capped_list;
mod escaping;
mod listing;
mod log_output;

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde::Serialize;

pub(super) use capped_list::{CappedList, MAX_NAMED, is_zero};
pub(super) use escaping::plain;
use escaping::{Lines, escaped, escaped_json};
pub(super) use listing::Listing;
pub(super) use log_output::LogOutput;

/// The format of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs: one document, or one per line when the output has no end.
    Json,
}

/// Why a command cannot write to standard output.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    /// The reader of standard output, such as `head`, has closed it.
    #[error("the reader of standard output has left")]
    ReaderLeft,
    /// Any other error.
    #[error("standard output cannot be written: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderLeft
        } else {
            Self::Failed(error)
        }
    }
}

/// Prints in the requested format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a value as one line of JSON, or as the text that `text` returns for it.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.text(&text(value)),
            Format::Json => print(&serde_json::to_string(value)?),
        }
    }

    /// Prints lines of text and a line end, in one write.
    pub(super) fn text(self, text: &str) -> anyhow::Result<()> {
        print(&escaped(text, Lines::Many))
    }

    /// Prints JSON in both formats. In text format, the characters that text escapes are written as
    /// JSON escapes, so that the value stays the same.
    pub(super) fn json(self, json: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Text => print(&escaped_json(json)),
            Format::Json => print(json),
        }
    }

    /// Prints an error on standard error. Further lines are indented, so that quoted text cannot
    /// pass for another error.
    pub(super) fn error(self, text: &str) {
        match self.format {
            Format::Text => self.note(&format!("error: {}", text.replace('\n', "\n  "))),
            Format::Json => {
                let line = serde_json::json!({ "error": text }).to_string();
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    /// Prints a note on standard error. Write errors are ignored: no other stream could
    /// report them.
    pub(super) fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", escaped(text, Lines::Many));
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(OutputError::from)?;
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    write_out(&format!("{}\n", text.trim_end_matches('\n')))
}
