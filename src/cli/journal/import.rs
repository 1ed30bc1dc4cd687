//! `tidings journal import`: an export becomes a journal again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::cli::Invocation;
use crate::cli::data_folder::DataFolder;
use crate::cli::failure::Outcome;
use crate::cli::progress;
use crate::cli::system::open_journal;
use crate::journal::{self, Imported, Progress, import_state};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Where from: a file, plain or zstd, or `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What was imported.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    resumed: u64,
    digest: String,
    records_digest: String,
}

pub(super) async fn run(arguments: Arguments, invocation: &Invocation) -> anyhow::Result<Outcome> {
    if arguments.file != Path::new("-") {
        // Before a data folder is made for nothing.
        File::open(&arguments.file)
            .with_context(|| format!("{} cannot be opened", arguments.file.display()))?;
    }
    let folder = DataFolder::take(&invocation.settings.data)?;
    let journal = open_journal(&invocation.settings, &folder).await?;
    let state = if invocation.settings.nats.is_some() {
        folder.path().join("import-nats.json")
    } else {
        import_state(&folder.journal())
    };
    let bar = progress::bar("events", None);
    let moved = bar.clone();
    let mut progress = move |progress: Progress| {
        if let Some(end) = progress.end {
            moved.set_length(end.get());
        }
        moved.set_position(progress.records);
    };
    let imported = if arguments.file == Path::new("-") {
        let stdin = Box::new(io::stdin());
        journal::import_stream(&*journal, stdin, "standard input", &state, &mut progress).await
    } else {
        journal::import(&*journal, &arguments.file, &state, &mut progress).await
    };
    bar.finish_and_clear();
    // What was taken in stays there, also when the rest could not be.
    journal.close().await?;
    let Imported {
        records,
        resumed,
        digest,
        records_digest,
    } = imported?;
    let report = Report {
        records,
        resumed,
        digest,
        records_digest,
    };
    invocation.output.show(&report, |report| {
        format!(
            "{} events imported{}; digest {}",
            report.records,
            if report.resumed == 0 {
                String::new()
            } else {
                format!(", {} of them earlier", report.resumed)
            },
            report.digest,
        )
    })?;
    Ok(Outcome::Done)
}
