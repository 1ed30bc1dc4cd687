//! `tidings views verify`: is every view what the journal makes of it?

use serde::Serialize;

use super::folding;
use crate::actors::{self, Comparison, Standing, Verification};
use crate::cli::Invocation;
use crate::cli::data_folder::DataFolder;
use crate::cli::failure::Outcome;
use crate::cli::system::open_journal;
use crate::journal::{self, Verified};

/// What was compared, and what was found.
#[derive(Debug, Serialize)]
struct Report {
    position: u64,
    keywords: usize,
    digest: Option<String>,
    /// Keywords compared at their own position, below that of the others.
    behind: Vec<String>,
    /// Why the views could not be compared at all.
    unusable: Option<String>,
    /// Damage of the journal's files, each with its place.
    journal_damages: Vec<String>,
    /// Sequences, first and last, at which the journal should hold a record and doesn't.
    journal_missing: Vec<(u64, u64)>,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Difference {
    keyword: String,
    found: Option<Side>,
    expected: Option<Side>,
}

#[derive(Debug, Serialize)]
struct Side {
    as_of: u64,
    journaled: u64,
    folded: u64,
    duplicate: u64,
    ignored: u64,
    rejected: u64,
    deleted: u64,
    digest: Option<String>,
}

pub(super) async fn run(invocation: &Invocation, folder: &DataFolder) -> anyhow::Result<Outcome> {
    let bytes = if invocation.settings.nats.is_some() {
        // NATS looks after the bytes of its stream.
        None
    } else {
        let dir = folder.journal();
        Some(tokio::task::spawn_blocking(move || journal::verify(&dir)).await??)
    };
    // A damaged journal cannot say what the views should be.
    let damages = bytes.filter(|bytes| !bytes.damages.is_empty());
    let report = if let Some(bytes) = damages {
        damaged(&bytes)
    } else {
        let journal = open_journal(&invocation.settings, folder).await?;
        let (bar, moved) = folding("events", &*journal);
        let cache_bytes = invocation.settings.store.cache_bytes;
        let found = actors::verify(folder.path(), cache_bytes, &*journal, moved).await?;
        bar.finish_and_clear();
        journal.close().await?;
        match found {
            Comparison::Compared(found) => compared(&found),
            Comparison::Unusable(what) => unusable(what),
        }
    };
    invocation.output.show(&report, text_of)?;
    Ok(if report.finds_nothing() {
        Outcome::Done
    } else {
        Outcome::Different
    })
}

impl Report {
    fn finds_nothing(&self) -> bool {
        self.unusable.is_none() && self.differences.is_empty() && self.journal_damages.is_empty()
    }
}

fn damaged(bytes: &Verified) -> Report {
    Report {
        position: bytes.last.get(),
        keywords: 0,
        digest: None,
        behind: Vec::new(),
        unusable: None,
        journal_damages: bytes.damages.iter().map(ToString::to_string).collect(),
        journal_missing: Vec::new(),
        differences: Vec::new(),
    }
}

fn unusable(what: String) -> Report {
    Report {
        position: 0,
        keywords: 0,
        digest: None,
        behind: Vec::new(),
        unusable: Some(what),
        journal_damages: Vec::new(),
        journal_missing: Vec::new(),
        differences: Vec::new(),
    }
}

fn compared(found: &Verification) -> Report {
    let differences = found.differences.iter().map(|difference| Difference {
        keyword: difference.keyword.to_string(),
        found: difference.found.as_ref().map(side),
        expected: difference.expected.as_ref().map(side),
    });
    Report {
        position: found.position.get(),
        keywords: found.keywords,
        digest: Some(found.digest.to_string()),
        behind: found.behind.iter().map(ToString::to_string).collect(),
        unusable: None,
        journal_damages: Vec::new(),
        journal_missing: found
            .missing
            .iter()
            .map(|range| (*range.start(), *range.end()))
            .collect(),
        differences: differences.collect(),
    }
}

fn side(standing: &Standing) -> Side {
    let ledger = standing.ledger;
    Side {
        as_of: standing.as_of.get(),
        journaled: ledger.journaled,
        folded: ledger.folded,
        duplicate: ledger.duplicate,
        ignored: ledger.ignored,
        rejected: ledger.rejected,
        deleted: ledger.deleted,
        digest: standing.digest.map(|digest| digest.to_string()),
    }
}

fn text_of(report: &Report) -> String {
    let mut lines: Vec<String> = report.journal_damages.clone();
    for (first, last) in &report.journal_missing {
        lines.push(if first == last {
            format!("the journal holds nothing at sequence {first}")
        } else {
            format!("the journal holds nothing at the sequences {first} to {last}")
        });
    }
    for keyword in &report.behind {
        lines.push(format!(
            "{keyword} is behind the others and was compared at its own position"
        ));
    }
    for difference in &report.differences {
        lines.push(format!(
            "{} differs: the views hold {}, the journal makes {}",
            difference.keyword,
            side_text(difference.found.as_ref()),
            side_text(difference.expected.as_ref()),
        ));
    }
    lines.push(if let Some(what) = &report.unusable {
        format!(
            "the views cannot be compared: {what}; they were left as they are, and a server or `tidings views rebuild` makes them anew"
        )
    } else if !report.journal_damages.is_empty() {
        "the journal is damaged, so that the views cannot be compared with it".to_owned()
    } else if report.differences.is_empty() {
        format!(
            "no difference in {} keywords through sequence {}",
            report.keywords, report.position
        )
    } else {
        format!(
            "{} of {} keywords differ; `tidings views rebuild` makes the views anew",
            report.differences.len(),
            report.keywords
        )
    });
    lines.join("\n")
}

fn side_text(side: Option<&Side>) -> String {
    let Some(side) = side else {
        return "nothing".to_owned();
    };
    format!(
        "{} folded, {} duplicate, {} ignored, {} rejected, {} deleted as of {} (digest {})",
        side.folded,
        side.duplicate,
        side.ignored,
        side.rejected,
        side.deleted,
        side.as_of,
        side.digest.as_deref().unwrap_or("none: untracked"),
    )
}
