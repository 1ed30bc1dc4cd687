//! `tidings publish`: sends NDJSON, plain or zstd, to a running server, or straight to JetStream.
//!
//! [`source`] splits the input into lines. [`rewrite`] sets their keyword and shifts their times.
//! [`sender`] sends them to a server in bodies, with retries; [`nats`] sends them to JetStream. A
//! rejected line is reported with its number in the file, and the other lines are sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::client::ServerClient;
use super::failure::{CommandOutcome, UsageError};
use super::signals::StopSignals;
use super::{Invocation, progress};
use crate::app::jetstream_options;
use crate::events::{Keyword, Timestamp};
use crate::journal::JetStreamPublisher;
use crate::settings::NatsSettings;

mod nats;
mod refusals;
pub(super) mod rewrite;
pub(super) mod sender;
pub(super) mod source;

use nats::NatsSender;
use rewrite::Rewrite;
use sender::{PublishBody, PublishReport, Sender};
use source::{Input, SourceLines, SourceRead};

/// Maximum time that a body waits for further lines after its first.
const GATHER_FOR: Duration = Duration::from_millis(100);
/// Maximum number of lines that wait to be sent.
const LINES_AHEAD: usize = 4_096;
/// Maximum size of the lines that wait to be sent, in bytes.
const BYTES_AHEAD: usize = 8 * 1024 * 1024;
/// Bodies per second with `--rate`.
const BODIES_PER_SECOND: u32 = 10;

#[derive(Debug, Args)]
pub(super) struct PublishArguments {
    /// NDJSON, one event per line, plain or zstd; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Publish all lines to this keyword, whatever their text contains
    #[arg(long)]
    keyword: Option<String>,
    /// The server to publish to; default: the local one
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Maximum number of lines per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Shift all times by one span, so that the newest is now
    #[arg(long, value_enum, value_name = "WHEN")]
    retime: Option<Retime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Retime {
    /// The time at which the command runs
    Now,
}

pub(super) async fn run(
    arguments: PublishArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let output = invocation.output;
    let nats = nats_of(&arguments, invocation)?;
    let client = ServerClient::new(arguments.server.as_deref(), &invocation.settings)?;
    let keyword = keyword_of(&arguments)?;
    let mut input = Input::of(&arguments.file, arguments.retime.is_some())?;
    let shift_millis = match arguments.retime {
        Some(Retime::Now) => rewrite::shift_to(Timestamp::now(), input.lines()?)?,
        None => None,
    };
    let rewrite = Rewrite {
        keyword,
        shift_millis,
    };

    let (receive, reading) = read_ahead(input.lines()?);
    let bar = progress::bar("lines", None);
    let mut sender = match nats {
        Some(nats) => {
            let publisher = JetStreamPublisher::connect(&jetstream_options(nats)?).await?;
            Way::Nats(Box::new(NatsSender::new(publisher, output, bar.clone())))
        }
        None => Way::Server(Sender::new(&client, output, bar.clone())),
    };
    let gathered = Gathering {
        receive,
        rewrite,
        rate: arguments.rate,
    };
    let mut signals = StopSignals::listen()?;
    let sent = tokio::select! {
        sent = gathered.send_all(&mut sender, &bar) => sent,
        signal = signals.next() => Err(anyhow!(
            "{signal} came before all lines were sent; publishing the input again is safe, because \
            a repeated event is counted once"
        )),
    };
    bar.finish_and_clear();
    let report = sender.finish();
    if let Err(error) = sent {
        output.note(&format!("stopped early; so far: {}", text_of(&report)));
        return Err(error);
    }
    let read = reading.await.context("the reading thread panicked")?;
    output.show(&report, text_of)?;
    read.with_context(|| format!("{} was read only in part", arguments.file.display()))?;
    Ok(if report.rejected.is_empty() {
        CommandOutcome::Done
    } else {
        CommandOutcome::Failed
    })
}

/// The keyword of `--keyword`, in normal form.
fn keyword_of(arguments: &PublishArguments) -> anyhow::Result<Option<Keyword>> {
    let Some(text) = arguments.keyword.as_deref() else {
        return Ok(None);
    };
    let keyword = Keyword::new(text);
    let keyword = keyword.map_err(|error| UsageError::new(format!("{text:?}: {error}")))?;
    Ok(Some(keyword))
}

/// A line that was read, with its permit from the limit on waiting bytes.
type WaitingLine = (SourceRead, OwnedSemaphorePermit);

/// Reads lines on a thread of its own, ahead of sending.
fn read_ahead(lines: SourceLines) -> (mpsc::Receiver<WaitingLine>, JoinHandle<anyhow::Result<()>>) {
    let (send, receive) = mpsc::channel(LINES_AHEAD);
    let (runtime, room) = (Handle::current(), Arc::new(Semaphore::new(BYTES_AHEAD)));
    let reading = tokio::task::spawn_blocking(move || {
        for read in lines {
            let read = read?;
            let bytes = u32::try_from(read.bytes()).unwrap_or(u32::MAX);
            let held = runtime.block_on(Arc::clone(&room).acquire_many_owned(bytes))?;
            if send.blocking_send((read, held)).is_err() {
                break;
            }
        }
        Ok(())
    });
    (receive, reading)
}

/// Where to publish: to NATS if `--nats` or `--context` is given, else to a server. NATS in the
/// settings file or the environment is the server's journal, and does not count.
fn nats_of<'a>(
    arguments: &PublishArguments,
    invocation: &'a Invocation,
) -> anyhow::Result<Option<&'a NatsSettings>> {
    match invocation.nats_asked_for() {
        Some(_) if arguments.server.is_some() => {
            Err(UsageError::new("give --server, or --nats or --context, not both").into())
        }
        asked => Ok(asked),
    }
}

/// The destination of the lines.
#[derive(Debug)]
enum Way<'a> {
    Server(Sender<'a>),
    Nats(Box<NatsSender>),
}

impl Way<'_> {
    async fn send(&mut self, body: PublishBody) -> anyhow::Result<()> {
        match self {
            Self::Server(sender) => Ok(sender.send(body).await?),
            Self::Nats(sender) => sender.send(&body).await,
        }
    }

    fn refuse_here(&mut self, number: u64) {
        match self {
            Self::Server(sender) => sender.refuse_here(number),
            Self::Nats(sender) => sender.refuse_here(number),
        }
    }

    fn finish(self) -> PublishReport {
        match self {
            Self::Server(sender) => sender.finish(),
            Self::Nats(sender) => sender.finish(),
        }
    }
}

/// Collects lines into bodies.
struct Gathering {
    /// Lines with their permits from the limit on waiting bytes.
    receive: mpsc::Receiver<WaitingLine>,
    rewrite: Rewrite,
    rate: Option<u32>,
}

impl Gathering {
    async fn send_all(mut self, sender: &mut Way<'_>, bar: &ProgressBar) -> anyhow::Result<()> {
        let max = self.rate.map_or(sender::MAX_LINES, |rate| {
            usize::try_from(rate / BODIES_PER_SECOND)
                .unwrap_or(sender::MAX_LINES)
                .clamp(1, sender::MAX_LINES)
        });
        let mut due = Instant::now();
        loop {
            let mut body = PublishBody::default();
            let refuse = |number| sender.refuse_here(number);
            let is_end = self.gather(&mut body, max, refuse).await;
            if !body.is_empty() {
                sleep_until(due).await;
                let lines = u32::try_from(body.lines()).unwrap_or(u32::MAX);
                if let Some(rate) = self.rate {
                    due = due.max(Instant::now())
                        + Duration::from_secs(1).saturating_mul(lines) / rate;
                }
                sender.send(body).await?;
                bar.inc(u64::from(lines));
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Fills a body until it has `max` lines, is full, or its first line has waited for
    /// [`GATHER_FOR`]. Returns true when the input has ended.
    async fn gather(
        &mut self,
        body: &mut PublishBody,
        max: usize,
        mut refuse: impl FnMut(u64),
    ) -> bool {
        let mut send_by = None;
        while body.lines() < max && !body.is_full() {
            let next = self.receive.recv();
            let next = match send_by {
                None => next.await,
                Some(by) => match timeout_at(by, next).await {
                    Ok(next) => next,
                    Err(_) => return false,
                },
            };
            match next {
                Some((SourceRead::Line { number, bytes }, _)) => {
                    body.push(number, &self.rewrite.apply(bytes));
                    send_by.get_or_insert_with(|| Instant::now() + GATHER_FOR);
                }
                Some((SourceRead::TooLong { number }, _)) => refuse(number),
                None => return true,
            }
        }
        false
    }
}

fn text_of(report: &PublishReport) -> String {
    let rate =
        f64::from(u32::try_from(report.lines).unwrap_or(u32::MAX)) / report.seconds.max(0.001);
    format!(
        "{} lines in {:.1} s ({rate:.0} a second): {} accepted, {} unmatched, {} rejected; {} \
        events journaled, up to sequence {}",
        report.lines,
        report.seconds,
        report.accepted,
        report.unmatched,
        report.rejected.count(),
        report.journaled,
        report.seq,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn body_is_sent_in_time_while_lines_keep_arriving() {
        let (send, receive) = mpsc::channel(8);
        let room = Arc::new(Semaphore::new(1_000));
        tokio::spawn(async move {
            for number in 1..=100 {
                let held = Arc::clone(&room).acquire_many_owned(1).await.unwrap();
                let bytes = b"{}".to_vec();
                send.send((SourceRead::Line { number, bytes }, held))
                    .await
                    .unwrap();
                tokio::time::sleep(GATHER_FOR * 9 / 10).await;
            }
        });
        let mut gathering = Gathering {
            receive,
            rewrite: Rewrite {
                keyword: None,
                shift_millis: None,
            },
            rate: None,
        };
        let mut lines = 0;
        loop {
            let mut body = PublishBody::default();
            let is_end = gathering.gather(&mut body, 1_000, |_| ()).await;
            assert!(body.lines() <= 2, "{}", body.lines());
            lines += body.lines();
            if is_end {
                break;
            }
        }
        assert_eq!(lines, 100);
    }
}
