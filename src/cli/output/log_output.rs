//! The output of log lines.

use std::io;

use super::escaping::plain;

/// Writes log events to standard error. JSON is written unchanged. Any other event is written as
/// one line, with control and format characters escaped.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct LogOutput {
    /// The lines are JSON.
    pub(in crate::cli) is_json: bool,
}

fn log_line(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    format!("{}\n", plain(text.trim_end_matches('\n')))
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for LogOutput {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl io::Write for LogOutput {
    /// Receives a whole event: the formatter writes each event with one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.is_json {
            io::stderr().write_all(event)?;
        } else {
            io::stderr().write_all(log_line(event).as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_one_line() {
        let event = "WARN cut \u{1b}[31m\nERROR spoofed\n";
        assert_eq!(
            log_line(event.as_bytes()),
            "WARN cut \\u{1b}[31m\\nERROR spoofed\n"
        );
        assert_eq!(log_line(b"a\xffb\n"), "a\u{fffd}b\n");
    }
}
