//! `tidings journal ls`: identifies the journal and lists its files.

use anyhow::bail;
use serde::Serialize;

use crate::app::read_journal;
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::look;
use crate::cli::table::{Column, aligned};
use crate::journal::SegmentSummary;

/// The journal's identity, its end and its segments.
#[derive(Debug, Serialize)]
struct Listing {
    incarnation: String,
    shards: u16,
    head: u64,
    closed_cleanly: bool,
    segments: Vec<Segment>,
}

#[derive(Debug, Serialize)]
struct Segment {
    path: String,
    first: u64,
    last: u64,
    bytes: u64,
}

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    if invocation.settings.nats.is_some() {
        bail!(
            "this lists the files of the embedded journal; ask NATS about its stream: `nats stream \
            info TWEETS`"
        );
    }
    let folder = look::data_folder(invocation)?;
    let summary = read_journal(&folder).await?.summary()?;
    let listing = Listing {
        incarnation: summary.incarnation.to_string(),
        shards: summary.shards.get(),
        head: summary.head.get(),
        closed_cleanly: summary.closed_cleanly,
        segments: summary.segments.iter().map(segment).collect(),
    };
    invocation.output.show(&listing, text_of)?;
    Ok(CommandOutcome::Done)
}

fn segment(summary: &SegmentSummary) -> Segment {
    Segment {
        path: summary.path.display().to_string(),
        first: summary.first.get(),
        last: summary.last.get(),
        bytes: summary.bytes,
    }
}

fn text_of(listing: &Listing) -> String {
    let rows: Vec<_> = listing
        .segments
        .iter()
        .map(|segment| {
            [
                segment.path.clone(),
                segment.first.to_string(),
                segment.last.to_string(),
                segment.bytes.to_string(),
            ]
        })
        .collect();
    format!(
        "journal {} with {} shards, through sequence {}{}\n{}",
        listing.incarnation,
        listing.shards,
        listing.head,
        if listing.closed_cleanly {
            ""
        } else {
            " (not stopped cleanly)"
        },
        aligned(
            [
                Column::left("segment"),
                Column::right("first"),
                Column::right("last"),
                Column::right("bytes"),
            ],
            &rows
        )
    )
}
