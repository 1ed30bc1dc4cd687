//! How a command ends, and what is said when it ends badly.

use std::io;
use std::process::ExitCode;

use super::output::Output;
use crate::http::HostsError;
use crate::settings::SettingsError;
use crate::telemetry::whole;

/// How a command ended that said itself what there was to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As asked.
    Done,
    /// Not, or not wholly.
    Failed,
    /// `views verify` found a difference.
    Different,
}

impl Outcome {
    pub(super) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(1),
            Self::Different => ExitCode::from(3),
        }
    }
}

/// The command line asks for something that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(String);

impl Usage {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Says on standard error what went wrong.
pub(super) fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    if closed_early(error) {
        // The reader of our output, such as `head`, has seen enough.
        return ExitCode::SUCCESS;
    }
    output.error(&text_of(error));
    if error.is::<Usage>() || error.is::<SettingsError>() || error.is::<HostsError>() {
        ExitCode::from(2)
    } else {
        ExitCode::from(1)
    }
}

fn closed_early(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn text_of(error: &anyhow::Error) -> String {
    whole(error.as_ref()).to_string()
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = io::Error::other("disk full");
        let error = anyhow::Error::new(inner)
            .context("write x: disk full")
            .context("export");
        assert_eq!(text_of(&error), "export: write x: disk full");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let left = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing");
        assert!(closed_early(&left.unwrap_err()));
    }
}
