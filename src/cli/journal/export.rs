//! `tidings journal export`: all events as lines, to a file or to standard output.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::Invocation;
use crate::cli::data_folder::DataFolder;
use crate::cli::failure::Outcome;
use crate::cli::progress;
use crate::cli::system::look_at_journal;
use crate::events::Incarnation;
use crate::journal::{self, Compression, Exported, Exporter, Progress, Salvage, TransferError};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Where to: a file, packed with zstd when it ends in `.zst`, or `-` for standard output. A
    /// file that an earlier export left unfinished is gone on with
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Pass over damaged stretches, naming each, instead of stopping at the first
    #[arg(long)]
    skip_damaged: bool,
}

/// What was exported.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    last: u64,
    digest: String,
    records_digest: String,
    /// What was passed over.
    damages: Vec<String>,
}

pub(super) async fn run(arguments: Arguments, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let folder = DataFolder::take_existing(&invocation.settings.data)?;
    let mut damages = Vec::new();
    let exported = if arguments.skip_damaged {
        let dir = folder.journal();
        let file = arguments.file.clone();
        let exporting = tokio::task::spawn_blocking(move || salvage(&dir, &file));
        let (exported, found) = exporting.await??;
        damages = found;
        exported
    } else {
        let journal = look_at_journal(&invocation.settings, &folder).await?;
        let exporter = begin(&arguments.file, journal.incarnation())?;
        let bar = progress::bar("events", Some(journal.head().borrow().get()));
        let exported = journal::export(&*journal, exporter, &mut moving(&bar)).await;
        bar.finish_and_clear();
        exported?
    };
    for damage in &damages {
        invocation.output.error(damage);
    }
    let report = Report {
        records: exported.records,
        last: exported.last.get(),
        digest: exported.digest,
        records_digest: exported.records_digest,
        damages,
    };
    if arguments.file == Path::new("-") {
        // Standard output holds the export and nothing else.
        invocation.output.note(&text_of(&report));
    } else {
        invocation.output.show(&report, text_of)?;
    }
    Ok(Outcome::Done)
}

fn begin(file: &Path, incarnation: Incarnation) -> Result<Exporter, TransferError> {
    if file == Path::new("-") {
        let out = Box::new(io::stdout());
        return Ok(Exporter::to_stream(
            out,
            "standard output",
            Compression::None,
            incarnation,
        ));
    }
    Exporter::to_file(file, Compression::of(file), incarnation)
}

fn moving(bar: &ProgressBar) -> impl FnMut(Progress) + Send + 'static {
    let bar = bar.clone();
    move |progress| bar.set_position(progress.through.get())
}

/// Exports what is sound; answers the damage beside it.
fn salvage(dir: &Path, file: &Path) -> Result<(Exported, Vec<String>), TransferError> {
    let salvage = Salvage::open(dir)?;
    let exporter = begin(file, salvage.incarnation())?;
    let bar = progress::bar("events", None);
    let mut damages = Vec::new();
    let exported = journal::export_salvaged(
        salvage,
        exporter,
        &mut |damage| damages.push(damage.to_string()),
        &mut moving(&bar),
    );
    bar.finish_and_clear();
    Ok((exported?, damages))
}

fn text_of(report: &Report) -> String {
    format!(
        "{} events exported, through sequence {}{}; digest {}",
        report.records,
        report.last,
        if report.damages.is_empty() {
            String::new()
        } else {
            format!(", {} damaged stretches passed over", report.damages.len())
        },
        report.digest,
    )
}
