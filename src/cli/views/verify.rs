//! `tidings views verify`: compares the views with a fold of the journal.

use serde::Serialize;

use super::progress_to_head;
use crate::app::fold_context;
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::look::{self, ViewsLook};
use crate::cli::output::{CappedList, is_zero, plain};
use crate::journal::{self, Verified};
use crate::maintenance::{self, BackgroundDifference, Comparison, Verification, ViewsStanding};

/// The result of the comparison.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// The lowest position through which all shards were compared.
    position: u64,
    /// Journaled events beyond the checkpoints; `null` when nothing was compared.
    unfolded: Option<u64>,
    keywords: usize,
    digest: Option<String>,
    /// Lagging keywords, compared at their own position.
    behind: CappedList<String>,
    #[serde(skip_serializing_if = "is_zero")]
    behind_unlisted: u64,
    /// Why the views could not be compared.
    unusable: Option<String>,
    /// Damaged stretches of the journal's files, each with its location.
    journal_damages: CappedList<String>,
    #[serde(skip_serializing_if = "is_zero")]
    journal_damages_unlisted: u64,
    /// Ranges of missing sequences (first and last).
    journal_missing: CappedList<(u64, u64)>,
    #[serde(skip_serializing_if = "is_zero")]
    journal_missing_unlisted: u64,
    differences: CappedList<Difference>,
    #[serde(skip_serializing_if = "is_zero")]
    differences_unlisted: u64,
    background_differences: CappedList<BucketDifference>,
    #[serde(skip_serializing_if = "is_zero")]
    background_differences_unlisted: u64,
}

#[derive(Debug, Serialize)]
struct Difference {
    keyword: String,
    found: Option<Side>,
    expected: Option<Side>,
}

/// A bucket with wrong counts in the background of a shard.
#[derive(Debug, Serialize)]
struct BucketDifference {
    shard: usize,
    from: String,
    to: String,
    /// Number of counts of the bucket that differ.
    counts: u64,
    /// The word of the first count that differs; `null` for the count of all tweets.
    word: Option<String>,
    found: i64,
    expected: i64,
}

#[derive(Debug, Serialize)]
struct Side {
    as_of: u64,
    journaled: u64,
    folded: u64,
    duplicate: u64,
    ignored: u64,
    rejected: u64,
    deleted: u64,
    digest: Option<String>,
}

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let folder = look::data_folder(invocation)?;
    let bytes = if invocation.settings.nats.is_some() {
        // NATS checks the bytes of its stream.
        None
    } else {
        let dir = folder.journal();
        Some(tokio::task::spawn_blocking(move || journal::verify(&dir)).await??)
    };
    // The views cannot be compared with a damaged journal.
    let damages = bytes.filter(|bytes| !bytes.damages.is_empty());
    let report = if let Some(bytes) = damages {
        damaged(&bytes)
    } else {
        let look = ViewsLook::open(folder, &invocation.settings).await?;
        let journal = &*look.journal;
        let (bar, moved) = progress_to_head("events", journal);
        let cache_bytes = invocation.settings.store.cache_bytes;
        let fold = fold_context(&invocation.settings);
        let found = maintenance::verify(look.data(), cache_bytes, &fold, journal, moved).await?;
        bar.finish_and_clear();
        journal.close().await?;
        match found {
            Comparison::Compared(found) => compared(&found),
            Comparison::Unusable(what) => unusable(what),
        }
    };
    invocation.output.show(&report, text_of)?;
    Ok(if report.finds_nothing() {
        CommandOutcome::Done
    } else {
        CommandOutcome::Different
    })
}

impl Report {
    fn finds_nothing(&self) -> bool {
        self.unusable.is_none()
            && self.differences.count() == 0
            && self.background_differences.count() == 0
            && self.journal_damages.count() == 0
    }
}

fn damaged(bytes: &Verified) -> Report {
    let damages: CappedList<String> = bytes.damages.iter().map(ToString::to_string).collect();
    Report {
        position: bytes.last.get(),
        journal_damages_unlisted: damages.more(),
        journal_damages: damages,
        ..Report::default()
    }
}

fn unusable(what: String) -> Report {
    Report {
        unusable: Some(what),
        ..Report::default()
    }
}

fn compared(found: &Verification) -> Report {
    let differences = found.differences.iter().map(|difference| Difference {
        keyword: difference.keyword.to_string(),
        found: difference.found.as_ref().map(side),
        expected: difference.expected.as_ref().map(side),
    });
    let differences: CappedList<_> = differences.collect();
    let background: CappedList<_> = found.background.iter().map(BucketDifference::of).collect();
    let behind: CappedList<_> = found.behind.iter().map(ToString::to_string).collect();
    let missing = found.missing.iter();
    let missing: CappedList<_> = missing
        .map(|range| (*range.start(), *range.end()))
        .collect();
    Report {
        position: found.position.get(),
        unfolded: Some(found.unfolded),
        keywords: found.keywords,
        digest: Some(found.digest.to_string()),
        behind_unlisted: behind.more(),
        behind,
        journal_missing_unlisted: missing.more(),
        journal_missing: missing,
        differences_unlisted: differences.more(),
        differences,
        background_differences_unlisted: background.more(),
        background_differences: background,
        ..Report::default()
    }
}

impl BucketDifference {
    fn of(difference: &BackgroundDifference) -> Self {
        let (times, first) = (&difference.times, &difference.first);
        Self {
            shard: difference.shard.index(),
            from: times.start.to_string(),
            to: times.end.to_string(),
            counts: difference.counts,
            word: first.word.clone(),
            found: first.found,
            expected: first.expected,
        }
    }

    fn text(&self) -> String {
        let of_which = match &self.word {
            Some(word) => format!("the word {}", plain(word)),
            None => "all tweets".to_owned(),
        };
        format!(
            "the background of shard {} differs from {} to {} in {} of its counts; the first is \
            that of {of_which}: the views hold {}, the journal makes {}",
            self.shard, self.from, self.to, self.counts, self.found, self.expected,
        )
    }
}

fn side(standing: &ViewsStanding) -> Side {
    let ledger = standing.ledger;
    Side {
        as_of: standing.as_of.get(),
        journaled: ledger.journaled,
        folded: ledger.folded,
        duplicate: ledger.duplicate,
        ignored: ledger.ignored,
        rejected: ledger.rejected,
        deleted: ledger.deleted,
        digest: standing.digest.map(|digest| digest.to_string()),
    }
}

fn text_of(report: &Report) -> String {
    let mut lines = Vec::new();
    let mut say = |said: &mut dyn Iterator<Item = String>, more: u64, what: &str| {
        lines.extend(said);
        if more > 0 {
            lines.push(format!("{more} more {what}"));
        }
    };
    let damages = &report.journal_damages;
    say(
        &mut damages
            .named()
            .iter()
            .map(|damage| plain(damage).into_owned()),
        damages.more(),
        "damaged stretches of the journal",
    );
    let missing = &report.journal_missing;
    say(
        &mut missing.named().iter().map(|(first, last)| {
            if first == last {
                format!("the journal holds nothing at sequence {first}")
            } else {
                format!("the journal holds nothing at the sequences {first} to {last}")
            }
        }),
        missing.more(),
        "stretches at which the journal holds nothing",
    );
    let behind = &report.behind;
    say(
        &mut behind.named().iter().map(|keyword| {
            format!("{keyword} is behind the others and was compared at its own position")
        }),
        behind.more(),
        "keywords are behind",
    );
    let differences = &report.differences;
    say(
        &mut differences.named().iter().map(|difference| {
            format!(
                "{} differs: the views hold {}, the journal makes {}",
                difference.keyword,
                side_text(difference.found.as_ref()),
                side_text(difference.expected.as_ref()),
            )
        }),
        differences.more(),
        "keywords differ",
    );
    let background = &report.background_differences;
    say(
        &mut background.named().iter().map(BucketDifference::text),
        background.more(),
        "buckets of the background differ",
    );
    lines.push(conclusion(report));
    lines.join("\n")
}

/// The last line: the result of the comparison.
fn conclusion(report: &Report) -> String {
    if let Some(what) = &report.unusable {
        return format!(
            "the views cannot be compared: {what}; they were left as they are, and the next start \
            of a server, or `tidings views rebuild`, makes new ones from the journal"
        );
    }
    if report.journal_damages.count() > 0 {
        return "the journal is damaged, so that the views cannot be compared with it".to_owned();
    }
    let beyond = match report.unfolded {
        None | Some(0) => "the journal holds no event beyond the checkpoints".to_owned(),
        Some(1) => "1 journaled event lies beyond the checkpoints".to_owned(),
        Some(events) => format!("{events} journaled events lie beyond the checkpoints"),
    };
    let (keywords, position) = (report.keywords, report.position);
    let differing = match (
        report.differences.count(),
        report.background_differences.count(),
    ) {
        (0, 0) => {
            return format!(
                "no difference in {keywords} keywords through sequence {position}; {beyond}"
            );
        }
        (0, buckets) => format!("{buckets} buckets of the background"),
        (count, 0) => format!("{count} of {keywords} keywords"),
        (count, buckets) => {
            format!("{count} of {keywords} keywords and {buckets} buckets of the background")
        }
    };
    format!(
        "{differing} differ through sequence {position}; {beyond}; `tidings views rebuild` makes \
        new views from the journal"
    )
}

fn side_text(side: Option<&Side>) -> String {
    let Some(side) = side else {
        return "nothing".to_owned();
    };
    format!(
        "{} folded, {} duplicate, {} ignored, {} rejected, {} deleted as of {} (digest {})",
        side.folded,
        side.duplicate,
        side.ignored,
        side.rejected,
        side.deleted,
        side.as_of,
        side.digest.as_deref().unwrap_or("none: untracked"),
    )
}
