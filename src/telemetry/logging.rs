//! The log of the process: format, filter and destination.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people; in colour when standard error is a terminal.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The format is unknown.
    #[error("{0:?} is not a log format; use pretty or json")]
    Format(String),
    /// The filter does not parse.
    #[error(
        "{filter:?} is not a log filter; use error, warn, info, debug, trace, or directives such \
        as \"info,tidings::journal=debug\""
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// The error of the filter.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging is set up already.
    #[error("logging is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends the log lines that pass `filter` to standard error.
///
/// # Errors
/// [`TelemetryError`] when the filter does not parse or logging is set up already.
pub fn init_tracing<W>(format: LogFormat, filter: &str, writer: W) -> Result<(), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // sled logs a failed write many times a second; the store logs the same failure.
    let quiet = if filter.contains("sled") {
        filter.to_owned()
    } else {
        format!("{filter},sled=off")
    };
    let filter = EnvFilter::builder()
        .parse(quiet)
        .map_err(|source| TelemetryError::Filter {
            filter: filter.to_owned(),
            source,
        })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match format {
        // Without colours: the writer escapes control characters, and cannot tell the formatter's
        // colours from control characters in a field's value.
        LogFormat::Pretty => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_formats_and_filters_are_refused() {
        assert!("xml".parse::<LogFormat>().is_err());
        assert!(matches!("json".parse(), Ok(LogFormat::Json)));
        assert!(matches!(
            init_tracing(LogFormat::Pretty, "tidings=loud", std::io::stderr),
            Err(TelemetryError::Filter { .. })
        ));
    }
}
