//! Publishing: a body of NDJSON becomes records of the journal, line by line.
//!
//! ```text
//! body ─► lines ─► routing (which keywords?) ─► group of records ─► journal ─► report
//!                     ▲
//!       keyword overlay, earlier lines, views
//! ```
//!
//! A line that names its keyword goes to that keyword. Without one, a posted tweet goes to every
//! tracked keyword that its text matches, and an event about a tweet goes to every keyword that
//! holds the tweet. A bad line does not stop the others. Lines keep their order. Accepted lines are
//! durable when they are reported.
//!
//! While the views are catching up with the journal, only tweets for keywords that are known to be
//! tracked are accepted, because their keywords are known without the views.

use bytes::Bytes;
use tokio::time::timeout;

pub use self::line_error::{LineError, TRY_AGAIN};
use self::phase::Waited;
use self::routing::{Pause, Routing};
use crate::actors::engine::FOLD_WAIT;
use crate::actors::engine::{Scope, Tidings};
use crate::events::Sequence;
use crate::journal::JournalError;
use crate::telemetry::log_throttled;

mod added_keywords;
mod earlier_lines;
mod group;
mod keyword_overlay;
mod line_error;
mod lines;
mod names;
mod phase;
mod routing;

/// Maximum number of changed keywords for which a body waits one by one; for more it waits for all
/// shards.
const MAX_KEYWORDS_WAITED_FOR: usize = 64;

/// Publishes bodies of events; cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    tidings: Tidings,
    auto_track: bool,
}

/// The result of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngestReport {
    /// Number of lines that are not blank.
    pub lines: u64,
    /// The numbers of journaled lines and events.
    pub counts: IngestCounts,
    /// Lines that concern no keyword: neither accepted nor rejected.
    pub unmatched: u64,
    /// Rejected lines, in order.
    pub rejected: Vec<RejectedLine>,
    /// Number of further rejected lines.
    pub rejected_unlisted: u64,
    /// The last written sequence; the journal head if none was written.
    pub seq: Sequence,
}

/// The numbers of journaled lines and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngestCounts {
    /// Lines that were journaled at least once.
    pub accepted: u64,
    /// Tweet events that were journaled: a line that goes to three keywords counts three times.
    pub journaled: u64,
}

/// A rejected line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// The line's number, from 1; blank lines are not counted.
    pub line: u64,
    /// The kind of the error, for programs; see [`LineError::code`].
    pub code: &'static str,
    /// Describes the error and the correct form.
    pub reason: String,
}

/// Why a body was not published completely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The keywords of the body's lines are not known yet; nothing was journaled.
    #[error("the views are still catching up with the journal")]
    Starting,
    /// The journal accepted only a part of the records.
    #[error("the journal refused a part of the body")]
    Journal {
        /// The records that are certainly journaled; some later lines may be in the journal too.
        taken: Box<IngestReport>,
        /// The error of the journal.
        #[source]
        source: JournalError,
    },
    /// A task panicked or was cancelled; the journaled part is unknown.
    #[error("the body was not taken in to its end")]
    TaskEnded(#[from] tokio::task::JoinError),
}

impl Intake {
    /// An intake for this engine. With `auto_track`, a keyword that a line names for the first time
    /// is tracked.
    pub fn new(tidings: Tidings, auto_track: bool) -> Self {
        Self {
            tidings,
            auto_track,
        }
    }

    /// Publishes a body of NDJSON. Lines that the report counts as accepted are durable.
    ///
    /// # Errors
    /// [`IntakeError::Starting`]; [`IntakeError::Journal`], which contains the journaled part;
    /// [`IntakeError::TaskEnded`].
    pub async fn publish(&self, body: Bytes) -> Result<IngestReport, IntakeError> {
        let (tidings, auto_track) = (self.tidings.clone(), self.auto_track);
        // Runs on a blocking thread, because building a matcher over many keywords takes a while.
        let mut routing = tokio::task::spawn_blocking(move || {
            let now = tidings.now();
            Routing::of(tidings, auto_track, body, now)
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
                // Unacknowledged records may be in the journal, so the reservations are kept.
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

    /// Waits until the present content of the journal is folded.
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

    /// Appends the group, then adds its counts.
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

    /// Waits for a limited time until the views show the keywords that the body has tracked,
    /// untracked or given other rules, so that the next body finds them. The records are durable
    /// already, so a slow keyword is not an error.
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
                tracing::warn!(%seq, count, "the views do not show the keywords of posted bodies yet");
            });
            let reservations = routing.keywords.take_reservations();
            self.tidings.keep_until_folded(reservations);
        }
    }
}
