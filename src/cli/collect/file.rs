//! `tidings collect file`: publishes files of posts.
//!
//! ```text
//! reading thread ─► records ─► publishing: delivery ─► destination
//!                                  └► ledger, done files ─► checkpoint, report
//! ```

mod done;
mod publishing;
mod reading;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use self::done::DoneFiles;
use self::publishing::Publishing;
use super::{TargetArguments, check_answers, unless_stopped};
use crate::cli::Invocation;
use crate::cli::failure::{CommandOutcome, UsageError};
use crate::cli::signals::StopSignals;
use crate::sources::{
    Destination, FileArguments, FileError, FileInput, FileOptions, SourceKind, StateFolder,
    WatchedKeyword,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct CollectFileArguments {
    /// Files in order, plain, gz or zstd; `-` for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// auto, native, twarc, archive or csv
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The source of posts that name none; default: x, for tables: file
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// The column of a field of tables, such as `text=message`; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
    /// The delimiter of tables; default: the most frequent one
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// The encoding, such as cp949 or windows-1252; default: UTF-8, or UTF-16 with its mark
    #[arg(long, value_name = "ENCODING")]
    encoding: Option<String>,
    /// The zone of times without one; default: UTC
    #[arg(long, value_name = "±HH:MM", allow_hyphen_values = true)]
    tz: Option<String>,
    /// The author of an X archive without account.js
    #[arg(long, value_name = "HANDLE")]
    author: Option<String>,
    #[command(flatten)]
    target: TargetArguments,
}

/// What is known before the first record is read.
struct Prepared {
    destination: Arc<dyn Destination>,
    keywords: Vec<WatchedKeyword>,
    state: StateFolder,
}

pub(super) async fn run(
    arguments: CollectFileArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let options = options_of(&arguments)?;
    let name = arguments.target.name(SourceKind::File.name())?;
    let preparing = async {
        let (destination, answers) = arguments.target.destination(invocation).await?;
        check_answers(answers, None)?;
        let state = arguments.target.take_state(&name, invocation)?;
        let keywords = destination.keywords().await?.to_vec();
        anyhow::Ok(Prepared {
            destination,
            keywords,
            state,
        })
    };
    let Some(prepared) = unless_stopped(&mut signals, preparing).await else {
        return Ok(CommandOutcome::Done);
    };
    let prepared = prepared?;
    let checkpoint = prepared.state.checkpoint()?.unwrap_or_default();
    let paths = arguments.paths.iter();
    let inputs: Vec<FileInput> = paths.map(|path| FileInput::named(path)).collect();
    let done = DoneFiles::of(&checkpoint);
    let reading = reading::start(inputs, options, done.clone());
    let publishing = Publishing::new(name.as_str(), prepared, (checkpoint, done), invocation)?;
    publishing.run(reading, &mut signals).await
}

fn options_of(arguments: &CollectFileArguments) -> anyhow::Result<FileOptions> {
    let given = FileArguments {
        format: arguments.format.clone(),
        source: arguments.source.clone(),
        map: arguments.map.clone(),
        delimiter: arguments.delimiter.clone(),
        encoding: arguments.encoding.clone(),
        tz: arguments.tz.clone(),
        author: arguments.author.clone(),
    };
    FileOptions::checked(&given).map_err(failure)
}

/// The error of a file as one of usage, or of the run.
fn failure(error: FileError) -> anyhow::Error {
    match error {
        FileError::Usage(reason) => UsageError::new(reason).into(),
        other => other.into(),
    }
}
