//! `tidings views …`: the views on disk, with the server stopped.

use anyhow::bail;
use clap::Subcommand;
use indicatif::ProgressBar;
use serde::Serialize;

use super::Invocation;
use super::failure::CommandOutcome;
use super::look::{self, ViewsLook};
use super::progress;
use super::signals::StopSignals;
use crate::app::{DataFolder, fold_context, open_journal};
use crate::events::Sequence;
use crate::journal::Journal;
use crate::maintenance::{self, KeywordDigest, OpenViews, digests};

mod ls;
mod verify;

#[derive(Debug, Subcommand)]
pub(super) enum ViewsAction {
    /// List every keyword, and say how far the views are behind the journal; changes nothing
    Ls,
    /// Fold the unfolded events, and print a digest of the views, per keyword and of all
    Digest,
    /// Fold the journal into scratch files and compare; exit code 3 when something differs
    Verify,
    /// Fold the whole journal again and replace the views
    Rebuild,
    /// Copy the rows into new files; this frees the space of overwritten rows
    Compact,
}

/// A keyword as `ls` and `digest` print it.
#[derive(Debug, Serialize)]
struct KeywordRow {
    keyword: String,
    tracked: bool,
    as_of: u64,
    tweets: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    journaled: u64,
    folded: u64,
    duplicate: u64,
    ignored: u64,
    rejected: u64,
    deleted: u64,
    /// `null` for an untracked keyword.
    digest: Option<String>,
}

/// All keywords, and the digest of all that are tracked.
#[derive(Debug, Serialize)]
struct Listing {
    position: u64,
    keywords: Vec<KeywordRow>,
    digest: String,
}

#[derive(Debug, Serialize)]
struct Rebuilt {
    position: u64,
    new_epoch: bool,
}

#[derive(Debug, Serialize)]
struct Compacted {
    bytes_before: u64,
    bytes_after: u64,
}

pub(super) async fn run(
    action: ViewsAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let data = &invocation.settings.data;
    match action {
        ViewsAction::Ls => stoppable(ls::run(invocation)).await,
        ViewsAction::Digest => stoppable(digest(invocation)).await,
        ViewsAction::Verify => stoppable(verify::run(invocation)).await,
        ViewsAction::Rebuild => rebuild(invocation, &DataFolder::take_existing(data)?).await,
        ViewsAction::Compact => compact(invocation, &DataFolder::take_existing(data)?).await,
    }
}

/// Runs a command that may work on a copy of the views. A signal drops the command, and the copy
/// with it.
async fn stoppable(
    command: impl Future<Output = anyhow::Result<CommandOutcome>>,
) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        ended = command => ended,
        signal = signals.next() => bail!("{signal} ended the command before it was done"),
    }
}

/// A progress bar towards the journal head, and the function that moves it.
fn progress_to_head(
    what: &'static str,
    journal: &dyn Journal,
) -> (ProgressBar, impl FnMut(Sequence)) {
    let bar = progress::bar(what, Some(journal.head().borrow().get()));
    let moved = bar.clone();
    (bar, move |position: Sequence| {
        moved.set_position(position.get());
    })
}

/// Folds what the journal holds beyond the views, and computes their digests.
async fn current(invocation: &Invocation) -> anyhow::Result<Listing> {
    let folder = look::data_folder(invocation)?;
    let look = ViewsLook::open(folder, &invocation.settings).await?;
    let journal = &*look.journal;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let fold = fold_context(&invocation.settings);
    let mut open = OpenViews::open(look.data(), cache_bytes, &fold, journal).await?;
    let (bar, moved) = progress_to_head("events", journal);
    open.catch_up(journal, moved).await?;
    bar.finish_and_clear();
    let position = journal.head().borrow().get();
    let views = open.views.clone();
    let (keywords, digest) = tokio::task::spawn_blocking(move || digests(&views)).await??;
    open.close()?;
    journal.close().await?;
    Ok(Listing {
        position,
        keywords: keywords.iter().map(KeywordRow::from).collect(),
        digest: digest.to_string(),
    })
}

impl From<&KeywordDigest> for KeywordRow {
    fn from(keyword: &KeywordDigest) -> Self {
        let summary = &keyword.summary;
        Self {
            keyword: keyword.keyword.to_string(),
            tracked: summary.tracked,
            as_of: summary.as_of.get(),
            tweets: summary.tweets,
            first_at: summary.first_at.map(|at| at.to_string()),
            last_at: summary.last_at.map(|at| at.to_string()),
            journaled: summary.ledger.journaled,
            folded: summary.ledger.folded,
            duplicate: summary.ledger.duplicate,
            ignored: summary.ledger.ignored,
            rejected: summary.ledger.rejected,
            deleted: summary.ledger.deleted,
            digest: keyword.digest.map(|digest| digest.to_string()),
        }
    }
}

impl KeywordRow {
    const HEADINGS: [&str; 8] = [
        "keyword",
        "tweets",
        "journaled",
        "folded",
        "duplicate",
        "ignored",
        "rejected",
        "deleted",
    ];

    fn columns(&self) -> [String; 8] {
        let mark = if self.tracked { "" } else { " (untracked)" };
        [
            format!("{}{mark}", self.keyword),
            self.tweets.to_string(),
            self.journaled.to_string(),
            self.folded.to_string(),
            self.duplicate.to_string(),
            self.ignored.to_string(),
            self.rejected.to_string(),
            self.deleted.to_string(),
        ]
    }
}

async fn digest(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let listing = current(invocation).await?;
    invocation.output.show(&listing, |listing| {
        let of_keywords = listing.keywords.iter().filter_map(|one| {
            let digest = one.digest.as_ref()?;
            Some(format!("{digest}  {}", one.keyword))
        });
        let mut lines: Vec<String> = of_keywords.collect();
        lines.push(format!("{}  (all)", listing.digest));
        lines.join("\n")
    })?;
    Ok(CommandOutcome::Done)
}

async fn rebuild(invocation: &Invocation, folder: &DataFolder) -> anyhow::Result<CommandOutcome> {
    let journal = open_journal(&invocation.settings, folder).await?;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let (bar, moved) = progress_to_head("events", &*journal);
    let fold = fold_context(&invocation.settings);
    let rebuilt = maintenance::rebuild(folder.path(), cache_bytes, &fold, &*journal, moved);
    let new_epoch = rebuilt.await?;
    bar.finish_and_clear();
    let rebuilt = Rebuilt {
        position: journal.head().borrow().get(),
        new_epoch,
    };
    journal.close().await?;
    invocation.output.show(&rebuilt, |rebuilt| {
        let epoch = if rebuilt.new_epoch {
            "they differed from the earlier ones, so a new epoch begins"
        } else {
            "they equal the earlier ones, so the epoch stays"
        };
        format!(
            "the views were folded again through sequence {}; {epoch}",
            rebuilt.position
        )
    })?;
    Ok(CommandOutcome::Done)
}

async fn compact(invocation: &Invocation, folder: &DataFolder) -> anyhow::Result<CommandOutcome> {
    let journal = open_journal(&invocation.settings, folder).await?;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let fold = fold_context(&invocation.settings);
    let (bytes_before, bytes_after) =
        maintenance::compact(folder.path(), cache_bytes, &fold, &*journal).await?;
    journal.close().await?;
    let compacted = Compacted {
        bytes_before,
        bytes_after,
    };
    invocation.output.show(&compacted, |compacted| {
        format!(
            "{} bytes before, {} after",
            compacted.bytes_before, compacted.bytes_after
        )
    })?;
    Ok(CommandOutcome::Done)
}
