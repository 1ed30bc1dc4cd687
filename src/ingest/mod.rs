//! Takes events in: a body of NDJSON becomes records of the journal, line by line.
//!
//! A line that names its keyword goes there. Without one, a posted tweet goes to every tracked
//! keyword that occurs in its text, and what is said about a tweet goes to every keyword that
//! holds it. A bad line never stops the others, order is kept, and what is accepted is durable
//! when it is reported.
//!
//! While the views are catching up with the journal, it takes what can be told without them: tweets
//! for keywords that are known to be tracked.

use bytes::Bytes;
use tokio::time::timeout;

pub use self::line_error::LineError;
use self::phase::Waited;
use self::routing::{Pause, Routing};
use crate::actors::engine::FOLD_WAIT;
use crate::actors::engine::{Scope, Tidings};
use crate::events::{Sequence, Timestamp};
use crate::journal::JournalError;
use crate::telemetry::log_throttled;

mod earlier_lines;
mod group;
mod keyword_overlay;
mod line_error;
mod lines;
mod names;
mod phase;
mod routing;

/// Beyond so many keywords whose tracking has changed, one waits for all shards instead of each.
const MAX_KEYWORDS_WAITED_FOR: usize = 64;

/// Takes events in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    tidings: Tidings,
    auto_track: bool,
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngestReport {
    /// Lines that are not blank.
    pub lines: u64,
    /// What is in the journal.
    pub counts: IngestCounts,
    /// Lines that concern no keyword: neither accepted nor rejected.
    pub unmatched: u64,
    /// Refused lines, in order.
    pub rejected: Vec<RejectedLine>,
    /// Refused lines beyond those listed.
    pub rejected_unlisted: u64,
    /// The last sequence written; the journal's head when none was.
    pub seq: Sequence,
}

/// What was journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngestCounts {
    /// Lines that were journaled at least once.
    pub accepted: u64,
    /// Tweet events that were journaled: a line that goes to three keywords counts three times.
    pub journaled: u64,
}

/// A refused line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number; the first one is 1, blank ones don't count.
    pub line: u64,
    /// What kind of fault it is, for programs; see [`LineError::code`].
    pub code: &'static str,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

/// Why a body was not taken in as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// What it says about keywords and tweets cannot be told yet; nothing was journaled.
    #[error("the views are still catching up with the journal")]
    Starting,
    /// The journal took only a part.
    #[error("the journal refused a part of the body")]
    Journal {
        /// What was taken in before; of the lines behind it some may be in the journal as well.
        taken: Box<IngestReport>,
        /// Why no more was.
        #[source]
        source: JournalError,
    },
    /// A task ended early; what it journaled before isn't known.
    #[error("the body was not taken in to its end")]
    TaskEnded(#[from] tokio::task::JoinError),
}

impl Intake {
    /// An intake into this system. With `auto_track`, a keyword that a line names for the first
    /// time is tracked from then on.
    pub fn new(tidings: Tidings, auto_track: bool) -> Self {
        Self {
            tidings,
            auto_track,
        }
    }

    /// Takes a body of NDJSON in. What the report says is accepted is durable.
    ///
    /// # Errors
    /// [`IntakeError`] says what was journaled nevertheless.
    pub async fn publish(&self, body: Bytes) -> Result<IngestReport, IntakeError> {
        let (tidings, auto_track) = (self.tidings.clone(), self.auto_track);
        // It may build the matcher, which takes a while with many keywords.
        let mut routing = tokio::task::spawn_blocking(move || {
            Routing::of(tidings, auto_track, body, Timestamp::now())
        })
        .await?;
        let mut waited = None;
        loop {
            let pause;
            (routing, pause) = tokio::task::spawn_blocking(move || {
                let pause = routing.run(waited);
                (routing, pause)
            })
            .await?;
            if let Err(error) = self.append(&mut routing).await {
                // Some of what was not acknowledged may be in the journal.
                let reservations = routing.keywords.take_reservations();
                self.tidings.keep_until_folded(reservations);
                return Err(error);
            }
            match pause {
                Pause::Group => waited = None,
                Pause::Fold => waited = Some(self.wait_for_fold().await),
                Pause::Finished => break,
            }
        }
        if routing.undecided > 0 && routing.report.counts.accepted == 0 {
            return Err(IntakeError::Starting);
        }
        self.keywords_settle(&mut routing).await;
        Ok(routing.report)
    }

    /// Waits until all that is journaled now is folded.
    async fn wait_for_fold(&self) -> Waited {
        let head = self.head();
        let reached = self.tidings.reached(Scope::All, head).await;
        Waited {
            head,
            in_time: reached.is_ok(),
            is_current: !self.tidings.status().starting,
        }
    }

    fn head(&self) -> Sequence {
        *self.tidings.journal().head().borrow()
    }

    /// Appends what is sorted, and only then counts it.
    async fn append(&self, routing: &mut Routing) -> Result<(), IntakeError> {
        let mut group = std::mem::take(&mut routing.group);
        if group.is_empty() {
            if routing.report.seq == Sequence::ZERO {
                let asked = self.tidings.journal().append(Vec::new()).await;
                routing.report.seq = asked.map_or_else(|_| self.head(), |end| end.last);
            }
            return Ok(());
        }
        while !group.is_empty() {
            match self.tidings.journal().append(group.take_part()).await {
                Ok(appended) => routing.report.seq = appended.last,
                Err(source) => {
                    return Err(IntakeError::Journal {
                        taken: Box::new(std::mem::take(&mut routing.report)),
                        source,
                    });
                }
            }
        }
        let counts = &mut routing.report.counts;
        counts.accepted += group.counts.accepted;
        counts.journaled += group.counts.journaled;
        Ok(())
    }

    /// Waits a while until keywords that the body has tracked, or stopped tracking, are so for
    /// everybody, so that the next body finds them so. Tweets are durable already: that a keyword
    /// takes longer is no failure.
    async fn keywords_settle(&self, routing: &mut Routing) {
        let seq = routing.report.seq;
        let changed: Vec<_> = routing.keywords.changed().collect();
        let settled = async {
            if changed.len() > MAX_KEYWORDS_WAITED_FOR {
                return self.tidings.reached(Scope::All, seq).await.is_ok();
            }
            for keyword in changed {
                if self
                    .tidings
                    .reached(Scope::Keyword(keyword), seq)
                    .await
                    .is_err()
                {
                    return false;
                }
            }
            true
        };
        if timeout(FOLD_WAIT, settled).await != Ok(true) {
            log_throttled("keywords-unsettled", move |count| {
                tracing::warn!(%seq, count, "keywords of posted bodies are not tracked yet");
            });
            let reservations = routing.keywords.take_reservations();
            self.tidings.keep_until_folded(reservations);
        }
    }
}
