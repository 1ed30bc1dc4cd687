//! `tidings views …`: the views on disk, with the server stopped.

use clap::Subcommand;
use indicatif::ProgressBar;
use serde::Serialize;

use super::Invocation;
use super::failure::CommandOutcome;
use super::look::{self, ViewsLook};
use super::output::table;
use super::progress;
use crate::app::{DataFolder, open_journal};
use crate::events::Sequence;
use crate::journal::Journal;
use crate::maintenance::{self, KeywordDigest, OpenViews, digests};

mod verify;

#[derive(Debug, Subcommand)]
pub(super) enum ViewsAction {
    /// Every keyword with its figures
    Ls,
    /// A digest of what clients can read, per keyword and in sum
    Digest,
    /// Fold the journal anew and compare; exit code 3 when something differs
    Verify,
    /// Fold the journal anew and take the place of what is there
    Rebuild,
    /// Write the rows anew, which gives back the space of those that were overwritten
    Compact,
}

/// A keyword as `ls` and `digest` show it.
#[derive(Debug, Serialize)]
struct Shown {
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
    /// `null` when it is not tracked.
    digest: Option<String>,
}

/// All keywords, and the digest of all that are tracked.
#[derive(Debug, Serialize)]
struct Listing {
    position: u64,
    keywords: Vec<Shown>,
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
        ViewsAction::Ls => ls(invocation).await,
        ViewsAction::Digest => digest(invocation).await,
        ViewsAction::Verify => verify::run(invocation).await,
        ViewsAction::Rebuild => rebuild(invocation, &DataFolder::take_existing(data)?).await,
        ViewsAction::Compact => compact(invocation, &DataFolder::take_existing(data)?).await,
    }
}

/// A bar towards the journal's end, and what moves it.
fn folding(what: &'static str, journal: &dyn Journal) -> (ProgressBar, impl FnMut(Sequence)) {
    let bar = progress::bar(what, Some(journal.head().borrow().get()));
    let moved = bar.clone();
    (bar, move |position: Sequence| {
        moved.set_position(position.get());
    })
}

/// The digests of views that hold all that the journal holds.
async fn current(invocation: &Invocation) -> anyhow::Result<Listing> {
    let folder = look::data_folder(invocation)?;
    let look = ViewsLook::open(folder, &invocation.settings).await?;
    let journal = &*look.journal;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let mut open = OpenViews::open(look.data(), cache_bytes, journal).await?;
    let (bar, moved) = folding("events", journal);
    open.catch_up(journal, moved).await?;
    bar.finish_and_clear();
    let position = journal.head().borrow().get();
    let views = open.views.clone();
    let (keywords, digest) = tokio::task::spawn_blocking(move || digests(&views)).await??;
    open.close()?;
    journal.close().await?;
    Ok(Listing {
        position,
        keywords: keywords.iter().map(shown).collect(),
        digest: digest.to_string(),
    })
}

fn shown(keyword: &KeywordDigest) -> Shown {
    let summary = &keyword.summary;
    Shown {
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

async fn ls(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let listing = current(invocation).await?;
    invocation.output.show(&listing, |listing| {
        let rows: Vec<_> = listing
            .keywords
            .iter()
            .map(|one| {
                let mark = if one.tracked { "" } else { " (untracked)" };
                [
                    format!("{}{mark}", one.keyword),
                    one.tweets.to_string(),
                    one.journaled.to_string(),
                    one.folded.to_string(),
                    one.duplicate.to_string(),
                    one.ignored.to_string(),
                    one.rejected.to_string(),
                    one.deleted.to_string(),
                ]
            })
            .collect();
        table(
            [
                "keyword",
                "tweets",
                "journaled",
                "folded",
                "duplicate",
                "ignored",
                "rejected",
                "deleted",
            ],
            &rows,
        )
    })?;
    Ok(CommandOutcome::Done)
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
    let (bar, moved) = folding("events", &*journal);
    let new_epoch = maintenance::rebuild(folder.path(), cache_bytes, &*journal, moved).await?;
    bar.finish_and_clear();
    let rebuilt = Rebuilt {
        position: journal.head().borrow().get(),
        new_epoch,
    };
    journal.close().await?;
    invocation.output.show(&rebuilt, |rebuilt| {
        let epoch = if rebuilt.new_epoch {
            "they were not what the journal makes of them, so a new epoch begins"
        } else {
            "they are what they were; the epoch goes on"
        };
        format!(
            "the views are folded anew through sequence {}; {epoch}",
            rebuilt.position
        )
    })?;
    Ok(CommandOutcome::Done)
}

async fn compact(invocation: &Invocation, folder: &DataFolder) -> anyhow::Result<CommandOutcome> {
    let journal = open_journal(&invocation.settings, folder).await?;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let (bytes_before, bytes_after) =
        maintenance::compact(folder.path(), cache_bytes, &*journal).await?;
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
