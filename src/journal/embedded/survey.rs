//! Surveys of an embedded journal, which change nothing: a summary, all damage, and the readable
//! records.
//!
//! In: the folder of a journal. Out: a [`Summary`], the result of a whole walk ([`verify`]), or the
//! readable records one by one ([`Salvage`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::open;
use super::{EmbeddedJournal, no_journal};
use crate::events::{Envelope, Incarnation, Sequence, ShardCount};
use crate::journal::JournalError;
use crate::journal::segments::{Kind, Log, Walk, Walked};
use crate::journal::tokens::Tokens;

/// A summary of an embedded journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The incarnation of the journal.
    pub incarnation: Incarnation,
    /// The number of shards.
    pub shards: ShardCount,
    /// The sequence of the last record when the summary was made.
    pub head: Sequence,
    /// Whether the journal ended with an end mark when it was opened. It has one after a clean
    /// stop, and none after a kill.
    pub closed_cleanly: bool,
    /// The segment files, in order.
    pub segments: Vec<SegmentSummary>,
}

/// A summary of one segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    /// The path of the file.
    pub path: PathBuf,
    /// The sequence of the first record.
    pub first: Sequence,
    /// The sequence of the last record. Without records it is the one before `first`.
    pub last: Sequence,
    /// The length of the file in bytes.
    pub bytes: u64,
}

impl EmbeddedJournal {
    /// Returns the current summary of the journal. Reads the sizes of its files.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn summary(&self) -> Result<Summary, JournalError> {
        let head = *self.head.borrow();
        let files = self.log.files()?;
        let behind = files.iter().skip(1).map(|(first, ..)| *first);
        let lasts = behind
            .map(|first| Sequence::new(first.get().saturating_sub(1)))
            .chain([head]);
        let segments = files
            .iter()
            .zip(lasts)
            .map(|((first, path, bytes), last)| SegmentSummary {
                path: path.clone(),
                first: *first,
                last,
                bytes: *bytes,
            })
            .collect();
        Ok(Summary {
            incarnation: self.log.incarnation(),
            shards: self.log.shards(),
            head,
            closed_cleanly: self.closed_cleanly,
            segments,
        })
    }
}

/// The result of a walk over a whole journal.
#[derive(Debug)]
pub struct Verified {
    /// The number of sound records.
    pub records: u64,
    /// The last position, sound or damaged.
    pub last: Sequence,
    /// All damage in order, as [`JournalError::Damaged`] or [`JournalError::Unsupported`].
    pub damages: Vec<JournalError>,
}

/// Reads every byte of the journal in `dir` and of its rejected log, and names all damage. Changes
/// nothing. A torn end is not damage. Blocks on the disk.
///
/// # Errors
/// Those of [`Salvage::open`].
pub fn verify(dir: &Path) -> Result<Verified, JournalError> {
    let mut salvage = Salvage::open(dir)?;
    let mut verified = Verified {
        records: 0,
        last: Sequence::ZERO,
        damages: Vec::new(),
    };
    loop {
        match salvage.walk.step()? {
            Walked::Record => verified.records = verified.records.saturating_add(1),
            Walked::Damage(damage) => verified.damages.push(damage),
            Walked::End => break,
        }
    }
    verified.last = salvage.walk.passed();
    match Log::survey(&super::rejected_dir(dir), Kind::Rejected) {
        Ok(None) => {}
        Ok(Some(log)) => {
            let mut walk = Walk::over(&log);
            loop {
                match walk.step()? {
                    Walked::Record => {}
                    Walked::Damage(damage) => verified.damages.push(damage),
                    Walked::End => break,
                }
            }
        }
        Err(damage @ JournalError::Damaged { .. }) => verified.damages.push(damage),
        Err(error) => return Err(error),
    }
    Ok(verified)
}

/// A walk over the readable records of a journal that may be damaged. Opening it and each of its
/// steps block on the disk.
#[derive(Debug)]
pub struct Salvage {
    log: Arc<Log>,
    walk: Walk,
    tokens: Tokens,
}

/// One step of a salvage.
#[derive(Debug)]
pub enum Salvaged {
    /// A sound record.
    Record(Envelope),
    /// Damage. The walk continues after it.
    Damage(JournalError),
}

impl Salvage {
    /// Starts at the first record of the journal in `dir`. Changes nothing.
    ///
    /// # Errors
    /// [`JournalError::Unsupported`] when there is no journal, [`JournalError::Damaged`] when its
    /// incarnation cannot be read, or [`JournalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let Some(log) = Log::survey(dir, Kind::Journal)? else {
            return Err(no_journal(dir));
        };
        Ok(Self {
            walk: Walk::over(&log),
            log,
            tokens: Tokens::default(),
        })
    }

    /// The incarnation of the journal.
    pub fn incarnation(&self) -> Incarnation {
        self.log.incarnation()
    }

    /// The number of shards.
    pub fn shards(&self) -> ShardCount {
        self.log.shards()
    }

    /// The version of the normal form of the journal's tokens.
    pub fn normal_form(&self) -> u16 {
        self.log.normal_form()
    }
}

impl Iterator for Salvage {
    type Item = Result<Salvaged, JournalError>;

    /// Returns the next sound record, or the next damage. [`JournalError::Io`] when a file cannot
    /// be read.
    fn next(&mut self) -> Option<Self::Item> {
        match self.walk.step() {
            Ok(Walked::End) => None,
            Ok(Walked::Damage(damage)) => Some(Ok(Salvaged::Damage(damage))),
            Ok(Walked::Record) => {
                let raw = self.walk.record()?;
                Some(Ok(Salvaged::Record(open(&raw, &mut self.tokens))))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
