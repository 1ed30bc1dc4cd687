//! What is asked and decided before a collector begins: keywords, the plan of the back-fill, and
//! whether it may cost what it does.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;
use serde_json::Value;

use super::super::reporting::take_ledger;
use super::super::{LiveArguments, check_answers, clock, usage_or};
use super::estimate::ShownEstimate;
use crate::cli::Invocation;
use crate::cli::failure::UsageError;
use crate::events::{Keyword, Timestamp};
use crate::sources::{
    Backfill, BackfillRequest, Checkpoint, CollectorOptions, ConnectError, Destination, Estimate,
    FetchError, PlannedBackfill, Purpose, Report, Requests, Source, SourceKind, SourceName,
    SourceState, StateFolder, WatchedKeyword, WatchedKeywords, build, checkpoint_in, report_in,
};

/// Time limit for handing over the report of a run that was refused.
const REPORT_WITHIN: Duration = Duration::from_secs(2);
/// Statuses of answers that refuse the collector.
const DENIALS: [u16; 4] = [400, 401, 403, 404];

/// What would be done, for `--dry-run`.
#[derive(Debug, Serialize)]
struct Preview {
    changes: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    backfill: Option<ShownEstimate>,
}

/// What a run is made of.
pub(super) struct Job<'a> {
    pub(super) kind: SourceKind,
    pub(super) name: SourceName,
    pub(super) keywords: Option<Vec<Keyword>>,
    pub(super) backfill: Option<BackfillRequest>,
    pub(super) now: Timestamp,
    pub(super) arguments: &'a LiveArguments,
    pub(super) invocation: &'a Invocation,
}

/// A run that can begin.
pub(super) struct Ready {
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    pub(super) requests: Requests,
    pub(super) state: StateFolder,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) options: CollectorOptions,
    /// The number of posts of the back-fill, if the source announced one.
    pub(super) expected: Option<u64>,
}

/// The two sides of a run, before its state is known.
struct Sides {
    source: Arc<dyn Source>,
    destination: Arc<dyn Destination>,
    /// Whether a server answers.
    answers: bool,
}

impl Job<'_> {
    /// Prepares a run. `None`: `--dry-run` has printed what would be done.
    pub(super) async fn prepare(self) -> anyhow::Result<Option<Ready>> {
        let requests = Requests::default();
        let settings = &self.invocation.settings.sources;
        let source = build(self.kind, settings, &self.name, &clock(), &requests);
        let source = source.map_err(usage_or)?;
        let target = &self.arguments.target;
        let (destination, answers) = target.destination(self.invocation).await?;
        check_answers(answers, self.keywords.as_deref())?;
        let sides = Sides {
            source,
            destination,
            answers,
        };
        if self.arguments.dry_run {
            self.preview(&sides).await?;
            return Ok(None);
        }
        let state = target.take_state(&self.name, self.invocation)?;
        let checkpoint = state.checkpoint()?;
        let begun = self.begun(checkpoint.as_ref());
        let mut expected = begun.and_then(|begun| begun.expected);
        let mut backfill = self.backfill.clone();
        if let (Some(wanted), None) = (&self.backfill, begun) {
            let planned = self.plan(wanted, &sides, checkpoint.as_ref()).await;
            if let Err(error) = &planned
                && is_denial(error)
            {
                let detail = error.to_string();
                let counted = checkpoint.clone().unwrap_or_default();
                let report = self.report_of(&state, &counted, detail)?;
                hand_over_refusal(&state, sides.destination.as_ref(), &report).await;
            }
            let planned = planned?;
            self.ask(&planned.estimate).await?;
            expected = planned.estimate.posts;
            backfill = Some(BackfillRequest {
                planned: Some(planned),
                ..wanted.clone()
            });
        }
        let options = self.options(state.instance()?, backfill);
        Ok(Some(Ready {
            source: sides.source,
            destination: sides.destination,
            requests,
            state,
            checkpoint,
            options,
            expected,
        }))
    }

    /// The back-fill of the checkpoint, when it was begun with the same arguments.
    fn begun<'b>(&self, checkpoint: Option<&'b Checkpoint>) -> Option<&'b Backfill> {
        let begun = checkpoint?.backfill.as_ref()?;
        let wanted = self.backfill.as_ref()?;
        (begun.arguments == wanted.arguments).then_some(begun)
    }

    /// The keywords that are collected for, with their rules, in the order of the checkpoint.
    async fn watched(
        &self,
        sides: &Sides,
        checkpoint: Option<&Checkpoint>,
    ) -> anyhow::Result<WatchedKeywords> {
        // Without a server, the named keywords have no rules.
        let tracked = match (sides.answers, &self.keywords) {
            (false, Some(_)) => Vec::new(),
            _ => sides.destination.keywords().await?.to_vec(),
        };
        let listed = match &self.keywords {
            Some(keywords) => named(keywords, &tracked),
            None => tracked,
        };
        let order = checkpoint.map(|known| known.keyword_order.as_slice());
        let listed = ordered(listed, order.unwrap_or_default());
        Ok(WatchedKeywords::new(listed, 1))
    }

    /// Plans the back-fill, so that its cost is known before it is spent.
    async fn plan(
        &self,
        wanted: &BackfillRequest,
        sides: &Sides,
        checkpoint: Option<&Checkpoint>,
    ) -> anyhow::Result<PlannedBackfill> {
        let keywords = self.watched(sides, checkpoint).await?;
        if keywords.is_empty() {
            bail!(UsageError::new(
                "no keyword is tracked, so there is nothing to fetch: track one with `tidings \
                keywords track KEYWORD`, or name one with --keyword"
            ));
        }
        let until = wanted.until.unwrap_or(self.now);
        let planned = sides
            .source
            .plan(Purpose::Backfill, wanted.from, until, &keywords)
            .await;
        let (slices, estimate) = planned.map_err(|error| match error {
            FetchError::Unavailable(reason) => UsageError::new(reason).into(),
            FetchError::Request(error) => usage_or(error),
            FetchError::Token(_) => anyhow::Error::from(error),
        })?;
        Ok(PlannedBackfill {
            until,
            slices,
            estimate,
        })
    }

    /// Prints what a run would do. Another process may hold the state folder.
    async fn preview(&self, sides: &Sides) -> anyhow::Result<()> {
        let folder = self.arguments.target.folder(&self.name, self.invocation);
        let checkpoint = checkpoint_in(&folder)?;
        let keywords = self.watched(sides, checkpoint.as_ref()).await?;
        let packing = checkpoint.as_ref().and_then(|known| known.packing.as_ref());
        let changes = sides.source.preview(&keywords, packing).await;
        let changes = changes.map_err(usage_or)?;
        let mut estimate = None;
        if let Some(wanted) = &self.backfill {
            let planned = self.plan(wanted, sides, checkpoint.as_ref()).await?;
            estimate = Some(planned.estimate.into());
        }
        if let Some(begun) = self.begun(checkpoint.as_ref()) {
            self.invocation.output.note(if begun.done {
                "The back-fill with these arguments is done; a run fetches nothing of it."
            } else {
                "The back-fill with these arguments was begun; a run goes on with what remains."
            });
        }
        let preview = Preview {
            changes,
            backfill: estimate,
        };
        self.invocation.output.show(&preview, |preview| {
            let changes = serde_json::to_string_pretty(&preview.changes).unwrap_or_default();
            match &preview.backfill {
                Some(estimate) => format!("{changes}\n{}", estimate.in_words()),
                None => changes,
            }
        })
    }

    /// Asks whether the back-fill may cost what it does. Where no question is asked, a note says
    /// what it costs.
    async fn ask(&self, estimate: &Estimate) -> anyhow::Result<()> {
        let words = ShownEstimate::from(*estimate).in_words();
        let output = self.invocation.output;
        if estimate.micro_usd == 0 || self.arguments.yes {
            if estimate.posts.is_some() || estimate.micro_usd > 0 {
                output.note(&words);
            }
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            bail!(UsageError::new(format!(
                "{words} Say --yes to go on, or --dry-run to see it only"
            )));
        }
        let mut error = std::io::stderr();
        let _ = write!(error, "{words} Go on? [y/N] ");
        let _ = error.flush();
        // The thread stays behind when a signal ends the question.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).map(|_| answer)
        });
        if is_yes(&answer.await??) {
            return Ok(());
        }
        bail!(UsageError::new("nothing was fetched"))
    }

    fn options(&self, instance: String, backfill: Option<BackfillRequest>) -> CollectorOptions {
        let settings = &self.invocation.settings.sources;
        CollectorOptions {
            name: self.name.to_string(),
            instance,
            keywords: self.keywords.clone(),
            backfill,
            without_live: self.arguments.no_live,
            max_posts: self.arguments.max_posts,
            poll: settings.poll,
            report: settings.report,
            buffer: settings.buffer,
            backoff: settings.backoff,
            stays: false,
            shared: None,
            clock: clock(),
        }
    }

    /// The report of a run that was refused before a collector began.
    fn report_of(
        &self,
        state: &StateFolder,
        checkpoint: &Checkpoint,
        detail: String,
    ) -> anyhow::Result<Report> {
        let last = report_in(state.path())?;
        let last = last.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let instance = state.instance()?;
        let mut report =
            last.unwrap_or_else(|| Report::starting(self.name.as_str(), self.kind, &instance));
        take_ledger(&mut report, checkpoint.ledger, 0);
        report.detail = Some(detail);
        report.state = SourceState::Refused;
        (report.connected_at, report.retry_at) = (None, None);
        Ok(report)
    }
}

/// Writes and hands over the report that the source refuses.
async fn hand_over_refusal(state: &StateFolder, destination: &dyn Destination, report: &Report) {
    if let Err(error) = state.save_report(report) {
        tracing::warn!(%error, "the report cannot be written");
    }
    // The refusal is the error of the run; a failure of its report is not.
    let _ = tokio::time::timeout(REPORT_WITHIN, destination.report(report)).await;
}

/// True when the source refuses the collector as it is.
fn is_denial(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(ConnectError::Status { status, .. }) if DENIALS.contains(status)
    )
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The keywords of the command line, with the rules of those that are tracked.
fn named(keywords: &[Keyword], tracked: &[WatchedKeyword]) -> Vec<WatchedKeyword> {
    let watched = keywords.iter().map(|keyword| {
        let known = tracked.iter().find(|tracked| tracked.keyword == *keyword);
        WatchedKeyword {
            keyword: keyword.clone(),
            rules: known.map(|known| known.rules.clone()).unwrap_or_default(),
        }
    });
    watched.collect()
}

/// Puts keywords into a stored order; the others follow as listed.
fn ordered(mut listed: Vec<WatchedKeyword>, order: &[String]) -> Vec<WatchedKeyword> {
    let place = |keyword: &Keyword| {
        let known = order.iter().position(|known| known == keyword.as_str());
        known.unwrap_or(usize::MAX)
    };
    listed.sort_by_cached_key(|watched| place(&watched.keyword));
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{KeywordRules, RuleTexts};

    fn watched(keyword: &str, any: &[&str]) -> WatchedKeyword {
        let texts = |texts: &[&str]| RuleTexts::new(texts.iter().copied()).unwrap();
        WatchedKeyword {
            keyword: Keyword::new(keyword).unwrap(),
            rules: KeywordRules::new(texts(any), texts(&[])),
        }
    }

    #[test]
    fn named_keyword_has_the_rules_that_it_is_tracked_with() {
        let tracked = [watched("갤럭시", &["galaxy"]), watched("news", &[])];
        let keywords = ["아이폰", "갤럭시"].map(|text| Keyword::new(text).unwrap());
        let expected = [watched("아이폰", &[]), watched("갤럭시", &["galaxy"])];
        assert_eq!(named(&keywords, &tracked), expected);
    }

    #[test]
    fn stored_order_comes_first_and_new_keywords_follow_as_listed() {
        let listed = ["new-b", "a", "new-a", "b"].map(|text| watched(text, &[]));
        let order = ["b", "gone", "a"].map(str::to_owned);
        let expected = ["b", "a", "new-b", "new-a"].map(|text| watched(text, &[]));
        assert_eq!(ordered(listed.to_vec(), &order), expected);
    }

    #[test]
    fn denial_is_an_answer_that_refuses_and_no_passing_failure() {
        let status = |status| {
            anyhow::Error::new(ConnectError::Status {
                status,
                detail: "Unauthorized".to_owned(),
                retry_at: None,
            })
        };
        assert!(is_denial(&status(401)));
        assert!(!is_denial(&status(429)));
        assert!(!is_denial(&anyhow::Error::new(ConnectError::Network(
            "reset".into()
        ))));
    }

    #[test]
    fn only_a_yes_lets_the_back_fill_begin() {
        assert!(["y\n", "Y", " yes\r\n"].iter().all(|answer| is_yes(answer)));
        assert!(
            ["", "\n", "n\n", "yep"]
                .iter()
                .all(|answer| !is_yes(answer))
        );
    }
}
