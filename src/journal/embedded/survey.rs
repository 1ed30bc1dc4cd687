//! What there is of an embedded journal, told without changing it: a summary, all damage, and
//! what can still be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::open;
use super::{EmbeddedJournal, no_journal};
use crate::events::{Envelope, Incarnation, Sequence, ShardCount};
use crate::journal::JournalError;
use crate::journal::segments::{Kind, Log, Walk, Walked};
use crate::journal::tokens::Tokens;

/// What an embedded journal consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which journal it is.
    pub incarnation: Incarnation,
    /// Into how many shards it places keywords.
    pub shards: ShardCount,
    /// The last record; as of the call.
    pub head: Sequence,
    /// When it was opened it ended with an end mark: it had been stopped, not killed.
    pub closed_cleanly: bool,
    /// Its files, in order.
    pub segments: Vec<SegmentSummary>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSummary {
    /// The file.
    pub path: PathBuf,
    /// Sequence of its first record.
    pub first: Sequence,
    /// Sequence of its last record; the one before `first` when it holds none.
    pub last: Sequence,
    /// Its length in bytes.
    pub bytes: u64,
}

impl EmbeddedJournal {
    /// What the journal consists of now. Asks the system for the sizes of its files.
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

/// What a walk over a whole journal found.
#[derive(Debug)]
pub struct Verified {
    /// How many sound records.
    pub records: u64,
    /// The last position, sound or not.
    pub last: Sequence,
    /// Every damage, as [`JournalError::Damaged`] or [`JournalError::Unsupported`], in order.
    pub damages: Vec<JournalError>,
}

/// Reads every byte of the journal in `dir`, and of its rejected log, and names all damage.
/// Changes nothing. A torn end is no damage. Blocks on the disk.
///
/// # Errors
/// [`JournalError::Unsupported`] when there is no journal, or [`JournalError::Io`].
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

/// A walk over what is left of a journal that may be damaged. All methods block on the disk.
#[derive(Debug)]
pub struct Salvage {
    log: Arc<Log>,
    walk: Walk,
    tokens: Tokens,
}

/// What a salvage came upon.
#[derive(Debug)]
pub enum Salvaged {
    /// A sound record.
    Record(Envelope),
    /// Damage; behind it the walk goes on.
    Damage(JournalError),
}

impl Salvage {
    /// Begins with the first record of the journal in `dir`. Changes nothing.
    ///
    /// # Errors
    /// [`JournalError::Unsupported`] when there is no journal, [`JournalError::Damaged`] when not
    /// even its incarnation can be read, or [`JournalError::Io`].
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

    /// Which journal it is.
    pub fn incarnation(&self) -> Incarnation {
        self.log.incarnation()
    }

    /// Into how many shards it places keywords.
    pub fn shards(&self) -> ShardCount {
        self.log.shards()
    }

    /// The version of the normal form that its tokens are in.
    pub fn normal_form(&self) -> u16 {
        self.log.normal_form()
    }
}

impl Iterator for Salvage {
    type Item = Result<Salvaged, JournalError>;

    /// The next sound record, or the next damage. [`JournalError::Io`] when a file can't be read.
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
