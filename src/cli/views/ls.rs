//! `tidings views ls`: the keywords as the views hold them, and how far the views are behind the
//! journal. It reads a copy, so that nothing in the data folder changes.

use anyhow::bail;
use serde::Serialize;

use super::{KeywordRow, progress_to_head};
use crate::app::fold_context;
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::look::{self, ViewsLook};
use crate::cli::output::{CappedList, is_zero};
use crate::cli::table::table;
use crate::maintenance::{OpenViews, UnfoldedEvents, UnhealedViews, digests};

/// All keywords, and how far their views are behind the journal.
#[derive(Debug, Serialize)]
struct Listing {
    /// The lowest checkpoint of all shards.
    position: u64,
    /// The journal head.
    head: u64,
    /// Journaled events beyond the checkpoints.
    unfolded: u64,
    /// The shards that have unfolded events.
    unfolded_by_shard: Vec<ShardLag>,
    /// Lagging keywords: the checkpoint of their shard has passed events that they lack.
    behind: CappedList<String>,
    #[serde(skip_serializing_if = "is_zero")]
    behind_unlisted: u64,
    keywords: Vec<KeywordRow>,
    /// The digest of all tracked keywords.
    digest: String,
}

/// How far a shard is behind the journal.
#[derive(Debug, Serialize)]
struct ShardLag {
    shard: usize,
    position: u64,
    unfolded: u64,
}

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let folder = look::data_folder(invocation)?;
    let look = ViewsLook::of_copy(folder, &invocation.settings).await?;
    let journal = &*look.journal;
    let cache_bytes = invocation.settings.store.cache_bytes;
    let fold = fold_context(&invocation.settings);
    let opened = OpenViews::open_unhealed(look.data(), cache_bytes, &fold, journal);
    let open = match opened.await? {
        UnhealedViews::Readable(open) => open,
        UnhealedViews::Unusable(what) => bail!(
            "the views cannot be read: {what}; they were left as they are, and the next start of a \
            server, or `tidings views rebuild`, makes new ones from the journal"
        ),
    };
    let (bar, moved) = progress_to_head("events", journal);
    let unfolded = open.unfolded(journal, moved).await?;
    bar.finish_and_clear();
    let behind: CappedList<_> = open.behind()?.keys().map(ToString::to_string).collect();
    let views = open.views.clone();
    let (keywords, digest) = tokio::task::spawn_blocking(move || digests(&views)).await??;
    open.close()?;
    journal.close().await?;
    let listing = Listing {
        position: unfolded.position().get(),
        head: unfolded.head.get(),
        unfolded: unfolded.events(),
        unfolded_by_shard: lags(&unfolded),
        behind_unlisted: behind.more(),
        behind,
        keywords: keywords.iter().map(KeywordRow::from).collect(),
        digest: digest.to_string(),
    };
    invocation.output.show(&listing, text_of)?;
    Ok(CommandOutcome::Done)
}

fn lags(unfolded: &UnfoldedEvents) -> Vec<ShardLag> {
    let behind = unfolded.shards.iter().filter(|shard| shard.events > 0);
    let lag = behind.map(|shard| ShardLag {
        shard: shard.shard.index(),
        position: shard.position.get(),
        unfolded: shard.events,
    });
    lag.collect()
}

fn text_of(listing: &Listing) -> String {
    let rows: Vec<_> = listing.keywords.iter().map(KeywordRow::columns).collect();
    let mut lines = vec![table(KeywordRow::HEADINGS, &rows)];
    let behind = &listing.behind;
    let named = behind.named().iter();
    lines.extend(named.map(|keyword| format!("{keyword} is behind the others")));
    if behind.more() > 0 {
        lines.push(format!("{} more keywords are behind", behind.more()));
    }
    lines.push(lag_text(listing));
    lines.join("\n")
}

/// One line that says how far the views are behind the journal.
fn lag_text(listing: &Listing) -> String {
    let (position, head) = (listing.position, listing.head);
    if listing.unfolded == 0 {
        return format!(
            "folded through sequence {position}; the journal holds no event beyond the checkpoints"
        );
    }
    let shards: Vec<_> = listing
        .unfolded_by_shard
        .iter()
        .map(|lag| format!("shard {}: {}", lag.shard, lag.unfolded))
        .collect();
    format!(
        "folded through sequence {position}; {} journaled events through sequence {head} are not \
        folded ({})",
        listing.unfolded,
        shards.join(", ")
    )
}
