//! `tidings journal import`: an export becomes a journal again.

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
    /// Where from: a file or a pipe, plain or zstd, or `-` for standard input
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
    /// Records that are not as the export has them.
    cut: u64,
    retimed: u64,
    rejected: u64,
    /// Keywords that are spelled in another way today, or are none any more.
    keywords: CappedList<Carried>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords_unlisted: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Carried {
    from: String,
    /// `null` when it is no keyword any more.
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Another keyword has become the same.
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
                "{from} is {to} now, as another keyword is; its {records} records are counted with \
                those of that one"
            ),
            (Some(to), _) => format!("{from} is {to} now ({records} records)"),
            (None, reason) => format!(
                "{from} is no keyword any more ({}); its {records} records are kept as rejected",
                reason.as_deref().unwrap_or_default()
            ),
        }
    }
}

impl Report {
    /// What is to be known beside the numbers.
    fn notes(&self) -> Vec<String> {
        [
            (
                self.cut,
                "rejected payloads are longer than any event, and were cut to just that",
            ),
            (
                self.retimed,
                "events about keywords have a time from a wrong clock; they have the nearest one \
                that is allowed now",
            ),
            (
                self.rejected,
                "tweets have a time that is not allowed; they are kept as rejected",
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

/// What is imported.
enum Source {
    /// A plain file, which is checked before anything is written.
    File(PathBuf),
    /// What can be read once only.
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
    // Before a data folder is made for nothing.
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
    // What was taken in stays there, also when the rest could not be.
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
