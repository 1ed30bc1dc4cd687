//! `tidings journal import`: makes a journal from an export.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;

use crate::app::{DataFolder, open_journal};
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::output::{CappedList, plain};
use crate::cli::progress;
use crate::maintenance::{self, CarriedKeyword, ExportProgress, Imported, import_state};

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArguments {
    /// Source: a file or a pipe, plain or zstd, or `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The result of the import.
#[derive(Debug, Serialize)]
struct Report {
    records: u64,
    resumed: u64,
    digest: String,
    records_digest: String,
    /// Number of rejected payloads that were shortened.
    cut: u64,
    retimed: u64,
    rejected: u64,
    /// Keywords whose normal form has changed, or which are no longer valid.
    keywords: CappedList<Carried>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords_unlisted: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Carried {
    from: String,
    /// The keyword in the present normal form; `null` when it is no longer valid.
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// True when another keyword has the same present normal form.
    joined: bool,
    records: u64,
}

impl From<CarriedKeyword> for Carried {
    fn from(carried: CarriedKeyword) -> Self {
        Self {
            from: carried.from,
            to: carried.to,
            reason: carried.reason,
            joined: carried.joined,
            records: carried.records,
        }
    }
}

impl Carried {
    fn text(&self) -> String {
        let (from, records) = (plain(&self.from), self.records);
        match (&self.to, &self.reason) {
            (Some(to), _) if self.joined => format!(
                "{from} and another keyword are both {to} now; its {records} records are counted \
                together with those of the other"
            ),
            (Some(to), _) => format!("{from} is {to} now ({records} records)"),
            (None, reason) => format!(
                "{from} is no longer a keyword ({}); its {records} records are kept as rejected",
                reason.as_deref().unwrap_or_default()
            ),
        }
    }
}

impl Report {
    /// Remarks beside the numbers.
    fn notes(&self) -> Vec<String> {
        [
            (
                self.cut,
                "rejected payloads exceed the size of an event and were shortened to it",
            ),
            (
                self.retimed,
                "events about keywords had a time outside the allowed range; they now have the \
                nearest allowed time",
            ),
            (
                self.rejected,
                "tweets have a time outside the allowed range; they are kept as rejected",
            ),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .chain(self.keywords.named().iter().map(Carried::text))
        .chain(
            self.keywords_unlisted
                .map(|count| format!("{count} more keywords have changed")),
        )
        .collect()
    }
}

/// The input of an import.
enum Source {
    /// A regular file. It is checked before anything is written.
    File(PathBuf),
    /// An input that can be read only once.
    Stream {
        stream: Box<dyn Read + Send>,
        name: PathBuf,
    },
}

impl Source {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Ok(Self::Stream {
                stream: Box::new(io::stdin()),
                name: "standard input".into(),
            });
        }
        let opened = File::open(file).and_then(|stream| Ok((stream.metadata()?, stream)));
        let (found, stream) =
            opened.with_context(|| format!("{} cannot be opened", file.display()))?;
        ensure!(
            !found.is_dir(),
            "{} is a folder; name the file of an export",
            file.display()
        );
        Ok(if found.is_file() {
            Self::File(file.into())
        } else {
            Self::Stream {
                stream: Box::new(stream),
                name: file.into(),
            }
        })
    }
}

pub(super) async fn run(
    arguments: ImportArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    // The source is opened first: when it fails, no data folder is created.
    let source = Source::open(&arguments.file)?;
    let folder = DataFolder::take(&invocation.settings.data)?;
    let journal = open_journal(&invocation.settings, &folder).await?;
    let state = if invocation.settings.nats.is_some() {
        folder.path().join("import-nats.json")
    } else {
        import_state(&folder.journal())
    };
    let bar = progress::bar("events", None);
    let moved = bar.clone();
    let mut progress = move |progress: ExportProgress| {
        if let Some(end) = progress.end {
            moved.set_length(end.get());
        }
        moved.set_position(progress.records);
    };
    let imported = match source {
        Source::File(file) => maintenance::import(&*journal, &file, &state, &mut progress).await,
        Source::Stream { stream, name } => {
            maintenance::import_stream(&*journal, stream, &name, &state, &mut progress).await
        }
    };
    bar.finish_and_clear();
    // The records that were imported are kept even when the import failed.
    journal.close().await?;
    let report = Report::from(imported?);
    invocation.output.show(&report, text_of)?;
    Ok(CommandOutcome::Done)
}

impl From<Imported> for Report {
    fn from(imported: Imported) -> Self {
        let Imported {
            records,
            resumed,
            digest,
            records_digest,
            changes,
            carried,
        } = imported;
        let keywords: CappedList<Carried> = carried.into_iter().map(Carried::from).collect();
        Self {
            records,
            resumed,
            digest,
            records_digest,
            cut: changes.cut,
            retimed: changes.retimed,
            rejected: changes.rejected,
            keywords_unlisted: (keywords.more() > 0).then_some(keywords.more()),
            keywords,
        }
    }
}

fn text_of(report: &Report) -> String {
    let earlier = match report.resumed {
        0 => String::new(),
        resumed => format!(", {resumed} of them earlier"),
    };
    let mut lines = report.notes();
    lines.push(format!(
        "{} events imported{earlier}; digest {}",
        report.records, report.digest,
    ));
    lines.join("\n")
}
