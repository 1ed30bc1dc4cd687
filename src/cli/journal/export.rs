//! `tidings journal export`: all events as lines, to a file, a pipe, a device or standard output.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::output::CappedList;
use crate::cli::{look, progress};
use crate::events::Incarnation;
use crate::journal::Salvage;
use crate::maintenance::{self, Compression, ExportProgress, Exported, Exporter, TransferError};

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    /// Target: a file, compressed with zstd when its name ends in `.zst`, or `-` for standard
    /// output. An unfinished export in that file is continued; any other existing file is refused.
    /// Pipes and devices are written directly
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Skip damaged stretches and name each, instead of stopping at the first
    #[arg(long)]
    skip_damaged: bool,
}

/// The result of the export.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    last: u64,
    digest: String,
    records_digest: String,
    /// Damaged stretches that were skipped.
    damages: CappedList<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damages_unlisted: Option<u64>,
    /// Number of rejected payloads that were shortened to the maximum length of an event.
    cut: u64,
}

pub(super) async fn run(
    arguments: ExportArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let mut damages = CappedList::default();
    let exported = if arguments.skip_damaged && invocation.settings.nats.is_none() {
        let folder = look::data_folder(invocation)?;
        let dir = folder.journal();
        let file = arguments.file.clone();
        let exporting = tokio::task::spawn_blocking(move || salvage(&dir, &file));
        let (exported, found) = exporting.await??;
        damages = found;
        exported
    } else {
        let look = look::journal(invocation).await?;
        let journal = &look.journal;
        let exporter = begin(&arguments.file, journal.incarnation())?;
        let bar = progress::bar("events", Some(journal.head().borrow().get()));
        let exported = maintenance::export(&**journal, exporter, &mut moving(&bar)).await;
        bar.finish_and_clear();
        exported?
    };
    for damage in damages.named() {
        invocation.output.error(damage);
    }
    if damages.more() > 0 {
        let more = format!("{} more damaged stretches", damages.more());
        invocation.output.error(&more);
    }
    let report = Report {
        records: exported.records,
        last: exported.last.get(),
        digest: exported.digest,
        records_digest: exported.records_digest,
        damages_unlisted: (damages.more() > 0).then_some(damages.more()),
        damages,
        cut: exported.cut,
    };
    if is_standard_output(&arguments.file) {
        // The report goes to standard error: standard output holds only the export.
        invocation.output.note(&text_of(&report));
    } else {
        invocation.output.show(&report, text_of)?;
    }
    Ok(CommandOutcome::Done)
}

/// True for `-`, and for any name of the file that standard output goes to, such as `/dev/stdout`.
/// False for the null device, because an export and a report may both go there.
fn is_standard_output(file: &Path) -> bool {
    let identity = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    if file == Path::new("-") {
        return true;
    }
    let named = identity(file);
    named.is_some()
        && named == identity(Path::new("/dev/stdout"))
        && named != identity(Path::new("/dev/null"))
}

fn begin(file: &Path, incarnation: Incarnation) -> Result<Exporter, TransferError> {
    if file == Path::new("-") {
        let out = Box::new(io::stdout());
        let name = Path::new("standard output");
        let compression = Compression::None;
        return Ok(Exporter::to_stream(out, name, compression, incarnation));
    }
    Exporter::to_file(file, Compression::of(file), incarnation)
}

fn moving(bar: &ProgressBar) -> impl FnMut(ExportProgress) + Send + 'static {
    let bar = bar.clone();
    move |progress| bar.set_position(progress.through.get())
}

/// Exports the undamaged records; returns the damaged stretches beside them.
fn salvage(dir: &Path, file: &Path) -> Result<(Exported, CappedList<String>), TransferError> {
    let salvage = Salvage::open(dir)?;
    let exporter = begin(file, salvage.incarnation())?;
    let bar = progress::bar("events", None);
    let mut damages = CappedList::default();
    let exported = maintenance::export_salvaged(
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
        "{} events exported, through sequence {}{}{}",
        report.records,
        report.last,
        if report.damages.count() == 0 {
            String::new()
        } else {
            format!(", {} damaged stretches skipped", report.damages.count())
        },
        if report.cut == 0 {
            format!("; digest {}", report.digest)
        } else {
            format!(
                ", {} rejected payloads shortened (they exceed the size of an event); digest {}",
                report.cut, report.digest
            )
        },
    )
}
