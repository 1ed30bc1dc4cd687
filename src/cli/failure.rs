//! The exit codes of commands, and the text of their errors.

use std::process::ExitCode;

use clap::Parser as _;

use super::CommandLine;
use super::output::{Format, Output, OutputError, plain};
use crate::app::AppError;
use crate::settings::SettingsError;
use crate::telemetry::whole;

/// The outcome of a command that has printed its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandOutcome {
    /// All requested work was done.
    Done,
    /// A part of the work was not done.
    Failed,
    /// `views verify` found a difference.
    Different,
}

impl CommandOutcome {
    pub(super) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(1),
            Self::Different => ExitCode::from(3),
        }
    }
}

/// An argument is wrong, which was found after parsing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(String);

impl UsageError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Prints an error on standard error and returns the exit code.
pub(super) fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    if closed_early(error) {
        // The reader of standard output, such as `head`, has closed it.
        return ExitCode::SUCCESS;
    }
    output.error(&text_of(error));
    let is_usage = error.is::<UsageError>()
        || error.is::<SettingsError>()
        || error.downcast_ref().is_some_and(AppError::is_usage);
    if is_usage {
        ExitCode::from(2)
    } else {
        ExitCode::from(1)
    }
}

/// Prints the help, or the error of the command line.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version go to standard output, with colours.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // The message quotes arguments, so the escaped arguments are parsed again for it.
    let shown = std::env::args_os().map(|argument| plain(&argument.to_string_lossy()).into_owned());
    let text = match CommandLine::try_parse_from(shown) {
        Err(of_escaped) => of_escaped.render().to_string(),
        Ok(_) => error.kind().to_string(),
    };
    Output::new(Format::Text).note(text.trim_end());
    ExitCode::from(2)
}

/// True when the reader of standard output closed it. A broken pipe elsewhere, such as of an export
/// or a connection, is a failure.
fn closed_early(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<OutputError>(),
        Some(OutputError::ReaderLeft)
    )
}

fn text_of(error: &anyhow::Error) -> String {
    whole(error.as_ref()).to_string()
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn repeated_cause_is_logged_once() {
        let inner = io::Error::other("disk full");
        let error = anyhow::Error::new(inner)
            .context("write x: disk full")
            .context("export");
        assert_eq!(text_of(&error), "export: write x: disk full");
    }

    #[test]
    fn a_closed_standard_output_is_no_failure() {
        let left = || io::Error::from(io::ErrorKind::BrokenPipe);
        let printing = Err::<(), _>(OutputError::from(left())).context("printing");
        assert!(closed_early(&printing.unwrap_err()));
        let exporting = Err::<(), _>(left()).context("exporting");
        assert!(!closed_early(&exporting.unwrap_err()));
    }
}
