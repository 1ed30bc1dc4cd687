//! An error with all its causes, as one text.

use std::error::Error;
use std::fmt;

/// Shows an error with the texts of all its sources, joined by `: `. A source is left out if the
/// text before it already contains the text of the source.
///
/// Every log line and every answer that names an error uses this type, because the text of an error
/// alone often leaves out what the operating system said.
#[derive(Clone, Copy)]
pub struct Whole<'a>(&'a (dyn Error + 'static));

/// An error with all its causes, for a log line or an answer.
pub fn whole<'a>(error: &'a (dyn Error + 'static)) -> Whole<'a> {
    Whole(error)
}

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(source) = next {
            let more = source.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            next = source.source();
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the views could not {action}")]
    struct Outer {
        action: &'static str,
        #[source]
        source: Middle,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("writing failed: {source}")]
    struct Middle {
        #[source]
        source: std::io::Error,
    }

    #[test]
    fn every_source_is_named_once() {
        let source = std::io::Error::from_raw_os_error(28);
        let system = source.to_string();
        let error = Outer {
            action: "commit",
            source: Middle { source },
        };
        assert_eq!(
            whole(&error).to_string(),
            format!("the views could not commit: writing failed: {system}")
        );
    }
}
