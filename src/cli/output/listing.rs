//! A list that is printed while it is read.

use serde::Serialize;

use super::{Output, print, write_out};
use crate::cli::table::table;

/// Prints a list while it is read, so that the list may be larger than memory. The output is a JSON
/// array with one value per line, or a table whose columns are aligned part by part.
#[derive(Debug)]
pub(in crate::cli) struct Listing<const N: usize> {
    output: Output,
    headings: [&'static str; N],
    is_begun: bool,
}

impl<const N: usize> Listing<N> {
    pub(in crate::cli) fn new(output: Output, headings: [&'static str; N]) -> Self {
        Self {
            output,
            headings,
            is_begun: false,
        }
    }

    /// Prints more values.
    pub(in crate::cli) fn add<T: Serialize>(
        &mut self,
        values: &[T],
        row: impl Fn(&T) -> [String; N],
    ) -> anyhow::Result<()> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if self.output.is_json() {
            let mut text = String::new();
            for (index, value) in values.iter().enumerate() {
                text.push_str(if is_first && index == 0 { "[" } else { ",\n" });
                text.push_str(&serde_json::to_string(value)?);
            }
            self.is_begun = !is_first || !values.is_empty();
            return write_out(&text);
        }
        let rows: Vec<_> = values.iter().map(row).collect();
        let text = table(self.headings, &rows);
        match text.split_once('\n') {
            _ if is_first => print(&text),
            Some((_, rows)) => print(rows),
            None => Ok(()),
        }
    }

    /// Ends the list.
    pub(in crate::cli) fn finish(self) -> anyhow::Result<()> {
        match (self.output.is_json(), self.is_begun) {
            (true, true) => print("]"),
            (true, false) => print("[]"),
            (false, true) => Ok(()),
            (false, false) => print(&table(self.headings, &[])),
        }
    }
}
