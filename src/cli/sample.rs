//! `tidings sample`: posts of a made-up world as NDJSON, for load tests and for trying things out.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Invocation;
use super::failure::{CommandOutcome, UsageError};
use super::output::OutputError;
use crate::demo::{Chronicle, Growth, Span, World};
use crate::events::Timestamp;

/// Bytes that are written at a time.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct SampleArguments {
    /// How many posts. Their metrics and deletions, and posts that arrive twice, are further lines
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    posts: u64,
    /// Which world: with the same seed, range and number of posts every byte is the same
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The time of the first post
    #[arg(long, value_name = "RFC3339", default_value = "2026-01-01T00:00:00Z", value_parser = Timestamp::parse)]
    from: Timestamp,
    /// The time before which the last post is
    #[arg(long, value_name = "RFC3339", default_value = "2026-05-01T00:00:00Z", value_parser = Timestamp::parse)]
    to: Timestamp,
    /// Where to: a file, which is replaced, or `-` for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

pub(super) fn run(
    arguments: &SampleArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let SampleArguments { from, to, .. } = *arguments;
    if from >= to || from < Timestamp::EARLIEST {
        let reason = format!(
            "--from {from} --to {to}: --to has to be later than --from, and --from not before {}",
            Timestamp::EARLIEST
        );
        return Err(UsageError::new(reason).into());
    }
    let span = Span {
        from,
        to,
        posts: arguments.posts,
        growth: Growth::Steady,
    };
    let world = World::new(arguments.seed);
    let mut chronicle = Chronicle::of(&world, &span);
    if arguments.out == Path::new("-") {
        let lines = write(&mut chronicle, io::stdout().lock());
        lines.map_err(OutputError::from)?;
    } else {
        let unwritable = || format!("{} cannot be written", arguments.out.display());
        let file = File::create(&arguments.out).with_context(unwritable)?;
        let lines = write(&mut chronicle, file).with_context(unwritable)?;
        let report = serde_json::json!({ "lines": lines, "posts": arguments.posts });
        invocation.output.show(&report, |_| {
            format!("{lines} lines, {} of them posts", arguments.posts)
        })?;
    }
    Ok(CommandOutcome::Done)
}

/// Writes all lines and returns how many there are.
fn write(chronicle: &mut Chronicle<'_>, to: impl Write) -> io::Result<u64> {
    let mut to = BufWriter::with_capacity(BUFFER_BYTES, to);
    let mut line = Vec::new();
    let mut lines = 0;
    while chronicle.next_line(&mut line).is_some() {
        line.push(b'\n');
        to.write_all(&line)?;
        lines += 1;
    }
    to.flush()?;
    Ok(lines)
}
